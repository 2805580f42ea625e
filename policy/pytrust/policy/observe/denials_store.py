"""What confined containers were refused, in one SQLite file (0600) of bounded size. For any thread, and two processes.

One that floods pushes out its own rows alone: of each container the newest are kept, and of all together, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple, Self

import msgspec

from pytrust.policy.observe.denials_model import Denial
from pytrust.policy.profiles.names import Action, Arch, Syscall
from pytrust.trust.database import connect, guarded, make_private
from pytrust.trust.errors import Damaged
from pytrust.trust.files import PRIVATE_FOLDER
from pytrust.trust.limits import DENIALS_MAX, DENIALS_PER_CONTAINER_MAX

_DENIALS_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS denials (container TEXT NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL,"
    " image TEXT NOT NULL, sure INTEGER NOT NULL, count INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL,"
    " PRIMARY KEY (container, what)) WITHOUT ROWID"
)
_WATCHES_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS watches (source TEXT PRIMARY KEY, since REAL NOT NULL, alive REAL NOT NULL,"
    " lost INTEGER NOT NULL) WITHOUT ROWID"
)
_SETUP: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", _DENIALS_TABLE, _WATCHES_TABLE)
_ADD: Final = (
    "INSERT INTO denials VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET count = min(count + excluded.count, 9007199254740991),"
    " sure = max(sure, excluded.sure), last = max(last, excluded.last), name = excluded.name, image = excluded.image"
)
_TRIM_ONE: Final = (
    "DELETE FROM denials WHERE container = ?1 AND what NOT IN"
    " (SELECT what FROM denials WHERE container = ?1 ORDER BY last DESC, count DESC LIMIT ?2)"
)
_TRIM_ALL: Final = (
    "DELETE FROM denials WHERE (container, what) NOT IN"
    " (SELECT container, what FROM denials ORDER BY last DESC LIMIT ?)"
)
_WATCH: Final = (
    "INSERT INTO watches VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET since = excluded.since, alive = excluded.alive, lost = excluded.lost"
)


class _What(msgspec.Struct, array_like=True, frozen=True):
    """What tells the denials of one container apart."""

    program: str
    arch: str
    syscall: str
    argument: str
    action: Action
    capability: str


class Watch(NamedTuple):
    """A source that was listened to from ``since`` to ``alive``; it had ``lost`` more than could be told or placed."""

    source: str
    since: float
    alive: float
    lost: int


class DenialStore:
    """Denials by container, program and call. Every method raises ``Unsound`` where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        with guarded(path):
            path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            make_private(path)
            self._connection = connect(path, *_SETUP)

    def add(self, denials: Iterable[Denial]) -> None:
        """Count them in, all or none."""
        rows = [_row(denial) for denial in denials]
        with self._lock, guarded(self._path), self._connection as transaction:
            transaction.execute("BEGIN IMMEDIATE")
            transaction.executemany(_ADD, rows)
            for container in sorted({row[0] for row in rows}):
                transaction.execute(_TRIM_ONE, (container, DENIALS_PER_CONTAINER_MAX))
            (count,) = transaction.execute("SELECT count(*) FROM denials").fetchone()
            if count > DENIALS_MAX:
                transaction.execute(_TRIM_ALL, (DENIALS_MAX,))

    def watched(self, watch: Watch) -> None:
        """Remember that a source is listened to."""
        with self._lock, guarded(self._path):
            self._connection.execute(_WATCH, watch)

    def forget(self, container: str | None = None) -> None:
        """Forget what one container was refused, by its full id, or all of them."""
        with self._lock, guarded(self._path):
            self._connection.execute("DELETE FROM denials WHERE ?1 IS NULL OR container = ?1", (container,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_denials(path: Path, since: float = 0) -> list[Denial]:
    """What was refused since then (seconds since 1970), oldest first; nothing where there is no file.

    Raises:
        Unsound: the file cannot be used.
        Damaged: it is not what we wrote.
    """
    rows = _select(path, "SELECT * FROM denials WHERE last > ? ORDER BY last, container, what", since)
    try:
        return [_denial(*row) for row in rows]
    except msgspec.MsgspecError as error:
        raise Damaged(f"{path}: a denial cannot be understood: {error}", hint="move the file away") from error


def read_watches(path: Path) -> list[Watch]:
    """Who listens, or did; nothing where there is no file. Raises ``Unsound`` where it cannot be used."""
    return [Watch(*row) for row in _select(path, "SELECT * FROM watches ORDER BY source")]


def _select(path: Path, query: str, *values: float) -> list[Any]:
    with guarded(path):
        if not path.exists():
            return []
        with closing(connect(path, read_only=True)) as connection:
            return connection.execute(query, values).fetchall()


def _row(denial: Denial) -> tuple[str | int | float, ...]:
    what = msgspec.json.encode(
        _What(denial.program, denial.arch, denial.syscall, denial.argument, denial.action, denial.capability)
    ).decode()
    first, last = denial.first, denial.last
    return denial.container, what, denial.name, denial.image, int(denial.sure), denial.count, first, last


def _denial(  # noqa: PLR0913, PLR0917 - the columns
    container: str, what: str, name: str, image: str, sure: int, count: int, first: float, last: float
) -> Denial:
    found = msgspec.json.decode(what, type=_What)
    return Denial(
        container=container,
        name=name,
        image=image,
        program=found.program,
        arch=Arch(found.arch),
        syscall=Syscall(found.syscall),
        argument=found.argument,
        action=found.action,
        sure=bool(sure),
        capability=found.capability,
        count=count,
        first=first,
        last=last,
    )
