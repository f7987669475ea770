"""Case `number` of a seed: what kind it is, the bytes, and whether an honest verifier may say "ok" to them.

`honest` is told from the bytes, without the product: everything that the trusted signatures cover, directly or by the
tree, is there as in a seed. Dropping `index.html`, a schema, a time stamp, an extra signature, or telling another role
in the manifest, is then no forgery: nobody vouches for them. Such cases are run too, and counted for nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz import bundles
from tests.fuzz.mutators import mutated
from tests.fuzz.seeds import Seeds

WEIGHTS: Final[Mapping[str, int]] = {
    "bundle": 40, "note": 16, "proof": 14, "request": 10, "policy": 7, "key": 3, "tile": 3, "token": 4, "ledger": 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """What is handed to a target; `beside`: the entry of a proof, the message of a token, the path of a tile."""

    kind: str
    how: str
    data: bytes
    honest: bool
    beside: bytes = b""
    hole: tuple[int, int] = (0, 0)
    """Where in the file how many zeros lie, so that it takes no room."""


def case_of(seeds: Seeds, seed: str, number: int, kinds: Sequence[str] = tuple(WEIGHTS)) -> Case:
    """The case of a number."""
    random = Random(f"{seed}/{number}")
    (kind,) = random.choices(kinds, [WEIGHTS[kind] for kind in kinds])
    return _MAKERS[kind](random, seeds)


def note_is_honest(data: bytes, seeds: Seeds) -> bool:
    """The text of a seed, signed by the log (one of its keys is enough) and by both witnesses."""
    text, _, signatures = seeds.notes[0].rpartition(b"\n\n")
    own, other = signatures.splitlines(), data.rpartition(b"\n\n")
    kept = set(other[2].splitlines()) & set(own)
    return other[0] == text and bool(kept & set(own[:2])) and set(own[2:]) <= kept


def _bundle(random: Random, seeds: Seeds) -> Case:
    made = bundles.make(random, seeds.bundles, seeds.files, lambda note: note_is_honest(note, seeds))
    return Case("bundle", made.how, made.data, made.honest, hole=made.hole)


def _note(random: Random, seeds: Seeds) -> Case:
    data = mutated(random, seeds.notes[0], [*seeds.notes, seeds.policy, *(proof for proof, _ in seeds.proofs)])
    return Case("note", "bytes", data, note_is_honest(data, seeds))


def _proof(random: Random, seeds: Seeds) -> Case:
    proof, entry = random.choice(seeds.proofs)
    if random.random() < 0.2:
        other = mutated(random, entry, [each for _, each in seeds.proofs])
        return Case("proof", "entry", proof, other == entry, other)
    data = mutated(random, proof, [*(each for each, _ in seeds.proofs), *seeds.notes])
    head, _, note = data.partition(b"\n\n")
    first, *rest = head.split(b"\n")
    bare = [first, *(rest[1:] if rest and rest[0].startswith(b"extra ") else rest)]
    honest = bare == proof.partition(b"\n\n")[0].split(b"\n") and note_is_honest(note, seeds)
    return Case("proof", "bytes", data, honest, entry)


def _request(random: Random, seeds: Seeds) -> Case:
    body = random.choice(seeds.requests)
    data = mutated(random, body, [*seeds.requests, *seeds.notes])
    head, _, note = data.partition(b"\n\n")
    own, _, own_note = body.partition(b"\n\n")
    text, _, signatures = own_note.rpartition(b"\n\n")
    kept = set(note.rpartition(b"\n\n")[2].splitlines()) & set(signatures.splitlines())
    return Case("request", "bytes", data, head == own and note.rpartition(b"\n\n")[0] == text and bool(kept))


def _policy(random: Random, seeds: Seeds) -> Case:
    return Case("policy", "bytes", mutated(random, seeds.policy, [seeds.policy, *seeds.notes]), True)


def _key(random: Random, seeds: Seeds) -> Case:
    return Case("key", "bytes", mutated(random, random.choice(seeds.vkeys), seeds.vkeys), True)


def _tile(random: Random, seeds: Seeds) -> Case:
    path, data = random.choice(list(seeds.tiles.items()))
    other = mutated(random, data, list(seeds.tiles.values()))
    if random.random() < 0.3:
        return Case("tile", "path", data, True, mutated(random, path.encode(), [each.encode() for each in seeds.tiles]))
    return Case("tile", "bytes", other, other == data, path.encode())


def _token(random: Random, seeds: Seeds) -> Case:
    if not seeds.tokens:
        return _note(random, seeds)
    token, message = random.choice(seeds.tokens)
    data = mutated(random, token, [token])
    return Case("token", "bytes", data, True, message)


def _ledger(random: Random, seeds: Seeds) -> Case:
    data, page = seeds.ledger, 4096
    if random.random() < 0.5:
        return Case("ledger", "bytes", mutated(random, data, [data]), True)
    one, two = (page * random.randrange(len(data) // page) for _ in range(2))
    pages = {one: data[two : two + page], two: random.choice((data[one : one + page], bytes(page)))}
    swapped = b"".join(pages.get(at, data[at : at + page]) for at in range(0, len(data), page))
    return Case("ledger", "pages", swapped, True)


_MAKERS: Final[Mapping[str, Callable[[Random, Seeds], Case]]] = {
    "bundle": _bundle, "note": _note, "proof": _proof, "request": _request, "policy": _policy, "key": _key,
    "tile": _tile, "token": _token, "ledger": _ledger,
}  # fmt: skip
