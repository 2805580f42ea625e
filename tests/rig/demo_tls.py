"""The third part of the demo: TLS on a port that other hosts reach, and a revocation that counts at once.

An authority is made in the first home, and ``pytrust proxy`` listens with TLS before the engine.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.rig.demo_proxy import expect, pytrust
from tests.rig.images import Docker
from tests.rig.ports import answers, free_port
from tests.rig.processes import environment, running
from tests.rig.proxy import installed

_STREAM_END: Final = 15.0  # seconds until a stream that was cut has ended at the client, too


@dataclass(frozen=True, slots=True)
class Exposed:
    """A host whose proxy listens with TLS at ``port``; ``home`` has the authority."""

    home: Path
    port: int
    docker: Docker
    image: str
    passphrase: str

    def ca(self, *words: str) -> str:
        """``pytrust ca WORDS``, which has to work."""
        return pytrust(self.home, "ca", *words, passphrase=self.passphrase)

    def doctor(self, *words: str) -> str:
        """What ``pytrust ca doctor`` says of the port, good or bad."""
        command: list[str | Path] = [installed(), "--home", self.home, "ca", "doctor", f"127.0.0.1:{self.port}", *words]
        done = subprocess.run(
            command,
            env=environment({"HOME": str(self.home.parent)}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    def as_client(self, name: str) -> dict[str, str]:
        """What makes the stock client use TLS with the files of a client."""
        return {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(self.home / "ca" / "clients" / name)}


@contextmanager
def expose(folder: Path, home: Path, engine: Path, direct: Docker, image: str, passphrase: str) -> Iterator[Exposed]:
    """Make an authority with one server and two clients, and run the proxy before ``engine``."""
    port = free_port()
    for words in (
        ("ca", "init", "--name", "demo"),
        ("ca", "server", "localhost", "127.0.0.1"),
        ("ca", "client", "alice"),
        ("ca", "client", "mallory"),
        ("policy", "init", "--isolation", "baseline"),
    ):
        pytrust(home, *words, passphrase=passphrase)
    command: list[str | Path] = [installed(), "--home", home, "proxy"]
    command += ["--listen", f"tls://127.0.0.1:{port}", "--engine", f"unix://{engine}"]
    with running(command, log=folder / "tls-proxy.log", ready=lambda: answers(port)):
        yield Exposed(home, port, Docker(f"tcp://127.0.0.1:{port}", direct.config), image, passphrase)


def runs_over_tls(host: Exposed) -> None:
    """A client with a certificate runs what is signed; output after the end of the input arrives."""
    words = ("run", "-i", "--rm", f"{host.image}:v2", "sh", "-c", "cat; echo last")
    said = host.docker.run(*words, stdin=b"first\n", env=host.as_client("alice"))
    expect(said == "first\nlast", said)


def keeps_strangers_out(host: Exposed) -> None:
    """Without a certificate, nobody comes in; the doctor says why."""
    folder = host.home / "ca" / "clients" / "alice"
    stranger = host.docker.attempt("--tls", "--tlscacert", str(folder / "ca.pem"), "ps")
    expect(stranger.returncode != 0, "somebody without a certificate came in")
    said = host.doctor("--tls", str(folder))
    expect("error" not in said, said)
    said = host.doctor()
    expect("certificate" in said, said)


def revokes(host: Exposed) -> None:
    """A revoked client is refused at once, its stream is cut, and others go on."""
    command = ["docker", "--host", host.docker.host, "events"]
    settings = environment({"DOCKER_CONFIG": str(host.docker.config), **host.as_client("mallory")})
    with subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stream:
        host.docker.run("version", env=host.as_client("mallory"))
        host.ca("revoke", "mallory", "--reason", "key-compromise")
        stream.wait(_STREAM_END)
    refused = host.docker.attempt("ps", env=host.as_client("mallory"))
    expect(refused.returncode != 0 and b"revoked" in refused.stderr, refused.stderr.decode())
    host.docker.run("ps", env=host.as_client("alice"))
