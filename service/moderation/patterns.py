"""What is looked for in the views of a text: every spelling of the lexicon, made ready for one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from service.moderation.readings import collapse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.moderation.entries import Entry
    from service.moderation.spellings import Spellings

PHRASE, OTHER = -1, -2
"""In place of a word's number: words in a row, and all else that is no word."""


class Pattern(NamedTuple):
    """What one of the automaton's patterns stands for."""

    kind: Literal["word", "doubled", "pair", "phrase", "glued", "anywhere"]
    """A word, one that lost a run, one in two pieces, words in a row, beside words that are run together, in any."""
    entry: Entry
    listed: str = ""
    """The word or phrase before it lost a run; the first piece of two."""
    more: int = 0
    """Words after the first."""


def patterns_of(spellings: Spellings) -> Iterator[tuple[str, Pattern]]:
    """Yield what is looked for, with what it stands for."""
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


def reduced(texts: list[str], patterns: list[Pattern]) -> list[int]:
    """Return for each word the number of the first that is the same without runs; for all else what it is."""
    first: dict[str, int] = {}
    thin = collapse("\n".join(texts)).split("\n") if texts else []
    return [
        first.setdefault(text, number) if kind == "word" else PHRASE if kind == "phrase" else OTHER
        for number, (text, (kind, *_)) in enumerate(zip(thin, patterns, strict=True))
    ]


def _pairs(spellings: Spellings) -> Iterator[tuple[str, str, Entry]]:
    for word, entry in spellings.whole.items():
        if entry.reach != "exact":
            for first, second in ((word[:place], word[place:]) for place in range(1, len(word))):
                if not spellings.everyday((first, second)):
                    yield first, second, entry
