"""What the runbook says can be done, and ends as it says: here what takes no minutes, and all of it in `make soak`."""

import shlex
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.api.cli_runs import ndjson, recommendation
from tests.cluster.cluster import Cluster, cluster, missing, missing_for_backups
from tests.cluster.runbook import RUNBOOK, Command, commands, environment, run
from tests.thorough import THOROUGH

LONG: Final = frozenset({"Failover", "Backups", "Restoring a backup"})
"""What takes minutes, and pgBackRest: it is tried in `make soak`, together with all else."""


def test_every_command_of_the_runbook_does_what_it_says(tmp_path: Path) -> None:
    lacking = missing() or (missing_for_backups() if THOROUGH else None)
    if lacking:
        pytest.skip(f"needs {lacking}")
    found = list(commands(RUNBOOK.read_text(encoding="utf-8")))
    assert len(found) > 35
    if not THOROUGH:
        found = [one for one in found if one.heading not in LONG and "pgbackrest" not in one.line]
    with cluster(backups=THOROUGH) as three:
        env = environment(three, tmp_path)
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin" / "trial-ledger"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m api.cli "$@"\n')
        program.chmod(0o755)
        (tmp_path / "recorder.password").write_text(three.password)
        for command in found:
            if command.heading == "Restoring a backup" and " stop " in command.line:
                _goes_on(three, tmp_path, env)  # after the backup: a restore loses it
            run(command, three, tmp_path, env)


def _goes_on(on: Cluster, folder: Path, env: dict[str, str]) -> None:
    """Something is recorded, and signed."""
    (folder / "more.ndjson").write_bytes(ndjson(recommendation(1)))
    trial = '"$ELSEWHERE?trial=NCT04348461"'
    for line in (f"trial-ledger submit more.ndjson {trial}", f"trial-ledger checkpoint {trial}"):
        run(Command("", line), on, folder, env)
