"""A file with an unlock key, for hosts that nobody is at: whoever has the file and the vault has everything.

So it belongs on another medium than the vault's backups, and not into the vault's own folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec

from pytrust.trust.errors import Damaged, NotSetUp, Unsound, UsageError, VaultLocked
from pytrust.trust.files import read_private, write_atomic
from pytrust.trust.limits import SLOT_PATH_MAX_CHARS, UNLOCK_TEXT_MAX_BYTES
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.slots.made import Made, Params, damaged, read_params

KIND: Final = "file"


class _Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(min_length=2, max_length=SLOT_PATH_MAX_CHARS)]


def make(path: Path, vault: Path) -> Made:
    """Write a new key to ``path``, which must be free, and not in ``vault``, the vault's folder.

    Raises:
        UsageError: that is no place for it.
        Unsound: it cannot be written.
    """
    try:
        place = path.parent.resolve(strict=True) / path.name
        _check_place(place, vault.resolve())
        text, made = unlock_key.make()
        write_atomic(place, text.encode() + b"\n", replace=False)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already", hint="choose a new name, or remove it") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{path.parent} is no folder", hint="make it first") from error
    except OSError as error:
        raise Unsound(f"{path} cannot be written: {error.strerror}") from error
    return Made(made.seed, {"path": str(place)})


def seed(params: Params) -> bytes:
    """The seed in the file.

    Raises:
        VaultLocked: there is no such file now.
        BadPermissions: others can read or replace it.
        Damaged: it holds no key, or the parameters are not ours.
        Unsound: it cannot be read.
    """
    path = _read(params)
    try:
        text = read_private(path, UNLOCK_TEXT_MAX_BYTES)
    except NotSetUp as error:
        raise VaultLocked(
            f"the vault's key file {path} is not there", hint="bring it, or unlock another way"
        ) from error
    except OSError as error:
        raise Unsound(f"the vault's key file {path} cannot be read: {error.strerror}") from error
    try:
        return unlock_key.parse(text)
    except UsageError as error:
        raise Damaged(f"{path} is no key file of a vault: {error}") from error


def _check_place(place: Path, vault: Path) -> None:
    if place.is_relative_to(vault):
        raise UsageError(
            f"{place} lies in the vault, which it would open", hint="choose a place outside, best elsewhere"
        )
    if not str(place).isprintable() or len(str(place)) > SLOT_PATH_MAX_CHARS or place.name in {"", ".."}:
        raise UsageError("that is no name for a key file", hint="printable, and not too long")


def _read(params: Params) -> Path:
    path = read_params(params, _Params, KIND).path
    if not path.startswith("/") or not path.isprintable():
        raise damaged(KIND, f"path {path}")
    return Path(path)
