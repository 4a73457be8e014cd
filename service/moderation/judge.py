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
        name = Text(author, self.lexicon) if author else None
        case = Case(Text(body, self.lexicon), name, facts, self.settings)
        findings = []
        for ask, rule in self.asked:
            try:
                finding = ask(case)
            except Exception as error:  # noqa: BLE001 - whatever a rule does, the comment is judged
                finding = failure(ask, rule, error)
            if finding is not None:
                findings.append(finding)
        return Verdict(status=decide(findings, self.mode), findings=tuple(findings))


def failure(ask: Ask, rule: Rule, error: Exception) -> Finding:
    """Return the finding of a rule that raised: its `on_failure`, and the kind of the error, whose text is not kept."""
    return Finding(
        rule=ask.__name__,
        effect=rule.on_failure,
        shadow=rule.action == "shadow",
        failed=True,
        score=UNSURE,
        note=f"error={type(error).__name__}",
    )


def decide(findings: Iterable[Finding], mode: str) -> Status:
    """Return the status that findings lead to: reject outweighs hold outweighs pass; none leaves it to the mode."""
    effects = {finding.effect for finding in findings if not finding.shadow}
    if "reject" in effects:
        return "rejected"
    if "hold" in effects or mode == "hold":
        return "held"
    return "approved"
