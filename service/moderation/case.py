"""What a rule is given: the comment in every form it may look at, the facts, and the site's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from service.model import Facts, Finding, Rule, Rules, Span
from service.moderation import contacts
from service.moderation.emphasis import Stacks, Stretches
from service.moderation.lexicon import Hit
from service.moderation.links import domain
from service.moderation.plain import plain
from service.moderation.sitewords import SiteWords
from service.moderation.text import Folded, fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.moderation.lexicon import Lexicon

SPANS = 50
"""Pieces of text that one finding points at; a comment with more is marked well enough."""


class Text(Struct, frozen=True):
    """A text in the forms that rules look at."""

    stored: str
    plain: str
    """Lower case and no styled letters, position by position."""
    folded: Folded
    hits: tuple[Hit, ...]
    """Words of the lexicon."""

    @classmethod
    def of(cls, text: str, lexicon: Lexicon) -> Text:
        """Fold a text once, and ask the lexicon once."""
        folded = fold(text)
        return cls(text, plain(text), folded, lexicon.hits(folded))


class Excepted(Struct, frozen=True):
    """What a site lets pass of the lexicon at one severity."""

    categories: frozenset[str]
    words: frozenset[str]

    def __contains__(self, hit: Hit) -> bool:
        return hit.category in self.categories or hit.word in self.words


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
