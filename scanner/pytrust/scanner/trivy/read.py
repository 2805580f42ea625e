"""Bytes of a report of Trivy in, ``Report`` out."""

from __future__ import annotations

from pytrust.scanner.report import Report


def read_report(data: bytes, *, what: str = "the report", details: bool = False, legacy: bool = False) -> Report:
    """The report of one artefact.

    Args:
        data: the file as it is.
        what: names it in errors.
        details: titles, descriptions, links and hints are read, too.
        legacy: ``[]`` and ``null``, which is what Trivy before 0.20 wrote where it found nothing, are reports.

    Raises:
        BadReport: it is none, is of several artefacts, or has more than one reading.
    """
    raise NotImplementedError


def read_reports(
    data: bytes, *, what: str = "the report", details: bool = False, legacy: bool = False
) -> tuple[Report, ...]:
    """As ``read_report``; one for most files, one for each resource of ``trivy k8s``."""
    raise NotImplementedError
