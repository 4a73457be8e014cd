"""Counts where our answer is not better-profanity's, and why: `python tests/bench/differences.py [--data DIR]`."""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from better_profanity import Profanity
from better_profanity.constants import ALLOWED_CHARACTERS
from msgspec.structs import replace
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from service.moderation.lexicon import Lexicon  # noqa: E402 - the path comes first
from service.moderation.readings import collapse  # noqa: E402 - same
from service.moderation.spellings import Spellings  # noqa: E402 - same
from service.moderation.text import canonical, fold  # noqa: E402 - same
from service.wordlists import LEFT_OUT, lines, load, packaged, sorted_in  # noqa: E402 - same
from tests.bench.judging import rows  # noqa: E402 - same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model import Span

SETS = ("benign.jsonl", "evasion.jsonl", "news_profanity_gold2.csv")
LONGEST = 120
"""Characters of a text that are compared: the package takes up to a tenth of a second for 300."""
THEIRS = {
    "mild here": "the word is listed as mild, which a new site lets pass",
    "left out": "the word is left out, with the reason beside it in the list",
    "read across words": "letters of two words, or more, are read as one",
    "read as another word": "a letter or sign of another word is read as a letter of a listed one",
    "excused": "the word stands in a name, a term or a phrase in which it means nothing bad",
}
OURS = {
    "other characters": "look-alikes, marks, invisible and styled characters",
    "letters apart": "spaces, signs or markup between letters, or in their place",
    "letters repeated": "one letter again and again",
    "run together": "with other words, or as a part of a longer one",
    "respelled": "by sound, swapped, left out, turned round, or with digits",
    "listed here only": "a word, an inflection or a phrase that the package does not list",
    "beside a sign": "the word as it is listed, in quotes or beside a sign that the package takes for a letter",
}
UNEXPLAINED = "unexplained"


class Comparison:
    """The package and our lexicon, and what is needed to say why they differ."""

    def __init__(self) -> None:
        self.package = Profanity()
        self.lexicon = load()
        entries = [replace(entry, exceptions=()) for entry in self.lexicon.entries]
        ordinary, joints = frozenset(lines("ordinary.txt")), frozenset(lines("joints.txt"))
        self.unexcused = Lexicon(entries, ordinary=ordinary, joints=joints)
        self.respelled = Spellings(entries, ordinary, joints).words
        self.listed = frozenset(packaged())
        self.left_out = frozenset(word for word, (category, _) in sorted_in().items() if category == LEFT_OUT)
        spellings = {form.lower() for entry in self.lexicon.entries for form in (entry.word, *entry.forms)}
        self.spellings = frozenset(" ".join(fold(spelling).words) for spelling in spellings)
        self.thin = frozenset(map(collapse, self.spellings))

    def classes(self, text: str) -> set[str]:
        """Return the names of the reasons why the answers differ; none where they do not."""
        ours = [hit for hit in self.lexicon.hits(fold(text)) if hit.severity != "mild"]
        theirs = [*self.matches(text)]
        if bool(ours) == bool(theirs):
            return set()
        if theirs:
            return {self.theirs(text, span) for span in theirs}
        return {self.ours(text, (hit.start, hit.end)) for hit in ours}

    def matches(self, text: str) -> Iterator[Span]:
        """Yield what the package would hide."""
        kept = self.package.censor(text, "\0").split("\0" * 4)
        end = len(kept[0])
        for number, after in enumerate(kept[1:], 2):
            start, end = end, len(text) if number == len(kept) and not after else text.index(after, end + 1)
            yield start, end
            end += len(after)

    def theirs(self, text: str, span: Span) -> str:
        """Name the reason why we let pass what the package finds."""
        piece = text[slice(*span)].lower()
        if any(hit.start < span[1] and span[0] < hit.end for hit in self.lexicon.hits(fold(text))):
            return "mild here"
        if piece in self.left_out:
            return "left out"
        if piece in self.listed:
            hits = self.unexcused.hits(fold(text.lower()))
            return "excused" if any(hit.start < span[1] and span[0] < hit.end for hit in hits) else UNEXPLAINED
        return "read across words" if self._parted(piece) else "read as another word"

    def _parted(self, piece: str) -> bool:
        return any(letter not in ALLOWED_CHARACTERS for letter in piece)

    def ours(self, text: str, span: Span) -> str:
        """Name the reason why we find what the package lets pass."""
        piece = text[slice(*span)].lower()
        plain = " ".join(fold(piece).words)
        if not piece.isascii():
            return "other characters"
        if piece in self.listed:
            beside = text[max(span[0] - 1, 0) : span[0]], text[span[1] : span[1] + 1]
            return "beside a sign" if any(sign and sign in ALLOWED_CHARACTERS for sign in beside) else UNEXPLAINED
        if plain in self.spellings and re.fullmatch(r"[\w\s'-]+", piece):
            return "listed here only"
        if re.search(r"\W|_", piece):
            return "letters apart"
        return self._changed(piece)

    def _changed(self, word: str) -> str:
        if collapse(word) in self.thin:
            return "letters repeated"
        if {word, collapse(word)} & self.respelled.keys():
            return "respelled"
        return "run together" if any(known in collapse(word) for known in self.thin) else UNEXPLAINED


def sample(data: Path, number: int) -> list[str]:
    """Return texts of the labelled sets, cut short, drawn with a fixed seed."""
    texts = {canonical(row["text"][:LONGEST]) for name in SETS for row in rows(data / name)}
    return random.Random(300).sample(sorted(texts), number)


def main() -> None:
    """Compare a sample of the sets and print how many texts differ for which reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--texts", type=int, default=1000)
    given = parser.parse_args()
    comparison = Comparison()
    texts = sample(given.data, given.texts)
    found = [comparison.classes(text) for text in tqdm(texts, leave=False, disable=not sys.stderr.isatty())]
    counts = Counter(name for classes in found for name in classes)
    print(f"{len(texts)} texts, {sum(map(bool, found))} answered otherwise")
    for title, classes in (("found by the package alone", THEIRS), ("found by Trecento alone", OURS)):
        print(f"\n{title}")
        for name, why in classes.items():
            print(f"{counts[name]:5}  {name}: {why}")
    if counts[UNEXPLAINED]:
        print(f"\n{counts[UNEXPLAINED]:5}  {UNEXPLAINED}")


if __name__ == "__main__":
    main()
