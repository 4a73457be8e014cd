"""One letter for one letter: lower case, and ASCII for what only looks different, so that every position stays."""

from __future__ import annotations

import re
import unicodedata

STYLED = (
    *range(0xFF01, 0xFF5F),  # full width
    *range(0x1D400, 0x1D800),  # mathematical alphabets and digits
    *range(0x2460, 0x24EA),  # enclosed letters and digits
    *range(0x2100, 0x2150),  # letter-like symbols
)
DOTS = "\u2024\u3002\ufe52\uff0e\uff61"
"""Full stops that browsers and readers take for a dot (UTS 46, section 2.3, and the one dot leader)."""


def table() -> dict[int, str]:
    """Return the translation of one character by one."""
    simpler = {code: unicodedata.normalize("NFKC", chr(code)) for code in STYLED}
    return {
        **{code: text.lower() for code, text in simpler.items() if len(text) == 1 and text.isascii()},
        **{ord(dot): "." for dot in DOTS},
        0x130: "i",  # the one letter that grows in lower case
        **dict.fromkeys((0xA0, 0x202F, 0x2009, 0x3000), " "),
        **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), "-"),
    }


TABLE = table()
AFFECTED = re.compile(f"[{re.escape(''.join(map(chr, TABLE)))}]")


def plain(text: str) -> str:
    """Return the text in lower case with styled letters as ASCII, as long as it was."""
    if not text.isascii() and AFFECTED.search(text):
        text = text.translate(TABLE)
    return text.lower()
