"""The words that are watched for, and where they stand in a folded text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from service.moderation.entries import Severity
from service.moderation.matcher import Matcher
from service.moderation.spellings import Spellings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.moderation.entries import Entry
    from service.moderation.text import Folded


class Hit(Struct, frozen=True):
    """A word of the lexicon at a place of the stored text."""

    start: int
    end: int
    word: str
    category: str
    severity: Severity


class Lexicon:
    """All entries, made ready for matching; it holds no state, so threads may share it."""

    def __init__(self, entries: Iterable[Entry], *, ordinary: Iterable[str] = (), joints: Iterable[str] = ()) -> None:
        self.entries = tuple(entries)
        self.categories = tuple(sorted({entry.category for entry in self.entries}))
        self._matcher = Matcher(Spellings(self.entries, frozenset(ordinary), frozenset(joints)))

    def hits(self, folded: Folded) -> tuple[Hit, ...]:
        """Return the words found, in the order of the text, each place once."""
        matches = self._matcher.matches(folded)
        if not matches:
            return ()
        if not folded.in_place:
            matches = [(*folded.span(start, end), entry) for start, end, entry in matches]
        pieces = {(start, end, entry.word): entry for start, end, entry in matches}
        source = folded.source
        found: list[Hit] = []
        known: dict[tuple[str, str], tuple[str, Severity] | None] = {}
        for place in sorted(pieces):
            start, end, word = place
            spelled = word, source[start:end]
            if spelled not in known:
                known[spelled] = judged(pieces[place], spelled[1])
            meaning = known[spelled]
            if meaning and not (spelled[1] in GIVEN and named(source, start, end)):
                found.append(Hit(start, end, word, *meaning))
        return tuple(found)


def judged(entry: Entry, source: str) -> tuple[str, Severity] | None:
    """Return the category and the severity of a word as it is spelled in the stored text, None when it is no word."""
    return (entry.category, severity(entry, source)) if plausible(entry.word, source) else None


CYRILLIC = re.compile("[\u0400-\u052f\\W\\d_]*")
LAST_LATIN = "\u024f"
TWINS = frozenset("авекмнорстухіјѕԁһԛԝьӏ")
"""Cyrillic letters that cannot be told from a Latin one; every other one gives a native word away."""


def plausible(word: str, source: str) -> bool:
    """Say whether a word of the lexicon may be meant: a Cyrillic word is not written in ASCII, nor the reverse."""
    if word[0] > LAST_LATIN:
        return not source.isascii()
    if source.isascii():
        return True
    native = CYRILLIC.fullmatch(source) and not TWINS.issuperset(re.sub(r"[\W\d_]", "", source.lower()))
    return not native


GIVEN = frozenset({"Dick"})
"""Given names that are words of the lexicon."""
SURNAME = re.compile(
    r" (?!(?:Pic|Move|Energy|Joke|Size|Head|Face)s?\b)(?:(?:[A-Z]\.|[Vv]an|[Dd]e) )?[A-Z][a-z]*[a-z]{2}\b"
)
NO_NAME = re.compile(r"(?:^|\W)(?:[A-Z]\w*|an?|the|your|my|his|her|their|this|that|such|big|little|no) $")
"""What stands before a noun, or before anything where each word has a capital."""
NEAR = 20
"""Characters before a word in which the one before it is looked for."""


def named(source: str, start: int, end: int) -> bool:
    """Say whether a word is the given name before a surname."""
    return (
        source[start:end] in GIVEN
        and SURNAME.match(source, end) is not None
        and not NO_NAME.search(source[max(start - NEAR, 0) : start])
    )


HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2015"
PRINTED = re.compile(f"(?:bull|horse|dog)?[a-z]?[{HYPHENS}]{{2,}}", re.IGNORECASE)
"""The initial and hyphens, which is how newspapers print a word they do not spell out (the AP Stylebook's rule)."""


def severity(entry: Entry, source: str) -> Severity:
    """Return how bad a word is as it stands there: a strong one is mild where newspapers would print it so."""
    return (
        "mild" if source[-1] in HYPHENS and entry.severity == "strong" and PRINTED.fullmatch(source) else entry.severity
    )
