"""A site's own words and phrases, thousands of them, found in one pass over the text.

Each place where an entry's longest piece stands is compared with every entry that has the same longest piece, so a list
of thousands like `a*b`, `a*c`, `a*d` is slow; lists that people write are not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from service.moderation.readings import SHORT, collapse, stretched
from service.moderation.text import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.model import Span
    from service.moderation.text import Folded

TOKEN = re.compile(r"[^\W_]+")
SIGNS = re.compile(r"[^\w\s'\u2019.*-]")
"""What parts words in a text but belongs to an entry such as "c++"."""


class Pattern(NamedTuple):
    """Words in a row, each as the pieces between its asterisks; `anchor` is the word with the longest piece."""

    words: tuple[tuple[str, ...], ...]
    anchor: int

    def fits(self, words: Sequence[str]) -> bool:
        """Say whether these words are what the pattern describes."""
        return len(words) == len(self.words) and all(map(fits, self.words, words))


class SiteWords:
    """Single words, phrases, and `*` for any run of letters inside a word.

    A word is matched as a whole. Unless `exact`, both sides are folded, and words in disguise count as well.
    An entry with signs, such as "c++", is matched as it stands. An entry without a letter or digit is ignored.
    """

    def __init__(self, words: Sequence[str], *, exact: bool) -> None:
        self.exact = exact
        self.single: set[str] = set()
        patterns: dict[str, list[Pattern]] = defaultdict(list)
        literals: set[str] = set()
        for word in words:
            text = word if exact else "*".join(fold(piece).plain for piece in word.split("*"))
            pieces = tuple(tuple(part.split("*")) for part in re.findall(r"[^\W_*]+(?:\*[^\W_*]*)*|\*[\w*]+", text))
            if SIGNS.search(word):
                literals.add(text.strip())
            elif len(pieces) == 1 and len(pieces[0]) == 1:
                self.single.add(pieces[0][0])
            elif any(map(any, pieces)):
                anchor = max(range(len(pieces)), key=lambda place: len(max(pieces[place], key=len)))
                patterns[max(pieces[anchor], key=len)].append(Pattern(pieces, anchor))
        self.thin: dict[str, str] = {collapse(word): word for word in self.single if len(word) >= SHORT}
        self.patterns = list(patterns.values())
        self.anchors = AhoCorasick(list(patterns), implementation=Implementation.ContiguousNFA)
        self.literals = AhoCorasick([*filter(None, literals)], implementation=Implementation.ContiguousNFA)
        self.nothing = not (self.single or patterns or literals)

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
        if not self.patterns:
            return
        text = " ".join(words)
        for number, start, _ in self.anchors.find_matches_as_indexes(text, overlapping=True):
            index = text.count(" ", 0, start)
            for pattern in self.patterns[number]:
                first = index - pattern.anchor
                if first >= 0 and pattern.fits(words[first : first + len(pattern.words)]):
                    yield first, first + len(pattern.words) - 1

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
