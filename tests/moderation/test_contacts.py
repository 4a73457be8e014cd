"""Addresses and numbers are found that could be written to or called, and no year, price, or result."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from service.moderation.contacts import addresses, numbers, valid
from service.moderation.plain import plain
from service.moderation.text import canonical

DATA = Path(__file__).parents[3] / "shared" / "data"


def mails(text: str) -> list[str]:
    return [text[start:end] for start, end in addresses(plain(text))]


def phones(text: str) -> list[str]:
    return [text[start:end] for start, end in numbers(plain(text))]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("write to Jane.Doe+x@example.co.uk.", "Jane.Doe+x@example.co.uk"),
        ("<jane@example.com>", "jane@example.com"),
        ("jane@пример.рф", "jane@пример.рф"),
        ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ"),
        ("mail jane at example dot com please", "jane at example dot com"),
        ("mail jane at example dot co dot uk please", "jane at example dot co dot uk"),
        ("jane [at] example [dot] com", "jane [at] example [dot] com"),
        ("jane(at)example.com", "jane(at)example.com"),
        ("jane{at}example{dot}com", "jane{at}example{dot}com"),
        ("JANE AT EXAMPLE DOT COM", "JANE AT EXAMPLE DOT COM"),
        ("jane @ example . com", "jane @ example . com"),
    ],
)
def test_an_address_is_found_where_it_stands(text: str, address: str) -> None:
    assert mails(text) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "Thanks @keith_Moon, and @QuinHillyer",
        "you ret@rded cr@p dumb@$$",
        "look at example.com",
        "find it at example dot com",
        "I laughed at the dot on the map",
        "3 apples @ 2.50 each",
        "a@b.c",
        "me@home.somewhere",
        "@@@@@@@.@@@@",
        "he is at (the) house. com on",
    ],
)
def test_what_is_no_address_is_left_alone(text: str) -> None:
    assert mails(text) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("call +1 604 685 1234 now", "+1 604 685 1234"),
        ("(604) 685-1234", "(604) 685-1234"),
        ("604-685-1234", "604-685-1234"),
        ("604.685.1234", "604.685.1234"),
        ("1-800-463-1234", "1-800-463-1234"),
        ("+49 30 901820 is theirs", "+49 30 901820"),
        ("0049 30 901820", "0049 30 901820"),
        ("020 7946 0958", "020 7946 0958"),
        ("0171 1234567", "0171 1234567"),
        ("030/1234567", "030/1234567"),
        ("01 23 45 67 89", "01 23 45 67 89"),
        ("010-1234-5678", "010-1234-5678"),
        ("8 (916) 123-45-67", "8 (916) 123-45-67"),
        ("050 123 45 67", "050 123 45 67"),
        ("text me at 6851234", "6851234"),
        ("WhatsApp: 07911123456", "07911123456"),
        ("604\u00a0685\u00a01234", "604\u00a0685\u00a01234"),
        ("tel. 12345678", "12345678"),
        ("６０４-６８５-１２３４", "６０４-６８５-１２３４"),
    ],
)
def test_a_number_is_found_where_it_stands(text: str, number: str) -> None:
    assert phones(text) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "in 2016-2017, 1990 - 2000, 2010 2011 2012",
        "1914-1918, 1939-1945",
        "on 2016-11-08, 11/08/2016, 12.10.2016, 01.02.2016 20:15",
        "call it 2016-2017",
        "call 911 in 1999-2000",
        "text on 2016-11-08, call on 11/08/2016, phone 2016-2017",
        "call 12345678901234567890",
        "won 6-3 7-5 6-2 6-4",
        "cost $1 000 000 000, €1.000.000, 10 000 000 dollars",
        "1,234,567,890 people, 99.999.999 votes, 1234567 voters",
        "pi is 3.141592653 and 0.123456789",
        "ISBN 978-3-16-148410-0",
        "the cell count was 12 345 678",
        "lotto 12-15-20-22-24-31",
        "20-30 000/year",
        "911, 9/11, 24/7, 7-11",
        "+100 000 000",
        "123 456 7890",
        "case no. 2017-00012345-XY",
        "https://example.com/2017/01/29/12345678901",
        "12345678901234567890",
        "47.6062095, -122.3320708",
    ],
)
def test_what_is_no_number_to_call_is_left_alone(text: str) -> None:
    assert phones(text) == []


def test_a_third_number_that_looks_like_one_needs_no_look_up() -> None:
    text = "604-285-1111, 604-285-2222, 604-285-3333, 555-285-4444"
    assert phones(text) == ["604-285-1111", "604-285-2222", "604-285-3333", "555-285-4444"]
    assert phones("555-285-4444") == []
    assert phones("604-285-1111, 555-285-4444") == ["604-285-1111"]


def test_what_cannot_be_parsed_is_no_number() -> None:
    assert not valid("+999 12", None)
    assert not valid("()", "US")


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "12-",
        "+1",
        "604-685-1234 ",
        "@",
        "a@",
        "a@a.",
        "a at ",
        "a at a dot ",
        "(at)",
        "a(at)",
        "call 1",
        " @ ",
    ],
)
def test_the_time_grows_no_faster_than_the_text(piece: str) -> None:
    def fastest(text: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            mails(text)
            phones(text)
            times.append(time.perf_counter() - start)
        return min(times)

    short, long = fastest(piece * 1_000), fastest(piece * 8_000)
    assert long < 40 * short + 0.01


@pytest.mark.skipif(not DATA.exists(), reason="the labelled comments are not beside the repository")
@pytest.mark.parametrize("file", ["news_profanity_gold2.csv", "news_korean_hate.csv", "hatecheck.csv"])
def test_real_news_comments_hold_no_contact_details(file: str) -> None:
    with (DATA / file).open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            text = canonical(row["text"])
            assert (mails(text), phones(text)) == ([], []), text
