"""``pytrust secret put``, ``rotate``, ``rollback`` and ``rm``: what is in the vault from now on."""

from __future__ import annotations

import secrets
import string
from pathlib import Path
from typing import Final

import click
from msgspec import UNSET

from pytrust.cli import voice
from pytrust.cli.secret_input import fd_option, file_option, read_value, refuse_argument
from pytrust.cli.secret_words import found, moment, parse_end, parse_labels, parse_name, parse_readers
from pytrust.cli.vault_room import seconds_now
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, Refused, UsageError
from pytrust.trust.limits import SECRET_VERSIONS_MAX
from pytrust.trust.vault.model import Secret
from pytrust.trust.vault.operations import ABSENT, ANY, Done, Operation, Put, Remove, Rollback

_ABSENT: Final = "absent"
_ALPHABET: Final = string.ascii_letters + string.digits  # 5.95 bits a character, and nothing to quote anywhere
_LENGTH: Final = 32
_LENGTH_MIN, _LENGTH_MAX = 16, 1024


@click.command(
    epilog="""\b
examples:
  printf %s "$value" | pytrust secret put db_password --reader image:docker.io/foo/web
  pytrust secret put tls/server.key --file server.key --label team=web --expires 90d
  pytrust secret put db_password                       # asks, and shows nothing"""
)
@click.argument("name")
@click.argument("more", nargs=-1, metavar="")
@file_option
@fd_option
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="For people (repeatable).")
@click.option(
    "--reader", "readers", multiple=True, metavar="WHO", help="uid:N, gid:N, image:NAME, service:NAME (repeatable)."
)
@click.option("--expires", metavar="WHEN", help="Not served from then on: 90d, 2027-06-30, never.")
@click.option("--keep", type=click.IntRange(1, SECRET_VERSIONS_MAX), metavar="N", help="Keep N versions (default: 10).")
@click.option("--expect", metavar="N|absent", help="Only if that is the version now.")
@click.pass_obj
def put(
    workspace: Workspace,
    name: str,
    more: tuple[str, ...],
    file: Path | None,
    fd: int | None,
    labels: tuple[str, ...],
    readers: tuple[str, ...],
    expires: str | None,
    keep: int | None,
    expect: str | None,
) -> int:
    """Keep a value as the next version of NAME: what stdin gives, byte for byte.

    Labels, readers, expiry and the number of versions stay as they are unless they are given.
    """
    refuse_argument(more, name)
    wanted, now = parse_name(name), seconds_now(workspace)
    operation = Put(
        name=wanted,
        value=b"",
        expect=_expected(expect),
        labels=parse_labels(labels) if labels else UNSET,
        readers=parse_readers(readers) if readers else UNSET,
        expires=UNSET if expires is None else parse_end(expires, now),
        keep=UNSET if keep is None else keep,
    )
    return _keep(workspace, operation, read_value(wanted, file, fd))


@click.command(
    epilog="""\b
examples:
  pytrust secret rotate db_password
  openssl genpkey -algorithm ed25519 | pytrust secret rotate tls/server.key --file -"""
)
@click.argument("name")
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--length",
    type=click.IntRange(_LENGTH_MIN, _LENGTH_MAX),
    metavar="N",
    help="Characters (default: as many as now, else 32).",
)
@file_option
@fd_option
@click.pass_obj
def rotate(
    workspace: Workspace, name: str, more: tuple[str, ...], length: int | None, file: Path | None, fd: int | None
) -> int:
    """Put a new random value of letters and digits, or what a program makes. What holds for the secret stays.

    Nobody sees the value here. Who uses the secret reads it when he starts anew.
    """
    refuse_argument(more, name)
    wanted, given = parse_name(name), file is not None or fd is not None
    if given and length is not None:
        raise UsageError("a value that is given has its own length", hint="leave out --length")
    there = found(workspace.vaulted, wanted)
    value = read_value(wanted, file, fd) if given else _random(length or _same_length(there))
    return _keep(workspace, Put(name=wanted, value=b"", expect=there.current.number), value)


@click.command(epilog="example: pytrust secret rollback db_password 3")
@click.argument("name")
@click.argument("number", type=click.IntRange(min=1), metavar="VERSION")
@click.option("--expect", metavar="N", help="Only if that is the version now.")
@click.pass_obj
def rollback(workspace: Workspace, name: str, number: int, expect: str | None) -> int:
    """Make the value of an older VERSION the next one. Nobody sees it, and the audit tells no read."""
    operation = Rollback(name=parse_name(name), number=number, expect=_expected(expect))
    voice.say(f"{name} version {_done(workspace, operation).number}, as version {number} was")
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust secret rm db_password
  pytrust secret rm db_password --version 2 --yes"""
)
@click.argument("name")
@click.option("--version", "number", type=click.IntRange(min=1), metavar="N", help="Only this one.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def rm(workspace: Workspace, name: str, number: int | None, yes: bool) -> int:
    """Forget a secret with all its versions, or one version that is not the current one. No command brings it back."""
    wanted = parse_name(name)
    count = len(found(workspace.vaulted, wanted).versions)
    what = f"version {number} of {wanted}" if number else f"{wanted} and {voice.plural(count, 'version')} of it"
    if not yes and not voice.confirm(f"forget {what} for good?"):
        raise Refused(f"{wanted} was kept", hint="answer y, or give --yes")
    _done(workspace, Remove(name=wanted, number=number))
    voice.say(f"removed {f'version {number} of {wanted}' if number else wanted}")
    return ExitCode.YES


def _keep(workspace: Workspace, operation: Put, value: bytes) -> int:
    from msgspec.structs import replace

    done = _done(workspace, replace(operation, value=value))
    voice.say(f"{operation.name} version {done.number}")
    end = found(workspace.vaulted, operation.name).terms.expires
    if end is not None and end <= seconds_now(workspace):
        voice.note(f"note: {operation.name} is not served: its time was over at {moment(end)} UTC")
        voice.note(f"hint: pytrust secret expire {operation.name} 90d")
    return ExitCode.YES


def _done(workspace: Workspace, operation: Operation) -> Done:
    answer = workspace.vaulted.ask(operation)
    assert isinstance(answer, Done)
    return answer


def _expected(text: str | None) -> int:
    if text is None:
        return ANY
    if text == _ABSENT:
        return ABSENT
    if not text.isascii() or not text.isdecimal() or not 0 < len(text) <= 9 or text.startswith("0"):  # noqa: PLR2004
        raise UsageError(f"{text[:40]!r} is no version", hint="a number as in pytrust secret history, or absent")
    return int(text)


def _same_length(secret: Secret) -> int:
    size = secret.current.size
    return size if _LENGTH_MIN <= size <= _LENGTH_MAX else _LENGTH


def _random(length: int) -> bytes:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length)).encode()
