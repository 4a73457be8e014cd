"""What makes tables and statements fit for Citus: each is found by its site, and of no kind that it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pglast import ast, parse_sql
from pglast.visitors import Visitor

from service.citus import REFERENCE, SUITABLE, distribute, tables
from service.migrations import MigrationError
from service.postgres import load
from service.steps import STEPS, apart
from service.store.retention import RetentionStore
from tests.program import Program
from tests.store.conftest import open_newsroom

if TYPE_CHECKING:
    from pathlib import Path

    from service.postgres import Database

    Connection = asyncpg.Connection[Any]

OF_A_SITE = {"policies", "pages", "comments", "findings", "decisions", "moderators", "credentials", "bans"}
QUERIES = load() | apart(load())
EVERYWHERE = {"verify_counts"}
"""Goes through all sites, and asks every node."""
SPREAD = {*EVERYWHERE, "site", "judged_comment"}
"""Finds sites by other tables, which Citus takes of what only reads and joins all by site."""
GIVEN, OTHER = "$", "?"


class Found(Visitor):
    """What Citus minds in a statement, and the tables of which it is not said at all, or not at once, of which site."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()
        self.unsited: set[str] = set()
        self.spread: set[str] = set()
        self.minded: set[str] = set()
        self._tables: set[str] = set()
        self._parts: set[str] = set()
        self._tells = False

    @property
    def refused(self) -> set[str]:
        told = {"tells from a node"} if self._tells and self._tables - self._parts else set()
        return self.minded | told

    def visit_SelectStmt(self, _ancestors: Any, node: Any) -> None:  # noqa: N802 - the name of the node
        relations = [part for one in node.fromClause or () for part in flat(one)]
        conditions = [node.whereClause, *(quals for one in node.fromClause or () for quals in joined(one))]
        self._check(relations, conditions)

    def visit_UpdateStmt(self, _ancestors: Any, node: Any) -> None:  # noqa: N802 - same
        more = [part for one in node.fromClause or () for part in flat(one)]
        self._check([node.relation, *more], [node.whereClause])

    def visit_DeleteStmt(self, _ancestors: Any, node: Any) -> None:  # noqa: N802 - same
        self._check([node.relation], [node.whereClause])

    def visit_InsertStmt(self, _ancestors: Any, node: Any) -> None:  # noqa: N802 - same
        table, rows = node.relation.relname, node.selectStmt
        self.used.add(table)
        if table not in OF_A_SITE:
            return
        if node.cols[0].name != "site_id":
            self.unsited.add(table)
        if side(rows.valuesLists[0][0] if rows.valuesLists else rows.targetList[0].val) != GIVEN:
            self.spread.add(table)

    def visit_CommonTableExpr(self, _ancestors: Any, node: Any) -> None:  # noqa: N802 - same
        self._parts.add(node.ctename)
        if not isinstance(node.ctequery, ast.SelectStmt):
            self.minded.add("writes in a part")

    def visit_SubLink(self, ancestors: Any, _node: Any) -> None:  # noqa: N802 - same
        inserted = ancestors.find_nearest(ast.InsertStmt)
        if ancestors.find_nearest(ast.OnConflictClause) or (inserted and inserted.node.selectStmt.valuesLists):
            self.minded.add("looks up what to insert")

    def visit_FuncCall(self, _ancestors: Any, node: Any) -> None:  # noqa: N802 - same
        self._tells |= node.funcname[-1].sval == "pg_notify"

    def visit_RangeVar(self, _ancestors: Any, node: Any) -> None:  # noqa: N802 - same
        self._tables.add(node.relname)

    def _check(self, relations: list[Any], conditions: list[Any]) -> None:
        pairs = [pair for condition in conditions for pair in equal(condition)]
        of_a_site = [one for one in relations if one.relname in {*OF_A_SITE, "judged_comments"}]
        self.used |= {one.relname for one in of_a_site}
        names = {one.alias.aliasname if one.alias else one.relname: one.relname for one in of_a_site}
        if len(names) == 1:  # its column needs no name of a table
            pairs = [(one or min(names), other or min(names)) for one, other in pairs]
        named = {name for pair in pairs for name in pair}
        self.unsited |= {table for name, table in names.items() if name not in named}
        known = {GIVEN}
        for _ in names:
            known |= {name for pair in pairs if known & {*pair} for name in pair if name in names}
        self.spread |= {table for name, table in names.items() if name not in known}


def flat(node: Any) -> list[Any]:
    """Return the tables of one item of a `from`."""
    if isinstance(node, ast.JoinExpr):
        return [*flat(node.larg), *flat(node.rarg)]
    return [node] if isinstance(node, ast.RangeVar) else []


def joined(node: Any) -> list[Any]:
    return [node.quals, *joined(node.larg), *joined(node.rarg)] if isinstance(node, ast.JoinExpr) else []


def equal(node: object) -> list[tuple[str, str]]:
    """Return whose `site_id` must equal whose, or what is given, for a condition to hold; "" is nobody's by name."""
    condition: Any = node
    if isinstance(node, ast.BoolExpr) and condition.boolop.name == "AND_EXPR":
        return [pair for part in condition.args for pair in equal(part)]
    if not (isinstance(node, ast.A_Expr) and [part.sval for part in condition.name] == ["="]):
        return []
    sides = side(condition.lexpr), side(condition.rexpr)
    return [] if {*sides} <= {GIVEN, OTHER} else [sides]


def side(node: object) -> str:
    """Return the table whose `site_id` stands at one side of an equation, or what else stands there."""
    one: Any = node
    if isinstance(node, ast.TypeCast):
        return side(one.arg)
    if isinstance(node, ast.ColumnRef):
        *whose, column = [getattr(part, "sval", "*") for part in one.fields]
        return (whose[0] if whose else "") if column == "site_id" else OTHER
    return GIVEN if isinstance(node, ast.ParamRef) else OTHER


def found(statement: str) -> Found:
    visitor = Found()
    visitor(parse_sql(statement))
    return visitor


def test_every_statement_names_the_site_of_every_table() -> None:
    unsited = {name: found(statement).unsited for name, statement in QUERIES.items() if name not in EVERYWHERE}
    assert {name: tables for name, tables in unsited.items() if tables} == {}
    assert set().union(*(found(statement).used for statement in QUERIES.values())) >= OF_A_SITE


@pytest.mark.parametrize(
    "statement",
    [
        "select from comments where comment_id = $1",
        "select from comments join pages on pages.site_id = $1 where comments.page_id = pages.page_id",
        "select from comments, pages where site_id = $1",
        "select from sites where exists (select from bans where subject_key = $1)",
        "select from comments where site_id = $1 or comment_id = $2",
        "update pages set revision = 1 where key = $1",
        "with gone as (delete from comments where comment_id = $1 returning site_id) select from gone",
        "insert into bans (subject_key, site_id) values ($1, $2)",
    ],
)
def test_a_statement_that_does_not_is_noticed(statement: str) -> None:
    assert found(statement).unsited


def test_what_runs_on_a_citus_says_at_once_of_which_site_it_is() -> None:
    spread = {name: found(QUERIES[name]).spread for name in QUERIES.keys() - STEPS.keys()}
    assert {name for name, tables in spread.items() if tables} == SPREAD
    assert {name for name in SPREAD if found(QUERIES[name]).refused} == set()
    assert found(QUERIES["facts"]).spread == {"pages", "comments", "bans"}  # the steps for it ask by site


def test_nothing_that_runs_on_a_citus_is_of_a_kind_that_it_refuses_or_carries_out_unheard() -> None:
    refused = {name: found(statement).refused for name, statement in QUERIES.items()}
    assert {name: why for name, why in refused.items() if why and name not in STEPS} == {}
    writing, telling = "writes in a part", "tells from a node"
    assert {name: why for name, why in refused.items() if why} == {
        "insert_comments": {writing, telling},
        "record_decision": {writing, telling},
        "delete_comments": {writing, telling},
    }


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("with new as (insert into bans (site_id) values ($1) returning *) select from new", "writes in a part"),
        (
            "with old as (delete from bans where site_id = $1) insert into bans (site_id) values ($1)",
            "writes in a part",
        ),
        ("with now as (update pages set title = $2 where site_id = $1) select", "writes in a part"),
        ("insert into bans (site_id, until) values ($1, (select now()))", "looks up what to insert"),
        (
            "insert into sites (name) values ($1) on conflict (name) do update set name = (select 'a')",
            "looks up what to insert",
        ),
        ("select pg_notify('a', key) from pages where site_id = $1", "tells from a node"),
        (
            "with one as (select key from pages where site_id = $1) select pg_notify('a', key) from one",
            "tells from a node",
        ),
        ("update pages set title = pg_notify('a', key)::text where site_id = $1", "tells from a node"),
    ],
)
def test_a_statement_of_such_a_kind_is_noticed(statement: str, why: str) -> None:
    assert found(statement).refused == {why}


@pytest.mark.parametrize(
    "statement",
    [
        "with one as (select $1::text as key) select pg_notify('a', key) from one",
        "select pg_notify('a', key) from json_to_recordset($1::json) as page (key text)",
        "insert into bans (site_id, until) select $1::bigint, (select max(until) from bans where site_id = $1)",
        "update pages set approved_count = (select count(*) from comments where site_id = $1) where site_id = $1",
    ],
)
def test_what_it_takes_is_not_minded(statement: str) -> None:
    assert (found(statement).refused, found(statement).spread) == (set(), set())


@pytest.mark.parametrize(
    "statement",
    [
        "select from pages where site_id = $1 and exists (select from bans where bans.site_id = pages.site_id)",
        "select from comments join pages on pages.site_id = comments.site_id",
        "select from comments as c, pages as p, bans where c.site_id = p.site_id and bans.site_id = $1",
        "update pages set title = 'a' from unnest($1::bigint[]) as u (site_id) where pages.site_id = u.site_id",
        "insert into bans (site_id) select u.site_id from unnest($1::bigint[]) as u (site_id)",
    ],
)
def test_a_statement_whose_site_is_not_known_at_once_is_noticed(statement: str) -> None:
    assert found(statement).spread


async def test_what_the_desk_looks_at_is_joined_by_site(sql: Connection) -> None:
    view = await sql.fetchval("select pg_get_viewdef('judged_comments'::regclass)")
    whole = f"select from ({view.rstrip(';')}) as judged_comments where site_id = $1"
    assert found(whole).used == {"comments", "pages", "findings"}
    # The view's own tables get their site from whoever asks; what they are joined with must be of the same one.
    assert found(whole).unsited == set()


async def test_every_index_that_is_unique_leads_with_the_site(sql: Connection) -> None:
    rows = await sql.fetch("""
        select
            indexrelid::regclass::text as name, indrelid::regclass::text as table,
            pg_get_indexdef(indexrelid, 1, true) as first
        from pg_index join pg_class on pg_class.oid = indrelid
        where indisunique and relnamespace = 'public'::regnamespace
    """)
    assert {row["table"] for row in rows} > OF_A_SITE
    assert {row["name"] for row in rows if row["first"] != "site_id"} == {"migrations_pkey", "sites_name_key"}


async def test_every_foreign_key_leads_from_site_to_site(sql: Connection) -> None:
    rows = await sql.fetch("""
        select conname as name, near.attname as here, far.attname as there
        from pg_constraint
        join pg_attribute as near on near.attrelid = conrelid and near.attnum = conkey[1]
        join pg_attribute as far on far.attrelid = confrelid and far.attnum = confkey[1]
        where contype = 'f' and connamespace = 'public'::regnamespace
    """)
    assert len(rows) > len(OF_A_SITE)
    assert {(row["here"], row["there"]) for row in rows} == {("site_id", "site_id")}


async def test_tables_are_distributed_after_those_that_they_lead_to(sql: Connection) -> None:
    order = await tables(sql)
    assert (order[0], set(order)) == (REFERENCE, {REFERENCE, *OF_A_SITE})
    keys = await sql.fetch(
        "select conrelid::regclass::text as here, confrelid::regclass::text as there from pg_constraint"
        " where contype = 'f' and conrelid <> confrelid and connamespace = 'public'::regnamespace"
    )
    assert [tuple(key) for key in keys if order.index(key["here"]) <= order.index(key["there"])] == []


async def test_without_citus_the_command_says_what_is_missing(tmp_path: Path, sql: Connection, url: str) -> None:
    with pytest.raises(MigrationError, match="has no Citus"):
        await distribute(sql)
    ran = Program(tmp_path, url).run("migrate", "--citus")
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert ran.stderr == (
        b"trecento: This database has no Citus. On a server that has it, first: create extension citus;\n"
    )


async def test_tables_that_are_made_suitable_keep_answers_and_decisions(database: Database, sql: Connection) -> None:
    newsroom = await open_newsroom(database, "default")
    question = await newsroom.posted()
    later = newsroom.draft().at
    answer = await newsroom.posted(parent=question.id, at=later)
    for statement in SUITABLE:
        await sql.execute(statement)
    assert await sql.fetchval("select count(*) from pg_trigger where not tgisinternal") == 0
    granted = await sql.fetch(
        "select privilege_type from pg_class, aclexplode(relacl) where relname = 'decisions' order by privilege_type"
    )
    assert {row["privilege_type"] for row in granted} >= {"SELECT", "INSERT", "DELETE"}
    assert not {row["privilege_type"] for row in granted} & {"UPDATE", "TRUNCATE"}
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await sql.execute("delete from comments where comment_id = $1", question.id)
    store = RetentionStore(database)
    [batch] = [some async for some in store.expired(newsroom.site.id, "approved", later, 10)]
    assert await store.delete(newsroom.site.id, "approved", batch) == 1
    rows = await sql.fetch("select comment_id, parent_id from comments")
    assert [tuple(row) for row in rows] == [(answer.id, None)]
    assert await newsroom.wrong() == {}
