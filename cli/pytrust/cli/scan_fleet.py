"""Every signed image of a collection, with what its scan comes to: now, and in the days to come.

Tags that share content share one judgement: a statement is decoded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pytrust.cli.scan_reading import Reading, Unjudged, policed_by, read_scan, signed_until, stray_digests
from pytrust.scanner.gate.judge import decide
from pytrust.scanner.outlook import outlook
from pytrust.scanner.rules import Action
from pytrust.trust.collection.model import SCANS
from pytrust.trust.errors import PytrustError
from pytrust.trust.names import CollectionName, Digest

if TYPE_CHECKING:
    from pytrust.policy.core.rules import Policy
    from pytrust.scanner.rules import Policed
    from pytrust.scanner.scan import Scan
    from pytrust.scanner.verdict import Objection
    from pytrust.trust.client.trusted import Trusted
    from pytrust.trust.collection.model import Target


class State(StrEnum):
    """What becomes of a container of the image, as far as scans go."""

    DENIED = "denied"
    WARNED = "allowed, warned"
    ALLOWED = "allowed"
    NOT_JUDGED = "not judged"


class Soon(NamedTuple):
    """When it is denied from, if nothing is done but to sign what is there again, and why."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one content; ``why`` and ``hint`` where it is anything but allowed."""

    state: State
    why: str = ""
    hint: str = ""
    scan: Scan | None = None
    soon: Soon | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One platform of one tag."""

    name: CollectionName
    tag: str
    digest: Digest
    platform: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Fleet:
    """What was found.

    Attributes:
        rows: by collection and tag.
        endings: collections whose signed scans count no more from a moment that lies ahead.
        strays: contents that are scanned, and that no tag covers.
        failures: collections that could not be looked at.
    """

    rows: tuple[Row, ...]
    endings: tuple[tuple[CollectionName, datetime], ...]
    strays: tuple[tuple[CollectionName, Digest], ...]
    failures: tuple[tuple[CollectionName, PytrustError], ...]

    @property
    def denied(self) -> bool:
        """Whether anything is denied now."""
        return any(row.standing.state is State.DENIED for row in self.rows)


class Surveyor:
    """Looks at collections under one policy, from ``now`` until ``until``."""

    def __init__(self, policy: Policy | None, now: datetime, until: datetime) -> None:
        self._policy, self._now, self._until = policy, now, until
        self._rows: list[Row] = []
        self._endings: list[tuple[CollectionName, datetime]] = []
        self._strays: list[tuple[CollectionName, Digest]] = []
        self._failures: list[tuple[CollectionName, PytrustError]] = []

    def look(self, trusted: Trusted) -> None:
        """Every tag of a collection."""
        name, known = trusted.collection.name, dict[Digest, Standing]()
        for tag, (_, target) in sorted(trusted.tags.items()):
            for digest, platform in _contents(trusted, target):
                if digest not in known:
                    known[digest] = self._standing(trusted, digest)
                scan = known[digest].scan
                self._rows.append(Row(name, tag, digest, scan.subject.platform if scan else platform, known[digest]))
        if any(one.scan for one in known.values()) and (end := signed_until(trusted)) <= self._until:
            self._endings.append((name, end))
        self._strays.extend((name, digest) for digest in stray_digests(trusted))

    def fail(self, name: CollectionName, error: PytrustError) -> None:
        """A collection that could not be looked at."""
        self._failures.append((name, error))

    def fleet(self) -> Fleet:
        """All that was seen."""
        return Fleet(tuple(self._rows), tuple(self._endings), tuple(self._strays), tuple(self._failures))

    def _standing(self, trusted: Trusted, digest: Digest) -> Standing:
        policed = policed_by(self._policy, trusted.collection.name)
        try:
            reading = read_scan(trusted, digest)
        except PytrustError as error:
            state = State.NOT_JUDGED if isinstance(policed, Unjudged) else State.DENIED
            return Standing(state, str(error), error.hint)
        if reading is None:
            return _unscanned(policed)
        if isinstance(policed, Unjudged):
            return Standing(State.NOT_JUDGED, policed.why, "", reading.scan)
        return self._judged(reading, policed)

    def _judged(self, reading: Reading, policed: Policed) -> Standing:
        scan, now = reading.scan, self._now
        verdict = decide(scan, policed, reading.claims, now)
        denials = [one for one in verdict.objections if one.action is Action.DENY]
        if denials:
            return Standing(State.DENIED, _why(denials), denials[0].hint, scan)
        warnings = [one for one in verdict.objections if one.action is Action.WARN]
        state, hint = (State.WARNED, warnings[0].hint) if warnings else (State.ALLOWED, "")
        return Standing(state, _why(warnings), hint, scan, self._soon(reading, policed))

    def _soon(self, reading: Reading, policed: Policed) -> Soon | None:
        turns = outlook(reading.scan, policed, reading.claims, self._now, self._until)
        denied = next((turn for turn in turns if turn.action is Action.DENY), None)
        return Soon(denied.at, denied.text) if denied else None


def _contents(trusted: Trusted, target: Target) -> Iterator[tuple[Digest, str]]:
    """What a container of the tag can be made of: the platforms of an index, else the image itself."""
    held = trusted.collection.delegated.get(SCANS)
    if not target.platforms or (held and target.digest in held.statements):
        yield target.digest, ""
    for child in target.platforms:
        yield child.digest, "/".join(filter(None, (child.os, child.architecture, child.variant)))


def _unscanned(policed: Policed | Unjudged) -> Standing:
    if isinstance(policed, Unjudged):
        return Standing(State.NOT_JUDGED, policed.why)
    hint = "pytrust scan run IMAGE"
    return Standing(State.DENIED, "it has no signed scan", hint) if policed.rules.required else Standing(State.ALLOWED)


def _why(objections: list[Objection]) -> str:
    if not objections:
        return ""
    more = f", and {len(objections) - 1} more" if len(objections) > 1 else ""
    return f"{objections[0].text}{more}"
