"""The real ``pytrust authz-plugin`` beside a real engine that listens with TLS, and the clients of its CA."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from tests.fakes.certificates import Held, write_folder
from tests.fakes.foreign_ca import SERVER, ForeignCa
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.ports import free_port
from tests.rig.processes import Running, running
from tests.rig.proxy import Reply, ask, installed

from pytrust.trust.pki import folder as tls_folder

_PATIENCE: Final = 10.0


@dataclass
class Plugin:
    """A plugin that runs."""

    process: Running
    socket: Path

    @property
    def log(self) -> str:
        return self.process.log.read_text()

    def wait_for(self, text: str, count: int = 1) -> None:
        """Until it has said ``text``, so often."""
        end = time.monotonic() + _PATIENCE
        while self.log.count(text) < count:
            assert time.monotonic() < end, self.log
            time.sleep(0.02)

    def post(self, path: str, body: bytes) -> Reply:
        """A call, as dockerd makes them."""
        return ask(self.socket, "POST", path, body)


@dataclass
class TlsStage:
    """An engine with ``--tlsverify``, one CA for its clients, and the folder that dockerd and the plugin read."""

    folder: Path
    port: int = field(default_factory=free_port)
    cas: list[ForeignCa] = field(default_factory=lambda: [ForeignCa("client CA")])
    server_ca: ForeignCa = field(default_factory=lambda: ForeignCa("server CA"))
    number: int = 1
    engine: PrivateEngine = field(init=False)
    _connections: list[http.client.HTTPSConnection] = field(default_factory=list)

    def __post_init__(self) -> None:
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        self._server = self.server_ca.issue("engine", uses=SERVER, extra=[(address, False)])
        self.write()

    @property
    def ca(self) -> ForeignCa:
        return self.cas[0]

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    @property
    def socket(self) -> Path:
        return self.folder / "engine" / "plugins" / "pytrust.sock"

    def write(self, *lists: bytes) -> None:
        """Publish the folder, with ``lists``, or with one of nothing for each CA."""
        crl = b"".join(lists or [ca.crl(number=self.number) for ca in self.cas])
        tls_folder.publish(
            self.tls,
            {
                "ca.pem": b"".join(ca.pem for ca in self.cas),
                "cert.pem": self._server.pem,
                "key.pem": self._server.key_pem,
                "crl.pem": crl,
            },
        )

    def revoke(self, *holders: Held) -> None:
        """A new list of the first CA, with exactly these in it; the other CAs' are empty."""
        self.number += 1
        serials = [holder.certificate.serial_number for holder in holders]
        others = [ca.crl(number=self.number) for ca in self.cas[1:]]
        self.write(self.ca.crl(*serials, number=self.number), *others)

    @contextmanager
    def plugin(self, home: str = "home") -> Iterator[Plugin]:
        """Run the plugin."""
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [
            installed(),
            "--home",
            self.folder / home,
            "authz-plugin",
            "--tls",
            self.tls,
            "--socket",
            self.socket,
        ]
        log = self.folder / f"plugin-{time.monotonic_ns()}.log"
        with running(command, log=log, ready=lambda: "listening on" in log.read_text()) as process:
            yield Plugin(process, self.socket)

    @contextmanager
    def running(self, *flags: str) -> Iterator[PrivateEngine]:
        """Run the engine."""
        tls = [f"--tlscacert={self.tls}/ca.pem", f"--tlscert={self.tls}/cert.pem", f"--tlskey={self.tls}/key.pem"]
        host = f"--host=tcp://127.0.0.1:{self.port}"
        with private_engine(self.folder / "engine", host, "--tlsverify", *tls, *flags) as self.engine:
            yield self.engine
            self.hang_up()

    def docker(self, holder: Held, *words: str) -> tuple[int, str]:
        """The stock client with a certificate: its exit code, and what it printed."""
        folder = write_folder(self.folder / f"{holder.certificate.serial_number:x}"[:12], self.server_ca.pem, holder)
        settings = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}
        done = Docker(f"tcp://127.0.0.1:{self.port}", folder / "config").attempt(*words, env=settings)
        return done.returncode, (done.stdout + done.stderr).decode()

    def connect(self, holder: Held) -> http.client.HTTPSConnection:
        """A connection that stays open until ``hang_up``."""
        folder = write_folder(self.folder / f"{holder.certificate.serial_number:x}"[:12], self.server_ca.pem, holder)
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=60)
        self._connections.append(connection)
        return connection

    def hang_up(self) -> None:
        """Close all connections."""
        while self._connections:
            self._connections.pop().close()


def ping(connection: http.client.HTTPConnection) -> tuple[int, str]:
    """Status, and the engine's complaint."""
    connection.request("GET", "/_ping")
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
