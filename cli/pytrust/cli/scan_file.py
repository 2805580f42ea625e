"""Reports of scanners that commands read: from a file, or from stdin."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pytrust.trust.errors import UsageError

if TYPE_CHECKING:
    from pytrust.scanner.report import Report
    from pytrust.scanner.vex.document import VexDocument

STDIN: Final = "-"


class Read(NamedTuple):
    """Bytes from a ``place``, as people call it, and the reports that are in them."""

    place: str
    data: bytes
    reports: tuple[Report, ...]


def is_file(place: str) -> bool:
    """Whether an argument that may be an image name is meant as a file: a pipe is one, a folder is none."""
    try:
        return place == STDIN or (Path(place).exists() and not Path(place).is_dir())
    except OSError:  # no name that a file could have
        return False


def read_file(place: str, max_bytes: int) -> bytes:
    """What is at ``place``, at most one byte more than ``max_bytes``: whoever parses it refuses that.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        if place == STDIN:
            return sys.stdin.buffer.read(max_bytes + 1)
        with Path(place).open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{place} cannot be read: {reason}", hint="give a file, or - for stdin") from error


def read_scans(place: str, *, legacy: bool = False) -> Read:
    """Every report in a file, with titles and links; raises ``UsageError`` and ``BadReport``."""
    from pytrust.scanner.limits import REPORT_MAX_BYTES
    from pytrust.scanner.trivy.read import read_reports

    data, name = read_file(place, REPORT_MAX_BYTES), "stdin" if place == STDIN else place
    return Read(name, data, read_reports(data, what=name, details=True, legacy=legacy))


def parse_moment(text: str) -> datetime:
    """A moment of ISO 8601, UTC unless it says otherwise; raises ``UsageError``."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text[:60]!r} is no time", hint="write 2026-11-30T06:00Z (UTC)") from None


def read_vex_file(place: str) -> VexDocument:
    """A document of OpenVEX or CycloneDX; raises ``UsageError`` for any other file."""
    from pytrust.scanner.limits import VEX_MAX_BYTES
    from pytrust.scanner.vex.read import read_vex

    return read_vex(read_file(place, VEX_MAX_BYTES), what=place)
