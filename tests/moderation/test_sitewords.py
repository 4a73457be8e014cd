from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.moderation.sitewords import SiteWords
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
