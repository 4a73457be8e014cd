"""Finds entries of the lexicon in the views of a folded text, in time linear in the text."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from ahocorasick_rs import AhoCorasick, Implementation

from service.moderation.doubts import closed, meant
from service.moderation.excuses import Excuses
from service.moderation.patterns import OTHER, PHRASE, patterns_of, reduced
from service.moderation.readings import APART, CONTRACTIONS, LEET, TOGETHER, collapse, stretched, untailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from service.moderation.entries import Entry
    from service.moderation.spellings import Spellings
    from service.moderation.text import Folded

    Hit = tuple[int, int, int]
    """The number of a pattern, and where it stands."""
    Match = tuple[int, int, Entry]
    """A piece of the folded text's `plain`, and what was found there."""

ARTICLES = frozenset("ai")
"""Words of one letter that may stand before a word spelled out."""
INSIDE = frozenset({"glued", "anywhere"})
WRITTEN = INSIDE | {"word"}
ONE = "1"
"""The digit that stands for an "i" or an "l"."""
AROUND = 4
"""Letters beside a word in which a longer, innocent stem may begin or end."""


class Matcher:
    """Reads each view in one pass for all that may be meant, and looks closer only where something is."""

    def __init__(self, spellings: Spellings) -> None:
        self.spellings = spellings
        patterns = list(patterns_of(spellings))
        self.patterns = [pattern for _, pattern in patterns]
        texts = [text for text, _ in patterns]
        self.automaton = AhoCorasick(texts, implementation=Implementation.ContiguousNFA)
        self.reduced = reduced(texts, self.patterns)
        """For each pattern that is a word, a number that it shares with those that are the same without runs."""
        letters = [text for text in spellings.patterns if " " not in text]
        self.spelled = [spellings.patterns[text] for text in letters]
        self.letters = AhoCorasick(letters, implementation=Implementation.ContiguousNFA)
        """What may be spelled out letter by letter."""

    def matches(self, folded: Folded) -> list[Match]:
        """Return every match, in no order."""
        found: list[Match] = []
        hits = self.automaton.find_matches_as_indexes(f" {folded.apart} ", overlapping=True)
        thin_hits = self.automaton.find_matches_as_indexes(f" {folded.thinned} ", overlapping=True)
        if hits or thin_hits:
            excuses = Excuses(self.spellings, folded)
            found += self._written(folded, hits, excuses)
            found += self._thinned(folded, hits, thin_hits, excuses)
        if "  " in folded.plain:
            found += self._in_two(folded)
        if folded.drawn_out and folded.squeezed:
            found += self._squeezed(folded, Excuses(self.spellings, folded))
        if folded.mixed:
            found += self._read(folded.mixed, TOGETHER.read, self._together)
        if folded.leetish:
            found += self._read(folded.symbolic, _leet, self._leet)
        for word, start in folded.veiled:
            end = start + len(word)
            if word in self.spellings.masked and not closed(word, folded.plain[end - 1], self.spellings):
                found.append((start, end, self.spellings.masked[word]))
        if folded.spelled_out:
            found += self._spelled(folded)
        return found

    def _written(self, folded: Folded, hits: list[Hit], excuses: Excuses) -> Iterator[Match]:
        """Yield what words mean as they are written: whole, in two, and inside others."""
        text = f" {folded.apart} "
        inside: dict[tuple[int, int, str], bool] = {}
        word, first, last = "", 0, 0
        for number, start, end in hits:
            kind, entry, listed, _ = self.patterns[number]
            if kind == "pair":
                if folded.plain[start + len(listed)] == " ":
                    yield start, end - 2, entry
                continue
            if kind not in WRITTEN:
                continue
            if not first <= start < end <= last:
                first, last = (
                    (start + 1, end - 1) if kind == "word" else (text.rfind(" ", 0, start) + 1, text.find(" ", end))
                )
                word = text[first:last]  # once, however much is found in it
            if kind != "word":
                place = number, start - first, word
                if place not in inside:
                    inside[place] = self._inside(word, start - first, end - first, entry, kind)
                if not inside[place]:
                    continue
            if not excuses.of(word) or not excuses.cover(bisect_left(folded.starts, first - 1)):
                yield first - 1, last - 1, entry

    def _thinned(self, folded: Folded, hits: list[Hit], thin_hits: list[Hit], excuses: Excuses) -> Iterator[Match]:
        """Yield what words mean when runs of letters are reduced, and phrases."""
        reduced = self.reduced
        written, thin = [reduced[hit[0]] for hit in hits], [reduced[hit[0]] for hit in thin_hits]
        unchanged = folded.thinned == folded.apart
        if written == thin and PHRASE not in thin and (unchanged or OTHER not in thin):
            return  # each has been seen as it is written
        times_written, times = _times(written), _times(thin)
        text = f" {folded.thinned} "
        for number, start, end in thin_hits:
            kind, entry, _, more = self.patterns[number]
            if kind == "pair":
                continue
            if kind == "word" and times[reduced[number]] == times_written.get(reduced[number]):
                continue
            if unchanged and kind != "phrase":
                continue
            if kind in INSIDE:
                first, last = text.rfind(" ", 0, start) + 1, text.find(" ", end)
                if not self._inside(text[first:last], start - first, end - first, entry, kind):
                    continue
                index = text.count(" ", 0, start) - 1
            else:
                index = text.count(" ", 0, start)
                if not self._reads(folded, text, index, start + 1, end - 1, number):
                    continue
            if not excuses.cover(index, index + more):
                yield *folded.place(index, index + more), entry

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
        """Yield words in two pieces with more than one space in between; the same pieces are read once."""
        plain, apart = folded.plain, f"{folded.apart} "
        known: dict[tuple[str, str], Entry | None] = {}
        gap = plain.find("  ", 1)
        while gap > 0:
            if apart[gap - 1] != " ":  # no sign stands there
                after = len(plain) - len(plain[gap:].lstrip(" "))
                start, end = apart.rfind(" ", 0, gap) + 1, apart.find(" ", after)
                pieces = apart[start:gap], apart[after:end]
                if pieces not in known:
                    known[pieces] = self._halves(pieces)
                entry = known[pieces]
                if entry:
                    yield start, end, entry
            gap = plain.find("  ", gap + 2)

    def _halves(self, pieces: tuple[str, str]) -> Entry | None:
        """Return what two pieces mean together."""
        entry = self.spellings.whole.get("".join(pieces)) if all(pieces) else None
        return entry if entry and entry.reach != "exact" and not self.spellings.everyday(pieces) else None

    def _read(
        self, chunks: Sequence[tuple[str, int]], read: Callable[[str], str], find: Callable[[str], Match | None]
    ) -> list[Match]:
        """Return what is found in pieces between spaces once one of them, read in a certain way, is a known word."""
        known = self.spellings.words.keys()
        distinct = {chunk for chunk, _ in chunks} - CONTRACTIONS
        if not distinct:
            return []
        text = " ".join(_both(read, " ".join(distinct)))
        if known.isdisjoint(text.split()):
            thin = collapse(text)
            if thin == text or known.isdisjoint(thin.split()):
                return []
        found = {chunk: match for chunk in distinct if (match := find(chunk))}
        return [
            (start + match[0], start + match[1], match[2]) for chunk, start in chunks if (match := found.get(chunk))
        ]

    def _together(self, chunk: str) -> Match | None:
        """Return what a word means when the signs in it are left out."""
        for word in _both(TOGETHER.read, chunk):
            entry = self._known(word)
            if entry and word not in self.spellings.innocent_words and meant(chunk, word, self.spellings):
                break
        else:
            return None
        apart = APART.read(chunk)
        pieces = apart.split()
        if pieces == [word] or (len(pieces) > 1 and self.spellings.everyday(pieces)):
            return None
        return len(apart) - len(apart.lstrip()), len(apart.rstrip()), entry

    def _leet(self, chunk: str) -> Match | None:
        """Return what a word means when the symbols in it are read as letters."""
        for word in _both(_leet, chunk):
            if entry := self._known(word):
                return 0, len(chunk), entry
        return None

    def _known(self, word: str) -> Entry | None:
        return self.spellings.words.get(word) or self.spellings.words.get(collapse(word))

    def _inside(self, word: str, start: int, end: int, entry: Entry, kind: str) -> bool:
        """Say whether what stands in a word counts there."""
        if end - start == len(word):
            return False  # it is the word
        joints, whole = self.spellings.joints, self.spellings.whole
        return (
            word not in self.spellings.words
            and word not in self.spellings.ordinary
            and (kind == "anywhere" or all(part in joints or part in whole for part in (word[:start], word[end:])))
            and not self._stem(entry, word, start, end)
        )

    def _stem(self, entry: Entry, text: str, start: int, end: int) -> bool:
        """Say whether a word stands in a longer, innocent one, in scripts that do not part words."""
        around = text[max(start - AROUND, 0) : end + AROUND]
        return any(stem in around for stem in self.spellings.stems.get(entry.word, ()))

    def _spelled(self, folded: Folded) -> Iterator[Match]:
        """Yield words spelled out in words of one letter; the same row is read once."""
        known: dict[str, list[Match]] = {}
        for first, last in folded.single_letters:
            letters = "".join(folded.words[first : last + 1])
            if letters not in known:
                known[letters] = list(self._spell(letters))
            for start, end, entry in known[letters]:
                yield *folded.place(first + start, first + end), entry

    def _spell(self, letters: str) -> Iterator[Match]:
        """Yield what letters spell, with the number of its first letter and of its last."""
        read = letters
        if not letters.isalpha() and sum(map(str.isdigit, letters)) < len(letters) / 2:
            read = TOGETHER.read(letters)
        for skipped in range(2 if letters[0] in ARTICLES else 1):
            entry = self.spellings.whole.get(read[skipped:])
            if entry:
                yield skipped, len(letters) - 1, entry
                return
        for number, start, end in self.letters.find_matches_as_indexes(letters, overlapping=True):
            yield start, end - 1, self.spelled[number]
        changes = [index for index, letter in enumerate(letters) if not index or letter != letters[index - 1]]
        if len(changes) < len(letters):
            ends = [*(change - 1 for change in changes[1:]), len(letters) - 1]
            thin = "".join([letters[change] for change in changes])
            for number, start, end in self.letters.find_matches_as_indexes(thin, overlapping=True):
                yield changes[start], ends[end - 1], self.spelled[number]


def _times(numbers: Iterable[int]) -> dict[int, int]:
    """Return how often each number comes; `Counter` takes longer to make than so few take to count."""
    times: dict[int, int] = {}
    for number in numbers:
        times[number] = times.get(number, 0) + 1
    return times


def _both(read: Callable[[str], str], text: str) -> Iterator[str]:
    """Yield a text as it reads, and once more with the digit that stands for two letters as the other one."""
    yield read(text)
    if ONE in text:
        yield read(text.replace(ONE, "l"))


def _leet(text: str) -> str:
    return LEET.read(untailed(text))
