"""A host whose containers get secrets: a real engine, the real proxy, a vault that opens by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.rig import dockerd, images
from tests.rig import registry as registries
from tests.rig.images import Docker
from tests.rig.proxy import API, Proxy, Reply, Stage, make_stage

from pytrust.trust.vault.delivery import place_of

CANARY: Final = "canary-8d21-never-seen"
VALUES: Final = {"db_password": f"{CANARY}-db", "shop/key": f"{CANARY}-key", "other": f"{CANARY}-other"}
LABEL: Final = "pytrust.secrets"
_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class House:
    """A stage whose home has a vault that opens by itself; secrets go below ``root``, which the engine sees."""

    stage: Stage
    root: Path

    @property
    def place(self) -> Path:
        return place_of(self.root, self.stage.home)

    @property
    def image(self) -> str:
        return f"{self.stage.good}:1"

    @property
    def slot(self) -> Path:
        return self.stage.folder / "slot"

    @contextmanager
    def proxy(self, policy: str | None = None) -> Iterator[Proxy]:
        with self.stage.proxy(policy, home=self.stage.home, secrets=self.root) as proxy:
            yield proxy

    def put(self, name: str, value: str, image: str) -> None:
        file = self.stage.folder / "value"
        file.write_text(value)
        self.stage.pytrust("secret", "put", name, "--file", str(file), "--reader", f"image:{image}")
        file.unlink()

    def folder(self, container: str) -> Path:
        """Where the secrets of a container lie on the host."""
        mounts = self.stage.direct("GET", f"/containers/{container}/json").json["Mounts"]
        (source,) = (mount["Source"] for mount in mounts if mount["Destination"] == "/run/secrets")
        return Path(source)

    def files(self) -> list[str]:
        """The names of all values that lie anywhere in the place."""
        return sorted(path.name for path in self.place.rglob("*") if not path.is_dir())


def missing() -> str:
    """Why there can be no such host here, as a sentence; empty if there can."""
    return dockerd.missing() or registries.missing() or images.missing()


@contextmanager
def make_house(folder: Path, *flags: str, etc: Path | None = None) -> Iterator[House]:
    """``db_password`` and ``shop/key`` are for the image that is signed, ``other`` is not; see ``private_engine``."""
    with (
        dockerd.private_engine(folder / "engine", *flags, sees=folder / "seen", etc=etc) as engine,
        registries.private_registry(folder / "registry") as held,
    ):
        stage = make_stage(folder, engine, held, Docker(engine.host, folder / "docker"))
        house = House(stage, folder / "seen" / "secrets")
        stage.pytrust("vault", "init", "--unlock-key-only", "--unlock-key-file", str(folder / "key"))
        stage.pytrust("--unlock-file", str(folder / "key"), "vault", "slot", "add", "file", str(house.slot))
        for name, value in VALUES.items():
            house.put(name, value, stage.evil if name == "other" else stage.good)
        yield house


def create(house: House, proxy: Proxy, secrets: str, script: str = "sleep 1000", name: str = "", **host: Any) -> Reply:
    labels = {LABEL: secrets}
    return proxy.create(house.image, name, Labels=labels, Cmd=["sh", "-c", script], HostConfig=host)


def act(proxy: Proxy, container: str, what: str) -> Reply:
    return proxy.ask("POST", f"/{API}/containers/{container}/{what}")


def made(reply: Reply) -> str:
    assert reply.status == 201, reply
    container: str = reply.json["Id"]
    return container


def started(house: House, proxy: Proxy, secrets: str = "db_password", script: str = "sleep 1000", **host: Any) -> str:
    container = made(create(house, proxy, secrets, script, **host))
    reply = act(proxy, container, "start")
    assert reply.status == 204, reply
    return container


def lines(house: House, container: str) -> list[str]:
    """What it printed so far."""
    return house.stage.docker.run("logs", container).split()


def soon(happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + _PATIENCE
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def wipe(house: House, proxy: Proxy) -> None:
    """Every container of the engine is removed, through the proxy."""
    for container in house.stage.direct("GET", "/containers/json?all=1").json:
        proxy.ask("DELETE", f"/{API}/containers/{container['Id']}?force=1")
