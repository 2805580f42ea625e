"""``pytrust scan status``: every signed image with its scan: what it comes to now, and what will be denied when."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.trust.errors import ExitCode, PytrustError, UsageError
from pytrust.trust.names import CollectionName, parse_collection

if TYPE_CHECKING:
    from pytrust.cli.scan_fleet import Fleet, Row
    from pytrust.cli.workspace import Workspace
    from pytrust.policy.core.rules import Policy
    from pytrust.scanner.scan import Scan

_WITHIN: Final = re.compile(r"([0-9]{1,4})([hd])")
_HEADERS: Final = ("IMAGE", "PLATFORM", "SCANNED", "DATABASE", "FOUND", "VERDICT", "")


@click.command(
    epilog="""\b
examples:
  pytrust scan status
  pytrust scan status registry.example.com/foo/web --within 30d
  pytrust scan status --json
\b
Exit code 0: nothing is denied now, 1: something is."""
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--within", default="7d", show_default=True, metavar="TIME", help="How far to look ahead: 12h, 30d.")
@json_option
@click.pass_obj
def status(workspace: Workspace, names: tuple[str, ...], within: str, as_json: bool) -> int:
    """Every signed image: how old its scan and the database are, what the policy of today says, and what it will deny
    soon; images that were never scanned, and scans of content that no tag covers any more.

    Without NAMEs: all collections that this host knows.
    """
    now = workspace.now()
    fleet = _survey(workspace, [parse_collection(name) for name in names], now, now + _ahead(within))
    (voice.say_json(_document(fleet)) if as_json else _say(fleet, now))
    if fleet.denied:
        return ExitCode.NO
    return fleet.failures[0][1].exit_code if fleet.failures else ExitCode.YES


def _ahead(text: str) -> timedelta:
    if (found := _WITHIN.fullmatch(text)) is None:
        raise UsageError(f"{text[:20]!r} is no time to look ahead", hint="--within 12h or --within 30d")
    count = int(found[1])
    return timedelta(hours=count) if found[2] == "h" else timedelta(days=count)


def _survey(workspace: Workspace, names: list[CollectionName], now: datetime, until: datetime) -> Fleet:
    from pytrust.cli.scan_fleet import Surveyor
    from pytrust.cli.scan_reading import load_policy

    policy, client = load_policy(workspace), workspace.client()
    surveyor, chosen = Surveyor(policy, now, until), names or _known(workspace, policy)
    with voice.working(f"looking at {len(chosen)} collections"):
        for name in chosen:
            try:
                surveyor.look(client.open(name))
            except PytrustError as error:
                surveyor.fail(name, error)
    return surveyor.fleet()


def _known(workspace: Workspace, policy: Policy | None) -> list[CollectionName]:
    """Those of the store; without one, what was verified here before, and what a pin or a rule names in full."""
    if workspace.store_path is not None:
        return list(workspace.reader.collections())
    ruled = {rule.match for rule in policy.images} if policy else set()
    patterns = ruled.union(pin.match for pin in workspace.settings.pins)
    named = {parse_collection(pattern) for pattern in patterns if "*" not in pattern}
    return sorted(named.union(workspace.cache.names(), workspace.notary_cache.names()))


def _say(fleet: Fleet, now: datetime) -> None:
    from pytrust.scanner.gate.words import moment
    from pytrust.scanner.spans import ago

    if fleet.rows:
        voice.table(_HEADERS, [_cells(row, now) for row in fleet.rows])
    elif not fleet.failures:
        voice.say("no signed images yet")
        voice.note("hint: sign a tag with: pytrust sign [HOST/]NAME:TAG")
    _say_soon(fleet, now)
    for name, end in fleet.endings:
        voice.note(f"warning: the signature on the scans of {name} ends {ago(end, now)} ({moment(end)})")
        voice.note(f"hint: scan again, or: pytrust repo renew {name} --role scans")
    for name, digest in fleet.strays:
        voice.note(f"note: {name}@{digest} is scanned, but no tag is signed for it; pytrust scan remove forgets it")
    for _, error in fleet.failures:
        voice.fail(error)


def _say_soon(fleet: Fleet, now: datetime) -> None:
    from pytrust.scanner.gate.words import moment
    from pytrust.scanner.spans import ago

    rows = [(row, soon) for row in fleet.rows if (soon := row.standing.soon)]
    if not rows:
        return
    voice.say("")
    cells = [
        (_name(row), row.platform, f"{ago(soon.at, now)} ({moment(soon.at)})", soon.why)
        for row, soon in sorted(rows, key=lambda pair: (pair[1].at, _name(pair[0]), pair[0].platform))
    ]
    voice.table(("DENIED SOON", "PLATFORM", "WHEN", "WHY"), cells)


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    from pytrust.scanner.gate.words import span

    standing, scan = row.standing, row.standing.scan
    if scan is None:
        return (_name(row), row.platform, "never", "", "", standing.state, standing.why)
    updated = scan.database.updated_at
    database = "not known" if updated is None else span(now - updated)
    return (_name(row), row.platform, span(now - scan.scanned_at), database, _found(scan), standing.state, standing.why)


def _found(scan: Scan) -> str:
    return ", ".join(f"{count} {severity.word}" for severity, count in scan.counts().items() if count) or "nothing"


def _name(row: Row) -> str:
    return f"{row.name}:{row.tag}"


def _document(fleet: Fleet) -> dict[str, Any]:
    return {
        "images": [_row(row) for row in fleet.rows],
        "signatures_end": [{"collection": name, "at": end.isoformat()} for name, end in fleet.endings],
        "untagged": [{"collection": name, "digest": str(digest)} for name, digest in fleet.strays],
        "errors": [{"collection": name, **voice.error_json(error)} for name, error in fleet.failures],
    }


def _row(row: Row) -> dict[str, Any]:
    standing, soon = row.standing, row.standing.soon
    return {
        "collection": row.name,
        "tag": row.tag,
        "digest": str(row.digest),
        "platform": row.platform,
        "verdict": standing.state,
        "why": standing.why,
        "hint": standing.hint,
        "scan": _scan(standing.scan),
        "denied_from": {"at": soon.at.isoformat(), "why": soon.why} if soon else None,
    }


def _scan(scan: Scan | None) -> dict[str, Any] | None:
    if scan is None:
        return None
    return {
        "scanned_at": scan.scanned_at.isoformat(),
        "database_at": scan.database.updated_at.isoformat() if scan.database.updated_at else None,
        "found": {severity.word: count for severity, count in scan.counts().items()},
    }
