"""Faults planted into the product, within one process: the harness has to catch each of them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.proof import bundle_reader, bundle_rows, note, policy
from ledger.proof.bundle_reader import BundleBooks


def _no_signatures() -> None:
    """Whatever says that it is signed by a key is."""
    note._verify_ml_dsa = lambda *_: None
    note.VerifierKey.verify = lambda *_: None  # type: ignore[method-assign]


def _no_sums() -> None:
    """Files are not held against SHA256SUMS."""
    BundleBooks.check_database = lambda *_: None  # type: ignore[method-assign]


def _loops() -> None:
    """A long line is never done with."""
    real: Callable[..., bytes] = bundle_rows.FileBytes.line

    def line(self: Any) -> bytes:
        found = real(self)
        while (b"  open/" in found and not found.isascii()) or len(found) > 65_000:
            pass
        return found

    bundle_rows.FileBytes.line = line  # type: ignore[method-assign]


def _hoards() -> None:
    """What a length says is made room for."""
    real = bundle_rows.framed

    def framed(source: Any) -> bytes | None:
        found = real(source)
        if found is None:
            bytearray(400 << 20)
        return found

    vars(bundle_reader)["framed"] = framed


def _crashes() -> None:
    """A wrong quorum is no error that is declared."""
    real = policy.Policy.parse.__func__  # type: ignore[attr-defined]

    def parse(cls: Any, data: bytes) -> Any:
        try:
            return real(cls, data)
        except policy.PolicyError:
            raise KeyError("quorum") from None

    policy.Policy.parse = classmethod(parse)  # type: ignore[method-assign,assignment]


PLANTS: Final[Mapping[str, Callable[[], None]]] = {
    "no signatures": _no_signatures,
    "no sums": _no_sums,
    "loops": _loops,
    "hoards": _hoards,
    "crashes": _crashes,
}
