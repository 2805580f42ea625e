"""What to start with a server's folder: lines for a shell, to be pasted as they are. Pure."""

from __future__ import annotations

import shlex
from pathlib import Path

from pytrust.cli.engine_setup import TLS_PORT


def dockerd_line(folder: Path) -> str:
    """An engine that is started by hand; ``pytrust engine setup`` does it for one that systemd starts."""
    flags = {"tlscacert": "ca.pem", "tlscert": "cert.pem", "tlskey": "key.pem"}
    words = [f"--{flag}={folder / file}" for flag, file in flags.items()]
    hosts = ["--host=unix:///var/run/docker.sock", f"--host=tcp://0.0.0.0:{TLS_PORT}"]
    return shlex.join(["dockerd", "--tlsverify", *words, *hosts])


def proxy_line(folder: Path) -> str:
    """The proxy on the port of the engine, with this certificate."""
    return shlex.join(["pytrust", "proxy", "--listen", f"tls://0.0.0.0:{TLS_PORT}", "--tls", str(folder)])
