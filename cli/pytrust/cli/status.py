"""``pytrust status``: what will stop working when, and who has to do something about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.ca_due import Concern, concerns
from pytrust.cli.render import days_left, key_names, missing_text
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import SNAPSHOT, TIMESTAMP, warn_before
from pytrust.trust.errors import ExitCode, NotFound, NotSetUp, PytrustError
from pytrust.trust.names import CollectionName, Format, RoleName, parse_collection


@dataclass(frozen=True, slots=True)
class _Row:
    """One role of one collection; ``present`` and ``absent`` are names of keys, None where files are not at hand."""

    collection: CollectionName
    form: Format | None
    role: RoleName
    version: int
    expires: datetime
    threshold: int
    present: tuple[str, ...] | None
    absent: tuple[str, ...] | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found: roles, collections that could not be looked at, changes that wait for signatures."""

    rows: list[_Row] = field(default_factory=list)
    failures: list[tuple[CollectionName, PytrustError]] = field(default_factory=list)
    waiting: list[tuple[CollectionName, str]] = field(default_factory=list)


@click.command(
    epilog="""\b
examples:
  pytrust status
  pytrust status --json registry.example.com/foo/web"""
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@json_option
@click.pass_obj
def status(workspace: Workspace, names: tuple[str, ...], as_json: bool) -> int:
    """Every collection and role: version, days to expiry, signatures present and missing; and, where this home is an
    authority (pytrust ca), the certificates and revocation lists that are due.

    Exit code 1 when a role, a certificate or a list has expired, or a change waits for signatures.
    """
    care = None if names else _care(workspace)
    alone = care is not None and not workspace.home.config.exists()
    report = _Report() if alone else _look(workspace, names)
    if as_json:
        voice.say_json(_document(report, care or (), workspace.now()))
        return _verdict(report, care or (), workspace.now())
    if not alone:
        _say(report, workspace.now())
    if care is not None:
        _say_care(care, workspace.now())
    return _verdict(report, care or (), workspace.now())


def _care(workspace: Workspace) -> list[Concern] | None:
    """What of the authority needs care; None where this home has none."""
    try:
        index = workspace.authority.index
    except NotSetUp:
        return None
    return list(concerns(index, workspace.now()))


def _look(workspace: Workspace, names: tuple[str, ...]) -> _Report:
    embedded = workspace.store_path is not None
    seen = (cache.names() for cache in (workspace.cache, workspace.notary_cache))
    known = workspace.reader.collections() if embedded else sorted(set().union(*seen))
    chosen = [parse_collection(name) for name in names] or known
    report = _Report()
    with voice.working(f"looking at {len(chosen)} collections"):
        for name in chosen:
            try:
                report.rows.extend(_stored(workspace, name) if embedded else _looked_up(workspace, name, report))
            except PytrustError as error:
                report.failures.append((name, error))
        if embedded:
            report.waiting.extend((name, _waiting(workspace, name)) for name in workspace.store.proposals())
    return report


def _verdict(report: _Report, care: Sequence[Concern], now: datetime) -> int:
    if report.failures:
        return report.failures[0][1].exit_code
    over = any(row.expires <= now for row in report.rows) or any(concern.over(now) for concern in care)
    return ExitCode.NO if report.waiting or over else ExitCode.YES


def _stored(workspace: Workspace, name: CollectionName) -> Iterator[_Row]:
    """Rows from the store's own files, whose signatures can be counted."""
    state = workspace.quiet_publisher.load(name)
    if state is None:
        raise NotFound(f"there is no collection {name}", hint="see what there is: pytrust status")
    for form, side in state.sides.items():
        names = key_names(side.collection)
        for role, file in sorted(side.files.items()):
            if (authority := side.collection.authority(role)) is None:
                continue
            signed = workspace.quiet_publisher.signed_by(form, side, role, authority)
            present = tuple(names.get(key.id, key.id[:8]) for key in authority.keys if key.id in signed)
            absent = tuple(names.get(key.id, key.id[:8]) for key in authority.keys if key.id not in signed)
            stale = "must sign again: its key was replaced" if len(signed) < authority.threshold else ""
            yield _Row(name, form, role, file.version, file.expires, authority.threshold, present, absent, stale)


def _looked_up(workspace: Workspace, name: CollectionName, report: _Report) -> Iterator[_Row]:
    trusted = workspace.client().open(name)
    report.failures.extend((name, error) for error in trusted.silent.values())
    for role, expires in sorted(trusted.expiries.items()):
        authority = trusted.collection.authority(role)
        threshold = authority.threshold if authority else 0
        yield _Row(name, None, role, trusted.versions[role], expires, threshold, None, None)


def _waiting(workspace: Workspace, name: CollectionName) -> str:
    from pytrust.trust.publish.wire import first_of

    try:
        _, new, lacking = workspace.quiet_publisher.proposal(name)
    except PytrustError as error:
        return str(error)
    return f"waits for {missing_text(first_of(new), lacking)}"


def _signed(row: _Row) -> str:
    if row.present is None or row.absent is None:
        return f"needs {row.threshold}"
    return f"{len(row.present)} of {len(row.present) + len(row.absent)}, needs {row.threshold}"


def _warning(row: _Row, now: datetime) -> str:
    if row.expires <= now:
        return "expired"
    offline = row.role not in {SNAPSHOT, TIMESTAMP}
    return "sign again soon" if offline and row.expires - now < warn_before(row.role) else row.note


def _say(report: _Report, now: datetime) -> None:
    if not report.rows and not report.failures and not report.waiting:
        voice.say("no collections yet")
        voice.note("hint: sign a tag with: pytrust sign [HOST/]NAME:TAG")
        return
    cells = [
        (
            row.collection,
            row.form or "",
            row.role,
            str(row.version),
            days_left(row.expires, now),
            _signed(row),
            ", ".join(row.present or ()),
            ", ".join(row.absent or ()),
            _warning(row, now),
        )
        for row in report.rows
    ]
    voice.table(("COLLECTION", "FORMAT", "ROLE", "VERSION", "EXPIRES IN", "SIGNED", "BY", "NOT BY", ""), cells)
    for name, text in report.waiting:
        voice.say(f"{name}: a change {text}")
    for _, error in report.failures:
        voice.fail(error)


def _say_care(care: Sequence[Concern], now: datetime) -> None:
    for concern in care:
        voice.say(concern.text(now))
    if not care:
        voice.say("every certificate and revocation list is good, and none is due")


def _document(report: _Report, care: Sequence[Concern], now: datetime) -> dict[str, Any]:
    return {
        "roles": [
            {
                "collection": row.collection,
                "format": row.form,
                "role": row.role,
                "version": row.version,
                "expires": row.expires.isoformat(),
                "days_left": int((row.expires - now).total_seconds() // 86_400),
                "threshold": row.threshold,
                "signed_by": row.present,
                "not_signed_by": row.absent,
                "warning": _warning(row, now),
            }
            for row in report.rows
        ],
        "proposals": [{"collection": name, "state": text} for name, text in report.waiting],
        "errors": [{"collection": name, **voice.error_json(error)} for name, error in report.failures],
        "certificates": [concern.document(now) for concern in care],
    }
