"""One folding of a text, which is what gets matched, and the way back to the stored text."""

# ruff: noqa: D401 - a view is a property, and its name a noun
from __future__ import annotations

import html
import re
import unicodedata
from hashlib import blake2b
from itertools import accumulate, compress, repeat
from operator import add
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from service.moderation.characters import MOVING, TABLE
from service.moderation.readings import (
    APART,
    ASCII,
    DRAWN_OUT,
    LEET,
    LEETISH,
    LONG_RUN,
    MIXED,
    NO_LEET,
    NO_LETTER,
    NO_SIGNS,
    NO_VEIL,
    PARTED,
    SHORT,
    SPELLED_OUT,
    SYMBOL,
    TOGETHER,
    VEIL,
    VEILED,
    WORD,
    Signs,
    collapse,
    runs,
    untailed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.model import Span

View = TypeVar("View")

FOLDED = frozenset(map(chr, TABLE))
"""What stands for something else: a text of other scripts may have none of it."""
PLAIN = Signs({code: text or None for code, text in TABLE.items() if code < ASCII})
SHAPE = bytes(ord(" ") if code == ord(" ") else ord("x") for code in range(256))
LONE = b" x x x "
"""Three words of one letter in the shape of a text."""
MARKUP = re.compile(
    r"&(?:amp;){0,4}(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[a-zA-Z]{2,8};)"
    r"|<!--[^<>]*-->|</?[a-zA-Z][a-zA-Z0-9]{0,9}(?: [^<>]{0,100})?/?>"
)


class once(Generic[View]):  # noqa: N801 - used as a decorator
    """A view that is made when it is first asked for. `functools.cached_property` takes a lock each time (3.11)."""

    def __init__(self, make: Callable[[Any], View]) -> None:
        self.make = make
        self.name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, text: object, owner: type) -> View:
        view = text.__dict__[self.name] = self.make(text)
        return view


class Folded:
    """A text as it is matched, in the views that matching needs; places lead back to the stored text.

    `plain` is small Latin letters wherever a character looks like one, without marks, invisible characters and
    markup. All other views are made from it character by character or word by word; those that every match begins
    with are made at once.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.plain = plain(source)
        raw = self.plain.encode(errors="surrogatepass")
        parted = raw.translate(APART.table)
        self.apart = parted.decode(errors="surrogatepass")
        """The text with spaces for punctuation."""
        self.signs = raw.translate(None, NO_SIGNS)
        """The punctuation alone."""
        self.leetish = bool(self.signs.translate(None, NO_LEET)) and LEETISH.search(self.plain) is not None
        """Whether a symbol stands where it can be a letter."""
        self.runs: bytes | None = None
        """Of ASCII, `apart` with NUL for every character that repeats the one before."""
        self.spelled_out = True
        """Whether three words of one letter may stand in a row."""
        self.in_place = len(source) == len(self.plain) and (source.isascii() or MOVING.isdisjoint(source))
        """Whether every character of `plain` stands where its original does."""
        if self.plain.isascii():
            self.runs = runs(parted)
            thinned = self.runs.translate(None, b"\0").strip(b" ")
            self.spelled_out = LONE in b" %b " % thinned.translate(SHAPE)
            self.thinned = thinned.decode()
            """The words with one space between them, and every run of one letter reduced to that letter."""
        else:
            self.thinned = collapse(self.spaced)

    @once
    def words(self) -> list[str]:
        """The words, parted at white space and punctuation."""
        return self.apart.split()

    @once
    def starts(self) -> list[int]:
        """Where each of `words` begins in `plain`."""
        parts = self.apart.split(" ")
        return list(compress(accumulate(map(add, map(len, parts), repeat(1)), initial=0), parts))

    def place(self, first: int, last: int | None = None) -> Span:
        """Return where one of `words`, or a row of them, stands in `plain`."""
        last = first if last is None else last
        return self.starts[first], self.starts[last] + len(self.words[last])

    @once
    def spaced(self) -> str:
        """The words with one space between them."""
        return spaced(self.apart)

    @once
    def thin(self) -> list[str]:
        """The words with every run of one letter reduced to that letter; the very same list where there is none."""
        words = self.thinned.split()
        return self.words if words == self.words else words

    @property
    def drawn_out(self) -> bool:
        """Say whether a letter may come three times in a row."""
        if self.runs is None:
            return len(self.thinned) != len(self.spaced)
        return b"\0\0" in self.runs and DRAWN_OUT.search(self.runs) is not None

    @once
    def squeezed(self) -> list[str]:
        """The words with runs of three and more reduced to two; empty where there are none."""
        squeezed = LONG_RUN.sub(r"\1\1", self.apart) if self.drawn_out else self.apart
        return [] if len(squeezed) == len(self.apart) else squeezed.split()

    @once
    def chunks(self) -> list[Span]:
        """Where that which stands between white space does so in `plain`."""
        return [found.span() for found in WORD.finditer(self.plain)]

    @once
    def odd(self) -> set[str]:
        """What stands between white space, with the punctuation inside left out, unless it is one of the words."""
        return set(TOGETHER.read(self.plain).split()).difference(self.words)

    @once
    def mixed(self) -> list[tuple[str, int]]:
        """What stands between white space with signs inside it, or digits that can be letters, and where it begins."""
        return around(MIXED, self.plain)

    @once
    def leet(self) -> list[str]:
        """What stands between white space, with symbols read as letters; empty where no symbol can be one."""
        if not self.leetish:
            return []
        text = LEET.read(untailed(PARTED.read(self.plain)))
        return [*text.split(), *collapse(text).split()]

    @once
    def symbolic(self) -> list[tuple[str, int]]:
        """What stands between white space with symbols, and where it begins; empty where no symbol can be a letter."""
        return around(SYMBOL, PARTED.read(self.plain)) if self.leetish else []

    @once
    def veiled(self) -> list[tuple[str, int]]:
        """The words with what hides letters as asterisks, and where they begin; those that have some."""
        if not self.signs.translate(None, NO_VEIL) and not (b"-" in self.signs and self._hyphened()):
            return []
        return around(VEIL, VEILED.read(self.plain))

    def _hyphened(self) -> bool:
        """Say whether hyphens may hide letters: several, or those after a first letter that stands for a word."""
        text = f" {self.plain}"
        return (  # written out: a loop over six takes as long as the six
            "--" in text or " a-" in text or " f-" in text or " m-" in text or " r-" in text or " s-" in text
        )

    def read(self) -> Iterator[tuple[int, int, str]]:
        """Yield what stands between white space with its place, once with symbols dropped and once as letters."""
        for start, end in self.chunks:
            text = self.plain[start:end]
            core = APART.read(text)
            left, right = len(core) - len(core.lstrip()), len(core) - len(core.rstrip())
            yield start + left, end - right, TOGETHER.read(text)
            if SYMBOL.search(text):
                yield start, end, LEET.read(untailed(text))

    @once
    def single_letters(self) -> list[Span]:
        """The first and the last of each row of words that are one letter each, three letters long at least."""
        if not self.spelled_out:
            return []
        lengths = list(map(len, self.words))
        if lengths.count(1) < SHORT:
            return []
        rows = SPELLED_OUT.finditer(bytes(map(min, lengths, repeat(2))))
        return [(found.start(), found.end() - 1) for found in rows]

    def spelled(self) -> Iterator[tuple[int, int, str]]:
        """Yield rows of single letters with their place and the word they make."""
        for first, last in self.single_letters:
            yield *self.place(first, last), "".join(self.words[first : last + 1])

    @once
    def origins(self) -> list[Span]:
        """Where each character of `plain` comes from in the stored text."""
        text = self.source
        origins: list[Span] = []
        place = 0
        for found in (*MARKUP.finditer(text), None):
            end = found.start() if found else len(text)
            for index, character in enumerate(text[place:end], place):
                if character not in MOVING:
                    origins.append((index, index + 1))
                    continue
                folded = TABLE[ord(character)]
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
        if self.in_place:
            return start, end
        return self.origins[start][0], self.origins[end - 1][1]


def plain(source: str) -> str:
    """Return a text in small Latin letters wherever a character looks like one; doing so twice changes nothing."""
    text = MARKUP.sub(replaced, source) if "&" in source or "<" in source else source
    if text.isascii():
        text = PLAIN.read(text)
    else:
        text = text.lower() if FOLDED.isdisjoint(text) else text.translate(TABLE).lower()
    return text.replace("..", "  ") if ".." in text else text


def around(pattern: re.Pattern[str], text: str) -> list[tuple[str, int]]:
    """Return what stands between spaces where a pattern that reaches to the next space is found, and its place."""
    spans = [match.span() for match in pattern.finditer(text)]
    return [(text[(start := text.rfind(" ", 0, place) + 1) : end], start) for place, end in spans]


def spaced(text: str) -> str:
    """Return the text with one space wherever there are some, and none around it."""
    text = text.strip(" ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text


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
    form = plain(text)
    if form.isascii():
        letters = form.encode().translate(None, NO_LETTER)
    else:
        letters = "".join(filter(_tells, form)).encode(errors="surrogatepass")
    return blake2b(letters or text.encode(errors="surrogatepass"), digest_size=16).digest()


def _tells(character: str) -> bool:
    """Say whether a character is a letter, a digit, or a vowel sign that makes another word of its letter."""
    return character.isalnum() or (character > "\u02ff" and unicodedata.category(character)[0] == "M")
