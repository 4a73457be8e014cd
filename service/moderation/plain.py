"""One letter for one letter: lower case, and ASCII for what only looks different, so that every position stays."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STYLED = "\uff01-\uff5e\U0001d400-\U0001d7ff\u2460-\u24e9\u2100-\u214f"
"""Full width, mathematical, enclosed and letter-like signs, as ranges of a character class."""
DOTS = "\u2024\u3002\ufe52\uff0e\uff61"
"""Full stops that browsers and readers take for a dot (UTS 46, section 2.3, and the one dot leader)."""
SPACES = "\u00a0\u202f\u2009\u3000"
HYPHENS = "\u2010-\u2013\u2212"
LONGER = "\u0130"
"""The one letter that grows in lower case."""
AFFECTED = re.compile(f"[{STYLED}{DOTS}{SPACES}{HYPHENS}{LONGER}]")


def simpler(character: str) -> str:
    """Return the one character that another stands for."""
    if character in DOTS:
        return "."
    if character == LONGER:
        return "i"
    ascii_form = unicodedata.normalize("NFKC", character).lower()
    if len(ascii_form) == 1 and ascii_form.isascii():
        return ascii_form
    return "-" if unicodedata.category(character) in {"Pd", "Sm"} else character


def affected() -> Iterator[str]:
    """Yield every character that stands for another one."""
    listed = f"{STYLED}{DOTS}{SPACES}{HYPHENS}{LONGER}"
    for found in re.finditer("(.)(?:-(.))?", listed):
        yield from map(chr, range(ord(found[1]), ord(found[2] or found[1]) + 1))


TABLE = {ord(character): simpler(character) for character in affected()}


def plain(text: str) -> str:
    """Return the text in lower case with styled letters as ASCII, as long as it was."""
    if not text.isascii() and AFFECTED.search(text):
        text = text.translate(TABLE)
    return text.lower()
