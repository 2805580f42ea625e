"""Which containers were let in, and how: the memory that start, exec and attach rely on.

It is written down before a container can start, and survives kill -9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Final, Self

import msgspec

from pytrust.policy.core.facts import Admission, Delivery
from pytrust.trust.database import connect, guarded, make_private
from pytrust.trust.errors import Damaged, ServerError
from pytrust.trust.files import PRIVATE_FOLDER

_ID: Final = re.compile(r"[0-9a-f]{64}")
_TABLE: Final = "CREATE TABLE IF NOT EXISTS admissions (id TEXT PRIMARY KEY, admission BLOB NOT NULL) WITHOUT ROWID"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Admission)


class Admissions:
    """Admissions by container id (64 hex digits), in one SQLite file (0600). For any thread.

    Every method raises ``Unsound`` where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        with guarded(path):
            path.parent.mkdir(PRIVATE_FOLDER, exist_ok=True)
            make_private(path)
            self._connection = connect(path, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", _TABLE)

    def admit(self, container: str, admission: Admission) -> None:
        """Remember ``container``; raises ``ServerError`` for what is no id.

        When this returns, the admission survives the death of this process. That of the machine it may not survive:
        the container must then be made again, which errs on the safe side and saves each creation a flush.
        """
        if not _ID.fullmatch(container):
            raise ServerError(f"the engine named a new container {container[:100]!r}, which is no container id")
        self._change("INSERT OR REPLACE INTO admissions VALUES (?, ?)", (container, _encoder.encode(admission)))

    def find(self, container: str) -> Admission | None:
        """How ``container`` was let in; None where it was not."""
        query = "SELECT admission FROM admissions WHERE id = ?"
        with self._lock, guarded(self._path):
            row = self._connection.execute(query, (container,)).fetchone()
        return None if row is None else self._decode(row[0])

    def deliveries(self) -> dict[str, Delivery]:
        """The secrets that containers get, by container."""
        with self._lock, guarded(self._path):
            rows = self._connection.execute("SELECT id, admission FROM admissions").fetchall()
        found = ((row[0], self._decode(row[1]).delivery) for row in rows)
        return {container: delivery for container, delivery in found if delivery}

    def confining(self) -> bool:
        """Whether a signed profile confines any of them."""
        with self._lock, guarded(self._path):
            rows = self._connection.execute("SELECT admission FROM admissions").fetchall()
        return any(self._decode(row[0]).profile for row in rows)

    def forget(self, container: str) -> None:
        """``container`` is gone."""
        self._change("DELETE FROM admissions WHERE id = ?", (container,))

    def retain(self, containers: Iterable[str]) -> None:
        """Forget all but ``containers``: those that the engine still has."""
        with self._lock, guarded(self._path), self._connection as transaction:
            transaction.execute("BEGIN IMMEDIATE")
            known = {row[0] for row in transaction.execute("SELECT id FROM admissions")}
            gone = [(container,) for container in known.difference(containers)]
            transaction.executemany("DELETE FROM admissions WHERE id = ?", gone)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _change(self, statement: str, values: tuple[str | bytes, ...]) -> None:
        with self._lock, guarded(self._path):
            self._connection.execute(statement, values)

    def _decode(self, data: object) -> Admission:
        try:
            return _decoder.decode(data if isinstance(data, bytes) else b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Damaged(
                f"{self._path}: an admission cannot be understood: {error}",
                hint="move the file away: containers made so far must then be made again",
            ) from error
