"""The files of a vault, and the order in which they are written so that kill -9 and a power cut leave old or new.

    vault.json        the header: replaced as a whole, last; this is the moment of a change
    manifest-EPOCH    grows; what lies behind the length that the header says does not count
    audit-EPOCH       grows
    records/xx/...    one value each, written once, under a random name
    lock              held by whoever changes something

Any error of a write or a flush ends the change: what the disk may have lost is never believed to be there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pytrust.trust.errors import BadPermissions, Damaged, Unsound
from pytrust.trust.files import PRIVATE, PRIVATE_FOLDER, check_owned, locked, sync_folder, write_atomic
from pytrust.trust.limits import LOCK_TIMEOUT, VAULT_MANIFEST_MAX_BYTES
from pytrust.trust.vault.header import FILE

_RECORDS: Final = "records"
_RECORD: Final = re.compile(r"[0-9a-f]{32}")
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_GROW: Final = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_AS_BEFORE: Final = "the vault is as it was before"
MADE: Final = "the change itself was made; look before you repeat it"

Stamp = tuple[int, int, int, int]


class Seen:
    """A header that was read. While it is held, no other file gets its inode's number: ``stamp`` is its alone."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, _READ)
        self.stamp = _stamp(os.fstat(self._descriptor))

    def close(self) -> None:
        """Let it go."""
        os.close(self._descriptor)


class Folder:
    """The folder of one vault, mode 0700. Every method raises ``Unsound`` where the system refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = f"{path}/{_RECORDS}"

    def create(self) -> None:
        """Make it, empty."""
        with guarded(self.path):
            for path in (self.path, self.path / _RECORDS):
                path.mkdir(PRIVATE_FOLDER, exist_ok=True)
                sync_folder(path.parent)
        check_owned(self.path, forbidden=0o077)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among writers.

        Raises:
            Busy: after ``LOCK_TIMEOUT`` seconds.
            BadPermissions: we are not its owner, who could not read what we write (root may read what others have).
        """
        self._check_ours()
        with guarded(self.path), locked(self.path / "lock", timeout=LOCK_TIMEOUT):
            yield

    def has_records(self) -> bool:
        """Whether there is any value."""
        with guarded(self.path):
            return any((self.path / _RECORDS).glob("??/*"))

    def stamp(self) -> Stamp:
        """Changes whenever the header is replaced; see ``Seen``."""
        with guarded(self.path):
            return _stamp(os.stat(f"{self.path}/{FILE}"))  # noqa: PTH116 - at each read of a secret

    def see(self) -> Seen:
        """Hold the header that is there."""
        with guarded(self.path):
            return Seen(self.path / FILE)

    def write_header(self, data: bytes) -> None:
        """The moment of a change."""
        path = self.path / FILE
        try:
            write_atomic(path, data, mode=PRIVATE)
        except OSError as error:
            with guarded(path, hint=MADE):
                made = path.read_bytes() == data
            raise Unsound(f"{path}: {error.strerror or error}", hint=MADE if made else _AS_BEFORE) from error

    def manifest(self, epoch: int) -> Path:
        """The manifest of an epoch."""
        return self.path / f"manifest-{epoch}"

    def audit(self, epoch: int) -> Path:
        """The audit of an epoch."""
        return self.path / f"audit-{epoch}"

    def read_manifest(self, epoch: int, start: int, end: int) -> bytes:
        """The bytes of a manifest from ``start`` to ``end``; raises ``Damaged`` where there are fewer."""
        path = self.manifest(epoch)
        if not 0 <= end - start <= VAULT_MANIFEST_MAX_BYTES:
            raise Damaged(f"{path} is larger than {VAULT_MANIFEST_MAX_BYTES} bytes")
        with guarded(path):
            descriptor = os.open(path, _READ)
            with os.fdopen(descriptor, "rb") as file:
                file.seek(start)
                data = file.read(end - start)
        if len(data) != end - start:
            raise Damaged(f"{path} is cut off")
        return data

    def append_manifest(self, epoch: int, at: int, frames: bytes) -> None:
        """Write ``frames`` at ``at``, the end of what counts; what a dead writer left there goes."""
        path = self.manifest(epoch)
        if at + len(frames) > VAULT_MANIFEST_MAX_BYTES:  # nobody could read it again
            raise Unsound(f"{path} is full", hint="pytrust vault rekey begins a new one")
        with guarded(path):
            if not at:
                path.unlink(missing_ok=True)
            descriptor = os.open(path, _GROW if at else _NEW_FILE, PRIVATE)
            with os.fdopen(descriptor, "wb") as file:
                if os.fstat(descriptor).st_size < at:
                    raise Damaged(f"{path} is cut off")
                os.ftruncate(descriptor, at)
                file.seek(at)
                file.write(frames)
                file.flush()
                os.fsync(descriptor)
            if not at:
                sync_folder(self.path)

    def write_record(self, record: str, data: bytes) -> None:
        """A new value; its name is random, and nothing refers to it yet."""
        path = Path(self._record(record))
        with guarded(path):
            if not path.parent.is_dir():
                path.parent.mkdir(PRIVATE_FOLDER)
            with os.fdopen(os.open(path, _NEW_FILE, PRIVATE), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

    def sync_records(self, records: set[str]) -> None:
        """Make the names of new records durable, and those of their folders: a writer who died may have made them."""
        with guarded(self.path):
            for parent in {Path(self._record(record)).parent for record in records}:
                sync_folder(parent)
            if records:
                sync_folder(self.path / _RECORDS)

    def read_record(self, record: str, size: int) -> bytes:
        """A value as it lies there; raises ``FileNotFoundError``, or ``Damaged`` where it has not ``size`` bytes."""
        descriptor = os.open(self._record(record), _READ)
        try:
            data = os.read(descriptor, size + 1)
            while 0 < len(data) < size and (more := os.read(descriptor, size + 1 - len(data))):
                data += more
        finally:
            os.close(descriptor)
        if len(data) != size:
            raise Damaged(f"{self._record(record)} is cut off, or was changed")
        return data

    def remove_records(self, records: Iterable[str]) -> None:
        """Values that nothing refers to any more; one that stays harms nobody."""
        for record in records:
            with suppress(OSError):
                Path(self._record(record)).unlink()

    def keep_records(self, records: Iterable[str]) -> None:
        """Remove all others, which dead writers left; one that stays harms nobody."""
        with suppress(OSError):
            there = {path.parent.name + path.name for path in (self.path / _RECORDS).glob("??/*")}
            self.remove_records(record for record in there.difference(records) if _RECORD.fullmatch(record))

    def keep_manifest(self, epoch: int) -> None:
        """Remove those of epochs that are over, and what dead writers left of others."""
        with suppress(OSError):
            for path in self.path.glob("manifest-*"):
                if path != self.manifest(epoch):
                    path.unlink()

    def _check_ours(self) -> None:
        with guarded(self.path):
            owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise BadPermissions(f"{self.path} belongs to user {owner}", hint="change it as that user")

    def _record(self, record: str) -> str:
        if not _RECORD.fullmatch(record):
            raise Damaged(f"{record[:40]!r} is not the name of a record")
        return f"{self._records}/{record[:2]}/{record[2:]}"


@contextmanager
def guarded(path: Path, *, hint: str = _AS_BEFORE) -> Iterator[None]:
    """What the system refuses, as ``Unsound``."""
    try:
        yield
    except OSError as error:
        raise Unsound(f"{path}: {error.strerror or error}", hint=hint) from error


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
