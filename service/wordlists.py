"""Reads the word lists: our own, and the one that better-profanity ships."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, cast

from service.moderation.lexicon import Entry, Lexicon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.moderation.lexicon import Reach, Severity

LANGUAGES = ("en", "de", "fr", "es", "ko", "uk", "ru")


def load() -> Lexicon:
    """Return the lexicon of everything that is shipped."""
    ordinary = [line for line in text("ordinary.txt").splitlines() if line and not line.startswith("#")]
    joints = [line for line in text("joints.txt").splitlines() if not line.startswith("#")]
    return Lexicon([entry for language in LANGUAGES for entry in entries(language)], ordinary=ordinary, joints=joints)


def text(name: str) -> str:
    """Return one of our files."""
    return (files("service.moderation") / "words" / name).read_text(encoding="utf-8")


def entries(language: str) -> Iterator[Entry]:
    """Yield the entries of one language.

    A line has up to six columns, parted by tabs: word, category, severity, reach, forms, exceptions. Forms are
    parted by spaces, `+s` adds an ending to the word, `_` stands for a space; exceptions are parted by commas.
    """
    for line in text(f"{language}.tsv").splitlines():
        if not line or line.startswith("#"):
            continue
        word, category, severity, reach, forms, exceptions, *_ = [*line.split("\t"), "", "", ""]
        yield Entry(
            word=word,
            category=category,
            severity=cast("Severity", severity),
            reach=cast("Reach", reach or "word"),
            forms=tuple(
                (word + form[1:] if form.startswith("+") else form).replace("_", " ") for form in forms.split()
            ),
            exceptions=tuple(exceptions.split(",")) if exceptions else (),
        )
