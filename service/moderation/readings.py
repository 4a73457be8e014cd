"""How a folded text can be read: punctuation apart or dropped, symbols and digits as letters, runs reduced."""

from __future__ import annotations

import re
from itertools import groupby
from string import punctuation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Signs:
    """A way to read ASCII characters, with None for those that are left out; all others stay as they are."""

    def __init__(self, changes: Mapping[int, str | None]) -> None:
        self.table = bytes(ord(changes.get(code) or chr(code)) if code < ASCII else code for code in range(256))
        self.dropped = bytes(code for code, character in changes.items() if character is None)

    def read(self, text: str) -> str:
        """Return the text read in this way; bytes are many times faster than `str.translate`."""
        read = text.encode(errors="surrogatepass").translate(self.table, self.dropped)
        return read.decode(errors="surrogatepass")


ASCII = 0x80
APART = Signs({ord(sign): " " for sign in punctuation})
"""Punctuation parts words."""
TOGETHER = Signs(dict.fromkeys(map(ord, punctuation)) | dict(zip(b"013456789", "oieasgtbg", strict=True)))
"""Punctuation is put in between the letters of a word, and digits stand for letters."""
LEET = Signs(
    dict(zip(b"0123456789@$!|+(#[{}])", "oizeasgtbgasiitchccddd", strict=True))
    | dict.fromkeys(b"\"%&'*,-./:;<=>?\\^_`~")
)
"""Symbols stand for letters too."""
LEETISH = re.compile(r"[@$!|(+#\[{](?:(?<=[@|!])(?=\w)|(?<=\$)(?=[a-z$@])|(?<=[\w!@$][(\[{+#$@]))")
"""A symbol where it can be a letter."""
NO_LETTER = bytes(code for code in range(256) if not chr(code).isalnum() or code >= ASCII)
NO_SIGNS = bytes(code for code in range(256) if code not in punctuation.encode())
NO_LEET = bytes(code for code in range(256) if code not in b"@$!|(+#[{")
SYMBOL = re.compile(r"[@$!|(+#\[{][^ ]*")
TAIL = re.compile(r"(?<=\w)[!)\]}|.,;:?\"']+(?!\S)|(?<!\S)[(\[{|\"']+(?=\w)")
"""Where a symbol is likelier to be punctuation."""

NO_VEIL = bytes(code for code in range(256) if code not in b"*#~_%@")
VEILED = Signs(
    {ord(sign): " " for sign in set(punctuation) - set("*#~_%@-$")} | dict.fromkeys(b"*#~_%@-", "*") | {ord("$"): "s"}
)
"""What hides letters becomes an asterisk."""
VEIL = re.compile(r"\*[^ ]*")

PARTED = Signs(dict.fromkeys(b',;:/?"', " "))
"""Punctuation that never stands inside a word written in symbols."""
MIXED = re.compile(r"[!-/013-9:-@\[-`{-~](?:(?<=\d)|(?<=[^ ].)(?=[^ ]))[^ ]*")
"""A sign inside what stands between white space, or a digit that can be a letter, and what follows."""
CONTRACTIONS = frozenset(
    f"{word}'{rest}"
    for rest, words in {
        "t": "aren can couldn didn doesn don hadn hasn haven isn shouldn wasn weren won wouldn",
        "s": "he it let she that there what who",
        "d": "he i she they we you",
        "ll": "i they you",
        "re": "they we you",
        "ve": "i they we you",
        "m": "i",
    }.items()
    for word in words.split()
)
"""What is most often written with a sign inside, and means nothing else without it."""
WORD = re.compile(r"\S+")
SAME = bytes(4)
"""What the difference of two equal characters is in UTF-32."""
RUN = re.compile(r"([^\W_])\1+")
DRAWN_OUT = re.compile(rb"\0\0(?<=[a-z]\0\0)")
"""In `runs`, a letter that comes three times."""
LONG_RUN = re.compile(r"([^\W\d_])\1{2,}")

SPELLED_OUT = re.compile(b"\1{3,}")
"""In the lengths of words, single letters enough to spell one."""
SHORT = 3
"""Letters below which a word cannot be told when its letters are repeated."""
KEPT = bytes(0xFF if code else 0 for code in range(256))


def runs(raw: bytes) -> bytes:
    """Return an ASCII text, which has no NUL, with NUL for every character that repeats the one before."""
    number = int.from_bytes(raw)
    changes = (number ^ (number >> 8)).to_bytes(len(raw))
    if 0 not in changes:
        return raw
    return (number & int.from_bytes(changes.translate(KEPT))).to_bytes(len(raw))


def collapse(text: str) -> str:
    """Return the text with every run of one letter reduced to that letter."""
    if text.isascii():
        return runs(text.encode()).translate(None, b"\0").decode()
    raw = text.encode("utf-32-le", "surrogatepass")
    number = int.from_bytes(raw, "little")
    if SAME not in (number ^ (number >> 8 * len(SAME))).to_bytes(len(raw), "little"):
        return text  # found many times faster than by the pattern
    return RUN.sub(r"\1", text)


def untailed(text: str) -> str:
    """Return the text without the punctuation that ends or opens words."""
    return TAIL.sub("", text)


def stretched(listed: str, word: str) -> bool:
    """Say whether a word is the listed one with letters repeated: no run is shorter than the listed one's."""
    return all(
        len(list(longer)) >= len(list(run))
        for (_, longer), (_, run) in zip(groupby(word), groupby(listed), strict=True)
    )
