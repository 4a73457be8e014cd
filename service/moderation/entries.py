"""One word that is watched for, with everything that is said of it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["mild", "strong", "slur"]
Reach = Literal["exact", "word", "glued", "within", "stem"]


class Entry(Struct, frozen=True):
    """One word of the lexicon with everything that is said of it."""

    word: str
    category: str
    severity: Severity
    reach: Reach = "word"
    """`exact`: whole words, only as they are spelled here. `word`: whole words, also in disguise. `glued`: also
    run together with everyday words. `within`: anywhere inside a word, and in disguise. `stem`: anywhere inside a
    word, only as spelled here, for languages that write compounds as one word or no spaces at all."""
    forms: tuple[str, ...] = ()
    """Inflections and common spellings, the word itself left out."""
    exceptions: tuple[str, ...] = ()
    """Words and phrases in which the word means nothing bad."""
