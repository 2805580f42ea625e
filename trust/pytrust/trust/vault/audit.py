"""Who read what: a chain of sealed entries in one file, to which every process that reads secrets adds.

An entry is written before the value is given out. A process that is killed loses none; a power cut may lose those of
the last moments, since flushing each would cost more than the reading. Each change of the vault flushes them, and
notes in the header how far the audit had come: what is cut off before that point is noticed.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from pathlib import Path
from typing import Final

import msgspec

from pytrust.trust.errors import Damaged
from pytrust.trust.files import PRIVATE
from pytrust.trust.vault.folder import guarded
from pytrust.trust.vault.frames import Chain
from pytrust.trust.vault.header import Head
from pytrust.trust.vault.operations import Read

_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_LENGTH_BYTES: Final = 4
_TAG_BYTES: Final = 16
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Read)


class AuditFile:
    """The audit of one epoch.

    Args:
        path: the file, made at first use.
        key: 32 bytes.
        context: see ``Chain``.
        head: how far it had come by the last change of the vault.
    """

    def __init__(self, path: Path, key: bytes, context: bytes, head: Head) -> None:
        self._path, self._key, self._context = path, key, context
        self._known = head
        self._chain = Chain(key, context, head)
        with guarded(path):
            self._descriptor = os.open(path, _OPEN, PRIVATE)

    def add(self, read: Read) -> None:
        """Write an entry; raises ``Unsound``, and then nothing may be given out."""
        with guarded(self._path):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self._catch_up()
                at = self._chain.length
                frame = self._chain.seal(_encoder.encode(read))
                if os.pwrite(self._descriptor, frame, at) != len(frame):
                    raise Damaged(f"{self._path} could not be written whole")
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def flush(self) -> Head:
        """Make all entries durable; gives how far they have come."""
        with guarded(self._path):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self._catch_up()
                os.fsync(self._descriptor)
                return self._chain.head
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def entries(self, limit: int, name: str | None = None) -> tuple[Read, ...]:
        """The newest ``limit`` entries, oldest first; every entry is checked. Raises ``Damaged``."""
        with guarded(self._path):
            data = self._path.read_bytes()
        chain, found = Chain(self._key, self._context), deque[Read](maxlen=limit)
        for body in chain.read(_whole(data), str(self._path)):
            read = _decode(body, self._path)
            if name is None or read.name == name:
                found.append(read)
            if chain.frames == self._known.frames and chain.tag.hex() != self._known.tag:
                raise Damaged(f"{self._path} is not the audit that the vault knows")
        if chain.frames < self._known.frames:
            raise Damaged(f"{self._path} is cut off")
        return tuple(found)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _catch_up(self) -> None:
        """Go behind what others added; an entry that a dead process left unfinished is written over."""
        end = os.fstat(self._descriptor).st_size
        if end < self._known.length:
            raise Damaged(f"{self._path} is cut off", hint="find out who did that; then: pytrust vault rekey")
        while self._chain.length + _LENGTH_BYTES <= end:
            at = self._chain.length
            size = int.from_bytes(os.pread(self._descriptor, _LENGTH_BYTES, at)) + _LENGTH_BYTES
            if size <= _TAG_BYTES or at + size > end:
                os.ftruncate(self._descriptor, at)
                return
            tag = os.pread(self._descriptor, _TAG_BYTES, at + size - _TAG_BYTES)
            self._chain.skip(size, tag)


def _whole(data: bytes) -> bytes:
    """Without an entry at the end that a dead process left unfinished."""
    at = 0
    while at + _LENGTH_BYTES <= len(data):
        end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES])
        if end > len(data):
            break
        at = end
    return data[:at]


def _decode(body: bytes, path: Path) -> Read:
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Damaged(f"{path} has an entry that cannot be understood", hint="update pytrust") from error
