"""``pytrust signer``: who may release tags of an image, and how many must agree."""

from __future__ import annotations

from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.outcome import say_outcome
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import RELEASES, parse_signer
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.files import read_bounded
from pytrust.trust.keys.public import PublicKey, read_public_pem
from pytrust.trust.limits import KEY_FILE_MAX_BYTES
from pytrust.trust.names import RoleName, parse_collection

threshold_option = click.option(
    "--threshold", type=click.IntRange(min=1), metavar="N", help="How many signers must agree."
)
by_option = click.option(
    "--by", "by", multiple=True, metavar="SIGNER", help="Who signs what must be signed anew (default: trust.signer)."
)


@click.group()
def signer() -> None:
    """Who may release tags of an image, and how many must agree."""


@signer.command(
    epilog="""\b
examples:
  pytrust signer add bob registry.example.com/foo/web --key bob.pub
  pytrust signer add carol registry.example.com/foo/web --threshold 2"""
)
@click.argument("name", metavar="SIGNER")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="FILE", help="Public key in PEM (default: from the key ring)."
)
@threshold_option
@by_option
@click.pass_obj
def add(
    workspace: Workspace,
    name: str,
    images: tuple[str, ...],
    key: Path | None,
    threshold: int | None,
    by: tuple[str, ...],
) -> int:
    """Let SIGNER release tags of IMAGE too, or give a signer another key."""
    who = parse_signer(name)
    public = _public_key(workspace, who, key)
    owner = workspace.owner(voice.note)
    result = ExitCode.YES
    for image in map(parse_collection, images):
        outcome = owner.add_signer(image, who, public, threshold, workspace.signers(by))
        authority = outcome.collection.authority(RELEASES)
        rule = f"{authority.threshold} of {len(authority.keys)}" if authority else ""
        done = f"{image}: {who} ({public.id[:12]}) may sign; releases need {rule}"
        result = max(result, say_outcome(outcome, done))
    return result


@signer.command(epilog="example: pytrust signer remove bob registry.example.com/foo/web")
@click.argument("name", metavar="SIGNER")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@threshold_option
@by_option
@click.pass_obj
def remove(workspace: Workspace, name: str, images: tuple[str, ...], threshold: int | None, by: tuple[str, ...]) -> int:
    """Remove SIGNER from IMAGE; tags that only SIGNER vouched for are withdrawn, and listed."""
    who = parse_signer(name)
    owner = workspace.owner(voice.note)
    result = ExitCode.YES
    for image in map(parse_collection, images):
        others = [other for other in workspace.signers(by) if other != who]
        if not others:
            raise UsageError(f"{who} cannot sign what remains", hint="name another signer: --by NAME")
        outcome, orphans = owner.remove_signer(image, who, threshold, others)
        withdrawn = [f"withdrawn {image}:{tag} (nobody else vouches for it)" for tag in orphans]
        result = max(result, say_outcome(outcome, f"{image}: {who} may sign no more", *withdrawn))
    return result


@signer.command("list", epilog="example: pytrust signer list registry.example.com/foo/web")
@click.argument("image")
@json_option
@click.pass_obj
def list_signers(workspace: Workspace, image: str, as_json: bool) -> int:
    """The signers of IMAGE, their keys, and how many must agree."""
    collection = workspace.client().open(parse_collection(image)).collection
    authority = collection.authority(RELEASES)
    rule = f"{authority.threshold} of {len(authority.keys)}" if authority else "nobody"
    if as_json:
        people = [{"name": item.name, "key": item.authority.keys[0].id} for item in collection.signers]
        voice.say_json(
            {"name": collection.name, "threshold": authority.threshold if authority else 0, "signers": people}
        )
        return ExitCode.YES
    rows = [(item.name, item.authority.keys[0].id, item.authority.keys[0].kind) for item in collection.signers]
    voice.say(f"{collection.name}: releases need {rule}")
    voice.table(("SIGNER", "KEY", "TYPE"), rows)
    return ExitCode.YES


def _public_key(workspace: Workspace, name: RoleName, file: Path | None) -> PublicKey:
    if file is None:
        return workspace.keyring.entry(name).public
    return read_public_pem(read_bounded(file, KEY_FILE_MAX_BYTES), str(file))
