"""Sections 1.2, 2, 6 and 7: an engine that fails an item, and answers in which nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.policy.audit.engine_said import inventory, marks, outcomes

from pytrust.policy.audit.inventory import Host

BRIDGE = {"Name": "bridge", "Driver": "bridge", "Options": {"com.docker.network.bridge.enable_icc": "true"}}
SWARM = {"LocalNodeState": "active", "NodeAddr": "10.0.0.1", "Managers": 3, "ControlAvailable": True,
         "Cluster": {"Spec": {"EncryptionConfig": {"AutoLockManagers": True}}}}  # fmt: skip
BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("1.2.2", "warn", {"info": {"ServerVersion": "20.10.24+dfsg1"}}),
    ("1.2.2", "manual", {"info": {"ServerVersion": "29.0.0"}}),
    ("2.1", "warn", {"info": {"SecurityOptions": []}}),
    ("2.2", "fail", {"networks": [BRIDGE]}),
    ("2.2", "fail", {"networks": [{"Name": "bridge", "Options": {}}]}),
    ("2.5", "fail", {"info": {"RegistryConfig": {"InsecureRegistryCIDRs": ["10.0.0.0/8"], "IndexConfigs": {}}}}),
    ("2.5", "fail", {"info": {"RegistryConfig": {"InsecureRegistryCIDRs": ["0.0.0.0/0"], "IndexConfigs": {}}}}),
    ("2.5", "fail", {"info": {"RegistryConfig": {"InsecureRegistryCIDRs": [], "IndexConfigs": {"r.example": {"Secure": False}}}}}),
    ("2.5", "fail", {"info": {"RegistryConfig": {"InsecureRegistryCIDRs": [], "IndexConfigs": {"r.example": {}}}}}),
    ("2.6", "fail", {"info": {"Driver": "aufs"}}),
    ("2.9", "fail", {"info": {"SecurityOptions": ["name=seccomp,profile=builtin"]}}),
    ("2.12", "fail", {"info": {"Plugins": {"Authorization": None}}}),
    ("2.13", "warn", {"info": {"LoggingDriver": "json-file"}}),
    ("2.14", "fail", {"info": {"SecurityOptions": []}}),
    ("2.15", "warn", {"info": {"LiveRestoreEnabled": False}}),
    ("2.17", "fail", {"info": {"SecurityOptions": []}}),
    ("2.17", "fail", {"info": {"SecurityOptions": ["name=seccomp,profile=unconfined"]}}),
    ("2.18", "warn", {"info": {"ExperimentalBuild": True}}),
    ("5.1", "warn", {"info": {"Swarm": SWARM}}),
    ("6.1", "warn", {"info": {"Images": 11}}),
    ("6.2", "warn", {"info": {"Containers": 20, "ContainersRunning": 1}}),
    ("7.1", "fail", {"info": {"Swarm": {**SWARM, "Managers": 9}}}),
    ("7.1", "warn", {"info": {"Swarm": {**SWARM, "Managers": 4}}}),
    ("7.3", "fail", {"info": {"Swarm": SWARM}, "networks": [{"Name": "back", "Driver": "overlay", "Options": {}}]}),
    ("7.5", "fail", {"info": {"Swarm": {**SWARM, "Cluster": {"Spec": {"EncryptionConfig": {"AutoLockManagers": False}}}}}}),
]  # fmt: skip
ALIKE = ("2.1", "2.2", "2.5", "2.6", "2.9", "2.12", "2.13", "2.14", "2.15", "2.17", "2.18", "5.1", "6.1", "6.2")
KEYS = [
    ("1.2.2", "ServerVersion"), ("2.1", "SecurityOptions"), ("2.5", "RegistryConfig"), ("2.6", "Driver"),
    ("2.9", "SecurityOptions"), ("2.12", "Plugins"), ("2.13", "LoggingDriver"), ("2.14", "SecurityOptions"),
    ("2.15", "LiveRestoreEnabled"), ("2.17", "SecurityOptions"), ("2.18", "ExperimentalBuild"), ("5.1", "Swarm"),
    ("6.1", "Images"), ("6.2", "Containers"), ("7.1", "Swarm"), ("7.3", "Swarm"), ("7.5", "Swarm"),
]  # fmt: skip


@pytest.mark.parametrize("number", ALIKE)
def test_a_sound_engine_passes(number: str) -> None:
    assert marks(number, inventory()) == ["pass"]


@pytest.mark.parametrize(("number", "mark", "changes"), BAD)
def test_what_is_wrong_is_told(number: str, mark: str, changes: dict[str, Any]) -> None:
    (outcome,) = outcomes(number, inventory(**changes))
    assert outcome.mark == mark
    assert outcome.why


@pytest.mark.parametrize(("number", "key"), KEYS)
@pytest.mark.parametrize("value", [..., {"a": 1}, 7.5, [[1]], "x" * 10])
def test_what_is_not_said_or_is_of_another_shape_never_passes(number: str, key: str, value: object) -> None:
    if key in {"Driver", "LoggingDriver"} and isinstance(value, str):
        return  # a driver's name
    assert "pass" not in marks(number, inventory(info={key: value}))


@pytest.mark.parametrize("networks", [None, {}, [{"Driver": "bridge"}], [5], "x", [{"Name": "bridge", "Options": [1]}]])
def test_networks_of_another_shape(networks: object) -> None:
    seen = inventory(networks=networks, info={"Swarm": SWARM})
    assert (marks("2.2", seen), marks("7.3", seen)) == (["skipped"], ["skipped"])


def test_an_engine_without_the_default_bridge() -> None:
    assert marks("2.2", inventory(networks=[{"Name": "front", "Driver": "bridge", "Options": {}}])) == ["pass"]


def test_a_sound_swarm() -> None:
    seen = inventory(info={"Swarm": SWARM})
    assert [marks(number, seen) for number in ("7.1", "7.3", "7.5")] == [["pass"]] * 3
    assert marks("7.4", seen) == ["manual"]
    assert marks("7.5", inventory(info={"Swarm": {**SWARM, "ControlAvailable": False}})) == ["skipped"]


@pytest.mark.parametrize("number", ["7.1", "7.2", "7.3", "7.4", "7.5"])
def test_without_a_swarm_there_is_nothing_to_look_at(number: str) -> None:
    assert marks(number, inventory()) == ["skipped"]


@pytest.mark.parametrize(
    ("listens", "mark"),
    [(("0.0.0.0",), "fail"), (("10.0.0.1", "::"), "fail"), (("10.0.0.1",), "pass"), ((), "skipped"), (None, "skipped")],
)
def test_where_a_swarm_listens_only_the_host_tells(listens: tuple[str, ...] | None, mark: str) -> None:
    seen = inventory(info={"Swarm": SWARM})
    assert marks("7.2", seen) == ["skipped"]
    assert marks("7.2", replace(seen, host=Host(swarm_listens=listens))) == [mark]


@pytest.mark.parametrize(
    ("reached", "insists", "mark"),
    [("tcp", None, "fail"), ("tls", True, "pass"), ("tls", False, "fail"), ("tls", None, "skipped"), ("unix", None, "manual")],
)  # fmt: skip
def test_tls_by_how_the_engine_was_reached(reached: str, insists: bool | None, mark: str) -> None:
    assert marks("2.7", replace(inventory(), reached=reached, insists=insists)) == [mark]


@pytest.mark.parametrize(
    ("settings", "mark"),
    [
        ({}, "pass"),
        ({"hosts": ["unix:///run/docker.sock"]}, "pass"),
        ({"hosts": ["tcp://0.0.0.0:2375"]}, "fail"),
        ({"hosts": ["tcp://0.0.0.0:2376"], "tls": True}, "fail"),
        ({"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": True}, "pass"),
        ({"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": "true"}, "fail"),
        ({"hosts": "tcp://0.0.0.0:2375"}, "fail"),
        ({"hosts": [":2375"]}, "fail"),
        ({"hosts": ["fd://"]}, "manual"),
        (None, "skipped"),
    ],
)
def test_tls_by_the_settings_of_the_daemon(settings: dict[str, Any] | None, mark: str) -> None:
    seen = replace(inventory(), host=Host(settings=settings, unsettled="several run here"))
    assert marks("2.7", seen) == [mark]


def test_a_proxy_is_no_authorization_of_everybody() -> None:
    seen = replace(inventory(info={"Plugins": {"Authorization": []}}), proxied=True)
    assert (marks("2.12", seen), marks("4.5", seen)) == (["warn"], ["warn"])
