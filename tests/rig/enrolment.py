"""A real authority that serves, and hosts that ask it; each host has a home of its own, and nothing else."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from tests.rig.clock import Clock
from tests.rig.founding import found
from tests.rig.ports import free_port
from tests.rig.processes import RigError, Running, environment, running

PASSPHRASE: Final = "a passphrase for enrolment"
PROGRAM: Final = Path(sys.executable).with_name("pytrust")
_READY: Final = "listening on"
_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Host:
    """Somebody with a home; without a passphrase where there is no authority in it."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def attempt(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """``pytrust ca WORDS``, however it ends."""
        return subprocess.run(
            [PROGRAM, "ca", *words],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
        )

    def run(self, *words: str, stdin: str = "") -> str:
        """The same, which has to succeed."""
        done = self.attempt(*words, stdin=stdin)
        if done.returncode:
            raise RigError(f"pytrust ca {' '.join(words)}: exit {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def enrolled(self, name: str) -> Path:
        """The folder that ``ca request`` fills."""
        return self.home / "ca" / "enrolled" / name

    @property
    def environment(self) -> dict[str, str]:
        return environment({"PYTRUST_HOME": str(self.home), "HOME": str(self.home), **self.settings})


@dataclass(frozen=True, slots=True)
class Office:
    """The host of an authority, which listens at ``port`` of this machine while it serves."""

    host: Host
    port: int

    @classmethod
    def make(cls, folder: Path, clock: Clock | None = None) -> Office:
        found(folder, PASSPHRASE, folder.name)
        moved = clock.environment if clock else {}
        return cls(Host(folder, {"PYTRUST_PASSPHRASE": PASSPHRASE, **moved}), free_port())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.host.home / "serve.log"

    @contextmanager
    def serving(self) -> Iterator[Running]:
        """Let it serve."""
        command: list[str | Path] = [PROGRAM, "ca", "serve", "--listen", self.address]
        command += ["--name", "localhost", "--name", "127.0.0.1"]
        said = self.log.read_text().count(_READY) if self.log.exists() else 0

        def ready() -> bool:
            return self.log.read_text().count(_READY) > said

        with running(command, log=self.log, ready=ready, env=self.host.environment) as daemon:
            yield daemon

    def token(self, *words: str) -> str:
        """A new token."""
        return self.host.run("token", *words).strip()

    def listed(self, name: str) -> list[dict[str, Any]]:
        """What was issued to somebody."""
        found: list[dict[str, Any]] = json.loads(self.host.run("list", "--json", "--all"))
        return [issued for issued in found if issued["name"] == name]

    def events(self, what: str) -> list[dict[str, Any]]:
        """What the journal says was done."""
        found = json.loads(self.host.run("log", "--json"))
        return [event for event in found if event["what"] == what]

    def ask(self, method: str, place: str, body: object = None, *, source: str = "127.0.0.1") -> tuple[int, Any]:
        """A request as anybody can make it, from the address ``source``: the status, and what JSON or bytes came."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPSConnection(
            self.address, context=unverified(), timeout=_TIMEOUT, source_address=(source, 0)
        )
        try:
            connection.request(method, place, body=data)
            answer = connection.getresponse()
            found = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(found) if found.startswith(b"{") else found


def unverified() -> ssl.SSLContext:
    """TLS with whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def serial(folder: Path) -> int:
    """Of the certificate in a folder."""
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()).serial_number
