from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections import Counter
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from service.moderation.text import canonical, fold
from service.wordlists import LANGUAGES, LEFT_OUT, adopted, lines, listed, load, packaged, sorted_in

DATA = Path(__file__).parents[2] / "shared" / "data"
SAMPLE = 160
"""Comments asked of better-profanity, which takes up to a tenth of a second for each."""

LEXICON = load()
ENTRIES = [entry for language in LANGUAGES for entry in listed(language)]
SPELLING = {word: entry for entry in ENTRIES for word in (entry.word, *entry.forms)}


def flagged(text: str) -> bool:
    return any(hit.severity != "mild" for hit in LEXICON.hits(fold(canonical(text))))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_of_a_language_is_an_entry(language: str) -> None:
    for entry in listed(language):
        assert entry.word.strip() == entry.word
        assert entry.category.replace("-", "").isalpha()
        assert entry.severity in ("mild", "strong", "slur")
        assert entry.reach in ("exact", "word", "glued", "within", "stem")
        assert (entry.severity == "slur") == entry.category.startswith("slur-"), entry.word
        assert all(form.strip() for form in (*entry.forms, *entry.exceptions)), entry.word


def test_no_english_spelling_has_two_entries() -> None:
    spellings = Counter(word for entry in listed("en") for word in (entry.word, *entry.forms))
    assert [word for word, times in spellings.items() if times > 1] == []


def test_every_listed_spelling_is_found() -> None:
    missed = [word for word in SPELLING if not LEXICON.hits(fold(word)) and "*" not in word]
    assert missed == []


def test_every_exception_excuses_its_word() -> None:
    wrong = [
        (entry.word, exception)
        for entry in ENTRIES
        for exception in entry.exceptions
        if entry.word in {hit.word for hit in LEXICON.hits(fold(exception))}
    ]
    assert wrong == []


def test_better_profanity_is_sorted_whole() -> None:
    ours = load()
    unsorted = [word for word in packaged() if not ours.hits(fold(word)) and word not in sorted_in()]
    assert len(packaged()) == 916
    assert unsorted == []


def test_what_is_left_out_has_a_reason() -> None:
    assert all(reason for category, reason in sorted_in().values() if category == LEFT_OUT)
    assert {"god", "kill", "hitler", "rape", "murder"} <= {
        word for word, (category, _) in sorted_in().items() if category == LEFT_OUT
    }


def test_what_is_adopted_is_not_listed_already() -> None:
    assert [entry.word for entry in adopted() if entry.word in SPELLING] == []


def test_ordinary_words_are_folded_and_sorted() -> None:
    ordinary = list(lines("ordinary.txt"))
    assert ordinary == sorted(set(ordinary))
    assert all(fold(word).plain == word for word in ordinary)


def test_the_categories_are_few_and_named() -> None:
    slurs = {"age", "disability", "gender", "orientation", "origin", "race", "religion"}
    others = {"anatomy", "blasphemy", "drugs", "excretory", "insult", "minced", "sexual", "threat", "vulgarity"}
    assert set(LEXICON.categories) == {f"slur-{kind}" for kind in slurs} | others


def test_loading_does_not_run_better_profanity() -> None:
    program = "import sys, service.wordlists; service.wordlists.load(); print('better_profanity' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "False"


def rows(name: str) -> list[str]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository, in ../shared/data")
    with path.open(encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            return [json.loads(line)["text"] for line in file]
        return [row["text"] for row in csv.DictReader(file)]


def difference(text: str, *, theirs: bool) -> str:
    """Name the reason why our answer is not better-profanity's."""
    hits = LEXICON.hits(fold(canonical(text)))
    listed_words = set(packaged())
    if theirs:
        if hits:
            return "mild here"
        words = fold(text).words
        left_out = {word for word, (category, _) in sorted_in().items() if category == LEFT_OUT}
        joined = {*words, *map("".join, pairwise(words))}
        return "left out" if left_out & joined else "joined or read as another word"
    disguised = any(canonical(text)[hit.start : hit.end].lower() not in listed_words for hit in hits)
    return "disguised or inflected" if disguised else "phrase or new word"


def test_differences_from_better_profanity_are_of_known_kinds() -> None:
    reference = import_module("better_profanity").Profanity()
    texts = rows("benign.jsonl") + rows("evasion.jsonl") + rows("news_profanity_gold2.csv")
    kinds: Counter[str] = Counter()
    for text in random.Random(300).sample(sorted({text[:120] for text in texts}), SAMPLE):
        ours, theirs = flagged(text), reference.contains_profanity(text)
        kinds["same" if ours == theirs else difference(text, theirs=theirs)] += 1
    assert kinds.total() == SAMPLE
    assert set(kinds) <= {
        "same",
        "mild here",
        "left out",
        "joined or read as another word",
        "disguised or inflected",
        "phrase or new word",
    }
    assert kinds["same"] > SAMPLE * 0.6, kinds
    assert kinds["disguised or inflected"] > kinds["phrase or new word"], kinds
