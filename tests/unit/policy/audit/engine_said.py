"""An engine on paper: answers by path, sound ones unless a test says otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final
from urllib.parse import unquote

from pytrust.policy.audit.catalogue import CATALOGUE
from pytrust.policy.audit.check import Outcome
from pytrust.policy.audit.inventory import Inventory
from pytrust.policy.audit.reading import read_engine
from pytrust.trust.errors import PytrustError

ONE: Final = "1" * 64
IMAGE: Final = f"sha256:{'a' * 64}"
INFO: Final[dict[str, Any]] = {
    "ServerVersion": "28.5.1",
    "Name": "host1",
    "KernelVersion": "6.1.0",
    "Driver": "overlay2",
    "LoggingDriver": "syslog",
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=userns", "name=no-new-privileges",
                        "name=rootless", "name=selinux"],
    "LiveRestoreEnabled": True,
    "ExperimentalBuild": False,
    "RegistryConfig": {"InsecureRegistryCIDRs": ["127.0.0.0/8", "::1/128"],
                       "IndexConfigs": {"docker.io": {"Secure": True}}},
    "Plugins": {"Authorization": ["opa"]},
    "Swarm": {"LocalNodeState": "inactive", "NodeAddr": ""},
    "Containers": 1,
    "ContainersRunning": 1,
    "Images": 1,
    "DockerRootDir": "/var/lib/docker",
}  # fmt: skip
CONTAINER: Final[dict[str, Any]] = {
    "Id": ONE,
    "Name": "/web",
    "Image": IMAGE,
    "AppArmorProfile": "docker-default",
    "Config": {"User": "1000", "Image": "foo/web:v2"},
    "State": {"Running": True, "Health": {"Status": "healthy"}},
    "Mounts": [],
    "NetworkSettings": {"Networks": {"front": {}}, "Ports": {}},
    "HostConfig": {
        "Privileged": False,
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges"],
        "NetworkMode": "front",
        "PidMode": "",
        "IpcMode": "private",
        "UTSMode": "",
        "UsernsMode": "",
        "CgroupParent": "",
        "Memory": 67108864,
        "CpuShares": 256,
        "NanoCpus": 0,
        "CpuQuota": 0,
        "PidsLimit": 50,
        "ReadonlyRootfs": True,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
        "Devices": [],
        "PortBindings": {},
    },
}
HELD: Final[dict[str, Any]] = {
    "Id": IMAGE,
    "RepoTags": ["foo/web:v2"],
    "RepoDigests": [f"foo/web@sha256:{'d' * 64}"],
    "Config": {"User": "1000", "Env": ["PATH=/bin"], "Healthcheck": {"Test": ["CMD", "true"]}},
}
HISTORY: Final[list[Any]] = [
    {"CreatedBy": "COPY app /app"},
    {"CreatedBy": "RUN apt-get update && apt-get install -y curl"},
    {"CreatedBy": "/bin/sh -c #(nop) ADD file:abc in / "},
]
NETWORKS: Final[list[Any]] = [
    {"Name": "bridge", "Driver": "bridge", "Options": {"com.docker.network.bridge.enable_icc": "false"}},
    {"Name": "front", "Driver": "overlay", "Options": {"encrypted": ""}},
]
TOP: Final[dict[str, Any]] = {"Titles": ["PID", "CMD"], "Processes": [["1", "/app --serve"]]}


class PaperEngine:
    """Answers GETs; an error instead of an answer is raised."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers, self.asked = answers, list[str]()

    def look(self, path: str) -> bytes | None:
        self.asked.append(path)
        answer = self.answers.get(unquote(path).partition("?")[0])
        if isinstance(answer, PytrustError):
            raise answer
        return answer if isinstance(answer, bytes | None) else json.dumps(answer).encode()


def answers(**changes: Any) -> dict[str, Any]:
    """Sound ones; ``changes`` replace keys of ``info``, ``container``, ``host``, ``image`` (``...``: left out), or a
    whole answer."""
    info, container = _changed(INFO, changes.get("info", {})), _changed(CONTAINER, changes.get("container", {}))
    if isinstance(container.get("HostConfig"), dict):
        container["HostConfig"] = _changed(container["HostConfig"], changes.get("host", {}))
    return {
        "/info": info,
        "/containers/json": [{"Id": ONE}],
        f"/containers/{ONE}/json": container,
        f"/containers/{ONE}/top": deepcopy(changes.get("top", TOP)),
        f"/images/{IMAGE}/json": _changed(HELD, changes.get("image", {})),
        f"/images/{IMAGE}/history": deepcopy(changes.get("history", HISTORY)),
        "/networks": deepcopy(changes.get("networks", NETWORKS)),
        "/volumes": changes.get("volumes", {"Volumes": []}),
    }


def _changed(sound: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**deepcopy(dict(sound)), **changes}.items() if value is not ...}


def inventory(**changes: Any) -> Inventory:
    return read_engine(PaperEngine(answers(**changes)), "unix")


def empty() -> Inventory:
    """An engine without containers."""
    return read_engine(PaperEngine({**answers(info={"Containers": 0}), "/containers/json": []}), "unix")


def outcomes(number: str, seen: Inventory) -> list[Outcome]:
    (check,) = (check for check in CATALOGUE if check.number == number)
    return list(check.run(seen))


def marks(number: str, seen: Inventory) -> list[str]:
    return [str(outcome.mark) for outcome in outcomes(number, seen)]
