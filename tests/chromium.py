"""Where the system's Chromium is, and what to do without one."""

from __future__ import annotations

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str:
    """Return the path of a Chromium; without one the test is skipped, and fails where `CI` is set."""
    for path in (os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)):
        if path:
            return path
    reason = f"no Chromium found (looked for CHROMIUM in the environment, then {', '.join(NAMES)})"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
