"""Judges one comment: folds it once, asks every rule, keeps every finding, and lets the most severe decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model import Facts, Finding, Status, Verdict
from service.moderation.case import Case, Settings, Text
from service.moderation.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.model import Policy, Rule
    from service.moderation.lexicon import Lexicon
    from service.moderation.rules import Ask

NOTHING_KNOWN = Facts()
UNSURE = 0.5
"""The score of a rule that failed: it knows nothing either way."""


class Judge:
    """One version of a site's policy, compiled; it holds no state, so threads may share it."""

    def __init__(self, policy: Policy, lexicon: Lexicon, rules: Sequence[Ask] = RULES) -> None:
        self.mode = policy.mode
        self.lexicon = lexicon
        self.settings = Settings.of(policy.rules)
        named = ((ask, getattr(policy.rules, ask.__name__)) for ask in rules)
        self.asked: tuple[tuple[Ask, Rule], ...] = tuple((ask, rule) for ask, rule in named if rule.action != "off")

    def judge(self, body: str, facts: Facts = NOTHING_KNOWN, author: str | None = None) -> Verdict:
        """Return the verdict on a canonical body, with every finding in the order of the rules."""
        case = Case(
            Text.of(body, self.lexicon), Text.of(author, self.lexicon) if author else None, facts, self.settings
        )
        answers = (answer(ask, rule, case) for ask, rule in self.asked)
        findings = tuple(finding for finding in answers if finding is not None)
        return Verdict(status=decide(findings, self.mode), findings=findings)


def answer(ask: Ask, rule: Rule, case: Case) -> Finding | None:
    """Return what one rule finds; one that raises answers with its `on_failure`."""
    try:
        return ask(case)
    except Exception as error:  # noqa: BLE001 - whatever a rule does, the comment is judged
        return Finding(
            rule=ask.__name__,
            effect=rule.on_failure,
            shadow=rule.action == "shadow",
            failed=True,
            score=UNSURE,
            note=f"error={type(error).__name__}",  # its text could quote the comment
        )


def decide(findings: Iterable[Finding], mode: str) -> Status:
    """Return the status that findings lead to: reject outweighs hold outweighs pass; none leaves it to the mode."""
    effects = {finding.effect for finding in findings if not finding.shadow}
    if "reject" in effects:
        return "rejected"
    if "hold" in effects or mode == "hold":
        return "held"
    return "approved"
