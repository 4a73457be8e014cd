"""Says what was measured: tables in Markdown, for people and for documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bench.load import size, work

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.load.latency import Waited
    from tests.bench.load.size import Sized
    from tests.bench.load.throughput import Row

MIB = 2**20


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown whose columns stand under each other in plain text too."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    text = [
        "| " + " | ".join(cell.ljust(width) if place < 2 else cell.rjust(width)
                         for place, (cell, width) in enumerate(zip(line, widths, strict=True))) + " |"
        for line in lines
    ]  # fmt: skip
    rule = "|" + "|".join("-" * (width + 1) + ("-" if place < 2 else ":") for place, width in enumerate(widths)) + "|"
    return "\n".join([text[0], rule, *text[1:]])


def throughput(rows: Sequence[Row]) -> str:
    """Return the table of requests a second."""
    by = {(row.work, row.server): row for row in rows}
    shown = []
    for row in rows:
        bare, isso = by.get((row.work, "bare aiohttp")), by.get((row.work, "Isso"))
        figures = row.figures()
        title = work.TITLES.get(row.work, "insert a row, no service")
        if row.skipped:
            shown.append([title, row.server, f"skipped: {row.skipped}", *[""] * 7])
            continue
        shown.append(
            [
                title,
                row.server,
                f"{row.per_second:,.0f}",
                _times(row.of(bare) if bare and bare is not row else None),
                _times(row.of(isso) if isso and isso is not row else None),
                _number(figures["cpu_us"]),
                _number(figures["postgres_cpu_us"]),
                _megabytes(figures["rss_bytes"]),
                _megabytes(figures["pss_bytes"]),
                f"{row.bad:,}" if row.bad else "0",
            ]
        )
    head = ("work", "server", "requests/s", "× bare", "× Isso", "µs CPU", "µs Postgres", "MB RSS", "MB PSS", "not 2xx")
    return table(head, shown)


def _times(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    return f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def _number(figure: Any) -> str:
    return "–" if figure is None else f"{figure:,.0f}"


def _megabytes(figure: Any) -> str:
    return "–" if figure is None else f"{figure / MIB:,.0f}"


def latency(waited: Sequence[Waited]) -> str:
    """Return the table of how long readers waited."""
    head = (
        "work",
        "of capacity",
        "a second",
        "answered",
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "most",
        "sent late, p99",
        "not 2xx",
    )
    return table(head, (
        [
            work.TITLES[one.work], "asked for" if one.share is None else f"{one.share:.0%}", f"{one.rate:,.0f}",
            f"{one.answered:,.0f}", *(f"{value:.2f}" for value in (one.p50, one.p90, one.p99, one.p999, one.most)),
            f"{one.late:.2f}", f"{one.bad:,}",
        ]
        for one in waited
    ))  # fmt: skip


def sizes(sized: Sequence[Sized], small: int, large: int) -> str:
    """Return the table of how much longer each work takes beside many comments."""
    few, many = f"{small:,}", f"{large:,}"
    head = ("work", "a second", f"p50 ms, {few}", f"{many}", "ratio", f"p99 ms, {few}", f"{many}", "ratio", "not 2xx")
    shown = []
    for one in sized:
        told = one.figures()
        percentiles = [
            f"{told[f'{name}_{what}']:.2f}" for name in ("p50", "p99") for what in ("small", "large", "ratio")
        ]
        shown.append([size.WORKS[one.work], f"{one.rate:,.0f}", *percentiles, f"{one.bad:,}"])
    return table(head, shown)


def storage(by_table: dict[str, float]) -> str:
    """Return the bytes on disk for a comment."""
    parts = ", ".join(f"{table} {number:,.0f}" for table, number in by_table.items())
    return f"{sum(by_table.values()):,.0f} bytes on disk for a comment, indexes included: {parts}."
