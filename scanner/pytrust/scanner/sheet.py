"""A sheet of results as people and machines read it, whatever was looked at: a scan, two scans, an engine.

Texts are hostile: every format escapes them for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pytrust.scanner.severity import Severity


class Mark(StrEnum):
    """What a line comes to, in the order of showing."""

    FAIL = "fail"
    WARN = "warn"
    NOTE = "note"
    WAIVED = "waived"
    NOT_AFFECTED = "not-affected"
    MANUAL = "manual"
    SKIPPED = "skipped"
    PASS = "pass"  # noqa: S105 - a word


@dataclass(frozen=True, slots=True)
class Line:
    """One finding or one check.

    Attributes:
        id: ``CVE-2024-1234``, or ``5.4`` of a benchmark.
        title: in a few words.
        subject: the package, or the container, that it is about.
        version: of the package, as installed; ``fixed``: versions with a fix.
        place: the file within the image, or what the report calls the target.
        links: addresses; only those of http and https may become links.
        why: the rule, waiver or claim behind the mark, or the evidence of a check.
        hint: what to do.
        text: at length, for formats with room.
        kind: of a finding or a section of checks, for grouping.
        score: CVSS base score in tenths.
        until: the last day of a waiver, ISO 8601.
    """

    id: str
    mark: Mark
    severity: Severity | None = None
    title: str = ""
    subject: str = ""
    version: str = ""
    fixed: str = ""
    place: str = ""
    links: tuple[str, ...] = ()
    why: str = ""
    hint: str = ""
    text: str = ""
    kind: str = ""
    score: int | None = None
    until: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the whole: a stale scan, a list that was not looked up, a waiver that fits nothing."""

    mark: Mark
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """``facts`` are pairs for the head (image, digest, age of the scan); ``mark`` is the whole's own.

    ``tool`` names the command that made it, ``lines`` are worst and fixable first within a mark.
    """

    title: str
    tool: str
    mark: Mark
    facts: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()
    lines: tuple[Line, ...] = field(default=())
