"""Scan reports: read, and known by one vocabulary, whatever wrote them and whatever becomes of them.

This is a library by itself, pure and typed: bytes in, values out, no file, socket or clock. ``docs/scan-reports.md``
says which reports are read and which are refused.

    from pytrust.scanner import BadReport, Severity, read_report

    report = read_report(Path("report.json").read_bytes())
    bad = [finding for finding in report.findings if finding.severity >= Severity.HIGH and finding.fixable]

Names are imported when they are first used, so ``import pytrust.scanner`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytrust.scanner.errors import BadReport
    from pytrust.scanner.finding import Finding, Key, Kind, Suppressed
    from pytrust.scanner.report import Detail, Image, Report
    from pytrust.scanner.scan import Database, System
    from pytrust.scanner.severity import Severity
    from pytrust.scanner.trivy.model import TrivyReport
    from pytrust.scanner.trivy.read import read_report, read_reports
    from pytrust.scanner.trivy.whole import read_model

__all__ = [
    "BadReport",
    "Database",
    "Detail",
    "Finding",
    "Image",
    "Key",
    "Kind",
    "Report",
    "Severity",
    "Suppressed",
    "System",
    "TrivyReport",
    "read_model",
    "read_report",
    "read_reports",
]

_MODULES: Final = {
    "errors": ("BadReport",),
    "finding": ("Finding", "Key", "Kind", "Suppressed"),
    "report": ("Detail", "Image", "Report"),
    "scan": ("Database", "System"),
    "severity": ("Severity",),
    "trivy.model": ("TrivyReport",),
    "trivy.read": ("read_report", "read_reports"),
    "trivy.whole": ("read_model",),
}
_HOMES: Final = {name: f"pytrust.scanner.{module}" for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
