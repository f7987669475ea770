"""Where the real data and published vectors lie, for the tests that use them.

They are never copied into the project: a test asks here, and is skipped with a message where they are absent.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_data(relative: str) -> Path:
    """The file or folder `relative` of the shared data; skips the calling test where it is absent."""
    base = Path(os.environ.get("TRIAL_LEDGER_SHARED_DATA", ROOT.parent / "shared" / "data"))
    found = base / relative
    if not found.exists():
        pytest.skip(f"shared data absent: {relative} (set TRIAL_LEDGER_SHARED_DATA to its folder)")
    return found
