"""Where passphrases come from: a file, a descriptor, the environment, or a prompt. Never an argument.

New keys are sealed under one passphrase for ``root`` and one for everything else, as docker does; existing ones are
asked for one by one, since people share key rings. ``PYTRUST_PASSPHRASE``, a file or a descriptor answer for all.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pytrust.cli import voice
from pytrust.trust.errors import UsageError, WrongPassphrase
from pytrust.trust.files import read_private
from pytrust.trust.limits import PASSPHRASE_MAX_BYTES, PASSPHRASE_MIN_CHARS
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
        self._asked: dict[RoleName, bytes] = {}

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
        if len(passphrase) > PASSPHRASE_MAX_BYTES:
            raise UsageError(f"the passphrase is longer than {PASSPHRASE_MAX_BYTES} bytes", hint="use a shorter one")
        return passphrase

    def _get(self, name: RoleName, *, new: bool) -> bytes:
        group = "root" if name == "root" or name.startswith("root-") else "repository"
        if group in self._known:
            return self._known[group]
        if given := self._given(group):
            self._known[group] = given
            return given
        if new:
            self._known[group] = _prompt("the root key" if group == "root" else "the signing keys", new=True)
            return self._known[group]
        if name not in self._asked:
            self._asked[name] = _prompt(f"the key {name}", new=False)
        return self._asked[name]

    def _given(self, group: str) -> bytes | None:
        if self._file is not None:
            return read_passphrase_file(self._file)
        if self._descriptor is not None:
            return self._read_descriptor(self._descriptor)
        docker = f"DOCKER_CONTENT_TRUST_{group.upper()}_PASSPHRASE"
        value = self._environment.get("PYTRUST_PASSPHRASE") or self._environment.get(docker)
        return os.fsencode(value) if value else None

    def _read_descriptor(self, descriptor: int) -> bytes:
        try:
            with os.fdopen(os.dup(descriptor), "rb") as stream:
                data = stream.read(_MAX_BYTES)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "no such descriptor"
            raise UsageError(f"file descriptor {descriptor} cannot be read: {reason}") from error
        passphrase = _one_line(data, f"file descriptor {descriptor}")
        self._known = dict.fromkeys(("root", "repository"), passphrase)
        return passphrase


def read_passphrase_file(path: Path) -> bytes:
    """The first line of a file that only its owner can read; raises ``BadPermissions`` for any other."""
    return _one_line(read_private(path, _MAX_BYTES, missing=_HINT), str(path))


def _one_line(data: bytes, what: str) -> bytes:
    line = data.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise UsageError(f"{what} holds no passphrase")
    return line


def _prompt(what: str, *, new: bool) -> bytes:
    if not sys.stdin.isatty():
        raise WrongPassphrase(f"the passphrase of {what} is needed", hint=_HINT)
    first = voice.ask_secret(f"{'new ' if new else ''}passphrase for {what}")
    if new and voice.ask_secret("again") != first:
        raise UsageError("the two passphrases differ")
    return first.encode()
