"""What must not be interrupted halfway: a commit that has begun."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Shield:
    """Only the main thread of a process is ever interrupted: what it waits for goes on in another one."""

    def __init__(self) -> None:
        self._other = ThreadPoolExecutor(1, "trial-ledger-commit")

    def do(self, work: Callable[[], None]) -> None:
        """Do it to its end. An interruption meanwhile is raised afterwards, before what the work itself raised."""
        if threading.current_thread() is not threading.main_thread():
            work()
            return
        done, interrupted = self._other.submit(work), None
        while True:
            try:
                done.result()
                break
            except BaseException as error:
                if done.done() and interrupted is None:
                    raise
                interrupted = interrupted or error
                if done.done():
                    break
        if interrupted is not None:
            raise interrupted

    def close(self) -> None:
        """Do nothing more."""
        self._other.shutdown()
