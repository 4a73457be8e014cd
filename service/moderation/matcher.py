"""Finds entries of the lexicon in the views of a folded text, in time linear in the text."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise, repeat
from operator import add
from typing import TYPE_CHECKING, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from service.moderation.readings import (
    APART,
    LEET,
    LEET_SYMBOL,
    PARTED,
    TOGETHER,
    WORD,
    collapse,
    stretched,
    untailed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.moderation.entries import Entry
    from service.moderation.spellings import Spellings
    from service.moderation.text import Folded


ARTICLES = frozenset("ai")
"""Words of one letter that may stand before a word spelled out."""
AROUND = 4
"""Letters beside a word in which a longer, innocent stem may begin or end."""


class Match(NamedTuple):
    """A piece of the folded text's `plain`, and what was found there."""

    start: int
    end: int
    entry: Entry


class Matcher:
    """Asks each view in one pass whether it holds anything at all, and looks closer only then."""

    def __init__(self, spellings: Spellings) -> None:
        self.spellings = spellings
        self.words = frozenset(spellings.words)
        self.whole = frozenset(spellings.whole)
        self.doubled = frozenset(spellings.doubled)
        self.masked = frozenset(spellings.masked)
        self.patterns = tuple(
            (entry, pattern in spellings.anywhere, " " in pattern, entry.reach not in ("exact", "word"))
            for pattern, entry in spellings.patterns.items()
        )
        """With whether it counts anywhere inside a word, whether it is a phrase, and whether it counts in words."""
        self.automaton = AhoCorasick(list(spellings.patterns), implementation=Implementation.ContiguousNFA)

    def matches(self, folded: Folded) -> list[Match]:
        """Return every match, in no order."""
        words, thin = folded.words, folded.thin
        found: list[Match] = []
        views = (words,) if thin is words else (words, thin)
        if not all(map(self.words.isdisjoint, views)):
            found += self._words(folded, thin)
        if not self.words.isdisjoint(folded.squeezed):
            found += self._words(folded, folded.squeezed)
        if not self.doubled.isdisjoint(thin):
            found += self._doubled(folded)
        if not self.whole.isdisjoint(map(add, words, words[1:])):
            found += self._in_two(folded)
        if not (self.words.isdisjoint(folded.odd) and self.words.isdisjoint(folded.thin_odd)):
            found += self._together(folded)
        if not self.words.isdisjoint(folded.leet):
            found += self._leet(folded)
        if not self.masked.isdisjoint(folded.veiled):
            found += self._veiled(folded)
        if folded.single_letters:
            found += self._spelled_out(folded)
        for view in views:
            found += self._inside(folded, view)
        return found

    def _words(self, folded: Folded, view: list[str]) -> Iterator[Match]:
        known = self.words
        for index, (word, read) in enumerate(zip(folded.words, view, strict=True)):
            spelling = word if word in known else read
            if spelling in known and not self.spellings.harmless(folded.words, index, index):
                yield Match(*folded.place(index), self.spellings.words[spelling])

    def _doubled(self, folded: Folded) -> Iterator[Match]:
        for index, thin in enumerate(folded.thin):
            word = folded.words[index]
            if thin not in self.spellings.doubled or word in self.spellings.ordinary:
                continue
            listed, entry = self.spellings.doubled[thin]
            if stretched(listed, word) and not self.spellings.harmless(folded.words, index, index):
                yield Match(*folded.place(index), entry)

    def _in_two(self, folded: Folded) -> Iterator[Match]:
        for index, (first, second) in enumerate(pairwise(folded.words)):
            entry = self.spellings.whole.get(first + second)
            if entry is None or entry.reach == "exact" or self.spellings.everyday((first, second)):
                continue
            start, end = folded.place(index, index + 1)
            if folded.plain[start + len(first) : end - len(second)].isspace():
                yield Match(start, end, entry)

    def _together(self, folded: Folded) -> Iterator[Match]:
        for start, end in folded.chunks:
            chunk = folded.plain[start:end]
            word = chunk.translate(TOGETHER)
            entry = self.spellings.words.get(word) or self.spellings.words.get(collapse(word))
            pieces = chunk.translate(APART).split()
            if (
                entry is None
                or pieces == [word]
                or word in self.spellings.innocent_words
                or not any(map(str.isalpha, chunk))
            ):
                continue
            if len(pieces) == 1 or not self.spellings.everyday(pieces):
                left = len(chunk) - len(chunk.translate(APART).lstrip())
                right = len(chunk) - len(chunk.translate(APART).rstrip())
                yield Match(start + left, end - right, entry)

    def _leet(self, folded: Folded) -> Iterator[Match]:
        for found in WORD.finditer(folded.plain.translate(PARTED)):
            if not LEET_SYMBOL.search(found[0]):
                continue
            word = untailed(found[0]).translate(LEET)
            entry = self.spellings.words.get(word) or self.spellings.words.get(collapse(word))
            if entry:
                yield Match(*found.span(), entry)

    def _veiled(self, folded: Folded) -> Iterator[Match]:
        for word, (start, end) in zip(folded.veiled, folded.veils, strict=True):
            entry = self.spellings.masked.get(word)
            if entry:
                yield Match(start, end, entry)

    def _spelled_out(self, folded: Folded) -> Iterator[Match]:
        for first, last in folded.single_letters:
            yield from self._spelled(folded, folded.words[first : last + 1], first)

    def _spelled(self, folded: Folded, letters: list[str], first: int) -> Iterator[Match]:
        last = first + len(letters) - 1
        for skipped in range(2 if letters[0] in ARTICLES else 1):
            entry = self.spellings.whole.get("".join(letters[skipped:]))
            if entry:
                yield Match(*folded.place(first + skipped, last), entry)
                return
        starts = [index for index, letter in enumerate(letters) if not index or letter != letters[index - 1]]
        ends = [*(start - 1 for start in starts[1:]), len(letters) - 1]
        for text, at, to in (
            ("".join(letters), range(len(letters)), range(len(letters))),
            ("".join(letters[start] for start in starts), starts, ends),
        ):
            for number, start, end in self.automaton.find_matches_as_indexes(text, overlapping=True):
                yield Match(*folded.place(first + at[start], first + to[end - 1]), self.patterns[number][0])

    def _inside(self, folded: Folded, view: list[str]) -> Iterator[Match]:
        text = f" {' '.join(view)} "
        starts: list[int] = []
        for number, start, end in self.automaton.find_matches_as_indexes(text, overlapping=True):
            entry, anywhere, phrase, inner = self.patterns[number]
            if not (inner or phrase) or phrase != (text[start - 1] == " " == text[end]):
                continue
            starts = starts or list(accumulate(map(add, map(len, view), repeat(1)), initial=1))
            first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
            if not phrase and (view[first] in self.words or view[first] in self.spellings.ordinary):
                continue
            if self.spellings.harmless(folded.words, first, last) or self._stem(entry, text, start, end):
                continue
            if phrase or anywhere or self._glued(text[starts[first] : start], text[end : starts[last + 1] - 1]):
                yield Match(*folded.place(first, last), entry)

    def _stem(self, entry: Entry, text: str, start: int, end: int) -> bool:
        stems = self.spellings.stems.get(entry.word)
        return stems is not None and any(stem in text[max(start - AROUND, 0) : end + AROUND] for stem in stems)

    def _glued(self, before: str, after: str) -> bool:
        return before in self.spellings.joints and after in self.spellings.joints
