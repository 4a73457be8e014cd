"""How a folded text can be read: punctuation apart or dropped, symbols and digits as letters, runs reduced."""

from __future__ import annotations

import re
from itertools import compress, groupby
from string import punctuation

APART = str.maketrans(dict.fromkeys(punctuation, " "))
"""Punctuation parts words."""
TOGETHER = str.maketrans("013456789", "oieasgtbg", punctuation)
"""Punctuation is put in between the letters of a word, and digits stand for letters."""
LEET = str.maketrans("0123456789@$!|+(#[{}])", "oizeasgtbgasiitchccddd", "\"%&'*,-./:;<=>?\\^_`~")
"""Symbols stand for letters too."""
LEET_SYMBOL = re.compile(r"[@$!|(+#\[{]")
LEETISH = re.compile(r"[@$!|(+#\[{](?:(?<=[@|!])(?=\w)|(?<=\$)(?=[a-z$@])|(?<=[\w!@$][(\[{+#$@]))")
"""A symbol where it can be a letter."""
TAIL = re.compile(r"(?<=\w)[!)\]}|.,;:?\"']+(?!\S)|(?<!\S)[(\[{|\"']+(?=\w)")
"""Where a symbol is likelier to be punctuation."""

VEIL = re.compile(r"[*#~_%@]")
HYPHENED = ("--", " a-", " f-", " m-", " r-", " s-")
"""Hyphens that may hide letters: a row of them, and those after a first letter that stands for a word."""
VEILED = str.maketrans(
    dict.fromkeys(set(punctuation) - set("*#~_%@-$"), " ") | dict.fromkeys("*#~_%@-", "*") | {"$": "s"}
)
"""What hides letters becomes an asterisk."""

PARTED = str.maketrans(',;:/?"', " " * 6)
"""Punctuation that never stands inside a word written in symbols."""
WORD = re.compile(r"\S+")
RUN = re.compile(r"([^\W_])\1+")
LONG_RUN = re.compile(r"([^\W\d_])\1{2,}")


SPELLED_OUT = re.compile(b"\1{3,}")
"""In the lengths of words, single letters enough to spell one."""
SHORT = 3
"""Letters below which a word cannot be told when its letters are repeated."""
FEW = 20
"""Repeats up to which cutting them out is faster than walking the text."""


def steps(text: str) -> bytes:
    """Return how each character of an ASCII text differs from the one before: zero for a repeat. NUL is not taken."""
    number = int.from_bytes(text.encode())
    return (number ^ (number >> 8)).to_bytes(len(text))


def collapse(text: str) -> str:
    """Return the text with every run of one letter reduced to that letter."""
    if not text.isascii():
        return RUN.sub(r"\1", text)
    changes = steps(text)
    repeats = changes.count(0)
    if repeats > FEW:
        return "".join(compress(text, changes))
    pieces, last = [], 0
    for _ in range(repeats):
        place = changes.find(0, last)
        pieces.append(text[last:place])
        last = place + 1
    return "".join(pieces) + text[last:] if pieces else text


def untailed(text: str) -> str:
    """Return the text without the punctuation that ends or opens words."""
    return TAIL.sub("", text)


def stretched(listed: str, word: str) -> bool:
    """Say whether a word is the listed one with letters repeated: no run is shorter than the listed one's."""
    return all(
        len(list(longer)) >= len(list(run))
        for (_, longer), (_, run) in zip(groupby(word), groupby(listed), strict=True)
    )
