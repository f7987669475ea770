"""Signatures of persons that are of another entry, or of none."""

from collections.abc import Iterator
from typing import Any

from tests.interop.second_verifier.bundles import Parts, canonical, leaf
from tests.interop.second_verifier.making import Bases, Case, appended, mended, mid

MADE = "signature.made/1"


def signed(bases: Bases) -> Iterator[Case]:
    base = bases.masked
    k, size = mid(base.open), len(base.open.entries)

    def case(name: str, *given: dict[str, Any], parts: Parts | None = None) -> Case:
        made = base.copy() if parts is None else parts
        for one in given:
            of = {"signed_book": "open", "signed_seq": k, "signed_hash": leaf(base.open.entries[k]).hex()} | one
            told = {member: value for member, value in of.items() if value is not None}
            made = appended(made, MADE, canonical(told))
        return Case(f"signed: {name}", mended(made))

    yield case("what lies there", {})
    yield case("twice", {}, {})
    for name, value in {"the next": k + 1, "the one before": k - 1, "none": 2**53 - 1}.items():
        yield case(f"the hash of another, {name}", {"signed_seq": value})
    for hash_ in ("0" * 64, "A" * 64, "0" * 63, "", 7, None, "0" * 64 + "\n"):
        yield case(f"hash {hash_!r}", {"signed_hash": hash_})
    seqs: list[Any] = [-1, True, "1", None, 2**53 - 1, size, size + 1, []]
    for seq in seqs:
        yield case(f"seq {seq!r}", {"signed_seq": seq})
    for book in ("sealed", "", "third", None, 1, ["open"]):
        yield case(f"book {book!r}", {"signed_book": book})
    other = base.copy()
    other.open.change(k, id="0" * 32)
    yield case("what was rewritten, with all that follows", {}, parts=other)
    yield case("another signature", {}, {"signed_seq": size, "signed_hash": "0" * 64})
    late = appended(base.copy(), MADE, canonical({"signed_book": "open", "signed_seq": k, "signed_hash": "0" * 64}),
                    type="visit.recorded/1")  # fmt: skip
    yield Case("signed: no signature at all", mended(late))
