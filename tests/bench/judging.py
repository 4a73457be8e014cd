"""Prints how well and how fast comments are judged: `python tests/bench/judging.py [--data DIR] [--json]`."""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

from better_profanity import Profanity
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from service.model import Policy  # noqa: E402 - the path comes first
from service.moderation.judge import Judge  # noqa: E402 - same
from service.moderation.text import canonical  # noqa: E402 - same
from service.wordlists import load, packaged  # noqa: E402 - same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Flags = Callable[[str], bool]

SLOW_SAMPLE = 150
"""Texts of each set that better-profanity is asked; it takes up to a tenth of a second for one."""
UNICODE_KINDS = frozenset(
    {"zerowidth", "vs_tags", "cyrillic", "greek", "mixed_homoglyph", "fullwidth", "math", "enclosed", "regional"}
    | {"smallcaps", "diacritic", "combining", "bidi"}
)
SHORTEST, LONGEST = 270, 300
"""Characters of a comment that is timed."""
WORST = {
    "letters apart": "a " * 150,
    "one letter": "a" * 300,
    "look-alikes": "ѕһіт υρ " * 43,
    "mathematical": "𝓯𝓾𝓬𝓴 " * 60,
    "heaped marks": "f̸̉̈ű̆c̉̍̌k̈̒̒" * 21,
    "symbols": "$h!t @$$ " * 33,
    "asterisks": "f**k " * 60,
    "dots": "f.u.c.k." * 37,
    "dots apart": "f.u.c.k " * 37,
    "full width": "ｆｕｃｋ " * 60,
    "short words": "ass " * 75,
    "run together": "fuck" * 75,
    "entities": "&#102;" * 50,
    "open tags": "<b " * 100,
    "links": "a.co " * 60,
    "listed words": "motherfucker " * 23,
    "Korean": "개새끼야 " * 60,
    "Cyrillic": "сука блять " * 27,
    "Korean in two": "시  발 개  새끼 " * 23,
    "a bit of everything": (
        "f̸ű̆c̉k 𝓯𝓾𝓬𝓴 $h!t f**k f.u.c.k a.co/ 개새끼 сука &#102; <b> f u c k fuuuck fu  ck x at y dot com h**p://a[.]b "
    )
    * 3,
}


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a set, with the text in its canonical form."""
    with path.open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file] if path.suffix == ".jsonl" else list(csv.DictReader(file))
    return [{**row, "text": canonical(row["text"])} for row in found]


def asked(flags: Flags, texts: Iterable[str], title: str) -> list[bool]:
    """Ask about every text, with a bar where somebody watches."""
    return [flags(text) for text in tqdm(list(texts), desc=title, leave=False, disable=not sys.stderr.isatty())]


def share(answers: list[bool]) -> float:
    """Return the share of texts that are flagged."""
    return sum(answers) / max(len(answers), 1)


def plain_forms(hatecheck: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return each misspelled comment of HateCheck with the one it was made from, found by likeness."""
    plain = [row["text"] for row in hatecheck if not row["label"].startswith("spell_")]
    by_end = defaultdict(list)
    for text in plain:
        for key in (text[:8].lower(), text[-8:].lower()):
            by_end[key].append(text)
    pairs = []
    for row in hatecheck:
        text = row["text"]
        near = {*by_end[text[:8].lower()], *by_end[text[-8:].lower()]} if row["label"].startswith("spell_") else set()
        like = max(near, key=lambda other: SequenceMatcher(None, text, other).ratio(), default="")
        if like and SequenceMatcher(None, text, like).ratio() > 0.8:
            pairs.append((text, like))
    return pairs


def quality(flags: Flags, data: Path, limit: int | None, title: str) -> dict[str, float]:
    """Return the figures of one judge over the sets; `limit` texts of each when it is slow."""

    def some(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return found if limit is None or len(found) <= limit else random.Random(300).sample(found, limit)

    evasion = some(rows(data / "evasion.jsonl"))
    caught = asked(flags, (row["text"] for row in evasion), f"{title}: evasion")
    kinds: dict[str, list[bool]] = defaultdict(list)
    for row, answer in zip(evasion, caught, strict=True):
        kinds[row["kind"]].append(answer)
    benign = some([row for row in rows(data / "benign.jsonl") if row["kind"] != "contested"])
    news = some([{"text": text} for text in phrases()])
    gold = rows(data / "news_profanity_gold2.csv")
    profane = some([row for row in gold if row["profane"] == "1"])
    clean = some([row for row in gold if row["profane"] != "1"])
    hatecheck = [row for row in rows(data / "hatecheck.csv") if row["label"].endswith("_h")]
    pairs = [{"text": text, "plain": plain} for text, plain in plain_forms(hatecheck)]
    pairs = some(pairs)
    plain = asked(flags, (row["plain"] for row in pairs), f"{title}: HateCheck")
    spelled = [row["text"] for row, answer in zip(pairs, plain, strict=True) if answer]
    return {
        "evasion recall": share(caught),
        "evasion recall, Unicode kinds": share([a for kind in UNICODE_KINDS for a in kinds.get(kind, [])]),
        "evasion recall, worst kind": min(share(answers) for answers in kinds.values()),
        "benign wrongly flagged": share(asked(flags, (row["text"] for row in benign), f"{title}: benign")),
        "news vocabulary flagged": share(asked(flags, (row["text"] for row in news), f"{title}: news")),
        "news gold recall": share(asked(flags, (row["text"] for row in profane), f"{title}: gold")),
        "news gold wrongly flagged": share(asked(flags, (row["text"] for row in clean), f"{title}: gold")),
        "HateCheck spell_* against plain": share(asked(flags, spelled, f"{title}: HateCheck")),
    }


def phrases() -> list[str]:
    """Return the phrases of news vocabulary written for this bench."""
    lines = (Path(__file__).parent / "news.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def timed(flags: Flags, text: str, times: int) -> float:
    """Return the fastest of several runs over one text, in microseconds: what the judge costs, not the machine."""

    def once() -> float:
        start = time.perf_counter_ns()
        flags(text)
        return (time.perf_counter_ns() - start) / 1000

    return min(once() for _ in range(times))


def hardest(flags: Flags, times: int) -> dict[str, float]:
    """Return microseconds for each of the worst texts we know."""
    return {name: timed(flags, canonical(text[:300]), times) for name, text in WORST.items()}


def speed(flags: Flags, data: Path, texts: int, times: int, title: str) -> dict[str, float]:
    """Return microseconds for ASCII comments of some 300 characters, and for as many of short ones in a row.

    The latter hold a listed word far more often than a comment does.
    """
    news = [row["text"] for row in rows(data / "news_profanity_gold2.csv") if row["text"].isascii()]
    single = [text for text in news if SHORTEST <= len(text) <= LONGEST]
    joined = ". ".join(text for text in " ".join(news).replace("\n", " ").split(". ") if text)
    in_a_row = [canonical(joined[start : start + LONGEST]) for start in range(0, LONGEST * texts, LONGEST)]
    figures: dict[str, float] = {}
    for name, long in (("", single[:texts]), (", comments in a row", in_a_row)):
        costs = sorted(
            timed(flags, text, times)
            for text in tqdm(long, desc=f"{title}: speed", leave=False, disable=not sys.stderr.isatty())
        )
        figures[f"µs, median{name}"] = statistics.median(costs)
        figures[f"µs, p99{name}"] = costs[min(int(len(costs) * 0.99), len(costs) - 1)]
    return figures


def start() -> dict[str, float]:
    """Return what loading the lexicon and making a judge costs a fresh process, in milliseconds and megabytes."""
    program = """
import time
from pathlib import Path
memory = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
empty, start = memory(), time.perf_counter()
from service.model import Policy
from service.moderation.judge import Judge
from service.wordlists import load
Judge(Policy(), load()).judge("hello")
print(time.perf_counter() - start, memory() - empty)
"""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    seconds, megabytes = done.stdout.split()
    return {"start-up, ms": float(seconds) * 1000, "memory, MB": float(megabytes)}


def main() -> None:
    """Ask the judge, better-profanity and a plain word list, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    judge = Judge(Policy(), load())
    package = Profanity()
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, packaged()))})\b", re.IGNORECASE)
    judges: dict[str, tuple[Flags, int | None, int, int]] = {
        "trecento": (lambda text: judge.judge(text).status != "approved", None, 1000, 5),
        "better-profanity": (package.contains_profanity, SLOW_SAMPLE, 30, 1),
        "plain list": (lambda text: bool(pattern.search(text)), None, 200, 3),
    }
    table = {
        name: quality(flags, given.data, limit, name) | speed(flags, given.data, texts, times, name)
        for name, (flags, limit, texts, times) in judges.items()
    }
    worst = {name: hardest(flags, times) for name, (flags, _, _, times) in judges.items()}
    for name, costs in worst.items():
        table[name]["µs, worst input"] = max(costs.values())
    table["trecento"] |= start()
    ours, theirs = worst["trecento"], worst["better-profanity"]
    slowest = max(theirs, key=lambda name: theirs[name])
    median = "µs, median, comments in a row"
    table["trecento"] |= {
        "times faster than better-profanity, median": table["better-profanity"][median] / table["trecento"][median],
        "times faster than better-profanity, its worst input": theirs[slowest] / ours[slowest],
    }
    if given.json:
        sys.stdout.write(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        return
    print(f"{'':52}" + "".join(f"{name:>18}" for name in table))
    for figure in table["trecento"]:
        print(f"{figure:52}" + "".join(f"{row.get(figure, float('nan')):>18.4g}" for row in table.values()))
    print(f"\nbetter-profanity was asked {SLOW_SAMPLE} texts of each set, drawn with a fixed seed; the others all.")


if __name__ == "__main__":
    main()
