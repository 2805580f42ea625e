"""``pytrust ca list`` and ``show``: what was issued. No passphrase is needed."""

from __future__ import annotations

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.ca_words import HEADERS, Today, details, document, in_use, lines, row
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode
from pytrust.trust.pki.authority.rows import State as Part
from pytrust.trust.pki.model import CA_KINDS, Issued, Kind


@click.command(
    "list",
    epilog="""\b
examples:
  pytrust ca list
  pytrust ca list --all --json""",
)
@click.option("--all", "everything", is_flag=True, help="Also what was replaced, revoked or retired.")
@json_option
@click.pass_obj
def list_issued(workspace: Workspace, everything: bool, as_json: bool) -> int:
    """What was issued, to whom, until when: each holder's newest certificate, those of the authority first.

    RENEWS IN is the moment from which pytrust ca renew --all-due takes it. The digits under SERIAL are enough wherever
    a serial is wanted. The kind rotation is what a rotation asks engines with; it ends by itself.
    """
    index, today = workspace.authority.index, _today(workspace)
    found = sorted(index.all(), key=lambda issued: list(Kind).index(issued.kind))
    chosen = [issued for issued in found if everything or in_use(issued, today)]
    if as_json:
        voice.say_json([document(issued, today) for issued in chosen])
    else:
        voice.table(HEADERS, [row(issued, today) for issued in chosen])
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust ca show docker1.example.com
  pytrust ca show client-ca --json"""
)
@click.argument("selector", metavar="NAME|SERIAL")
@json_option
@click.pass_obj
def show(workspace: Workspace, selector: str, as_json: bool) -> int:
    """One certificate, all of it. A name stands for its newest one; root, server-ca and client-ca are names, too."""
    issued, today = workspace.authority.index.find(selector), _today(workspace)
    folder, endpoint = _places(workspace, issued)
    if as_json:
        places = {"folder": folder or None, "endpoint": endpoint or None}
        voice.say_json({**document(issued, today), **details(issued), **places})
    else:
        for line in lines(issued, folder, endpoint, today):
            voice.say(line)
    return ExitCode.YES


def _today(workspace: Workspace) -> Today:
    """A CA certificate counts where it leads to a root that counts."""
    index = workspace.authority.index
    parts = {(kind, number): part for kind in CA_KINDS for number, part in index.states(kind).items()}
    counting = {which: part for which, part in parts.items() if part is not Part.RETIRED}
    cas = {link.serial: part for which, part in counting.items() for link in index.links(*which)}
    return Today(workspace.now(), cas, counting)


def _places(workspace: Workspace, issued: Issued) -> tuple[str, str]:
    """Where its files are, and where its engine can be asked; empty for one that is not its holder's newest."""
    holder = workspace.authority.index.holder(issued.kind, issued.holder)
    if holder is None or holder.issued.serial != issued.serial:
        return "", ""
    return str(holder.folder or ""), holder.endpoint
