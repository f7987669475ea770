"""The compose file of the cluster names what there is, and gives each node what the tests give it."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cluster.cluster import DEPLOY

NODES: Final = ("node1", "node2", "node3")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


def test_there_are_three_nodes_three_etcd_and_one_door_each_with_a_disk_of_its_own(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {*NODES, "etcd1", "etcd2", "etcd3", "haproxy"}
    disks = [service["volumes"][0] for name, service in services.items() if name != "haproxy"]
    assert len(set(disks)) == len(disks) == 6
    assert {disk.partition(":")[0] for disk in disks} < set(compose["volumes"])
    assert set(compose["secrets"]) == set(services["node1"]["secrets"])


def test_each_node_is_told_apart_and_all_know_the_same_etcd(compose: dict[str, Any]) -> None:
    said = [compose["services"][name]["environment"] for name in NODES]
    for name, one in zip(NODES, said, strict=True):
        assert one["PATRONI_NAME"] == name
        assert one["PATRONI_POSTGRESQL_CONNECT_ADDRESS"].startswith(f"{name}:")
    differs = {key for key in said[0] if len({one[key] for one in said}) > 1}
    assert differs == {"PATRONI_NAME", "PATRONI_POSTGRESQL_CONNECT_ADDRESS", "PATRONI_RESTAPI_CONNECT_ADDRESS"}
    assert all(one["PATRONI_ETCD3_HOSTS"].count(":2379") == 3 for one in said)
    assert not [key for one in said for key in one if "PASSWORD" in key]


def test_the_door_is_told_all_that_its_configuration_asks_for(compose: dict[str, Any]) -> None:
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)\}", (DEPLOY / "haproxy.cfg").read_text()))
    assert asked == set(compose["services"]["haproxy"]["environment"])


def test_the_image_copies_what_there_is_and_takes_passwords_from_files(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [line.split()[1] for line in text.splitlines() if line.startswith("COPY ")]
    assert copied
    assert all((Path(DEPLOY) / name).exists() for name in copied)
    script = (DEPLOY / "node.sh").read_text()
    assert set(re.findall(r"/run/secrets/([a-z]+)", script)) == set(compose["secrets"])


def test_only_the_door_listens_on_the_machine_and_on_its_loopback_address_alone(compose: dict[str, Any]) -> None:
    ports = {name: service.get("ports", []) for name, service in compose["services"].items()}
    assert [name for name, some in ports.items() if some] == ["haproxy"]
    assert all(port.startswith("127.0.0.1:") for port in ports["haproxy"])
