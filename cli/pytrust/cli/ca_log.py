"""``pytrust ca log``: everything the authority did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.ca_words import short_serial
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode

if TYPE_CHECKING:
    from pytrust.trust.pki.authority.ledger import Event

_HEADERS: Final = ("SEQ", "TIME (UTC)", "WHAT", "WHO", "SERIAL", "DETAILS")


@click.command(
    epilog="""\b
examples:
  pytrust ca log
  pytrust ca log --json
  pytrust ca log --verify"""
)
@json_option
@click.option("--verify", is_flag=True, help="Check that no entry, and no certificate, was changed, removed or added.")
@click.pass_obj
def log(workspace: Workspace, as_json: bool, verify: bool) -> int:
    """Everything the authority did, oldest first: what it issued, to whom, and what it withdrew.

    --json has what the table leaves out: whole serials, and the SHA-256 of each certificate.
    """
    if verify:
        return _verify(workspace, as_json=as_json)
    events = workspace.authority.index.events()
    if as_json:
        voice.say_json([_document(event) for event in events])
    else:
        voice.table(_HEADERS, [_row(event) for event in events])
    return ExitCode.YES


def _verify(workspace: Workspace, *, as_json: bool) -> int:
    with voice.working("following the chain"):
        count = workspace.authority.verify()
    if as_json:
        voice.say_json({"entries": count})
    else:
        voice.say(f"entries: {count}, all as they were written, and so is every certificate")
    return ExitCode.YES


def _row(event: Event) -> tuple[str, ...]:
    moment = f"{event.at:%Y-%m-%d %H:%M:%S}"
    who = event.kind if event.kind == event.holder else f"{event.kind} {event.holder}"
    return (str(event.seq), moment, event.what, who, short_serial(event.serial), _details(event))


def _details(event: Event) -> str:
    """All but the sum of the certificate, which the chain is for."""
    shown = {key: value for key, value in event.details.items() if key != "sha256"}
    if "replaces" in shown:
        shown["replaces"] = short_serial(shown["replaces"])
    return ", ".join(f"{key} {value}" for key, value in shown.items())


def _document(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "what": event.what,
        "kind": event.kind,
        "name": event.holder,
        "serial": event.serial or None,
        "details": dict(event.details),
    }
