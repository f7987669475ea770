"""What fuzzing found, each as a test of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.bundle import MANIFEST, BundleError, Manifest
from tests.fuzz.seeds import load, make
from tests.proof.bundle_parts import Files, codes, fitted, verified, zipped


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    """The files of each bundle."""
    folder = tmp_path_factory.mktemp("seeds")
    make(folder)
    return load(folder).files


@pytest.mark.parametrize("book", ["open", "sealed"])
def test_a_book_whose_last_line_does_not_end_is_found(files: dict[str, Files], tmp_path: Path, book: str) -> None:
    seed, path = files["statistician"], tmp_path / "x.zip"
    path.write_bytes(zipped(fitted(seed)))
    assert codes(verified(path)) == []  # the control
    path.write_bytes(zipped(fitted(seed | {f"{book}/entries": seed[f"{book}/entries"][:-1]})))
    assert codes(verified(path)) == [("member", None)]


@pytest.mark.parametrize("value", [None, -1, True, [], {}, "trial-ledger/bundle/2"])
def test_a_manifest_whose_format_is_another_or_no_text_is_refused(files: dict[str, Files], value: Any) -> None:
    manifest = json.loads(files["sponsor"][MANIFEST])
    Manifest.parse(_canonical(manifest))  # the control
    with pytest.raises(BundleError, match="this version reads trial-ledger/bundle/1"):
        Manifest.parse(_canonical(manifest | {"format": value}))


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
