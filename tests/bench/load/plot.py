"""Draws what was measured as one SVG, to be read on light and on dark ground."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from tests.bench.load import work

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.load.latency import Waited
    from tests.bench.load.throughput import Row

WIDTH, MARGIN, LINE = 800, 20, 24
LABELS, BARS = 310, 370
"""Where bars begin, and how long the longest is."""
PLOT_WIDTH, PLOT_HEIGHT, PLOT_GAP = 250, 190, 140
PERCENTILES = (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9"))
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.small { font-size: 11px; fill: #59636e }
.axis { stroke: #8c959f; stroke-width: 1; fill: none }
.grid { stroke: #8c959f; stroke-opacity: .25 }
.bar { fill: #2f6fb2 } .other { fill: #b45f17 }
.p50 { stroke: #2f6fb2 } .p90 { stroke: #2b8a57 } .p99 { stroke: #b45f17 } .p999 { stroke: #a83a6b }
polyline { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9da7b3 }
  .bar { fill: #6cb0f5 } .other { fill: #f0a35e }
  .p50 { stroke: #6cb0f5 } .p90 { stroke: #6fd3a0 } .p99 { stroke: #f0a35e } .p999 { stroke: #f08bb6 }
}
"""


def draw(rows: Sequence[Row], waited: Sequence[Waited]) -> str:
    """Return the picture."""
    parts: list[str] = []
    height = MARGIN
    if rows:
        height = _bars(parts, rows, height)
    if waited:
        height = _curves(parts, waited, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" aria-label="Throughput beside bare aiohttp, and latency over rate">\n<style>{STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _bars(parts: list[str], rows: Sequence[Row], top: float) -> int:
    bare = {row.work: row for row in rows if row.server == "bare aiohttp"}
    shown = [
        (row, ratio)
        for row in rows
        if row.work in bare and row is not bare[row.work] and (ratio := row.of(bare[row.work])) is not None
    ]
    y = top + 14
    parts.append(_text(MARGIN, y, "Requests a second beside bare aiohttp with as many processes", "title"))
    parts.append(_text(MARGIN, y + 18, "1.00 is aiohttp that stores nothing and answers fixed bytes", "small"))
    first = y + 30
    y = first
    scale = BARS / max([1.0, *(ratio for _, ratio in shown)])
    for row, ratio in shown:
        title = work.TITLES[row.work] if row.server == "trecento" else row.server
        kind = "bar" if row.server == "trecento" else "other"
        parts.append(_text(LABELS - 8, y + 15, title, "" if kind == "bar" else "small", "end"))
        parts.append(
            f'<rect class="{kind}" x="{LABELS}" y="{y + 3}" width="{max(ratio * scale, 1):.1f}" height="{LINE - 8}"/>'
        )
        label = f"{ratio:.2f} ({row.per_second:,.0f}/s)" if ratio >= 0.1 else f"{ratio:.3f} ({row.per_second:,.0f}/s)"
        parts.append(_text(LABELS + ratio * scale + 6, y + 15, label, "small"))
        y += LINE
    x = LABELS + scale
    parts.append(f'<line class="axis" stroke-dasharray="3 3" x1="{x:.1f}" y1="{first}" x2="{x:.1f}" y2="{y}"/>')
    return int(y) + MARGIN


def _curves(parts: list[str], waited: Sequence[Waited], top: float) -> int:
    y = top + 14
    parts.append(_text(MARGIN, y, "Milliseconds that readers wait, by how many come a second", "title"))
    parts.append(_text(MARGIN, y + 18, "counted from when each one came, not from when a connection was free", "small"))
    works = list(dict.fromkeys(one.work for one in waited))
    values = [getattr(one, name) for one in waited for name, _ in PERCENTILES]
    low = math.floor(math.log10(max(min(values), 0.01)))
    high = max(math.ceil(math.log10(max(*values, 0.1))), low + 1)
    for place, name in enumerate(works):
        left = MARGIN + 34 + place * (PLOT_WIDTH + PLOT_GAP)
        _curve(parts, [one for one in waited if one.work == name], left, y + 58, range(low, high + 1))
        parts.append(_text(left, y + 46, work.TITLES[name]))
    return int(y + 58 + PLOT_HEIGHT + 40 + MARGIN)


def _curve(parts: list[str], waited: Sequence[Waited], left: float, top: float, powers: range) -> None:
    bottom = top + PLOT_HEIGHT
    most = max(one.rate for one in waited) * 1.05

    def x(rate: float) -> float:
        return left + rate / most * PLOT_WIDTH

    def y(value: float) -> float:
        share = (math.log10(max(value, 10 ** powers[0])) - powers[0]) / (powers[-1] - powers[0])
        return bottom - share * PLOT_HEIGHT

    for power in powers:
        level = y(10**power)
        parts.append(f'<line class="grid" x1="{left}" y1="{level:.1f}" x2="{left + PLOT_WIDTH}" y2="{level:.1f}"/>')
        parts.append(_text(left - 6, level + 4, f"{10**power:g}", "small", "end"))
    parts.append(f'<path class="axis" d="M{left} {top}V{bottom}H{left + PLOT_WIDTH}"/>')
    for one in waited:
        parts.append(_text(x(one.rate), bottom + 16, f"{one.rate:,.0f}/s", "small", "middle"))
        if one.share is not None:
            parts.append(_text(x(one.rate), bottom + 30, f"{one.share:.0%}", "small", "middle"))
    labels = _apart([y(getattr(waited[-1], name)) for name, _ in PERCENTILES])
    for (name, label), height in zip(PERCENTILES, labels, strict=True):
        points = " ".join(f"{x(one.rate):.1f},{y(getattr(one, name)):.1f}" for one in waited)
        parts.append(f'<polyline class="{name}" points="{points}"/>')
        parts.append(_text(x(waited[-1].rate) + 6, height + 4, f"{label} {getattr(waited[-1], name):.1f}", "small"))


def _apart(heights: Iterable[float]) -> list[float]:
    """Return heights of labels, which come from the bottom up, so far apart that each can be read."""
    found: list[float] = []
    for height in heights:
        found.append(min(height, found[-1] - 12) if found else height)
    return found
