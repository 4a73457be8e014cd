"""One folding of a text, which is what gets matched, and the way back to the stored text."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cached_property
from hashlib import blake2b
from itertools import compress
from string import ascii_uppercase, punctuation
from typing import TYPE_CHECKING

from service.moderation.lookalikes import LOOKALIKES

if TYPE_CHECKING:
    from service.model import Span

LATIN = (
    *range(0x00A0, 0x0250),
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
QUOTES = "\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u02c8\u00b4\u0060\uff07\uff40\u055a\u05f3\ua78c"

MARKUP = re.compile(
    r"&(?:amp;){0,4}(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[a-zA-Z]{2,8};)"
    r"|<!--[^<>]*-->|</?[a-zA-Z][a-zA-Z0-9]{0,9}(?: [^<>]{0,100})?/?>"
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
    folded |= dict.fromkeys(map(ord, QUOTES), "'") | dict.fromkeys(SPACES, " ")
    folded |= dict.fromkeys(MARKS, "") | dict.fromkeys(INVISIBLE, "")
    for point in CASED:
        decomposed = unicodedata.normalize("NFD", chr(point).lower())
        folded.setdefault(point, "".join(folded.get(ord(part), part) for part in decomposed))
    folded = {point: text.translate(ACTIVE).lower() for point, text in folded.items()}
    return folded | {ord(letter): letter.lower() for letter in ascii_uppercase} | ACTIVE


TABLE = table()
WIDE = {point: text for point, text in TABLE.items() if len(text) != 1}
"""What folds to nothing or to more than one character, which is what moves places."""

APART = str.maketrans(dict.fromkeys(punctuation, " "))
"""Punctuation parts words."""
TOGETHER = str.maketrans("013456789", "oieasgtbg", punctuation)
"""Punctuation is put in between the letters of a word, and digits stand for letters."""
LEET = str.maketrans("0123456789@$!|+(#[{}])", "oizeasgtbgasiitchccddd", "\"%&'*,-./:;<=>?\\^_`~")
"""Symbols stand for letters too."""
LEET_SYMBOL = re.compile(r"[@$!|(+#\[{]")
LEETISH = re.compile(r"[@|!](?=\w)|\$(?=[a-z$@])|[(\[{+#$@](?<=\w.)")
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
RUN = re.compile(r"([^\W\d_])\1+")
LONG_RUN = re.compile(r"([^\W\d_])\1{2,}")


FEW = 20
"""Repeats up to which cutting them out is faster than walking the text."""


def steps(text: str) -> bytes:
    """Return, for each character of an ASCII text, how it differs from the one before: zero where it repeats it."""
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


class Folded:
    """A text as it is matched, in the views that matching needs; places lead back to the stored text.

    `plain` is small Latin letters wherever a character looks like one, without marks, invisible characters and
    markup. All other views are made from it character by character or word by word.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        text = MARKUP.sub(replaced, source) if "&" in source or "<" in source else source
        if text.isascii():
            text = text.lower()
            if not text.isprintable() or "&" in text or "<" in text or ">" in text:
                text = text.translate(TABLE)
        else:
            text = text.translate(TABLE).lower()
        self.plain = text.replace("..", "  ") if ".." in text else text

    @cached_property
    def words(self) -> list[str]:
        """The words, parted at white space and punctuation."""
        return self.plain.translate(APART).split()

    @cached_property
    def places(self) -> list[Span]:
        """Where each of `words` stands in `plain`."""
        return [found.span() for found in WORD.finditer(self.plain.translate(APART))]

    @cached_property
    def spaced(self) -> str:
        """The words with one space between them."""
        return " ".join(self.words)

    @cached_property
    def thin(self) -> list[str]:
        """The words with every run of one letter reduced to that letter; the very same list where there is none."""
        collapsed = collapse(self.spaced)
        return self.words if len(collapsed) == len(self.spaced) else collapsed.split()

    @cached_property
    def squeezed(self) -> list[str]:
        """The words with runs of three and more reduced to two; empty where there are none."""
        if self.thin is self.words or (self.spaced.isascii() and b"\0\0" not in steps(self.spaced)):
            return []
        return LONG_RUN.sub(r"\1\1", self.spaced).split()

    @cached_property
    def chunks(self) -> list[Span]:
        """Where that which stands between white space does so in `plain`."""
        return [found.span() for found in WORD.finditer(self.plain)]

    @cached_property
    def odd(self) -> set[str]:
        """What stands between white space, with the punctuation inside left out, unless it is one of the words."""
        return set(self.plain.translate(TOGETHER).split()).difference(self.words)

    @cached_property
    def thin_odd(self) -> list[str]:
        """The same with every run of one letter reduced to that letter."""
        return collapse(" ".join(self.odd)).split()

    @cached_property
    def leet(self) -> list[str]:
        """What stands between white space, with symbols read as letters; empty where no symbol can be one."""
        if not LEET_SYMBOL.search(self.plain) or not LEETISH.search(self.plain):
            return []
        text = untailed(self.plain.translate(PARTED)).translate(LEET)
        return [*text.split(), *collapse(text).split()]

    @cached_property
    def veiled(self) -> list[str]:
        """The words with what hides letters as asterisks; empty where nothing does."""
        if not VEIL.search(self.plain) and not ("-" in self.plain and self._hyphened()):
            return []
        return self.plain.translate(VEILED).split()

    def _hyphened(self) -> bool:
        text = f" {self.plain}"
        return any(start in text for start in HYPHENED)

    @cached_property
    def veils(self) -> list[Span]:
        """Where each of `veiled` stands in `plain`."""
        return [found.span() for found in WORD.finditer(self.plain.translate(VEILED))]

    @cached_property
    def origins(self) -> list[Span]:
        """Where each character of `plain` comes from in the stored text."""
        text = self.source
        origins: list[Span] = []
        place = 0
        for found in (*MARKUP.finditer(text), None):
            end = found.start() if found else len(text)
            for index in range(place, end):
                folded = TABLE.get(ord(text[index]), text[index])
                if folded:
                    origins += [(index, index + 1)] * len(folded)
                elif origins and origins[-1][1] == index:
                    origins[-1] = (origins[-1][0], index + 1)
            if found:
                origins += [found.span()] * len(replaced(found).translate(TABLE))
                place = found.end()
        return origins

    def span(self, start: int, end: int) -> Span:
        """Return the piece of the stored text from which this piece of `plain` was folded."""
        if self.source.isascii() and len(self.source) == len(self.plain):
            return start, end
        return self.origins[start][0], self.origins[end - 1][1]


def replaced(markup: re.Match[str]) -> str:
    """Return the text that an entity stands for, and nothing for a tag or a comment."""
    text = markup[0]
    if text[0] == "<":
        return ""
    return html.unescape("&" + text[1:].replace("amp;", "").removesuffix(";") + ";")


def fold(text: str) -> Folded:
    """Return the folding of a text; folding what is folded changes nothing."""
    return Folded(text)


def fingerprint(text: str) -> bytes:
    """Return 16 bytes that are the same for a repeat with other case, spacing, punctuation or look-alikes."""
    plain = fold(text).plain
    letters = "".join(filter(str.isalnum, plain))
    return blake2b((letters or plain or text).encode(), digest_size=16).digest()
