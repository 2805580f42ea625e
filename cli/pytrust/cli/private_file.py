"""A new file for its owner alone: what is secret, or opens what is."""

from __future__ import annotations

from pathlib import Path

from pytrust.trust.errors import Unsound, UsageError
from pytrust.trust.files import write_atomic


def check_free(file: Path) -> None:
    """Raises ``UsageError`` where there is something: told before anything is read or made for it."""
    if file.exists() or file.is_symlink():
        raise _taken(file)


def write_private(file: Path, data: bytes) -> None:
    """Write ``data`` to ``file`` (mode 0600), whole or not at all.

    Raises:
        UsageError: there is something, or no folder.
        Unsound: it could not be written.
    """
    try:
        write_atomic(file, data, replace=False)
    except FileExistsError:
        raise _taken(file) from None
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", hint="is its folder there?") from error
    except OSError as error:
        raise Unsound(f"{file} cannot be written: {error.strerror}", hint="free space, or check permissions") from error


def _taken(file: Path) -> UsageError:
    return UsageError(f"{file} exists already", hint="choose another name")
