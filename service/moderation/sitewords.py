"""A site's own words and phrases, thousands of them, found in one pass over the text.

A list costs the same however long it is: what an entry has between its asterisks is looked for with all others at
once, and only entries that share their rarest piece are compared one by one. `problems` says which lists are none.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from service.moderation.readings import SHORT, collapse, stretched
from service.moderation.text import canonical, fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.model import Span
    from service.moderation.text import Folded

TOKEN = re.compile(r"[^\W_]+")
WILD = re.compile(r"(?:[^\W_]|\*)+")
SIGNS = re.compile(r"[^\w\s'\u2019.*-]")
"""What parts words in a text but belongs to an entry such as "c++"."""


class Pattern(NamedTuple):
    """Words in a row, each as the pieces between its asterisks."""

    words: tuple[tuple[str, ...], ...]

    def fits(self, words: Sequence[str]) -> bool:
        """Say whether these words are what the pattern describes."""
        if len(self.words) == 1:
            return fits(self.words[0], words[0])
        return len(words) == len(self.words) and all(map(fits, self.words, words))

    def runs(self) -> dict[str, int]:
        """Return what stands between asterisks, with the number of words that end before it.

        A space stands before and after each word, and so in a run where a word begins or ends in it.
        """
        text = f" {' '.join(map('*'.join, self.words))} "
        return {run[0]: text.count(" ", 0, run.start()) for run in re.finditer(r"[^*]+", text) if run[0] != " "}


class SiteWords:
    """Single words, phrases, and `*` for any run of letters inside a word.

    A word is matched as a whole. Unless `exact`, both sides are folded, and words in disguise count as well.
    An entry with signs, such as "c++", is matched as it stands. A word without a letter or digit is ignored.
    """

    def __init__(self, words: Sequence[str], *, exact: bool) -> None:
        self.exact = exact
        self.single: set[str] = set()
        self.ends: dict[str, dict[int, set[str]]] = {}
        """Of words with one asterisk inside: by their beginning, the ends by length."""
        patterns: set[Pattern] = set()
        literals: set[str] = set()
        for word in words:
            text = word if exact else "*".join(fold(piece).plain for piece in word.split("*"))
            if SIGNS.search(word):
                literals.add(text.strip())
            elif pieces := pieced(text):
                self._add(pieces, patterns)
        self.beginnings = sorted({len(beginning) for beginning in self.ends})
        self.thin: dict[str, str] = {collapse(word): word for word in self.single if len(word) >= SHORT}
        anchors: dict[str, list[tuple[Pattern, int]]] = defaultdict(list)
        common = Counter(run for pattern in patterns for run in pattern.runs())
        for pattern in sorted(patterns):
            runs = pattern.runs()
            anchor = min(runs, key=lambda run: (common[run], -len(run)))
            anchors[anchor].append((pattern, runs[anchor]))
        self.patterns = [*anchors.items()]
        """By anchor, with its place in each."""
        self.anchors = AhoCorasick(list(anchors), implementation=Implementation.ContiguousNFA)
        self.literals = AhoCorasick([*filter(None, literals)], implementation=Implementation.ContiguousNFA)
        self.nothing = not (self.single or self.ends or patterns or literals)

    def _add(self, pieces: tuple[tuple[str, ...], ...], patterns: set[Pattern]) -> None:
        word = pieces[0]
        if len(pieces) > 1 or len(word) > 2 or not all(word):  # noqa: PLR2004 - a beginning and an end
            patterns.add(Pattern(pieces))
        elif len(word) == 1:
            self.single.add(word[0])
        else:
            self.ends.setdefault(word[0], {}).setdefault(len(word[1]), set()).add(word[1])

    def spans(self, folded: Folded) -> tuple[Span, ...]:
        """Return where the words stand in the stored text, in order."""
        if self.nothing:
            return ()
        if self.exact:
            text = folded.source
            found = [*TOKEN.finditer(text)]
            words = [token[0] for token in found]
            rows = {*self._listed(words), *self._matched(words)}
            pieces = {(found[first].start(), found[last].end()) for first, last in rows}
            return tuple(sorted(pieces.union(self._literal(text))))
        rows = {*self._listed(folded.words), *self._matched(folded.words)}
        if folded.thin is not folded.words:
            rows.update(self._matched(folded.thin))
        pieces = {folded.place(first, last) for first, last in rows}
        pieces.update(self._literal(folded.plain), self._disguised(folded))
        return tuple(sorted({folded.span(start, end) for start, end in pieces}))

    def _listed(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        if not self.single.isdisjoint(words):
            yield from ((index, index) for index, word in enumerate(words) if word in self.single)

    def _matched(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        if self.ends:
            yield from ((index, index) for index, word in enumerate(words) if self._ended(word))
        for pattern, first in self.candidates(words):
            last = first + len(pattern.words)
            if first >= 0 and pattern.fits(words[first:last]):
                yield first, last - 1

    def _ended(self, word: str) -> bool:
        for length in self.beginnings:
            if length >= len(word):
                return False
            ends = self.ends.get(word[:length])
            if ends and any(word[-end:] in known for end, known in ends.items() if length + end <= len(word)):
                return True
        return False

    def candidates(self, words: Sequence[str]) -> Iterator[tuple[Pattern, int]]:
        """Yield each pattern whose rarest piece stands in the words, with the word at which it would begin, once."""
        if not self.patterns:
            return
        text = f" {' '.join(words)} "
        found = self.anchors.find_matches_as_indexes(text, overlapping=True)
        for number, index in {(number, text.count(" ", 0, start)): None for number, start, _ in found}:
            for pattern, place in self.patterns[number][1]:
                yield pattern, index - place

    def _literal(self, text: str) -> Iterator[Span]:
        for _, start, end in self.literals.find_matches_as_indexes(text, overlapping=True):
            before, after = text[start - 1 : start], text[end : end + 1]
            if not (before.isalnum() and text[start].isalnum()) and not (after.isalnum() and text[end - 1].isalnum()):
                yield start, end

    def _disguised(self, folded: Folded) -> Iterator[Span]:
        if not self.thin.keys().isdisjoint(folded.thin):
            for index, thin in enumerate(folded.thin):
                if thin in self.thin and stretched(self.thin[thin], folded.words[index]):
                    yield folded.place(index)
        for readings in (folded.odd, folded.leet):
            if not self.thin.keys().isdisjoint(map(collapse, readings)):
                for start, end, word in folded.read():
                    listed = self.thin.get(collapse(word))
                    if listed and stretched(listed, word):
                        yield start, end
        for start, end, word in folded.spelled():
            listed = self.thin.get(collapse(word))
            if listed and stretched(listed, word):
                yield start, end


def fits(pieces: Sequence[str], word: str) -> bool:
    """Say whether a word is made of the pieces in their order with any letters in between."""
    if len(pieces) == 1:
        return word == pieces[0]
    start, stop = len(pieces[0]), len(word) - len(pieces[-1])
    if start > stop or not word.startswith(pieces[0]) or not word.endswith(pieces[-1]):
        return False
    for piece in pieces[1:-1]:
        place = word.find(piece, start, stop)
        if place < 0:
            return False
        start = place + len(piece)
    return True


def pieced(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of an entry as the pieces between their asterisks, without those that are asterisks alone."""
    words = (re.sub(r"\*+", "*", word[0]) for word in WILD.finditer(text))
    return tuple(tuple(word.split("*")) for word in words if word != "*")


def problems(words: Sequence[str], *, exact: bool) -> Iterator[str]:
    """Yield a sentence for each entry that would find nothing or mean something else, and for entries too alike."""
    listed = SiteWords(words, exact=exact)
    for word in words:
        if any("*" in part and not part.strip("*") for part in word.split()):
            yield f"{word!r} has an asterisk that is no part of a word; it stands for letters, not for words."
        elif not listed.spans(fold(canonical(word.replace("*", "")))):
            yield f"{word!r} finds nothing: it has no letter, digit or sign that is kept in a comment."
    for anchor, patterns in listed.patterns:
        if (
            len(patterns) > len(anchor) ** 2
        ):  # each is tried wherever the piece stands, and a short one stands everywhere
            first = " ".join(map("*".join, patterns[0][0].words))
            yield f"{len(patterns)} entries are like {first!r}: too many have no longer piece than {anchor.strip()!r}."
