"""Each rule speaks where it should, is silent where it should, and says what it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from service.model import (
    Facts,
    Finding,
    LinksRule,
    NewAuthorRule,
    Policy,
    ProfanityRule,
    Rule,
    Rules,
    RunRule,
    ShareRule,
    WindowRule,
    WordsRule,
)
from service.moderation.entries import Entry
from service.moderation.judge import Judge
from service.moderation.lexicon import Lexicon

if TYPE_CHECKING:
    from collections.abc import Mapping

LEXICON = Lexicon(
    [
        Entry("fuck", "sexual", "strong", forms=("fucking",)),
        Entry("shit", "scatological", "strong"),
        Entry("damn", "blasphemy", "mild"),
        Entry("faggot", "slur", "slur"),
    ]
)
OFF: Mapping[str, Rule] = {
    name: msgspec.structs.replace(rule, action="off") for name, rule in msgspec.structs.asdict(Rules()).items()
}


def ask(rule: str, settings: Rule, text: str, facts: Facts | None = None, author: str | None = None) -> Finding | None:
    """Ask one rule alone."""
    rules = msgspec.structs.replace(Rules(), **{**OFF, rule: settings})
    findings = Judge(Policy(rules=rules), LEXICON).judge(text, facts or Facts(), author).findings
    assert all(finding.rule == rule and not finding.failed for finding in findings)
    return findings[0] if findings else None


def told(rule: str, settings: Rule, text: str, facts: Facts | None = None, author: str | None = None) -> Finding:
    finding = ask(rule, settings, text, facts, author)
    assert finding is not None
    return finding


def test_the_effect_is_the_policys() -> None:
    facts = Facts(banned=True)
    assert told("banned", Rule(action="reject"), "Hi.", facts).effect == "reject"
    assert told("banned", Rule(action="hold"), "Hi.", facts).effect == "hold"
    shadow = told("banned", Rule(action="shadow"), "Hi.", facts)
    assert (shadow.effect, shadow.shadow) == ("hold", True)


@pytest.mark.parametrize(
    ("rule", "settings", "silent", "speaks", "note"),
    [
        ("banned", Rule(), Facts(), Facts(banned=True), ""),
        (
            *("duplicate", WindowRule(limit=2)),
            *(Facts(repeats_by_author=1, repeats_by_others=9), Facts(repeats_by_author=2), "repeats=2 limit=2"),
        ),
        (
            *("copied", WindowRule(limit=3)),
            *(Facts(repeats_by_others=2, repeats_by_author=9), Facts(repeats_by_others=3), "repeats=3 limit=3"),
        ),
        ("flood", WindowRule(limit=5), Facts(recent=4), Facts(recent=7), "recent=7 limit=5"),
        (
            *("new_author", NewAuthorRule(approved=2)),
            *(Facts(author_approved=2), Facts(author_approved=0), "approved=0 needed=2"),
        ),
    ],
)
def test_a_rule_about_facts_speaks_from_its_limit_on(
    rule: str, settings: Rule, silent: Facts, speaks: Facts, note: str
) -> None:
    assert ask(rule, settings, "Hello.", silent) is None
    finding = told(rule, settings, "Hello.", speaks)
    assert finding.note == note
    assert finding.spans == ()


@pytest.mark.parametrize("rule", ["reject_words", "hold_words"])
def test_a_sites_own_words_are_found_wherever_they_stand(rule: str) -> None:
    settings = WordsRule(words=("Voldemort", "buy gold", "crypto*"))
    text = "Voldemort says: buy gold or cryptocoins, voldemort!"
    finding = told(rule, settings, text)
    assert [text[start:end] for start, end in finding.spans] == ["Voldemort", "buy gold", "cryptocoins", "voldemort"]
    assert finding.note == "words=4"
    assert ask(rule, settings, "A golden day, buying nothing.") is None
    assert ask(rule, WordsRule(), text) is None


def test_exact_words_are_matched_as_they_are_written() -> None:
    assert ask("hold_words", WordsRule(words=("US",), exact=True), "tell us") is None
    assert told("hold_words", WordsRule(words=("US",), exact=True), "the US").spans == ((4, 6),)


def test_the_lexicon_speaks_by_severity() -> None:
    text = "damn faggot, fucking shit"
    pieces = {
        rule: [text[start:end] for start, end in told(rule, ProfanityRule(), text).spans]
        for rule in ("slurs", "strong_profanity", "mild_profanity")
    }
    assert pieces == {"slurs": ["faggot"], "strong_profanity": ["fucking", "shit"], "mild_profanity": ["damn"]}
    assert told("strong_profanity", ProfanityRule(), text).note == "categories=scatological,sexual"
    assert ask("slurs", ProfanityRule(), "damn shit") is None


def test_a_site_may_except_categories_and_words_of_the_lexicon() -> None:
    assert ask("strong_profanity", ProfanityRule(except_categories=("scatological",)), "shit") is None
    assert ask("strong_profanity", ProfanityRule(except_words=("Shit",)), "shit") is None
    spans = told("strong_profanity", ProfanityRule(except_words=("shit",)), "shit fuck").spans
    assert spans == ((5, 9),)


def test_an_exception_of_one_severity_says_nothing_of_another() -> None:
    assert ask("slurs", ProfanityRule(except_categories=("sexual",)), "faggot") is not None


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("http://a.com http://b.com", "links=2 limit=1"),
        ("shop dot org", "links=1 disguised=1"),
        ("bit.ly/x", "links=1 shortened=1"),
        ("http://evil.example.com", "links=1 blocked=1"),
        ("http://evil.example.com bit.ly/x example[.]org", "links=3 limit=1 blocked=1 disguised=1 shortened=1"),
    ],
)
def test_links_are_counted_and_looked_at(text: str, note: str) -> None:
    assert told("links", LinksRule(blocked=("example.com",)), text).note == note


def test_one_plain_link_is_fine_and_those_to_allowed_domains_are_never_counted() -> None:
    settings = LinksRule(allowed=("bbc.co.uk", "bit.ly"))
    assert ask("links", settings, "http://a.com") is None
    assert ask("links", settings, "http://a.com news.bbc.co.uk/1 bbc.co.uk bbc[.]co[.]uk bit.ly/x") is None
    finding = told("links", settings, "http://a.com bbc.co.uk b.com")
    assert finding.note == "links=2 limit=1"
    assert finding.spans == ((0, 12), (23, 28))


def test_no_link_may_stand_where_the_limit_is_none() -> None:
    assert told("links", LinksRule(limit=0), "a.com").note == "links=1 limit=0"


def test_a_crowd_of_links_is_too_many_wherever_they_lead() -> None:
    assert told("links", LinksRule(allowed=("a.com",)), "a.com " * 13).note == "links=13 limit=1"
    assert ask("links", LinksRule(allowed=("a.com",)), "a.com " * 12) is None
    assert ask("links", LinksRule(limit=20), "a.com " * 20) is None
    assert ask("links", LinksRule(limit=20), "a.com " * 21) is not None


def test_a_link_in_the_name_is_found_though_the_comment_might_have_one() -> None:
    finding = told("links", LinksRule(), "Hello.", author="cheap-pills.com")
    assert (finding.note, finding.spans) == ("links=1 place=name", ())
    assert ask("links", LinksRule(allowed=("bbc.com",)), "Hello.", author="bbc.com") is None


def test_contact_details_name_their_kinds() -> None:
    finding = told("contact_details", Rule(), "call 604-685-1234 or jane@example.com")
    assert finding.note == "kinds=email,phone"
    assert finding.spans == ((5, 17), (21, 37))
    assert ask("contact_details", Rule(), "1234567 votes for @jane in 2016-2017") is None


def test_shouting_says_its_share() -> None:
    finding = told("shouting", ShareRule(), "THIS IS A VERY LOUD COMMENT INDEED")
    assert finding.note == "share=1.0"
    assert ask("shouting", ShareRule(), "This is a very QUIET comment indeed") is None
    assert ask("shouting", ShareRule(at_least=50), "THIS IS A VERY LOUD COMMENT INDEED") is None


def test_stretched_says_how_long() -> None:
    assert told("stretched", RunRule(limit=5), "soooooooo").note == "longest=8"
    assert ask("stretched", RunRule(limit=8), "soooooooo") is None


def test_pieces_that_overlap_are_one() -> None:
    text = " ".join(["aaaaaa"] * 6)
    assert told("stretched", RunRule(limit=5), text).spans == ((0, len(text)),)


def test_stacked_marks_are_found_in_the_comment_and_in_the_name() -> None:
    assert told("stacked_marks", RunRule(limit=3), "z" + "\u0337" * 4).note == "letters=1"
    assert told("stacked_marks", RunRule(limit=3), "Hi.", author="z" + "\u0337" * 4).note == "place=name"
    assert ask("stacked_marks", RunRule(limit=4), "z" + "\u0337" * 4) is None


def test_a_finding_points_at_fifty_pieces_at_most() -> None:
    assert len(told("hold_words", WordsRule(words=("a",)), "a " * 150).spans) == 50
