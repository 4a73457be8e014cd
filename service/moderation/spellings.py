"""Every spelling under which an entry of the lexicon is known, made once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from service.moderation.disguises import SHORTEST, censored, disguises
from service.moderation.folding import plain
from service.moderation.readings import APART, SHORT, collapse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.moderation.entries import Entry

RANGES = frozenset({"a*z"})
"""What is written for all letters from one to another."""
HANGUL = "\u1100"
"""Where scripts begin in which a character is a syllable: hiding one hides half of a word."""
LONE = frozenset("stdaiom")
"""Letters that stand alone in ordinary writing: "it's", "don't", "a", "I", "o'clock"."""


class Phrase(NamedTuple):
    """Words in a row among which the one at `place` means nothing bad."""

    words: tuple[str, ...]
    place: int
    thin: str
    """The words with spaces around them, without runs."""


class Spellings:
    """Entries by spelling. A spelling belongs to the first entry that has it; those listed come before disguises."""

    def __init__(self, entries: Sequence[Entry], ordinary: frozenset[str], joints: frozenset[str]) -> None:
        self.ordinary = ordinary
        self.joints = joints | {collapse(joint) for joint in joints} | {""}
        self.words: dict[str, Entry] = {}
        """As one word, as listed, with runs collapsed, and in disguise."""
        self.whole: dict[str, Entry] = {}
        """As listed; these may also come in two pieces or letter by letter."""
        self.masked: dict[str, Entry] = {}
        """With letters hidden behind asterisks."""
        self.patterns: dict[str, Entry] = {}
        """Phrases, and what is looked for inside words, as listed and with runs collapsed."""
        self.doubled: dict[str, tuple[str, Entry]] = {}
        """By what is left without runs, where that is another word ("niger"): the listed form tells them apart."""
        self.anywhere: set[str] = set()
        """The patterns that count in any word, not only beside words that are often run together."""
        self.stems: dict[str, list[str]] = {}
        """By the word of an entry, innocent stems around it, in scripts that do not part words."""
        self.innocent: dict[str, list[Phrase]] = {}
        """By each of their words."""
        self.innocent_words: set[str] = set()
        """Those that are one word."""
        for entry in entries:
            for form in (entry.word, *entry.forms):
                self._list(form, entry)
        for word, entry in self.whole.items():
            if word.isalpha() and len(word) >= SHORT and entry.word < HANGUL:
                for mask in censored(word):
                    if mask not in RANGES:
                        self.masked.setdefault(mask, entry)
            if word.isascii() and word.isalpha() and entry.word.isascii():
                self._disguise(word, entry)
        for entry in entries:
            for exception in entry.exceptions:
                self._allow(tuple(APART.read(plain(exception)).split()), entry)

    def _list(self, form: str, entry: Entry) -> None:
        text = plain(form)
        if "-" in form or "*" in form:
            self.masked.setdefault(text.replace("-", "*"), entry)
            return
        words = APART.read(text).split()
        spelling = " ".join(words)
        thin = collapse(spelling)
        spellings = {spelling} if spelling != thin and self._common(thin.split()) else {spelling, thin}
        if len(words) > 1:
            _claim(self.patterns, spellings, entry)
            return
        _claim(self.words, spellings, entry)
        if entry.severity != "mild":
            self.whole.setdefault(spelling, entry)
            if len(spellings) == 1 and spelling != thin and len(thin) >= SHORT:
                self.doubled.setdefault(thin, (spelling, entry))
            if len(thin) >= SHORTEST or not thin.isascii():
                _claim(self.patterns, spellings, entry)
                if (entry.reach == "within" and form == entry.word) or entry.reach == "stem":
                    self.anywhere |= spellings

    def _disguise(self, word: str, entry: Entry) -> None:
        if entry.reach in ("exact", "stem") or len(word) < SHORTEST:
            return
        others = list(filter(None, disguises(word)))
        for disguise, thin in zip(others, collapse("\n".join(others)).split("\n"), strict=True):
            spelling = disguise if thin in self.ordinary else thin
            if len(spelling) >= SHORTEST and spelling not in self.ordinary:
                self.words.setdefault(spelling, entry)

    def _allow(self, words: tuple[str, ...], entry: Entry) -> None:
        thin = f" {collapse(' '.join(words))} "
        for place, word in enumerate(words):
            self.innocent.setdefault(word, []).append(Phrase(words, place, thin))
        if len(words) == 1:
            self.innocent_words.add(words[0])
        if len(words) == 1 and not words[0].isascii():
            self.stems.setdefault(entry.word, []).append(words[0])

    def _common(self, words: Iterable[str]) -> bool:
        return not self.ordinary.isdisjoint(words)

    def everyday(self, pieces: Iterable[str]) -> bool:
        """Say whether every piece is a word that people write, so that together they are no broken-up word.

        A number before a word, as in "a 5-hit shutout", counts things and is no letter of it.
        """
        first, *others = pieces
        if first.isdigit() and others and all(map(self._word, others)):
            return True
        return all(map(self._word, (first, *others)))

    def _word(self, piece: str) -> bool:
        return collapse(piece) in self.ordinary and (len(piece) > 1 or piece in LONE)


def _claim(table: dict[str, Entry], spellings: Iterable[str], entry: Entry) -> None:
    for spelling in spellings:
        table.setdefault(spelling, entry)
