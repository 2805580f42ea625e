"""``pytrust log``: what the proxy decided."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final, Never

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pytrust.cli.logview import Wanted
    from pytrust.policy.journal import JournalReader, Stored

_NUMBER: Final = 50  # entries shown
_NUMBER_SINCE: Final = 10_000  # entries shown where a time is given, which says how many are wanted
_NUMBER_MAX: Final = 100_000  # entries shown, which are held in memory: some 200 MB
_INTERVAL: Final = 0.5  # seconds between two looks for new entries


@click.command(
    epilog="""\b
examples:
  pytrust log
  pytrust log --since 1h --denied
  pytrust log --image 'registry.example.com/foo/*' -n 10
  pytrust log --follow --json | tee -a /mnt/elsewhere/journal.jsonl
  pytrust log --verify --head sha256:4f5a...
  pytrust log --authz-plugin --since 1d"""
)
@click.option("--since", metavar="TIME", help="Only what is newer: 30m, 1h, 2d, or 2026-11-23T20:00 (UTC).")
@click.option("--denied", is_flag=True, help="Only what was denied, or would have been without learning mode.")
@click.option(
    "--image", metavar="PATTERN", help="Only what concerns images of this name: * one component, ** any rest."
)
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, _NUMBER_MAX),
    metavar="N",
    help=f"At most the N newest [default: {_NUMBER}; with --since {_NUMBER_SINCE}].",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is decided from now on, until interrupted.")
@json_option
@click.option("--verify", is_flag=True, help="Check that no entry was changed, removed or added by anybody else.")
@click.option("--authz-plugin", "plugin", is_flag=True, help="The journal of pytrust authz-plugin, not the proxy's.")
@click.option("--head", metavar="HASH", help="With --verify: a head that was noted earlier must be in the journal.")
@click.pass_obj
def log(
    workspace: Workspace,
    since: str | None,
    denied: bool,
    image: str | None,
    number: int | None,
    follow: bool,
    as_json: bool,
    verify: bool,
    plugin: bool,
    head: str | None,
) -> int:
    """What the proxy on this home decided, and what happened to it, oldest first; or whom the plugin refused.

    --json prints one document; with --follow, one document a line.
    """
    from pytrust.cli.logview import Wanted, parse_since
    from pytrust.policy.journal import JournalReader

    if head is not None and not verify:
        raise UsageError("--head says what to look for with --verify", hint="pytrust log --verify --head HASH")
    if verify and (denied or follow or {since, image, number} != {None}):
        raise UsageError("--verify looks at the whole journal", hint="leave the other options out")
    reader = JournalReader(workspace.home.authz_plugin / "journal" if plugin else workspace.home.journal)
    if verify:
        return _verify(reader, head, as_json=as_json)
    wanted = Wanted(None if since is None else parse_since(since, workspace.now()), denied, image)
    most = number or (_NUMBER if since is None else _NUMBER_SINCE)
    if follow:
        _follow(reader, wanted, most, as_json=as_json)
    more = _show(reader, wanted, most, as_json=as_json)
    if more and number is None:
        voice.note(f"note: these are the newest {most}; -n N shows as many as you like")
    return ExitCode.YES


def _show(reader: JournalReader, wanted: Wanted, number: int, *, as_json: bool) -> bool:
    """Show the newest entries, oldest first; gives whether there are more."""
    from pytrust.cli.logview import HEADERS, document, row

    found = list(islice(_newest(reader, wanted), number + 1))
    shown = found[:number][::-1]
    if as_json:
        voice.say_json([document(stored) for stored in shown])
    else:
        voice.table(HEADERS, [row(stored) for stored in shown])
    return len(found) > number


def _follow(reader: JournalReader, wanted: Wanted, number: int, *, as_json: bool) -> Never:
    """The newest entries, then every new one when it comes."""
    gc.enable()
    last = next((stored.seq for stored in reader.entries(newest_first=True, limit=1)), 0)
    before = (stored for stored in _newest(reader, wanted) if stored.seq <= last)
    for stored in reversed(list(islice(before, number))):
        _say(stored, as_json=as_json)
    while True:
        for stored in reader.entries(after=last):
            last = stored.seq
            if wanted.fits(stored.entry):
                _say(stored, as_json=as_json)
        voice.flush()
        time.sleep(_INTERVAL)


def _say(stored: Stored, *, as_json: bool) -> None:
    from pytrust.cli.logview import document, row

    if as_json:
        voice.say_json_line(document(stored))
    else:
        voice.say("  ".join(filter(None, row(stored))))


def _newest(reader: JournalReader, wanted: Wanted) -> Iterator[Stored]:
    """What is wanted, newest first; the first entry from before ``since`` ends it."""
    since = wanted.since
    stored = reader.entries(newest_first=True)
    recent = stored if since is None else takewhile(lambda item: item.entry.at >= since, stored)
    return (item for item in recent if wanted.fits(item.entry))


def _verify(reader: JournalReader, head: str | None, *, as_json: bool) -> int:
    from pytrust.cli.logview import hash_text, verified_document
    from pytrust.trust.names import Digest

    noted = bytes.fromhex(Digest.parse(head).hex) if head is not None else None
    with voice.working("following the chain"):
        found = reader.verify(noted)
    if as_json:
        voice.say_json(verified_document(found))
        return ExitCode.YES
    voice.say(f"entries: {found.entries}, from {found.first} to {found.last}, head {hash_text(found.head)}")
    if found.first > 1:
        voice.note(f"note: what stood before entry {found.first} was deleted by the proxy, and is not checked")
    return ExitCode.YES
