"""The tree of refusals."""

from __future__ import annotations

import re

import pytest

from service import errors
from service.errors import REFUSALS, Malformed, NotFound, Refusal


def test_the_tree_at_the_top_is_the_tree_of_the_classes() -> None:
    drawn = re.findall(r"[├└]── (\w+) +(\d{3})", errors.__doc__ or "")
    assert drawn == [(refusal.__name__, str(refusal.status)) for refusal in REFUSALS]
    assert [status for _, status in drawn] == sorted(status for _, status in drawn)


def test_every_refusal_has_a_name_of_its_own_and_a_sentence_for_a_person() -> None:
    assert len({refusal.slug for refusal in REFUSALS}) == len({refusal.title for refusal in REFUSALS}) == len(REFUSALS)
    for refusal in REFUSALS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", refusal.slug)
        assert 400 <= refusal.status < 600
        assert refusal.explanation().endswith(".")
        assert "\n" not in refusal.explanation()
        assert refusal.__subclasses__() == []


def test_a_refusal_brings_its_own_detail_or_its_classs() -> None:
    assert NotFound().detail == NotFound.explanation() == str(NotFound())
    refusal = NotFound("There is no such comment.", headers={"X": "y"}, near="here")
    assert (refusal.detail, str(refusal)) == ("There is no such comment.",) * 2
    assert (refusal.headers, refusal.members) == ({"X": "y"}, {"near": "here"})
    first, second = NotFound(), NotFound()
    first.headers["X"] = "y"
    assert second.headers == {}


@pytest.mark.parametrize(("pointer", "named"), [("/body", "/body"), ("?page", "?page"), ("", "The document")])
def test_what_is_malformed_is_pointed_at(pointer: str, named: str) -> None:
    refusal = Malformed.at(pointer, "is wrong")
    assert refusal.detail == f"{named}: is wrong"
    assert refusal.members == {"errors": [{"pointer": pointer, "detail": "is wrong"}]}
    assert isinstance(refusal, Refusal)
