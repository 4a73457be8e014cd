"""What the database refuses, whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from service.model import Finding
from tests.store.conftest import Newsroom, open_newsroom

if TYPE_CHECKING:
    from service.postgres import Database

Check, Foreign, Restrict = (
    asyncpg.CheckViolationError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.RestrictViolationError,
)
FINDING = (Finding(rule="links", effect="hold"),)


REFUSED = {
    "update comments set body = repeat('x', 301)": Check,
    "update comments set body = repeat('👍', 301)": Check,
    "update comments set body = ''": Check,
    "update comments set author = repeat('x', 61)": Check,
    "update comments set author = ''": Check,
    "update comments set status = 'deleted'": Check,
    "update comments set risk = 1.5": Check,
    "update comments set author_key = 'short'": Check,
    "update comments set address_key = 'short'": Check,
    "update comments set fingerprint = 'short'": Check,
    "update comments set request_hash = null, idempotency_key = 'x'": Check,
    "update comments set request_hash = repeat('x', 16)::bytea": Check,
    "update comments set policy_version = 2": Foreign,
    "update comments set parent_id = gen_random_uuid()": Foreign,
    "update comments set page_id = gen_random_uuid()": Foreign,
    "update comments set site_id = 99": Foreign,
    "update pages set approved_count = -1": Check,
    "update pages set key = ''": Check,
    "update pages set key = repeat('ü', 1025)": Check,
    "update pages set title = repeat('x', 301)": Check,
    "update pages set site_id = 99": Foreign,
    "update findings set effect = 'shrug'": Check,
    "update findings set score = 2": Check,
    "update findings set spans = '{}'": Check,
    "update findings set comment_id = gen_random_uuid()": Foreign,
    "update decisions set reason = 'another'": Restrict,
    "delete from decisions": Restrict,
    "truncate decisions": Restrict,
    "update policies set document = '[]'": Check,
    "update policies set version = 0": Check,
    "update policies set version = 2": Foreign,
    "delete from policies": Foreign,
    "delete from pages": Foreign,
    "update moderators set name = ''": Check,
    "delete from sites": Foreign,
    "insert into bans values (1, 'short', now())": Check,
    "insert into bans values (99, repeat('x', 16)::bytea, now())": Foreign,
}


async def test_the_database_refuses_what_breaks_its_rules(newsroom: Newsroom, sql: asyncpg.Connection[Any]) -> None:
    await newsroom.posted(findings=FINDING)
    refused: dict[str, type[Exception] | None] = dict.fromkeys(REFUSED)
    for statement in REFUSED:
        try:
            await sql.execute(statement)
        except asyncpg.PostgresError as error:
            refused[statement] = type(error)
    assert refused == REFUSED


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ("2, 'approved', 'held', null, null", Check),
        ("2, 'approved', 'held', 1, $3", Check),
        ("2, null, 'held', null, $3", Check),
        ("0, 'approved', 'held', null, $3", Check),
        ("2, 'approved', 'gone', null, $3", Check),
        ("2, 'approved', 'held', 7, null", Foreign),
        ("1, null, 'held', 1, null", asyncpg.UniqueViolationError),
    ],
)
async def test_a_decision_is_of_one_who_exists_and_stands_in_its_order(
    newsroom: Newsroom, sql: asyncpg.Connection[Any], values: str, error: type[Exception]
) -> None:
    draft = await newsroom.posted()
    columns = "site_id, comment_id, seq, from_status, to_status, policy_version, moderator_id, decided_at"
    given = (newsroom.site.id, draft.id, newsroom.moderator)
    with pytest.raises(error):
        await sql.execute(
            f"insert into decisions ({columns}) select $1, $2, {values}, now() where $3::uuid is not null",
            *given,
        )


async def test_nothing_of_one_site_hangs_on_another(
    newsroom: Newsroom, database: Database, sql: asyncpg.Connection[Any]
) -> None:
    other = await open_newsroom(database, "other")
    ours, theirs = await newsroom.posted(), await other.posted()
    for statement, value in (
        ("insert into findings values ($1, $2, 0, 'links', 'hold', false, false, 1, '[]', '')", theirs.id),
        ("insert into decisions values ($1, $2, 2, 'held', 'held', 1, null, null, null, now())", theirs.id),
        ("update comments set parent_id = $2 where site_id = $1", theirs.id),
        (
            "update comments set page_id = (select page_id from pages where site_id <> $1) where comment_id = $2",
            ours.id,
        ),
        ("insert into credentials values ($1, repeat('x', 32)::bytea, $2, 'token', '', now(), now())", other.moderator),
    ):
        with pytest.raises(Foreign):
            await sql.execute(statement, newsroom.site.id, value)


async def test_a_comment_that_is_deleted_takes_findings_and_decisions_with_it(
    newsroom: Newsroom, sql: asyncpg.Connection[Any]
) -> None:
    gone, stays = await newsroom.posted(findings=FINDING), await newsroom.posted(findings=FINDING)
    await newsroom.decide(gone.id, "removed")
    await sql.execute("delete from comments where comment_id = $1", gone.id)
    for table in ("comments", "findings", "decisions"):
        rows = await sql.fetch(f"select distinct comment_id from {table}")  # noqa: S608 - names of tables
        assert [row["comment_id"] for row in rows] == [stays.id]


async def test_answers_stay_when_their_comment_is_deleted(newsroom: Newsroom, sql: asyncpg.Connection[Any]) -> None:
    parent = await newsroom.posted()
    answer = await newsroom.posted(parent=parent.id)
    await sql.execute("delete from comments where comment_id = $1", parent.id)
    [row] = await sql.fetch("select comment_id, parent_id, site_id from comments")
    assert (row["comment_id"], row["parent_id"], row["site_id"]) == (answer.id, None, newsroom.site.id)


async def test_a_name_belongs_to_one_page_of_a_site_and_one_site(
    newsroom: Newsroom, sql: asyncpg.Connection[Any]
) -> None:
    await newsroom.posted()
    with pytest.raises(asyncpg.UniqueViolationError):
        await sql.execute("insert into pages select site_id, $1, key, null, 0, null, now() from pages", uuid4())
    with pytest.raises(asyncpg.UniqueViolationError):
        await sql.execute("insert into sites (name, created_at) values ('default', now())")
