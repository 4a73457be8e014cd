"""Finds e-mail addresses and telephone numbers in a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import phonenumbers

from service.moderation.domains import ENDINGS, WORDS, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model import Span

ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}(?:\.[\w-]{1,63})*\.([^\W\d_]{2,24})(?![\w-])")
AT = r"\s?[\[({<]\s?(?:at|@|ät)\s?[\])}>]\s?|\s@\s"
DOT = r"\s?[\[({<]\s?(?:dot|\.|punkt)\s?[\])}>]\s?|\sdot\s|\s\.\s|\."
SPELLED = re.compile(
    rf"(?<![\w.+-])([\w.+-]{{1,64}}+)(?:({AT})|\sat\s)([\w-]{{1,63}}+)({DOT})([\w-]{{2,63}}+)(?:(?:{DOT})(\w{{2,24}}+))?"
)
BRACKETED = re.compile(r"[\[({<@](?:(?<=@) |(?<!@)\s?(?:at|@|ät)\s?[\])}>])")
SPOKEN = re.compile(r" at (?=\S{1,63}?(?: (?:dot|\.) |\s?[\[({<]\s?(?:dot|\.)))")
NOT_NAMES = listed(
    """
    me us him her it them you look looking here there out site up page back online is are was be available all more
    this that these read see found find him her works work live store shop store website people someone anyone
    """
)
"""Words before `at example dot com` that speak of a site, not of a mailbox."""

NUMBER = re.compile(r"(?<![\w.,/$€£¥#=&@:-])(?:\+ ?)?\(?[0-9][0-9 ()./\-]{5,24}[0-9](?![\w%€°]|[.,:]\d)")
NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}")
TOLL_FREE = re.compile(r"1[ .-]8(?:00|33|44|55|66|77|88)[ .-]\d{3}[ .-]?\d{4}")
NATIONAL: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"01[016-9]-\d{3,4}-\d{4}|02-\d{3,4}-\d{4}|0[3-6]\d-\d{3,4}-\d{4}"), ("KR",)),
    (re.compile(r"0[1-9](?:[ .]\d\d){4}"), ("FR",)),
    (re.compile(r"8[ -]?\(?9\d\d\)?[ -]?\d{3}[ -]?\d\d[ -]?\d\d"), ("RU",)),
    (re.compile(r"\(?0(?:39|50|6[36-8]|7[37]|9[1-9])\)?[ -]\d{3}[ -]\d\d[ -]?\d\d"), ("UA",)),
    (re.compile(r"\(?0[1-9]\d{1,4}\)?[ /-]+\d{2,5}(?:[ -]?\d{2,5}){0,3}"), ("GB", "DE")),
)
"""How numbers are written inside a country, and the countries that write so."""

CALLS = r"\b(?:call|phone|tel|text|sms|whats ?app|viber|telegram|dial|fax|ruf|anrufen|handy)"
CALL = re.compile(CALLS)
CALLED = re.compile(CALLS + r"[.:]?(?: (?:me|us|him|her|now|at|on|no|nr|number|is|my|the|unter|an)\b[.:]?){0,3}[ #]?$")
"""What stands before a number that is meant to be called, so that any shape will do."""
DATE = re.compile(r"(?:1[5-9]|20)\d\d(?:\D|$)|\d{1,2}[./-]\d{1,2}[./-](?:\d\d|\d{4})(?:\D|$)")
SHORTEST, LONGEST = 7, 15
"""Digits of a number: a local one at least, at most what ITU-T E.164 allows."""
DIGITS = b"0123456789"
TRIES = 2
"""How many numbers of one text are looked up, at some 50 µs each; of more than that, the shape is enough."""


def addresses(plain: str) -> Iterator[Span]:
    """Yield where e-mail addresses stand, plain (RFC 5321, loosely) or with `at` and `dot` written out."""
    if "@" in plain and "." in plain:
        for match in ADDRESS.finditer(plain):
            if match[1] in ENDINGS:
                yield match.span()
    opened = "@" in plain or "(" in plain or "[" in plain or "{" in plain or "<" in plain
    spoken = " at " in plain and (opened or " dot " in plain or " . " in plain)
    if (spoken and SPOKEN.search(plain)) or (opened and BRACKETED.search(plain)):
        yield from spelled(plain)


def spelled(plain: str) -> Iterator[Span]:
    """Yield addresses that are written for people and not for machines."""
    for match in SPELLED.finditer(plain):
        name, at, _host, dot, ending, second = match.groups()
        country = second in ENDINGS
        if ending not in ENDINGS and not country:
            continue
        if not at and (dot == "." or name in NOT_NAMES or (second or ending) in WORDS):
            continue
        yield match.start(), match.end() if country else match.end(5)


def numbers(plain: str) -> Iterator[Span]:
    """Yield where telephone numbers stand that could be called; years, prices and results are none."""
    raw = plain.encode()
    if len(raw) - len(raw.translate(None, DIGITS)) < SHORTEST:
        return
    tries = TRIES
    called = CALL.search(plain)
    for match in NUMBER.finditer(plain):
        if not SHORTEST <= sum(map(str.isdigit, match[0])) <= LONGEST or DATE.match(match[0]):
            continue
        if called and CALLED.search(plain, max(0, match.start() - 40), match.start()):
            yield match.span()
            continue
        for region in regions(match[0]):
            tries -= 1
            if tries < 0 or valid(match[0], region):
                yield match.span()
                break


def prepare() -> None:
    """Look up one number of each country that is read without its code: the first look-up takes milliseconds."""
    for region in ("US", *(region for _, countries in NATIONAL for region in countries)):
        if number := phonenumbers.example_number(region):
            valid(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None)
            valid(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL), region)


def regions(number: str) -> tuple[str | None, ...]:
    """Return where a number could be from by the way it is written; None stands for its own country code."""
    if number.startswith(("+", "00")):
        return (None,)
    if NORTH_AMERICAN.fullmatch(number) or TOLL_FREE.fullmatch(number):
        return ("US",)
    return next((countries for shape, countries in NATIONAL if shape.fullmatch(number)), ())


def valid(number: str, region: str | None) -> bool:
    """Whether a number is one that the numbering plans hand out (ITU-T E.164)."""
    if region is None:
        number = "+" + number.removeprefix("+").removeprefix("00")
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
