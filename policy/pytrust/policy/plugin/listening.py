"""The socket that dockerd calls: for root alone, never taken from another that answers."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytrust.policy.plugin.limits import BACKLOG
from pytrust.trust.errors import UsageError
from pytrust.trust.files import PRIVATE, check_owned
from pytrust.trust.socket_file import listen_at, removed_after

_ANOTHER: Final = "give another --socket: dockerd knows the plugin by its name"


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A socket at ``path``; removed in the end, unless another has taken its place.

    Raises:
        UsageError: it cannot be there.
        BadPermissions: others could put their own there.
    """
    check_owned(path.parent)
    _check_free(path)
    try:
        wire = listen_at(path, PRIVATE, BACKLOG)
    except OSError as error:
        raise UsageError(f"cannot listen at {path}: {error.strerror or error}", hint="give another --socket") from error
    with wire, removed_after(path):
        yield wire


def _check_free(path: Path) -> None:
    """One that was left by a process that was killed does not count."""
    if path.exists() and not stat.S_ISSOCK(path.lstat().st_mode):
        raise UsageError(f"{path} exists and is no socket", hint=_ANOTHER)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.setblocking(False)
        try:
            wire.connect(str(path))
        except BlockingIOError:
            pass  # it listens, and its queue is full
        except OSError:
            return
    both = "pytrust authz-plugin --secrets is both plugins in one"
    raise UsageError(f"another process answers at {path}", hint=f"{both}; or {_ANOTHER}")
