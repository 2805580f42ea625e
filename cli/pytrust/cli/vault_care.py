"""``pytrust vault rekey`` and ``verify``: new keys, and a look at every byte."""

from __future__ import annotations

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.vault_room import hand_over, seconds_now, unlock_here
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode


@click.command(epilog="example: pytrust vault rekey")
@click.pass_obj
def rekey(workspace: Workspace) -> int:
    """A new master key, and new wrappings for the key of every value. Values stay as they lie; no slot changes.

    Do it when the old master key may be known, as after somebody with access left. It is one step: interrupted, the
    vault is as it was. An agent that holds the vault open gets the new key; other processes have to open it anew.
    """
    vault = unlock_here(workspace)
    with voice.working("making new keys"):
        vault.rekey(seconds_now(workspace))
    hand_over(workspace, vault)
    voice.say(f"the vault has new keys: epoch {vault.header.epoch}, generation {vault.header.generation}")
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust vault verify
  pytrust vault verify --json"""
)
@json_option
@click.pass_obj
def verify(workspace: Workspace, as_json: bool) -> int:
    """Read and check all of it: header, manifest, every version of every secret, the audit. One line a fault.

    Exit code 4 where there is one.
    """
    vault = unlock_here(workspace)
    with voice.working("reading the vault"):
        faults = list(vault.verify())
    count = sum(len(vault.secret(name).versions) for name in vault.names()) if not faults else 0
    if as_json:
        voice.say_json({"generation": vault.header.generation, "faults": faults})
    elif faults:
        for fault in faults:
            voice.say(fault)
        voice.note("hint: get a backup from before the damage: pytrust vault restore FILE")
    else:
        voice.say(f"the vault is whole: generation {vault.header.generation}, {voice.plural(count, 'value')}")
    return ExitCode.UNSOUND if faults else ExitCode.YES
