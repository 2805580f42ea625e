"""Secrets as files for containers: one folder each, in memory, which is empty unless its container runs.

Nothing is followed: folders are entered by descriptor, files are made under new names beside the folders, where no
container sees them, get their owner and mode there, and take their place in one rename. So whatever was planted in
a folder, a link or a folder, is replaced or refused, and never written through.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.trust.errors import NotFound, Unsound, UsageError
from pytrust.trust.vault.delivery_place import is_in_memory, prepare_place

ROOT: Final = Path("/run/pytrust/secrets")
"""Where the places of all homes are, unless somebody says otherwise."""

_TOKEN: Final = re.compile(r"[0-9a-f]{32}")
_FOLDER_MODE: Final = 0o755
_PRIVATE: Final = 0o600
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class SecretFile(NamedTuple):
    """One file as a container is to see it; ``uid`` and ``gid`` as the host counts."""

    name: str
    value: bytes
    uid: int
    gid: int
    mode: int

    def __repr__(self) -> str:
        return f"SecretFile({self.name!r}, {len(self.value)} bytes)"


class Deliveries:
    """The folders at ``place``, each known by a random token: 32 hex digits.

    Every method raises ``Unsound`` where the file system does not do what is asked.
    """

    def __init__(self, place: Path) -> None:
        self.place = place

    def make(self, token: str, *, uid: int = 0, gid: int = 0) -> Path:
        """An empty folder, unless it is there; root there is ``uid`` and ``gid`` here."""
        prepare_place(self.place, gid)
        folder = self.place / _checked(token)
        with _told(folder):
            if not folder.is_dir():
                self._make(folder, uid, gid)
        return folder

    def fill(self, token: str, files: Sequence[SecretFile]) -> None:
        """Put ``files`` into a folder, in place of those of their names: all of them, or none.

        Raises:
            NotFound: there is no such folder.
            Unsound: there is no room for them, among other things.
        """
        folder = self.place / _checked(token)
        with _told(folder), _entered(self.place) as place, _entered(folder) as inside:
            if not is_in_memory(folder):
                raise Unsound(f"{folder} is not in memory; secrets are written to no disk")
            written: list[str] = []
            try:
                for file in files:
                    written.append(f".{secrets.token_hex(16)}")
                    _write(written[-1], file, place)
                for name, file in zip(written, files, strict=True):
                    os.rename(name, file.name, src_dir_fd=place, dst_dir_fd=inside)
            finally:
                for name in written:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=place)

    def empty(self, token: str) -> bool:
        """Take everything out of a folder, which stays; whether there was anything."""
        folder = self.place / _checked(token)
        with _told(folder), suppress(FileNotFoundError), _entered(folder) as inside:
            return _clear(inside)
        return False

    def remove(self, token: str) -> None:
        """Take a folder away, with all in it; nothing where it is gone already."""
        folder = self.place / _checked(token)
        self.empty(token)
        with _told(folder), suppress(FileNotFoundError):
            folder.rmdir()

    def tokens(self) -> frozenset[str]:
        """The folders that there are."""
        with _told(self.place), suppress(FileNotFoundError):
            return frozenset(path.name for path in self.place.iterdir() if _TOKEN.fullmatch(path.name))
        return frozenset()

    def filled(self, token: str) -> bool:
        """Whether anything is in a folder."""
        folder = self.place / _checked(token)
        with _told(folder), suppress(FileNotFoundError), _entered(folder) as inside:
            return bool(_names(inside))
        return False

    def tidy(self) -> bool:
        """Remove what a killed process had not put into its place yet; whether there is a place at all."""
        with _told(self.place), suppress(FileNotFoundError), _entered(self.place) as place:
            for name in _names(place):
                if name.startswith("."):
                    _unlink(name, place)
            return True
        return False

    def _make(self, folder: Path, uid: int, gid: int) -> None:
        """Whole before it has its name."""
        fresh = folder.with_name(f".{secrets.token_hex(16)}")
        fresh.mkdir(0o700)
        try:
            with _entered(fresh) as inside:
                os.fchown(inside, uid, gid)
                os.fchmod(inside, _FOLDER_MODE)
            fresh.rename(folder)
        except BaseException:
            fresh.rmdir()
            raise


def place_of(root: Path, home: Path) -> Path:
    """The place of one home: there may be several on a host, each of which knows only its own containers."""
    return root / hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:16]


def new_token() -> str:
    """One that nobody can guess."""
    return secrets.token_hex(16)


def _checked(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise UsageError(f"{token[:80]!r} is not the folder of a delivery")
    return token


def _write(name: str, file: SecretFile, place: int) -> None:
    """Its owner and mode are right before it is anywhere where it can be seen."""
    descriptor = os.open(name, _NEW_FILE, _PRIVATE, dir_fd=place)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(file.value)
        opened.flush()
        os.fchown(descriptor, file.uid, file.gid)
        os.fchmod(descriptor, file.mode)


def _clear(folder: int) -> bool:
    names = _names(folder)
    for name in names:
        _unlink(name, folder)
    return bool(names)


def _names(folder: int) -> list[str]:
    return os.listdir(folder)


def _unlink(name: str, folder: int) -> None:
    """Whatever it is; a folder is none of ours, but must not keep values alive."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(name, dir_fd=folder)


@contextmanager
def _entered(path: Path) -> Iterator[int]:
    descriptor = os.open(path, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"{path} is gone", hint="create the container again") from error
    except OSError as error:
        raise Unsound(f"{path}: {(error.strerror or str(error)).lower()}") from error
