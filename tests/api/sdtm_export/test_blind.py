"""Datasets for those who see no arms: without arms and doses, and the same whatever the arms are."""

import random
import re
from contextlib import closing
from pathlib import Path

import pytest

from api.access import Session
from api.exports.kinds import KINDS
from api.exports.making import export
from api.exports.sdtm import writing
from api.exports.sdtm.about import About
from api.exports.sdtm.demographics import demographics
from api.exports.sdtm.records import Told
from api.sdtm import read_folder
from api.sdtm.importing import import_folder
from ledger.domain.protocol import Protocol
from tests.api.sdtm_export.exported import DEF, MASKED, UNMASKED, define, documents, exported, files, rows
from tests.api.sdtm_trials import folder, in_another_world, small
from tests.two_worlds.looking import masked_people
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import World, two_worlds

ARM_VARIABLES = ("ARMCD", "ARM", "ACTARMCD", "ACTARM", "ACTARMUD", "RFXSTDTC", "RFXENDTC")


def test_masked_datasets_have_no_arm_of_anybody_and_no_exposure(exports: dict[str, Path]) -> None:
    masked, unmasked = documents(exports[MASKED]), documents(exports[UNMASKED])
    assert "EX" in unmasked
    assert not [name for name in masked if name in ("EX", "SUPPEX", "SUPPDM", "SUPPAE")]
    assert any(row.get("ARM") for row in rows(unmasked["DM"]))
    randomized = {row["USUBJID"] for row in rows(unmasked["SE"]) if row["EPOCH"] == "TREATMENT"}
    for row in rows(masked["DM"]):
        assert not [name for name in ARM_VARIABLES if name in row]
        assert ("ARMNRS" in row) == (row["USUBJID"] not in randomized)
    assert not any("AEACN" in row for row in rows(masked["AE"]))
    assert {row["ETCD"] for row in rows(masked["SE"])} <= {"SCRN", "BLINDED", "FU"}
    assert {row["ARM"] for row in rows(masked["TA"])} == {row["ARM"] for row in rows(unmasked["TA"])}


def test_define_xml_says_what_is_withheld_to_those_from_whom_it_is(exports: dict[str, Path]) -> None:
    def commented(role: str) -> set[str]:
        return {item.get("OID") for item in define(exports[role]).iter() if item.get(f"{DEF}CommentOID")}

    assert {f"IT.DM.{name}" for name in ARM_VARIABLES} | {"IT.DM.ARMNRS", "IT.AE.AEACN", "IT.SE.ETCD"} <= commented(
        MASKED
    )
    assert commented(UNMASKED) == set()


def test_masked_and_unmasked_datasets_of_the_demo_agree_in_what_both_have(demo_ledger: Path, tmp_path: Path) -> None:
    masked = documents(exported(demo_ledger, MASKED, tmp_path / "m", "halt"))
    unmasked = documents(exported(demo_ledger, UNMASKED, tmp_path / "u", "halt"))
    assert list(rows(masked["SV"])) == list(rows(unmasked["SV"]))
    assert list(rows(masked["TS"])) == list(rows(unmasked["TS"]))
    withheld = (*ARM_VARIABLES, "ARMNRS")
    ours, theirs = (
        [{name: value for name, value in row.items() if name not in withheld} for row in rows(one["DM"])]
        for one in (masked, unmasked)
    )
    assert ours == theirs


def handed(world: World) -> dict[str, bytes]:
    """What every masked person's export is in a world; hashes of commitments are in no file of it."""
    found: dict[str, bytes] = {}
    with world.at_the_desk():
        people = masked_people(world)
        for person in people:
            output = world.path.parent / f"out-{person.id}"
            made = export(
                Session(world.path, person, clock=world.clock), KINDS["dataset-json"], output, clock=world.clock
            )
            found |= {f"{person.id}/{name}": data for name, data in files(made.path).items()}
    assert len(people) > 3
    return found


BUSY = [("code_break", 0, 0), ("visit", 0, 3), ("grants", 0, 1), ("unblinded_people", 0, 4), ("halt", 0, 0)]


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_what_masked_people_are_given_is_the_same_in_both_worlds(protocol: Protocol, tmp_path: Path) -> None:
    scenes = [*BUSY, *((name, 0, 1) for name in sorted(SCENES) if "adverse" in name or "dispos" in name)]
    with two_worlds(tmp_path, protocol, story(protocol, scenes)) as (straight, swapped):
        one, other = handed(straight), handed(swapped)
        assert [name for name in {*one, *other} if one.get(name) != other.get(name)] == []
        assert len(one) > 50
        told = [_dm(world, tmp_path / name) for name, world in (("s", straight), ("w", swapped))]
    assert told[0] != told[1]  # those who see arms are told of two worlds


def test_a_planted_leak_of_the_arm_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = PROTOCOLS["no intervention"]
    with two_worlds(tmp_path, protocol, story(protocol, BUSY)) as worlds:
        found = []
        for world in worlds:

            def leaking(about: About, told: Told, world: World = world) -> None:
                demographics(about, told)
                told.records["DM"][0].values["ARM"] = world.arm_of(about.story.subject)

            monkeypatch.setattr(writing, "demographics", leaking)
            found.append(handed(world))
    different = {name.rpartition("/")[2] for name in found[0] if found[0][name] != found[1][name]}
    assert {"dm.json", "dm.ndjson"} <= different <= {"dm.json", "dm.ndjson", "define.xml"}


def _dm(world: World, output: Path) -> bytes:
    with world.at_the_desk():
        return (exported(world.path, UNMASKED, output) / "dm.json").read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_masked_datasets_of_an_import_do_not_depend_on_its_arms(seed: int, tmp_path: Path) -> None:
    trial = small()
    trial["AE"][0] |= {"AESPID": "E1", "AESTRANGE": "of the high dose"}
    trial["AE"][0]["AESTDY"] = "17"
    datasets = folder(tmp_path / "one", trial)
    other = in_another_world(datasets, random.Random(seed))
    trials = {
        name: {
            domain: [
                {name: row.values.get(name, "") for name in dataset.columns if name not in ("STUDYID", "DOMAIN")}
                for row in dataset.rows
            ]
            for domain, dataset in world.items()
        }
        for name, world in (("one", datasets), ("other", other))
    }
    found = {}
    for name, rows_of in trials.items():
        read = folder(tmp_path / f"source-{name}", rows_of)
        assert {"DM", "AE", "DS", "SV"} <= read.keys()
        ledger = import_folder(tmp_path / f"source-{name}", tmp_path / f"{name}.db").ledger
        made = files(exported(ledger, MASKED, tmp_path / f"out-{name}"))
        found[name] = {file: _timeless(data) for file, data in made.items()}
    assert found["one"] == found["other"]
    assert not any(b"high dose" in data for data in found["one"].values())


def _timeless(data: bytes) -> bytes:
    """Without the time of an import and the name of its origin, which are drawn anew with each."""
    return re.sub(rb"[0-9a-f]{32}", b"ORIGIN", re.sub(rb"[0-9-]{10}T[0-9:.]{8,15}Z", b"TIME", data))


def test_a_column_that_nobody_knows_is_a_qualifier_for_those_who_see_arms(tmp_path: Path) -> None:
    trial = small()
    trial["AE"][0]["AESTRANGE"] = "of the high dose"
    folder(tmp_path / "source", trial)
    ledger = import_folder(tmp_path / "source", tmp_path / "trial.db").ledger
    found = documents(exported(ledger, UNMASKED, tmp_path / "out"))
    named = [(row["RDOMAIN"], row["QNAM"], row["QVAL"]) for row in rows(found["SUPPAE"])]
    assert named == [("AE", "AESTRANG", "of the high dose")]
    with closing(open(tmp_path / "out" / "ae.json")) as file:
        assert "AESTRANGE" not in file.read()
    assert read_folder(tmp_path / "out")["AE"].rows
