"""Finds entries of the lexicon in the views of a folded text, in time linear in the text."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Literal, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from service.moderation.readings import APART, LEET, TOGETHER, collapse, stretched, untailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from service.moderation.entries import Entry
    from service.moderation.spellings import Phrase, Spellings
    from service.moderation.text import Folded

    Hit = tuple[int, int, int]
    """The number of a pattern, and where it stands."""
    Match = tuple[int, int, Entry]
    """A piece of the folded text's `plain`, and what was found there."""

ARTICLES = frozenset("ai")
"""Words of one letter that may stand before a word spelled out."""
INSIDE = frozenset({"glued", "anywhere"})
GAP = re.compile("  +")
AROUND = 4
"""Letters beside a word in which a longer, innocent stem may begin or end."""


class Pattern(NamedTuple):
    """What one of the automaton's patterns stands for."""

    kind: Literal["word", "doubled", "pair", "phrase", "glued", "anywhere"]
    """A word, one that lost a run, one in two pieces, words in a row, beside words that are run together, in any."""
    entry: Entry
    listed: str = ""
    """The word or phrase before it lost a run; the first piece of two."""
    more: int = 0
    """Words after the first."""


class Matcher:
    """Reads each view in one pass for all that may be meant, and looks closer only where something is."""

    def __init__(self, spellings: Spellings) -> None:
        self.spellings = spellings
        patterns = list(_patterns(spellings))
        self.patterns = [pattern for _, pattern in patterns]
        self.automaton = AhoCorasick([text for text, _ in patterns], implementation=Implementation.ContiguousNFA)
        letters = [text for text in spellings.patterns if " " not in text]
        self.spelled = [spellings.patterns[text] for text in letters]
        self.letters = AhoCorasick(letters, implementation=Implementation.ContiguousNFA)
        """What may be spelled out letter by letter."""

    def matches(self, folded: Folded) -> list[Match]:
        """Return every match, in no order."""
        excuses = Excuses(self.spellings, folded)
        read = self.automaton.find_matches_as_indexes
        hits = read(f" {folded.apart} ", overlapping=True)
        thin_hits = read(f" {folded.thinned} ", overlapping=True)
        found = [*self._written(folded, hits, excuses)] if hits else []
        if thin_hits:
            written = self._counted(folded.apart, hits)
            found += self._thinned(folded, thin_hits, written, excuses)
        if "  " in folded.plain:
            found += self._in_two(folded)
        if folded.squeezed:
            found += self._squeezed(folded, excuses)
        if folded.mixed:
            found += self._read(folded.mixed, TOGETHER.read, self._together)
        if folded.symbolic:
            found += self._read(folded.symbolic, _leet, self._leet)
        for word, start in folded.veiled:
            if word in self.spellings.masked:
                found.append((start, start + len(word), self.spellings.masked[word]))
        for first, last in folded.single_letters:
            found += self._spelled(folded, folded.words[first : last + 1], first)
        return found

    def _written(self, folded: Folded, hits: list[Hit], excuses: Excuses) -> Iterator[Match]:
        """Yield what words mean as they are written: whole, in two, and inside others."""
        text = f" {folded.apart} "
        for number, start, end in hits:
            kind, entry, listed, _ = self.patterns[number]
            if kind == "word":
                first, last = start + 1, end - 1
            elif kind == "pair":
                if folded.plain[start + len(listed)] == " ":
                    yield start, end - 2, entry
                continue
            elif kind in INSIDE:
                if not self._inside(text, start, end, entry, anywhere=kind == "anywhere"):
                    continue
                first, last = text.rfind(" ", 0, start) + 1, text.find(" ", end)
            else:
                continue
            if not excuses.of(text[first:last]) or not excuses.cover(bisect_left(folded.starts, first - 1)):
                yield first - 1, last - 1, entry

    def _thinned(self, folded: Folded, hits: list[Hit], written: dict[str, int], excuses: Excuses) -> Iterator[Match]:
        """Yield what words mean when runs of letters are reduced, and phrases."""
        text = f" {folded.thinned} "
        thin = self._counted(folded.thinned, hits)
        unchanged = folded.thinned == folded.apart
        for number, start, end in hits:
            kind, entry, _, more = self.patterns[number]
            if kind == "pair":
                continue
            if kind == "word" and thin[word := text[start + 1 : end - 1]] == written.get(word):
                continue  # each has been seen as it is written
            if unchanged and kind != "phrase":
                continue
            if kind in INSIDE:
                if not self._inside(text, start, end, entry, anywhere=kind == "anywhere"):
                    continue
                index = text.count(" ", 0, start) - 1
            else:
                index = text.count(" ", 0, start)
                if not self._reads(folded, text, index, start + 1, end - 1, number):
                    continue
            if not excuses.cover(index, index + more):
                yield *folded.place(index, index + more), entry

    def _counted(self, view: str, hits: list[Hit]) -> dict[str, int]:
        """Return how often each word is found in a view, runs of letters reduced."""
        words = [view[start : end - 2] for number, start, end in hits if self.patterns[number].kind == "word"]
        times: dict[str, int] = {}
        for word in collapse(" ".join(words)).split(" ") if words else ():
            times[word] = times.get(word, 0) + 1
        return times

    def _reads(self, folded: Folded, text: str, index: int, start: int, end: int, number: int) -> bool:
        """Say whether the words that lost their runs are those of the pattern."""
        kind, entry, listed, more = self.patterns[number]
        word = folded.words[index]
        if kind == "word":
            return word not in self.spellings.words
        if kind == "doubled":
            return word not in self.spellings.ordinary and stretched(listed, word)
        return not self._stem(entry, text, start, end) and (
            not listed or listed == " ".join(folded.words[index : index + more + 1])
        )

    def _squeezed(self, folded: Folded, excuses: Excuses) -> Iterator[Match]:
        """Yield what words mean when runs are reduced to two."""
        known = self.spellings.words
        for index, (word, read) in enumerate(zip(folded.words, folded.squeezed, strict=True)):
            if read in known and word not in known and not excuses.cover(index):
                yield *folded.place(index), known[read]

    def _in_two(self, folded: Folded) -> Iterator[Match]:
        """Yield words in two pieces with more than one space in between."""
        apart = f"{folded.apart} "
        for gap in GAP.finditer(folded.plain):
            start, end = apart.rfind(" ", 0, gap.start()) + 1, apart.find(" ", gap.end())
            first, second = apart[start : gap.start()], apart[gap.end() : end]
            entry = self.spellings.whole.get(first + second) if first and second else None
            if entry and entry.reach != "exact" and not self.spellings.everyday((first, second)):
                yield start, end, entry

    def _read(
        self, chunks: Sequence[tuple[str, int]], read: Callable[[str], str], find: Callable[[str], Match | None]
    ) -> Iterator[Match]:
        """Yield what is found in pieces between spaces once one of them, read in a certain way, is a known word."""
        known = self.spellings.words.keys()
        text = read(" ".join(chunk for chunk, _ in chunks))
        if known.isdisjoint(text.split()) and known.isdisjoint(collapse(text).split()):
            return
        places: dict[str, Match | None] = {}
        for chunk, start in chunks:
            if chunk not in places:
                places[chunk] = find(chunk)
            if place := places[chunk]:
                yield start + place[0], start + place[1], place[2]

    def _together(self, chunk: str) -> Match | None:
        """Return what a word means when the signs in it are left out."""
        word = TOGETHER.read(chunk)
        entry = self._known(word)
        if entry is None or word in self.spellings.innocent_words or not any(map(str.isalpha, chunk)):
            return None
        apart = APART.read(chunk)
        pieces = apart.split()
        if pieces == [word] or (len(pieces) > 1 and self.spellings.everyday(pieces)):
            return None
        return len(apart) - len(apart.lstrip()), len(apart.rstrip()), entry

    def _leet(self, chunk: str) -> Match | None:
        """Return what a word means when the symbols in it are read as letters."""
        entry = self._known(_leet(chunk))
        return (0, len(chunk), entry) if entry else None

    def _known(self, word: str) -> Entry | None:
        return self.spellings.words.get(word) or self.spellings.words.get(collapse(word))

    def _inside(self, text: str, start: int, end: int, entry: Entry, *, anywhere: bool) -> bool:
        """Say whether what stands in a word counts there."""
        if text[start - 1] == " " == text[end]:
            return False  # it is the word
        first, last = text.rfind(" ", 0, start) + 1, text.find(" ", end)
        word, joints = text[first:last], self.spellings.joints
        return (
            word not in self.spellings.words
            and word not in self.spellings.ordinary
            and (anywhere or (text[first:start] in joints and text[end:last] in joints))
            and not self._stem(entry, text, start, end)
        )

    def _stem(self, entry: Entry, text: str, start: int, end: int) -> bool:
        stems = self.spellings.stems.get(entry.word)
        return stems is not None and any(stem in text[max(start - AROUND, 0) : end + AROUND] for stem in stems)

    def _spelled(self, folded: Folded, letters: list[str], first: int) -> Iterator[Match]:
        last = first + len(letters) - 1
        for skipped in range(2 if letters[0] in ARTICLES else 1):
            entry = self.spellings.whole.get("".join(letters[skipped:]))
            if entry:
                yield *folded.place(first + skipped, last), entry
                return
        starts = [index for index, letter in enumerate(letters) if not index or letter != letters[index - 1]]
        ends = [*(start - 1 for start in starts[1:]), len(letters) - 1]
        for text, at, to in (
            ("".join(letters), range(len(letters)), range(len(letters))),
            ("".join(letters[start] for start in starts), starts, ends),
        ):
            for number, start, end in self.letters.find_matches_as_indexes(text, overlapping=True):
                yield *folded.place(first + at[start], first + to[end - 1]), self.spelled[number]


class Excuses:
    """The phrases in which words of one text mean nothing bad, looked up once for each word."""

    def __init__(self, spellings: Spellings, folded: Folded) -> None:
        self.innocent = spellings.innocent
        self.folded = folded
        self.known: dict[str, list[Phrase]] = {}

    def of(self, word: str) -> list[Phrase]:
        """Return the phrases with a word that are somewhere in the text."""
        if word not in self.innocent:
            return []
        if word not in self.known:
            text = f" {self.folded.thinned} "
            self.known[word] = [phrase for phrase in self.innocent[word] if phrase.thin in text]
        return self.known[word]

    def cover(self, first: int, last: int | None = None) -> bool:
        """Say whether the words from `first` to `last` are part of such a phrase."""
        words = self.folded.words
        last = first if last is None else last
        for phrase, place, _ in self.of(words[first]):
            start = first - place
            stop = start + len(phrase)
            if start >= 0 and last < stop and tuple(words[start:stop]) == phrase:
                return True
        return False


def _leet(text: str) -> str:
    return LEET.read(untailed(text))


def _patterns(spellings: Spellings) -> Iterator[tuple[str, Pattern]]:
    made: dict[str, Pattern] = {}
    for word, entry in spellings.words.items():
        pattern = made.get(entry.word)
        if pattern is None or pattern.entry is not entry:
            pattern = made[entry.word] = Pattern("word", entry)
        yield f" {word} ", pattern
    for word, (listed, entry) in spellings.doubled.items():
        yield f" {word} ", Pattern("doubled", entry, listed)
    for first, second, entry in _pairs(spellings):
        yield f" {first} {second} ", Pattern("pair", entry, first, more=1)
    for text, entry in spellings.patterns.items():
        if " " in text:
            yield f" {text} ", Pattern("phrase", entry, more=text.count(" "))
            if collapse(text) not in spellings.patterns:
                yield f" {collapse(text)} ", Pattern("phrase", entry, text, more=text.count(" "))
        elif entry.reach not in ("exact", "word"):
            yield text, Pattern("anywhere" if text in spellings.anywhere else "glued", entry)


def _pairs(spellings: Spellings) -> Iterator[tuple[str, str, Entry]]:
    for word, entry in spellings.whole.items():
        if entry.reach != "exact":
            for first, second in ((word[:place], word[place:]) for place in range(1, len(word))):
                if not spellings.everyday((first, second)):
                    yield first, second, entry
