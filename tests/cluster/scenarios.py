"""What is done to a cluster under eight writers, and to what end; `soak.py` does all of it.

Replication is frozen by stopping the processes that send the log: then nothing more is on its way either.
"""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.cluster.cluster import Cluster, Node
from tests.cluster.processes import send, until
from tests.cluster.writing import Found, Told, found, straight_to, writing

Scenario = Callable[[Cluster, Path], tuple[Told, Found]]
_FROZEN_SECONDS: Final = 6.0
_WAITING: Final = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def the_server_is_killed(cluster: Cluster, path: Path) -> tuple[Told, Found]:
    """SIGKILL to the primary's PostgreSQL; Patroni, who lives, hands over and brings it back."""
    with writing(path) as told:
        primary = cluster.primary()
        primary.kill_server()
        _another(cluster, primary)
        _goes_on(told)
    return told, found(cluster, path, told)


def a_node_is_killed(cluster: Cluster, path: Path) -> tuple[Told, Found]:
    """SIGKILL to the primary's whole node, which is started again when another one has taken over."""
    with writing(path) as told:
        primary = cluster.primary()
        primary.kill()
        _another(cluster, primary)
        _goes_on(told)
        primary.start()
    return told, found(cluster, path, told)


def the_primary_is_a_zombie(cluster: Cluster, path: Path) -> tuple[Told, Found]:
    """Patroni of the primary stands still, PostgreSQL goes on, and one writer still writes there, past the doors."""
    primary = cluster.primary()
    with writing(path, straight=straight_to(cluster, primary, path), settle_seconds=30) as told:
        watcher = primary.watcher()
        send(watcher, signal.SIGSTOP)
        _another(cluster, primary)
        _goes_on(told)
        since = time.monotonic()
        time.sleep(5)
        alone = sum(at > since for name, at in list(told.acknowledged.items()) if name.startswith("7."))
        assert alone == 0, f"a former primary acknowledged {alone}"
        assert not cluster.run("SELECT pg_is_in_recovery()", port=primary.port)[0][0], "it was no zombie"
        send(watcher, signal.SIGCONT)
        cluster.settled(120)
    return told, found(cluster, path, told)


def a_node_stands_still(cluster: Cluster, path: Path) -> tuple[Told, Found]:
    """All of the primary's node stands still, until another one has taken over, and then goes on where it was."""
    with writing(path) as told:
        primary = cluster.primary()
        still = [*primary.watcher(), *primary.server()]
        send(still, signal.SIGSTOP)
        _another(cluster, primary)
        _goes_on(told)
        send(still, signal.SIGCONT)
        cluster.settled(120)
    return told, found(cluster, path, told)


def commits_are_cancelled(cluster: Cluster, path: Path) -> tuple[Told, Found]:
    """Commits that wait for a standby are cancelled: PostgreSQL says that they succeeded. Then the node dies."""
    cancelled = 0
    with writing(path) as told:
        primary = cluster.primary()
        send(primary.senders(), signal.SIGSTOP)
        since = time.monotonic() + 0.5
        while time.monotonic() < since + 4:
            for (pid,) in cluster.run(_WAITING, port=primary.port):
                cluster.run(f"SELECT pg_cancel_backend({pid})", port=primary.port)
                cancelled += 1
            time.sleep(0.05)
        assert told.since(since) == 0, "what is on one node alone was acknowledged"
        primary.kill()
        _another(cluster, primary)
        _goes_on(told)
        primary.start()
    assert cancelled > 10, "no commit was cancelled"
    told.errors["commits cancelled"] = cancelled
    return told, found(cluster, path, told)


def replication_is_frozen(cluster: Cluster, path: Path) -> tuple[Told, Found]:
    """No standby gets anything for some seconds: nothing is acknowledged meanwhile, and all goes on afterwards."""
    with writing(path) as told:
        senders = cluster.primary().senders()
        assert len(senders) == 2
        send(senders, signal.SIGSTOP)
        since = time.monotonic() + 0.5
        time.sleep(_FROZEN_SECONDS)
        frozen = told.since(since)
        send(senders, signal.SIGCONT)
        assert frozen == 0, f"{frozen} were acknowledged without a standby"
        _goes_on(told)
    return told, found(cluster, path, told)


def all_are_restarted(cluster: Cluster, path: Path) -> tuple[Told, Found]:
    """One node after the other, the primary last, after it has handed over."""
    with writing(path) as told:
        first = cluster.primary()
        for node in cluster.standbys():
            cluster.patronictl("restart", "trials", node.name, "--force")
            cluster.settled(120)
        next_one = next(name for name, role in cluster.roles().items() if role == "sync_standby")
        cluster.patronictl("switchover", "trials", "--leader", first.name, "--candidate", next_one, "--force")
        _another(cluster, first)
        cluster.settled(120)
        cluster.patronictl("restart", "trials", first.name, "--force")
        cluster.settled(120)
        _goes_on(told)
    return told, found(cluster, path, told)


def without_waiting(cluster: Cluster, path: Path) -> tuple[Told, Found]:
    """The control: no commit waits for a standby, and the primary dies while none gets anything."""
    cluster.configure(synchronous_mode=False, synchronous_mode_strict=False, maximum_lag_on_failover=1 << 30)
    until("nobody to wait", lambda: cluster.run("SHOW synchronous_standby_names") == [("",)])
    with writing(path, settle_seconds=30) as told:
        primary = cluster.primary()
        send(primary.senders(), signal.SIGSTOP)
        time.sleep(2)
        primary.kill()
        _another(cluster, primary)
        time.sleep(5)
    cluster.configure(synchronous_mode=True, synchronous_mode_strict=True)
    primary.start()
    return told, found(cluster, path, told)


def _another(cluster: Cluster, than: Node) -> None:
    others = [node for node in cluster.nodes if node is not than]
    until("another primary", lambda: any(node.is_primary() for node in others), 90)


def _goes_on(told: Told) -> None:
    """Wait until much is acknowledged again."""
    since = time.monotonic()
    try:
        until("writers to go on", lambda: told.since(since) > 100, 120)
    except TimeoutError:
        print(told.errors, told.forks)
        raise


SCENARIOS: Final[dict[str, Scenario]] = {
    "SIGKILL of PostgreSQL": the_server_is_killed,
    "SIGKILL of a node": a_node_is_killed,
    "zombie primary": the_primary_is_a_zombie,
    "node stands still": a_node_stands_still,
    "cancelled commits": commits_are_cancelled,
    "frozen replication": replication_is_frozen,
    "rolling restart": all_are_restarted,
}
