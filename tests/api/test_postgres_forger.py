# ruff: noqa: F811  (fixtures that are brought in by their names)
"""A superuser of the database makes the whole chain anew: the books agree with themselves, and not with a witness."""

import re
import secrets
import shutil
from pathlib import Path

import psycopg
import pytest

from api.evidence.making import make_checkpoint
from ledger.keys.signed_head import SigningRefusedError
from ledger.proof.link import Link, read_link
from ledger.proof.tree import Frontier, leaf_hash
from ledger.recording.stores import InDatabase
from ledger.verifying.fast import verify_fast
from tests.api.cli_runs import here
from tests.api.test_cli_witness import log_file, policy_file
from tests.api.witnesses import serving
from tests.postgres import Server
from tests.recording.conftest import database, server  # noqa: F401
from tests.trials import SITE, Trial


def forge(on: Server, name: str, link: Link, seq: int) -> None:
    """Alter one entry of the open book, and every entry after it, the head and the tree, so that they agree again."""
    of = "trial = (SELECT trial FROM trial_ledger.trial WHERE name = %s)"
    with psycopg.connect(on.url(name)) as db:
        db.execute("SET session_replication_role = replica")  # no trigger is in the way
        query = f"SELECT seq, entry FROM open_book.entry WHERE {of} ORDER BY seq"
        stored = db.execute(query.encode(), [link.trial]).fetchall()
        frontier, before = Frontier(), bytes(32)
        for number, raw in stored:
            forged = raw.replace(b'"id":"somebody"', b'"id":"nobody"') if number == seq else raw
            forged = re.sub(rb'"prev":"[0-9a-f]{64}"', b'"prev":"%s"' % before.hex().encode(), forged, count=1)
            assert (forged == raw) is (number < seq)
            change = f"UPDATE open_book.entry SET entry = %s WHERE seq = %s AND {of}"
            db.execute(change.encode(), [forged, number, link.trial])
            before = leaf_hash(forged)
            frontier.append(before)
        head = f"UPDATE open_book.book SET hash = %s, frontier = %s WHERE {of}"
        db.execute(head.encode(), [before, frontier.to_bytes(), link.trial])


def test_a_superuser_who_makes_the_chain_anew_is_found_against_the_last_witnessed_checkpoint_and_by_nothing_else(
    tmp_path: Path, server: Server, database: str
) -> None:
    trial = Trial(tmp_path, store=InDatabase(database, f"forged-{secrets.token_hex(4)}"))
    trial.do("activate-site", {"site": SITE})
    for number in range(4):
        trial.consent(f"S-{number}")
    make_checkpoint(trial.path, clock=trial.clock)
    link = read_link(trial.path)
    assert link is not None
    with serving(tmp_path / "w", log_file(trial), "w.example/w") as witness:
        policy = policy_file(trial, [witness], 1)
        assert here("witness", "add", trial.path, "--policy", policy).code == 0
    assert here("verify", trial.path, "--policy", policy).code == 0

    forge(server, database.partition("?")[0].rpartition("/")[2], link, 3)
    (tmp_path / "bare").mkdir()
    bare = tmp_path / "bare" / "trial.db"
    shutil.copy(trial.path, bare)
    assert verify_fast(bare).ok, "control: the forged books do not agree with themselves"
    done = here("verify", trial.path, "--policy", policy, "--json")
    assert done.code == 1
    assert {finding["code"] for finding in done.json["findings"]} == {"checkpoint", "policy"}
    with pytest.raises(SigningRefusedError, match="fork"):
        make_checkpoint(trial.path, clock=trial.clock)
