"""`import`: what comes in is whole, what does not leaves nothing behind."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.domain.protocol import Protocol
from tests.api.cli_runs import CTGOV, contents, here, process, size_of, small_disk
from tests.api.sdtm_trials import folder, small


def test_a_registry_record_becomes_a_protocol_that_init_takes(tmp_path: Path) -> None:
    done = process("import", "ctgov", CTGOV, "-o", "protocol.json", cwd=tmp_path)
    assert (done.code, done.stdout) == (0, b"")
    assert Protocol.load((tmp_path / "protocol.json").read_bytes()).trial_id == "NCT04348461"
    assert "disagrees with itself" in done.err
    assert here("init", tmp_path / "new.db", "--protocol", tmp_path / "protocol.json").code == 0
    assert size_of(tmp_path / "new.db") == 1


def test_without_an_output_the_protocol_goes_to_stdout_and_the_report_to_stderr(tmp_path: Path) -> None:
    output = tmp_path / "protocol.json"
    done = here("import", "ctgov", CTGOV)
    assert done.code == 0
    assert here("import", "ctgov", CTGOV, "-o", output).code == 0
    assert done.stdout == output.read_bytes()


def test_the_report_as_json_lists_what_is_unknown_noted_and_contradictory(tmp_path: Path) -> None:
    report = here("import", "ctgov", CTGOV, "-o", tmp_path / "p.json", "--json").json
    assert report.keys() == {"trial", "unknown", "left_out", "notes", "conflicts"}
    assert report["conflicts"]
    both = here("import", "ctgov", CTGOV, "--json").json
    assert both.pop("protocol") == json.loads((tmp_path / "p.json").read_bytes())
    assert both == report


def test_an_unknown_field_of_a_record_is_reported_and_kept(tmp_path: Path) -> None:
    record = json.loads(CTGOV.read_bytes())
    record["protocolSection"]["identificationModule"]["colour"] = "red"
    source = tmp_path / "record.json"
    source.write_text(json.dumps(record))
    done = here("import", "ctgov", source)
    assert done.code == 0
    assert "identificationModule.colour has no field of its own" in done.err
    assert b'"red"' in done.stdout


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": 1, "a": 1}', "stands twice"),
        (b"[" * 1000, "nested deeper"),
        (b"[]", "protocolSection"),
        (b"5", "protocolSection"),
        (b"{}", "protocolSection: is required"),
        (b'{"protocolSection": 5}', "protocolSection"),
    ],
)
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, data: bytes, words: str) -> None:
    source = tmp_path / "record.json"
    source.write_bytes(data)
    done = here("import", "ctgov", source, "-o", tmp_path / "p.json")
    assert done.code == 3
    assert done.err.startswith(f"error: {source}: ")
    assert words in done.err
    assert contents(tmp_path).keys() == {"record.json"}


def test_an_existing_output_is_left_alone(tmp_path: Path) -> None:
    output = tmp_path / "p.json"
    output.write_text("mine")
    here("import", "ctgov", CTGOV, "-o", output).refused_in_one_sentence("p.json: exists already")
    assert output.read_text() == "mine"


def test_an_output_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    here("import", "ctgov", CTGOV, "-o", tmp_path / "no" / "p.json").refused_in_one_sentence("No such file")
    here("import", "ctgov", tmp_path / "no.json").refused_in_one_sentence("no.json", "No such file")
    with small_disk(tmp_path / "disk", "8k") as disk:
        here("import", "ctgov", CTGOV, "-o", disk.path / "p.json").refused_in_one_sentence("No space left")
        assert contents(disk.path) == {}


# -- SDTM ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sdtm(tmp_path: Path) -> Path:
    path = tmp_path / "sdtm"
    folder(path, small())
    return path


def test_a_folder_of_sdtm_becomes_a_ledger_that_verifies(sdtm: Path, tmp_path: Path) -> None:
    done = process("import", "sdtm", sdtm, "new.db", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.json.keys() == {"ledger", "trial", "recorded", "refused", "commands", "rejected", "notes"}
    assert (done.json["trial"], done.json["refused"]) == ("S1", 0)
    assert sum(done.json["commands"].values()) == done.json["recorded"]
    sealed = sum(done.json["commands"][type_] for type_ in ("record-treatment", "report-sealed-import"))
    assert size_of(tmp_path / "new.db") > done.json["recorded"] - sealed
    assert contents(tmp_path).keys() >= {"new.db", "new.db.keys", "new.db.keys/data-keys.db"}
    assert not [name for name in contents(tmp_path) if name.startswith(".")]
    shown = here("show", "disposition", tmp_path / "new.db", "--json", "--role", "statistician")
    assert shown.code == 0


def test_an_import_says_in_words_what_it_could_not_take(sdtm: Path, tmp_path: Path) -> None:
    done = here("import", "sdtm", sdtm, tmp_path / "new.db")
    assert (done.code, done.stdout) == (0, b"")
    assert "commands recorded in" in done.err.splitlines()[-1]


def _no_dm(path: Path) -> None:
    (path / "dm.csv").unlink()


def _empty_dm(path: Path) -> None:
    (path / "dm.csv").write_bytes(b"")


def _binary_dm(path: Path) -> None:
    (path / "dm.csv").write_bytes(bytes(range(256)) * 20)


def _header_only(path: Path) -> None:
    (path / "dm.csv").write_text("STUDYID,DOMAIN,USUBJID\n")


def _dm_is_a_folder(path: Path) -> None:
    (path / "dm.csv").unlink()
    (path / "dm.csv").mkdir()


def _broken_json(path: Path) -> None:
    (path / "dm.csv").unlink()
    (path / "dm.json").write_text("{")


def _broken_xpt(path: Path) -> None:
    (path / "dm.csv").unlink()
    (path / "dm.xpt").write_bytes(b"HEADER RECORD")


def _no_folder(path: Path) -> None:
    shutil.rmtree(path)


def _a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("STUDYID")


def _nothing(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        _no_dm,
        _empty_dm,
        _binary_dm,
        _header_only,
        _dm_is_a_folder,
        _broken_json,
        _broken_xpt,
        _no_folder,
        _a_file,
        _nothing,
    ],
)
def test_a_folder_that_is_no_sdtm_is_refused_and_leaves_nothing_behind(
    sdtm: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(sdtm)
    before = contents(tmp_path)
    done = here("import", "sdtm", sdtm, tmp_path / "new.db")
    done.refused_in_one_sentence(str(sdtm))
    assert contents(tmp_path) == before


def test_an_import_never_goes_into_an_existing_ledger_or_beside_existing_keys(sdtm: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    assert here("init", path).code == 0
    before = contents(tmp_path)
    here("import", "sdtm", sdtm, path).refused_in_one_sentence("exists already")
    assert contents(tmp_path) == before
    path.unlink()
    here("import", "sdtm", sdtm, path).refused_in_one_sentence("exists already")


def test_an_import_onto_a_disk_without_room_leaves_nothing_behind(sdtm: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "150k") as disk:
        process("import", "sdtm", sdtm, disk.path / "new.db").refused_in_one_sentence("new.db", "No space left")
        assert contents(disk.path) == {}
    with small_disk(tmp_path / "larger", "260k") as disk:
        process("import", "sdtm", sdtm, disk.path / "new.db").refused_in_one_sentence("full")
        assert contents(disk.path) == {}
    here("import", "sdtm", sdtm, tmp_path / "no" / "new.db").refused_in_one_sentence("there is no folder")
