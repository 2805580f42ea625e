"""A real authority, and clients that speak TLS with what it issued."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.rig.founding import found
from tests.rig.images import Docker
from tests.rig.processes import RigError
from tests.rig.proxy import PASSPHRASE, Reply, Stage

_TIMEOUT: Final = 20.0


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA of a home; its server is ``localhost``, alias 127.0.0.1."""

    stage: Stage
    home: Path

    @classmethod
    def make(cls, stage: Stage, home: Path) -> Authority:
        found(home, PASSPHRASE)
        made = cls(stage, home)
        made.run("server", "localhost", "127.0.0.1")
        return made

    def copy(self, home: Path) -> Authority:
        """The same in another home."""
        shutil.copytree(self.home, home, symlinks=True)
        return Authority(self.stage, home)

    def run(self, *words: str) -> str:
        """``pytrust ca WORDS``, which has to succeed."""
        return self.stage.pytrust("ca", *words, home=self.home)

    @property
    def server(self) -> Path:
        """The folder for a server."""
        return self.home / "ca" / "servers" / "localhost"

    def client(self, name: str) -> Path:
        """The folder of a client, made if it is not there."""
        folder = self.home / "ca" / "clients" / name
        if not folder.exists():
            self.run("client", name)
        return folder


def context(folder: Path | None, *, ca: Path | None = None) -> ssl.SSLContext:
    """A client's side of TLS with the files of ``folder``; without one, it shows no certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(ca or (folder or Path()) / "ca.pem")
    if folder is not None:
        made.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return made


class Caller:
    """One connection over TLS, for as many requests as it lasts."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        raw = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT)
        self.wire = tls.wrap_socket(raw, server_hostname="localhost")
        self._http = http.client.HTTPConnection("localhost", timeout=_TIMEOUT)
        self._http.sock = self.wire

    def ask(self, method: str = "GET", target: str = "/_ping", body: object = None) -> Reply:
        """One request."""
        data = None if body is None else json.dumps(body).encode()
        self._http.request(method, target, body=data, headers={"Content-Type": "application/json"} if data else {})
        answer = self._http.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())

    def serial(self) -> int:
        """Of the certificate that the server shows."""
        from cryptography import x509

        return x509.load_der_x509_certificate(self.wire.getpeercert(binary_form=True) or b"").serial_number

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def __del__(self) -> None:
        """A test need not hang up by itself."""
        if hasattr(self, "_http"):
            self.close()


def docker(stage: Stage, port: int, folder: Path, host: str = "127.0.0.1") -> Docker:
    """The stock client, set up by nothing but what the environment says; use ``tls_env(folder)`` with each call."""
    return Docker(f"tcp://{host}:{port}", stage.docker.config)


def tls_env(folder: Path) -> dict[str, str]:
    """What makes the stock client use TLS."""
    return {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}


def eventually(what: str, check: Callable[[], Any], within: float = 10.0) -> Any:
    """The first true value of ``check``; raises ``RigError`` where there is none in time."""
    end = time.monotonic() + within
    while True:
        with suppress(OSError, http.client.HTTPException):
            if value := check():
                return value
        if time.monotonic() > end:
            raise RigError(f"still not: {what}")
        time.sleep(0.05)


@contextmanager
def serving(context: ssl.SSLContext, answer: bytes) -> Iterator[int]:
    """A server at the port that is given: whoever comes through the handshake is told ``answer``."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            with taken, suppress(OSError), context.wrap_socket(taken, server_side=True) as wire:
                wire.settimeout(5)
                wire.recv(4096)
                wire.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
