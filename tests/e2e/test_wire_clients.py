"""What the stock docker client sends, request by request, is what the route table expects."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.rig import dockerd, images
from tests.rig.needs import need

from pytrust.policy.engine.call import Body, Malformed, Verdict
from pytrust.policy.engine.routes import match
from pytrust.policy.engine.wire import RequestReader, require_json

IMAGE = "foo/wire:v1"


@dataclass(slots=True)
class Relay:
    """Passes bytes between clients and an engine, and keeps what clients sent, a list entry for each connection."""

    listener: socket.socket
    upstream: Path
    sent: list[bytearray] = field(default_factory=list)

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                log = bytearray()
                self.sent.append(log)
                threading.Thread(target=self._connection, args=(client, log), daemon=True).start()

    def _connection(self, client: socket.socket, log: bytearray) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(self.upstream))
            back = threading.Thread(target=_pump, args=(engine, client, bytearray()), daemon=True)
            back.start()
            _pump(client, engine, log)
            back.join()


def _pump(source: socket.socket, sink: socket.socket, log: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            log += data
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def relay(engine: dockerd.PrivateEngine, rig_folder: Path) -> Iterator[Relay]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(rig_folder / "relay.sock"))
        listener.listen(16)
        relay = Relay(listener, engine.socket)
        threading.Thread(target=relay.serve, daemon=True).start()
        yield relay
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def client(relay: Relay, docker: images.Docker, rig_folder: Path) -> images.Docker:
    need(images.missing())
    docker.make_image(IMAGE)
    return images.Docker(f"unix://{rig_folder}/relay.sock", docker.config)


def whats(stream: bytes) -> list[str]:
    """The operations on one connection, in order; everything must be readable up to a tunnel or a closed route."""
    reader, found = RequestReader(), []
    reader.feed(stream)
    while reader.pending:
        head = reader.next_head()
        assert head is not None
        try:
            call = match(head.method, head.target)
        except Malformed as error:
            assert error.status == 404  # docker inspect asks for every kind of thing in turn
            continue
        assert call is not None, head.target
        found.append(call.route.what)
        if call.route.verdict is Verdict.CLOSED or "fromSrc" in call.query:
            return found
        require_json(head)
        body = reader.read_body(100_000)
        assert (call.route.body is Body.NONE) == (body == b"")
        if head.upgrade:
            assert call.route.upgrade.name.lower() == head.upgrade
            return found
    return found


COMMANDS = [
    ("version", ["version"]),
    ("info", ["info"]),
    ("image ls --all --digests --filter reference=foo/*", ["image list"]),
    (f"inspect {IMAGE}", ["image inspect"]),
    (f"history {IMAGE}", ["image history"]),
    (f"tag {IMAGE} localhost:1/foo/wire:v2", ["image tag"]),
    ("push localhost:1/foo/wire:v2", ["image push"]),
    (f"pull localhost:1/foo/wire@sha256:{'0' * 64}", ["image pull"]),
    (f"image inspect localhost:1/foo/wire@sha256:{'0' * 64}", ["image inspect"]),
    ("rmi --force --no-prune localhost:1/foo/wire:v2", ["image rm"]),
    (f"create --name wire1 --network none --platform linux/amd64 {IMAGE} sleep 100", ["container create"]),
    ("rename wire1 wire2", ["container rename"]),
    ("start wire2", ["container start"]),
    ("top wire2 -o pid", ["container top"]),
    ("logs --timestamps --tail 3 --since 1h --details wire2", ["container inspect", "container logs"]),
    ("stats --no-stream wire2", ["container stats"]),
    ("exec wire2 true", ["container inspect", "container exec", "exec inspect", "exec start"]),
    ("exec --detach wire2 true", ["container inspect", "container exec", "exec start"]),
    ("pause wire2", ["container pause"]),
    ("unpause wire2", ["container unpause"]),
    ("restart --time 0 wire2", ["container restart"]),
    ("update --restart no wire2", ["container update"]),
    ("kill --signal HUP wire2", ["container kill"]),
    ("stop --time 0 wire2", ["container stop"]),
    ("wait wire2", ["container wait"]),
    ("diff wire2", ["container diff"]),
    ("ps --all --size --last 3 --filter name=wire", ["container list"]),
    ("cp wire2:/content -", ["container cp"]),
    ("export wire2", ["container export"]),
    ("commit wire2", ["container commit"]),
    ("rm --force --volumes wire2", ["container rm"]),
    (
        f"run --rm --interactive --network none {IMAGE} true",
        ["container create", "container wait", "container start", "container attach"],
    ),
    ("container prune --force --filter until=1h", ["container prune"]),
    ("network ls --filter driver=null", ["network list"]),
    ("network create wire1", ["network create"]),
    ("network inspect --verbose none", ["network inspect"]),
    ("network connect none nosuch", ["network connect"]),
    ("network disconnect --force none nosuch", ["network disconnect"]),
    ("network rm wire1", ["network inspect", "network rm"]),
    ("network prune --force", ["network prune"]),
    ("volume create wire1", ["volume create"]),
    ("volume ls", ["volume list"]),
    ("volume inspect wire1", ["volume inspect"]),
    ("volume rm --force wire1", ["volume rm"]),
    ("volume prune --force --filter label=x", ["volume prune"]),
    ("image prune --force", ["image prune"]),
    ("builder prune --force", ["build prune"]),
    ("system df", ["system df"]),
    ("events --since 1h --until 0s --filter type=container", ["events"]),
    ("search localhost:1/foo", ["image search"]),
    ("login --username a --password b localhost:1", ["login"]),
    ("import - foo/imported:v1", ["image pull"]),
    ("save foo/wire:v1", ["image save"]),
    ("load", ["image load"]),
    ("plugin ls", ["plugin list"]),
    ("service ls", ["service list"]),
    ("swarm leave", ["swarm leave"]),
]


def test_every_command_is_known(client: images.Docker, relay: Relay) -> None:
    """In one test, because most commands need those before them."""
    for words, expected in COMMANDS:
        relay.sent.clear()
        client.attempt(*words.split())
        found = [what for stream in list(relay.sent) for what in whats(bytes(stream)) if what != "ping"]
        assert sorted(found) == sorted(expected), words
