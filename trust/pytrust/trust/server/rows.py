"""The rows of all processes of one server, in one file that each of them maps into its memory.

A process takes the first row that nobody holds, by a lock that ends with it. A row whose holder ended goes on from
where it was, so that counters never fall while the server runs.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path
from typing import Final

from pytrust.trust.errors import Busy
from pytrust.trust.files import PRIVATE
from pytrust.trust.limits import WORKERS_MAX
from pytrust.trust.server.meter import ROW_LENGTH, Counted, Meter

_ROWS: Final = 2 * WORKERS_MAX  # an old and a new process for each, while certificates are loaded anew
_NUMBER: Final = "d"
_ROW_BYTES: Final = ROW_LENGTH * 8
_FILE_BYTES: Final = _ROWS * _ROW_BYTES


def make_rows(path: Path) -> None:
    """Make the file, all zero; no disk is used for rows that nobody holds."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        os.ftruncate(descriptor, _FILE_BYTES)
    finally:
        os.close(descriptor)


class Rows:
    """The file, with one row that is ours; raises ``Busy`` where none is free."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._memory = memoryview(mmap.mmap(self._file, _FILE_BYTES)).cast("B").cast(_NUMBER)
        start = self._take_row() * ROW_LENGTH
        self.meter = Meter(self._memory[start : start + ROW_LENGTH])

    def counted(self) -> Counted:
        """What all processes counted."""
        rows = (self._memory[row * ROW_LENGTH : (row + 1) * ROW_LENGTH] for row in range(_ROWS))
        return Counted([sum(column) for column in zip(*(row for row in rows if any(row)), strict=True)] or _NOTHING)

    def _take_row(self) -> int:
        for row in range(_ROWS):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, row)
            except BlockingIOError:
                continue
            return row
        raise Busy("all rows of the counters are taken", hint="end the other server processes")


_NOTHING: Final = [0.0] * ROW_LENGTH
