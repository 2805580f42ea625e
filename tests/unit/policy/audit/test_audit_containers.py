"""Section 5, item by item: a container that fails it, and every answer in which nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.policy.audit.engine_said import CONTAINER, empty, inventory, marks, outcomes

MOUNT = {
    "Type": "bind",
    "Source": "/srv/data",
    "Destination": "/data",
    "Mode": "",
    "RW": True,
    "Propagation": "rprivate",
}
BOUND = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}
BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("5.2", "fail", {"container": {"AppArmorProfile": "unconfined"}}),
    ("5.2", "fail", {"container": {"AppArmorProfile": ""}}),
    ("5.3", "fail", {"host": {"SecurityOpt": ["label=disable"]}}),
    ("5.3", "fail", {"host": {"SecurityOpt": ["label:disable"]}}),
    ("5.4", "fail", {"host": {"CapAdd": ["SYS_ADMIN"]}}),
    ("5.4", "fail", {"host": {"CapAdd": ["cap_chown"]}}),
    ("5.4", "fail", {"host": {"Privileged": True}}),
    ("5.5", "fail", {"host": {"Privileged": True}}),
    ("5.6", "fail", {"container": {"Mounts": [{**MOUNT, "Source": "/"}]}}),
    ("5.6", "fail", {"container": {"Mounts": [{**MOUNT, "Source": "//etc/."}]}}),
    ("5.6", "fail", {"container": {"Mounts": [{**MOUNT, "Source": "/etc", "RW": False}]}}),
    ("5.6", "warn", {"container": {"Mounts": [{**MOUNT, "Source": "/etc/ssh"}]}}),
    ("5.6", "fail", {"container": {"Mounts": [{**MOUNT, "Type": "volume", "Name": "v", "Source": "/x"}]},
                     "volumes": {"Volumes": [{"Name": "v", "Options": {"type": "none", "o": "bind", "device": "/etc"}}]}}),
    ("5.7", "fail", {"top": {"Titles": ["PID", "CMD"], "Processes": [["7", "/usr/sbin/sshd -D"]]}}),
    ("5.7", "fail", {"top": {"Titles": ["PID", "CMD"], "Processes": [["7", "sshd: foo [priv]"]]}}),
    ("5.8", "warn", {"host": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]}}}),
    ("5.10", "fail", {"host": {"NetworkMode": "host"}}),
    ("5.11", "fail", {"host": {"Memory": 0}}),
    ("5.12", "warn", {"host": {"CpuShares": 0}}),
    ("5.13", "fail", {"host": {"ReadonlyRootfs": False}}),
    ("5.14", "fail", {"host": {"PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}}}),
    ("5.14", "fail", {"host": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}}),
    ("5.14", "fail", {"container": {"NetworkSettings": {"Networks": {}, "Ports": {"80/tcp": [{"HostIp": "::", "HostPort": "32768"}]}}}}),
    ("5.15", "warn", {"host": {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}}),
    ("5.15", "warn", {"host": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 0}}}),
    ("5.15", "warn", {"host": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 6}}}),
    ("5.16", "fail", {"host": {"PidMode": "host"}}),
    ("5.17", "fail", {"host": {"IpcMode": "host"}}),
    ("5.18", "fail", {"host": {"Devices": [{"PathOnHost": "/dev/kvm"}]}}),
    ("5.18", "fail", {"host": {"Privileged": True}}),
    ("5.20", "fail", {"container": {"Mounts": [{**MOUNT, "Propagation": "rshared"}]}}),
    ("5.21", "fail", {"host": {"UTSMode": "host"}}),
    ("5.22", "fail", {"host": {"SecurityOpt": ["seccomp=unconfined"]}}),
    ("5.22", "fail", {"host": {"SecurityOpt": ["seccomp:unconfined"]}}),
    ("5.22", "fail", {"host": {"Privileged": True}}),
    ("5.22", "fail", {"info": {"SecurityOptions": ["name=seccomp,profile=unconfined"]}}),
    ("5.22", "fail", {"info": {"SecurityOptions": []}}),
    ("5.25", "warn", {"host": {"CgroupParent": "/other"}}),
    ("5.26", "fail", {"host": {"SecurityOpt": []}, "info": {"SecurityOptions": []}}),
    ("5.26", "fail", {"host": {"SecurityOpt": ["no-new-privileges:false"]}}),
    ("5.27", "warn", {"container": {"State": {"Running": True}}}),
    ("5.27", "fail", {"container": {"State": {"Running": True, "Health": {"Status": "unhealthy"}}}}),
    ("5.29", "fail", {"host": {"PidsLimit": None}}),
    ("5.29", "fail", {"host": {"PidsLimit": -1}}),
    ("5.30", "warn", {"container": {"NetworkSettings": {"Networks": {"bridge": {}}, "Ports": {}}}}),
    ("5.31", "fail", {"host": {"UsernsMode": "host"}}),
    ("5.32", "fail", {"container": {"Mounts": [{**MOUNT, "Source": "/var/run/docker.sock"}]}}),
    ("5.32", "fail", {"container": {"Mounts": [{**MOUNT, "Source": "/run/containerd/containerd.sock"}]}}),
    ("5.32", "fail", {"container": {"Mounts": [{**MOUNT, "Source": "/run"}]}}),
    ("5.32", "warn", {"container": {"Mounts": [{**MOUNT, "Source": "/srv/pytrust/docker.sock"}]}}),
]  # fmt: skip
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("5.4", {"host": {"CapAdd": []}}),
    ("5.6", {"container": {"Mounts": [MOUNT, {**MOUNT, "Source": "/etc/localtime"}]}}),
    ("5.8", {"host": {"PortBindings": BOUND}}),
    ("5.14", {"host": {"PortBindings": BOUND}}),
    ("5.12", {"host": {"CpuShares": 0, "NanoCpus": 500000000}}),
    ("5.15", {"host": {"RestartPolicy": {"Name": "", "MaximumRetryCount": 0}}}),
    ("5.22", {"host": {"SecurityOpt": ["seccomp={}"]}, "info": {"SecurityOptions": []}}),
    ("5.26", {"host": {"SecurityOpt": None}}),
]
NEEDED = [
    ("5.2", "AppArmorProfile"), ("5.3", "SecurityOpt"), ("5.4", "CapAdd"), ("5.4", "Privileged"), ("5.5", "Privileged"),
    ("5.6", "Mounts"), ("5.8", "PortBindings"), ("5.8", "NetworkSettings"), ("5.10", "NetworkMode"), ("5.11", "Memory"),
    ("5.12", "CpuShares"), ("5.13", "ReadonlyRootfs"), ("5.14", "PortBindings"), ("5.14", "NetworkSettings"),
    ("5.15", "RestartPolicy"), ("5.16", "PidMode"), ("5.17", "IpcMode"), ("5.18", "Devices"), ("5.20", "Mounts"),
    ("5.21", "UTSMode"), ("5.22", "SecurityOpt"), ("5.22", "Privileged"), ("5.25", "CgroupParent"), ("5.26", "SecurityOpt"),
    ("5.27", "State"), ("5.7", "State"), ("5.30", "NetworkMode"), ("5.31", "UsernsMode"), ("5.32", "Mounts"),
]  # fmt: skip
ITEMS = sorted({number for number, *_ in BAD})


@pytest.mark.parametrize("number", ITEMS)
def test_a_sound_container_passes(number: str) -> None:
    assert marks(number, inventory()) == ["pass"]


@pytest.mark.parametrize(("number", "mark", "changes"), BAD)
def test_what_is_wrong_is_told_of_the_container(number: str, mark: str, changes: dict[str, Any]) -> None:
    (outcome,) = outcomes(number, inventory(**changes))
    assert (outcome.mark, outcome.subject) == (mark, "web")
    assert outcome.why


@pytest.mark.parametrize(("number", "changes"), GOOD)
def test_what_is_not_wrong(number: str, changes: dict[str, Any]) -> None:
    assert marks(number, inventory(**changes)) == ["pass"]


@pytest.mark.parametrize("number", ITEMS)
def test_without_containers_nothing_passes(number: str) -> None:
    assert marks(number, empty()) == ["skipped"]


@pytest.mark.parametrize(("number", "key"), NEEDED)
@pytest.mark.parametrize("value", [..., 7.5, {"a": 1}, [[1]], "\ud800"])
def test_what_is_not_said_or_is_of_another_shape_never_passes(number: str, key: str, value: object) -> None:
    """Left out, or a value that no engine writes there."""
    part = "host" if key in CONTAINER["HostConfig"] else "container"
    found = marks(number, inventory(**{part: {key: value}}))
    assert "pass" not in found, found


@pytest.mark.parametrize("number", ITEMS)
def test_a_container_of_which_nothing_can_be_read_hides_nothing(number: str) -> None:
    assert "skipped" in marks(number, inventory(container={"Id": 5}))


@pytest.mark.parametrize("number", ITEMS)
def test_more_containers_than_are_listed_hide_nothing(number: str) -> None:
    found = outcomes(number, inventory(info={"Containers": 2001}))
    assert [(one.mark, one.subject) for one in found] == [("skipped", "2000 more")]


def test_volumes_that_cannot_be_looked_up_may_be_anything() -> None:
    mounts = [{**MOUNT, "Type": "volume", "Name": "v"}]
    for number in ("5.6", "5.32"):
        assert marks(number, inventory(container={"Mounts": mounts}, volumes=None)) == ["skipped"]
        assert marks(number, inventory(container={"Mounts": mounts})) == ["pass"]


def test_what_the_kernel_does_not_have_is_not_looked_for() -> None:
    seen = inventory(info={"SecurityOptions": ["name=seccomp,profile=builtin"]}, container={"AppArmorProfile": ""})
    assert (marks("5.2", seen), marks("5.3", seen)) == (["skipped"], ["skipped"])


def test_a_stopped_container_needs_no_health() -> None:
    seen = inventory(container={"State": {"Running": False}})
    assert (marks("5.27", seen), marks("5.7", seen)) == (["skipped"], ["skipped"])


def test_processes_that_may_not_be_listed() -> None:
    assert marks("5.7", inventory(top=None)) == ["skipped"]
