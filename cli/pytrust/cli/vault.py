"""``pytrust vault``: the vault itself, as a group of commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from pytrust.cli.lazy import LazyGroup


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "init": ("vault_init", "make the vault of this home, and its first way to unlock it"),
        "unlock": ("vault_agent:unlock", "open it, once, for everything that runs on this host"),
        "lock": ("vault_agent:lock", "close it again"),
        "status": ("vault_agent:status", "is it open, how far has it come, what unlocks it"),
        "agent": ("vault_agent:agent", "hold it open for others: what unlock starts, and systemd runs"),
        "units": ("vault_units:units", "print the systemd unit of the agent"),
        "slot": ("vault_slot:slot", "ways to unlock: add, remove"),
        "adopt": ("vault_adopt:adopt", "move the private keys of this home into the vault"),
        "rekey": ("vault_care:rekey", "new keys for all that lies in it"),
        "verify": ("vault_care:verify", "read and check every byte"),
        "backup": ("vault_copy:backup", "write one file that holds all of it, still encrypted"),
        "restore": ("vault_copy:restore", "put a backup back"),
    }


@click.group(
    cls=_Commands,
    epilog="""\b
examples:
  pytrust vault init
  pytrust vault unlock
  printf %s "$value" | pytrust secret put db_password --reader image:docker.io/foo/web""",
)
def vault() -> None:
    """Secrets at rest: encrypted, versioned, and never served older than what was seen."""
