"""``pytrust ca list`` and ``show``: what was issued. No passphrase is needed."""

from __future__ import annotations

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.ca_words import HEADERS, details, document, in_use, lines, row
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode
from pytrust.trust.pki.model import Issued


@click.command(
    "list",
    epilog="""\b
examples:
  pytrust ca list
  pytrust ca list --all --json""",
)
@click.option("--all", "everything", is_flag=True, help="Also what was replaced or revoked.")
@json_option
@click.pass_obj
def list_issued(workspace: Workspace, everything: bool, as_json: bool) -> int:
    """What was issued, to whom, until when: each holder's newest certificate, those of the authority first.

    RENEWS IN is the moment from which pytrust ca renew --all-due takes it.
    """
    index, now = workspace.authority.index, workspace.now()
    chosen = [issued for issued in index.all() if everything or in_use(issued)]
    if as_json:
        voice.say_json([document(issued, now) for issued in chosen])
    else:
        voice.table(HEADERS, [row(issued, now) for issued in chosen])
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
    issued, now = workspace.authority.index.find(selector), workspace.now()
    folder = _folder(workspace, issued)
    if as_json:
        voice.say_json({**document(issued, now), **details(issued), "folder": folder or None})
    else:
        for line in lines(issued, folder, now):
            voice.say(line)
    return ExitCode.YES


def _folder(workspace: Workspace, issued: Issued) -> str:
    """Where its files are; empty for one that is not in its holder's folder."""
    holder = workspace.authority.index.holder(issued.kind, issued.holder)
    here = holder is not None and holder.folder is not None and holder.issued.serial == issued.serial
    return str(holder.folder) if holder is not None and here else ""
