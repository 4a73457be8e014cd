"""What a rule is given: the comment in every form it may look at, the facts, and the site's settings."""

# ruff: noqa: D401 - a view is a property, and its name a noun
from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from service.model import Facts, Finding, Rule, Rules, Span
from service.moderation import contacts
from service.moderation.emphasis import Stacks, Stretches
from service.moderation.folding import once
from service.moderation.links import domain, hinted
from service.moderation.plain import plain
from service.moderation.sitewords import SiteWords
from service.moderation.text import Folded, fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.moderation.entries import Severity
    from service.moderation.lexicon import Hit, Lexicon

SPANS = 50
"""Pieces of text that one finding points at; a comment with more is marked well enough."""


class Text:
    """A text in the forms that rules look at, each made when a rule first asks for it, and once."""

    def __init__(self, stored: str, lexicon: Lexicon) -> None:
        self.stored = stored
        self.lexicon = lexicon

    @once
    def plain(self) -> str:
        """Lower case and no styled letters, position by position."""
        return plain(self.stored)

    @once
    def hinted(self) -> bool:
        """Say whether there may be a link or an e-mail address."""
        return hinted(self.plain)

    @once
    def folded(self) -> Folded:
        """What is matched."""
        return fold(self.stored)

    @once
    def hits(self) -> tuple[Hit, ...]:
        """Words of the lexicon."""
        return self.lexicon.hits(self.folded)

    @once
    def severities(self) -> set[Severity]:
        """How bad these are."""
        return {hit.severity for hit in self.hits}


class Excepted(Struct, frozen=True):
    """What a site lets pass of the lexicon at one severity."""

    categories: frozenset[str]
    words: frozenset[str]

    def rest(self, hits: Iterable[Hit], severity: Severity) -> list[Hit]:
        """Return the hits of a severity that the site does not let pass."""
        return [
            hit
            for hit in hits
            if hit.severity == severity and hit.category not in self.categories and hit.word not in self.words
        ]


class Settings(Struct, frozen=True):
    """A policy's rules, and what is made of them once for all comments."""

    rules: Rules
    reject_words: SiteWords
    hold_words: SiteWords
    excepted: dict[str, Excepted]
    """By the name of the rule."""
    allowed: frozenset[str]
    blocked: frozenset[str]
    stretches: Stretches
    stacks: Stacks

    @classmethod
    def of(cls, rules: Rules) -> Settings:
        """Compile the rules; thousands of words take long enough to do so in a thread."""
        contacts.prepare()
        severities = {
            "slurs": rules.slurs,
            "strong_profanity": rules.strong_profanity,
            "mild_profanity": rules.mild_profanity,
        }
        return cls(
            rules=rules,
            reject_words=SiteWords(rules.reject_words.words, exact=rules.reject_words.exact),
            hold_words=SiteWords(rules.hold_words.words, exact=rules.hold_words.exact),
            excepted={
                name: Excepted(
                    frozenset(rule.except_categories), frozenset(word.casefold() for word in rule.except_words)
                )
                for name, rule in severities.items()
            },
            allowed=frozenset(map(domain, rules.links.allowed)),
            blocked=frozenset(map(domain, rules.links.blocked)),
            stretches=Stretches(rules.stretched.limit),
            stacks=Stacks(rules.stacked_marks.limit),
        )


class Case(Struct, frozen=True):
    """Everything that bears on one comment; every rule is given the same."""

    body: Text
    name: Text | None
    facts: Facts
    settings: Settings

    @property
    def rules(self) -> Rules:
        """What the site's policy says of each rule."""
        return self.settings.rules

    def finding(
        self, rule: str, *, spans: Iterable[Span] = (), score: float = 1.0, **note: str | float | None
    ) -> Finding:
        """Return what a rule says, with the effect its policy gives it.

        What is None is left out of the note, which reads `name=value name=value`.
        """
        policy: Rule = getattr(self.rules, rule)
        return Finding(
            rule=rule,
            effect="reject" if policy.action == "reject" else "hold",
            shadow=policy.action == "shadow",
            score=score,
            spans=merged(spans),
            note=" ".join(f"{name}={value}" for name, value in note.items() if value is not None),
        )


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans in order, those that overlap made one."""
    apart: list[Span] = []
    for start, end in sorted(spans):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return tuple(apart[:SPANS])
