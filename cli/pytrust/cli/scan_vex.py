"""``pytrust scan vex``: signed statements that something which was found does not affect an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.lazy import LazyGroup
from pytrust.cli.outcome import say_outcome
from pytrust.cli.scan_signing import require_store, signed_platforms
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import VEX, parse_signer
from pytrust.trust.errors import ExitCode, Unsigned, UsageError
from pytrust.trust.names import ImageRef

if TYPE_CHECKING:
    from pytrust.scanner.binding import Pushed
    from pytrust.scanner.claim import Claims
    from pytrust.scanner.vex.document import VexDocument
    from pytrust.trust.names import Digest

as_option = click.option(
    "--as", "signers", multiple=True, metavar="NAME", help="Sign as NAME (repeatable; default: trust.signer)."
)


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "attach": ("scan_vex:attach", "sign what VEX documents say about an image"),
        "detach": ("scan_vex:detach", "withdraw all of it"),
        "show": ("scan_vex:show", "what is signed, and so counts"),
    }


@click.group(
    cls=_Commands,
    epilog="""\b
examples:
  pytrust scan vex attach foo/web:v2 web.openvex.json
  pytrust scan vex show foo/web:v2""",
)
def vex() -> None:
    """VEX counts where it is signed for the image, by whoever may say so, and not by the scanner."""


@click.command(
    epilog="""\b
examples:
  pytrust scan vex attach foo/web:v2 web.openvex.json
  pytrust scan vex attach foo/web:v2 vendor.cdx.json ours.openvex.json --as alice
  pytrust scan vex attach foo/web:v2 web.openvex.json --may alice --may bob --threshold 2"""
)
@click.argument("image")
@click.argument("documents", nargs=-1, required=True, metavar="FILE...")
@click.option("--platform", metavar="OS/ARCH", help="Of an index, this one [default: all].")
@as_option
@click.option(
    "--may", multiple=True, metavar="NAME", help="Let exactly these sign VEX of IMAGE from now on (repeatable)."
)
@click.option("--threshold", type=click.IntRange(min=1), metavar="N", help="How many of those must agree.")
@click.pass_obj
def attach(
    workspace: Workspace,
    image: str,
    documents: tuple[str, ...],
    platform: str | None,
    signers: tuple[str, ...],
    may: tuple[str, ...],
    threshold: int | None,
) -> int:
    """Sign what FILEs (OpenVEX or CycloneDX VEX) say about what is signed as IMAGE, in the place of what was said.

    Where they disagree, the later date counts, and of equals the later FILE. The first of an image name needs its
    targets key, to say who may sign.
    """
    from pytrust.cli.scan_file import read_vex_file
    from pytrust.scanner.vex.statement import encode_claims
    from pytrust.trust.collection.statement import Statement

    ref = ImageRef.parse(image)
    require_store(workspace)
    read = [(place, read_vex_file(place)) for place in documents]  # once, though it may be about several platforms
    who, others = workspace.signers(signers), [parse_signer(name) for name in may]
    with voice.working(f"looking up {ref.collection}"):
        pushed = signed_platforms(workspace, ref)
    chosen = [one for one in pushed if platform in {None, one.platform}]
    if not chosen:
        raise UsageError(f"{ref} is for {', '.join(one.platform for one in pushed)}", hint="--platform OS/ARCH")
    claims = {one.manifest: _claims(read, one, ref) for one in chosen}
    statements = [Statement(digest, encode_claims(said)) for digest, said in claims.items()]
    owner = workspace.owner(voice.note)
    with voice.working(f"signing VEX of {ref}"):
        outcome = owner.attach(ref.collection, VEX, statements, who, may=others, threshold=threshold)
    expires = outcome.collection.delegated[VEX].expires
    lines = (
        f"{ref.collection}@{digest} has {voice.plural(len(said.claims), 'claim')}" for digest, said in claims.items()
    )
    return say_outcome(outcome, *(f"{line}, signed by {', '.join(who)}, expires {expires:%Y-%m-%d}" for line in lines))


@click.command(epilog="example: pytrust scan vex detach foo/web:v2")
@click.argument("image")
@as_option
@click.pass_obj
def detach(workspace: Workspace, image: str, signers: tuple[str, ...]) -> int:
    """Withdraw all VEX of IMAGE; by a digest (NAME@sha256:...) that of one platform alone."""
    ref = ImageRef.parse(image)
    require_store(workspace)
    digests = [ref.digest] if ref.digest else list(_said(workspace, ref))
    if not digests:
        raise Unsigned(f"{ref} has no VEX", hint=f"pytrust scan vex attach {ref} FILE")
    with voice.working(f"withdrawing VEX of {ref}"):
        outcome = workspace.owner(voice.note).detach(ref.collection, VEX, digests, workspace.signers(signers))
    return say_outcome(outcome, *(f"{ref.collection}@{digest} has no VEX any more" for digest in digests))


@click.command(epilog="example: pytrust scan vex show foo/web:v2 --json")
@click.argument("image")
@json_option
@click.pass_obj
def show(workspace: Workspace, image: str, as_json: bool) -> int:
    """What is signed about IMAGE, platform by platform."""
    ref = ImageRef.parse(image)
    found = _said(workspace, ref)
    if as_json:
        voice.say_json({str(digest): _document(claims) for digest, claims in found.items()})
        return ExitCode.YES
    rows = [
        (str(digest)[:19], " ".join(claim.ids), claim.status, claim.justification or claim.text, " ".join(claim.purls))
        for digest, claims in found.items()
        for claim in claims.claims
    ]
    voice.table(("IMAGE", "IDS", "STATUS", "WHY", "PACKAGES"), rows)
    return ExitCode.YES


def _claims(read: Sequence[tuple[str, VexDocument]], one: Pushed, ref: ImageRef) -> Claims:
    from pytrust.scanner.vex.read import claims_for, joined

    tag = None if ref.digest else ref.tag
    return joined(claims_for(document, one.subject, index=one.index, tag=tag, what=place) for place, document in read)


def _said(workspace: Workspace, ref: ImageRef) -> dict[Digest, Claims]:
    """What is signed of the image or its platforms; raises what refuses the role."""
    from pytrust.scanner.vex.statement import decode_claims
    from pytrust.trust.client.trusted import verify

    trusted = workspace.client().open(ref.collection)
    target = verify(trusted, ref).target
    wanted = [ref.digest] if ref.digest else [target.digest, *(child.digest for child in target.platforms)]
    said = {digest: trusted.statement(VEX, digest) for digest in wanted}
    return {digest: decode_claims(one.content, f"the VEX of {digest}") for digest, one in said.items() if one}


def _document(claims: Claims) -> dict[str, object]:
    import msgspec

    return {
        "authors": list(claims.authors),
        "sources": [str(source) for source in claims.sources],
        "claims": msgspec.to_builtins(claims.claims),
    }
