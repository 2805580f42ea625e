"""``pytrust ca revoke`` and ``crl``: who may no longer come in."""

from __future__ import annotations

from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.ca_words import until
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode
from pytrust.trust.files import PUBLIC, write_atomic
from pytrust.trust.pki.mint.crl import pem_of
from pytrust.trust.pki.model import Issued, Kind, Reason, moment_text, serial_text


@click.command(
    epilog="""\b
examples:
  pytrust ca revoke alice
  pytrust ca revoke 5A0C4D... --reason key-compromise
\b
A proxy (pytrust proxy --listen tls://...) and an engine with pytrust authz-plugin refuse the
certificate at its next request, and the proxy cuts its open streams. dockerd alone does not: it
reads no revocation list at all, and lets the certificate in until it ends."""
)
@click.argument("selector", metavar="NAME|SERIAL")
@click.option(
    "--reason",
    type=click.Choice([str(reason) for reason in Reason]),
    default=str(Reason.UNSPECIFIED),
    show_default=True,
    help="Why; it stands in the list.",
)
@click.pass_obj
def revoke(workspace: Workspace, selector: str, reason: str) -> int:
    """Withdraw certificates: by NAME all that its holder has, the ones before a renewal too; by SERIAL that one.

    The list of withdrawn certificates is signed anew and put into every server's folder on this host.
    """
    authority = workspace.authority
    newest = authority.index.find(selector)
    several = [newest]
    if selector == newest.holder:
        several = authority.revoke_holder(newest, Reason(reason)) or several
    else:
        authority.revoke(newest, Reason(reason))
    for issued in several:
        voice.say(f"revoked {issued.kind} {issued.holder}, serial {serial_text(issued.serial)}: {reason}")
    for issued in authority.index.live(newest.kind, newest.holder, workspace.now()):
        voice.note(f"note: {issued.holder} comes in with another that counts: serial {serial_text(issued.serial)}")
    _say_where(newest)
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust ca crl | openssl crl -noout -text
  pytrust ca crl --out /srv/www/clients.crl.pem"""
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE.")
@click.pass_obj
def crl(workspace: Workspace, out: Path | None) -> int:
    """Print the revocation lists of all client CAs that count, in PEM.

    pytrust ca renew --all-due signs new ones in time.
    """
    index = workspace.authority.index
    listed = index.lists()
    data = b"".join(pem_of(found.der) for found in listed)
    if out is None:
        voice.write(data)
        return ExitCode.YES
    write_atomic(out, data, mode=PUBLIC)
    ends, now = min(found.next_update for found in listed), workspace.now()
    voice.say(f"wrote {out}: good until {moment_text(ends)} ({until(ends, now)})")
    return ExitCode.YES


def _say_where(issued: Issued) -> None:
    if issued.kind is Kind.SERVER:
        voice.note("note: no client of docker looks at revocation: take the certificate off the engine, too")
        return
    voice.note("note: proxies and authz-plugins with a server folder of this host refuse it from now on")
    voice.note(
        "note: on other hosts pytrust ca agent fetches the new list; without it, copy what pytrust ca crl prints"
    )
    voice.note(
        f"note: dockerd itself reads no list and lets it in until {moment_text(issued.not_after)}; "
        "give it pytrust authz-plugin, or put pytrust proxy in front"
    )
