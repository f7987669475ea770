"""A row of the sealed book. Its header holds the version, which may be known only under the append lock."""

from collections.abc import Callable
from typing import NamedTuple

from ledger.proof.entry import complete_sealed, parts_json, quote, sealed_fragments
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealed import command_mark, header_payload, slot
from ledger.proof.sealing import enter_sealed, key_stream
from ledger.proof.sections import HEADER
from ledger.recording.book_state import BookState
from ledger.recording.drafts import Append, SealedDraft, WritingKeys


class SealedRow(NamedTuple):
    """The columns of `sealed_entry`, in their order."""

    seq: int
    open_seq: int
    slot: str
    command: str
    entry: bytes
    sections: bytes


class SealedParts(NamedTuple):
    """A sealed entry to be, whose version is settled: all of its row but `at`, `open_head`, `prev` and `seq`."""

    slot: str
    command: str
    fragments: tuple[str, str, str]
    sections: bytes

    def row(self, at: str, opened: BookState, state: BookState) -> SealedRow:
        """The row after what `state` has, naming the head of the open book as `opened` has it."""
        head = opened.hash, opened.size - 1
        raw = complete_sealed(self.fragments, at, head, state.hash, state.size)
        return SealedRow(state.size, head[1], self.slot, self.command, raw, self.sections)


def sealed_parts(
    append: Append, draft: SealedDraft, version: int, origin: str, keys: WritingKeys, random: Callable[[int], bytes]
) -> SealedParts:
    """Seal `draft` as the entry of `version` on its stream; `origin` is that of the sealed book."""
    marks = keys.marks
    if marks is None:
        raise LedgerFileError("the sealed book cannot be written without the trial's keys")
    command_id = append.command.sealed_id or append.command.id
    header = header_payload(
        draft.actor.canonical(), append.command.digest, quote(command_id), draft.n, draft.of,
        quote(draft.stream), quote(draft.type), version,
    )  # fmt: skip
    payloads = sorted([*draft.payloads, (HEADER, header)])
    drawn = random(16 + 32 * len(payloads))
    entry_id, parts, frames = drawn[:16].hex(), [], []
    for index, (name, payload) in enumerate(payloads):
        key = keys.make_section_key(name, key_stream(name, draft.stream), random)
        salt = drawn[16 + 32 * index : 48 + 32 * index]
        commit, framed = enter_sealed(key, origin, draft.stream, version, entry_id, index, name, salt, payload)
        parts.append((name, commit))
        frames.append(framed)
    place, mark = slot(marks, draft.stream, version), command_mark(marks, command_id)
    fragments = sealed_fragments(mark, entry_id, origin, parts_json(parts), place)
    return SealedParts(place, mark, fragments, b"".join(frames))
