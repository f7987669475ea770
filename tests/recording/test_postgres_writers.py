"""Many writers at once, in processes and threads of their own: no gap, no duplicate, and conflicts that are told.

`make soak` runs the same at full length: 32 writers, 1,000 appends each.
"""

from pathlib import Path

import pytest

from tests.recording.ledgers import new_ledger
from tests.recording.writers import on_many_streams, on_one_stream


@pytest.mark.usefixtures("in_postgres")
def test_writers_of_one_stream_leave_no_gap_and_hear_of_conflicts(tmp_path: Path) -> None:
    found = on_one_stream(new_ledger(tmp_path), writers=8, appends=25, processes=2)
    assert found.recorded == 200
    assert found.conflicts > 0, "nobody ever came too late: they did not write at the same time"


@pytest.mark.usefixtures("in_postgres")
def test_writers_of_many_streams_leave_no_gap_and_never_conflict(tmp_path: Path) -> None:
    found = on_many_streams(new_ledger(tmp_path), writers=8, appends=25, processes=2)
    assert found.recorded == 200
    assert found.conflicts == 0
