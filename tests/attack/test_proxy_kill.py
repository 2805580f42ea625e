"""The proxy is killed at every moment of a creation and of a start.

Afterwards a container is let in or it is not, never half, and never one that is not what was allowed. What a client
was told to be made is let in.
"""

from __future__ import annotations

import http.client
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from tests.attack.front import Front, Ware, refused
from tests.rig.proxy import API, Reply, Stage

CREATE: Final = rb"POST /v[0-9.]+/containers/create"
COMPARE: Final = rb"GET /containers/[0-9a-f]{64}/json"
START: Final = rb"POST /v[0-9.]+/containers/[0-9a-f]{64}/start"
NOT_ADMITTED: Final = "was not created through pytrust"
_CHUNK: Final = 65536


class Moment(NamedTuple):
    """When: ``asked`` (the engine does not hear it), ``answered`` (the proxy does not hear that), or ``told``."""

    request: bytes
    when: str
    delay: float = 0.0


@dataclass(slots=True)
class Gate:
    """A relay before the engine that does ``kill`` once, when the next request that fits ``armed`` comes to its moment."""

    path: Path
    engine: Path
    kill: Callable[[], object] = list
    armed: Moment | None = None

    def serve(self, client: socket.socket) -> None:
        """Relay one connection. The proxy writes each request in one piece."""
        with client, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine, suppress(OSError):
            engine.connect(str(self.engine))
            due: list[Moment] = []
            threading.Thread(target=self._answers, args=(engine, client, due), daemon=True).start()
            while data := client.recv(_CHUNK):
                if self.armed and re.match(self.armed.request, data):
                    moment, self.armed = self.armed, None
                    if moment.when == "asked":
                        self.kill()
                        return
                    due.append(moment)
                engine.sendall(data)

    def _answers(self, engine: socket.socket, client: socket.socket, due: list[Moment]) -> None:
        with suppress(OSError):
            while data := engine.recv(_CHUNK):
                moment = due.pop() if due else None
                if moment and moment.when == "answered":
                    self.kill()
                    return
                client.sendall(data)
                if moment:
                    time.sleep(moment.delay)
                    self.kill()


@contextmanager
def _gate(path: Path, engine: Path) -> Iterator[Gate]:
    gate = Gate(path, engine)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(128)
        threading.Thread(target=_accept, args=(listener, gate), daemon=True).start()
        yield gate
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, gate: Gate) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=gate.serve, args=(client,), daemon=True).start()


@pytest.fixture
def gate(stage: Stage, tmp_path: Path) -> Iterator[Gate]:
    with _gate(tmp_path / "gate.sock", stage.engine.socket) as gate:
        yield gate


@pytest.fixture
def ware(stage: Stage, tmp_path: Path, gate: Gate) -> Iterator[Ware]:
    """Signed and held by the engine; its proxy speaks to the engine through ``gate``, which can kill it."""
    with Front(stage, tmp_path, engine=gate.path) as front:

        def kill() -> None:
            front.proxy.daemon.process.kill()  # the one that runs then

        gate.kill = kill
        made = front.ware()
        made.sign("v1")
        made.believe("v1")
        yield made


def _survives(ask: Callable[[], Reply]) -> Reply | None:
    """The answer; None where the proxy died before it was out."""
    try:
        return ask()
    except (http.client.HTTPException, OSError):
        return None


def _found(ware: Ware, name: str) -> str:
    """The id of the container on the engine; empty where there is none."""
    return ware.front.stage.docker.run("ps", "--all", "--no-trunc", "--quiet", "--filter", f"name=^/{name}$")


def _started(ware: Ware, container: str) -> bool:
    """Whether it was let in: then it starts, and is what was signed; else it is refused, and can only be removed."""
    proxy, stage = ware.front.proxy, ware.front.stage
    proxy.witness.forget()
    reply = proxy.ask("POST", f"/{API}/containers/{container}/start")
    if reply.status == 403:
        refused(proxy, reply, container, NOT_ADMITTED, rule="[containers: only what was let in may run]")
        assert proxy.ask("DELETE", f"/{API}/containers/{container}").status == 204
        return False
    assert reply.status in {204, 304}, reply
    image = stage.docker.run("container", "inspect", "--format", "{{.Config.Image}} {{.Image}}", container)
    name, _, held = image.partition(" ")
    assert name == f"{ware.name}@{ware.digests['v1']}"
    assert held == stage.docker.run("image", "inspect", "--format", "{{.Id}}", f"{stage.good}:1")
    return True


def _whole(ware: Ware) -> None:
    """Nothing in the journal is lost or doubled."""
    ware.front.stage.pytrust("log", "--verify", home=ware.front.home)


CREATION: dict[str, tuple[Moment, bool, bool | None]] = {
    "before-the-engine-is-asked": (Moment(CREATE, "asked"), False, None),
    "before-the-answer": (Moment(CREATE, "answered"), True, False),
    "before-it-is-looked-at": (Moment(COMPARE, "asked"), True, False),
    "before-it-is-seen": (Moment(COMPARE, "answered"), True, False),
    "when-it-was-seen": (Moment(COMPARE, "told"), True, None),
    "a-little-later": (Moment(COMPARE, "told", 0.001), True, None),
    "when-it-is-written-down": (Moment(COMPARE, "told", 0.003), True, None),
}
"""When it is killed; whether there is a container then; whether it is let in, None where either may be."""


def test_creation(ware: Ware, gate: Gate) -> None:
    """One proxy after the other, each killed a moment later in a creation than the one before."""
    for name, (moment, exists, admitted) in CREATION.items():
        gate.armed = moment
        _survives(partial(ware.create, "v1", name))  # the client may be told before it is let in
        ware.front.proxy.daemon.process.wait(10)
        ware.front.restart(kill=True)
        container = _found(ware, name)
        assert bool(container) == exists, name
        if container:
            started = _started(ware, container)
            assert admitted in {None, started}, name
    _whole(ware)


def test_what_was_started_once_stays_let_in(ware: Ware) -> None:
    container = ware.create("v1").json["Id"]
    assert ware.front.proxy.ask("POST", f"/{API}/containers/{container}/start").status == 204
    ware.front.restart(kill=True)
    assert _started(ware, container)


@pytest.mark.parametrize("when", ["asked", "answered"])
def test_start(ware: Ware, gate: Gate, when: str) -> None:
    """What was let in stays so; whether it runs is the engine's affair."""
    container = ware.create("v1", name=f"start-{when}").json["Id"]
    gate.armed = Moment(START, when)
    start = f"/{API}/containers/{container}/start"
    assert _survives(lambda: ware.front.proxy.ask("POST", start)) is None
    ware.front.restart(kill=True)
    assert _started(ware, container)
    assert ware.front.proxy.ask("DELETE", f"/{API}/containers/{container}?force=1").status == 204
    _whole(ware)


def test_any_moment(ware: Ware) -> None:
    """Several at once, signed and not, and a kill somewhere among them: what is there was signed, or is never let in."""
    dice = random.Random(7)
    for number in range(5):
        names = [f"any-{number}-{index}" for index in range(6)]
        with ThreadPoolExecutor(len(names)) as pool:
            asked = [
                pool.submit(_survives, partial(ware.create, "v2" if index % 3 == 2 else "v1", name))
                for index, name in enumerate(names)
            ]
            time.sleep(dice.uniform(0.0, 0.25))
            ware.front.proxy.daemon.process.kill()
            replies = [future.result() for future in asked]
        ware.front.restart(kill=True)
        for index, (name, reply) in enumerate(zip(names, replies, strict=True)):
            container = _found(ware, name)
            if index % 3 == 2:
                assert not container
                assert reply is None or reply.status == 403
            elif container:
                _started(ware, container)
            else:
                assert reply is None
    _whole(ware)
