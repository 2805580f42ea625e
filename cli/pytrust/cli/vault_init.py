"""``pytrust vault init``: the vault of a home, and its first ways to unlock it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.home import make_home
from pytrust.cli.vault_passphrase import new_passphrase
from pytrust.cli.vault_room import seconds_now
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.new_file import check_free, write_private

if TYPE_CHECKING:
    from pytrust.cli.home import Home
    from pytrust.trust.vault.header import NewSlot

_KDF_SECONDS: Final = 1.0


@click.command(
    epilog="""\b
examples:
  pytrust vault init
  pytrust vault init --unlock-key-only --unlock-key-file /root/vault.key
  pytrust --passphrase-file /run/keys/vault vault init"""
)
@click.option("--unlock-key-only", is_flag=True, help="Without a passphrase: for a host that nobody is at.")
@click.option(
    "--unlock-key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the unlock key to FILE (mode 0600) instead of printing it.",
)
@click.pass_obj
def init(workspace: Workspace, unlock_key_only: bool, unlock_key_file: Path | None) -> int:
    """Make the vault of this home. It needs no `pytrust init`.

    Two ways unlock it: a passphrase that you choose, and an unlock key that is shown once. Keep that key away from this
    host: without both, nobody opens the vault again. More ways: pytrust vault slot add.
    """
    home = workspace.home
    _check_absent(home)
    if unlock_key_file is not None:
        _check_place(unlock_key_file, home.vault)
    slots = [] if unlock_key_only else [passphrase_slot("")]
    key, slot = unlock_key_slot("")
    make_home(home)
    if unlock_key_file is not None:
        write_key(key, unlock_key_file)
    _create(workspace, [*slots, slot])
    voice.note(f"created {home.vault}")
    tell_key(key, unlock_key_file)
    voice.note("hint: open it for everything on this host: pytrust vault unlock")
    return ExitCode.YES


def passphrase_slot(label: str) -> NewSlot:
    """A slot with a passphrase that is asked for, or given; it costs about a second on this machine."""
    from pytrust.trust.vault.header import NewSlot
    from pytrust.trust.vault.slots import passphrase

    text = new_passphrase("the vault")
    passphrase.normalised(text)  # one that is none is told before a second of work
    with voice.working("making the key of the passphrase"):
        made = passphrase.make(text, passphrase.calibrate(_KDF_SECONDS))
    return NewSlot(passphrase.KIND, label, made.seed, made.params)


def unlock_key_slot(label: str) -> tuple[str, NewSlot]:
    """A new unlock key, and its slot."""
    from pytrust.trust.vault.header import NewSlot
    from pytrust.trust.vault.slots import unlock_key

    key, made = unlock_key.make()
    return key, NewSlot(unlock_key.KIND, label, made.seed, made.params)


def write_key(key: str, file: Path) -> None:
    """To a new file; raises what ``write_private`` does."""
    write_private(file, key.encode() + b"\n")


def tell_key(key: str, file: Path | None) -> None:
    """Show the unlock key, this once, alone on stdout; or say where it is."""
    if file is not None:
        voice.note(f"the unlock key is in {file}: move it to where the vault's disk and backups are not")
        return
    voice.note("the unlock key, shown this once; keep it in a password manager, away from this host:")
    voice.write(key.encode() + b"\n")
    voice.flush()


def _check_absent(home: Home) -> None:
    from pytrust.trust.vault.header import FILE

    if (home.vault / FILE).exists():
        raise UsageError(f"there is a vault at {home.vault}", hint="see what unlocks it: pytrust vault status")


def _check_place(file: Path, vault: Path) -> None:
    if file.absolute().is_relative_to(vault.absolute()):
        raise UsageError(f"{file} lies in the vault, which it would open", hint="choose a place elsewhere")
    check_free(file)


def _create(workspace: Workspace, slots: list[NewSlot]) -> None:
    from pytrust.trust.vault.vault import create_vault

    home = workspace.home
    create_vault(home.vault, home.anchor, slots, now=seconds_now(workspace)).close()
