"""A value on its way into the vault: from stdin, a file, a descriptor or the terminal. Never an argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from pytrust.cli import voice
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import SECRET_MAX_BYTES
from pytrust.trust.vault.edit import check_value
from pytrust.trust.vault.names import SecretName

_STDIN: Final = 0
_EMPTY: Final = "did the command before the pipe fail?"

file_option = click.option(
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="The value is what FILE holds, byte for byte; - is stdin.",
)
fd_option = click.option("--fd", type=int, metavar="N", help="The value is what file descriptor N gives.")


def refuse_argument(more: tuple[str, ...], name: str) -> None:
    """Raises ``UsageError`` where a value was given as an argument; it is not told again."""
    if more or "=" in name:
        raise UsageError(
            "a value is never an argument: every user of this host could see it, and the shell's history keeps it",
            hint='printf %s "$value" | pytrust secret put NAME',
        )


def read_value(name: SecretName, file: Path | None, descriptor: int | None) -> bytes:
    """The value of the secret ``name``, byte for byte; asked for twice where stdin is a terminal.

    Raises:
        UsageError: it is given twice, cannot be read, is empty or too large.
    """
    if file is not None and descriptor is not None:
        raise UsageError("the value is given twice", hint="give --file or --fd, or pipe it in")
    if descriptor is not None:
        return _checked(read_descriptor(descriptor, f"file descriptor {descriptor}"), name, _EMPTY)
    if file is not None and file != Path("-"):
        return _checked(_read_file(file), name, f"{file} is empty")
    if sys.stdin.isatty():
        return _checked(_typed(name), name, "type it, or pipe it in")
    value = _checked(read_descriptor(_STDIN, "stdin"), name, _EMPTY)
    if value.count(b"\n") == 1 and value.endswith(b"\n"):
        voice.note(f"note: the value of {name} ends with a newline, which is kept; printf %s writes none")
    return value


def read_descriptor(descriptor: int, what: str) -> bytes:
    """What a descriptor gives, as far as a value may go and one byte more; raises ``UsageError``."""
    try:
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.read(SECRET_MAX_BYTES + 1)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "no such descriptor"
        raise UsageError(f"{what} cannot be read: {reason}", hint="pipe the value in") from error


def _read_file(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(SECRET_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", hint="check the name") from error


def _typed(name: str) -> bytes:
    value = voice.ask_secret(f"value of {name}")
    if voice.ask_secret("again") != value:
        raise UsageError("the two values differ", hint="type it again, or pipe it in")
    return value.encode("utf-8", "surrogateescape")


def _checked(value: bytes, name: SecretName, hint: str) -> bytes:
    if not value:
        raise UsageError(f"the value of {name} is empty", hint=hint)
    check_value(name, value)
    return value
