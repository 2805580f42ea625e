"""A report as it was read: what everything else in this room starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pytrust.scanner.finding import Finding, Kind, Suppressed
from pytrust.scanner.scan import Database, System
from pytrust.trust.names import Digest


@dataclass(frozen=True, slots=True)
class Image:
    """What a report says of the image that it is about.

    ``config`` is ``Metadata.ImageID``, ``layers`` the ``DiffIDs``; ``names`` are ``RepoDigests`` that are well-formed
    (``NAME@sha256:...``), ``tags`` the ``RepoTags``; ``platform`` as in ``scan.Subject``, empty where it is not said.
    """

    config: Digest | None = None
    layers: tuple[Digest, ...] = ()
    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What is known of a finding beyond what it is judged by."""

    title: str = ""
    text: str = ""
    links: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One report about one artefact; of a cluster, one of its resources.

    Attributes:
        schema: 2, or 0 for the array of Trivy before 0.20.
        artifact: its name; display only.
        artifact_type: ``container_image``, ``filesystem``, ``cyclonedx``, ...; empty where it is not said.
        created_at: when the scan was made (UTC); None before Trivy 0.48.
        families: the classes of its results, also of those without findings.
        results: how many there were; 0 means that nothing was examined.
        findings: in the order of the report, each as often as it stands there.
        details: by kind and id, where they were asked for.
        remarks: what is odd and was let pass, one line each.
        error: why a resource of a cluster was not scanned.
    """

    schema: int
    artifact: str = ""
    artifact_type: str = ""
    id: str = ""
    version: str = ""
    created_at: datetime | None = None
    image: Image | None = None
    system: System = field(default_factory=System)
    database: Database = field(default_factory=Database)
    families: frozenset[str] = frozenset()
    results: int = 0
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    details: Mapping[tuple[Kind, str], Detail] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    error: str = ""
