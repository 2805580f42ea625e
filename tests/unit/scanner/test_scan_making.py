"""What a scan may claim: the older of what is said, nothing from the future, and nobody's word as a fact."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.scanner.scan_cases import BAD, NOW, SCAN, TODAY, findings

from pytrust.scanner.errors import BadReport, StaleScan
from pytrust.scanner.feeds import Epss, Exploited
from pytrust.scanner.finding import Finding, Kind, Suppressed
from pytrust.scanner.making import Lists, Said, first_seen, make_scan
from pytrust.scanner.report import Report
from pytrust.scanner.scan import Database, Feeds, Scan, Scanner, System, order
from pytrust.scanner.severity import Severity
from pytrust.trust.limits import CLOCK_TOLERANCE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
NOTHING = Said()
RAW = replace(BAD, first_seen=None, epss=None, kev=False, ransomware=False)


def report(*found: Finding, at: datetime | None = NOW - HOUR, database: datetime | None = None) -> Report:
    return Report(schema=2, version="0.74.0", created_at=at, database=Database(updated_at=database), findings=found)


def make(one: Report, said: Said = NOTHING, lists: Lists = Lists(), now: datetime = NOW, **more: object) -> Scan:  # noqa: B008
    given_ = {"history": {}, **more}
    return make_scan(one, SCAN.source, SCAN.subject, said, lists=lists, now=now, **given_)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "said", "moment"),
    [
        (NOW - HOUR, None, NOW - HOUR),
        (None, NOW - HOUR, NOW - HOUR),
        (NOW - HOUR, NOW - DAY, NOW - DAY),
        (NOW + CLOCK_TOLERANCE, None, NOW + CLOCK_TOLERANCE),
        (FIRST, None, FIRST),
        (None, FIRST, FIRST),
        (NOW, FIRST, FIRST),
    ],
)
def test_the_earlier_of_two_moments_counts(told: datetime | None, said: datetime | None, moment: datetime) -> None:
    assert make(report(at=told), Said(scanned_at=said)).scanned_at == moment


@pytest.mark.parametrize(
    ("told", "said", "words"),
    [
        (NOW - DAY, NOW - HOUR, "not later"),
        (FIRST, NOW, "not later"),
        (NOW + CLOCK_TOLERANCE + TICK, None, "from the future"),
        (None, NOW + DAY, "from the future"),
        (LAST, None, "from the future"),
        (LAST, LAST, "from the future"),
    ],
)
def test_no_moment_is_made_later_or_lies_ahead(told: datetime | None, said: datetime | None, words: str) -> None:
    with pytest.raises(StaleScan, match=words):
        make(report(at=told), Said(scanned_at=said))


def test_without_a_moment_there_is_no_scan() -> None:
    with pytest.raises(BadReport, match="when the scan was made") as error:
        make(report(at=None))
    assert "--scanned-at" in error.value.hint


def test_an_ancient_scan_is_no_crash_on_any_clock() -> None:
    """The first and the last moment that there are: sums with them overflow."""
    scan = make(report(RAW, at=FIRST, database=FIRST), Said(database_at=FIRST))
    assert (scan.scanned_at, scan.database.updated_at) == (FIRST, FIRST)


DATABASES: list[tuple[datetime | None, datetime | None, bool, datetime | None, bool]] = [
    (None, None, False, None, False),
    (NOW - DAY, None, False, NOW - DAY, False),
    (None, NOW - DAY, False, NOW - DAY, True),
    (None, NOW - DAY, True, NOW - DAY, False),
    (NOW - DAY, NOW - HOUR, False, NOW - DAY, False),  # nobody's word makes it younger
    (NOW - DAY, NOW - HOUR, True, NOW - DAY, False),
    (NOW - HOUR, NOW - DAY, False, NOW - DAY, True),
]


@pytest.mark.parametrize(("told", "said", "recorded", "moment", "asserted"), DATABASES)
def test_the_older_database_counts(
    told: datetime | None, said: datetime | None, recorded: bool, moment: datetime | None, asserted: bool
) -> None:
    database = make(report(database=told), Said(database_at=said, recorded=recorded)).database
    assert (database.updated_at, database.asserted) == (moment, asserted)


@pytest.mark.parametrize("at", [NOW + CLOCK_TOLERANCE + TICK, LAST])
def test_no_database_is_from_the_future(at: datetime) -> None:
    for one, said in ((report(database=at), NOTHING), (report(), Said(database_at=at))):
        with pytest.raises(StaleScan, match="database is from the future"):
            make(one, said)


def test_what_is_covered_is_unknown_unless_said_and_then_somebody_s_word() -> None:
    families = frozenset({"os-pkgs"})
    nothing = make(Report(schema=2, created_at=NOW, families=families)).coverage
    assert (nothing.kinds, nothing.severities, nothing.unfixed, nothing.asserted) == (None, None, None, False)
    assert nothing.families == families
    for said in (Said(kinds=frozenset(Kind)), Said(severities=frozenset(Severity)), Said(unfixed=False)):
        assert make(report(), said).coverage.asserted
    assert not make(report(), Said(kinds=frozenset(Kind), recorded=True)).coverage.asserted


def test_the_rest_is_the_report_s() -> None:
    system = System(family="debian", name="12.5", ended=True)
    scan = make(Report(schema=2, version="0.74.0", created_at=NOW, system=system), bound=False)
    assert (scan.system, scan.scanner, scan.bound) == (system, Scanner(version="0.74.0"), False)
    assert (scan.source, scan.subject) == (SCAN.source, SCAN.subject)
    ours = Scanner(version="1", arguments=("image",))
    assert make(report(), Said(scanner=ours)).scanner == ours


def test_findings_are_looked_up() -> None:
    lists = Lists(
        Epss(TODAY, {RAW.id: 50_000}), Exploited(TODAY - DAY, frozenset({RAW.id, "CVE-2026-0002"}), frozenset({RAW.id}))
    )
    scan = make(report(RAW, replace(RAW, id="CVE-2026-0002"), replace(RAW, id="CVE-2026-0003")), lists=lists)
    looked_up = {one.id[-1]: (one.epss, one.kev, one.ransomware) for one in scan.findings}
    assert looked_up == {"1": (50_000, True, True), "2": (None, True, False), "3": (None, False, False)}
    assert scan.feeds == Feeds(epss=TODAY, kev=TODAY - DAY)
    assert make(report(RAW)).feeds == Feeds()


def test_a_report_does_not_say_what_only_lists_do() -> None:
    said = replace(RAW, epss=1, kev=True, ransomware=True, first_seen=date(2001, 1, 1))
    (found,) = make(report(said)).findings
    assert (found.epss, found.kev, found.ransomware, found.first_seen) == (None, False, False, TODAY)


@pytest.mark.parametrize(
    ("known", "seen"),
    [({}, TODAY), ({RAW.key: TODAY - 9 * DAY}, TODAY - 9 * DAY), ({RAW.key: TODAY + DAY}, TODAY)],
)
def test_when_it_was_seen_first(known: dict[object, date], seen: date) -> None:
    (found,) = make(report(RAW), history=known).findings
    assert found.first_seen == seen


def test_a_new_version_of_the_package_is_no_new_finding() -> None:
    (found,) = make(report(replace(RAW, version="9")), history={RAW.key: TODAY - DAY}).findings
    assert found.first_seen == TODAY - DAY


def test_what_is_published_in_the_future_is_not_known_to_be() -> None:
    """It would be young for ever, and every grace endless."""
    for day, known in ((TODAY, TODAY), (TODAY + DAY, None), (date.max, None), (None, None)):
        (found,) = make(report(replace(RAW, published=day))).findings
        assert found.published == known


def test_what_was_left_out_is_kept_and_dated() -> None:
    left_out = Suppressed(finding=RAW, status="ignored", source=".trivyignore", statement="no")
    one = Report(schema=2, created_at=NOW, suppressed=(left_out,))
    (kept,) = make(one, history={RAW.key: TODAY - DAY}).suppressed
    assert kept == replace(left_out, finding=replace(RAW, first_seen=TODAY - DAY))


@given(st.lists(findings, max_size=8), st.randoms())
def test_no_finding_is_lost_and_the_order_of_a_report_plays_no_part(found: list[Finding], chance: object) -> None:
    scan = make(report(*found))
    assert list(map(order, scan.findings)) == sorted(map(order, found))
    shuffled = list(found)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sorted(map(repr, make(report(*shuffled)).findings)) == sorted(map(repr, scan.findings))


def test_the_first_of_several_scans_dates_a_finding() -> None:
    dated, undated = replace(BAD, first_seen=TODAY - 9 * DAY), replace(BAD, first_seen=None)
    younger = replace(SCAN, findings=(dated,))
    older = replace(SCAN, scanned_at=NOW - 20 * DAY, findings=(undated,))
    hidden = replace(SCAN, scanned_at=NOW - 30 * DAY, suppressed=(Suppressed(finding=undated),))
    assert first_seen([]) == {}
    for scans, day in (([younger], 9), ([younger, older], 20), ([older, hidden, younger], 30)):
        assert first_seen(scans) == {BAD.key: TODAY - day * DAY}
