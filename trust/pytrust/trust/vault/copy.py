"""A vault in one file, still encrypted, and back.

The file is a tar archive (POSIX.1-1988, ustar) in one spelling: ``vault.json``, then everything else by name, nothing
compressed, no times and no owners. Only that spelling is read back, so nothing of an archive that others made is ever
followed: no links, no paths, no extensions. Whether it is whole and the vault's is told by opening it.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from pytrust.trust.errors import Damaged, Unsound
from pytrust.trust.files import PRIVATE, PRIVATE_FOLDER, check_owned, sync_folder
from pytrust.trust.limits import (
    SECRET_MAX_BYTES,
    SECRETS_MAX,
    VAULT_AUDIT_MAX_BYTES,
    VAULT_HEADER_MAX_BYTES,
    VAULT_MANIFEST_MAX_BYTES,
)
from pytrust.trust.new_file import check_free, writing
from pytrust.trust.vault.envelope import OVERHEAD
from pytrust.trust.vault.folder import Folder, guarded
from pytrust.trust.vault.header import FILE, Header, read_header

_BLOCK: Final = 512
_CHUNK: Final = 1024 * 1024
_NAME_BYTES: Final = 100
_SIZE: Final = slice(124, 135)
_OCTAL: Final = re.compile(rb"[0-7]{11}")
_NUMBERED: Final = re.compile(r"(audit|manifest)-(0|[1-9][0-9]{0,9})")
_RECORDS: Final = "records/"
_RECORD: Final = re.compile(r"records/[0-9a-f]{2}/[0-9a-f]{30}")
_FILES_MAX: Final = 4 * SECRETS_MAX  # some have several versions
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_BACKUP: Final = "name the file that pytrust vault backup wrote"


class Part(NamedTuple):
    """A file of a vault: its name in the folder, and its size."""

    name: str
    size: int


def backup(vault: Path, file: Path) -> Header:
    """Write all of the vault in the folder ``vault`` to ``file`` (mode 0600), whole or not at all; nobody unlocks it.

    Changes wait meanwhile. Gives the header of the moment that the file holds, not authenticated.

    Raises:
        NotSetUp: there is no vault.
        UsageError: there is something at ``file``.
        Unsound: it could not be written.
        Busy: another process changes the vault for too long.
    """
    check_free(file)
    read_header(vault)
    draft = file.with_name(f".{file.name[:200]}.{os.getpid()}.new")
    with Folder(vault).locked():
        header = read_header(vault)
        try:
            with writing(file):
                _write_archive(vault, header, draft)
                os.link(draft, file)
                sync_folder(file.parent)
        finally:
            draft.unlink(missing_ok=True)
    return header


def unpack(file: Path, vault: Path) -> Header:
    """Write the vault in ``file`` to a new folder; nothing is believed of it yet.

    Raises:
        NotSetUp: there is no such file.
        BadPermissions: others could have written it.
        Damaged: it is no backup, or not whole.
        Unsound: it could not be read or written.
    """
    check_owned(file, missing=_NO_BACKUP)
    with guarded(vault):
        vault.mkdir(PRIVATE_FOLDER)
        (vault / "records").mkdir(PRIVATE_FOLDER)
        with os.fdopen(os.open(file, _OPEN), "rb") as archive:
            for part in _parts(archive, file):
                _unpack_one(archive, part, vault / part.name, file)
        _sync(vault)
    return read_header(vault)


def put_in_place(new: Path, vault: Path) -> Path | None:
    """Give the folder ``new`` the name ``vault``; where one was there, it goes on under the name that this gives."""
    if not vault.exists():
        with guarded(vault):
            new.rename(vault)
            sync_folder(vault.parent)
        return None
    with Folder(vault).locked(), guarded(vault):
        aside = next(path for path in _names_aside(vault) if not path.exists())
        vault.rename(aside)
        try:
            new.rename(vault)
        except OSError:
            aside.rename(vault)
            raise
        sync_folder(vault.parent)
    return aside


def _names_aside(vault: Path) -> Iterator[Path]:
    return (vault.with_name(f"{vault.name}.replaced.{number}") for number in count(1))


def _write_archive(vault: Path, header: Header, draft: Path) -> None:
    with os.fdopen(os.open(draft, _WRITE, PRIVATE), "wb") as archive:
        for name in _names(vault, header):
            with suppress(FileNotFoundError) if name.startswith(_RECORDS) else nullcontext():  # see ``_names``
                _pack_one(vault / name, name, archive)
        archive.write(bytes(2 * _BLOCK))
        archive.flush()
        os.fsync(archive.fileno())


def _names(vault: Path, header: Header) -> Iterator[str]:
    """What belongs to a vault; drafts of a writer who died, and what others put there, do not.

    A record may go meanwhile: whoever removed a secret takes its values away after the change, without the lock.
    """
    yield FILE
    named = (path.name for path in vault.iterdir())
    manifest = f"manifest-{header.epoch}"
    numbered = [name for name in named if _NUMBERED.fullmatch(name) and (name.startswith("audit") or name == manifest)]
    if manifest not in numbered:
        raise Damaged(f"{vault / manifest} is gone")
    yield from sorted(numbered)
    found = (path.relative_to(vault).as_posix() for path in (vault / "records").glob("??/*"))
    yield from sorted(name for name in found if _RECORD.fullmatch(name))


def _pack_one(path: Path, name: str, archive: BinaryIO) -> None:
    with os.fdopen(os.open(path, _OPEN), "rb") as file:
        size = os.fstat(file.fileno()).st_size  # an audit may grow meanwhile: what comes later is not of this moment
        if size > _most(name):
            raise Unsound(f"{path} is too large for a backup", hint="pytrust vault verify")
        archive.write(_head(Part(name, size)))
        left = size
        while left:
            chunk = _read(file, min(left, _CHUNK), path)
            archive.write(chunk)
            left -= len(chunk)
    archive.write(bytes(-size % _BLOCK))


def _read(file: BinaryIO, most: int, path: Path) -> bytes:
    with guarded(path):  # the disk of the vault, and not that of the backup
        chunk = file.read(most)
    if not chunk:
        raise Damaged(f"{path} is cut off")
    return chunk


def _parts(archive: BinaryIO, file: Path) -> Iterator[Part]:
    """The heads in the archive, each to be asked for after the file before was read."""
    last = ""
    for position in range(_FILES_MAX):
        block = archive.read(_BLOCK)
        if block == bytes(_BLOCK):
            if archive.read(_BLOCK + 1) != bytes(_BLOCK) or not position:
                raise _no_backup(file)
            return
        part = _read_head(block, file)
        if (part.name == FILE) != (position == 0) or (position > 1 and part.name <= last):
            raise _no_backup(file)
        last = part.name
        yield part
    raise _no_backup(file)


def _read_head(block: bytes, file: Path) -> Part:
    name, size = block[:_NAME_BYTES].rstrip(b"\0").decode("latin-1"), block[_SIZE]
    if not _OCTAL.fullmatch(size) or not (name == FILE or _NUMBERED.fullmatch(name) or _RECORD.fullmatch(name)):
        raise _no_backup(file)
    part = Part(name, int(size, 8))
    if part.size > _most(name) or _head(part) != block:
        raise _no_backup(file)
    return part


def _head(part: Part) -> bytes:
    info = tarfile.TarInfo(part.name)
    info.size, info.mode = part.size, PRIVATE
    return info.tobuf(tarfile.USTAR_FORMAT)


def _unpack_one(archive: BinaryIO, part: Part, path: Path, file: Path) -> None:
    path.parent.mkdir(PRIVATE_FOLDER, exist_ok=True)
    with os.fdopen(os.open(path, _WRITE, PRIVATE), "wb") as output:
        left = part.size
        while left and (chunk := archive.read(min(left, _CHUNK))):
            output.write(chunk)
            left -= len(chunk)
    padding = -part.size % _BLOCK
    if left or archive.read(padding) != bytes(padding):
        raise _no_backup(file)


def _sync(vault: Path) -> None:
    """Everything in a folder that was just written, to the disk."""
    for folder, _, names in os.walk(vault):
        for name in names:
            descriptor = os.open(Path(folder, name), _OPEN)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(folder))


def _most(name: str) -> int:
    if name == FILE:
        return VAULT_HEADER_MAX_BYTES
    if name.startswith(_RECORDS):
        return SECRET_MAX_BYTES + OVERHEAD
    return VAULT_MANIFEST_MAX_BYTES if name.startswith("manifest-") else VAULT_AUDIT_MAX_BYTES


def _no_backup(file: Path) -> Damaged:
    return Damaged(f"{file} is no backup of a vault, or not whole", hint="use another backup")
