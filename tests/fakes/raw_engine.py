"""An engine that says whatever bytes it is told to, and then goes on, hangs up or falls silent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path


class Then(Enum):
    """What comes after the bytes."""

    GO_ON = auto()
    HANG_UP = auto()
    HOLD = auto()  # until the other side hangs up, or the engine is stopped


@dataclass(frozen=True, slots=True)
class Says:
    """Bytes; ``pause`` is in seconds before each of their pieces of ``piece`` bytes."""

    raw: bytes
    then: Then = Then.GO_ON
    pause: float = 0.0
    piece: int = 2**30


def plain(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer with its length."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


@dataclass(slots=True)
class RawEngine:
    """``script`` maps a method and a path without version and query to what is said; ``/_ping`` needs none."""

    script: dict[str, Says] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    """The calls whose answers were not waited for."""

    def count(self, call: str) -> int:
        """How often ``call`` was heard."""
        return self.heard.count(call)

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while head := _request(connection):
                method, target, _ = head.split(" ", 2)
                call = f"{method} {_plain_path(target)}"
                self.heard.append(call)
                says = self.script.get(call) or _ORDINARY.get(call) or _UNKNOWN
                if not self._answer(connection, call, says):
                    return

    def _answer(self, connection: socket.socket, call: str, says: Says) -> bool:
        try:
            for start in range(0, len(says.raw), says.piece):
                time.sleep(says.pause)
                connection.sendall(says.raw[start : start + says.piece])
            if says.then is Then.HOLD:
                while connection.recv(65536):
                    pass
                self.vanished.append(call)
        except OSError:
            self.vanished.append(call)
            raise
        return says.then is Then.GO_ON


_ORDINARY = {
    "GET /_ping": Says(plain(b"OK", "Api-Version: 1.41")),
    "HEAD /_ping": Says(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 0\r\n\r\n"),
    "GET /containers/json": Says(plain(b"[]", "Content-Type: application/json")),
}
_UNKNOWN = Says(plain(b'{"message": "no such thing"}', status="404 Not Found"))


@contextmanager
def raw_engine(path: Path) -> Iterator[RawEngine]:
    """Listen on a unix socket at ``path``."""
    engine = RawEngine()
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(128)
        threading.Thread(target=_accept, args=(listener, engine), daemon=True).start()
        yield engine
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, engine: RawEngine) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=engine._serve, args=(connection,), daemon=True).start()


def _request(connection: socket.socket) -> str:
    """The head of a request whose body was read; empty at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return ""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or b"0")
    while len(body) < length:
        body += connection.recv(65536)
    return head.decode()


def _plain_path(target: str) -> str:
    path = target.partition("?")[0]
    return path[path.index("/", 1) :] if path.startswith("/v1.") else path
