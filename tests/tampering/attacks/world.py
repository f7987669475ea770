"""A trial with all the evidence that there can be about it, told so that somebody with all keys can tell it otherwise.

Who holds what:
- the administrator of the database: the file and the evidence folder beside it, no keys at all;
- the insider: also all keys of the ledger, those that sign too, and its mark of what was signed (`signed-head`);
- witnesses and time-stamping authorities: their own keys, and what they saw;
- the auditor: policy, certificates, and the first checkpoint, which she kept.

What is looked at, weakest first; only KEYS has data keys, for an outsider has none:

    FILE     the ledger file alone
    KEYS     the data keys too
    SIGNED   the evidence folder as the attacker leaves it, and a policy that names the log's keys, and no witness
    STAMPED  the certificates of the time-stamping authority too
    QUORUM   a policy that wants two of three witnesses
    ASKED    the checkpoint that a witness gives to whoever asks it, as a checkpoint that the auditor keeps
    KEPT     the first checkpoint, which the auditor kept
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from api.evidence import store
from api.evidence.making import make_checkpoint
from api.evidence.proving import consistency_hashes
from api.witness.asking import Answer, Asked, ask
from api.witness.core import Response, Witness
from api.witness.keys import cosigners
from api.witness.request import encode as add_checkpoint
from api.witness.store import Recorded
from ledger.domain.events.evidence import CheckpointTimestamped
from ledger.keys.file import load_keys
from ledger.keys.signing import load_signing_keys
from ledger.proof.assess import Trusted
from ledger.proof.checking import check, load_trusted
from ledger.proof.entry import Actor
from ledger.proof.evidence import StoredCheckpoint, as_signed, evidence_folder, read_evidence
from ledger.proof.findings import Report
from ledger.proof.note import COSIGNATURE, ML_DSA_44, Note, VerifierKey
from tests.api.evidence_ledgers import backup, with_settings
from tests.api.witnesses import Memory
from tests.tampering.ledgers import places, settle
from tests.trials import SITE, Trial
from tests.tsa import TestAuthority
from tests.verifying.both import judged
from tests.witness_soak.log import seed

Place = tuple[str, str | None, int | None]
Found = dict[str, list[Place]]

FILE, KEYS, SIGNED, STAMPED, QUORUM, ASKED, KEPT = LEVELS = (
    "file", "keys", "signed", "stamped", "quorum", "asked", "kept",
)  # fmt: skip
OUTSIDE: Final = (SIGNED, STAMPED, QUORUM, ASKED, KEPT)
"""The levels that look at more than the file, without data keys."""
NOTHING: Final[Found] = {level: [] for level in LEVELS}
UNSIGNED: Final[Place] = ("policy", "open", None)
"""No checkpoint counts, or those that do have too few cosignatures."""

WORDS: Final = "Two deaths were looked at; continue."
OTHER_WORDS: Final = "No deaths so far, so please continue."
SPONSOR: Final = {"id": "sponsor-1", "role": "sponsor", "org": "IIS-FJD"}
WITNESSES: Final = ("witness.example/w1", "witness.example/w2", "witness.example/w3")
SETTINGS: Final = {"anchor_every": 4, "checkpoint_every": 1000, "checkpoint_seconds": 31_536_000}


def meeting(trial: Trial, words: str, **more: Any) -> int:
    """The data monitoring committee's recommendation; gives the seq of the entry."""
    done = trial.do("record-dmc-recommendation", {"recommendation": "CONTINUE", "text": words}, actor=SPONSOR, **more)
    assert done.seq is not None
    return done.seq


def tell(trial: Trial, evidence: Callable[[Trial], object], words: str = WORDS) -> int:
    """The story; `evidence` is called where a checkpoint is made. Gives the seq of the entry with `words`."""
    trial.do("activate-site", {"site": SITE})
    trial.consent("S-1")
    said = meeting(trial, words)
    trial.randomized("E-1")
    evidence(trial)
    trial.randomized("E-2")
    trial.consent("S-2")
    meeting(trial, "Continue.")
    evidence(trial)
    trial.consent("S-3")
    meeting(trial, "Continue, again.")
    return said


def stamped(trial: Trial, token: bytes | None = None, authority: TestAuthority | None = None) -> bytes:
    """Sign a checkpoint, have it stamped where there is an authority, and record the digest of the token.

    Without an authority the ledger names `token` all the same. Gives the token.
    """
    stored = make_checkpoint(trial.path, clock=trial.clock)
    if authority is not None:
        token = authority.made(as_signed(stored.note), at=trial.clock.at)
        store.put_token(trial.path, stored.checkpoint, token)
    assert token is not None
    record_token(trial, stored, token, authority)
    return token


def record_token(
    trial: Trial, stored: StoredCheckpoint, token: bytes, authority: TestAuthority | None = None, at: str | None = None
) -> None:
    """The event that names a token, as `api/timestamps/recording.py` records it."""
    tree = {"origin": stored.checkpoint.origin, "size": stored.checkpoint.size, "root": stored.checkpoint.root.hex()}
    trial.ledger.record_own(
        CheckpointTimestamped,
        Actor("sponsor-1", "IIS-FJD", "sponsor"),
        "timestamp",
        checkpoint=tree,
        authority="Test authority" if authority is None else authority.name,
        gen_time=at or f"{trial.clock.at:%Y-%m-%dT%H:%M:%SZ}",
        hash_algorithm="sha256",
        token_sha256=hashlib.sha256(token).hexdigest(),
    )


class Clock:
    """The clock of a witness: that of the story, until it is set."""

    def __init__(self) -> None:
        self.at = datetime(2020, 5, 6, tzinfo=UTC)

    def __call__(self) -> int:
        return int(self.at.timestamp())


@dataclass
class Told:
    """A ledger that was told, with the sizes of its checkpoints and the tokens that it names."""

    trial: Trial
    said: int = 0
    sizes: list[int] = field(default_factory=list)
    tokens: list[bytes] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.trial.path


@dataclass
class World:
    """The true ledger (not to be touched: `copy` it), and what others hold of it."""

    folder: Path
    told: Told
    authority: TestAuthority
    memories: tuple[Memory, ...]
    clock: Clock
    backup: Path
    kept: Path

    @property
    def path(self) -> Path:
        return self.told.path

    @property
    def said(self) -> int:
        """The seq of the entry that somebody wants to read otherwise."""
        return self.told.said

    @property
    def sizes(self) -> tuple[int, int]:
        """The sizes of both checkpoints."""
        first, second = self.told.sizes
        return first, second

    # -- what witnesses and auditor hold -----------------------------------------------------------------------------

    def witness(self, number: int = 0) -> Witness:
        """A witness as it stands: what is asked of it changes nothing for the next test."""
        memory = Memory()
        memory.records = dict(self.memories[number].records)
        return witness_of(number, load_signing_keys(self.path).vkeys, memory, self.clock)

    def latest(self, number: int = 0) -> bytes:
        """What a witness gives to whoever asks for its latest checkpoint of this log."""
        answer = self.witness(number).checkpoint(Recorded.hash_of(load_signing_keys(self.path).origin))
        assert answer.status == 200
        return answer.body

    def ask(self, ledger: Path, stored: StoredCheckpoint, number: int = 0) -> Asked:
        """What comes of asking a witness to cosign a checkpoint of a ledger, by the client that asks it."""
        witness = self.witness(number)
        newest = store.newest(ledger)
        assert newest is not None
        return ask(
            "http://witness.example",
            witness.keys,
            stored.note,
            (0, newest.checkpoint.size),
            lambda old: consistency_hashes(ledger, old, stored),
            lambda _, body: _answer(witness.add_checkpoint(body)),
        )

    def policy(self, *, quorum: bool, logs: Sequence[VerifierKey] | None = None) -> Path:
        """The auditor's policy file."""
        lines = [f"log {key.encode()}" for key in logs or load_signing_keys(self.path).vkeys]
        for number, name in enumerate(WITNESSES):
            lines.append(f"witness {name} {witness_keys(number)[0].encode()}")
        lines += [f"group two-of-three 2 {' '.join(WITNESSES)}"] if quorum else []
        lines.append(f"quorum {'two-of-three' if quorum else 'none'}")
        if not quorum:
            lines = [line for line in lines if not line.startswith("witness ")]
        text = "".join(f"{line}\n" for line in lines)
        path = self.folder / f"policy-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        path.write_text(text)
        return path

    def trusted(self, level: str, *, witness: int = 0) -> Trusted:
        """What the verifier brings at a level."""
        if level in (FILE, KEYS):
            return Trusted()
        authorities = [self.authority.roots_pem] if level == STAMPED else []
        asked = self.folder / f"asked-{witness}"
        asked.write_bytes(self.latest(witness))
        kept = {ASKED: [asked], KEPT: [self.kept]}.get(level, [])
        return load_trusted(self.policy(quorum=level == QUORUM), authorities, kept)

    # -- verdicts ----------------------------------------------------------------------------------------------------

    def report(self, level: str, file: Path, evidence: Path | None = None) -> Report:
        """The report on a ledger (by both verifiers) or bundle; `evidence`: another folder than the one beside it."""
        if level in (FILE, KEYS):
            evidence = self.folder / "none"
        if level != KEYS:
            return check(file, self.trusted(level), evidence=evidence, walk=judged)
        own = file if Path(f"{file}.keys").exists() else self.path
        with closing(load_keys(own)) as keys:
            return check(file, self.trusted(level), evidence=evidence, keys=keys, walk=judged)

    def found(self, file: Path, evidence: Path | None = None, levels: Iterable[str] = LEVELS) -> Found:
        """What each level finds, as (code, book, seq), each place once."""
        reports = {level: self.report(level, file, evidence) for level in levels}
        return {level: list(dict.fromkeys(places(report))) for level, report in reports.items()}

    # -- copies and forgeries ----------------------------------------------------------------------------------------

    def copy(self, folder: Path) -> Path:
        """The ledger with its evidence and its keys, to be tampered with."""
        folder.mkdir(exist_ok=True)
        path = backup(self.told.trial, folder / "trial.db")
        settle(path)
        shutil.copytree(evidence_folder(self.path), evidence_folder(path))
        shutil.copytree(f"{self.path}.keys", f"{path}.keys")
        return path

    def older(self, folder: Path) -> Path:
        """The backup that was made after the first checkpoint: the file alone."""
        folder.mkdir(exist_ok=True)
        path = Path(shutil.copyfile(self.backup, folder / "trial.db"))
        settle(path)
        return path

    def forged(self, folder: Path, words: str = OTHER_WORDS, *, seed: int = 1) -> Told:
        """The story with other words, by whoever holds all keys: entries, seals, anchors and signatures are in order.

        It names the tokens that the true one names. What nobody but others could give is missing. With another seed
        it is another ledger, of other keys.
        """
        told = Told(new_trial(folder, seed=seed))
        assert (load_signing_keys(told.path).vkeys == load_signing_keys(self.path).vkeys) is (seed == 1)
        tokens = iter(self.told.tokens)

        def sign(trial: Trial) -> None:
            stamped(trial, next(tokens))
            told.sizes.append(read_evidence(evidence_folder(trial.path)).checkpoints[-1].checkpoint.size)

        told.said = tell(told.trial, sign, words)
        return told


def witness_keys(number: int) -> tuple[VerifierKey, ...]:
    """The keys of a witness, that of Ed25519 first."""
    return tuple(one.key for one in _cosigners(number))


def witness_of(number: int, logs: Sequence[VerifierKey], memory: Memory, clock: Callable[[], int]) -> Witness:
    """A witness for a log."""
    return Witness(_cosigners(number), {logs[0].name: logs}, memory, clock)


def new_trial(folder: Path, *, seed: int = 1) -> Trial:
    """A trial of the world: with the same seed, of the same origin and keys."""
    folder.mkdir(exist_ok=True)
    return Trial(folder, protocol=with_settings(**SETTINGS), seed=seed)


def build(folder: Path) -> World:
    """Tell the story, with all witnesses and the authority at hand."""
    told, clock = Told(new_trial(folder)), Clock()
    start = told.trial.clock.at
    authority = TestAuthority(folder / "authority", now=start, after=timedelta(days=3650))
    memories = tuple(Memory() for _ in WITNESSES)
    world = World(folder, told, authority, memories, clock, folder / "backup.db", folder / "kept.checkpoint")

    def evidence(trial: Trial) -> None:
        told.tokens.append(stamped(trial, authority=authority))
        clock.at = trial.clock.at
        stored = read_evidence(evidence_folder(trial.path)).checkpoints[-1]
        old = told.sizes[-1] if told.sizes else 0
        for number, memory in enumerate(memories):
            cosigned(trial.path, stored, number, memory, clock, old)
        told.sizes.append(stored.checkpoint.size)
        if not world.kept.exists():
            world.kept.write_bytes(stored.data)
            backup(trial, world.backup)

    told.said = tell(told.trial, evidence)
    told.trial.ledger.close()
    return world


def cosigned(
    ledger: Path, stored: StoredCheckpoint, number: int, memory: Memory, clock: Callable[[], int], old: int = 0
) -> None:
    """Have a witness with that memory cosign a checkpoint of a ledger, and keep the cosignatures."""
    witness = witness_of(number, load_signing_keys(ledger).vkeys, memory, clock)
    answer = witness.add_checkpoint(add_checkpoint(old, consistency_hashes(ledger, old, stored), stored.data))
    assert answer.status == 200, answer
    store.add_signatures(ledger, stored, Note.parse(f"{stored.note.text}\n".encode() + answer.body).signatures)


def everywhere(*found: Place, **levels: list[Place]) -> Found:
    """The same at each level, but for `levels`."""
    return {level: list(found) for level in LEVELS} | levels


def _answer(response: Response) -> Answer:
    return Answer(response.status, response.content_type, response.body)


def _cosigners(number: int) -> Any:
    name = WITNESSES[number]
    return cosigners(name, {COSIGNATURE: seed(name), ML_DSA_44: seed(f"{name} pq")})
