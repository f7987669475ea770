"""From a folder of SDTM files to datasets, one a domain, each in whichever format it lies there.

1. The domain is the file's name without its ending, in capitals: dm.csv, DM.xpt, dm.json, dm.ndjson.
   A name that the file states itself (XPT, Dataset-JSON) must agree with it.
2. A domain stands once in a folder: two files for it are refused, for we cannot know which is true.
3. Every dataset has the columns that the import needs of it (`REQUIRED`), with the SDTM's own names.
4. Every row's DOMAIN (RDOMAIN in a SUPP-- dataset) is the file's; all rows of all files have one STUDYID.
5. DM must be there: without it nobody is in the trial.
What a single row means (an unknown subject, a bad date) is not judged here: the import lists it by row.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from api.sdtm.csv_file import read_csv
from api.sdtm.dataset import Dataset, SdtmError, Table
from api.sdtm.dataset_json import read_json, read_ndjson
from api.sdtm.xpt_file import read_xpt

DEFAULT_WANTED = ("DM", "DS", "EX", "AE", "SV", "TS", "TA", "TV", "SUPPDM", "SUPPDS", "SUPPAE")
"""The domains that the import makes events of."""

_SUPPLEMENT = ("STUDYID", "RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL")
REQUIRED: dict[str, tuple[str, ...]] = {
    "DM": ("STUDYID", "DOMAIN", "USUBJID", "SITEID", "ARMCD", "ARM"),
    "DS": ("STUDYID", "DOMAIN", "USUBJID", "DSSEQ", "DSTERM", "DSDECOD", "DSCAT", "DSSTDTC"),
    "EX": ("STUDYID", "DOMAIN", "USUBJID", "EXSEQ", "EXTRT", "EXDOSE", "EXDOSU", "EXSTDTC", "EXENDTC"),
    "AE": ("STUDYID", "DOMAIN", "USUBJID", "AESEQ", "AETERM", "AEDECOD", "AEBODSYS", "AESTDTC"),
    "SV": ("STUDYID", "DOMAIN", "USUBJID", "VISITNUM", "SVSTDTC"),
    "MH": ("STUDYID", "DOMAIN", "USUBJID", "MHSEQ", "MHTERM"),
    "TS": ("STUDYID", "DOMAIN", "TSSEQ", "TSPARMCD", "TSVAL"),
    "TA": ("STUDYID", "DOMAIN", "ARMCD", "ARM", "TAETORD", "ETCD", "EPOCH"),
    "TV": ("STUDYID", "DOMAIN", "VISITNUM"),
}
"""Columns without which a domain cannot be imported; a domain not named here needs STUDYID and DOMAIN."""

_FORMATS: dict[str, Callable[[Path], Table]] = {
    ".csv": read_csv,
    ".xpt": read_xpt,
    ".json": read_json,
    ".ndjson": read_ndjson,
}


def read_dataset(path: Path) -> Dataset:
    """The dataset in one file; raises `SdtmError` naming file, line, field and rule."""
    domain = path.stem.upper()
    read = _FORMATS.get(path.suffix.lower())
    if read is None:
        raise SdtmError(path, None, None, f"not a known format: a dataset ends in {', '.join(_FORMATS)}")
    try:
        table = read(path)
    except OSError as error:
        raise SdtmError(path, None, None, f"cannot be read: {error.strerror or error}") from error
    if table.name is not None and table.name.upper() != domain:
        raise SdtmError(path, None, None, f"the file's name says {domain}, the dataset in it {table.name}")
    for column in _required(domain):
        if column not in table.columns:
            raise SdtmError(path, None, column, f"the column is required in {domain} and is not there")
    study = _checked_rows(path, domain, table)
    return Dataset(domain, path, table.columns, table.rows, table.encoding, table.counted, study)


def read_folder(path: Path, wanted: Sequence[str] = DEFAULT_WANTED) -> dict[str, Dataset]:
    """The wanted domains of a folder, in the order wanted; raises `SdtmError`, also if DM is missing.

    A wanted domain without a file is left out; `unread_files` says what else lies in the folder.
    """
    found = _by_domain(path)
    datasets: dict[str, Dataset] = {}
    for domain in dict.fromkeys(name.upper() for name in wanted):
        files = found.get(domain, [])
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            raise SdtmError(path, None, None, f"{domain} is there more than once: {names}; keep one of them")
        if files:
            datasets[domain] = read_dataset(files[0])
        elif domain == "DM":
            rule = "there is no DM dataset (dm.csv, dm.xpt, dm.json or dm.ndjson); it is required"
            raise SdtmError(path, None, None, rule)
    _check_one_study(datasets.values())
    return datasets


def unread_files(path: Path, wanted: Sequence[str] = DEFAULT_WANTED) -> tuple[Path, ...]:
    """The files of a folder that `read_folder` does not look into, for the import to name."""
    known = {name.upper() for name in wanted}
    return tuple(file for file in _files(path) if file.suffix.lower() not in _FORMATS or file.stem.upper() not in known)


def _required(domain: str) -> tuple[str, ...]:
    if domain.startswith("SUPP"):
        return _SUPPLEMENT
    return REQUIRED.get(domain, ("STUDYID", "DOMAIN"))


def _checked_rows(path: Path, domain: str, table: Table) -> str | None:
    supplement = domain.startswith("SUPP")
    field, expected = ("RDOMAIN", domain.removeprefix("SUPP")) if supplement else ("DOMAIN", domain)
    study: str | None = None
    for row in table.rows:
        stated, of_study = row.values.get(field), row.values.get("STUDYID")
        if stated != expected:
            rule = f"is {expected} in every row of {domain}; here it is {stated or 'missing'}"
            raise SdtmError(path, row.number, field, rule, counted=table.counted)
        study = study or of_study
        if of_study is None or of_study != study:
            rule = f"one trial has one STUDYID; here it is {of_study or 'missing'}, before it was {study}"
            raise SdtmError(path, row.number, "STUDYID", rule, counted=table.counted)
    return study


def _check_one_study(datasets: Iterable[Dataset]) -> None:
    first: Dataset | None = None
    for dataset in datasets:
        if dataset.study is None:
            continue
        first = first or dataset
        if dataset.study != first.study:
            raise SdtmError(
                dataset.path,
                None,
                "STUDYID",
                f"one trial has one STUDYID; here it is {dataset.study}, in {first.path.name} {first.study}",
            )


def _by_domain(path: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in _files(path):
        if file.suffix.lower() in _FORMATS:
            found.setdefault(file.stem.upper(), []).append(file)
    return found


def _files(path: Path) -> list[Path]:
    try:
        return sorted(file for file in path.iterdir() if file.is_file())
    except OSError as error:
        rule = f"is not a folder that can be read: {error.strerror or error}"
        raise SdtmError(path, None, None, rule) from error
