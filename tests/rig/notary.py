"""The real notary-server: Debian's with its data in memory or PostgreSQL, or the one with SQLite that the rig builds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.rig.ports import free_port
from tests.rig.processes import find
from tests.rig.throwaway import ServerFiles
from tests.rig.token_service import ISSUER, SERVICE, TokenService
from tests.rig.trust_server import TrustServer, served

# The server's own tables; it makes neither. PostgreSQL's differ in the types of the number and of the data.
_TABLES: Final = """
CREATE TABLE tuf_files (
    id {serial}, created_at timestamp, updated_at timestamp, deleted_at timestamp, gun varchar(255) NOT NULL,
    role varchar(255) NOT NULL, version integer NOT NULL, sha256 char(64), data {blob} NOT NULL,
    UNIQUE (gun, role, version)
);
CREATE INDEX tuf_files_sha256 ON tuf_files (sha256);
CREATE TABLE changefeed (
    id {serial}, created_at timestamp DEFAULT CURRENT_TIMESTAMP, gun varchar(255) NOT NULL, version integer NOT NULL,
    sha256 char(64), category varchar(20) NOT NULL DEFAULT 'update'
);
CREATE INDEX changefeed_gun ON changefeed (gun);
"""
POSTGRESQL_TABLES: Final = _TABLES.format(serial="serial PRIMARY KEY", blob="bytea")


@dataclass(frozen=True, slots=True)
class Backing:
    """Where a server keeps its collections, and the program that can."""

    backend: str
    db_url: str = ""
    program: str | Path = "notary-server"


MEMORY: Final = Backing("memory")


def postgresql(url: str) -> Backing:
    """A database that has ``POSTGRESQL_TABLES``."""
    return Backing("postgres", url)


def sqlite(path: Path, program: Path, *, durable: bool = False) -> Backing:
    """A new file at ``path``; ``program`` is from ``notary_build``.

    Args:
        durable: wait for the disk at each publish, as ``pytrust serve`` does; its driver by itself does not, so that
            a power failure takes back what was acknowledged.
    """
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(_TABLES.format(serial="integer PRIMARY KEY AUTOINCREMENT", blob="longblob"))
    return Backing("sqlite3", f"{path}?_synchronous=FULL" if durable else str(path), program)


def missing() -> str:
    """Why no real server and client can run here, as a sentence; empty if they can."""
    for program in ("notary", "notary-server"):
        if find(program) is None:
            return f"the real trust server needs {program}: scripts/install-packages"
    return ""


@contextmanager
def notary_server(
    folder: Path, files: ServerFiles, backing: Backing = MEMORY, issuer: TokenService | None = None
) -> Iterator[TrustServer]:
    """Run the real server, which keeps the keys of snapshots and timestamps in its memory.

    Args:
        issuer: of the tokens that it asks for; without one, everybody may do everything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, config = free_port(), folder / "server.json"
    config.write_text(json.dumps(_config(port, files, backing) | _auth(issuer)))
    command = [backing.program, "-config", config, "-logf", "logfmt"]
    with served(command, folder / "server.log", port, files) as server:
        yield server


def _config(port: int, files: ServerFiles, backing: Backing) -> dict[str, object]:
    storage = {"backend": backing.backend} | ({"db_url": backing.db_url} if backing.db_url else {})
    return {
        "server": {
            "http_addr": f"127.0.0.1:{port}",
            "tls_cert_file": str(files.cert),
            "tls_key_file": str(files.key),
        },
        "trust_service": {"type": "local", "hostname": "", "port": "", "key_algorithm": "ed25519"},
        "storage": storage,
        "logging": {"level": "error"},
    }


def _auth(issuer: TokenService | None) -> dict[str, object]:
    if issuer is None:
        return {}
    told = {"realm": issuer.url, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(issuer.certificate)}
    return {"auth": {"type": "token", "options": told}}
