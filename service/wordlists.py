"""Reads the word lists: our own, and the one that better-profanity ships."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from service.moderation.entries import Entry
from service.moderation.lexicon import Lexicon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.moderation.entries import Reach, Severity

LANGUAGES = ("en", "de", "fr", "es", "ko", "uk", "ru")
LEFT_OUT = "-"


def load() -> Lexicon:
    """Return the lexicon of everything that is shipped."""
    entries = [entry for language in LANGUAGES for entry in listed(language)]
    return Lexicon([*entries, *adopted()], ordinary=lines("ordinary.txt"), joints=lines("joints.txt"))


def lines(name: str) -> Iterator[str]:
    """Yield the lines of one of our files that are no comments."""
    text = (files("service.moderation") / "words" / name).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line and not line.startswith("#"))


def listed(language: str) -> Iterator[Entry]:
    """Yield the entries of one language.

    A line has up to six columns, parted by tabs: word, category, severity, reach, forms, exceptions. Forms are
    parted by spaces, `+s` adds an ending to the word, `_` stands for a space, `-` for any sign that hides letters
    and `*` for one hidden letter; exceptions are parted by commas.
    """
    for line in lines(f"{language}.tsv"):
        word, category, severity, reach, forms, exceptions, *_ = [*line.split("\t"), "", ""]
        yield Entry(
            word=word,
            category=category,
            severity=cast("Severity", severity),
            reach=cast("Reach", reach),
            forms=tuple((word + form[1:] if form[0] == "+" else form).replace("_", " ") for form in forms.split()),
            exceptions=tuple(exceptions.split(",")) if exceptions else (),
        )


def packaged() -> list[str]:
    """Return the words of better-profanity; its code, which makes patterns of them all, is not loaded."""
    package = find_spec("better_profanity")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("The package better-profanity is not installed: pip install better-profanity")
    text = Path(package.origin).with_name("profanity_wordlist.txt").read_text(encoding="utf-8")
    return sorted({line.strip().lower() for line in text.splitlines() if line.strip()})


def sorted_in() -> dict[str, tuple[str, str]]:
    """Return category and severity of the package's words that we do not list; `-` and the reason if left out."""
    rows = (line.split("\t") for line in lines("better-profanity.tsv"))
    return {word: (category, severity) for word, category, severity in rows}


def adopted() -> Iterator[Entry]:
    """Yield entries for the package's words as we sort them."""
    sorted_words = sorted_in()
    for word in packaged():
        category, severity = sorted_words.get(word, (LEFT_OUT, ""))
        if category != LEFT_OUT:
            yield Entry(word=word, category=category, severity=cast("Severity", severity), reach="exact")
