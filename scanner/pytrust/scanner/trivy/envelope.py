"""Which of Trivy's forms a document has. Strict: what is none of them is refused by name, never read as nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from pytrust.scanner.limits import RESULTS_MAX
from pytrust.scanner.trivy.document import Leaf
from pytrust.scanner.trivy.fault import Fault, quoted
from pytrust.scanner.trivy.foreign import foreign_object
from pytrust.scanner.trivy.keys import Member, Spellings, settle

SCHEMA: Final = 2
_REPORT: Final = Spellings(
    "SchemaVersion", "Trivy", "ReportID", "CreatedAt", "ArtifactName", "ArtifactType", "Metadata", "Results"
)
_CLUSTER: Final = Spellings(
    "SchemaVersion", "ClusterName", "Resources", "Findings", "Vulnerabilities", "Misconfigurations"
)
_RESOURCES: Final = ("Resources", "Findings", "Vulnerabilities", "Misconfigurations")
_AGAIN: Final = "scan again with a Trivy of today"
_LEGACY_HINT: Final = "Trivy before 0.20 wrote this where it found nothing; it does not say about what: scan again"

Objects = Sequence[Mapping[Member, Leaf]]


@dataclass(frozen=True, slots=True)
class Single:
    """An object of schema 2: its members by name, and its results."""

    members: Mapping[str, Any]
    results: Objects


@dataclass(frozen=True, slots=True)
class Array:
    """The array of results of Trivy before 0.20."""

    results: Objects


@dataclass(frozen=True, slots=True)
class Cluster:
    """What ``trivy k8s`` writes: ``resources`` with the JSON path of each."""

    schema: int
    resources: Sequence[tuple[str, Mapping[Member, Leaf]]]


def recognise(document: Any, *, legacy: bool) -> Single | Array | Cluster:  # noqa: ANN401
    """The form of a document that ``document.load`` gave.

    Raises:
        Fault: it is none of Trivy's; with ``legacy``, an empty array and null are.
    """
    match document:
        case dict():
            return _object({member.name for member in document}, document)
        case list() if document:
            return Array(_legacy(document))
        case None | []:
            if not legacy:
                raise Fault(f"it is {'null' if document is None else 'an empty array'}", hint=_LEGACY_HINT)
            return Array(())
        case _:
            raise Fault(f"it is {_shown(document)}, and no report")


def _object(names: set[str], document: Mapping[Member, Any]) -> Single | Cluster:
    if (fault := foreign_object(names)) is not None:
        raise fault
    if "ClusterName" in names or ("Results" not in names and names & {"Resources", "Findings"}):
        return _cluster(settle(document, _CLUSTER, "$"))
    if "SchemaVersion" not in names and document and all(_of_2019(value) for value in document.values()):
        raise Fault("it is keyed by target, as Trivy wrote it in 2019", hint=_AGAIN)
    members = settle(document, _REPORT, "$")
    _check_schema(members)
    return Single(members, _objects(members.get("Results"), "$.Results"))


def _of_2019(value: object) -> bool:
    return value is None or isinstance(value, list)


def _check_schema(members: Mapping[str, Any]) -> None:
    if "SchemaVersion" not in members:
        raise Fault("it has no SchemaVersion, so it is no report of Trivy")
    version = members["SchemaVersion"]
    if type(version) is not int or version != SCHEMA:
        raise Fault(f"its SchemaVersion is {_shown(version)}, and only {SCHEMA} is known here", "$.SchemaVersion")


def _cluster(members: Mapping[str, Any]) -> Cluster:
    if "SchemaVersion" in members and members["SchemaVersion"] not in {0, None}:
        _check_schema(members)
    found = [
        (f"$.{name}[{index}]", resource)
        for name in _RESOURCES
        for index, resource in enumerate(_objects(members.get(name), f"$.{name}"))
    ]
    if not found:
        raise Fault("it is about a cluster of which nothing was looked at")
    return Cluster(SCHEMA if members.get("SchemaVersion") else 0, found)


def _legacy(document: Sequence[Any]) -> Objects:
    for index, result in enumerate(_objects(document, "$")):
        names = {member.name for member in result}
        if "Target" not in names:
            what = "reports" if "SchemaVersion" in names else "something else than results"
            raise Fault(f"it is an array of {what}, and no report of Trivy", f"$[{index}]")
    return document


def _objects(value: Any, place: str) -> Objects:  # noqa: ANN401
    """A list of objects; null is an empty one."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Fault(f"expected a list, got {_shown(value)}", place)
    if len(value) > RESULTS_MAX:
        raise Fault(f"it has more than {RESULTS_MAX:,} results", place)
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            _no_object(item, f"{place}[{index}]")
    return value


def _no_object(item: object, place: str) -> NoReturn:
    raise Fault(f"expected an object, got {_shown(item)}", place)


def _shown(value: object) -> str:
    """A value of JSON for a message."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return f"the text {quoted(value)}"
        case int() | float():
            return quoted(str(value)).strip("'")
        case dict():
            return "an object"
        case _:
            return "a list"
