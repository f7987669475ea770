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
    foreign = "other.example/NCT/" + "0" * 32
    other = Key(foreign, bytes([9] * 32))
    text_other = bundles.checkpoint_text(foreign, scene.leaves)
    yield Case(
        "origin: another, signed by its log",
        scene.with_(scene.note(text_other, other.line(text_other)), scene.logged(scene.text)),
        policy_of(f"log {scene.log.vkey}", f"log {other.vkey}", "quorum none"),
    )
    yield Case("origin: another, no policy", scene.with_(scene.note(text_other, other.line(text_other))))
    yield Case(
        "origin: another, of a log unknown",
        scene.with_(scene.note(text_other, other.line(text_other)), scene.logged(scene.text)),
        scene.signed,
    )
    yield Case(
        "origin: another, signed by this log",
        scene.with_(scene.logged(text_other), scene.logged(scene.text)),
        scene.signed,
    )
    yield Case("origin: another, only", scene.with_(scene.logged(text_other)), scene.signed)
    again = f"{scene.origin.rsplit('/', 1)[0]}/{'1' * 32}"
    went = appended(
        scene.base.copy(),
        "ledger.continued/1",
        canonical({"former_origin": scene.origin, "occurred_at": "2020-01-01", "origin": again}),
        stream="trial",
        version=max(
            scene.base.open.entry(s)["version"]
            for s in range(scene.size)
            if scene.base.open.entry(s)["stream"] == "trial"
        )
        + 1,
    )
    went.rechained()
    went.headed()
    key_again = Key(again, bytes([8] * 32))
    for name, where_, key, count in (
        ("the new one", again, key_again, scene.size + 1),
        ("the old one before", scene.origin, scene.log, scene.size),
        ("the old one after", scene.origin, scene.log, scene.size + 1),
        ("the new one before", again, key_again, scene.size),
        ("the new one long before", again, key_again, scene.size - 3),
    ):
        one = bundles.checkpoint_text(where_, went.open.leaves()[:count])
        yield Case(
            f"continued: {name}",
            scene.with_(scene.note(one, key.line(one)), parts=went),
            policy_of(f"log {scene.log.vkey}", f"log {key_again.vkey}", "quorum none"),
        )
        yield Case(f"continued: {name}, no policy", scene.with_(scene.note(one, key.line(one)), parts=went))


def proofs(bases: Bases) -> Iterator[Case]:
    """The end of the book, and proofs of consistency."""
    scene = Scene(bases.masked)
    cut = scene.base.copy()
    keep = (
        where(scene.base.open, lambda told: told["command"]["n"] + 1 == told["command"]["of"], scene.size * 3 // 4) + 1
    )
    del cut.open.entries[keep:], cut.open.frames[keep:]
    cut.headed()
    proof = bundles.consistency(scene.leaves, keep)
    name = f"consistency/{scene.size:016d}"
    proved = "".join(base64.b64encode(one).decode() + "\n" for one in proof).encode()
    yield Case("proof: it holds", scene.with_(scene.logged(scene.text), {name: proved}, parts=cut), scene.signed)
    yield Case("proof: it holds, no policy", scene.with_(scene.logged(scene.text), {name: proved}, parts=cut))
    yield Case(
        "proof: it holds, and is witnessed",
        scene.with_(scene.logged(scene.text, *scene.cosigned), {name: proved}, parts=cut),
        scene.quorum(2),
    )
    yield Case(
        "proof: cosigned long ago",
        scene.with_(scene.logged(scene.text, scene.three[0].line(scene.text, 1)), {name: proved}, parts=cut),
        scene.quorum(1),
    )
    for label, value in {
        "missing": None,
        "empty": b"",
        "cut": proved[:-45],
        "longer": proved + proved[-45:],
        "another": proved[45:] + proved[:45],
    }.items():
        more = {} if value is None else {name: value}
        yield Case(f"proof: {label}", scene.with_(scene.logged(scene.text), more, parts=cut), scene.signed)
        yield Case(f"proof: {label}, no policy", scene.with_(scene.logged(scene.text), more, parts=cut))
        kept = bundles.checkpoint_text(scene.origin, scene.leaves[: keep // 2])
        yield Case(
            f"proof: {label}, and a smaller one",
            scene.with_(scene.logged(scene.text), scene.logged(kept), more, parts=cut),
            scene.signed,
        )
    yield Case(
        "proof: under another size",
        scene.with_(scene.logged(scene.text), {f"consistency/{scene.size + 1:016d}": proved}, parts=cut),
        scene.signed,
    )
    between = bundles.checkpoint_text(scene.origin, scene.leaves[: scene.size - 1])
    hashes = "".join(
        base64.b64encode(one).decode() + "\n" for one in bundles.consistency(scene.leaves[: scene.size - 1], keep)
    ).encode()
    both = scene.logged(scene.text), scene.logged(between)
    names = name, f"consistency/{scene.size - 1:016d}"
    for label, told in {
        "both hold": (proved, hashes),
        "the larger one's does not": (b"", hashes),
        "the smaller one's does not": (proved, b""),
    }.items():
        yield Case(
            f"proof: of two, {label}", scene.with_(*both, dict(zip(names, told, strict=True)), parts=cut), scene.signed
        )
    yield Case("proof: for a size that is reached", scene.with_(scene.logged(scene.text), {name: proved}), scene.signed)


def forks(bases: Bases) -> Iterator[Case]:
    """Books that are not those of their checkpoints."""
    scene = Scene(bases.masked)
    forked = scene.base.copy()
    k = mid(forked.open)
    forked.open.inside(k, "actor", org="another")
    forked.rechained()
    forked.headed()
    for label, one in (("the last", scene.text), ("one before", scene.smaller)):
        yield Case(f"forked: against {label}", scene.with_(scene.logged(one), parts=forked), scene.signed)
    yield Case(
        "forked: against three",
        scene.with_(*(scene.logged(one) for one in (scene.text, scene.small, scene.smaller)), parts=forked),
        scene.signed,
        first=False,
    )
    altered = scene.base.copy()
    altered.open.inside(k, "actor", org="another")
    yield Case("altered: beside evidence", scene.with_(scene.logged(scene.text), parts=altered), scene.signed)
    gone = scene.base.copy()
    del gone.open.entries[k], gone.open.frames[k]
    yield Case("missing: beside evidence", scene.with_(scene.logged(scene.text), parts=gone), scene.signed)
    gone = scene.base.copy()
    del gone.open.entries[k : k + 2], gone.open.frames[k : k + 2]
    yield Case("two missing: beside evidence", scene.with_(scene.logged(scene.text), parts=gone), scene.signed)
