"""What makes the tables and statements fit for Citus: whatever belongs to a site is found by its site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pglast import ast, parse_sql
from pglast.visitors import Visitor

from service.citus import REFERENCE, SUITABLE, distribute, tables
from service.migrations import MigrationError
from service.postgres import load
from service.store.retention import RetentionStore
from tests.program import Program
from tests.store.conftest import open_newsroom

if TYPE_CHECKING:
    from pathlib import Path

    from service.postgres import Database

    Connection = asyncpg.Connection[Any]

OF_A_SITE = {"policies", "pages", "comments", "findings", "decisions", "moderators", "credentials", "bans"}
QUERIES = load()
EVERYWHERE = {"verify_counts"}
"""Goes through all sites, and asks every node."""


class Found(Visitor):
    """The tables that each part of a statement reads or writes without naming their site."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()
        self.unsited: set[str] = set()

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
        self.used.add(node.relation.relname)
        if node.relation.relname in OF_A_SITE and node.cols[0].name != "site_id":
            self.unsited.add(node.relation.relname)

    def _check(self, relations: list[Any], conditions: list[Any]) -> None:
        named = {name for condition in conditions for name in equal(condition)}
        of_a_site = [one for one in relations if one.relname in {*OF_A_SITE, "judged_comments"}]
        self.used |= {one.relname for one in of_a_site}
        for one in of_a_site:
            alias = one.alias.aliasname if one.alias else one.relname
            if alias not in named and not ("" in named and len(of_a_site) == 1):
                self.unsited.add(one.relname)


def flat(node: Any) -> list[Any]:
    """Return the tables of one item of a `from`."""
    if isinstance(node, ast.JoinExpr):
        return [*flat(node.larg), *flat(node.rarg)]
    return [node] if isinstance(node, ast.RangeVar) else []


def joined(node: Any) -> list[Any]:
    return [node.quals, *joined(node.larg), *joined(node.rarg)] if isinstance(node, ast.JoinExpr) else []


def equal(node: object) -> set[str]:
    """Return whose `site_id` must equal something for a condition to hold; "" where it is not said whose."""
    condition: Any = node
    if isinstance(node, ast.BoolExpr) and condition.boolop.name == "AND_EXPR":
        return {name for part in condition.args for name in equal(part)}
    if not (isinstance(node, ast.A_Expr) and [part.sval for part in condition.name] == ["="]):
        return set()
    named = set()
    for side in (condition.lexpr, condition.rexpr):
        if isinstance(side, ast.ColumnRef):
            *whose, column = [part.sval for part in side.fields or ()]
            if column == "site_id":
                named.add(whose[0] if whose else "")
    return named


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
