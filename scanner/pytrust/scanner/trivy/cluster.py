"""``trivy k8s``: one report for each resource of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Raw

from pytrust.scanner.limits import RESULTS_MAX
from pytrust.scanner.report import Image, Report
from pytrust.scanner.scan import System
from pytrust.scanner.trivy import head
from pytrust.scanner.trivy.document import Leaf, load_result
from pytrust.scanner.trivy.fault import Fault
from pytrust.scanner.trivy.keys import Member, Spellings, settle, settle_raw
from pytrust.scanner.trivy.remarks import Remarks
from pytrust.scanner.trivy.results import Results

_RESOURCE: Final = Spellings("Namespace", "Kind", "Name", "Metadata", "Results", "Error")


def read_resource(resource: Mapping[Member, Leaf], place: str, schema: int, *, details: bool) -> Report:
    """The report of one resource; where it has several images, the report is of none of them.

    Raises:
        Fault: as ``Results.read``.
    """
    members, remarks = settle(resource, _RESOURCE, place), Remarks()
    results, found = _results(members, f"{place}.Results"), Results(remarks, details=details)
    for index, raw in enumerate(results):
        found.read(load_result(raw, f"{place}.Results[{index}]"), f"{place}.Results[{index}]")
    system, image = _about(members.get("Metadata"), f"{place}.Metadata", remarks)
    return Report(
        schema=schema,
        artifact="/".join(filter(None, (head.text(members, name, place) for name in ("Namespace", "Kind", "Name")))),
        artifact_type="kubernetes",
        image=image,
        system=system,
        families=frozenset(found.families),
        results=len(results),
        findings=tuple(found.findings),
        suppressed=tuple(found.suppressed),
        details=found.details,
        remarks=remarks.lines(),
        error=head.text(members, "Error", place),
    )


def _results(members: Mapping[str, Leaf], place: str) -> list[Raw]:
    value = members.get("Results")
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > RESULTS_MAX:
        raise Fault(f"expected a list of at most {RESULTS_MAX:,} results", place)
    return value


def _about(value: Leaf, place: str, remarks: Remarks) -> tuple[System, Image | None]:
    """``Metadata``: an object, or a list with one for each image of the resource."""
    if isinstance(value, list):
        if len(value) != 1:
            remarks.add(f"a resource with {len(value)} images", place)
            return System(), None
        place = f"{place}[0]"
        metadata = settle_raw(value[0], head.METADATA, place)
    else:
        metadata = settle(value, head.METADATA, place)
    return head.system(metadata, place), head.image(metadata, place, remarks)
