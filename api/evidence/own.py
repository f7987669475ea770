"""What the evidence folder says that this ledger signed itself: what stands in for a mark that was lost, or is older.

Nothing in the folder is trusted: what counts is that the signature of the key in force is on it. The mark is durable
before a checkpoint is stored, so a larger stored one says that the mark was put back from an older copy.
"""

from pathlib import Path

from api.evidence import store
from ledger.keys.folder import KeysError
from ledger.keys.signed_head import SignedHead
from ledger.keys.signing import SigningKeys, load_signing_keys
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.note import NoteError


def own_newest(path: Path, keys: SigningKeys | None = None, *, after: SignedHead | None = None) -> Checkpoint | None:
    """The largest stored checkpoint that the key in force signed, and that is larger than the mark `after`.

    None without keys, for then nothing tells.
    """
    for found in store.stored(path, least=0 if after is None else after.size + 1):
        if keys is None:
            try:
                keys = load_signing_keys(path)
            except KeysError:
                return None
        if found.checkpoint.origin != keys.origin:
            continue
        try:
            open_checkpoint(found.data, keys.vkeys[:1])
        except NoteError:  # somebody else's, or altered: it says nothing
            continue
        return found.checkpoint
    return None
