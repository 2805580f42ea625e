"""``docker trust key``: docker's words; the keys come into the key ring of pytrust's home."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import click

from pytrust.cli import voice
from pytrust.cli.key_files import import_file
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import parse_signer
from pytrust.trust.errors import ExitCode, NotFound, UsageError
from pytrust.trust.files import PRIVATE, check_owned, write_atomic
from pytrust.trust.keys.public import PublicKey, read_public_pem

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_KEY: Final = "-----BEGIN PUBLIC KEY-----\n"


@click.group()
def key() -> None:
    """Manage keys for signing Docker images."""


@key.command(epilog="example: docker trust key generate alice --dir .")
@click.argument("name")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Where the public key goes (default: here)."
)
@click.pass_obj
def generate(workspace: Workspace, name: str, folder: Path | None) -> int:
    """Generate and load a signing key-pair."""
    from pytrust.trust.keys.private import generate as make

    who = parse_signer(name)
    place = (folder or Path()).absolute() / f"{who}.pub"
    if not place.parent.is_dir():
        raise UsageError(f'public key path does not exist: "{place.parent}"', hint="make the folder, or give another")
    if place.exists():
        raise UsageError(f'public key file already exists: "{place}"', hint="choose another name, or another --dir")
    voice.say(f"Generating key for {who}...")
    entry = workspace.keyring.add(who, make("ecdsa-p256"), workspace.passphrases.new)
    write_atomic(place, write_signer_key(entry.public, who), mode=PRIVATE, replace=False)
    voice.say(f"Successfully generated and loaded private key. Corresponding public key available: {place}")
    return ExitCode.YES


@key.command(epilog="example: docker trust key load --name alice alice.pem")
@click.argument("file", metavar="KEYFILE", type=click.Path(path_type=Path))
@click.option("--name", default="signer", show_default=True, metavar="NAME", help="Name for the loaded key.")
@click.pass_obj
def load(workspace: Workspace, file: Path, name: str) -> int:
    """Load a private key file for signing."""
    who = parse_signer(name)
    voice.say(f'Loading key from "{file}"...')
    if not file.exists():
        raise NotFound(f"there is no file {file}")
    check_owned(file, forbidden=0o077)
    import_file(workspace, who, file, None)
    voice.say(f"Successfully imported key from {file}")
    return ExitCode.YES


def write_signer_key(public: PublicKey, name: str) -> bytes:
    """The file that docker leaves for the owner of an image: PEM, and whose key it is."""
    return public.pem.replace(_KEY, f"{_KEY}role: {name}\n\n", 1).encode()


def read_signer_key(data: bytes, what: str, now: datetime) -> PublicKey:
    """The key of a signer, from PEM of the key or of a certificate that is in its time.

    Raises:
        UsageError: it is neither, or of a kind that cannot sign here.
        BadMetadata: the certificate cannot be read.
    """
    if _CERTIFICATE not in data:
        return read_public_pem(data, what)
    from pytrust.trust.formats.notary.certificates import parse_bundle

    leaf = parse_bundle(data)[0]
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise UsageError(f"the certificate in {what} is not in its time", hint="give a newer one, or the bare key")
    return read_public_pem(PublicKey.of(leaf.public_key()).pem.encode(), what)
