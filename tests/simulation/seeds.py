"""Which seeds are lived through: the same in each test run, new ones by command."""

import subprocess
from pathlib import Path
from typing import Final

FIXED: Final = 1_000_000
_ROOT: Final = Path(__file__).parents[2]

PAST: Final[dict[int, str]] = {}
"""Seeds that once broke a promise, with what was wrong."""


def first_of_commit() -> int:
    """Where this commit's seeds begin; without git always at the same place."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return FIXED
    return int(done.stdout[:7], 16)
