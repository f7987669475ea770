"""A witness out of its folder: made on the first run, held by one process, and never started from a damaged state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.witness import store
from api.witness.keys import has_keys, load_keys, make_keys
from api.witness.store import FolderStore
from ledger.keys.folder import KeysError, sync_folder
from ledger.keys.signing import Signer


@dataclass(frozen=True, slots=True)
class Opened:
    """What the folder of a witness holds."""

    signers: tuple[Signer, ...]
    store: FolderStore


@contextmanager
def opened(folder: Path, name: str | None, random: Callable[[int], bytes]) -> Iterator[Opened]:
    """Hold the folder of a witness; without keys in it, a new witness of this name is made.

    `name` may be left out of a later run, and must not differ from that of the first. Raises KeysError, StoreError,
    OSError.
    """
    if not folder.exists():
        if name is None:
            raise KeysError(f"{folder}: holds no witness; to make one, give it a name with --name")
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)
    with store.in_use(folder):
        if not has_keys(folder):
            if name is None:
                raise KeysError(f"{folder}: holds no witness; to make one, give it a name with --name")
            store.prepare(folder)
            make_keys(folder, name, random)
        signers = load_keys(folder)
        if name is not None and name != signers[0].key.name:
            raise KeysError(f"{folder}: its witness is called {signers[0].key.name}, for good, and not {name}")
        yield Opened(signers, FolderStore(folder, tuple(one.key for one in signers)))
