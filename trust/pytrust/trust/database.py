"""SQLite files of our own: opened in one way, and complaining in sentences."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytrust.trust.errors import Unsound
from pytrust.trust.files import PRIVATE, check_owned
from pytrust.trust.store import sqlite

_LOCK_TIMEOUT: Final = 1.0  # seconds; nobody should hold a lock for longer than a moment, and requests wait meanwhile


def connect(
    path: Path, *statements: str, read_only: bool = False, timeout: float = _LOCK_TIMEOUT
) -> sqlite3.Connection:
    """Open a file that exists, for any thread, each statement its own transaction; run ``statements`` first.

    A schema that somebody else put there is not trusted (SQLite, PRAGMA trusted_schema).
    """
    return sqlite.connect(path, "ro" if read_only else "rw", timeout, *statements)


def make_private(path: Path) -> None:
    """Create an empty file that is its owner's alone, or check that it is; raises ``BadPermissions``."""
    path.touch(PRIVATE)
    check_owned(path, forbidden=0o077)


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Let nothing out of the block but ``Unsound`` and its kin, naming ``path``."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where a damaged file's schema is no text
        raise sqlite.failure(path, error) from error
    except OSError as error:
        raise Unsound(f"{path}: {error.strerror or error}", hint="free space, or check permissions") from error
