"""Who read what: a chain of sealed entries in one file, to which every process that reads secrets adds.

An entry is written before the value is given out. A process that is killed loses none; a power cut may lose those of
the last moments, since flushing each would cost more than the reading. Each change of the vault flushes them, and
notes in the header how far the audit had come: what is cut off before that point is noticed.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from errno import EIO
from pathlib import Path
from typing import Final

import msgspec

from pytrust.trust.errors import Damaged
from pytrust.trust.files import PRIVATE, sync_folder
from pytrust.trust.vault.folder import guarded
from pytrust.trust.vault.frames import Chain
from pytrust.trust.vault.header import Head
from pytrust.trust.vault.operations import Read

_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_LENGTH_BYTES: Final = 4
_TAG_BYTES: Final = 16
_CHUNK: Final = 1024 * 1024
_CLOSED: Final = -1
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
        self._descriptor, self._process = self._open(), os.getpid()

    def add(self, read: Read) -> None:
        """Write an entry; raises ``Unsound``, and then nothing may be given out."""
        if self._process != os.getpid():
            self._reopen()
        with guarded(self._path):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self._catch_up()
                chain = self._chain.copy()
                self._write(chain.seal(_encoder.encode(read)), self._chain.length)
                self._chain = chain
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def flush(self) -> Head:
        """Make all entries durable; gives how far they have come."""
        self.follow(self._known)
        with guarded(self._path):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self._catch_up()
                os.fsync(self._descriptor)
                return self._chain.head
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def follow(self, head: Head) -> None:
        """The vault knows the audit up to there; where another file took its name, go on in that."""
        self._known = head
        with guarded(self._path):
            mine = os.fstat(self._descriptor)
            moved = not self._path.exists() or not os.path.samestat(mine, self._path.stat())
        if moved or self._process != os.getpid():
            self._reopen()

    def entries(self, limit: int, name: str | None = None) -> tuple[Read, ...]:
        """The newest ``limit`` entries, oldest first; every entry is checked. Raises ``Damaged``."""
        with guarded(self._path):
            data = self._read()
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
        """Close the file; nothing can be added any more."""
        descriptor, self._descriptor = self._descriptor, _CLOSED
        os.close(descriptor)

    def _reopen(self) -> None:
        """A file of our own: a lock on one from before ``fork`` would be shared with the parent."""
        self.close()
        self._descriptor, self._process = self._open(), os.getpid()
        self._chain = Chain(self._key, self._context, self._known)

    def _open(self) -> int:
        with guarded(self._path):
            descriptor = os.open(self._path, _OPEN, PRIVATE)
            if not os.fstat(descriptor).st_size:
                sync_folder(self._path.parent)
            return descriptor

    def _write(self, frame: bytes, at: int) -> None:
        while frame:
            done = os.pwrite(self._descriptor, frame, at)
            if not done:
                raise OSError(EIO, os.strerror(EIO))
            frame, at = frame[done:], at + done

    def _read(self) -> bytes:
        data = bytearray()
        while more := os.pread(self._descriptor, _CHUNK, len(data)):
            data += more
        return bytes(data)

    def _catch_up(self) -> None:
        """Go behind what others added; an entry that a dead process left unfinished is written over."""
        end = os.fstat(self._descriptor).st_size
        if end < max(self._known.length, self._chain.length):
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
