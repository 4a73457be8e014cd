"""One canonical form of a text, which is stored and measured."""

from __future__ import annotations

import re
import unicodedata

from service.moderation.folding import Folded, fingerprint, fold

__all__ = ["Folded", "canonical", "fingerprint", "fold"]

SPACE = " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""White space inside a line, as the ranges of a character class: ECMAScript's set, so that `trimEnd` agrees."""

NEWLINE = re.compile("\r\n|[\r\u0085\u2028\u2029]")
REMOVED = re.compile(
    "(\U0001f3f4[\U000e0020-\U000e007f]+)"  # a flag of a region is spelled in tags: kept whole
    "|[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
JOINER_RUN = re.compile("([\u200c\u200d])[\u200c\u200d]+")
IDLE_JOINER = re.compile(
    f"(?<![^\n{SPACE}])[\u200c\u200d]|[\u200c\u200d](?![^\n{SPACE}])|(?<=[!-~])[\u200c\u200d](?=[!-~])"
)
BLANK_LINES = re.compile("\n{3,}")


def _marks() -> str:
    return "".join(filter(unicodedata.combining, map(chr, range(0x300, 0x1E950))))


LONG_MARKS = re.compile(f"[{_marks()}]{{32,}}")
"""Rows of combining marks for which NFC takes time with the square of their length, unless they are in order."""
VISIBLE = re.compile(f"[^\n{SPACE}\u180b-\u180f\u200c\u200d\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]")
TRIMMED = "".join(map(chr, (0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)))


def canonical(text: str) -> str:
    """Return the form of a text that is stored, shown and measured: its length is `len` of this.

    Line ends become LF, tabs become spaces, control and invisible formatting characters go, joiners stay only
    where they can join, the rest is in NFC (Unicode Standard Annex 15), lines carry no white space at their
    end, blank lines come one at a time, and nothing surrounds it. A text in which nothing can be seen is empty.
    """
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    text = NEWLINE.sub("\n", text).replace("\t", " ")
    text = REMOVED.sub(lambda found: found[1] or "", text)
    text = LONG_MARKS.sub(lambda found: "".join(sorted(found[0], key=unicodedata.combining)), text)
    text = unicodedata.normalize("NFC", text)
    text = IDLE_JOINER.sub("", JOINER_RUN.sub(r"\1", text))
    text = "\n".join(line.rstrip(TRIMMED) for line in text.split("\n"))
    text = BLANK_LINES.sub("\n\n", text).strip("\n" + TRIMMED)
    return text if VISIBLE.search(text) else ""
