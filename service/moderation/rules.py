"""The rules in the order a person would ask them: each looks at one case and says what it finds, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from service.model import Finding
from service.moderation import contacts
from service.moderation.case import Case
from service.moderation.emphasis import shouted
from service.moderation.links import below, find

if TYPE_CHECKING:
    from service.moderation.entries import Severity
    from service.moderation.sitewords import SiteWords

Ask = Callable[[Case], Finding | None]
"""A rule: it looks nothing up, and the same case gives the same answer."""


ENOUGH_LINKS = 12
"""Links that are looked at closely; a comment with more has too many, wherever they lead, unless `limit` is higher."""


def banned(case: Case) -> Finding | None:
    """Speak of an author, or an address, that is banned."""
    return case.finding("banned") if case.facts.banned else None


def reject_words(case: Case) -> Finding | None:
    """Speak of words that the site never shows."""
    return site_words("reject_words", case.settings.reject_words, case, score=1.0)


def hold_words(case: Case) -> Finding | None:
    """Speak of words that the site wants to look at first."""
    return site_words("hold_words", case.settings.hold_words, case, score=0.7)


def slurs(case: Case) -> Finding | None:
    """Speak of words that demean people for what they are."""
    return profanity("slurs", "slur", case, score=0.95)


def strong_profanity(case: Case) -> Finding | None:
    """Speak of words that most papers do not print."""
    return profanity("strong_profanity", "strong", case, score=0.8)


def mild_profanity(case: Case) -> Finding | None:
    """Speak of words that many papers print."""
    return profanity("mild_profanity", "mild", case, score=0.4)


def links(case: Case) -> Finding | None:
    """Speak of too many links, and of one that is blocked, disguised, shortened, or in the name."""
    if not case.body.hinted and not (case.name and case.name.hinted):
        return None
    settings, limit = case.settings, case.rules.links.limit
    most = max(limit, ENOUGH_LINKS) + 1
    in_body = find(case.body.plain, case.body.stored, most)
    in_name = find(case.name.plain, case.name.stored, most) if case.name else ()
    if not in_body and not in_name:
        return None
    body = [link for link in in_body if not below(link.host, settings.allowed)]
    name = [link for link in in_name if not below(link.host, settings.allowed)]
    counted = in_body if len(in_body) >= most else (*body, *name)
    blocked = sum(below(link.host, settings.blocked) for link in counted)
    disguised = sum(link.disguised for link in counted)
    shortened = sum(link.shortened for link in counted)
    if len(counted) <= limit and not (name or blocked or disguised or shortened):
        return None
    return case.finding(
        "links",
        spans=[(link.start, link.end) for link in body],
        score=1.0 if blocked else 0.9 if disguised else 0.7,
        links=len(counted),
        limit=limit if len(counted) > limit else None,
        blocked=blocked or None,
        disguised=disguised or None,
        shortened=shortened or None,
        place=place(body, name),
    )


def contact_details(case: Case) -> Finding | None:
    """Speak of e-mail addresses and telephone numbers."""
    addresses = list(contacts.addresses(case.body.plain)) if case.body.hinted else []
    numbers = list(contacts.numbers(case.body.plain))
    if not addresses and not numbers:
        return None
    kinds = ",".join([*["email"] * bool(addresses), *["phone"] * bool(numbers)])
    return case.finding("contact_details", spans=[*addresses, *numbers], score=0.7, kinds=kinds)


def shouting(case: Case) -> Finding | None:
    """Speak of a comment that is mostly in capitals."""
    policy = case.rules.shouting
    shout = shouted(case.body.stored, policy.share, policy.at_least)
    if shout is None:
        return None
    return case.finding("shouting", spans=shout.spans, score=0.5 * shout.share, share=round(shout.share, 2))


def stretched(case: Case) -> Finding | None:
    """Speak of a letter, a sign or a word that comes again and again."""
    spans = case.settings.stretches.spans(case.body.plain, case.body.folded)
    if not spans:
        return None
    return case.finding("stretched", spans=spans, score=0.3, longest=max(end - start for start, end in spans))


def stacked_marks(case: Case) -> Finding | None:
    """Speak of letters under a heap of marks that spills over the lines around them."""
    spans = case.settings.stacks.spans(case.body.stored)
    in_name = case.settings.stacks.spans(case.name.stored) if case.name else ()
    if not spans and not in_name:
        return None
    return case.finding(
        "stacked_marks", spans=spans, score=0.8, letters=len(spans) or None, place=place(spans, in_name)
    )


def duplicate(case: Case) -> Finding | None:
    """Speak of an author who has written the same before."""
    repeats, limit = case.facts.repeats_by_author, case.rules.duplicate.limit
    return case.finding("duplicate", score=0.9, repeats=repeats, limit=limit) if repeats >= limit else None


def copied(case: Case) -> Finding | None:
    """Speak of a text that others have written as well."""
    repeats, limit = case.facts.repeats_by_others, case.rules.copied.limit
    return case.finding("copied", score=0.8, repeats=repeats, limit=limit) if repeats >= limit else None


def flood(case: Case) -> Finding | None:
    """Speak of many comments from one address in a short time."""
    recent, limit = case.facts.recent, case.rules.flood.limit
    return case.finding("flood", score=0.6, recent=recent, limit=limit) if recent >= limit else None


def new_author(case: Case) -> Finding | None:
    """Speak of an author with few approved comments yet."""
    approved, needed = case.facts.author_approved, case.rules.new_author.approved
    return case.finding("new_author", score=0.2, approved=approved, needed=needed) if approved < needed else None


RULES: tuple[Ask, ...] = (
    # who writes
    banned,
    # what a site says of its own words
    reject_words,
    hold_words,
    # what the lexicon says
    slurs,
    strong_profanity,
    mild_profanity,
    # what leads away from the page
    links,
    contact_details,
    # how it is written
    shouting,
    stretched,
    stacked_marks,
    # what else has been written
    duplicate,
    copied,
    flood,
    new_author,
)
"""Every rule, by the name it has in a policy. The order is for reading; no verdict depends on it."""


def site_words(rule: str, words: SiteWords, case: Case, *, score: float) -> Finding | None:
    """Look for a site's own words in the comment and in the name."""
    body = words.spans(case.body.folded)
    name = words.spans(case.name.folded) if case.name else ()
    if not body and not name:
        return None
    return case.finding(rule, spans=body, score=score, words=len(body) + len(name), place=place(body, name))


def profanity(rule: str, severity: Severity, case: Case, *, score: float) -> Finding | None:
    """Look at the lexicon's hits of one severity, in the comment and in the name."""
    if severity not in case.body.severities and not (case.name and severity in case.name.severities):
        return None
    excepted = case.settings.excepted[rule]
    body = excepted.rest(case.body.hits, severity)
    name = excepted.rest(case.name.hits, severity) if case.name else []
    if not body and not name:
        return None
    categories = ",".join(sorted({hit.category for hit in (*body, *name)}))
    spans = [(hit.start, hit.end) for hit in body]
    return case.finding(rule, spans=spans, score=score, categories=categories, place=place(body, name))


def place(body: Iterable[object], name: Iterable[object]) -> str | None:
    """Return where something was found when that is not the comment alone."""
    if not any(True for _ in name):
        return None
    return "name,comment" if any(True for _ in body) else "name"
