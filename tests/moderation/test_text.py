from __future__ import annotations

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
