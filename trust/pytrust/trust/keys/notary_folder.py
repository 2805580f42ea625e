"""The folders in which docker and notary keep private keys: ``private`` in ``~/.docker/trust`` and in ``~/.notary``.

Newer clients keep all files there; notary 0.1 to 0.3 had them in two folders below, ``root_keys`` and ``tuf_keys``. As
those clients do, symbolic links are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.trust.errors import BadPermissions, PytrustError, UsageError
from pytrust.trust.files import PRIVATE, PRIVATE_FOLDER, check_owned, read_bounded, write_atomic
from pytrust.trust.keys.notary_file import SUFFIX, NotaryKeyFile, parse_all
from pytrust.trust.limits import KEY_FILE_MAX_BYTES, NOTARY_KEYS_MAX

_PRIVATE: Final = "private"
_PLACES: Final = (f"*{SUFFIX}", f"root_keys/**/*{SUFFIX}", f"tuf_keys/**/*{SUFFIX}")

_HINT: Final = "give NAME FILE, or a folder of docker or notary: ~/.docker/trust, ~/.notary"


class Found(NamedTuple):
    """One key of a file."""

    path: Path
    file: NotaryKeyFile


def find_keys(source: Path) -> tuple[list[Found], list[PytrustError]]:
    """The keys of a folder of docker or notary, or of one file, by path; and why other files could not be read.

    Raises:
        UsageError: there is nothing at ``source``, no key file in it, or more than ``NOTARY_KEYS_MAX``.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist", hint=_HINT)
    paths = list(islice(_paths(source), NOTARY_KEYS_MAX + 1)) if source.is_dir() else [source]
    if not paths:
        raise UsageError(f"{source} holds no private keys", hint=_HINT)
    if len(paths) > NOTARY_KEYS_MAX:
        raise UsageError(f"{source} holds more than {NOTARY_KEYS_MAX} keys", hint="import them in parts")
    found: list[Found] = []
    errors: list[PytrustError] = []
    for path in sorted(paths):
        try:
            found += [Found(path, file) for file in _read(path)]
        except PytrustError as error:
            errors.append(error)
    return found, errors


def place_key(folder: Path, name: str, data: bytes) -> Path:
    """Put a key file where docker or notary will find it; makes the folder.

    Raises:
        UsageError: it is there already.
        BadPermissions: others may look into the folder.
    """
    private = folder / _PRIVATE
    folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    private.mkdir(PRIVATE_FOLDER, exist_ok=True)
    check_owned(private, forbidden=0o077)
    path = private / name
    try:
        write_atomic(path, data, mode=PRIVATE, replace=False)
    except FileExistsError:
        raise UsageError(f"{path} exists already", hint="it is the file of this key; remove it first") from None
    return path


def _paths(folder: Path) -> Iterator[Path]:
    private = folder / _PRIVATE
    base = private if private.is_dir() else folder
    for place in _PLACES:
        yield from base.glob(place)


def _read(path: Path) -> tuple[NotaryKeyFile, ...]:
    if path.is_symlink():
        raise BadPermissions(f"{path} is a symbolic link", hint="replace it by the real file")
    try:
        return parse_all(read_bounded(path, KEY_FILE_MAX_BYTES), str(path))
    except OSError as error:
        raise BadPermissions(f"{path} cannot be read: {error.strerror}", hint="run as its owner") from error
