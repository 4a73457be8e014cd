"""What processes use, read from /proc: seconds of CPU and bytes of memory."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TICK = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
KIB = 1024


class Memory(NamedTuple):
    """Bytes: what each process has, summed; and that with what is shared divided among those who share it."""

    rss: int
    pss: int | None
    """None where the kernel does not tell."""


def family(pid: int) -> list[int]:
    """Return a process and all that it and they have started."""
    found = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                found += family(int(child))
    return found


def parent(pid: int) -> int | None:
    """Return who started a process; None when it does not run here."""
    with suppress(OSError):
        return int(_stat(pid)[1])
    return None


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def cpu(pid: int | None) -> float:
    """Return the seconds of CPU of a process and all it started, those that have ended too (proc(5))."""
    ticks = 0
    for member in family(pid) if pid else ():
        with suppress(OSError):
            ticks += sum(map(int, _stat(member)[11:15]))
    return ticks * TICK


def memory(pid: int) -> Memory:
    """Return the memory of a process and all it started."""
    rss = 0
    pss: int | None = 0
    for member in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            try:
                told = Path(f"/proc/{member}/smaps_rollup").read_text(encoding="ascii")
                kib = dict(re.findall(r"^(Rss|Pss): +(\d+) kB", told, re.MULTILINE))
                rss += int(kib["Rss"]) * KIB
                pss = None if pss is None else pss + int(kib["Pss"]) * KIB
            except PermissionError:
                rss += int(Path(f"/proc/{member}/statm").read_text(encoding="ascii").split()[1]) * PAGE
                pss = None
    return Memory(rss, pss)
