"""An engine whose containers live and die, and that tells so, breaks off and comes back, as the test has it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_CONTAINER: Final = re.compile(r"/containers/([0-9a-f]{64})/(json|start|stop)")


class LivelyEngine:
    """Listens at ``path`` between ``open`` and ``close``; ``states`` are those of its containers, by id.

    Attributes:
        heard: every request, in order: method and path.
        options: the security options that it tells of.
        starts: what a start leads to; ``refused`` leaves the container as it is.
        stunned: so many questions about one container are answered with a failure.
        crowd: so many bytes longer is the list of its containers.
        meanwhile: happens whenever the containers have been listed, before anybody hears of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states: dict[str, str] = {}
        self.heard: list[str] = []
        self.options = ["name=seccomp,profile=builtin"]
        self.folder = "/var/lib/docker"
        self.starts = "running"
        self.stunned = 0
        self.crowd = 0
        self.meanwhile: Callable[[], object] = list
        self._listeners: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Come up."""
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def close(self) -> None:
        """Go away, in the middle of whatever it is."""
        assert self._server
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()
        self._connections.clear()
        self._listeners.clear()
        self.path.unlink(missing_ok=True)

    @property
    def listened_to(self) -> bool:
        """Whether anybody hears its events."""
        return bool(self._listeners)

    def die(self, container: str, state: str = "exited", action: str = "die") -> None:
        """A container ends, and is then in ``state``; gone where that is empty."""
        if state:
            self.states[container] = state
        else:
            self.states.pop(container, None)
        self.say(json.dumps({"Type": "container", "Action": action, "Actor": {"ID": container, "Attributes": {}}}))

    def say(self, line: str) -> None:
        """One event to all who listen."""
        data = line.encode() + b"\n"
        for writer in self._listeners:
            writer.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.decode().split(" ", 2)
                path = target.partition("?")[0]
                self.heard.append(f"{method} {path}")
                if path == "/events":
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    self._listeners.add(writer)
                    await reader.read()
                    return
                status, body = self._answer(path)
                kind = b"" if status == 204 else b"Content-Length: %d\r\n" % len(body)
                writer.write(b"HTTP/1.1 %d X\r\n%b\r\n%b" % (status, kind, b"" if status == 204 else body))

    def _answer(self, path: str) -> tuple[int, bytes]:
        if path == "/info":
            return 200, json.dumps({"SecurityOptions": self.options, "DockerRootDir": self.folder}).encode()
        if path == "/containers/json":
            listed = json.dumps([{"Id": id_, "State": state} for id_, state in self.states.items()]).encode()
            self.meanwhile()
            return 200, listed + b" " * self.crowd
        found = _CONTAINER.fullmatch(path)
        if found is None or found[1] not in self.states:
            return 404, b'{"message": "No such container"}'
        if found[2] == "start":
            return self._start(found[1])
        if self.stunned:
            self.stunned -= 1
            return 500, b'{"message": "out of memory"}'
        return 200, json.dumps({"Id": found[1], "State": {"Status": self.states[found[1]]}}).encode()

    def _start(self, container: str) -> tuple[int, bytes]:
        if self.starts == "refused":
            return 500, b'{"message": "cannot start it"}'
        self.states[container] = self.starts
        return 204, b""
