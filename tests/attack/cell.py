"""Containers in the tests of the proxy: made through it, looked at past it."""

from __future__ import annotations

from typing import Any, Final

from tests.rig.proxy import API, Proxy, Reply, Stage

LEVELS: Final = ("baseline", "restricted")
NOT_ROOT: Final = "1000:1000"  # the images of the stage run as root

Config = dict[str, Any]


def create(stage: Stage, proxy: Proxy, config: Config, name: str = "") -> Reply:
    """Ask for a container of the signed image, as a user that every level takes where ``config`` has none."""
    return proxy.create(f"{stage.good}:1", name, **{"User": NOT_ROOT, **config})


def made(stage: Stage, reply: Reply) -> Config:
    """What the engine shows of a container that was just let through."""
    assert reply.status == 201, reply
    return inspected(stage, reply.json["Id"])


def inspected(stage: Stage, container: str) -> Config:
    shown: Config = stage.direct("GET", f"/containers/{container}/json").json
    return shown


def act(proxy: Proxy, container: str, what: str = "start") -> Reply:
    """``POST /containers/CONTAINER/WHAT``."""
    return proxy.ask("POST", f"/{API}/containers/{container}/{what}")


def ran(stage: Stage, proxy: Proxy, container: str) -> list[str]:
    """Start it through the proxy, wait until it has ended well, and give the lines that it printed."""
    assert act(proxy, container).status == 204
    assert act(proxy, container, "wait").json["StatusCode"] == 0
    return stage.docker.run("logs", container).splitlines()


def rule_of(level: str, name: str) -> str:
    """How a refusal names a rule of isolation."""
    return f"[isolation {level}: {name} (policy.yaml:"
