from __future__ import annotations

import re
import time
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.moderation.sitewords import SiteWords, problems
from service.moderation.text import fold

ENTRIES = st.lists(st.text(st.sampled_from("abcd *+'é"), min_size=1, max_size=12), max_size=20)


def found(words: list[str], text: str, *, exact: bool = False) -> list[str]:
    return [text[start:end] for start, end in SiteWords(words, exact=exact).spans(fold(text))]


@pytest.mark.parametrize(
    ("entry", "text", "pieces"),
    [
        ("acme", "Acme, the ACME and acmes", ["Acme", "ACME"]),
        ("acme", "á̶c̶m̶e and аcmе and a.c.m.e", ["á̶c̶m̶e", "аcmе", "a.c.m.e"]),
        ("acme", "@cm3 and aaacccme and a c m e", ["@cm3", "aaacccme", "a c m e"]),
        ("acme", "acme's anvils", ["acme"]),
        ("acm*", "acme acm acmes xacme", ["acme", "acm", "acmes"]),
        ("*cme", "acme cme acmes", ["acme", "cme"]),
        ("*cm*", "acme cme acmes", ["acme", "cme", "acmes"]),
        ("a*e", "acme ae abide ace-", ["acme", "ae", "abide", "ace"]),
        ("acme corp", "the acme corp, ACME  Corp. acme-corp acme corps", ["acme corp", "ACME  Corp", "acme-corp"]),
        ("acme corp*", "acme corporation", ["acme corporation"]),
        ("e-mail", "e-mail e mail email", ["e-mail", "e mail"]),
        ("c++", "C++ c c+ C++!", ["C++", "C++"]),
        ("ass", "as ass asss class", ["ass", "asss"]),
        ("cook", "cok cook coook", ["cook", "coook"]),
        ("straße", "Strasse STRASSE", ["Strasse", "STRASSE"]),
        ("ключ", "Ключ ключи", ["Ключ"]),
        ("열쇠", "열쇠 열쇠는", ["열쇠"]),
        ("*열쇠*", "새열쇠는", ["새열쇠는"]),
        ("a", "a " * 3 + "aaa", ["a", "a", "a"]),
        (".*", "anything. * at all", []),
        ("*", "anything", []),
        ("(a+)+$", "aaaaaaaaaaaaaaaa", []),
    ],
)
def test_an_entry_is_found_where_it_stands(entry: str, text: str, pieces: list[str]) -> None:
    assert found([entry], text) == pieces


@pytest.mark.parametrize(
    ("entry", "text", "pieces"),
    [
        ("Acme", "Acme acme ACME", ["Acme"]),
        ("Acm*", "Acmes acmes", ["Acmes"]),
        ("Acme Corp", "Acme Corp acme corp", ["Acme Corp"]),
        ("C++", "C++ c++", ["C++"]),
        ("Acme", "Асmе A.c.m.e", []),
    ],
)
def test_exact_entries_match_the_text_as_written(entry: str, text: str, pieces: list[str]) -> None:
    assert found([entry], text, exact=True) == pieces


def test_no_words_find_nothing() -> None:
    assert SiteWords([], exact=False).spans(fold("anything at all")) == ()


@given(ENTRIES, st.text(st.sampled_from("abcd *+'é.\u0301"), max_size=60), st.booleans())
def test_spans_lie_inside_the_text_in_order(entries: list[str], text: str, exact: bool) -> None:  # noqa: FBT001 - generated
    spans = SiteWords(entries, exact=exact).spans(fold(text))
    assert list(spans) == sorted(set(spans))
    assert all(0 <= start < end <= len(text) for start, end in spans)


@given(ENTRIES, ENTRIES, st.text(st.sampled_from("abcd "), max_size=60))
def test_more_entries_never_find_less(entries: list[str], others: list[str], text: str) -> None:
    folded = fold(text)
    fewer = SiteWords(entries, exact=False).spans(folded)
    assert set(fewer) <= set(SiteWords([*entries, *others], exact=False).spans(folded))


def test_thousands_of_entries_cost_no_more_than_a_few() -> None:
    def fastest(words: SiteWords) -> float:
        def once() -> float:
            folded = fold(text)
            start = time.perf_counter()
            words.spans(folded)
            return time.perf_counter() - start

        return min(once() for _ in range(20))

    text = "The council voted seven to two on the stadium, and nobody asked those who have to pay for it. " * 3
    few = [f"word{number}" for number in range(10)] + ["some phrase", "wild*card"]
    many = [f"word{number}" for number in range(6000)] + [f"phrase number {n}" for n in range(2000)]
    many += [f"wild{number}*card" for number in range(2000)]
    assert fastest(SiteWords(many, exact=False)) < 20 * fastest(SiteWords(few, exact=False))


def expected(entries: list[str], text: str) -> set[tuple[int, int]]:
    """Find entries of letters, spaces and asterisks one by one, each in each row of words."""
    found = [*re.finditer(r"\w+", text)]
    rows = set()
    for entry in entries:
        words = [re.compile(word.replace("*", ".*")) for word in entry.split() if word.strip("*")]
        for first in range(len(found) - len(words) + 1 if words else 0):
            row = found[first : first + len(words)]
            if all(word.fullmatch(at[0]) for word, at in zip(words, row, strict=True)):
                rows.add((row[0].start(), row[-1].end()))
    return rows


@given(
    st.lists(st.text(st.sampled_from("ab *"), min_size=1, max_size=9), max_size=12),
    st.text(st.sampled_from("ab "), max_size=40),
)
def test_an_index_finds_what_looking_one_by_one_finds(entries: list[str], text: str) -> None:
    assert set(SiteWords(entries, exact=True).spans(fold(text))) == expected(entries, text)


LETTERS = "abcdefghijklmnopqrstuvwxyz"
PAIRS = ["".join(pair) for pair in product(LETTERS, repeat=2)]
LOOKALIKES = {
    "one beginning": [f"a*{x}{y}" for x, y in product(LETTERS, PAIRS[:60])],
    "one end": [f"{x}{y}*a" for x, y in product(LETTERS, PAIRS[:60])],
    "letters": [f"{x}*{y}" for x, y in product(LETTERS, repeat=2)],
    "pairs": [f"{x}*{y}" for x, y in product(PAIRS[:40], repeat=2)],
    "phrases": [f"{x} {y}" for x, y in product(PAIRS[:40], repeat=2)],
    "one first word": [f"a* {x}{y}" for x, y in product(LETTERS, PAIRS[:60])],
    "a piece inside": [f"*a*{x}{y}*" for x, y in product(LETTERS, PAIRS[:60])],
}


TEXTS = ("a " * 150, "ab " * 100, "a" * 300, "aba abc acc " * 25, " ".join(PAIRS[:100]), LETTERS * 11)


@pytest.mark.parametrize("kind", LOOKALIKES)
def test_thousands_of_entries_alike_are_not_tried_one_by_one(kind: str) -> None:
    entries = LOOKALIKES[kind]
    listed = SiteWords(entries, exact=False)
    assert [*problems(entries, exact=False)] == []
    for text in TEXTS:
        assert sum(1 for _ in listed.candidates(fold(text).words)) <= len(text)


@pytest.mark.parametrize(
    ("entries", "first", "piece"),
    [
        ([f"*{x}*{y}*" for x, y in product(LETTERS, repeat=2)], "*a*a*", "a"),
        ([f"{x}* {y}" for x, y in product(PAIRS[:30], repeat=2)], "aa* aa", "aa"),
    ],
)
def test_entries_that_must_be_tried_one_by_one_are_a_problem(entries: list[str], first: str, piece: str) -> None:
    number = len({entry[-2:] for entry in entries})
    said = next(problems(entries, exact=False))
    assert said == f"{number} entries are like '{first}': too many have no longer piece than '{piece}'."


@pytest.mark.parametrize("entry", ["*", "**", "* *", " * ", "acme *", "** acme", "the * corp"])
def test_an_asterisk_for_a_word_is_a_problem(entry: str) -> None:
    [said] = problems(["acme", entry], exact=False)
    assert said.startswith(f"{entry!r} has an asterisk that is no part of a word")


@pytest.mark.parametrize("entry", [" ", ".", "-", "'", "...", "\u200b", "<b>", "_"])
@pytest.mark.parametrize("exact", [False, True])
def test_an_entry_that_finds_nothing_is_a_problem(entry: str, exact: bool) -> None:  # noqa: FBT001 - parametrised
    said = [*problems(["acme", entry], exact=exact)]
    assert said == ([] if exact and entry == "<b>" else [f"{entry!r} {NOTHING}"])


NOTHING = "finds nothing: it has no letter, digit or sign that is kept in a comment."


@pytest.mark.parametrize(
    "entry",
    ["acme", "acm*", "*cme", "a*e", "acme corp*", "e-mail", "c++", "U.S.", "f***", "!!!", "열쇠", "*열쇠*", "🍆"],
)
@pytest.mark.parametrize("exact", [False, True])
def test_an_entry_that_finds_itself_is_none(entry: str, exact: bool) -> None:  # noqa: FBT001 - parametrised
    assert [*problems([entry], exact=exact)] == []
