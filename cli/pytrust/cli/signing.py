"""``pytrust sign``, ``revoke`` and ``approve``: saying what is so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.arguments import parse_refs, signer_option
from pytrust.cli.outcome import say_outcome
from pytrust.cli.render import change_lines, missing_text
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import RELEASES, TARGETS, Target
from pytrust.trust.errors import DigestMismatch, ExitCode, PytrustError, Refused, UsageError
from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE
from pytrust.trust.names import CollectionName, Digest, Format, ImageRef, RoleName, parse_collection, parse_role

if TYPE_CHECKING:
    from pytrust.trust.publish.publisher import Outcome
    from pytrust.trust.registry import Descriptor


@click.command(
    epilog="""\b
examples:
  pytrust sign registry.example.com/foo/web:v2
  pytrust sign --signer alice --local registry.example.com/foo/web:v2
  pytrust sign --from-file tags.txt
  pytrust sign --format tuf registry.example.com/foo/tool:v1"""
)
@click.argument("names", nargs=-1, metavar="NAME...")
@signer_option
@click.option(
    "--from-file", type=click.Path(path_type=Path), metavar="FILE", help="Also sign the names in FILE, one a line."
)
@click.option("--local", is_flag=True, help="Push the image from the engine first.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["both", "tuf", "notary"]),
    default="both",
    show_default=True,
    help="Of a new collection: what docker (<= 28) and notary read, TUF 1.0, or both.",
)
@click.pass_obj
def sign(
    workspace: Workspace,
    names: tuple[str, ...],
    signers: tuple[str, ...],
    from_file: Path | None,
    local: bool,
    form: str,
) -> int:
    """Sign image tags as they are in the registry now.

    All tags of one image are one publish. The first tag of a new image creates its collection. Where more signers must
    agree, the change is kept as a proposal: see `pytrust approve`.
    """
    refs = parse_refs(names, from_file)
    _require_tags(refs)
    owner = workspace.owner(voice.note, tuple(Format) if form == "both" else (Format(form),))
    who = workspace.signers(signers)
    pushed = _push(workspace, refs) if local else {}
    found = _resolve(workspace, refs)
    _require_pushed(found, pushed)
    result = ExitCode.YES
    for name, targets in _by_collection(workspace, found):
        with voice.working(f"signing {voice.plural(len(targets), 'tag')} of {name}"):
            outcome = owner.sign(name, targets, who)
        result = max(result, _report_signed(name, outcome, targets, who))
    return result


@click.command(epilog="example: pytrust revoke registry.example.com/foo/web:v2")
@click.argument("names", nargs=-1, required=True, metavar="NAME[:TAG]...")
@signer_option
@click.pass_obj
def revoke(workspace: Workspace, names: tuple[str, ...], signers: tuple[str, ...]) -> int:
    """Withdraw tags, so that they are refused from now on; a NAME without a tag withdraws all of its tags."""
    owner = workspace.owner(voice.note)
    who = workspace.signers(signers)
    result = ExitCode.YES
    for name in dict.fromkeys(names):
        ref = ImageRef.parse(name)
        whole = ref.tag == "latest" and not name.endswith(":latest")
        if ref.digest is not None:
            raise UsageError(f"{name} names a digest", hint="revoke the tag that points to it")
        outcome = owner.revoke(ref.collection, None if whole else [ref.tag or ""], who)
        shown = f"all tags of {ref.collection}" if whole else str(ref)
        result = max(result, say_outcome(outcome, f"revoked {shown}"))
    return result


@click.command(
    epilog="""\b
examples:
  pytrust approve registry.example.com/foo/web --signer bob
  pytrust approve registry.example.com/foo/web --reject"""
)
@click.argument("name")
@click.option(
    "--signer", "signers", multiple=True, metavar="KEY", help="Sign with this key (repeatable; default: trust.signer)."
)
@click.option("--reject", is_flag=True, help="Drop the change instead.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def approve(workspace: Workspace, name: str, signers: tuple[str, ...], reject: bool, yes: bool) -> int:
    """Show a change that waits for signatures, add yours, and publish it once enough have signed."""
    from pytrust.trust.publish.wire import first_of

    collection = parse_collection(name)
    if reject:
        workspace.publisher.reject(collection)
        voice.say(f"dropped the change to {collection}")
        return ExitCode.YES
    who = [parse_role(signer) for signer in signers] or workspace.signers(())
    owner = workspace.owner(voice.note)
    state, new, lacking = workspace.publisher.proposal(collection)
    voice.say(f"the change to {collection}:")
    before = state.collections if state else {}
    lines = [line for form, held in new.items() for line in change_lines(before.get(form), held)]
    for line in dict.fromkeys(lines):
        voice.say(f"  {line}")
    voice.say(f"  waits for {missing_text(first_of(new), lacking)}")
    if not yes and not voice.confirm(f"sign it as {', '.join(who)}?"):
        raise Refused("nothing was signed", hint="answer y, or give --yes")
    outcome = owner.approve(collection, who, new)
    if outcome.missing:
        voice.say(f"signed by {', '.join(who)}; waits for {missing_text(outcome.collection, outcome.missing)}")
        return ExitCode.NO
    voice.say(f"published {collection}")
    return ExitCode.YES


def _require_tags(refs: Iterable[ImageRef]) -> None:
    for ref in refs:
        if ref.tag is None:
            raise UsageError(f"{ref} has no tag", hint="sign NAME:TAG, or NAME:TAG@sha256:... to insist on a digest")


def _resolve(workspace: Workspace, refs: list[ImageRef]) -> list[tuple[ImageRef, Descriptor]]:
    """Ask the registry for all at once; the first failure ends the command, since one publish takes all or none."""
    deadline = Deadline(max(DEADLINE, len(refs) * 0.5))
    with voice.working(f"asking the registry for {voice.plural(len(refs), 'tag')}"):
        answers = workspace.registry.resolve_all(refs, deadline)
    pairs = []
    for ref, answer in zip(refs, answers, strict=True):
        if isinstance(answer, PytrustError):
            raise answer
        pairs.append((ref, answer))
    return pairs


def _by_collection(
    workspace: Workspace, found: list[tuple[ImageRef, Descriptor]]
) -> Iterable[tuple[CollectionName, list[Target]]]:
    now = f"{workspace.now():%Y-%m-%dT%H:%M:%SZ}"
    ordered = sorted(found, key=lambda pair: pair[0].collection)
    for name, group in groupby(ordered, key=lambda pair: pair[0].collection):
        yield (
            name,
            [
                Target(ref.tag or "", item.digest, item.size, item.media_type, item.platforms, now)
                for ref, item in group
            ],
        )


def _push(workspace: Workspace, refs: list[ImageRef]) -> dict[ImageRef, Digest | None]:
    """Let the engine push; gives the digests that it says it pushed."""
    from pytrust.trust.registry import engine_auth

    pushed = {}
    for ref in refs:
        auth = engine_auth(workspace.credentials, ref, Deadline(DEADLINE))
        with voice.working(f"pushing {ref}"):
            pushed[ref] = workspace.engine.push(ref, auth, lambda _: None)
    return pushed


def _require_pushed(found: list[tuple[ImageRef, Descriptor]], pushed: dict[ImageRef, Digest | None]) -> None:
    """What is signed with --local is what this engine pushed, not what somebody pushed a moment later."""
    for ref, item in found:
        if (sent := pushed.get(ref)) is not None and sent != item.digest:
            raise DigestMismatch(
                f"{ref}: the engine pushed {sent}, but the registry has {item.digest}",
                hint="somebody else pushed this tag meanwhile: compare, then run the command again",
            )


def _report_signed(name: CollectionName, outcome: Outcome, targets: list[Target], who: Sequence[RoleName]) -> ExitCode:
    role = TARGETS if outcome.collection.classic else RELEASES
    authority, document = outcome.collection.authority(role), outcome.collection.documents()[role]
    rule = f"{role} {authority.threshold} of {len(authority.keys)}" if authority else role
    by = role if outcome.collection.classic else ", ".join(who)
    lines = [
        f"{name}:{target.tag}@{target.digest} signed by {by} ({rule}), expires {document.expires:%Y-%m-%d}"
        for target in targets
    ]
    return say_outcome(outcome, *lines)
