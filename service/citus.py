"""Spreads the tables over a Citus cluster by site: all that belongs to one site lives on one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.migrations import LOCK, MigrationError

if TYPE_CHECKING:
    from asyncpg import Connection

REFERENCE = "sites"
"""Small, and looked up by name before a site's number is known: every node has all of it."""
SUITABLE = (
    # Citus has no statement triggers on distributed tables, and calls those on rows unsafe. Decisions are guarded by
    # privileges instead: nobody but a superuser changes one, and whoever deletes a lone one does it by hand.
    "drop trigger if exists decisions_append_only on decisions",
    "drop trigger if exists decisions_whole on decisions",
    "drop trigger if exists decisions_stay on decisions",
    "revoke update, truncate on decisions from public, current_user",
    # It knows no `set null` where a key holds the column of distribution: whoever deletes unlinks the answers first.
    "alter table comments drop constraint comments_site_id_parent_id_fkey",
    "alter table comments add foreign key (site_id, parent_id) references comments (site_id, comment_id)",
)
TABLES = """
select
    child.relname as name,
    array_remove(array_agg(distinct parent.relname), null)::text[] as needs
from pg_class as child
join pg_attribute on attrelid = child.oid and attname = 'site_id' and not attisdropped
left join pg_constraint on conrelid = child.oid and contype = 'f' and confrelid <> child.oid
left join pg_class as parent on parent.oid = confrelid
where child.relkind = 'r' and child.relnamespace = 'public'::regnamespace
group by child.relname
order by child.relname
"""


async def tables(connection: Connection) -> list[str]:
    """Return the tables that are of a site, each after those that its foreign keys lead to."""
    needs = {row["name"]: set(row["needs"]) for row in await connection.fetch(TABLES)}
    order: list[str] = []
    while len(order) < len(needs):
        order += [name for name, needed in needs.items() if name not in order and needed <= set(order)]
    return order


async def distribute(connection: Connection) -> list[str]:
    """Distribute what is not distributed yet, and return the names of those tables.

    Raises MigrationError when the database has no Citus.
    """
    if not await connection.fetchval("select exists (select from pg_extension where extname = 'citus')"):
        raise MigrationError("This database has no Citus. On a server that has it, first: create extension citus;")
    await connection.execute("select pg_advisory_lock($1)", LOCK)  # ends with the connection
    rows = await connection.fetch("select logicalrelid::text as name from pg_dist_partition")
    known = {row["name"] for row in rows}
    todo = [name for name in await tables(connection) if name not in known]
    if "comments" in todo:
        for statement in SUITABLE:
            await connection.execute(statement)
    for name in todo:
        if name == REFERENCE:
            await connection.execute("select create_reference_table($1)", name)
        else:
            beside = next((other for other in await tables(connection) if other in known - {REFERENCE}), "none")
            await connection.execute(
                "select create_distributed_table($1, 'site_id', colocate_with => $2)", name, beside
            )
        known.add(name)
    return todo
