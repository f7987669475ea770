"""All families of cases, and what is not compared."""

from typing import Final

from tests.interop.second_verifier.making import Bases, Case, where
from tests.interop.second_verifier.policies import policies
from tests.interop.second_verifier.wrong_entries import (
    appended_events,
    entry_bytes,
    entry_members,
    events,
    order,
    origins,
)
from tests.interop.second_verifier.wrong_evidence import levels, notes, signatures
from tests.interop.second_verifier.wrong_files import files, lists, manifests, zips
from tests.interop.second_verifier.wrong_proofs import forks, other_origins, proofs
from tests.interop.second_verifier.wrong_sections import anchors, archived_sealed, sealed_book, sections, sections_file
from tests.interop.second_verifier.wrong_signatures import signed

__all__ = ["FAMILIES", "Bases", "Case", "where"]

FAMILIES: Final = (
    entry_members, entry_bytes, order, events, origins, appended_events, sections, sections_file, sealed_book,
    archived_sealed, anchors, manifests, lists, files, zips, levels, signatures, notes, other_origins, proofs, forks,
    policies, signed,
)  # fmt: skip
