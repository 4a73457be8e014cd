"""Every character stands for one character, so that places stay."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from service.moderation.plain import plain


def test_no_character_grows_or_goes() -> None:
    assert all(len(plain(chr(code))) == 1 for code in range(sys.maxunicode + 1))


@given(st.text())
def test_a_text_is_as_long_as_it_was_and_plain_at_once(text: str) -> None:
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)


def test_what_only_looks_different_is_ascii() -> None:
    assert plain("Ｅｘａｍｐｌｅ．ｃｏｍ") == "example.com"
    assert plain("𝕰𝖝𝖆𝖒𝖕𝖑𝖊。𝔠𝔬𝔪") == "example.com"
    assert plain("ⓔⓧ①\u00a0–\u2212\u3000İ") == "ex1 -- i"
    assert plain("Ünïcode ÇA, ПРИВЕТ!") == "ünïcode ça, привет!"
