from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.moderation.characters import TABLE
from service.moderation.readings import collapse, stretched
from service.moderation.text import fingerprint, fold
from tests.lookalikes import MODULE, source

ANYTHING = st.text(st.characters(), max_size=300)
MARKED = st.text(st.sampled_from("&<>#;/!-amp109xfuck \u200b\u0301ｆ🇫ßÀ…’"), max_size=60)


def test_the_look_alikes_are_what_their_maker_makes() -> None:
    assert MODULE.read_text(encoding="utf-8") == source()


@pytest.mark.parametrize(
    "text",
    [
        "FuCk", "ｆｕｃｋ", "𝓯𝓾𝓬𝓴", "ⓕⓤⓒⓚ", "🅵🆄🅲🅺", "🇫🇺🇨🇰", "ꜰᴜᴄᴋ", "fυсκ", "füçk", "f̸̉̈ű̆c̉̍̌k̈̒̒", "f\u200bu\u2060c\ufeffk",
        "fu\ufe0fck", "f&#117;ck", "f&#x75;ck", "f&amp;#117;ck", "f&shy;uck", "<b>f</b>uck", "fu<!-- -->ck", "⒡⒰⒞⒦",
    ],
)  # fmt: skip
def test_a_disguise_folds_to_the_plain_word(text: str) -> None:
    assert fold(text).plain == "fuck"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("he’ll", "he'll"),
        ("ﬁnal", "final"),
        ("Straße", "strasse"),
        ("naïve", "naive"),
        ("AT&T", "at*t"),
        ("1 < 2 > 0", "1 ( 2 ) 0"),
        ("좋은 기사", "좋은 기사"),
        ("a\u3000b\u2009c\nd", "a b c d"),
        ("&notanentity; & co", "*notanentity; * co"),
    ],
)
def test_what_is_no_disguise_is_kept_readable(text: str, plain: str) -> None:
    assert fold(text).plain == plain


@given(st.one_of(ANYTHING, MARKED))
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    plain = fold(text).plain
    assert fold(plain).plain == plain


@given(st.one_of(ANYTHING, MARKED))
def test_every_folded_character_comes_from_a_place_in_the_text(text: str) -> None:
    folded = fold(text)
    assert len(folded.origins) == len(folded.plain)
    assert all(0 <= start < end <= len(text) for start, end in folded.origins)
    assert folded.origins == sorted(folded.origins)


@example("~\ud800")
@given(st.one_of(ANYTHING, MARKED))
def test_views_stand_where_they_say(text: str) -> None:
    folded = fold(text)
    assert [folded.plain[slice(*folded.place(index))] for index in range(len(folded.words))] == folded.words
    assert len(folded.thin) == len(folded.words)
    assert all(collapse(word) == thin for word, thin in zip(folded.words, folded.thin, strict=True))
    assert not folded.squeezed or len(folded.squeezed) == len(folded.words)
    for chunk, start in folded.mixed:
        assert folded.plain[start:].startswith(chunk)
        assert chunk in folded.plain.split()
    for view in (folded.symbolic, folded.veiled):
        assert all((start == 0 or folded.plain[start - 1] not in chunk) and len(chunk) for chunk, start in view)


def test_the_span_of_a_disguised_word_is_exact() -> None:
    text = "so f&#117;<b>c</b>k\u0301 it"
    folded = fold(text)
    start = folded.plain.index("fuck")
    first, last = folded.span(start, start + 4)
    assert text[first:last] == "f&#117;<b>c</b>k\u0301"


@given(st.text(st.characters(codec="ascii", min_codepoint=0x20), max_size=80))
def test_runs_are_reduced_to_one_letter(text: str) -> None:
    thin = collapse(text)
    assert all(one != other for one, other in pairwise(thin))
    assert stretched(thin, text)


def test_runs_of_other_scripts_are_reduced_too() -> None:
    assert collapse("суууука блллл") == "сука бл"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Buy now!", "BUY... NOW"),
        ("Buy now!", "Ｂｕｙ  ｎоw"),
        ("So.it goes", "so it goes!!"),
        ("e\u0301t\u00e9", "ETE"),
    ],
)
def test_trivially_changed_repeats_have_one_fingerprint(first: str, second: str) -> None:
    assert fingerprint(first) == fingerprint(second)
    assert len(fingerprint(first)) == 16


@pytest.mark.parametrize(
    ("first", "second"), [("yes", "no"), ("😀", "😡"), ("1 to 2", "1 to 3"), ("좋아", "싫어"), ("!", "?")]
)
def test_different_texts_have_different_fingerprints(first: str, second: str) -> None:
    assert fingerprint(first) != fingerprint(second)


def test_nothing_folds_to_what_folds_further() -> None:
    for folded in TABLE.values():
        assert fold(folded).plain == folded


@settings(max_examples=300)
@example("\ud800fuck")
@given(ANYTHING)
def test_any_text_folds(text: str) -> None:
    folded = fold(text)
    assert folded.plain == folded.plain.lower()
    assert fingerprint(text) == fingerprint(text)


@pytest.mark.parametrize(
    ("one", "other"), [("\u0926\u093f\u0928", "\u0926\u093e\u0928"), ("\u0e14\u0e35", "\u0e14\u0e39")]
)
def test_vowel_signs_make_another_text(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)
