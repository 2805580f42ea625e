"""Where passphrases come from: a file, a descriptor, the environment, or a prompt. Never an argument.

``root`` and everything else are asked for separately, as docker does; ``PYTRUST_PASSPHRASE``, a file or a descriptor
answer for both.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pytrust.trust.errors import UsageError, WrongPassphrase
from pytrust.trust.files import read_private
from pytrust.trust.limits import PASSPHRASE_MIN_CHARS
from pytrust.trust.names import RoleName

_MAX_BYTES = 4096
_HINT = "give it by prompt, --passphrase-file, --passphrase-fd or PYTRUST_PASSPHRASE"


class Passphrases:
    """Gives passphrases by key name; asks for each at most once.

    Args:
        file: a file that only its owner can read, holding one line.
        descriptor: an open file descriptor, read to its end.
        environment: what was in the variables, already removed from this process's environment.
    """

    def __init__(self, file: Path | None, descriptor: int | None, environment: dict[str, str]) -> None:
        self._file = file
        self._descriptor = descriptor
        self._environment = environment
        self._known: dict[str, bytes] = {}

    def __call__(self, name: RoleName) -> bytes:
        """The passphrase of an existing key; raises ``WrongPassphrase`` where there is none to be had."""
        return self._get(name, new=False)

    def new(self, name: RoleName) -> bytes:
        """The passphrase for a key about to be made: asked for twice, and not too short."""
        passphrase = self._get(name, new=True)
        if len(passphrase) < PASSPHRASE_MIN_CHARS:
            raise UsageError(
                f"the passphrase is shorter than {PASSPHRASE_MIN_CHARS} characters", hint="use a longer one"
            )
        return passphrase

    def _get(self, name: RoleName, *, new: bool) -> bytes:
        group = "root" if name == "root" or name.startswith("root-") else "repository"
        if group not in self._known:
            self._known[group] = self._given(group) or _prompt(group, new=new)
        return self._known[group]

    def _given(self, group: str) -> bytes | None:
        if self._file is not None:
            return read_passphrase_file(self._file)
        if self._descriptor is not None:
            return self._read_descriptor(self._descriptor)
        docker = f"DOCKER_CONTENT_TRUST_{group.upper()}_PASSPHRASE"
        value = self._environment.get("PYTRUST_PASSPHRASE") or self._environment.get(docker)
        return value.encode() if value else None

    def _read_descriptor(self, descriptor: int) -> bytes:
        try:
            with os.fdopen(os.dup(descriptor), "rb") as stream:
                data = stream.read(_MAX_BYTES)
        except OSError as error:
            raise UsageError(f"file descriptor {descriptor} cannot be read: {error.strerror}") from error
        passphrase = _one_line(data, f"file descriptor {descriptor}")
        self._known = dict.fromkeys(("root", "repository"), passphrase)
        return passphrase


def read_passphrase_file(path: Path) -> bytes:
    """The first line of a file that only its owner can read; raises ``BadPermissions`` for any other."""
    return _one_line(read_private(path, _MAX_BYTES), str(path))


def _one_line(data: bytes, what: str) -> bytes:
    line = data.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise UsageError(f"{what} holds no passphrase")
    return line


def _prompt(group: str, *, new: bool) -> bytes:
    what = "root key" if group == "root" else "signing keys"
    if not sys.stdin.isatty():
        raise WrongPassphrase(f"the passphrase of the {what} is needed", hint=_HINT)
    import getpass

    first = getpass.getpass(f"{'new ' if new else ''}passphrase for the {what}: ")
    if new and getpass.getpass("again: ") != first:
        raise UsageError("the two passphrases differ")
    return first.encode()
