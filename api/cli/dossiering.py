"""`reconstruct`: the work."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.acting import who
from api.cli.ahead import note_if_ahead
from api.cli.output import USAGE, VERIFICATION_FAILED, errors_named, fail, print_json, progress, say, tell

if TYPE_CHECKING:
    from ledger.domain.roles import Viewer
    from ledger.proof.assess import Trusted


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, by whom, and where it goes."""

    at: str
    since: str | None
    output: Path
    role: str
    actor: str | None
    org: str
    sites: tuple[str, ...]

    def viewer(self) -> "Viewer":
        """Who asks. Ends with a fault of usage for a name that cannot stand in an entry."""
        from pydantic import ValidationError

        from api.access import viewer_of

        by = who(self.actor, self.org, self.role)
        try:
            return viewer_of(by.id, by.role, by.org, frozenset(self.sites))
        except ValidationError:
            fail(
                "--actor, --org: a pseudonym of printable ASCII without spaces, and an organisation in one line", USAGE
            )


@errors_named()
def reconstruct(
    source: Path,
    asked: Asked,
    policy: Path | None,
    authorities: Sequence[Path],
    keys: Sequence[Path],
    as_json: bool,
) -> None:
    """Make a dossier, and say what it is."""
    from api.bootstrap import DeniedError, UnknownSiteError
    from api.exports.making import ExportError
    from api.restoring.making import UnsoundBundleError
    from ledger.proof.bundle import is_bundle
    from ledger.proof.checking import load_trusted
    from ledger.proof.words import in_words

    trusted, viewer = load_trusted(policy, authorities), asked.viewer()
    bundle = is_bundle(source)
    if keys and not bundle:
        fail("--keys: goes with an archive bundle; a ledger has its own keys beside it", USAGE)
    try:
        _make(source, asked, viewer, trusted, keys, bundle, as_json)
    except UnsoundBundleError as error:
        if as_json:
            print_json({"folder": None, "report": error.report.to_json()})
        else:
            tell(in_words(error.report))
        say(f"error: {error}")
        raise SystemExit(VERIFICATION_FAILED) from None
    except UnknownSiteError as error:
        fail(f"--site: {error}", USAGE)
    except (DeniedError, ExportError) as error:
        fail(str(error))


def _make(
    source: Path,
    asked: Asked,
    viewer: "Viewer",
    trusted: "Trusted",
    keys: Sequence[Path],
    bundle: bool,
    as_json: bool,
) -> None:
    from api.access import Session
    from api.dossier import bundles, words
    from api.dossier.making import dossier, warned_in
    from api.exports.making import export

    told: dict[str, Any] = {"since": asked.since, "trusted": trusted}
    with ExitStack() as stack:
        step = stack.enter_context(progress("reconstruct", None, shown=not as_json))
        if bundle:
            told |= {"remark": words.NOT_RECORDED, "of": bundles.said_of(source)}
            session = stack.enter_context(bundles.session_of(source, viewer, keys, trusted, step.reach))
        elif bundles.cannot_record(source):
            told |= {"remark": words.NOT_RECORDED_HERE, "of": {"recorded": False, "remark": words.NOT_RECORDED_HERE}}
            session = bundles.Unrecorded(source, viewer)
        else:
            session = Session(source, viewer)
        made = export(session, dossier(**told), asked.output, asked.at, progress=step.reach)
    warning = warned_in(made.path)
    note_if_ahead("--at", asked.at)
    if as_json:
        print_json({"folder": str(asked.output), "sha256": made.sha256, "manifest": made.manifest, "warning": warning})
        _end(warning)
        return
    seqs = "/".join(str(book["seq"]) for book in made.manifest["position"].values())
    tell(f"{asked.output}: a dossier for the role {asked.role}, as known at position {seqs} (manifest {made.sha256})")
    if bundle:
        say(words.NOT_RECORDED)
    if not any(one["name"] == "dossier.pdf" for one in made.manifest["files"]):
        say(words.PDF_MISSING)
    for line in warning:
        say(line)
    _end(warning)


def _end(warning: Sequence[str]) -> None:
    """With 1 where what the dossier is made of does not verify."""
    if warning:
        raise SystemExit(VERIFICATION_FAILED)
