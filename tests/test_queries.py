"""Named queries on the migrated schema: they prepare, give what is read, and take the index meant for them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from service.postgres import load
from service.store.comments import Submitted
from service.store.desk import Decision, Examined, Queued
from service.store.identity import Account, Holder
from service.store.pages import PageCount
from service.store.sites import PolicyVersion, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import asyncpg
    import msgspec

    Connection = asyncpg.Connection[Any]

QUERIES = load()
SHAPES: dict[str, type[msgspec.Struct]] = {
    "submitted": Submitted,
    "queue_riskiest": Queued,
    "queue_newest": Queued,
    "queue_oldest": Queued,
    "judged_comment": Examined,
    "history": Decision,
    "moderator": Account,
    "credential": Holder,
    "verify_counts": PageCount,
    "site": Site,
    "policies": PolicyVersion,
}
DOCUMENT = {"document": "policy"}
"""Columns that are read before they become a field."""

SEED = """
insert into sites (site_id, name, created_at) values (1, 'default', now()), (2, 'other', now());
insert into policies select site_id, 1, '{}', now() from sites;
insert into pages
select 1, md5('page ' || n)::uuid, 'page ' || n, null, 0, null, now() from generate_series(1, 3000) as n;
insert into comments
select
    1, md5('comment ' || n)::uuid, md5('page ' || 1 + n % 200)::uuid, null, null,
    decode(md5('author ' || n % 500), 'hex'), decode(md5('address ' || n % 500), 'hex'), 'Thought ' || n,
    decode(md5('text ' || n), 'hex'), (array['approved', 'approved', 'approved', 'held', 'rejected'])[1 + n % 5],
    (n % 100) / 100.0, 1, timestamptz '2026-05-01' + n * interval '1 minute',
    case when n % 2 = 0 then 'key ' || n end, case when n % 2 = 0 then decode(md5('request'), 'hex') end
from generate_series(1, 6000) as n;
insert into findings
select site_id, comment_id, 0, 'links', 'hold', false, false, 0.5, '[[0, 2]]', '' from comments;
insert into decisions (site_id, comment_id, seq, to_status, policy_version, decided_at)
select site_id, comment_id, 1, status, 1, submitted_at from comments;
update pages set approved_count = (
    select count(*) from comments where comments.page_id = pages.page_id and status = 'approved'
);
"""
PAGE = "md5('page 7')::uuid"
COMMENT = "md5('comment 4000')::uuid"
FACTS = (
    "array[1]::bigint[], array['page 7'], array[md5('comment 6')::uuid], array[decode(md5('author 6'), 'hex')],"
    " array[decode(md5('address 6'), 'hex')], array[decode(md5('text 6'), 'hex')], array[timestamptz '2026-05-05'],"
    " array['key 6'], array[60], array[5], array[86400], array[86400], array[200], array[100]"
)
PLANS = {
    "thread_newest": ("1, 'page 7', null, 51", {"comments_thread", "pages_site_id_key_key"}),
    "thread_newest after": (f"1, 'page 7', {COMMENT}, 51", {"comments_thread", "pages_site_id_key_key"}),
    "thread_oldest": ("1, 'page 7', null, 51", {"comments_thread", "pages_site_id_key_key"}),
    "thread_oldest after": (f"1, 'page 7', {COMMENT}, 51", {"comments_thread", "pages_site_id_key_key"}),
    "queue_riskiest": ("1, 'held', null, null, null, null, null, 51", {"comments_queue", "findings_pkey"}),
    "queue_riskiest after": (f"1, 'held', {COMMENT}, 0.5, null, null, null, 51", {"comments_queue", "findings_pkey"}),
    "queue_riskiest words": (f"1, 'held', null, null, {COMMENT}, 0.5, 'thought', 51", {"comments_queue"}),
    "queue_newest": ("1, 'held', null, null, null, 51", {"comments_arrival", "findings_pkey"}),
    "queue_newest after": (f"1, 'held', {COMMENT}, null, null, 51", {"comments_arrival", "findings_pkey"}),
    "queue_oldest": ("1, 'held', null, null, null, 51", {"comments_arrival", "findings_pkey"}),
    "queue_oldest after": (f"1, 'held', {COMMENT}, null, null, 51", {"comments_arrival", "findings_pkey"}),
    "reach_riskiest": (f"1, 'held', {COMMENT}, 0.5, 99", {"comments_queue"}),
    "reach_newest": ("1, 'held', null, 99", {"comments_arrival"}),
    "reach_oldest": ("1, 'held', null, 99", {"comments_arrival"}),
    "judged_comment": (f"1, {COMMENT}", {"comments_pkey", "comments_author"}),
    "submitted": (f"1, {COMMENT}", {"comments_pkey", "decisions_pkey", "findings_pkey"}),
    "history": (f"1, {COMMENT}", {"decisions_pkey"}),
    "lock_comment": (f"1, {COMMENT}", {"comments_pkey"}),
    "counts": ("1, array['page 7', 'page 8', 'nowhere']", {"pages_site_id_key_key"}),
    "repair_count": (f"1, {PAGE}", {"comments_thread", "pages_pkey"}),
    "facts": (
        FACTS,
        {"comments_thread", "comments_author", "comments_address", "comments_fingerprint", "comments_idempotency"},
    ),
}


@pytest.fixture
async def seeded(sql: Connection) -> Connection:
    await sql.execute(SEED)
    await sql.execute("analyze")
    return sql


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


async def explain(connection: Connection, name: str, arguments: str) -> list[dict[str, Any]]:
    [answer] = await connection.fetch(f"explain (format json) execute {name} ({arguments})")
    return list(nodes(json.loads(answer[0])[0]["Plan"]))


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_hot_queries_take_the_index_that_is_meant_for_them(seeded: Connection, mode: str) -> None:
    await seeded.execute(f"set plan_cache_mode = {mode}")
    prepared: set[str] = set()
    for case, (arguments, indexes) in PLANS.items():
        name = case.partition(" ")[0]
        if name not in prepared:
            await seeded.execute(f"prepare {name} as {QUERIES[name]}")
            prepared.add(name)
        plan = await explain(seeded, name, arguments)
        assert indexes <= {node.get("Index Name") for node in plan}, (case, plan)
        read_whole = {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}
        assert not read_whole & {"comments", "findings", "decisions"}, case


@pytest.mark.parametrize("loops", ["on", "off"])
async def test_a_page_of_a_list_is_read_in_order_and_nothing_is_sorted_to_find_it(
    seeded: Connection, loops: str
) -> None:
    """Not even where the planner thinks that a join of whole tables would cost less."""
    await seeded.execute(f"set enable_nestloop = {loops}")
    for name in ("thread_newest", "thread_oldest", "queue_riskiest", "queue_newest", "queue_oldest"):
        await seeded.execute(f"prepare {name} as {QUERIES[name]}")
        plan = await explain(seeded, name, PLANS[name][0])
        [limit] = [node for node in plan if node["Node Type"] == "Limit" and node["Plan Rows"] <= 51]
        assert "Sort" not in {node["Node Type"] for node in nodes(limit)}, name


async def test_every_query_prepares(sql: Connection) -> None:
    for statement in QUERIES.values():
        await sql.prepare(statement)


async def test_rows_have_the_fields_of_what_is_read_from_them(sql: Connection) -> None:
    for name, shape in SHAPES.items():
        columns = [column.name for column in (await sql.prepare(QUERIES[name])).get_attributes()]
        assert sorted(DOCUMENT.get(column, column) for column in columns) == sorted(shape.__struct_fields__), name


def test_whatever_is_written_names_its_site() -> None:
    writing = {
        name: statement
        for name, statement in QUERIES.items()
        if re.search(r"\b(insert into|update|delete from)\b", statement)
    }
    assert {"insert_comments", "record_decision", "repair_count", "drop_credential"} <= writing.keys()
    assert writing.pop("add_site")  # makes the row that site_id comes from
    assert writing.pop("add_origins")  # finds it by the name
    assert [name for name, statement in writing.items() if "site_id" not in statement] == []
    for statement in writing.values():
        for table, columns in re.findall(r"insert into (\w+) \(([^)]*)\)", statement):
            assert columns.split(",")[0].strip() == "site_id", (table, statement)
        for clause in re.findall(r"\b(?:update \w+ |delete from )(.*?)(?:returning|\Z|\n\),)", statement, re.DOTALL):
            assert "site_id" in clause or "excluded." in clause, statement


def test_every_query_says_in_a_sentence_what_it_does() -> None:
    for name, statement in QUERIES.items():
        assert re.match(r"-- [A-Z][^\n]+[.]\n", statement), name


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.sql").write_text("-- name: twice\n-- Says one.\nselect 1;\n")
    with pytest.raises(ValueError, match=r"The query twice stands twice, the second time in b\.sql"):
        load(tmp_path)
