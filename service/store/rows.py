"""From a row to the shape that stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from service.model import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncpg import Record

T = TypeVar("T")
Findings = tuple[Finding, ...]


def read(row: Mapping[str, Any] | Record, shape: type[T]) -> T:
    """Return a row as a struct with the same names; findings come as a JSON text."""
    values = dict(row.items())
    if "findings" in values:
        values["findings"] = msgspec.json.decode(values["findings"], type=Findings)
    return msgspec.convert(values, shape)
