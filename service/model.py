"""The values everything speaks in: frozen, without I/O, with no behaviour beyond their own arithmetic."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

LIMIT = 300
"""Unicode code points of a canonical body; the same number stands in the database's check and in embed.js."""

Status = Literal["approved", "held", "rejected", "removed"]
Action = Literal["approve", "reject", "remove", "restore"]
"""What a moderator asks for."""
Effect = Literal["pass", "hold", "reject"]
Span = tuple[int, int]
"""Start and end of a piece of the stored text, in code points, end not included."""


class Draft(Struct, frozen=True, kw_only=True):
    """A comment as a reader sends it, with its text already canonical, before it is judged."""

    site: int
    id: UUID
    page: str
    title: str | None
    parent: UUID | None
    author: str | None
    body: str
    at: datetime
    author_key: bytes
    address_key: bytes
    fingerprint: bytes
    idempotency_key: str | None = None
    request_hash: bytes | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """What storage knows that bears on one draft and its rules ask for; rules look nothing up themselves."""

    banned: bool = False
    author_approved: int = 0
    recent: int = 0
    """Comments from the same address inside the policy's flood window, counted no further than its limit."""
    repeats_by_author: int = 0
    """The same folded text on the same page inside the policy's duplicate window, among the author's last hundred."""
    repeats_by_others: int = 0
    """The same text elsewhere, by anybody else or on another page, inside the policy's window for copies, up to 100."""


class Finding(Struct, frozen=True, kw_only=True):
    """What one rule says of one comment, and which pieces of the stored text it points at."""

    rule: str
    effect: Effect
    shadow: bool = False
    """A shadow finding is recorded and decides nothing."""
    failed: bool = False
    """The rule raised; its `on_failure` gave the effect."""
    score: float = 1.0
    """0 to 1, how sure the rule is; the queue shows the riskiest first."""
    spans: tuple[Span, ...] = ()
    note: str = ""
    """A short machine-readable detail of the rule, such as a category or a number; never text of a comment."""


class Verdict(Struct, frozen=True, kw_only=True):
    """A status and every finding that led to it, or would have."""

    status: Status
    findings: tuple[Finding, ...] = ()

    @property
    def risk(self) -> float:
        """The highest score among findings that count, 0 when there is none."""
        return max((finding.score for finding in self.findings if not finding.shadow), default=0.0)


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a policy says of every rule."""

    action: Literal["off", "shadow", "hold", "reject"] = "hold"
    on_failure: Literal["pass", "hold"] = "hold"


Words = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...], Meta(max_length=10_000)]
Domains = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=253)], ...], Meta(max_length=10_000)]
Seconds = Annotated[int, Meta(ge=1, le=30 * 86_400)]


class WordsRule(Rule, frozen=True, kw_only=True):
    """A site's own words: single words, phrases, `*` for any run of letters inside a word."""

    words: Words = ()
    exact: bool = False
    """Match the text as written instead of its folding."""


class ProfanityRule(Rule, frozen=True, kw_only=True):
    """One severity of the shipped lexicon."""

    except_categories: tuple[str, ...] = ()
    """Categories of the lexicon that this site lets pass at this severity."""
    except_words: Words = ()
    """Words of the lexicon that this site lets pass."""


class LinksRule(Rule, frozen=True, kw_only=True):
    """Links, written plainly or in disguise."""

    limit: Annotated[int, Meta(ge=0, le=300)] = 1
    """Links that may stand in a comment, beside those to allowed domains."""
    allowed: Domains = ()
    blocked: Domains = ()
    """A link to one of these, or to a name below it, is a finding whatever the number."""


class ShareRule(Rule, frozen=True, kw_only=True):
    """A share of letters above which the rule speaks, once there are enough of them."""

    share: Annotated[float, Meta(gt=0, le=1)] = 0.7
    at_least: Annotated[int, Meta(ge=1, le=300)] = 20
    """Cased letters below which the rule is silent."""


class RunRule(Rule, frozen=True, kw_only=True):
    """A run of the same thing that is longer than `limit`."""

    limit: Annotated[int, Meta(ge=1, le=300)] = 4


class WindowRule(Rule, frozen=True, kw_only=True):
    """A number of comments inside a window of time, in seconds."""

    limit: Annotated[int, Meta(ge=1, le=10_000)] = 5
    seconds: Seconds = 60


class RepeatRule(WindowRule, frozen=True, kw_only=True):
    """A number of comments with the same text, which storage counts no further than a hundred."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 1


class NewAuthorRule(Rule, frozen=True, kw_only=True):
    """An author with fewer approved comments than `approved`."""

    approved: Annotated[int, Meta(ge=1, le=100)] = 1


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every rule by name, with the defaults a new site starts from."""

    banned: Rule = field(default_factory=lambda: Rule(action="reject"))
    reject_words: WordsRule = field(default_factory=lambda: WordsRule(action="reject"))
    hold_words: WordsRule = field(default_factory=WordsRule)
    slurs: ProfanityRule = field(default_factory=lambda: ProfanityRule(action="reject"))
    strong_profanity: ProfanityRule = field(default_factory=ProfanityRule)
    mild_profanity: ProfanityRule = field(default_factory=lambda: ProfanityRule(action="off"))
    links: LinksRule = field(default_factory=LinksRule)
    contact_details: Rule = field(default_factory=Rule)
    shouting: ShareRule = field(default_factory=lambda: ShareRule(action="shadow", on_failure="pass"))
    stretched: RunRule = field(default_factory=lambda: RunRule(action="shadow", on_failure="pass", limit=5))
    stacked_marks: RunRule = field(default_factory=lambda: RunRule(limit=3))
    duplicate: RepeatRule = field(default_factory=lambda: RepeatRule(action="reject", seconds=86_400))
    copied: RepeatRule = field(default_factory=lambda: RepeatRule(limit=3, seconds=86_400))
    """The same text by other authors."""
    flood: WindowRule = field(default_factory=WindowRule)
    new_author: NewAuthorRule = field(default_factory=lambda: NewAuthorRule(action="off"))


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one site judges: one JSON document, versioned, never edited in place."""

    mode: Literal["publish", "hold"] = "publish"
    """`publish` what no rule speaks against, or `hold` everything for a moderator."""
    rules: Rules = field(default_factory=Rules)
