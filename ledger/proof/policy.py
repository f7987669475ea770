"""Trust policies, as c2sp.org/tlog-policy says: which logs, which witnesses, and how many of these are enough.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

1. A checkpoint holds if one of the logs signed it under the key name that is its origin, if the quorum of witnesses
   cosigned it, and if no signature by any key of the policy fails.
2. A witness counts once: a public key may be listed once among the witnesses, a name once as a member of a group.
3. Names and URLs are octets, never compared in any other form. As text they are UTF-8, in which an octet that is none
   stands as a lone surrogate ("surrogateescape"); print them by `ledger.proof.note.shown` only.
4. Logs sign with type 0x01 or 0x06, witnesses with 0x04 or 0x06. Groups are evaluated in the order of their
   definition, so that no depth of nesting can exhaust a stack.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.proof.checkpoint import OpenedCheckpoint, open_checkpoint
from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, NoteError, NotSignedError, VerifierKey, shown

MAX_POLICY_BYTES: Final = 1 << 20
MAX_OF_A_KIND: Final = 1000
"""How many logs, how many witnesses, and how many groups a policy may have (tlog-policy asks for 32 at least)."""
NONE: Final = "none"
_LOG_TYPES: Final = (ED25519, ML_DSA_44)
_WITNESS_TYPES: Final = (COSIGNATURE, ML_DSA_44)
_FORBIDDEN: Final = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_NUMBER: Final = re.compile("[1-9][0-9]{0,8}")


class PolicyError(ValueError):
    """The bytes are no policy; the message names the line and the rule."""


class QuorumError(NoteError):
    """What is signed on a checkpoint, however valid, is less than the policy asks for."""


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses a checkpoint if at least `threshold` of the members (witnesses and groups, by name) do."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What `Policy.parse` read. `quorum` is the name of a witness or group, or NONE."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str
    urls: Mapping[VerifierKey, str]

    @classmethod
    def parse(cls, data: bytes) -> "Policy":
        """The policy that a file states. Raises PolicyError with the number of the line."""
        reader = _Reader()
        for number, items in _lines(data):
            try:
                reader.read(items)
            except (PolicyError, NoteError) as error:
                raise PolicyError(f"policy: line {number}: {error}") from None
        if reader.quorum is None:
            raise PolicyError("policy: has no quorum line; `quorum none` asks for no witness")
        return cls(tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum, reader.urls)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """Of all logs and witnesses, each once."""
        return tuple(dict.fromkeys((*self.logs, *self.witnesses.values())))

    def witnessed(self, opened: OpenedCheckpoint) -> tuple[int, int]:
        """How many of the witnesses cosigned, and how many the policy lists."""
        return len(self.cosigners(opened.keys)), len(self.witnesses)

    def cosigners(self, keys: Collection[VerifierKey]) -> tuple[str, ...]:
        """The names, in the policy, of the witnesses whose keys these are."""
        return tuple(name for name, key in self.witnesses.items() if key in keys)

    def satisfied_by(self, signers: OpenedCheckpoint | Collection[VerifierKey]) -> bool:
        """Whether those who signed make the quorum. It does not say that a log signed; `check` says both."""
        keys = signers.keys if isinstance(signers, OpenedCheckpoint) else signers
        if self.quorum == NONE:
            return True
        witnessed = set(self.cosigners(keys))
        for name, group in self.groups.items():
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(name)
        return self.quorum in witnessed

    def log_keys(self, opened: OpenedCheckpoint) -> tuple[VerifierKey, ...]:
        """The keys of logs of the policy that signed the checkpoint and are named as its origin."""
        origin = opened.checkpoint.origin
        return tuple(key for key in self.logs if key.name == origin and key in opened.keys)

    def check(self, opened: OpenedCheckpoint) -> None:
        """That the checkpoint holds under this policy. Raises QuorumError, NotSignedError if no log signed it."""
        origin = opened.checkpoint.origin
        if not self.log_keys(opened):
            raise NotSignedError(f"checkpoint: no log of the policy signed it as {shown(origin)}, which is its origin")
        if not self.satisfied_by(opened):
            count, listed = self.witnessed(opened)
            raise QuorumError(
                f"checkpoint: cosigned by {count} of the {listed} witnesses of the policy,"
                f" which do not make its quorum ({shown(self.quorum)})"
            )

    def open(self, data: bytes) -> OpenedCheckpoint:
        """A checkpoint that holds under this policy. Raises NoteError: see `open_checkpoint` and `check`."""
        opened = open_checkpoint(data, self.keys)
        self.check(opened)
        return opened


class _Reader:
    """What the lines so far have defined."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self.urls: dict[VerifierKey, str] = {}
        self._members: set[str] = set()
        self._public: set[tuple[str, bytes]] = set()
        self._known: dict[tuple[str, bytes], VerifierKey] = {}

    def read(self, items: list[str]) -> None:
        keyword, *rest = items
        match keyword:
            case "log":
                self._log(rest)
            case "witness":
                self._witness(rest)
            case "group":
                self._group(rest)
            case "quorum":
                self._quorum(rest)
            case _:
                raise PolicyError(f"begins with {shown(keyword)}, not with log, witness, group or quorum")

    def _log(self, items: list[str]) -> None:
        if len(items) not in (1, 2):
            raise PolicyError("is not: log <vkey> [<url>]")
        key = self._key("log", items[0], _LOG_TYPES, self.logs)
        self.logs.append(key)
        self._url(key, items[1:])

    def _witness(self, items: list[str]) -> None:
        if len(items) not in (2, 3):
            raise PolicyError("is not: witness <name> <vkey> [<url>]")
        self._new_name(items[0], self.witnesses)
        key = self._key("witness", items[1], _WITNESS_TYPES, self.witnesses.values())
        self.witnesses[items[0]] = key
        self._url(key, items[2:])

    def _group(self, items: list[str]) -> None:
        if len(items) < 3:
            raise PolicyError("is not: group <name> all|any|<k> <name>..., with at least one member")
        name, rule, *members = items
        self._new_name(name, self.groups)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise PolicyError(f"{shown(member)}: no line above defines a witness or group of that name")
            if member in self._members:
                raise PolicyError(f"{shown(member)}: is a member already; each name can be one only once")
            self._members.add(member)
        self.groups[name] = Group(_threshold(rule, len(members)), tuple(members))

    def _quorum(self, items: list[str]) -> None:
        if len(items) != 1:
            raise PolicyError("is not: quorum <name>, or quorum none")
        if self.quorum is not None:
            raise PolicyError("is a second quorum line; there is exactly one")
        if items[0] != NONE and items[0] not in self.witnesses and items[0] not in self.groups:
            raise PolicyError(f"{shown(items[0])}: no line above defines a witness or group of that name")
        self.quorum = items[0]

    def _new_name(self, name: str, kind: Collection[str]) -> None:
        if name == NONE:
            raise PolicyError("the name none is reserved for the quorum")
        if name in self.witnesses or name in self.groups:
            raise PolicyError(f"{shown(name)}: is defined already")
        _check_count(kind)

    def _key(self, kind: str, vkey: str, types: tuple[int, ...], others: Collection[VerifierKey]) -> VerifierKey:
        _check_count(others)
        key = VerifierKey.parse(vkey)
        if key.type not in types:
            allowed = " or ".join(f"{type:#04x}" for type in types)
            raise PolicyError(f"{shown(key.name)}: the key of a {kind} is of type {allowed}, not {key.type:#04x}")
        if (kind, key.public) in self._public:
            raise PolicyError(f"{shown(key.name)}: another {kind} has the same public key")
        if self._known.setdefault((key.name, key.key_id), key) != key:
            raise PolicyError(f"{shown(key.name)}: a different key above has the same name and key ID")
        self._public.add((kind, key.public))
        return key

    def _url(self, key: VerifierKey, url: list[str]) -> None:
        if url:
            self.urls[key] = url[0]


def _threshold(rule: str, count: int) -> int:
    if rule == "all":
        return count
    if rule == "any":
        return 1
    if not _NUMBER.fullmatch(rule) or int(rule) > count:
        raise PolicyError(f"{shown(rule)}: is not all, any, or a decimal from 1 to the {count} members")
    return int(rule)


def _check_count(kind: Collection[object]) -> None:
    if len(kind) >= MAX_OF_A_KIND:
        raise PolicyError(f"is one too many; at most {MAX_OF_A_KIND:,} logs, witnesses and groups each are read")


def _lines(data: bytes) -> Iterable[tuple[int, list[str]]]:
    """The lines that say something, numbered from 1, in their items."""
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyError(f"policy: has {len(data):,} bytes; at most {MAX_POLICY_BYTES:,} are read")
    if found := _FORBIDDEN.search(data):
        at = data.count(b"\n", 0, found.start()) + 1
        raise PolicyError(f"policy: line {at}: contains the octet {found[0][0]:#04x}, a control character")
    if data and not data.endswith(b"\n"):
        # A file cut short could end in the name of another witness or group.
        raise PolicyError("policy: the last line does not end in a newline")
    for number, line in enumerate(data.split(b"\n"), 1):
        items = [item.decode("utf-8", "surrogateescape") for item in line.replace(b"\t", b" ").split(b" ") if item]
        if items and not items[0].startswith("#"):
            yield number, items
