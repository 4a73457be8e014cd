"""The length rule where it is applied: Python and PostgreSQL count the same, and agree on what is too long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.model import LIMIT
from service.moderation.text import canonical

if TYPE_CHECKING:
    from tests.conftest import Service

PLAIN = ["a", "e\u0301", "\u1112\u1161\u11ab", "\u212b", " ", "\n", "\r\n", "\t", "\u3000", "\u0338", "\U00020000"]
UNSEEN = [
    "\u0000",
    "\u200b",
    "\u200d",
    "\u2800",
    "\ufe0f",
    "\U0001f468\u200d\U0001f469",
    "\U0001f3f4\U000e0067\U000e007f",
]
PIECES = st.sampled_from([*PLAIN, *UNSEEN])
TEXTS = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.lists(PIECES, max_size=400).map("".join))


async def counted(url: str, texts: list[str]) -> list[tuple[int, bool]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select char_length(body) as length, char_length(body) between 1 and 300 as fits"
            " from unnest($1::text[]) with ordinality as given (body, place) order by place",
            texts,
        )
    finally:
        await connection.close()
    return [(row["length"], row["fits"]) for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TEXTS, min_size=1, max_size=30))
def test_postgres_counts_what_python_counts(postgres: str, texts: list[str]) -> None:
    bodies = [canonical(text) for text in texts]
    expected = [(len(body), 1 <= len(body) <= LIMIT) for body in bodies]
    assert asyncio.run(counted(postgres, bodies)) == expected


async def test_the_service_takes_what_fits_and_nothing_else(service: Service) -> None:
    for length, status in ((LIMIT - 1, 201), (LIMIT, 201), (LIMIT + 1, 422)):
        words = ("ab " * LIMIT)[: length - 1] + "z"
        answer = await service.post(f"  {words}\r\n\r\n", page=f"page-{length}")
        assert answer.status == status
        assert len(answer.json["body"] if status == 201 else words) == length
