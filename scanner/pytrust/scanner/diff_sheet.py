"""What became of a scan, as a sheet: what is new or worse fails, what is better or gone is noted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from pytrust.scanner.changes import Changes
from pytrust.scanner.finding import Finding
from pytrust.scanner.finding_line import NO_DETAILS, RANK, Details, finding_line
from pytrust.scanner.scan import Scan, order
from pytrust.scanner.scan_head import NO_DIGEST
from pytrust.scanner.sheet import Line, Mark, Remark, Sheet
from pytrust.scanner.spans import moment_ago


class Side(NamedTuple):
    """One of the two scans, what it is called, and the details of its report, where there is one."""

    name: str
    scan: Scan
    details: Details = NO_DETAILS


def diff_sheet(found: Changes, old: Side, new: Side, now: datetime) -> Sheet:
    """The sheet of what is between two scans."""
    details = {**old.details, **new.details}
    return Sheet(
        title=f"from {old.name} to {new.name}",
        tool="pytrust scan diff",
        mark=Mark.FAIL if found.new or found.worse else Mark.PASS,
        facts=(*_head("old", old, now), *_head("new", new, now), ("changes", _counts(found))),
        remarks=tuple(_oddities(old.scan, new.scan)),
        lines=tuple(_line(row, details) for row in sorted(_rows(found), key=_place)),
    )


class _Row(NamedTuple):
    """One change; ``finding`` is that of the new scan where it is in both."""

    finding: Finding
    mark: Mark
    why: str
    before: Finding | None = None


def _rows(found: Changes) -> Iterator[_Row]:
    """Every change once, though a pair may be worse and have a fix now."""
    fixed, moved = frozenset(found.fixed), frozenset((*found.worse, *found.better))
    yield from (_Row(finding, Mark.FAIL, "new") for finding in found.new)
    for word, mark, pairs in (("worse", Mark.FAIL, found.worse), ("better", Mark.NOTE, found.better)):
        for before, after in pairs:
            more = "; a fix appeared" if (before, after) in fixed else ""
            yield _Row(after, mark, f"{word}, was {before.severity.word}{more}", before)
    yield from (_Row(pair[1], Mark.NOTE, "a fix appeared", pair[0]) for pair in found.fixed if pair not in moved)
    yield from (_Row(finding, Mark.NOTE, "gone") for finding in found.gone)


def _place(row: _Row) -> tuple[object, ...]:
    return (RANK[row.mark], *order(row.finding))


def _line(row: _Row, details: Details) -> Line:
    """What changed is said of each finding: so the version stands with the package, and does not group the lines."""
    line = finding_line(row.finding, row.mark, row.why, details)
    was = row.before.version if row.before else line.version
    versions = line.version if was == line.version else f"{was} -> {line.version}"
    return replace(line, subject=f"{line.subject} {versions}".strip(), version="")


def _counts(found: Changes) -> str:
    parts = (
        (found.new, "new"),
        (found.worse, "worse"),
        (found.fixed, "with a fix now"),
        (found.better, "better"),
        (found.gone, "gone"),
    )
    return ", ".join(f"{len(some)} {word}" for some, word in parts if some) or "none"


def _head(word: str, side: Side, now: datetime) -> Iterator[tuple[str, str]]:
    yield word, side.name
    if side.scan.subject.digest != NO_DIGEST:
        yield f"{word} digest", str(side.scan.subject.digest)
    yield f"{word} scanned", moment_ago(side.scan.source.created_at, now)


def _oddities(old: Scan, new: Scan) -> Iterator[Remark]:
    """Why findings may come or go though nothing in the image changed."""
    if old.subject.platform and new.subject.platform and old.subject.platform != new.subject.platform:
        yield Remark(Mark.WARN, f"they are of {old.subject.platform} and of {new.subject.platform}")
    if lost := sorted(old.coverage.families - new.coverage.families):
        yield Remark(Mark.WARN, f"the new one has no results of: {', '.join(lost)}; what is gone may not be mended")
    if old.coverage.kinds is not None and new.coverage.kinds is not None and old.coverage.kinds - new.coverage.kinds:
        lost_kinds = ", ".join(sorted(old.coverage.kinds - new.coverage.kinds))
        yield Remark(Mark.WARN, f"the new one did not look for: {lost_kinds}")
    if old.scanner.version != new.scanner.version:
        yield Remark(Mark.NOTE, f"scanned by {_version(old)} and by {_version(new)}")


def _version(scan: Scan) -> str:
    return f"{scan.scanner.name} {scan.scanner.version or 'of no known version'}"
