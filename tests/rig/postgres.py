"""A private PostgreSQL: data in a folder of its own, on loopback, with (almost) everybody let in, ended by its id.

It refuses to run as root; then it runs as the user that its package made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg
from tests.rig.ports import free_port
from tests.rig.processes import RigError, Running, environment, start, wait_ready

LOCKED: Final = "locked"
"""The one role, if somebody creates it, that must give its password."""
_VERSIONS: Final = Path("/usr/lib/postgresql")
_USERS: Final = ("postgres", "nobody")
_DATABASE: Final = "store"
_HAS_PROVIDERS: Final = 15  # the first version whose databases may sort by ICU
_SETTINGS: Final = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=60")


class Postgres:
    """A server whose files lie in ``folder``."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder
        self._daemon: Running | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        program: list[str | Path] = [_program("postgres"), "-D", self._folder / "data", "-p", str(self.port), *settings]
        self._daemon = start([*_as_user(), "--pdeathsig", "INT", *program], log=self._folder / "log")
        wait_ready(self._daemon, self._answers, 30)

    def stop(self) -> None:
        """End it, if it runs, and whoever is connected."""
        if self._daemon is not None:
            self._daemon.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._daemon.process.wait(10)
            self._daemon.stop()
        self._daemon = None

    def crash(self) -> None:
        """End it so that it cannot say anything to anybody."""
        assert self._daemon is not None
        self._daemon.process.kill()
        self._daemon.stop()
        self._daemon = None

    def empty(self, database: str = _DATABASE) -> str:
        """The URL of a database without a table; who was connected no longer is."""
        gone = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='{database}'"
        if not self.run(f"SELECT 1 FROM pg_database WHERE datname='{database}'"):
            self.run(f"CREATE DATABASE {database}")
        self.run(gone)
        remake = "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO PUBLIC"
        self.run("DROP SCHEMA public CASCADE", *remake, database=database)
        return self._address(database)

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the owner of all; the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self._address(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def _address(self, database: str) -> str:
        return f"postgresql://pytrust@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres"), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True


def missing() -> str:
    """Why no server can be started here, or empty."""
    if _programs() is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return "setpriv is not installed (apt-get install util-linux)"
    return ""


@contextmanager
def private_postgres() -> Iterator[Postgres]:
    """A server that sorts words as a reader would, not by code points, unless told."""
    with tempfile.TemporaryDirectory(prefix="pytrust-postgres-") as name:
        folder = Path(name)
        if (user := _user()) is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        _run("initdb", "-D", folder / "data", "-U", "pytrust", "-A", "trust", "-E", "UTF8", "--no-sync", *_order())
        rules = folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all {LOCKED} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        server = Postgres(folder, free_port())
        try:
            server.start()
            yield server
        finally:
            server.stop()


def libc() -> str:
    """What to add to CREATE DATABASE for an encoding that ICU does not know."""
    return "LOCALE_PROVIDER libc" if _version() >= _HAS_PROVIDERS else ""


def _order() -> list[str | Path]:
    provider = ("--locale-provider=icu", "--icu-locale=en") if _version() >= _HAS_PROVIDERS else ()
    return ["--locale=C.UTF-8", *provider]


def _run(program: str, *arguments: str | Path) -> None:
    command = [*_as_user(), _program(program), *arguments]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, cwd="/")
    if done.returncode:
        raise RigError(f"{program}: {done.stderr[-2000:]}")


def _as_user() -> list[str | Path]:
    user = _user()
    return (
        ["setpriv"]
        if user is None
        else ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    )


def _user() -> pwd.struct_passwd | None:
    """Whom to run as; None: ourselves."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next(known[name] for name in _USERS if name in known)


def _program(name: str) -> Path:
    folder = _programs()
    assert folder is not None
    return folder / name


def _version() -> int:
    return int(_program("postgres").parts[-3])


def _programs() -> Path | None:
    found = sorted(_VERSIONS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None
