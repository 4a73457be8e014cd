"""The door: what to measure, and how it is said."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

import service
from tests.bench.load import latency, plot, report, servers, size, throughput, work, wrk
from tests.bench.load.database import Postgres, bytes_by_table, postgres

HELP = """\
Measure the service beside what bounds it, on this machine: everything is started here, asked over loopback, and thrown
away at the end. Nothing needs to run beforehand.

  --throughput  requests a second of ours and of bare aiohttp with as many processes, which parses JSON and answers
                fixed bytes but stores nothing; of Isso with --isso; and rows a second that asyncpg and pgbench insert
                into one table. Servers take turns in each round, so that a machine that slows down slows all; ratios
                are those within a round. Comments are judged by all rules of text and are durable when they are
                acknowledged. (This one is run when no part is named.)
  --latency     how long readers wait when they come at 25, 50 and 75 % of what the service can do, by chance, and do
                not wait for each other: counted from when each one came, so that a pause is seen by all it keeps.
  --size N      the same work beside 10,000 comments and beside N, in turn and at the same rate.

wrk (Debian's package) sends the requests of --throughput when it is there, else our own generator, which always sends
those of the others. Numbers of two machines, or of two generators, do not compare; ratios nearly do.
"""
EXAMPLES = """\
examples:
  python -m tests.bench.load                                    five works, two servers, five rounds: about six minutes
  python -m tests.bench.load --only post,one --rounds 3 --seconds 2
  python -m tests.bench.load --throughput --latency --isso ~/isso --plot docs/performance.svg
  python -m tests.bench.load --size 100000 --seconds 1 --rounds 3                                under a minute
  python -m tests.bench.load --workers 2 --database postgresql://postgres@localhost/postgres --json
"""
BOUNDS = "insert"


def names(text: str) -> list[str]:
    """Read works by comma; raises ValueError for one that there is not."""
    asked = text.split(",")
    if set(asked) - {*work.TITLES, BOUNDS}:
        raise argparse.ArgumentTypeError(f"there are {', '.join(work.TITLES)} and {BOUNDS}")
    return asked


def parser() -> argparse.ArgumentParser:
    """Return the parser of what can be typed."""
    given = argparse.ArgumentParser(
        prog="python -m tests.bench.load",
        description=HELP,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = given.add_argument
    add("--throughput", action="store_true", help="requests a second")
    add("--latency", action="store_true", help="how long readers wait")
    add("--size", type=int, metavar="N", help="beside N comments")
    add("--few", type=int, default=size.FEW, metavar="N", help="comments that --size compares with (10,000)")
    add("--database", metavar="URL", help="a server on which databases can be made (an embedded one, with fsync)")
    add("--workers", type=int, default=1, help="processes of ours and of bare aiohttp (1)")
    add("--connections", type=int, default=16, help="that ask at the same time (16)")
    add("--seconds", type=float, default=5.0, help="of each run (5)")
    add("--rounds", type=int, default=5, help="of each work; the middle one counts (5)")
    add("--comments", type=int, default=10_000, help="posted before, over the pages (10,000)")
    add("--only", type=names, default=[*work.TITLES, BOUNDS], help=f"of {','.join(work.TITLES)},{BOUNDS}")
    add("--rates", type=lambda text: [float(rate) for rate in text.split(",")], default=[],
        help="a second, by comma, for --latency in place of shares of the capacity")  # fmt: skip
    add("--isso", metavar="DIR", type=Path, help="also ask Isso, installed by pip into this folder if it is not there")
    add("--generator", choices=["wrk", "own"], default="wrk" if wrk.WRK else "own", help="what sends (wrk if there)")
    add("--plot", metavar="FILE", type=Path, help="draw throughput and latency as SVG")
    add("--json", action="store_true", help="print JSON for a program")
    return given


class Measurement:
    """One run of this program: what was asked for, and what came of it."""

    def __init__(self, given: argparse.Namespace, stack: ExitStack) -> None:
        self._given = given
        self._stack = stack
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trecento-bench-")))
        self._folder.chmod(0o711)  # PostgreSQL has an account of its own under root
        self._postgres = stack.enter_context(postgres(given.database, self._place("postgres")))
        self._bar = stack.enter_context(tqdm(disable=None, unit=" runs", total=self._runs()))
        self.rows: list[throughput.Row] = []
        self.waited: list[latency.Waited] = []
        self.sized: list[size.Sized] = []
        self.bytes: dict[str, float] = {}
        self.found: dict[str, Any] = {"machine": _machine(given, self._postgres)}

    def _place(self, name: str) -> Path:
        place = self._folder / name
        place.mkdir(mode=0o711)
        return place

    def _runs(self) -> int:
        given = self._given
        servers = 3 if given.isso else 2
        works = [name for name in given.only if name != BOUNDS]
        runs = 0
        if given.throughput:
            runs += len(works) * servers * (given.rounds + 1) + 2 * given.rounds * (BOUNDS in given.only)
        if given.latency:
            runs += len(latency.WORKS) * (1 + len(given.rates or latency.SHARES))
        if given.size:
            runs += 2 + len(size.WORKS) * (1 + given.rounds)
        return runs

    def _step(self, what: str) -> None:
        self._bar.set_description_str(what)
        self._bar.update()

    def run(self) -> None:
        """Measure everything that was asked for."""
        given = self._given
        if given.throughput or given.latency:
            self._serve()
        if given.throughput and BOUNDS in given.only:
            self.rows += throughput.bounds(
                self._postgres, self._place("bounds"), given.seconds, given.rounds, self._step
            )
        if given.size:
            self.sized, self.bytes = size.measure(
                self._postgres,
                self._place("size"),
                (given.few, given.size),
                seconds=given.seconds,
                rounds=given.rounds,
                step=self._step,
            )

    def _serve(self) -> None:
        given = self._given
        works = [name for name in work.TITLES if name in given.only]
        loads = list(dict.fromkeys([*works, *(latency.WORKS if given.latency else ()), "post"]))
        keys = work.pages(work.PAGES)
        with ExitStack() as stack:
            url = stack.enter_context(self._postgres.database())
            place = self._place("trecento")
            servers.prepare(url)
            ours = stack.enter_context(servers.trecento(url, place, keys, given.workers, loads))
            bench = throughput.Bench(
                self._place("wrk"), self._postgres,
                own=given.generator == "own", connections=given.connections, seconds=given.seconds,
            )  # fmt: skip
            self._bar.set_description_str(f"posting {given.comments:,} comments")
            bench.fill(ours, given.comments)
            self.bytes = bytes_by_table(url)
            if given.throughput:
                asked = [ours, stack.enter_context(servers.bare(ours, self._place("bare"), keys, given.workers, loads))]
                if given.isso:
                    asked += self._isso(stack, bench, loads)
                self.rows = throughput.measure(bench, asked, works, given.rounds, self._step)
            if given.latency:
                readers = latency.Readers(ours, self._postgres, given.seconds)
                self.waited = latency.measure(readers, latency.WORKS, given.rates, self._step)

    def _isso(self, stack: ExitStack, bench: throughput.Bench, loads: list[str]) -> list[servers.Server]:
        given = self._given
        try:
            programs = servers.isso_programs(given.isso.absolute())
            place = self._place("isso")
            server = stack.enter_context(servers.isso(programs, place, work.PAGES, given.workers, loads))
            self._bar.set_description_str(f"posting {given.comments:,} comments to Isso")
            bench.fill(server, given.comments)
        except RuntimeError as error:
            self.found["isso"] = f"skipped: {error}"
            return []
        self.found["isso"] = servers.isso_version(programs)
        return [server]

    @property
    def bad(self) -> int:
        """How many answers were not 2xx."""
        return (
            sum(row.bad for row in self.rows) + sum(one.bad for one in self.waited) + sum(one.bad for one in self.sized)
        )

    def tables(self) -> str:
        """Return what was found, for people."""
        machine = self.found["machine"]
        parts = [", ".join(f"{name.replace('_', ' ')} {value}" for name, value in machine.items()) + "."]
        if "isso" in self.found:
            parts.append(f"Isso {self.found['isso']}.")
        if self.rows:
            parts.append(report.throughput(self.rows))
        if self.waited:
            parts.append(report.latency(self.waited))
        if self.sized:
            parts.append(report.sizes(self.sized, self._given.few, self._given.size))
        if self.bytes:
            parts.append(report.storage(self.bytes))
        return "\n\n".join(parts)

    def figures(self) -> dict[str, Any]:
        """Return what was found, for programs."""
        bare = {row.work: row for row in self.rows if row.server == "bare aiohttp"}
        rows = [row.figures() | {"of_bare": row.of(bare[row.work]) if row.work in bare else None} for row in self.rows]
        return {
            **self.found,
            "throughput": rows,
            "latency": [one.figures() for one in self.waited],
            "size": [one.figures() for one in self.sized],
            "bytes_for_a_comment": self.bytes,
        }


def _machine(given: argparse.Namespace, server: Postgres) -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "workers": given.workers,
        "connections": given.connections,
        "seconds": given.seconds,
        "rounds": given.rounds,
        "generator": wrk.version() if given.generator == "wrk" else "own",
        "Trecento": service.__version__,
        "Python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "uvloop": version("uvloop"),
        "PostgreSQL": server.version,
        "fsync": server.fsync,
    }


def main() -> int:
    """Measure and say what came of it; 1 when any answer was not 2xx."""
    given = parser().parse_args()
    if not (given.latency or given.size):
        given.throughput = True
    with ExitStack() as stack:
        measurement = Measurement(given, stack)
        measurement.run()
    if given.plot:
        given.plot.write_text(plot.draw(measurement.rows, measurement.waited), encoding="utf-8")
    print(json.dumps(measurement.figures(), indent=1, ensure_ascii=False) if given.json else measurement.tables())
    bad = measurement.bad
    if bad:
        print(f"{bad:,} answers were not 2xx: those rates are not what they seem.", file=sys.stderr)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
