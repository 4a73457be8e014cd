from __future__ import annotations

import timeit
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.moderation.text import canonical


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("plain", "plain"),
        ("  both ends  ", "both ends"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\tb", "a b"),
        ("line  \nnext", "line\nnext"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("e\u0301", "\u00e9"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\u202eright to left\u202c", "right to left"),
        ("soft\u00adhyphen", "softhyphen"),
        ("a\u200db", "ab"),
        ("\u200dedge\u200d", "edge"),
    ],
)
def test_a_text_has_one_form(written: str, stored: str) -> None:
    assert canonical(written) == stored


@pytest.mark.parametrize(
    "emoji", ["👩\u200d👩\u200d👧", "🏳️\u200d🌈", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"]
)
def test_emoji_that_are_joined_stay_whole(emoji: str) -> None:
    assert canonical(emoji) == emoji


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b\u200b", "\u3000", "\u2800", "\ufe0f"])
def test_a_text_in_which_nothing_can_be_seen_is_empty(text: str) -> None:
    assert canonical(text) == ""


def test_persian_keeps_its_non_joiner() -> None:
    assert canonical("می\u200cخواهم") == "می\u200cخواهم"


@given(st.text(max_size=100))
def test_the_form_is_final_and_composed(text: str) -> None:
    stored = canonical(text)
    assert canonical(stored) == stored
    assert unicodedata.is_normalized("NFC", stored)
    assert stored == stored.strip()
    assert "\n\n\n" not in stored


@given(
    st.lists(st.sampled_from("a\u0301\u0316\u0323\u0345\u0344\u05b0\u0f73\u3099"), min_size=33, max_size=200).map(
        "".join
    )
)
def test_long_rows_of_marks_are_put_in_the_order_that_nfc_gives_them(marks: str) -> None:
    assert canonical("e" + marks) == unicodedata.normalize("NFC", "e" + marks)


def test_marks_in_the_worst_order_cost_little_more_than_in_the_best() -> None:
    def seconds(text: str) -> float:
        return min(timeit.repeat(lambda: canonical(text), number=1, repeat=5))

    best, worst = seconds("a" + "\u0316" * 8191 + "\u0301" * 8191), seconds("a" + "\u0301" * 8191 + "\u0316" * 8191)
    assert worst < best * 20
