"""Finds how a text is written when it is loud: capitals, drawn-out letters, stacked marks."""

from __future__ import annotations

import re
import string
from itertools import pairwise
from operator import eq
from typing import TYPE_CHECKING

from ahocorasick_rs import AhoCorasick
from msgspec import Struct

from service.model import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.moderation.text import Folded

UPPER = string.ascii_uppercase.encode()
LOWER = string.ascii_lowercase.encode()
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
ACRONYM = 5
"""Letters of the longest word that may be an acronym when it stands among ordinary words."""

CUSTOMARY = "\u1100-\u11ff\u3131-\u318e\u3400-\u9fff\u3040-\u30ff\uff65-\uff9f"
"""Hangul letters standing alone, Han and Kana, where repeating a sign is how one laughs or draws a breath."""

GENERIC_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
"""Combining marks of no script of their own (blocks of the Unicode Standard)."""
SCRIPT_MARKS = (
    "\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711\u0730-\u074a"
    "\u08d3-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f18\u0f19\u0f35-\u0f39"
    "\u0f71-\u0f87\u0f8d-\u0fbc\u102b-\u103e\u17b4-\u17d3\u302a-\u302f\u3099\u309a"
)
"""Marks that scripts write with, several on one letter."""
MARKS_OF_EMOJI = "\U0001f000-\U0001faff\u2600-\u27bf"


class Shout(Struct, frozen=True):
    """How much of a text is in capitals."""

    share: float
    """Of all letters, 0 to 1."""
    cased: int
    """Letters of scripts that know capitals."""
    spans: tuple[Span, ...]


def shouted(text: str, share: float, at_least: int) -> Shout | None:
    """Return how a text shouts, or None when less than `share` of its letters, or fewer than `at_least`, do.

    A short word in capitals among others is an acronym, and scripts without case cannot shout.
    """
    if not text.isascii() and text == text.lower():
        return None
    upper, cased, letters = counted(text, share * at_least)
    if cased < at_least or upper < share * letters:
        return None
    if upper == letters:
        return Shout(1.0, cased, ((0, len(text)),))
    words = list(capitals(text))
    loud = sum(end - start for start, end in words)
    if loud < share * letters:
        return None
    return Shout(loud / letters, cased, tuple(joined(text, words)))


def counted(text: str, needed: float = 0) -> tuple[int, int, int]:
    """Return how many letters are capitals, how many have case, and how many there are.

    Nothing is counted, of ASCII, when fewer than the `needed` capitals are there.
    """
    if text.isascii():
        raw = text.encode()
        upper = len(raw) - len(raw.translate(None, UPPER))
        if upper < needed:
            return 0, 0, 0
        cased = upper + len(raw) - len(raw.translate(None, LOWER))
        return upper, cased, cased
    upper = sum(map(str.isupper, text))
    return upper, upper + sum(map(str.islower, text)), sum(map(str.isalpha, text))


def capitals(text: str) -> Iterator[Span]:
    """Yield the words in capitals that are no acronyms: long ones, and those next to another."""
    words = [match.span() for match in WORD.finditer(text) if match[0].isupper()]
    beside = [text[before[1] : after[0]].isspace() for before, after in pairwise(words)]
    for word, left, right in zip(words, [False, *beside], [*beside, False], strict=False):
        if left or right or word[1] - word[0] >= ACRONYM:
            yield word


def joined(text: str, words: list[Span]) -> list[Span]:
    """Return words as stretches, where no letter stands between them."""
    stretches: list[Span] = []
    for start, end in words:
        if stretches and not any(map(str.isalnum, text[stretches[-1][1] : start])):
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return stretches


class Stretches:
    """Finds letters, signs and words that are repeated more than `limit` times without a break."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        needles = [letter * (limit + 1) for letter in string.ascii_lowercase]
        needles += [sign * (2 * limit + 1) for sign in "!?"]
        self.ascii_runs = AhoCorasick(needles)
        self.repeats = bytes(limit)
        self.step = max(1, limit - 2)
        """Neighbours are compared at every so many words: in a row of one word that meets a pair at least."""
        self.runs = re.compile(rf"([^\W\d_{CUSTOMARY}])\1{{{limit},}}|([!?{MARKS_OF_EMOJI}])\2{{{2 * limit},}}")
        self.words = re.compile(rf"(?<!\w)([^\W\d_]++)(?:\W{{1,3}}\1(?!\w)){{{limit},}}")

    def _runs(self, plain: str) -> bool:
        """Say whether characters may repeat themselves often enough in a row for a closer look."""
        if plain.isascii():
            return bool(self.ascii_runs.find_matches_as_indexes(plain))
        repeats: int = sum(map(eq, plain, plain[1:]))
        return repeats >= self.limit

    def _words(self, words: list[str]) -> bool:
        """Say whether words may repeat themselves often enough in a row for a closer look."""
        if self.limit == 1:
            return True
        if True not in map(eq, words[:: self.step], words[1 :: self.step]):
            return False
        repeats: int = sum(map(eq, words, words[1:]))
        return repeats >= self.limit - 1

    def spans(self, plain: str, folded: Folded) -> tuple[Span, ...]:
        """Return where a text, given with its `plain()` form and its folding, is drawn out.

        Numbers, dots, dashes and rules of them are never meant; marks and emoji may be repeated twice as often.
        """
        found: list[Span] = []
        repeats = folded.runs if folded.in_place else None
        if (repeats is None or self.repeats in repeats) and self._runs(plain):
            found += (match.span() for match in self.runs.finditer(plain))
        if self._words(folded.words):
            found += (match.span() for match in self.words.finditer(plain))
        return tuple(sorted(found)) if found else ()


class Stacks:
    """Finds letters that carry more than `limit` combining marks."""

    def __init__(self, limit: int) -> None:
        marks = f"[{GENERIC_MARKS}{SCRIPT_MARKS}]"
        self.pattern = re.compile(f"[{GENERIC_MARKS}]{{{limit + 1}}}{marks}*|{marks}{{{2 * limit + 1},}}")

    def spans(self, text: str) -> tuple[Span, ...]:
        """Return where marks are stacked, letter included; scripts with marks of their own may stack twice as high."""
        if text.isascii():
            return ()
        return tuple((max(0, match.start() - 1), match.end()) for match in self.pattern.finditer(text))
