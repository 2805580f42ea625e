"""Keys out of one file into the key ring, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytrust.cli import voice
from pytrust.trust.errors import UsageError
from pytrust.trust.files import PRIVATE, PUBLIC, read_bounded, write_atomic
from pytrust.trust.limits import KEY_FILE_MAX_BYTES

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.keys.keyring import KeyEntry
    from pytrust.trust.names import RoleName


def import_uri(workspace: Workspace, name: RoleName, uri: str, public_key: Path) -> KeyEntry:
    """Keep a reference to a key in an HSM or KMS."""
    from pytrust.trust.keys.public import read_public_pem

    public = read_public_pem(read_bounded(public_key, KEY_FILE_MAX_BYTES), str(public_key))
    return workspace.keyring.add_uri(name, public, uri)


def import_file(workspace: Workspace, name: RoleName, file: Path, old: bytes | None) -> KeyEntry:
    """Take the key of a file of any tool; ``old`` is the passphrase that it is encrypted under."""
    from pytrust.cli.key_docker import open_one
    from pytrust.trust.keys.notary_file import is_notary_file
    from pytrust.trust.keys.private import import_pem

    data = read_bounded(file, KEY_FILE_MAX_BYTES)
    if is_notary_file(data, file.name):
        opened = open_one(workspace, name, data, file, old)
    else:
        opened = import_pem(data, old, str(file))
    return workspace.keyring.add(name, opened, workspace.passphrases.new)


def export_passphrase(workspace: Workspace, name: RoleName) -> bytes:
    """What an exported key is sealed under: the passphrase that it has here, or a new one where the vault has it."""
    passphrases = workspace.passphrases
    return passphrases.new(name) if workspace.keyring.entry(name).in_vault else passphrases(name)


def write_key(data: bytes, output: Path | None, *, private: bool) -> None:
    """To a file that was not there, or to the standard output."""
    if output is None:
        voice.write(data)
        return
    try:
        write_atomic(output, data, mode=PRIVATE if private else PUBLIC, replace=False)
    except FileExistsError:
        raise UsageError(f"{output} exists already", hint="choose another name") from None
