"""``pytrust key``: the keys of this home."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.key_files import export_passphrase, import_file, import_uri, write_key
from pytrust.cli.outcome import say_outcome
from pytrust.cli.passphrase import read_passphrase_file
from pytrust.cli.settings import add_root_key
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP, TOP_LEVEL
from pytrust.trust.errors import ExitCode, Refused, UsageError
from pytrust.trust.files import write_atomic
from pytrust.trust.names import CollectionName, Format, RoleName, parse_collection, parse_role

if TYPE_CHECKING:
    from pytrust.trust.keys.keyring import KeyEntry
    from pytrust.trust.keys.online import OnlineRole
    from pytrust.trust.keys.private import KeyKind
    from pytrust.trust.keys.public import PublicKey

output_option = click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE.")


@click.group()
def key() -> None:
    """Your keys: encrypted at rest, opened only to sign."""


@key.command(epilog="example: pytrust key generate bob carol")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["ecdsa-p256", "ecdsa-p384", "ed25519"]),
    default="ecdsa-p256",
    show_default=True,
)
@click.pass_obj
def generate(workspace: Workspace, names: tuple[str, ...], kind: str) -> int:
    """Make keys. ecdsa-p256 works with every client; ed25519 is not for docker's and notary's."""
    from pytrust.trust.keys.private import generate as make

    for name in map(parse_role, names):
        entry = workspace.keyring.add(name, make(cast("KeyKind", kind)), workspace.passphrases.new)
        voice.say(f"{name} sha256:{entry.public.id}")
    return ExitCode.YES


@key.command("list", epilog="example: pytrust key list --json")
@json_option
@click.pass_obj
def list_keys(workspace: Workspace, as_json: bool) -> int:
    """The keys of this home. No passphrase is needed, and no open vault."""
    entries = workspace.keyring.entries()
    if as_json:
        voice.say_json([{"name": e.name, "id": e.public.id, "type": e.public.kind, "uri": e.uri} for e in entries])
    else:
        voice.table(("NAME", "ID", "TYPE", "WHERE"), [_row(entry) for entry in entries])
    return ExitCode.YES


@key.command(
    epilog="""\b
examples:
  pytrust key export alice --public > alice.pub
  pytrust key export root -o root.pem
  pytrust key export alice --docker -o alice.pem && docker trust key load alice.pem
  pytrust key export targets --docker --gun registry.example.com/foo/web --into ~/.docker/trust"""
)
@click.argument("name")
@click.option("--public", is_flag=True, help="Only the public key, for others to know you by.")
@click.option("--docker", is_flag=True, help="As a key file of docker and notary.")
@click.option("--gun", metavar="IMAGE", help="With --docker, for keys of targets and snapshot: the image.")
@click.option(
    "--into", type=click.Path(path_type=Path), metavar="DIR", help="With --docker: put it in place, in DIR/private."
)
@output_option
@click.pass_obj
def export(
    workspace: Workspace,
    name: str,
    public: bool,
    docker: bool,
    gun: str | None,
    into: Path | None,
    output: Path | None,
) -> int:
    """Write a key as PEM: the private key as encrypted PKCS#8, under the passphrase that it has here.

    A key in the vault has none: one is asked for, for the file.
    """
    role = parse_role(name)
    if (public and docker) or (into and output) or ((gun or into) and not docker):
        raise UsageError("these options do not go together", hint="pytrust key export --help")
    if docker:
        return _export_docker(workspace, role, gun, into, output)
    if public:
        write_key(workspace.keyring.entry(role).public.pem.encode(), output, private=False)
        return ExitCode.YES
    from pytrust.trust.keys.private import export_pem

    opened = workspace.keyring.open(role, workspace.passphrases)
    write_key(export_pem(opened, export_passphrase(workspace, role)), output, private=True)
    return ExitCode.YES


@key.command(
    "import",
    epilog="""\b
examples:
  pytrust key import alice alice.pem
  pytrust key import ~/.docker/trust
  pytrust key import release --uri hsm:2?label=release --public-key release.pub""",
)
@click.argument("name", metavar="NAME|FOLDER")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--old-passphrase-file", type=click.Path(path_type=Path), metavar="FILE", help="What the keys are encrypted under."
)
@click.option("--uri", metavar="URI", help="A key in an HSM or KMS: hsm: awskms: gcpkms: azurekms: hv:")
@click.option(
    "--public-key", type=click.Path(path_type=Path), metavar="FILE", help="With --uri: its public key in PEM."
)
@click.pass_obj
def import_key(
    workspace: Workspace,
    name: str,
    file: Path | None,
    old_passphrase_file: Path | None,
    uri: str | None,
    public_key: Path | None,
) -> int:
    """Take a private key into the key ring (PEM or OpenSSH), or a reference to one in an HSM or KMS.

    A folder of docker or notary, or a file of `notary key export`, gives all its keys. Each is named after its role.
    """
    if (file is not None and uri is not None) or (uri is None) != (public_key is None):
        raise UsageError("give either FILE, or --uri with --public-key", hint="pytrust key import --help")
    old = read_passphrase_file(old_passphrase_file) if old_passphrase_file else None
    if file is None and uri is None:
        from pytrust.cli.key_docker import import_all

        return import_all(workspace, Path(name), old)
    if uri is not None and public_key is not None:
        entry = import_uri(workspace, parse_role(name), uri, public_key)
    else:
        entry = import_file(workspace, parse_role(name), cast("Path", file), old)
    voice.say(f"{entry.name} sha256:{entry.public.id}")
    return ExitCode.YES


@key.command(
    epilog="""\b
examples:
  pytrust key rotate alice registry.example.com/foo/web
  pytrust key rotate root --all"""
)
@click.argument("name", metavar="ROLE|SIGNER")
@click.argument("images", nargs=-1, metavar="[IMAGE...]")
@click.option("--all", "everywhere", is_flag=True, help="In every collection of the store.")
@click.option("--signer", "signers", multiple=True, metavar="NAME", help="Who signs what must be signed anew.")
@click.pass_obj
def rotate(workspace: Workspace, name: str, images: tuple[str, ...], everywhere: bool, signers: tuple[str, ...]) -> int:
    """Replace a key: of root, targets, snapshot, timestamp, or of a signer.

    The old key stays in the key ring under a name of its own until you remove it: a root is changed by the old and the
    new key together. Clients of existing images follow by themselves; for images signed first after a change of the
    root key, other hosts must pin the new key too.
    """
    role = parse_role(name)
    chosen = _having(workspace, role) if everywhere else [parse_collection(image) for image in images]
    if not chosen:
        raise UsageError("no image is named", hint="give IMAGE..., or --all")
    if role in {SNAPSHOT, TIMESTAMP}:
        return _rotate_online(workspace, role, chosen)
    return _rotate_held(workspace, role, chosen, signers)


@key.command(epilog="example: pytrust key remove alice-3f9ab210")
@click.argument("name")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(workspace: Workspace, name: str, yes: bool) -> int:
    """Forget a key. What it signed stays valid until it is signed anew or expires."""
    role = parse_role(name)
    entry = workspace.keyring.entry(role)
    if not yes and not voice.confirm(f"forget the key {name} ({entry.public.id[:12]}) for good?"):
        raise Refused(f"{name} was kept", hint="answer y, or give --yes")
    workspace.keyring.remove(role)
    voice.say(f"removed {name}")
    return ExitCode.YES


def _having(workspace: Workspace, role: RoleName) -> list[CollectionName]:
    """The collections of the store that have the role."""
    from pytrust.trust.formats.notary.read import full_name

    names, stored = workspace.reader.collections(), {Format.TUF: role, Format.NOTARY: RoleName(full_name(role))}
    return [
        name
        for name in names
        if role in TOP_LEVEL
        or any(workspace.reader.read(name, held, form=form) is not None for form, held in stored.items())
    ]


def _rotate_online(workspace: Workspace, role: RoleName, images: Sequence[CollectionName]) -> int:
    from pytrust.trust.keys.online import rotate_online_key

    online: OnlineRole = "snapshot" if role == SNAPSHOT else "timestamp"
    public = rotate_online_key(workspace.home.online, online, workspace.key_vault)
    return _rotate_each(workspace, role, public, images, [])


def _rotate_held(workspace: Workspace, role: RoleName, images: Sequence[CollectionName], signers: Sequence[str]) -> int:
    from pytrust.trust.keys.private import generate as make

    old = workspace.keyring.entry(role).public
    parse_role(f"{role}-{old.id[:8]}")  # what the old key will be called: refused now rather than half-way
    config = workspace.home.config.read_bytes().decode("utf-8", "surrogateescape")
    fresh = make("ecdsa-p256")
    entry = workspace.keyring.add(_next_name(workspace, role), fresh, lambda _: workspace.passphrases(role))
    if role == ROOT:  # before anything is published that only the new key vouches for
        text = add_root_key(config, old.id, entry.public.id, str(workspace.home.config))
        write_atomic(workspace.home.config, text.encode("utf-8", "surrogateescape"))
    result = _rotate_each(workspace, role, entry.public, images, [parse_role(signer) for signer in signers])
    kept = workspace.keyring.promote(entry.name, role)
    voice.note(f"hint: the old key is kept as {kept}; remove it when nothing needs it: pytrust key remove {kept}")
    if role == ROOT:
        voice.note(f"hint: if it was stolen, take {old.id[:12]}... out of {workspace.home.config} too")
    return result


def _rotate_each(
    workspace: Workspace,
    role: RoleName,
    public: PublicKey,
    images: Sequence[CollectionName],
    signers: Sequence[RoleName],
) -> int:
    owner = workspace.owner(voice.note)
    result = ExitCode.YES
    for image in images:
        outcome = owner.rotate(image, role, public, signers)
        result = max(result, say_outcome(outcome, f"{image}: {role} is now signed by {public.id[:12]}"))
    return result


def _next_name(workspace: Workspace, role: RoleName) -> RoleName:
    taken = {entry.name for entry in workspace.keyring.entries()}
    return next(name for number in range(1, 1000) if (name := parse_role(f"{role}-next{number}")) not in taken)


def _export_docker(
    workspace: Workspace, name: RoleName, gun: str | None, into: Path | None, output: Path | None
) -> int:
    from pytrust.cli.key_docker import export_docker

    data = export_docker(workspace, name, parse_collection(gun) if gun else None, into)
    if into is None:
        write_key(data, output, private=True)
    return ExitCode.YES


def _row(entry: KeyEntry) -> tuple[str, str, str, str]:
    where = "vault" if entry.in_vault else entry.uri or "key ring, encrypted"
    return (entry.name, entry.public.id, entry.public.kind, where)
