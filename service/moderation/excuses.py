"""The phrases in which a word of the lexicon means nothing bad, as far as they stand in one text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.moderation.spellings import Phrase, Spellings
    from service.moderation.text import Folded


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
