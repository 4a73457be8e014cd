"""Judges lines without a database, and reads the policy to judge by."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from service.commands.reaching import CommandError
from service.comments import MEASURED, measured
from service.errors import CommentEmpty, CommentTooLong
from service.model import Policy
from service.moderation.judge import Judge
from service.moderation.sitewords import problems
from service.moderation.text import canonical
from service.wire import describe
from service.wordlists import load as load_lexicon

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.model import WordsRule


def judge(lines: Iterable[bytes], output: BinaryIO, policy: Policy) -> None:
    """Judge lines of text, or of JSON with `text`, and write one JSON object for each."""
    compiled = Judge(policy, load_lexicon())
    for line in lines:
        output.write(msgspec.json.encode(answer(compiled, *read_line(line))) + b"\n")
        output.flush()


def answer(compiled: Judge, text: str, author: str | None) -> dict[str, object]:
    """Return what comes of one comment: its verdict, or the problem for which the service would not take it."""
    try:
        body = measured(text)
    except (CommentEmpty, CommentTooLong) as refusal:
        shown = canonical(text[:MEASURED])
        return {"text": shown, "status": "refused", "findings": [], "problem": describe(refusal)}
    verdict = compiled.judge(body, author=author)
    return {"text": body, "status": verdict.status, "findings": verdict.findings}


def read_line(line: bytes) -> tuple[str, str | None]:
    """Return the text of a line and, when it is JSON that says so, its author."""
    text = line.decode(errors="replace").rstrip("\r\n")
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text, None
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            author = value.get("author")
            return value["text"], canonical(author) or None if isinstance(author, str) else None
    return text, None


def read_policy(path: str | None) -> Policy:
    """Return the policy in a JSON file, or the one that new sites get.

    Raises CommandError when there is none, when a key stands twice, and when an entry of a word list finds nothing.
    """
    if path is None:
        return Policy()
    try:
        text = Path(path).read_bytes()
        policy = msgspec.json.decode(text, type=Policy)
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is not a policy: {error}") from error
    for problem in (*repeated(text), *unheard(policy)):
        raise CommandError(f"{path} is not a policy: {problem}")
    return policy


def repeated(text: bytes) -> list[str]:
    """Return a sentence for each key that stands twice in an object of a JSON document."""
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        names = Counter(name for name, _ in pairs)
        found.extend(f"{name!r} stands twice in one object." for name, times in names.items() if times > 1)

    json.loads(text, object_pairs_hook=look)
    return found


def unheard(policy: Policy) -> Iterator[str]:
    """Yield a sentence for each entry of the policy's word lists that would not do what it looks like."""
    for name in ("reject_words", "hold_words"):
        rule: WordsRule = getattr(policy.rules, name)
        for problem in problems(rule.words, exact=rule.exact):
            yield f"{problem} (rules.{name}.words)"
