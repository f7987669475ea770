"""The erasure of one subject's names on a real ledger: gone from all that is shown and kept; said by whom, and why."""

from contextlib import closing
from pathlib import Path

import pytest

from api.bootstrap import open_trial, rebuild_all, viewing
from api.erasure import erase
from ledger.domain.commands import parse_command
from ledger.domain.roles import ROLES
from ledger.keys import store
from ledger.keys.file import keys_folder
from ledger.proof.sections import IDENTITY
from ledger.proof.verify import verify_ledger
from projections.runner import views_folder
from projections.views import VIEWS
from projections.views.identities import ERASED
from tests.projections.whole_trial import MASKABLE_TERMS, NAMES, SUBJECTS, actor, protocol_masking, viewer, whole_trial

GONE, STAYS = NAMES[0], NAMES[1]
WHY = "asked for under article 17"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    trial = whole_trial(tmp_path_factory.mktemp("trial"), protocol_masking("QUADRUPLE", MASKABLE_TERMS))
    rebuild_all(trial.path)
    assert GONE in viewing(trial.path, viewer("investigator")).show("identities", None).to_json()
    command = {
        **trial.envelope("erase-identity", {"subject": SUBJECTS[0], "reason": WHY}),
        "actor": actor("sponsor"),
    }
    with closing(open_trial(trial.path, clock=trial.clock)) as ledger:
        erase(ledger, parse_command(command), rebuild_all)
    return trial.path


def test_the_name_is_in_no_view_of_anybody_at_any_position(path: Path) -> None:
    for role in ROLES:
        seen = viewing(path, viewer(role))
        for view in VIEWS.values():
            if view.open_to(seen.audience, seen.sight, role):
                for as_of in (None, "40"):
                    assert GONE not in seen.show(view.name, as_of).to_json(), f"{view.name} as {role}"


def test_the_names_of_others_are_still_there(path: Path) -> None:
    rows = viewing(path, viewer("investigator")).show("identities", None).rows
    assert [row["giver_name"] for row in rows[:2]] == [ERASED, STAYS]


def test_the_record_says_who_had_it_erased_when_and_why(path: Path) -> None:
    trail = viewing(path, "sponsor").show("audit", None).rows
    (row,) = (row for row in trail if row["type"] == "identity.erased/1")
    assert (row["who"], row["role"], row["why"], row["subject"]) == ("sponsor-1", "sponsor", WHY, SUBJECTS[0])
    assert row["recorded_at"]


@pytest.mark.in_a_file
def test_no_file_of_ledger_keys_or_views_has_the_name_and_verify_still_passes(path: Path) -> None:
    files = [file for folder in (path.parent, views_folder(path), keys_folder(path)) for file in folder.iterdir()]
    for file in files:
        if file.is_file():
            assert GONE.encode() not in file.read_bytes(), file.name
    assert verify_ledger(path).ok


def test_who_had_it_erased_uses_the_key_no_more_however_long_keys_in_memory_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_TRUSTED_SECONDS", 3600.0)
    trial = whole_trial(tmp_path, protocol_masking("QUADRUPLE", MASKABLE_TERMS))
    command = {**trial.envelope("erase-identity", {"subject": SUBJECTS[0], "reason": WHY}), "actor": actor("sponsor")}
    with closing(open_trial(trial.path, clock=trial.clock)) as ledger:
        assert ledger._keys.section_key(IDENTITY, f"subject/{SUBJECTS[0]}") is not None
        erase(ledger, parse_command(command), rebuild_all)
        assert ledger._keys.section_key(IDENTITY, f"subject/{SUBJECTS[0]}") is None
