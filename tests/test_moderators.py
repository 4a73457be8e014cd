"""What may be decided on a comment, given what it is and what was decided before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import pytest

from service.errors import DecisionConflict, NothingToRestore
from service.model import Action, Status
from service.moderators import RESULTS, rule
from service.store.desk import Decision, Ruling

if TYPE_CHECKING:
    from collections.abc import Sequence

AT = datetime(2026, 5, 4, tzinfo=UTC)
STATUSES: Sequence[Status] = get_args(Status)


def decided(
    seq: int, before: Status | None, after: Status, moderator: str | None = "Ada", action: Action | None = None
) -> Decision:
    return Decision(
        seq=seq,
        from_status=before,
        to_status=after,
        moderator=moderator,
        policy=None if moderator else 1,
        reason=None,
        note=None,
        at=AT,
        action=action,
    )


@pytest.mark.parametrize("action", RESULTS)
def test_a_decision_leads_from_any_status_to_its_own(action: Action) -> None:
    for status in STATUSES:
        ruling = rule(action, None, "why", "note")(status, [decided(1, None, status, None)])
        if status == RESULTS[action]:
            assert ruling is None
        else:
            assert ruling == Ruling(status, RESULTS[action], "why", "note", action)


def test_what_is_not_expected_is_not_decided() -> None:
    history = [decided(1, None, "held", None), decided(2, "held", "approved")]
    for action in get_args(Action):
        for expected in STATUSES:
            if expected == "approved":
                rule(action, expected, None, None)("approved", history)
                continue
            with pytest.raises(DecisionConflict) as conflict:
                rule(action, expected, None, None)("approved", history)
            assert conflict.value.members == {"current": "approved", "latest": history[-1]}


def test_to_restore_is_to_go_back_one_decision_of_a_moderator() -> None:
    history = [decided(1, None, "held", None)]
    restore = rule("restore", None, None, None)
    with pytest.raises(NothingToRestore) as nothing:
        restore("held", history)
    assert nothing.value.members == {"current": "held"}
    history.append(decided(2, "held", "approved"))
    assert restore("approved", history) == Ruling("approved", "held", None, None, "restore")
    history.append(decided(3, "approved", "removed"))
    assert restore("removed", history) == Ruling("removed", "approved", None, None, "restore")
    history.append(decided(4, "removed", "approved"))
    assert restore("approved", history) == Ruling("approved", "removed", None, None, "restore")


def test_to_restore_again_changes_nothing_unless_one_says_what_one_expects() -> None:
    history = [
        decided(1, None, "held", None),
        decided(2, "held", "removed"),
        decided(3, "removed", "held", "Ada", "restore"),
    ]
    assert rule("restore", None, None, None)("held", history) is None
    with pytest.raises(DecisionConflict):
        rule("restore", "removed", None, None)("held", history)
    assert rule("restore", "held", None, None)("held", history) == Ruling("held", "removed", None, None, "restore")
