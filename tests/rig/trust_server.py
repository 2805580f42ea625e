"""A trust server that runs for a test: what the real one and ours have in common, and how ours is started."""

from __future__ import annotations

import http.client
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.rig.ports import free_port
from tests.rig.processes import Running, running
from tests.rig.throwaway import ServerFiles
from tests.rig.token_service import ISSUER, SERVICE, TokenService

_READY: Final = 20.0  # seconds
_PYTRUST: Final = Path(sys.executable).with_name("pytrust")


@dataclass(frozen=True, slots=True)
class TrustServer:
    """It listens on ``port`` with TLS."""

    port: int
    files: ServerFiles
    daemon: Running

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@contextmanager
def pytrust_server(
    folder: Path,
    files: ServerFiles,
    *words: str,
    home: Path | None = None,
    issuer: TokenService | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[TrustServer]:
    """``pytrust serve WORDS`` with its state in ``home``, by default a folder of its own.

    Args:
        issuer: of the tokens that it asks for; without one, everybody may do everything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command: list[str | Path] = [_PYTRUST, "--home", home or folder / "home", "serve", "--listen", f"127.0.0.1:{port}"]
    command += ["--tls-cert", files.cert, "--tls-key", files.key, *words]
    if issuer is not None:
        (folder / "serve.toml").write_text(_auth(issuer))
        command += ["--config", folder / "serve.toml"]
    with served(command, folder / "serve.log", port, files, env) as server:
        yield server


def _auth(issuer: TokenService) -> str:
    words = {"kind": "token", "service": SERVICE, "realm": issuer.url, "issuer": ISSUER}
    words["certificates"] = str(issuer.certificate)
    return "[auth]\n" + "".join(f'{name} = "{word}"\n' for name, word in words.items())


@contextmanager
def served(
    command: Sequence[str | Path], log: Path, port: int, files: ServerFiles, env: Mapping[str, str] | None = None
) -> Iterator[TrustServer]:
    """Run a trust server; it is there once it says that it is well."""
    with running(command, log=log, ready=lambda: well(port, files), deadline=_READY, env=env) as daemon:
        yield TrustServer(port, files, daemon)


def well(port: int, files: ServerFiles) -> bool:
    """Whether the server says so."""
    connection = connect(port, files, timeout=2)
    try:
        connection.request("GET", "/_notary_server/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def connect(port: int, files: ServerFiles, timeout: float = 20) -> http.client.HTTPSConnection:
    """A kept-alive connection over TLS, not opened yet."""
    context = ssl.create_default_context(cafile=str(files.ca))
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=context)
