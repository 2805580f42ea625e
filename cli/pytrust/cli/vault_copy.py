"""``pytrust vault backup`` and ``restore``: the vault in one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode


@click.command(
    epilog="""\b
examples:
  pytrust vault backup /srv/backup/vault.tar
  pytrust vault backup "/srv/backup/vault-$(date +%F).tar\""""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup(workspace: Workspace, file: Path) -> int:
    """Write all of the vault to FILE (mode 0600), as one moment has it, still encrypted. It need not be unlocked.

    What unlocks the vault now unlocks the copy for ever, also after a rekey or the removal of a slot. Changes of the
    vault wait while the file is written.
    """
    from pytrust.trust.vault.copy import backup as write

    with voice.working("writing the backup"):
        header = write(workspace.home.vault, file)
    voice.say(f"wrote {file}: generation {header.generation}")
    voice.note("hint: what unlocks the vault is not in it: keep the unlock key elsewhere")
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust vault restore /srv/backup/vault.tar
  pytrust vault restore --older /srv/backup/vault-2026-11-30.tar"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--older", is_flag=True, help="Also where this host has seen a newer vault: what came later is lost.")
@click.pass_obj
def restore(workspace: Workspace, file: Path, older: bool) -> int:
    """Put a backup in the place of the vault, or where there is none. It is unlocked and read whole first.

    The vault that was there is kept beside it. A backup that is older than what this host has seen is refused without
    --older: it brings back removed slots, old values, and permissions that were taken away since.
    """
    from pytrust.cli.vault_restoring import restored

    done = restored(workspace, file, older=older)
    voice.say(f"restored {workspace.home.vault}: generation {done.generation}")
    if done.seen > done.generation:
        voice.note(f"lost: what was changed in {_generations(done.generation + 1, done.seen)}")
    for what in done.lost:
        voice.note(f"lost: {what}")
    if done.aside:
        voice.note(f"hint: the vault that was there is {done.aside}; remove it when nothing is missed")
    return ExitCode.YES


def _generations(first: int, last: int) -> str:
    return f"generation {first}" if first == last else f"generations {first} to {last}"
