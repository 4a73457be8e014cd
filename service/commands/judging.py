"""Judges lines without a database, and reads the policy to judge by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from service.commands.reaching import CommandError
from service.model import Policy
from service.moderation.judge import Judge
from service.moderation.text import canonical
from service.wordlists import load as load_lexicon

if TYPE_CHECKING:
    from collections.abc import Iterable


def judge(lines: Iterable[bytes], output: BinaryIO, policy: Policy) -> None:
    """Judge lines of text, or of JSON with `text`, and write one JSON object for each."""
    compiled = Judge(policy, load_lexicon())
    for line in lines:
        text, author = read_line(line)
        body = canonical(text)
        verdict = compiled.judge(body, author=author)
        found = {"text": body, "status": verdict.status, "findings": verdict.findings}
        output.write(msgspec.json.encode(found) + b"\n")
        output.flush()


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

    Raises CommandError.
    """
    if path is None:
        return Policy()
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Policy)
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is not a policy: {error}") from error
