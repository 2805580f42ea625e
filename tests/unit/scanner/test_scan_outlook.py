"""When a verdict turns, though nothing but the time changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from tests.unit.scanner import scan_cases as cases
from tests.unit.scanner.scan_cases import BAD, NOW, SCAN, TODAY, WAIVER, policed, scan

from pytrust.scanner.claim import Claims
from pytrust.scanner.finding import Suppressed
from pytrust.scanner.gate.judge import decide
from pytrust.scanner.outlook import outlook
from pytrust.scanner.rules import Action, GateRule, Policed
from pytrust.scanner.scan import Scan
from pytrust.scanner.verdict import Verdict

NOTHING = Claims()
DAY = timedelta(days=1)
LATER = NOW + 60 * DAY
RANK = {None: 0, Action.AUDIT: 1, Action.WARN: 2, Action.DENY: 3}
MIDNIGHT = datetime(2026, 12, 2, tzinfo=UTC)
YOUNG = replace(BAD, published=TODAY - 10 * DAY, first_seen=TODAY - 4 * DAY)

TURNS: list[tuple[Scan, Policed, datetime, str]] = [
    (SCAN, policed(database_max_age=99 * DAY), SCAN.scanned_at + 7 * DAY, "the scan is 7 d old"),
    (SCAN, policed(database_max_age=DAY), NOW + timedelta(hours=16), "its database is 24 h old"),
    (scan(BAD), policed(GateRule(), max_age=None, waivers=(WAIVER,)), MIDNIGHT, "1 finding: openssl"),
    (scan(YOUNG), policed(GateRule(age=30), max_age=None), MIDNIGHT + 19 * DAY, "1 finding: openssl"),
    (scan(YOUNG), policed(GateRule(seen=14), max_age=None), MIDNIGHT + 9 * DAY, "1 finding: openssl"),
    (
        replace(SCAN, suppressed=(Suppressed(finding=YOUNG),)),
        policed(GateRule(seen=14), max_age=None),
        MIDNIGHT + 9 * DAY,
        "1 finding: openssl",
    ),
]


@pytest.mark.parametrize(("found", "rules", "at", "text"), TURNS)
def test_a_turn(found: Scan, rules: Policed, at: datetime, text: str) -> None:
    (turn,) = outlook(found, rules, NOTHING, NOW, LATER)
    assert (turn.at, turn.action) == (at, Action.DENY)
    assert turn.text.startswith(text)
    assert decide(found, rules, NOTHING, at - timedelta(microseconds=1)).action is None
    assert decide(found, rules, NOTHING, at).denied


def test_both_ends() -> None:
    at = NOW - timedelta(hours=8) + 7 * DAY  # of the database
    assert outlook(SCAN, policed(), NOTHING, NOW, at)
    assert outlook(SCAN, policed(), NOTHING, NOW, at - timedelta(microseconds=1)) == ()
    assert outlook(SCAN, policed(), NOTHING, at, LATER) == ()
    assert outlook(SCAN, policed(), NOTHING, NOW, NOW - DAY) == ()


def test_warned_first_and_denied_later() -> None:
    rules = policed(GateRule(action=Action.WARN, age=30), GateRule(seen=60), max_age=None)
    first, second = outlook(scan(YOUNG), rules, NOTHING, NOW, LATER)
    assert [first.action, second.action] == [Action.WARN, Action.DENY]
    assert first.at < second.at
    assert [one.action for one in second.objections] == [Action.DENY]


def test_a_turn_names_what_turned_it_and_no_lesser_thing() -> None:
    other = replace(YOUNG, id="CVE-2026-0002")
    rules = policed(GateRule(ids=(YOUNG.id,), age=30), GateRule(action=Action.WARN, age=30), max_age=None)
    (turn,) = outlook(scan(YOUNG, other), rules, NOTHING, NOW, LATER)
    assert [one.action for one in turn.objections] == [Action.DENY]


def test_what_stands_already_is_not_told_again() -> None:
    rules = policed(GateRule(action=Action.WARN), GateRule(action=Action.WARN, age=30), max_age=None)
    assert outlook(scan(YOUNG), rules, NOTHING, NOW, LATER) == ()


def test_several_things_at_one_moment_are_counted() -> None:
    secret = replace(BAD, id="CVE-2026-0002")
    rules = policed(GateRule(ids=(BAD.id,)), GateRule(ids=(secret.id,)), max_age=None)
    waived = replace(rules, waivers=(WAIVER, replace(WAIVER, ids=(secret.id,))))
    (turn,) = outlook(scan(BAD, secret), waived, NOTHING, NOW, LATER)
    assert turn.text.endswith(", and 1 more")


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, {"waivers": (replace(WAIVER, expires=TODAY.max),)}),
        ({"scanned_at": datetime.max.replace(tzinfo=UTC)}, {}),
    ],
)
def test_beyond_the_calendar_nothing_turns(changes: dict[str, Any], rules: dict[str, Any]) -> None:
    found = replace(scan(BAD), **changes)
    outlook(found, policed(GateRule(age=10**9, seen=10**9), **rules), NOTHING, NOW, datetime.max.replace(tzinfo=UTC))


@settings(max_examples=150, deadline=None)
@given(cases.scans, cases.policies, cases.claims)
def test_no_turn_is_missed(found: Scan, rules: Policed, claims: Claims) -> None:
    """Against a look at every half hour: in these cases all that can turn does so on one."""
    past = replace(found, scanned_at=min(found.scanned_at, NOW))
    turns = outlook(past, rules, claims, NOW, NOW + 12 * DAY)
    worst, seen = RANK[decide(past, rules, claims, NOW).action], list[tuple[datetime, Action | None]]()
    for half_hours in range(1, 12 * 48 + 1):
        at = NOW + half_hours * timedelta(minutes=30)
        verdict: Verdict = decide(past, rules, claims, at)
        if RANK[verdict.action] > worst:
            worst = RANK[verdict.action]
            seen.append((at, verdict.action))
    assert [(turn.at, turn.action) for turn in turns] == seen
    assert all(turn.objections for turn in turns)
