"""What a dossier says of the signatures of persons: those of its position, and for masked roles none that tells."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from api.dossier import words
from tests.api.dossier.test_dossier import make
from tests.api.server.signing import EARLIER, Desk, desk_of
from tests.projections.whole_trial import MASKABLE_TERMS, SUBJECTS, protocol_masking, whole_trial

MASKED, UNMASKED = "investigator", "statistician"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A trial in which a monitor signed twice, and a statistician once."""
    path = whole_trial(tmp_path_factory.mktemp("signed"), protocol_masking("QUADRUPLE", MASKABLE_TERMS)).path
    desk = desk_of(path)
    assert desk.sign("monitor-1", {"upto": 8}).status_code == 201
    assert desk.sign("monitor-1", {"upto": 9, "subject": SUBJECTS[0]}, meaning="APPROVAL", words="Read").is_success
    assert desk.sign("statistician-1", {"upto": 9}).json()["book"] == "sealed"
    return desk


def listed(folder: Path) -> list[dict[str, Any]]:
    """Those of the fixture: there were others before."""
    rows = json.loads((folder / "dossier.json").read_text())["electronic_signatures"]["rows"]
    return [row for row in rows if row["words"] not in EARLIER]


def in_csv(folder: Path) -> list[dict[str, str]]:
    with (folder / "tables" / "signatures.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["words"] not in EARLIER]


def test_signatures_are_listed_with_who_when_what_and_meaning(desk: Desk, tmp_path: Path) -> None:
    made = make(desk.ledger, MASKED, tmp_path / "made", at="9999-12-31").path
    told = listed(made)
    assert [(one["person"], one["meaning"], one["extent"], one["signed_seq"]) for one in told] == [
        ("monitor-1", "REVIEW", "BOOK", 8),
        ("monitor-1", "APPROVAL", "SUBJECT", 9),
    ]
    assert [one["state"] for one in told] == [None, "ADDED"]
    assert [one["seq"] for one in in_csv(made)] == [str(one["seq"]) for one in told]
    page = (made / "index.html").read_text()
    assert words.SIGNATURES.format(count=3) in page.replace("&#x27;", "'")
    assert words.NO_SIGNATURES not in page
    assert "APPROVAL" in page
    assert "Name of monitor-1" not in page


def test_what_was_signed_later_is_not_in_it(desk: Desk, tmp_path: Path) -> None:
    made = make(desk.ledger, MASKED, tmp_path / "made", at="12").path
    assert listed(made) == []
    assert words.NO_SIGNATURES in (made / "index.html").read_text()


def test_who_may_see_arms_is_shown_the_sealed_ones_too_and_nobody_else_is(desk: Desk, tmp_path: Path) -> None:
    for role, people in ((UNMASKED, ["monitor-1", "monitor-1", "statistician-1"]), (MASKED, ["monitor-1"] * 2)):
        made = make(desk.ledger, role, tmp_path / role, at="9999-12-31").path
        shown = listed(made)
        assert [one["person"] for one in shown] == people
        assert any("book" in one for one in shown) is (role == UNMASKED)


def test_no_hash_of_an_entry_is_in_what_a_masked_role_is_told_of_signatures(desk: Desk, tmp_path: Path) -> None:
    made = make(desk.ledger, MASKED, tmp_path / "made", at="9999-12-31").path
    for name in ("index.html", "dossier.json", "tables/signatures.csv"):
        assert desk.hash(8) not in (made / name).read_text()
        assert desk.hash(9) not in (made / name).read_text()
