"""New findings only: what an older scan has, too, counts as seen before."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from msgspec.structs import replace

from pytrust.scanner.changes import changes
from pytrust.scanner.finding import Finding
from pytrust.scanner.rules import ScanRules
from pytrust.scanner.scan import Scan


def since_baseline(scan: Scan, old: tuple[Finding, ...], today: date) -> Scan:
    """First seen today: what ``old`` lacks, has less often, or has as less severe. First seen before: all the rest."""
    found = changes(old, scan.findings)
    fresh = Counter((*found.new, *(after for _, after in found.worse)))
    return replace(scan, findings=tuple(_dated(finding, fresh, today) for finding in scan.findings))


def only_new(rules: ScanRules, today: date) -> ScanRules:
    """The same rules, for what is first seen today, or was after the baseline that they have already."""
    return replace(rules, since=max(today, rules.since or today))


def _dated(finding: Finding, fresh: Counter[Finding], today: date) -> Finding:
    is_fresh = fresh[finding] > 0
    fresh[finding] -= is_fresh
    return replace(finding, first_seen=today if is_fresh else today - timedelta(days=1))
