"""What is said of a scan before its findings: of which image, how old, looked for what; and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pytrust.scanner.finding import Kind
from pytrust.scanner.gate.words import NOUNS
from pytrust.scanner.scan import Coverage, Database, Scan, Scanner, Subject, System
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Mark, Remark
from pytrust.scanner.spans import moment_ago
from pytrust.trust.names import CollectionName, Digest

NO_DIGEST: Final = Digest("0" * 64)
"""Stands where a report is checked that does not say of which image it is; never signed."""
UNDATED: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands where one does not say when it was made: older than anything allows; never signed."""


def nobody(name: CollectionName, platform: str = "") -> Subject:
    """The subject of a report that names no image."""
    return Subject(name=name, digest=NO_DIGEST, config=NO_DIGEST, platform=platform)


def head(scan: Scan, now: datetime, image: str = "") -> Iterator[tuple[str, str]]:
    """Pairs for the head of a sheet; ``image`` is the name to show in the place of the scan's own."""
    subject = scan.subject
    pairs = (
        ("image", image or subject.name),
        ("digest", _known(subject.digest)),
        ("configuration", _known(subject.config)),
        ("platform", subject.platform),
        ("distribution", _system(scan.system)),
        ("scanned", moment_ago(None if scan.scanned_at == UNDATED else scan.scanned_at, now)),
        ("database", _database(scan.database, now)),
        ("scanner", _scanner(scan.scanner)),
        ("looked for", looked_for(scan.coverage)),
        ("looked at", ", ".join(sorted(scan.coverage.families))),
        ("lists", _lists(scan)),
        ("report", str(scan.source.digest)),
    )
    yield from ((word, text) for word, text in pairs if text)


def looked_for(coverage: Coverage) -> str:
    """``vulnerabilities, secrets; only critical, high; not what has no fix``, as far as it is known."""
    parts = ["not known" if coverage.kinds is None else ", ".join(NOUNS[kind] for kind in sorted(coverage.kinds))]
    if coverage.severities is not None and coverage.severities != frozenset(Severity):
        parts.append(f"only {', '.join(one.word for one in sorted(coverage.severities, reverse=True))}")
    if coverage.unfixed is False:
        parts.append("not what has no fix")
    if coverage.asserted:
        parts.append("as the operator says")
    return "; ".join(filter(None, parts))


def oddities(scan: Scan, told: frozenset[str]) -> Iterator[Remark]:
    """What a reader has to know before he trusts a short list, but for ``told``, the codes of what was said already."""
    coverage = scan.coverage
    if coverage.kinds is None and "may-be-incomplete" not in told:
        hint = "have the arguments recorded: pytrust scan run IMAGE"
        yield Remark(Mark.NOTE, "a report does not say what was looked for: what it lacks need not be absent", hint)
    if coverage.kinds is not None and (rest := sorted(frozenset(Kind) - coverage.kinds)):
        yield Remark(Mark.NOTE, f"not looked for: {', '.join(NOUNS[kind] for kind in rest)}")
    if scan.scanned_at == UNDATED:
        yield Remark(Mark.NOTE, "the report does not say when it was made: it is as old as can be")
    if coverage.files:
        files = ", ".join(map(str, coverage.files))
        yield Remark(Mark.NOTE, f"files that were in force, such as lists of what to ignore: {files}")
    if scan.suppressed:
        sources = ", ".join(sorted({one.source or "an unnamed source" for one in scan.suppressed}))
        count = f"{len(scan.suppressed)} finding{'' if len(scan.suppressed) == 1 else 's'}"
        yield Remark(Mark.NOTE, f"the scanner left out {count}, as it was told to by: {sources}")


def _known(digest: Digest) -> str:
    return "" if digest == NO_DIGEST else str(digest)


def _system(system: System) -> str:
    name = " ".join(filter(None, (system.family, system.name)))
    return f"{name}, whose time is over" if system.ended else name


def _database(database: Database, now: datetime) -> str:
    text = moment_ago(database.updated_at, now)
    return f"{text}, as the operator says" if database.asserted else text


def _scanner(scanner: Scanner) -> str:
    return " ".join(filter(None, (scanner.name, scanner.version)))


def _lists(scan: Scan) -> str:
    days = (("EPSS", scan.feeds.epss), ("KEV", scan.feeds.kev))
    return ", ".join(f"{word} of {day:%Y-%m-%d}" for word, day in days if day)
