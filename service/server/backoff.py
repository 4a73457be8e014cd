"""How long to wait before what has died is started again."""

from __future__ import annotations

YOUNG_SECONDS = 60.0
"""What lived longer is started again at once."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds to wait after one young death after another."""


class BackOff:
    """The pauses of one thing that may die again and again."""

    def __init__(self) -> None:
        self._young_deaths = 0

    def after(self, age: float) -> float:
        """Return the seconds to wait after a death at an age in seconds."""
        self._young_deaths = self._young_deaths + 1 if age < YOUNG_SECONDS else 0
        return PAUSES[min(self._young_deaths, len(PAUSES)) - 1] if self._young_deaths else 0.0
