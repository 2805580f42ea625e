"""``docker trust signer``: docker's words, pytrust's doing. ``remove`` really removes, which docker's has not since 26.

Every image is worked on, whatever becomes of the others, as docker does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.docker_plugin_key import read_signer_key
from pytrust.cli.outcome import say_outcome
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import Collection, parse_signer
from pytrust.trust.errors import ExitCode, PytrustError, Refused, UsageError
from pytrust.trust.files import read_bounded
from pytrust.trust.limits import KEY_FILE_MAX_BYTES
from pytrust.trust.names import RoleName, parse_collection

if TYPE_CHECKING:
    from pytrust.trust.publish.owner import Owner


@click.group()
def signer() -> None:
    """Manage entities who can sign Docker images."""


@signer.command(epilog="example: docker trust signer add --key bob.pub bob registry.example.com/foo/web")
@click.argument("name")
@click.argument("images", nargs=-1, required=True, metavar="REPOSITORY...")
@click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Path to the signer's public key file.",
)
@click.pass_obj
def add(workspace: Workspace, name: str, images: tuple[str, ...], keys: tuple[Path, ...]) -> int:
    """Add a signer."""
    who = parse_signer(name)
    if len(keys) > 1:
        raise UsageError("one signer has one key here", hint="add each key under a name of its own")
    public = read_signer_key(read_bounded(keys[0], KEY_FILE_MAX_BYTES), str(keys[0]), workspace.now())
    owner = workspace.owner(voice.note)

    def add_to(image: str) -> ExitCode:
        voice.say(f'Adding signer "{who}" to {image}...')
        outcome = owner.add_signer(parse_collection(image), who, public, None, workspace.signers(()))
        return say_outcome(outcome, f"Successfully added signer: {who} to {image}", "")

    return _each(images, add_to, "failed to add signer to")


@signer.command(epilog="example: docker trust signer remove bob registry.example.com/foo/web")
@click.argument("name")
@click.argument("images", nargs=-1, required=True, metavar="REPOSITORY...")
@click.option("--force", "-f", is_flag=True, help="Do not prompt for confirmation before tags are withdrawn.")
@click.pass_obj
def remove(workspace: Workspace, name: str, images: tuple[str, ...], force: bool) -> int:
    """Remove a signer; tags that nobody else signed are withdrawn."""
    who = parse_signer(name)
    owner = workspace.owner(voice.note)

    def remove_from(image: str) -> ExitCode:
        voice.say(f'Removing signer "{who}" from {image}...')
        collection = workspace.client().open(parse_collection(image)).collection
        if not force and not _confirmed(collection, who, image):
            raise Refused("nothing was removed", hint="answer y, or give --force")
        return _remove(workspace, owner, collection, who, image)

    return _each(images, remove_from, "error removing signer from")


def _remove(workspace: Workspace, owner: Owner, collection: Collection, who: RoleName, image: str) -> ExitCode:
    others = _others(workspace, collection, who)
    outcome, orphans = owner.remove_signer(collection.name, who, None, others)
    withdrawn = [f"Withdrawn: {image}:{tag}, which nobody else signed" for tag in orphans]
    return say_outcome(outcome, *withdrawn, f"Successfully removed {who} from {image}", "")


def _each(images: Sequence[str], work: Callable[[str], ExitCode], failing: str) -> ExitCode:
    result, failed = ExitCode.YES, []
    for image in images:
        try:
            result = max(result, work(image))
        except PytrustError as error:
            voice.fail(error)
            failed.append(image)
    if failed:
        raise Refused(f"{failing}: {', '.join(failed)}")
    return result


def _confirmed(collection: Collection, who: RoleName, image: str) -> bool:
    """Docker asks where the last release would lose its signature; here, where a tag would lose its last one."""
    alone = [tag for tag, target in collection.releases.items() if collection.vouchers(target) == (who,)]
    question = f'Only "{who}" signed {voice.plural(len(alone), "tag")} of {image}. Removing this signer will make'
    return not alone or voice.confirm(f"{question} {'them' if len(alone) > 1 else 'it'} unpullable. Continue?")


def _others(workspace: Workspace, collection: Collection, who: RoleName) -> list[RoleName]:
    """Who signs what must be signed anew: the usual signer, else one of those whose key is here."""
    usual = workspace.settings.signer
    held = {entry.public for entry in workspace.keyring.entries()}
    able = [item.name for item in collection.signers if item.name != who and held & set(item.authority.keys)]
    return [usual] if usual in able else able[:1]
