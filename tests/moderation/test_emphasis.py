"""Loud writing is told from names, acronyms, numbers, laughter and scripts that only look loud."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import pytest

from service.moderation.emphasis import Stacks, Stretches, shouted
from service.moderation.plain import plain
from service.moderation.text import canonical, fold

DATA = Path(__file__).parents[3] / "shared" / "data"
STRETCHES = Stretches(5)
STACKS = Stacks(3)


def shouts(text: str) -> bool:
    return shouted(text, 0.7, 20) is not None


def stretches(text: str) -> list[str]:
    return [text[start:end] for start, end in STRETCHES.spans(plain(text), fold(text))]


@pytest.mark.parametrize(
    "text",
    [
        "WE USE HYDRO IDIOT. YOU HAVE BEEN TOLD 20 TIMES NOW.",
        "ARE THEY COMPLETELY OUT OF THEIR MINDS? OH! YES THEY, the liberals",
        "BOYCOTT THIS PAPER NOW!!! 2017!!! BOYCOTT!!!",
        "ПОЗОР ВАМ И ВАШЕЙ ГАЗЕТЕ",
        "ΝΤΡΟΠΗ ΣΑΣ ΚΑΙ ΠΑΛΙ ΝΤΡΟΠΗ",
        "SO EINE UNVERSCHÄMTHEIT IST DAS!",
    ],
)
def test_a_comment_in_capitals_shouts(text: str) -> None:
    assert shouts(text)


@pytest.mark.parametrize(
    "text",
    [
        "NATO, the EU, the USA and the UN met the FBI, CIA and NSA.",
        "IBM and AT&T, BMW, VW",
        "JFK vs. RFK, LBJ, FDR, ABC, CBS, NBC, FOX, CNN on TV",
        "NO WAY",
        "HAHAHA!",
        "Trump DEATH squads want to KILL your grandmothers",
        "KBS MBC SBS JTBC YTN 뉴스는 요즘 왜 이런 기사만 쓰는지 정말 모르겠다 기자들은 반성해야 한다",
        "これはとてもよい記事ですNHK",
        "מה קורה כאן בכלל אני לא מבין כלום",
        "هذا المقال جيد جدا وأنا أتفق معه",
        "ยอดเยี่ยมมากจริงๆ ขอบคุณสำหรับข่าวนี้",
        "😡😡😡😡😡😡😡😡😡😡😡😡😡😡😡😡😡😡😡😡",
        "1234567890 1234567890 1234567890",
        "",
    ],
)
def test_acronyms_short_cries_and_scripts_without_case_do_not_shout(text: str) -> None:
    assert not shouts(text)


def test_shouting_points_at_the_capitals() -> None:
    text = "Stupid students... YOU'RE NOT GOING TO EARN A LIVING MAKING COLLAGES, IDIOTS."
    shout = shouted(text, 0.7, 20)
    assert shout is not None
    assert [text[start:end] for start, end in shout.spans] == [
        "YOU'RE NOT GOING TO EARN A LIVING MAKING COLLAGES, IDIOTS"
    ]
    assert 0.7 <= shout.share < 1


def test_the_share_and_the_number_of_letters_are_the_policys() -> None:
    text = "ABSOLUTELY nothing"
    assert shouted(text, 0.5, 17) is not None
    assert shouted(text, 0.5, 18) is None
    assert shouted(text, 0.6, 17) is None


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("it was soooooo great", ["oooooo"]),
        ("MOOOOooooo", ["OOOOooooo"]),
        ("нееееееет", ["еееееее"]),
        ("wow!!!!!!!!!!!!", ["!!!!!!!!!!!!"]),
        ("what???????????", ["???????????"]),
        ("정말?????????????", ["?????????????"]),
        ("😂" * 11, ["😂" * 11]),
        ("no no no no no no way", ["no no no no no no"]),
        ("Lies, lies, lies, lies, lies, lies!", ["Lies, lies, lies, lies, lies, lies"]),
        ("aaaaaa and bbbbbb", ["aaaaaa", "bbbbbb"]),
        ("Oh no no no no! No no no no!", ["no no no no! No no no no"]),
    ],
)
def test_what_is_drawn_out_is_found(text: str, pieces: list[str]) -> None:
    assert stretches(text) == pieces


@pytest.mark.parametrize(
    "text",
    [
        "1000000 dollars, 0.0000001 percent, 5555555",
        "well....... maybe.................",
        "-------------- ============ ************ ____________ ~~~~~~~~~~",
        "What!!!! Really????",
        "sooooo nice, hmmmmm, zzzzz",
        "ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ ㅠㅠㅠㅠㅠㅠㅠㅠ",
        "哈哈哈哈哈哈哈哈",
        "ああああああああ",
        "😂😂😂😂😂😂",
        "no no no no no",
        "2 2 2 2 2 2 2 2",
        "so so so, and on and on and on and on",
        "the theatre then them there these",
    ],
)
def test_numbers_dots_rules_and_laughter_are_not_drawn_out(text: str) -> None:
    assert stretches(text) == []


def test_the_limit_is_the_policys() -> None:
    assert Stretches(3).spans("aaa", fold("aaa")) == ()
    assert Stretches(3).spans("aaaa", fold("aaaa")) == ((0, 4),)
    assert Stretches(1).spans("no no", fold("no no")) == ((0, 5),)


@pytest.mark.parametrize(
    "row", ["no no no, no no no", "no, no no! no, no no", "no-no-no no-no-no", "No no no nO no no"]
)
@pytest.mark.parametrize("before", range(6))
def test_a_word_that_comes_again_is_found_wherever_and_with_whatever_between(row: str, before: int) -> None:
    text = " ".join([*list("abcdefg")[:before], row, "way"])
    assert stretches(text) == [row]


def stacked(text: str) -> list[str]:
    return [text[start:end] for start, end in STACKS.spans(text)]


def test_letters_under_heaps_of_marks_are_found() -> None:
    assert stacked("a z\u0337\u0321\u0322\u0323algo") == ["z\u0337\u0321\u0322\u0323"]
    assert stacked("\u0337" * 9) == ["\u0337" * 9]
    assert stacked("ก" + "\u0e47" * 20) == ["ก" + "\u0e47" * 20]
    assert stacked("ab" + "\u0337" * 4 + "\u0e47" * 20) == ["b" + "\u0337" * 4 + "\u0e47" * 20]


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Việt Nam: những điều không thể nói được, ngữ, ường",
        unicodedata.normalize("NFD", "những điều không thể"),
        "ที่นี่มีน้ำผึ้งและน้ำปลา ผู้ใหญ่",
        "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",
        "\u05e9\u05b4\u05bc\u0596\u05c1",
        "إِنَّ ٱللَّهَ غَفُورٌ رَّحِيمٌ",
        "क्षत्रिय हिन्दी में र्‍कॉफ़ी",
        "བོད་སྐད་ཀྱི་བརྒྱུད",
        "မြန်မာဘာသာ",
        "1️⃣ 👍🏽 ❤️ 👨‍👩‍👧",
        "naïve Ångström e\u0301\u0323",
    ],
)
def test_scripts_that_use_marks_are_not_stacked(text: str) -> None:
    assert stacked(canonical(text)) == []


@pytest.mark.skipif(not DATA.exists(), reason="the labelled comments are not beside the repository")
def test_few_real_comments_are_loud_and_none_is_stacked() -> None:
    with (DATA / "news_profanity_gold2.csv").open(newline="", encoding="utf-8") as rows:
        texts = [canonical(row["text"]) for row in csv.DictReader(rows)]
    assert sum(map(shouts, texts)) == 17
    assert sum(bool(stretches(text)) for text in texts) == 10
    assert not any(map(stacked, texts))


@pytest.mark.skipif(not DATA.exists(), reason="the labelled comments are not beside the repository")
def test_korean_news_comments_do_not_shout() -> None:
    with (DATA / "news_korean_hate.csv").open(newline="", encoding="utf-8") as rows:
        assert not any(shouts(canonical(row["text"])) for row in csv.DictReader(rows))
