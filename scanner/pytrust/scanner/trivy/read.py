"""Bytes of a report of Trivy in, ``Report`` out: every form from 0.6 to 0.74, and nothing else.

Strict about the whole, tolerant within. What is no report of Trivy is refused by name, for the worst that a reader of
reports can do is to take something else for a report without findings; so is JSON with more than one reading
(``keys``). What a report has more than pytrust knows is passed over, and what is odd about a finding is remarked on:
a finding never disappears.

How 100 MB are read in less than half a second, with little more memory than they take:

1. ``document``: bounds, UTF-8, and one pass of msgspec over the whole. It proves the syntax of every byte and
   takes the document apart down to the lists of findings, which stay text.
2. ``items``: each finding alone, twice: once for the names of its keys, once for the dozen values that count.
   Texts that nobody judges by (descriptions, links, packages) are never made into Python strings.
3. ``findings``: what Trivy says in our words.

So a fault has a JSON path, and what is in memory is the file, the findings, and one finding's parts.

    >>> from pathlib import Path
    >>> report = read_report(Path("report.json").read_bytes())
    >>> [finding.id for finding in report.findings if finding.fixable]
"""

from __future__ import annotations

from typing import Any, assert_never

from pytrust.scanner.errors import BadReport
from pytrust.scanner.report import Report
from pytrust.scanner.trivy import head
from pytrust.scanner.trivy.cluster import read_resource
from pytrust.scanner.trivy.document import load
from pytrust.scanner.trivy.envelope import SCHEMA, Array, Cluster, Objects, Single, recognise
from pytrust.scanner.trivy.fault import Fault
from pytrust.scanner.trivy.keys import settle
from pytrust.scanner.trivy.remarks import Remarks
from pytrust.scanner.trivy.results import Results


def read_report(data: bytes, *, what: str = "the report", details: bool = False, legacy: bool = False) -> Report:
    """The report of one artefact.

    Args:
        data: the file as it is; whoever needs its hash takes it from the same bytes.
        what: names it in errors.
        details: titles, descriptions, links and hints are read, too.
        legacy: ``[]`` and ``null``, which is what Trivy before 0.20 wrote where it found nothing, are reports.

    Raises:
        BadReport: it is none, has more than one reading, or is of several artefacts.
    """
    reports = read_reports(data, what=what, details=details, legacy=legacy)
    if len(reports) != 1:
        hint = "scan the images one by one: trivy image --format json --output report.json IMAGE"
        raise BadReport(f"{what} is about {len(reports)} resources of a cluster, and no single artefact", hint=hint)
    return reports[0]


def read_reports(
    data: bytes, *, what: str = "the report", details: bool = False, legacy: bool = False
) -> tuple[Report, ...]:
    """As ``read_report``; one for most files, one for each resource of ``trivy k8s``."""
    try:
        return _read(data, details=details, legacy=legacy)
    except (Fault, RecursionError) as error:
        raise bad_report(error, what) from error


def bad_report(fault: Fault | RecursionError, what: str) -> BadReport:
    """The error for people, of the file that they call ``what``."""
    if isinstance(fault, RecursionError):  # msgspec and json count their own frames with Python's
        fault = Fault("it is nested too deeply")
    at = f" (at {fault.place})" if fault.place not in {"", "$"} else ""
    return BadReport(f"{what}: {fault.reason}{at}", hint=fault.hint)


def _read(data: bytes, *, details: bool, legacy: bool) -> tuple[Report, ...]:
    match recognise(load(data), legacy=legacy):
        case Single() as single:
            return (_single(single, details=details),)
        case Array() as array:
            found, remarks = _found(array.results, "$", details=details)
            return (_report(0, found, remarks, len(array.results)),)
        case Cluster() as cluster:
            return tuple(
                read_resource(each, place, cluster.schema, details=details) for place, each in cluster.resources
            )
        case never:
            assert_never(never)


def _single(single: Single, *, details: bool) -> Report:
    members = single.members
    found, remarks = _found(single.results, "$.Results", details=details)
    version, database = head.program(members)
    metadata = settle(members.get("Metadata"), head.METADATA, "$.Metadata")
    about = {
        "artifact": head.text(members, "ArtifactName", "$"),
        "artifact_type": head.text(members, "ArtifactType", "$"),
        "id": head.text(members, "ReportID", "$"),
        "created_at": head.created(members, remarks),
        "image": head.image(metadata, "$.Metadata", remarks),
        "system": head.system(metadata, "$.Metadata"),
    }
    return _report(SCHEMA, found, remarks, len(single.results), version=version, database=database, **about)


def _found(results: Objects, place: str, *, details: bool) -> tuple[Results, Remarks]:
    remarks = Remarks()
    found = Results(remarks, details=details)
    for index, result in enumerate(results):
        found.read(result, f"{place}[{index}]")
    return found, remarks


def _report(schema: int, found: Results, remarks: Remarks, results: int, **about: Any) -> Report:  # noqa: ANN401
    return Report(
        schema=schema,
        families=frozenset(found.families),
        results=results,
        findings=tuple(found.findings),
        suppressed=tuple(found.suppressed),
        details=found.details,
        remarks=remarks.lines(),
        **about,
    )
