"""The witness of the soak as a process: `python -m tests.witness_soak.server DIR LOGS [--careless]`.

It is put together as `trial-ledger witness serve` does it, without the command line, which would take most of the time
of a round. `--careless` is the control: it persists a moment after it has answered.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

from api.witness.core import Store, Witness
from api.witness.logs import read_logs
from api.witness.opening import opened
from api.witness.serving import application, listen, serve
from api.witness.store import FolderStore, Recorded

NAME: Final = "witness.example/soak"
LATE_SECONDS: Final = 0.03


class Careless:
    """A store that has it in memory at once and on the disk later: what no witness may do."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self._held: dict[str, Recorded] = {}

    def get(self, origin: str) -> Recorded | None:
        return self._held.get(origin) or self._store.get(origin)

    def put(self, record: Recorded) -> None:
        self._held[record.checkpoint.origin] = record
        threading.Timer(LATE_SECONDS, self._store.put, [record]).start()


def main(folder: Path, logs: Path, *, careless: bool) -> None:
    """Serve until killed; the first line of stdout is the port."""
    with opened(folder, NAME, os.urandom) as held, listen("127.0.0.1", 0) as listening:
        store: Store = Careless(held.store) if careless else held.store
        witness = Witness(held.signers, read_logs(logs), store, lambda: int(time.time()))
        print(listening.getsockname()[1], flush=True)
        serve(application(witness, lambda _: None), listening)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), careless="--careless" in sys.argv[3:])
