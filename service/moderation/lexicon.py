"""The words that are watched for, and where they stand in a folded text."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from msgspec import Struct

from service.moderation.entries import Severity
from service.moderation.matcher import Matcher
from service.moderation.readings import collapse
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
        forms = (form for entry in self.entries for form in (entry.word, *entry.forms))
        self._native = frozenset(native(form) for form in forms if NATIVE.fullmatch(form))

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
                known[spelled] = self._judged(pieces[place], spelled[1])
            meaning = known[spelled]
            if meaning and not named(source, start, end):
                found.append(Hit(start, end, word, *meaning))
        return tuple(found)

    def _judged(self, entry: Entry, source: str) -> tuple[str, Severity] | None:
        """Return the category and the severity of a word as it is spelled in the text, None when it is no word."""
        if not plausible(entry.word, source) or (
            CYRILLIC.fullmatch(entry.word) and NATIVE.fullmatch(source) and native(source) not in self._native
        ):
            return None
        return entry.category, severity(entry, source)


CYRILLIC = re.compile("[\u0400-\u052f\\W\\d_]*")
LAST_LATIN = "\u024f"
TWINS = frozenset("авекмнорстухіјѕԁһԛԝьӏ")
"""Cyrillic letters that cannot be told from a Latin one; every other one, or a space, gives native words away."""


NATIVE = re.compile("[\u0400-\u052f\u0300-\u036f .,_'\u2019\u02bc-]*")
"""Cyrillic letters and what may stand between them: nothing that stands for another letter."""
VOWELS = str.maketrans("єэіы", "ееии")
"""Those that people who write two of the languages take for each other, without their marks."""


def native(source: str) -> str:
    """Return the Cyrillic letters of a word without marks, apart from the Latin ones that several of them look like."""
    letters = re.sub(r"[\W_]", "", unicodedata.normalize("NFD", source.lower()))
    return collapse(letters.translate(VOWELS))


def plausible(word: str, source: str) -> bool:
    """Say whether a word of the lexicon may be meant: a Cyrillic word is not written in ASCII, nor the reverse."""
    if word[0] > LAST_LATIN:
        return not source.isascii()
    if source.isascii():
        return True
    return not CYRILLIC.fullmatch(source) or TWINS.issuperset(re.sub(r"[^\w ]|[\d_]", "", source.lower()))


PROPER = frozenset({"Нігер", "Нигер", "Хохлов", "Хохлова", "Хохлову", "Мокша"})
"""Names of places and surnames that are words of the lexicon when they are written small."""
GIVEN = frozenset({"Dick", "Nigers"})
"""What is a name before a capital: a given name before a surname, a country in the genitive of German."""
ATE = frozenset({"aß", "Aß"})
"""German; its last letter stands for "ss" as well."""
SURNAME = re.compile(
    r" (?!(?:Pic|Move|Energy|Joke|Size|Head|Face)s?\b)(?:(?:[A-Z]\.|[Vv]an|[Dd]e) )?[A-Z]\w*[a-z]{2}\b"
)
BEFORE_NOUNS = ("a", "an", "the", "your", "my", "his", "her", "their", "this", "that", "such", "big", "little", "no")
NO_NAME = re.compile(rf"(?:^|\W)(?:[A-Z]\w*|{'|'.join(BEFORE_NOUNS)}) $")
"""What stands before a noun, or before anything where each word has a capital."""
ATE_BY_NOBODY = tuple(f" {word} " for word in BEFORE_NOUNS)
NEAR = 20
"""Characters before a word in which the one before it is looked for."""


def named(source: str, start: int, end: int) -> bool:
    """Say whether a word is a name, the given name before a surname, or the past tense of German "essen"."""
    word, before = source[start:end], f" {source[max(start - NEAR, 0) : start]}"
    if word in GIVEN:
        return SURNAME.match(source, end) is not None and not NO_NAME.search(before)
    return word in PROPER or (word in ATE and not before.lower().endswith(ATE_BY_NOBODY))


HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2015"
PRINTED = re.compile(f"(?:bull|horse|dog)?[a-z]?[{HYPHENS}]{{2,}}", re.IGNORECASE)
"""The initial and hyphens, which is how newspapers print a word they do not spell out (the AP Stylebook's rule)."""


def severity(entry: Entry, source: str) -> Severity:
    """Return how bad a word is as it stands there: a strong one is mild where newspapers would print it so."""
    return (
        "mild" if source[-1] in HYPHENS and entry.severity == "strong" and PRINTED.fullmatch(source) else entry.severity
    )
