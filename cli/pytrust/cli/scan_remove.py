"""``pytrust scan remove``: the scan of an image is withdrawn."""

from __future__ import annotations

import click

from pytrust.cli import voice
from pytrust.cli.outcome import say_outcome
from pytrust.cli.scan_signing import require_store, speakers
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import SCANS
from pytrust.trust.errors import Unsigned
from pytrust.trust.names import ImageRef


@click.command(epilog="example: pytrust scan remove foo/web:v2")
@click.argument("image")
@click.option("--as", "signers", multiple=True, metavar="NAME", help="Sign as NAME (repeatable; default: scanner).")
@click.pass_obj
def remove(workspace: Workspace, image: str, signers: tuple[str, ...]) -> int:
    """Withdraw the scans of IMAGE, of all of its platforms; by a digest (NAME@sha256:...) that one alone."""
    from pytrust.cli.scan_reading import scanned_digests
    from pytrust.trust.client.trusted import verify

    ref = ImageRef.parse(image)
    require_store(workspace)
    digests = [ref.digest] if ref.digest else []
    if not digests:
        trusted = workspace.client().open(ref.collection)
        digests = [*scanned_digests(trusted, verify(trusted, ref).target)]
    if not digests:
        raise Unsigned(f"{ref} has no signed scan", hint=f"see which have: pytrust inspect {ref.collection}")
    with voice.working(f"withdrawing scans of {ref}"):
        outcome = workspace.owner(voice.note).detach(ref.collection, SCANS, digests, speakers(workspace, signers))
    return say_outcome(outcome, *(f"{ref.collection}@{digest} has no scan any more" for digest in digests))
