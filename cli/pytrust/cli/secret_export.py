"""``pytrust secret export``: secrets in a file that the program age opens, and ``pytrust secret import`` elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.secret_words import chosen
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, NoSuchSecret, SecretExpired, UsageError
from pytrust.trust.limits import AGE_RECIPIENT_MAX_CHARS, AGE_RECIPIENTS_MAX
from pytrust.trust.new_file import check_free, write_private
from pytrust.trust.vault.operations import Get, Value

if TYPE_CHECKING:
    from pytrust.trust.vault.asking import Vaulted
    from pytrust.trust.vault.bundle import Bundled
    from pytrust.trust.vault.model import Secret

_PURPOSE: Final = "pytrust secret export"
_FILE_MAX_BYTES: Final = AGE_RECIPIENTS_MAX * AGE_RECIPIENT_MAX_CHARS


@click.command(
    epilog="""\b
examples:
  pytrust secret export --recipient age1ql3z7hjy... -o secrets.age
  pytrust secret export shop/ --recipients-file ~/.ssh/id_ed25519.pub -o shop.age
  pytrust secret export tls/server.key --raw --passphrase -o server.key.age && age -d server.key.age"""
)
@click.argument("names", nargs=-1, metavar="[NAME|PREFIX/]...")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to FILE, a new one (default: stdout).",
)
@click.option(
    "--recipient", "recipients", multiple=True, metavar="KEY", help="age1... or an SSH public key (repeatable)."
)
@click.option(
    "--recipients-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Recipients, one a line; # begins a comment.",
)
@click.option("--passphrase", is_flag=True, help="Encrypt with a passphrase instead.")
@click.option("--raw", is_flag=True, help="One value alone, not a document of several.")
@click.pass_obj
def export(
    workspace: Workspace,
    names: tuple[str, ...],
    output: Path | None,
    recipients: tuple[str, ...],
    recipients_file: Path | None,
    passphrase: bool,
    raw: bool,
) -> int:
    """Write the current values, encrypted with age: all, those named, or those below a PREFIX/. Never in the clear.

    Who opens the file with age -d finds a JSON document, or with --raw the one value. Labels, readers and expiry go
    with it; older versions, and pytrust's own secrets, do not: for a copy of everything see pytrust vault backup.
    """
    from pytrust.trust.vault import age
    from pytrust.trust.vault.bundle import encode_bundle

    _check_output(output)
    to = _recipients(recipients, recipients_file, passphrase=passphrase)
    by = _passphrase() if passphrase else None
    secrets = list(_read(workspace.vaulted, names, raw=raw))
    data = age.encrypt(secrets[0].value if raw else encode_bundle(secrets), to, by)
    if output is None:
        voice.write(data)
    else:
        write_private(output, data)
    where = f" to {output}" if output else ""
    voice.note(f"wrote {voice.plural(len(secrets), 'secret')}{where}, encrypted")
    return ExitCode.YES


def _recipients(given: Sequence[str], file: Path | None, *, passphrase: bool) -> list[str]:
    """For whom it is; one that is none is told before anything is read."""
    from pytrust.trust.vault.age_keys import read_recipients

    to = [*given, *(_read_recipients(file) if file else ())]
    if passphrase == bool(to):
        raise UsageError(
            "for whom is it?",
            hint="--recipient KEY, --recipients-file FILE or --passphrase; nothing leaves in the clear",
        )
    if to:
        read_recipients(to)
    return to


def _read(vault: Vaulted, names: Sequence[str], *, raw: bool) -> Iterator[Bundled]:
    """The values of what is named; what is over is left out, where it was not named itself."""
    from pytrust.trust.vault.bundle import Bundled

    secrets, count = chosen(vault, names), 0
    if raw and len(secrets) != 1:
        raise UsageError(f"--raw takes one secret, and these are {len(secrets)}", hint="name one, or leave out --raw")
    for secret in secrets:
        value = _value(vault, secret, named=secret.name in names)
        if value is not None:
            count += 1
            yield Bundled(secret.name, value, secret.terms)
    if not count:
        raise NoSuchSecret("no secret is left to be exported: the time of all is over")


def _value(vault: Vaulted, secret: Secret, *, named: bool) -> bytes | None:
    try:
        answer = vault.ask(Get(name=secret.name, purpose=_PURPOSE))
    except SecretExpired:
        if named:
            raise
        voice.note(f"note: {secret.name} is left out: its time is over")
        return None
    assert isinstance(answer, Value)
    return answer.value


def _read_recipients(file: Path) -> list[str]:
    try:
        with file.open("rb") as stream:  # a pipe, too
            text = stream.read(_FILE_MAX_BYTES).decode()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", hint="check the name") from error
    except UnicodeDecodeError:
        raise UsageError(f"{file} holds no recipients", hint="one a line: age1..., or an SSH public key") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _passphrase() -> bytes:
    from pytrust.cli.vault_passphrase import new_passphrase

    return new_passphrase("the exported file")


def _check_output(output: Path | None) -> None:
    if output is None and sys.stdout.isatty():
        raise UsageError("an encrypted file is nothing for a terminal", hint="write it to a file: -o FILE")
    if output is not None:
        check_free(output)
