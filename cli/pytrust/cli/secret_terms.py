"""``pytrust secret expire``, ``allow`` and ``deny``: what holds for a secret, without touching its value."""

from __future__ import annotations

import click

from pytrust.cli import voice
from pytrust.cli.secret_words import expiry, found, parse_end, parse_name, parse_readers, spelled_reader
from pytrust.cli.vault_room import seconds_now
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.vault.model import Reader
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Amend


@click.command(
    epilog="""\b
examples:
  pytrust secret expire db_password 90d
  pytrust secret expire db_password 2027-06-30T12:00+02:00
  pytrust secret expire db_password never"""
)
@click.argument("name")
@click.argument("when")
@click.pass_obj
def expire(workspace: Workspace, name: str, when: str) -> int:
    """From WHEN on a secret is not served any more, to anybody; it stays in the vault.

    WHEN is 12h, 90d, 4w or 1y from now, a date or moment (UTC unless it says otherwise), or never.
    """
    wanted, now = parse_name(name), seconds_now(workspace)
    end = parse_end(when, now)
    workspace.vaulted.ask(Amend(name=wanted, expires=end))
    voice.say(f"{wanted} is served {'for ever' if end is None else f'until {expiry(end, now)} UTC'}")
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust secret allow db_password image:docker.io/foo/web
  pytrust secret allow db_password image:registry.example.com/shop/** service:shop-* uid:1000 gid:50"""
)
@click.argument("name")
@click.argument("readers", nargs=-1, required=True, metavar="READER...")
@click.pass_obj
def allow(workspace: Workspace, name: str, readers: tuple[str, ...]) -> int:
    """Let containers of an image, a service of the swarm, a user or a group read a secret.

    The vault's owner reads everything. Images are those that the proxy verified; * stands for a part between slashes,
    ** for any rest.
    """
    wanted, new = parse_name(name), parse_readers(readers)
    there = found(workspace.vaulted, wanted).terms.readers
    return _set(workspace, wanted, tuple(dict.fromkeys((*there, *new))))


@click.command(epilog="example: pytrust secret deny db_password image:docker.io/foo/web")
@click.argument("name")
@click.argument("readers", nargs=-1, required=True, metavar="READER...")
@click.pass_obj
def deny(workspace: Workspace, name: str, readers: tuple[str, ...]) -> int:
    """Take a permission back, as it was given. What was read before is known: rotate the secret, too."""
    wanted, gone = parse_name(name), [spelled_reader(reader) for reader in readers]
    there = found(workspace.vaulted, wanted).terms.readers
    for reader in gone:
        if reader not in there:
            has = f"it has: {', '.join(there)}" if there else "it has none"
            raise UsageError(f"{reader} is no reader of {wanted}", hint=has)
    return _set(workspace, wanted, tuple(reader for reader in there if reader not in gone))


def _set(workspace: Workspace, name: SecretName, readers: tuple[Reader, ...]) -> int:
    workspace.vaulted.ask(Amend(name=name, readers=readers))
    voice.say(f"{name}: {', '.join(sorted(readers)) or 'no readers but the owner'}")
    return ExitCode.YES
