"""A new passphrase, for the vault or for what is taken out of it: from the root command's options, or asked for twice.

Those of keys are another matter: see ``passphrase``.
"""

from __future__ import annotations

import sys
from typing import Final

import click

from pytrust.cli import voice
from pytrust.cli.passphrase import read_passphrase_file
from pytrust.cli.secret_input import read_descriptor
from pytrust.trust.errors import UsageError, WrongPassphrase

_HINT: Final = "give it by prompt, or before the command: --passphrase-file FILE, --passphrase-fd N"


def new_passphrase(what: str) -> bytes:
    """The passphrase for ``what``; whether it is good enough is for others to say.

    Raises:
        UsageError: none was given, or two that differ.
        BadPermissions: others can read the file.
        WrongPassphrase: there is no terminal to ask at.
    """
    if (given := given_passphrase()) is not None:
        return given
    if not sys.stdin.isatty():
        raise WrongPassphrase(f"a passphrase for {what} is needed", hint=_HINT)
    first = voice.ask_secret(f"new passphrase for {what}")
    if voice.ask_secret("again") != first:
        raise UsageError("the two passphrases differ", hint="type them again")
    return first.encode("utf-8", "surrogateescape")


def ask_pin() -> bytes:
    """The PIN of a token, once; raises what ``new_passphrase`` does."""
    if (given := given_passphrase()) is not None:
        return given
    if not sys.stdin.isatty():
        raise WrongPassphrase("the PIN of the token is needed", hint=_HINT)
    return voice.ask_secret("PIN of the token").encode("utf-8", "surrogateescape")


def given_passphrase() -> bytes | None:
    """What the root command's options give; None where they give none."""
    given = click.get_current_context().find_root().params
    if (file := given.get("passphrase_file")) is not None:
        return read_passphrase_file(file)
    if (descriptor := given.get("passphrase_fd")) is not None:
        return _line(read_descriptor(descriptor, f"file descriptor {descriptor}"), descriptor)
    return None


def _line(data: bytes, descriptor: int) -> bytes:
    line = data.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise UsageError(f"file descriptor {descriptor} holds no passphrase", hint=_HINT)
    return line
