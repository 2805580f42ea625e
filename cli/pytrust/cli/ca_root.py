"""``pytrust ca root``: the root key lies where no network reaches, and comes back for a rotation."""

from __future__ import annotations

from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, Refused


@click.group(
    epilog="""\b
take it off this host:
  pytrust ca root export /media/usb/root.key
  pytrust ca root remove
\b
back for a rotation:
  pytrust ca root import /media/usb/root.key"""
)
def root() -> None:
    """The root key: whoever has it and its passphrase can be any engine to every client.

    Issuing, renewing and revoking do not need it; rotating does.
    """


@root.command(epilog="example: pytrust ca root export /media/usb/root.key")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def export(workspace: Workspace, file: Path) -> int:
    """Write the root key to a new FILE, sealed under the passphrase that it has here, and see that it opens.

    A root key in the vault has no passphrase: one is asked for, for the file.
    """
    with voice.working("opening what was written"):
        written = workspace.authority.export_root(file, new_passphrase=workspace.passphrases.new)
    voice.say(f"wrote {written}, sealed; it opens")
    voice.note("hint: keep two copies apart from each other, then: pytrust ca root remove")
    return ExitCode.YES


@root.command(epilog="example: pytrust ca root remove")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(workspace: Workspace, yes: bool) -> int:
    """Delete the root key from this host. It must have been exported before."""
    if not yes and not voice.confirm("delete the root key from this host? only the exported file can rotate then"):
        raise Refused("the root key was kept", hint="answer y, or give --yes")
    workspace.authority.remove_root()
    voice.say("removed the root key from this host")
    return ExitCode.YES


@root.command("import", epilog="example: pytrust ca root import /media/usb/root.key")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_key(workspace: Workspace, file: Path) -> int:
    """Take an exported root key back."""
    workspace.authority.import_root(file)
    voice.say("the root key is on this host again")
    return ExitCode.YES
