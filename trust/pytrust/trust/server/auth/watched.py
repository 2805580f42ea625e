"""A file that somebody else writes, read again when it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from pytrust.trust.errors import NotSetUp, Unsound
from pytrust.trust.files import check_owned, read_bounded

_Value = TypeVar("_Value")
_HINT: Final = "create it, or correct the path in [auth] of the server's settings"


class Watched(Generic[_Value]):
    """What ``parse`` makes of the bytes of a file; nobody but its owner may write to that.

    A broken file is an error until it is whole again: what it said before may be just what was taken back.
    """

    def __init__(self, path: Path, max_bytes: int, parse: Callable[[bytes, str], _Value]) -> None:
        self._path, self._max_bytes, self._parse = path, max_bytes, parse
        self._lock = threading.Lock()
        self._held: tuple[tuple[int, ...], _Value] | None = None

    def get(self) -> _Value:
        """The newest value. Safe to use from several threads.

        Raises:
            PytrustError: there is no such file, others could write to it, or ``parse`` refuses it.
        """
        version = self._version()
        with self._lock:
            if self._held is None or self._held[0] != version:
                self._held = (version, self._parse(self._read(), str(self._path)))
            return self._held[1]

    def _version(self) -> tuple[int, ...]:
        """Taken before the file is read: if it changes meanwhile, it is read once more with the next question."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            raise NotSetUp(f"{self._path} does not exist", hint=_HINT) from None
        except OSError as error:
            raise self._unreadable(error) from error
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _read(self) -> bytes:
        check_owned(self._path, missing=_HINT)
        try:
            return read_bounded(self._path, self._max_bytes)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> Unsound:
        return Unsound(f"{self._path}: {(error.strerror or str(error)).lower()}", hint="let this user read it")
