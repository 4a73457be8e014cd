"""Links are found as people write and disguise them, and what only looks like one is left alone."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from service.moderation.domains import ENDINGS, KNOWN, SHORTENERS, WORDS
from service.moderation.links import Link, below, domain, find
from service.moderation.plain import plain
from service.moderation.text import canonical

GOLD = Path(__file__).parents[3] / "shared" / "data" / "news_profanity_gold2.csv"


def links(text: str) -> tuple[Link, ...]:
    return find(plain(text), text)


@pytest.mark.parametrize(
    ("text", "piece", "host"),
    [
        ("see https://www.youtube.com/watch?v=3un052.", "https://www.youtube.com/watch?v=3un052", "www.youtube.com"),
        ("(http://example.com/a_(b))", "http://example.com/a_(b", "example.com"),
        ("[read](https://example.com/x)", "https://example.com/x", "example.com"),
        ('<a href="http://example.com">', "http://example.com", "example.com"),
        ("HTTP://EXAMPLE.COM/A", "HTTP://EXAMPLE.COM/A", "example.com"),
        ("ftp://example.com:2121/pub", "ftp://example.com:2121/pub", "example.com"),
        ("http://127.0.0.1/x", "http://127.0.0.1/x", "127.0.0.1"),
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x", "[2001:db8::1]"),
        ("https://medium.com/@somebody/x", "https://medium.com/@somebody/x", "medium.com"),
        ("http://intranet/x", "http://intranet/x", "intranet"),
        ("www.anything.unheardof now", "www.anything.unheardof", "www.anything.unheardof"),
        ("see www.123.456 and yes.really", "www.123.456", "www.123.456"),
        ("as adn.com, the paper", "adn.com", "adn.com"),
        ("FakeNews.com is next", "FakeNews.com", "fakenews.com"),
        ("on Amazon.Com too", "Amazon.Com", "amazon.com"),
        ("they said so on example.com.They lie", "example.com", "example.com"),
        ("from bbc.co.uk/news today", "bbc.co.uk/news", "bbc.co.uk"),
        ("zazzle.com/FirstPrinciples?rf=23", "zazzle.com/FirstPrinciples?rf=23", "zazzle.com"),
        ("hot.site/deal", "hot.site/deal", "hot.site"),
        ("cheap-pills.shop!", "cheap-pills.shop", "cheap-pills.shop"),
        ("casino777.bet today", "casino777.bet", "casino777.bet"),
        ("on youtu.be now", "youtu.be", "youtu.be"),
        ("münchen.de", "münchen.de", "münchen.de"),
        ("пример.рф", "пример.рф", "пример.рф"),
        ("xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai", "пример.рф"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("example。com", "example。com", "example.com"),
        ("𝐞𝐱𝐚𝐦𝐩𝐥𝐞.𝐜𝐨𝐦", "𝐞𝐱𝐚𝐦𝐩𝐥𝐞.𝐜𝐨𝐦", "example.com"),
    ],
)
def test_a_link_is_found_where_it_stands(text: str, piece: str, host: str) -> None:
    (link,) = links(text)
    assert text[link.start : link.end] == piece
    assert link.host == host
    assert not link.disguised


@pytest.mark.parametrize(
    ("text", "piece", "host"),
    [
        ("visit example[.]com/now", "example[.]com/now", "example.com"),
        ("visit example[dot]com", "example[dot]com", "example.com"),
        ("visit example (dot) com", "example (dot) com", "example.com"),
        ("visit example{.}com", "example{.}com", "example.com"),
        ("visit example dot com now", "example dot com", "example.com"),
        ("visit shop dot example dot co dot uk", "shop dot example dot co dot uk", "shop.example.co.uk"),
        ("visit EXAMPLE DOT COM", "EXAMPLE DOT COM", "example.com"),
        ("visit example . com", "example . com", "example.com"),
        ("visit www . example . com", "www . example . com", "www.example.com"),
        ("It is over. Example . com", "Example . com", "example.com"),
        ("visit example .com", "example .com", "example.com"),
        ("visit example. com", "example. com", "example.com"),
        ("visit example. ru/x", "example. ru/x", "example.ru"),
        ("hxxp://evil.ru/x", "hxxp://evil.ru/x", "evil.ru"),
        ("h**ps://evil.ru", "h**ps://evil.ru", "evil.ru"),
        ("http:\\\\evil.com", "http:\\\\evil.com", "evil.com"),
        ("http : // evil.com", "http : // evil.com", "evil.com"),
        ("https://example[.]com/a", "https://example[.]com/a", "example.com"),
        ("http://google.com@evil.com/x", "http://google.com@evil.com/x", "evil.com"),
        ("gооgle.com", "gооgle.com", "gооgle.com"),
        ("xn--ggle-55da.com", "xn--ggle-55da.com", "gооgle.com"),
    ],
)
def test_a_disguised_link_is_found_and_called_so(text: str, piece: str, host: str) -> None:
    (link,) = links(text)
    assert text[link.start : link.end] == piece
    assert link.host == host
    assert link.disguised


@pytest.mark.parametrize(
    "text",
    [
        "He said so.Then he left.",
        "corruption.They lie",
        "Nobody cares about it.it is over",
        "lies.It is over",
        "women.the",
        "gun.you",
        "water.or air",
        "event.s",
        "et.al",
        "in the U.S.A. and the U.S. or D.C.....",
        "e.g. this, i.e. that, a.m. and p.m.",
        "Mr.Wonderless, Dr.No and St.Louis",
        "Ph.D. from M.I.T.",
        "3.5 of 10.000 people, v1.2.3, 192.168.0.1",
        "Read report.pdf, main.py, run.sh and readme.md",
        "well...it depends...no",
        "wait.......what",
        "It was bad. Com on.",
        "the dot com bubble",
        "a dot com millionaire",
        "the silly internet dot com boom",
        "That was the end.De Gaulle left.",
        "every dot com boom ends. net gains stay.",
        "connect the dot to the other dot",
        "and/or, either/or, 24/7, w/o",
        "// a comment",
        "http://",
        "http://...",
        "( . ) com",
        "the dot-com days, and .com",
        "john.co@example.com",
        "ret@rded.",
        "@name.surname hello",
        "C'est fini.et alors",
        "Das war es.es reicht",
        "z.B. in St.Pölten, d.h. u.a. Nr.5",
        "и т.д., т.е. г.Москва",
        "我爱你。中国！世界。香港",
        "그렇다.한국 정부는",
        "です。みんな、元気?",
        "नमस्ते.भारत",
        "قال.مصر",
        "I use .net and .com",
        "Buy now(.)",
        "Meet me at 9.am or 10.pm",
    ],
)
def test_what_is_no_link_is_left_alone(text: str) -> None:
    assert links(text) == ()


def test_several_links_are_found_in_order_each_once() -> None:
    text = "http://a.com/x www.b.org c.net example dot com"
    assert [text[link.start : link.end] for link in links(text)] == [
        *("http://a.com/x", "www.b.org", "c.net", "example dot com")
    ]
    assert [link.host for link in links("http://a.com,http://b.com;http://c.com|http://d.com")] == [
        *("a.com", "b.com", "c.com", "d.com")
    ]
    assert [link.host for link in links("https://example.com/?u=http://other.com/x")] == ["example.com"]


def test_the_search_ends_when_enough_is_found() -> None:
    text = "a.com " * 40
    assert len(find(plain(text), text)) == 40
    assert len(find(plain(text), text, 13)) == 13


def test_a_shortener_is_told_by_its_host() -> None:
    assert [link.shortened for link in links("bit.ly/x https://t.co/y www.tinyurl.com/z example.com")] == [
        *(True, True, True, False)
    ]


def test_a_domain_of_a_policy_covers_itself_and_what_is_below_it() -> None:
    domains = frozenset(map(domain, ("WWW.Example.com", "*.bbc.co.uk", "xn--e1afmkfd.xn--p1ai")))
    assert domains == {"example.com", "bbc.co.uk", "пример.рф"}
    assert below("example.com", domains)
    assert below("news.bbc.co.uk", domains)
    assert below("пример.рф", domains)
    assert not below("notexample.com", domains)
    assert not below("example.com.evil.ru", domains)


def test_punycode_that_is_none_stays_as_it_is() -> None:
    (link,) = links("xn--\u00fc-.com and more")
    assert link.host == "xn--\u00fc-.com"


def test_the_lists_agree_with_one_another() -> None:
    assert SHORTENERS < KNOWN
    assert all(host.rsplit(".", 1)[1] in ENDINGS for host in KNOWN)
    assert WORDS & {"it", "so", "in", "no", "is"}
    assert not WORDS & {"com", "net", "org", "de", "ru"}


@pytest.mark.parametrize(
    "piece",
    ["a.", "a. ", "a .com ", "http://", "//", "h**p", "[.]", "(dot)", " dot ", "a@a.", "xn--a.", "-", "a-.", ". "],
)
def test_the_time_grows_no_faster_than_the_text(piece: str) -> None:
    def fastest(text: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            links(text)
            times.append(time.perf_counter() - start)
        return min(times)

    short, long = fastest(piece * 2_000), fastest(piece * 16_000)
    assert long < 40 * short + 0.01


@pytest.mark.skipif(not GOLD.exists(), reason="the labelled comments are not beside the repository")
def test_of_real_comments_only_those_with_a_link_have_one() -> None:
    with GOLD.open(newline="", encoding="utf-8") as rows:
        texts = [canonical(row["text"]) for row in csv.DictReader(rows)]
    found = [(link, text) for text in texts for link in links(text)]
    assert len(found) == 29
    assert not any(link.disguised or link.shortened for link, _ in found)
    plain_sight = [text[link.start : link.end] for link, text in found if "://" not in text and "www." not in text]
    assert sorted(piece.partition("/")[0] for piece in plain_sight) == ["FakeNews.com", "adn.com", "zazzle.com"]
