"""Finds entries of the lexicon in the views of a folded text, in time linear in the text."""

from __future__ import annotations

import re
from operator import add
from typing import TYPE_CHECKING

from ahocorasick_rs import AhoCorasick, Implementation

from service.moderation.folding import TOGETHER, collapse
from service.moderation.text import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.moderation.lexicon import Entry
    from service.moderation.text import Folded

Match = tuple[int, int, "Entry"]
"""Start and end in the folded text's `plain`, and what was found there."""

WORD = re.compile(r"\S+")
SYMBOL = re.compile(r"[@$!|(+#{\[](?=[^\s!?.,;:)])|[@$+(](?=[\s!?.,;:]|$)")
TAIL = re.compile(r"[!?.,;:)\]}'\"|+]+(?=\s|$)")
SPELLED_OUT = re.compile(r"(?<!\S)\S(?:\s+\S){2,}(?!\S)")


class Matcher:
    """Entries, indexed by spelling."""

    def __init__(self, entries: Sequence[Entry], ordinary: frozenset[str], joints: frozenset[str]) -> None:
        self.ordinary = ordinary
        self.joints = joints
        self.forms: dict[str, Entry] = {}
        self.inside: list[tuple[str, Entry]] = []
        self.excepted: dict[str, list[tuple[int, list[str]]]] = {}
        for entry in entries:
            for form in (entry.word, *entry.forms):
                self._add(fold(form).words, entry)
        self.known = frozenset(self.forms)
        self.automaton = AhoCorasick([form for form, _ in self.inside], implementation=Implementation.ContiguousNFA)

    def _add(self, words: list[str], entry: Entry) -> None:
        if len(words) > 1:
            self.inside.append((collapse(" ".join(words)), entry))
            return
        form = words[0]
        self.forms.setdefault(form, entry)
        thin = collapse(form)
        if thin not in self.ordinary:
            self.forms.setdefault(thin, entry)
            if entry.reach in ("glued", "within"):
                self.inside.append((thin, entry))

    def matches(self, folded: Folded) -> list[Match]:
        """Return every match, in no order."""
        matches: list[Match] = []
        words = folded.words
        thin = folded.thin
        if not self.known.isdisjoint(words):
            matches += self._whole(folded, words)
        if not self.known.isdisjoint(thin):
            matches += self._whole(folded, thin)
        if not self.known.isdisjoint(map(add, thin, thin[1:])):
            matches += self._broken(folded)
        if not self.known.isdisjoint(folded.together):
            matches += self._together(folded)
        matches += self._inside(folded)
        return matches

    def _whole(self, folded: Folded, words: list[str]) -> Iterator[Match]:
        for word, place in zip(words, folded.places, strict=True):
            entry = self.forms.get(word)
            if entry:
                yield (*place, entry)

    def _broken(self, folded: Folded) -> Iterator[Match]:
        thin = folded.thin
        for index, whole in enumerate(map(add, thin, thin[1:])):
            entry = self.forms.get(whole)
            if entry and not (thin[index] in self.ordinary and thin[index + 1] in self.ordinary):
                yield folded.places[index][0], folded.places[index + 1][1], entry

    def _together(self, folded: Folded) -> Iterator[Match]:
        for found in WORD.finditer(folded.plain):
            entry = self.forms.get(collapse(found[0]).translate(TOGETHER))
            if entry and any(map(str.isalpha, found[0])):
                yield found.start(), found.end(), entry

    def _inside(self, folded: Folded) -> Iterator[Match]:
        text = " ".join(folded.thin)
        for number, start, end in self.automaton.find_matches_as_indexes(text, overlapping=True):
            _, entry = self.inside[number]
            first, last = text.rfind(" ", 0, start) + 1, text.find(" ", end)
            before, after = text[first:start], text[end : last if last >= 0 else len(text)]
            if (before or after) and (entry.reach == "within" or (before in self.joints and after in self.joints)):
                index = text.count(" ", 0, start)
                yield (*folded.places[index], entry)
