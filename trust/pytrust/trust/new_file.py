"""A new file for its owner alone: what is secret, or opens what is. It never takes the place of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytrust.trust.errors import Unsound, UsageError
from pytrust.trust.files import write_atomic


def check_free(file: Path) -> None:
    """Raises ``UsageError`` where there is something: told before anything is read or made for it."""
    if file.exists() or file.is_symlink():
        raise _taken(file)


def write_private(file: Path, data: bytes) -> None:
    """Write ``data`` to ``file`` (mode 0600), whole or not at all; raises what ``writing`` does."""
    with writing(file):
        write_atomic(file, data, replace=False)


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """What the system refuses while ``file`` is written, as an error that names it.

    Raises:
        UsageError: there is something, or no folder.
        Unsound: it could not be written.
    """
    try:
        yield
    except FileExistsError as error:
        raise _taken(file) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", hint="is its folder there?") from error
    except OSError as error:
        raise Unsound(f"{file} cannot be written: {error.strerror}", hint="free space, or check permissions") from error


def _taken(file: Path) -> UsageError:
    return UsageError(f"{file} exists already", hint="choose another name")
