"""The open half of an import does not depend on what is in columns that are not open, and nobody is named."""

import random
from contextlib import closing
from pathlib import Path

import pytest

from api.sdtm import Dataset, SdtmError, halves, kept, report
from api.sdtm.importing import import_folder
from api.sdtm.protocol_of import protocol_from_sdtm
from api.sdtm.report import Tally
from ledger.proof.verify import verify_ledger
from ledger.recording.engine import fetch, open_reading
from tests.api.sdtm_trials import (
    SOURCE,
    folder,
    in_another_world,
    mapped,
    open_half,
    small,
    subject,
    telling,
    together,
)


@pytest.mark.parametrize(
    ("domain", "column"),
    [("DS", "EPOCH"), ("DM", "PLANTRT"), ("AE", "AESOD"), ("DM", "RFCSTDTC"), ("SV", "KIT"), ("AE", "ZZLONG")],
)
def test_nothing_open_depends_on_a_column_that_is_not_open(tmp_path: Path, domain: str, column: str) -> None:
    def told(where: str, values: tuple[str, str]) -> str:
        trial = small()
        for row, value in zip(trial[domain], values, strict=False):
            row[column] = value
        (tmp_path / where).mkdir()
        datasets = folder(tmp_path / where, trial)
        return open_half(datasets, protocol_from_sdtm(datasets)[0])

    a, b = "TREATMENT", "FOLLOW-UP" if column != "ZZLONG" else "x" * 4001
    assert told("one", (a, b)) == told("two", (b, a))


@pytest.mark.parametrize("column", ["KITNO", "TAETORD", "AESOD", "RFCSTDTC", "DSSTDY", "AEACN"])
def test_a_hidden_column_that_is_left_open_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    def leaking(domain: str, name: str) -> bool:
        return name == column or real(domain, name)

    real = halves.is_open_column
    for module in (halves, kept, report):
        monkeypatch.setattr(module, "is_open_column", leaking)
    chance = random.Random(1)
    datasets = folder(tmp_path, telling(together(*(subject(number, "Pbo") for number in range(1, 9))), chance))
    protocol = protocol_from_sdtm(datasets)[0]
    assert open_half(in_another_world(datasets, chance), protocol) != open_half(datasets, protocol)


def ta(*epochs: tuple[str, str]) -> list[dict[str, str]]:
    """TA of arms with one epoch each."""
    return [{"ARMCD": arm, "ARM": arm, "TAETORD": "1", "ETCD": epoch[:4], "EPOCH": epoch} for arm, epoch in epochs]


def _ta(tmp_path: Path, *epochs: tuple[str, str]) -> dict[str, Dataset]:
    trial = small()
    for row, epoch in zip(trial["DS"], ("TREATMENT", "TREATMENT", "SCREENING"), strict=True):
        row["EPOCH"] = epoch
    trial["TA"] = ta(*epochs)
    return folder(tmp_path, trial)


def test_the_epoch_of_a_disposition_is_open_where_every_arm_has_it(tmp_path: Path) -> None:
    alike = _ta(tmp_path / "alike", ("Pbo", "TREATMENT"), ("Xan_Hi", "TREATMENT"))
    other = _ta(tmp_path / "other", ("Pbo", "FOLLOW-UP"), ("Xan_Hi", "TREATMENT"))
    assert '"epoch": "TREATMENT"' in open_half(alike, protocol_from_sdtm(alike)[0])
    told = open_half(other, protocol_from_sdtm(other)[0])
    assert '"epoch"' not in told
    assert "TREATMENT" not in told


def test_rows_about_the_treatment_are_refused_where_arms_may_differ_in_it(tmp_path: Path) -> None:
    trial = small()
    trial["DS"][0]["DSSCAT"] = "STUDY TREATMENT"
    folder(tmp_path / "source", trial)
    with pytest.raises(SdtmError, match=r"line 2, field DSSCAT: 'STUDY TREATMENT' is of the treatment.*give TA"):
        import_folder(tmp_path / "source", tmp_path / "trial.db")
    assert not (tmp_path / "trial.db").exists()
    trial["TA"] = ta(("Pbo", "TREATMENT"), ("Xan_Hi", "TREATMENT"))
    folder(tmp_path / "with", trial)
    assert import_folder(tmp_path / "with", tmp_path / "trial.db").refused == 0


def test_a_claim_without_a_known_arm_is_recorded_and_the_open_book_says_the_same(tmp_path: Path) -> None:
    opened = []
    for name, arm in (("known", "Pbo"), ("unknown", "Beer")):
        trial = small()
        trial["TA"] = ta(("Pbo", "TREATMENT"), ("Xan_Hi", "TREATMENT"))
        trial["DM"][0] |= {"ARMCD": arm, "ARM": arm}
        folder(tmp_path / name, trial)
        made = import_folder(tmp_path / name, tmp_path / f"{name}.db")
        assert made.refused == 0
        assert verify_ledger(made.ledger).ok
        with closing(open_reading(made.ledger)) as connection:
            rows = fetch(connection, "SELECT seq, stream, version, command, length(entry) FROM open_entry")
        opened.append(
            [(*row[:3], (row[3] or "").rpartition("-")[0], row[4]) for row in rows]
        )  # ids of commands are random
    assert opened[0] == opened[1]


def test_persons_in_supplements_and_parameters_are_kept_nowhere(tmp_path: Path) -> None:
    trial = small()
    who = trial["DM"][0]["USUBJID"]
    trial["DM"][0]["SUBJINIT"] = "J-D"
    of = {"RDOMAIN": "DM", "USUBJID": who, "IDVAR": "", "IDVARVAL": "", "QORIG": "CRF"}
    trial["SUPPDM"] = [
        of | {"QNAM": "PATNAME", "QLABEL": "Name", "QVAL": "Doe, Jane", "QEVAL": ""},
        of | {"QNAM": "ITT", "QLABEL": "Flag", "QVAL": "Y", "QEVAL": "Nurse Ratched"},
        of | {"QNAM": "SAFETY", "QLABEL": "Flag", "QVAL": "N", "QEVAL": "INVESTIGATOR"},
    ]
    trial["TS"] = [{"TSSEQ": "1", "TSPARMCD": "PINAME", "TSPARM": "Investigator", "TSVAL": "Quack, Emil"}]
    datasets = folder(tmp_path / "source", trial)
    tally = Tally(datasets, SOURCE, notes=protocol_from_sdtm(datasets)[1])
    told = []
    for item in mapped(datasets):
        tally.add(item)
        told.append(repr(item))
    told += [repr(tally.command("2026-01-01T00:00:00Z")), *map(repr, tally.sealed_commands("2026-01-01T00:00:00Z"))]
    told.append(repr(protocol_from_sdtm(datasets)[0]))
    for name in ("Doe, Jane", "Nurse Ratched", "Quack", "J-D"):
        assert not any(name in text for text in told), name
    assert any("'INVESTIGATOR'" in text for text in told)
    assert any("PINAME names a person" in text for text in told)


def test_open_texts_that_name_an_arm_are_told_to_who_imports_and_not_in_the_open_book(tmp_path: Path) -> None:
    trial = small()
    trial["AE"][0]["AETERM"] = "Cough since Xan_Hi was begun"
    datasets = folder(tmp_path / "source", trial)
    tally = Tally(datasets, SOURCE)
    for item in mapped(datasets):
        tally.add(item)
    said = "field AETERM: names an arm"
    assert said in repr(tally.sealed_report())
    assert said not in repr(tally.open_report())
