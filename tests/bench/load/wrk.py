"""Runs `wrk`, which sends requests as fast as they are answered and costs little itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.load.work import ADDED, FACTOR, LETTERS, MARK, PIECE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.load.work import Load

WRK = shutil.which("wrk")
SCRIPT = """
local reads, writes, every = {{{reads}}}, {{{writes}}}, {every}
local letters = {{{letters}}}
local sent, written, read = 0, 0, 0
local function other(piece) return (piece * {factor} + {added}) % {piece} end
function request()
  sent = sent + 1
  if every > 0 and sent % every == 0 then
    local parts = writes[written % #writes + 1]
    written = written + 1
    local number, floor = {start} + written, math.floor
    local rest = floor(number / {piece})
    local mark = string.format("{mark}", other(floor(rest / {piece})), other(rest % {piece}), other(number % {piece}))
    return parts[1] .. (string.gsub(mark, "%d", letters)) .. parts[2]
  end
  read = read + 1
  return reads[(read - 1) % #reads + 1]
end
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format('{{"requests": %d, "seconds": %f, "bad": %d, "p50": %f, "p99": %f}}',
    summary.requests, summary.duration / 1e6,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


class Ran(NamedTuple):
    """What came of one run; milliseconds, seen by connections that each wait for an answer before they ask again."""

    requests: int
    seconds: float
    bad: int
    p50: float
    p99: float


def version() -> str:
    """Return the name and version of the program."""
    said = subprocess.run([WRK or "wrk", "-v"], capture_output=True, text=True, check=False)  # noqa: S603 - wrk itself
    return " ".join(said.stdout.split()[:2])


def run(folder: Path, address: str, load: Load, *, connections: int, seconds: float, start: int) -> Ran:
    """Send a load for so many seconds, which wrk counts whole; one thread, for the others are the service's."""
    script = folder / "wrk.lua"
    script.write_text(
        SCRIPT.format(
            reads=",".join(map(_quoted, load.reads if load.every != 1 else ())),
            writes=",".join(f"{{{_quoted(before)},{_quoted(after)}}}" for before, after in load.writes),
            every=load.every,
            mark=MARK,
            piece=PIECE,
            factor=FACTOR,
            added=ADDED,
            letters=",".join(f'["{digit}"]="{letter}"' for digit, letter in enumerate(LETTERS)),
            start=start,
        ),
        encoding="ascii",
    )
    told = ["--threads=1", f"--connections={connections}", f"--duration={max(round(seconds), 1)}s", "--timeout=10s"]
    ran = subprocess.run(  # noqa: S603 - wrk itself on our own script
        [WRK or "wrk", *told, f"--script={script}", address], capture_output=True, text=True, check=False
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(ran.stdout + ran.stderr)
    return Ran(**json.loads(lines[-1]))


def _quoted(text: bytes) -> str:
    """Return a string of Lua; what is not plain ASCII as numbers."""
    plain = set(range(32, 127)) - set(b'"\\')
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03d}" for byte in text) + '"'
