"""Checkpoints of other origins and other books, and proofs of consistency."""

import base64
from collections.abc import Iterator

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.bundles import Key, canonical
from tests.interop.second_verifier.making import (
    Bases,
    Case,
    appended,
    mid,
    policy_of,
    where,
)
from tests.interop.second_verifier.scene import Scene


def other_origins(bases: Bases) -> Iterator[Case]:
    """Checkpoints of other origins, and of a ledger that went on."""
    scene = Scene(bases.masked)
    base = scene.base
    origin = scene.origin
    leaves = scene.leaves
    size = scene.size
    log = scene.log
    signed = scene.signed
    note = scene.note
    with_ = scene.with_
    text = scene.text
    own = scene.own
    foreign = "other.example/NCT/" + "0" * 32
    other = Key(foreign, bytes([9] * 32))
    text_other = bundles.checkpoint_text(foreign, leaves)
    yield Case(
        "origin: another, signed by its log",
        with_(note(text_other, other.line(text_other)), note(text, own)),
        policy_of(f"log {log.vkey}", f"log {other.vkey}", "quorum none"),
    )
    yield Case("origin: another, no policy", with_(note(text_other, other.line(text_other))))
    yield Case(
        "origin: another, of a log unknown", with_(note(text_other, other.line(text_other)), note(text, own)), signed
    )
    yield Case(
        "origin: another, signed by this log", with_(note(text_other, log.line(text_other)), note(text, own)), signed
    )
    yield Case("origin: another, only", with_(note(text_other, log.line(text_other))), signed)
    again = f"{origin.rsplit('/', 1)[0]}/{'1' * 32}"
    went = appended(
        base.copy(),
        "ledger.continued/1",
        canonical({"former_origin": origin, "occurred_at": "2020-01-01", "origin": again}),
        stream="trial",
        version=max(base.open.entry(s)["version"] for s in range(size) if base.open.entry(s)["stream"] == "trial") + 1,
    )
    went.rechained()
    went.headed()
    key_again = Key(again, bytes([8] * 32))
    for name, where_, key, count in (
        ("the new one", again, key_again, size + 1),
        ("the old one before", origin, log, size),
        ("the old one after", origin, log, size + 1),
        ("the new one before", again, key_again, size),
        ("the new one long before", again, key_again, size - 3),
    ):
        one = bundles.checkpoint_text(where_, went.open.leaves()[:count])
        yield Case(
            f"continued: {name}",
            with_(note(one, key.line(one)), parts=went),
            policy_of(f"log {log.vkey}", f"log {key_again.vkey}", "quorum none"),
        )
        yield Case(f"continued: {name}, no policy", with_(note(one, key.line(one)), parts=went))


def proofs(bases: Bases) -> Iterator[Case]:
    """The end of the book, and proofs of consistency."""
    scene = Scene(bases.masked)
    base = scene.base
    origin = scene.origin
    leaves = scene.leaves
    size = scene.size
    log = scene.log
    signed = scene.signed
    three = scene.three
    quorum = scene.quorum
    note = scene.note
    with_ = scene.with_
    text = scene.text
    own = scene.own
    cosigned = scene.cosigned
    cut = base.copy()
    keep = where(base.open, lambda told: told["command"]["n"] + 1 == told["command"]["of"], size * 3 // 4) + 1
    del cut.open.entries[keep:], cut.open.frames[keep:]
    cut.headed()
    proof = bundles.consistency(leaves, keep)
    name = f"consistency/{size:016d}"
    proved = "".join(base64.b64encode(one).decode() + "\n" for one in proof).encode()
    yield Case("proof: it holds", with_(note(text, own), {name: proved}, parts=cut), signed)
    yield Case("proof: it holds, no policy", with_(note(text, own), {name: proved}, parts=cut))
    yield Case(
        "proof: it holds, and is witnessed", with_(note(text, own, *cosigned), {name: proved}, parts=cut), quorum(2)
    )
    yield Case(
        "proof: cosigned long ago",
        with_(note(text, own, three[0].line(text, 1)), {name: proved}, parts=cut),
        quorum(1),
    )
    for label, value in {
        "missing": None,
        "empty": b"",
        "cut": proved[:-45],
        "longer": proved + proved[-45:],
        "another": proved[45:] + proved[:45],
    }.items():
        more = {} if value is None else {name: value}
        yield Case(f"proof: {label}", with_(note(text, own), more, parts=cut), signed)
        yield Case(f"proof: {label}, no policy", with_(note(text, own), more, parts=cut))
        kept = bundles.checkpoint_text(origin, leaves[: keep // 2])
        yield Case(
            f"proof: {label}, and a smaller one",
            with_(note(text, own), note(kept, log.line(kept)), more, parts=cut),
            signed,
        )
    yield Case(
        "proof: under another size",
        with_(note(text, own), {f"consistency/{size + 1:016d}": proved}, parts=cut),
        signed,
    )
    between = bundles.checkpoint_text(origin, leaves[: size - 1])
    hashes = "".join(
        base64.b64encode(one).decode() + "\n" for one in bundles.consistency(leaves[: size - 1], keep)
    ).encode()
    both = note(text, own), note(between, log.line(between))
    names = name, f"consistency/{size - 1:016d}"
    for label, told in {
        "both hold": (proved, hashes),
        "the larger one's does not": (b"", hashes),
        "the smaller one's does not": (proved, b""),
    }.items():
        yield Case(f"proof: of two, {label}", with_(*both, dict(zip(names, told, strict=True)), parts=cut), signed)
    yield Case("proof: for a size that is reached", with_(note(text, own), {name: proved}), signed)


def forks(bases: Bases) -> Iterator[Case]:
    """Books that are not those of their checkpoints."""
    scene = Scene(bases.masked)
    base = scene.base
    log = scene.log
    signed = scene.signed
    note = scene.note
    with_ = scene.with_
    text = scene.text
    small = scene.small
    smaller = scene.smaller
    own = scene.own
    forked = base.copy()
    k = mid(forked.open)
    forked.open.inside(k, "actor", org="another")
    forked.rechained()
    forked.headed()
    for label, one in (("the last", text), ("one before", smaller)):
        yield Case(f"forked: against {label}", with_(note(one, log.line(one)), parts=forked), signed)
    yield Case(
        "forked: against three",
        with_(*(note(one, log.line(one)) for one in (text, small, smaller)), parts=forked),
        signed,
        first=False,
    )
    altered = base.copy()
    altered.open.inside(k, "actor", org="another")
    yield Case("altered: beside evidence", with_(note(text, own), parts=altered), signed)
    gone = base.copy()
    del gone.open.entries[k], gone.open.frames[k]
    yield Case("missing: beside evidence", with_(note(text, own), parts=gone), signed)
    gone = base.copy()
    del gone.open.entries[k : k + 2], gone.open.frames[k : k + 2]
    yield Case("two missing: beside evidence", with_(note(text, own), parts=gone), signed)
