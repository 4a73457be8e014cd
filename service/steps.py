"""What a Citus is given instead of one statement: the same in several, each of one site, in one transaction.

A statement that says at once of which site it is goes to the node of that site as it stands, and nobody hears what is
told there. Any other is taken apart, and refused where one part looks into a table by what another part gives.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from asyncpg import Record

Row: TypeAlias = "Record | Mapping[Any, Any]"
Document: TypeAlias = "dict[str, Any]"
"""A row as it travels, in JSON."""


class Asks(Protocol):
    """One connection."""

    async def ask(self, name: str, *arguments: object) -> Sequence[Row]:
        """Have one statement carried out as it is written, and return its rows."""

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """Have what follows done as a whole or not at all."""


def apart(statements: Mapping[str, str]) -> dict[str, str]:
    """Return what differs from a statement only in where it takes the site from."""
    return {"facts_of_site": statements["facts"].replace("draft.site_id", "$15::bigint")}


async def facts(on: Asks, *columns: Sequence[Any]) -> list[Row]:
    """Ask for the drafts of each site, and give the answers in the order of all drafts."""
    sites = columns[0]
    found: dict[int, Row] = {}
    for site in sorted(set(sites)):
        places = [place for place, of in enumerate(sites) if of == site]
        rows = await on.ask("facts_of_site", *([column[place] for place in places] for column in columns), site)
        found.update(zip(places, rows, strict=True))
    return [found[place] for place in range(len(sites))]


async def insert_comments(on: Asks, drafts: str, findings: str) -> list[Row]:
    """Store judged drafts: site by site, so that two batches never wait for each other in a ring."""
    rows: list[Document] = msgspec.json.decode(drafts)
    notes: list[Document] = msgspec.json.decode(findings)
    stored: list[Row] = []
    changed: list[Row] = []
    async with on.transaction():
        for site in sorted({row["site_id"] for row in rows}):
            mine = [row for row in rows if row["site_id"] == site]
            pages = {page["key"]: page for page in await on.ask("add_pages", site, _document(mine))}
            taken = [row | {"page_id": pages[row["page_key"]]["page_id"]} for row in mine if row["page_key"] in pages]
            ids = {row["comment_id"] for row in taken}
            await on.ask("add_comments", site, _document(taken))
            await on.ask("add_findings", site, _document([note for note in notes if note["comment_id"] in ids]))
            await on.ask("add_first_decisions", site, _document(taken))
            shown = {row["page_key"] for row in taken if row["status"] == "approved"}
            changed += [page for key, page in pages.items() if key in shown]
            stored += [{**pages[row["page_key"]], "comment_id": UUID(row["comment_id"])} for row in taken]
        await tell(on, changed)
    return stored


async def record_decision(
    on: Asks, site: int, comment: UUID, before: str, after: str, moderator: UUID, *more: object
) -> list[Row]:
    """Change a status, a count and the history, in the transaction that has locked the comment."""
    changed = await on.ask("change_status", site, comment, before, after)
    if not changed:
        return []
    difference = (after == "approved") - (before == "approved")
    pages = await _change_counts(on, site, {changed[0]["page_id"]: difference}) if difference else []
    await on.ask("add_decision", site, comment, before, after, moderator, *more)
    return [{**page, "count": page["approved_count"]} for page in pages] or [{"key": None}]


async def give_way(on: Asks, _wait: str) -> list[Row]:
    """Have this transaction give up early on every node; a `set`, which alone goes along, takes no argument."""
    await on.ask("set_everywhere")
    await on.ask("give_way_everywhere")
    return []


async def delete_comments(on: Asks, site: int, comments: Sequence[UUID], status: str) -> list[Row]:
    """Delete comments and lower counts, in the transaction that has locked the pages."""
    gone = await on.ask("delete_those", site, comments, status)
    lost = Counter(row["page_id"] for row in gone)
    await _change_counts(on, site, {page: -number * (status == "approved") for page, number in lost.items()})
    return [{"deleted": len(gone)}]


async def tell(on: Asks, pages: Sequence[Row]) -> None:
    """Tell who keeps counts what pages show."""
    if pages:
        await on.ask("tell", _document([dict(page.items()) for page in pages]))


async def _change_counts(on: Asks, site: int, differences: Mapping[UUID, int]) -> Sequence[Row]:
    pages = await on.ask("change_counts", site, list(differences), list(differences.values()))
    await tell(on, pages)
    return pages


def _document(rows: Sequence[Document]) -> str:
    return msgspec.json.encode(rows).decode()


STEPS: dict[str, Callable[..., Awaitable[list[Row]]]] = {
    step.__name__: step for step in (facts, insert_comments, record_decision, give_way, delete_comments)
}
"""By the name of the statement that each replaces."""
