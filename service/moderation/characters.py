"""What every character stands for: one table from a character to small Latin letters, a sign, a space or nothing."""

from __future__ import annotations

import unicodedata
from string import ascii_uppercase

from service.moderation.lookalikes import LOOKALIKES

LATIN = (
    *range(0x00A0, 0x0250),
    *range(0x02B0, 0x02B9),
    *range(0x02E0, 0x02E5),
    *range(0x1D00, 0x1DC0),
    *range(0x1E00, 0x1F00),
    *range(0x2070, 0x20A0),
    *range(0x2100, 0x2190),
    *range(0x2460, 0x2500),
    *range(0x2C60, 0x2C80),
    *range(0xA720, 0xA800),
    *range(0xFB00, 0xFB07),
    *range(0xFF01, 0xFF5F),
    *range(0x1D400, 0x1D800),
    *range(0x1F100, 0x1F1AD),
)
"""Blocks in which characters are variants of ASCII letters and digits."""

MARKS = (
    *range(0x0300, 0x0370),
    *range(0x0483, 0x048A),
    *range(0x1AB0, 0x1B00),
    *range(0x1DC0, 0x1E00),
    *range(0x20D0, 0x2100),
    *range(0xFE00, 0xFE10),
    *range(0xFE20, 0xFE30),
    *range(0xE0100, 0xE01F0),
)
INVISIBLE = (
    *range(0x09),
    *range(0x0E, 0x20),
    *range(0x7F, 0xA0),
    *(0xAD, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFFF9, 0xFFFC),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0x1F3FB, 0x1F400),
    *range(0xE0000, 0xE0080),
)
SYMBOLS = (
    *range(0x00A1, 0x00C0),
    *range(0x2010, 0x2070),
    *range(0x20A0, 0x20D0),
    *range(0x2190, 0x2460),
    *range(0x2500, 0x2C00),
    *range(0x2E00, 0x2E80),
    *range(0x3000, 0x3031),
    *range(0xFE10, 0xFE1A),
    *range(0xFE30, 0xFE6C),
    *range(0xFF5F, 0xFF66),
    *range(0x1F000, 0x1F100),
    *range(0x1F200, 0x1FB00),
)
SPACES = (
    0x09,
    0x0A,
    0x0B,
    0x0C,
    0x0D,
    0x85,
    0xA0,
    0x1680,
    *range(0x2000, 0x200B),
    0x2028,
    0x2029,
    0x202F,
    0x205F,
    0x3000,
)
QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u301d\u301e\u301f\uff02"
APOSTROPHES = (
    "\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u02c8\u00b4\u0060\uff07\uff40\u055a\u05f3\ua78c"
)

ENCLOSED = (0x1F1E6, 0x1F170, 0x1F150, 0x1F130, 0x1F110, 0x249C)
"""Where regional, squared, circled and bracketed alphabets begin."""
LIGATURES = {
    "\u00df": "ss",
    "\u1e9e": "ss",
    "\u00e6": "ae",
    "\u00c6": "ae",
    "\u0153": "oe",
    "\u0152": "oe",
    "\u0130": "i",
}
CASED = (*range(0x370, 0x530),)
CYRILLIC_CAPITALS = (*range(0x410, 0x430),)

ACTIVE = {ord("&"): "*", ord("<"): "(", ord(">"): ")"}
"""What could open markup is replaced, so that no folding makes new markup and folding twice is folding once."""


def table() -> dict[int, str]:
    """Return the one table from a character to what it stands for."""
    folded = dict.fromkeys(SYMBOLS, "~")
    for point in LATIN:
        ascii_part = "".join(part for part in unicodedata.normalize("NFKD", chr(point)) if part.isascii())
        letters = "".join(filter(str.isalnum, ascii_part))
        if ascii_part:
            folded[point] = letters or ascii_part.strip() or "~"
    folded |= {ord(character): letter for letter, characters in LOOKALIKES.items() for character in characters}
    folded |= {base + place: chr(ord("a") + place) for base in ENCLOSED for place in range(26)}
    folded |= {ord(character): text for character, text in LIGATURES.items()}
    folded |= dict.fromkeys(map(ord, QUOTES), '"') | dict.fromkeys(map(ord, APOSTROPHES), "'")
    folded |= dict.fromkeys(SPACES, " ")
    folded |= dict.fromkeys(MARKS, "") | dict.fromkeys(INVISIBLE, "")
    for point in CYRILLIC_CAPITALS:  # or a word in capitals would be another one than in small letters
        folded.setdefault(ord(chr(point).lower()), folded.get(point, chr(point).lower()))
    for point in CASED:
        decomposed = unicodedata.normalize("NFD", chr(point).lower())
        folded.setdefault(point, "".join(folded.get(ord(part), part) for part in decomposed))
    folded = {point: text.translate(ACTIVE).lower() for point, text in folded.items()}
    return folded | {ord(letter): letter.lower() for letter in ascii_uppercase} | ACTIVE


TABLE = table()
MOVING = frozenset(chr(point) for point, text in TABLE.items() if len(text) != 1)
"""What folds to nothing or to several characters, so that places change."""
