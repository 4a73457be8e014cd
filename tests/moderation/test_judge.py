"""The fold: every finding is kept, the most severe decides, and nothing a rule does can stop it."""

from __future__ import annotations

import time
from itertools import permutations
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import Effect, Facts, Finding, LinksRule, NewAuthorRule, Policy, Rule, Rules, WordsRule
from service.moderation.entries import Entry
from service.moderation.judge import Judge, decide
from service.moderation.lexicon import Lexicon
from service.moderation.rules import RULES
from service.moderation.text import canonical

if TYPE_CHECKING:
    from service.moderation.case import Case

LEXICON = Lexicon(
    [
        Entry("fuck", "sexual", "strong", forms=("fucking",)),
        Entry("damn", "blasphemy", "mild"),
        Entry("faggot", "slur", "slur"),
    ]
)
EVERYTHING = Judge(
    Policy(
        rules=Rules(
            **{
                name: msgspec.structs.replace(rule, action="hold")
                for name, rule in msgspec.structs.asdict(Rules()).items()
            }
        )
    ),
    LEXICON,
)

effects = st.sampled_from(["pass", "hold", "reject"])
findings = st.lists(st.builds(Finding, rule=st.just("links"), effect=effects, shadow=st.booleans()), max_size=6)
texts = st.text(max_size=300).map(canonical)
SEVERITY = {"approved": 0, "held": 1, "rejected": 2}


def links(case: Case) -> Finding | None:
    return case.finding("links") if "link" in case.body.stored else None


def banned(case: Case) -> Finding | None:
    raise ValueError(case.body.stored)


def test_the_rules_are_those_of_the_policy_in_the_same_order() -> None:
    assert tuple(ask.__name__ for ask in RULES) == Rules.__struct_fields__


def test_a_comment_that_no_rule_speaks_against_has_the_status_of_the_mode() -> None:
    assert Judge(Policy(mode="publish"), LEXICON).judge("Good day.").status == "approved"
    assert Judge(Policy(mode="hold"), LEXICON).judge("Good day.").status == "held"


def test_the_most_severe_finding_decides() -> None:
    def finding(effect: Effect, *, shadow: bool = False) -> Finding:
        return Finding(rule="links", effect=effect, shadow=shadow)

    assert decide([finding("pass"), finding("hold"), finding("reject")], "publish") == "rejected"
    assert decide([finding("hold"), finding("pass")], "publish") == "held"
    assert decide([finding("pass")], "publish") == "approved"
    assert decide([finding("hold", shadow=True), finding("reject", shadow=True)], "publish") == "approved"
    assert decide([finding("reject")], "hold") == "rejected"


@given(findings, st.sampled_from(["publish", "hold"]))
def test_the_order_of_findings_never_matters(some: list[Finding], mode: str) -> None:
    assert len({decide(order, mode) for order in permutations(some[:4])}) == 1


@given(findings, findings, st.sampled_from(["publish", "hold"]))
def test_another_finding_never_softens(some: list[Finding], more: list[Finding], mode: str) -> None:
    assert SEVERITY[decide([*some, *more], mode)] >= SEVERITY[decide(some, mode)]


def test_every_finding_is_kept_after_the_first_severe_one() -> None:
    verdict = EVERYTHING.judge(
        "fucking damn faggot http://a.com http://b.com", Facts(banned=True, recent=5, repeats_by_author=1)
    )
    assert {finding.rule for finding in verdict.findings} == {
        *("banned", "slurs", "strong_profanity", "mild_profanity", "links", "duplicate", "flood", "new_author")
    }


def test_a_rule_that_is_off_does_not_run() -> None:
    assert Judge(Policy(rules=Rules(banned=Rule(action="off"))), LEXICON, [banned]).judge("Hello.").findings == ()


def test_a_shadow_rule_records_what_it_would_have_done_and_decides_nothing() -> None:
    judge = Judge(Policy(rules=Rules(links=LinksRule(action="shadow"))), LEXICON, [links])
    verdict = judge.judge("a link")
    assert verdict.status == "approved"
    assert verdict.findings == (Finding(rule="links", effect="hold", shadow=True),)
    assert verdict.risk == 0


def test_a_rule_that_raises_is_judged_by_its_on_failure_and_tells_nothing_of_the_comment() -> None:
    for rule, status in (
        (Rule(action="reject", on_failure="hold"), "held"),
        (Rule(action="reject", on_failure="pass"), "approved"),
    ):
        policy = Policy(rules=Rules(banned=rule))
        verdict = Judge(policy, LEXICON, [banned, links]).judge("secret link")
        failure, other = verdict.findings
        assert (failure.rule, failure.failed, failure.effect) == ("banned", True, rule.on_failure)
        assert failure.note == "error=ValueError"
        assert other.rule == "links"
        assert Judge(policy, LEXICON, [banned]).judge("secret").status == status


def test_a_comment_that_cannot_be_folded_is_judged_by_the_on_failure_of_what_needed_it() -> None:
    verdict = Judge(Policy(), LEXICON).judge("half a pair: \ud83d", Facts(banned=True))
    assert verdict.status == "rejected"
    assert {"slurs", "strong_profanity"} <= {finding.rule for finding in verdict.findings if finding.failed}
    assert {finding.note for finding in verdict.findings if finding.failed} == {"error=UnicodeEncodeError"}
    assert Judge(Policy(), LEXICON).judge("half a pair: \ud83d").status == "held"
    assert Judge(Policy(), LEXICON).judge("Hello.", author="\ud83d").status == "held"


def test_a_shadow_rule_that_raises_decides_nothing() -> None:
    judge = Judge(Policy(rules=Rules(banned=Rule(action="shadow", on_failure="hold"))), LEXICON, [banned])
    verdict = judge.judge("Hello.")
    assert verdict.status == "approved"
    assert verdict.findings[0].failed


def test_a_name_is_judged_like_the_comment_but_points_at_nothing_in_it() -> None:
    verdict = Judge(Policy(rules=Rules(hold_words=WordsRule(words=("Voldemort",)))), LEXICON).judge(
        "Good day.", author="fucking Voldemort casino-bonus.com"
    )
    assert [(finding.rule, finding.spans) for finding in verdict.findings] == [
        ("hold_words", ()),
        ("strong_profanity", ()),
        ("links", ()),
    ]
    assert all("place=name" in finding.note.split() for finding in verdict.findings)
    assert Judge(Policy(), LEXICON).judge("Good day.", author="Anna Fuchs").findings == ()


def test_a_name_and_a_comment_make_one_finding_of_a_rule() -> None:
    (finding,) = Judge(Policy(), LEXICON).judge("what the fuck", author="fuck").findings
    assert finding.spans == ((9, 13),)
    assert "place=name,comment" in finding.note


def test_one_comment_of_each_kind_is_judged_as_the_default_policy_says() -> None:
    judge = Judge(Policy(), LEXICON)
    assert judge.judge("The council met on Tuesday.").status == "approved"
    assert judge.judge("you faggot").status == "rejected"
    assert judge.judge("what the fuck").status == "held"
    assert judge.judge("damn").status == "approved"
    assert judge.judge("Hello.", Facts(banned=True)).status == "rejected"


@given(texts, st.none() | texts)
def test_every_span_lies_in_the_text_in_order_and_apart_from_the_others(text: str, name: str | None) -> None:
    for finding in EVERYTHING.judge(text, author=name).findings:
        place = 0
        for start, end in finding.spans:
            assert place <= start < end <= len(text)
            place = end


@given(texts)
def test_no_rule_fails_on_any_text_and_the_same_text_has_the_same_verdict(text: str) -> None:
    verdict = EVERYTHING.judge(text)
    assert not any(finding.failed for finding in verdict.findings)
    assert EVERYTHING.judge(text) == verdict
    assert 0 <= verdict.risk <= 1


@given(
    st.lists(
        st.sampled_from(
            [
                *"aA1.@/:-+()[] \n",
                "www.",
                ".com",
                "http://",
                " dot ",
                " at ",
                "604-685-1234",
                "é",
                "\u0337",
                "😂",
                "fuck",
            ]
        ),
        max_size=60,
    ).map(lambda pieces: canonical("".join(pieces))[:300])
)
def test_what_links_and_numbers_are_made_of_never_makes_a_rule_fail(text: str) -> None:
    for finding in EVERYTHING.judge(text, author=text[:50]).findings:
        assert not finding.failed
        assert all(0 <= start < end <= len(text) for start, end in finding.spans)


def test_a_new_author_is_held_where_the_policy_says_so() -> None:
    judge = Judge(Policy(rules=Rules(new_author=NewAuthorRule(approved=3))), LEXICON)
    assert judge.judge("Hello.", Facts(author_approved=2)).status == "held"
    assert judge.judge("Hello.", Facts(author_approved=3)).status == "approved"


HOSTILE = (
    *("😂", "e\u0337\u0337\u0337\u0337", "1 ", ".", "a.", "a.com ", "a.com/", "@", "A", "AAAA ", "a b ", "f.u.c.k "),
    *(
        "+1 604 685 1234, ",
        "0171 1234567, ",
        "call 1234567 ",
        "a . com ",
        "a(dot)com ",
        "a at b dot com ",
        "http://a.b ",
    ),
    *("xn--a.com ", "&#97;", "(", "ก็็็", "é.com ", "ÀÉ ", "\u0337", "!?", "a@a.", "((((1234567", "fuck ", "no "),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_comment_holds_the_event_loop(piece: str) -> None:
    text = canonical(piece * 300)[:300]
    EVERYTHING.judge(text)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        verdict = EVERYTHING.judge(text, author=text[:80])
        times.append(time.perf_counter() - start)
    assert min(times) < 0.005
    assert not any(finding.failed for finding in verdict.findings)
