"""Trivy's report as Trivy writes it, whole and typed: for whoever wants more of it than ``read`` keeps.

    >>> from pytrust.scanner import read_model
    >>> model = read_model(Path("report.json").read_bytes())
    >>> [package.name for result in model.results or () for package in result.packages or ()]

The attributes are Trivy's keys in Python's spelling (``PkgName`` is ``pkg_name``); Trivy's source is in ``pkg/types``
and ``pkg/fanal/types``. Everything is optional, because every version leaves out what is empty and most keys came over
the years: None is a key that is missing or null. Words (severities, classes, statuses) and moments are texts as they
are written. What has no shape of its own stays JSON text (``msgspec.Raw``).
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, field

NOTHING = Raw(b"null")
Number = int | float


class _Part(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A part of a report. Without garbage collection: reports are trees."""


class DatabaseRecord(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A database of Trivy's server."""

    version: Number | None = None
    updated_at: str | None = None
    next_update: str | None = None
    downloaded_at: str | None = None


class Server(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """The server that a client asked; only in client/server mode."""

    version: str | None = None
    vulnerability_db: DatabaseRecord | None = field(name="VulnerabilityDB", default=None)
    java_db: DatabaseRecord | None = field(name="JavaDB", default=None)
    check_bundle: Raw = NOTHING


class Program(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """The program that wrote the report (0.69)."""

    version: str | None = None
    server: Server | None = None


class OperatingSystem(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """The distribution; the flag for its end was spelled ``Eosl`` from 0.30 to 0.43."""

    family: str | None = None
    name: str | None = None
    ended: bool | None = field(name="EOSL", default=None)
    ended_in_0_30: bool | None = field(name="Eosl", default=None)
    extended: bool | None = field(name="extended", default=None)
    supplier: Raw = NOTHING


class Layer(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A layer of the image."""

    digest: str | None = None
    diff_id: str | None = field(name="DiffID", default=None)
    size: Number | None = None
    created_by: str | None = None


class Metadata(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """About the artefact: of an image, or of a git repository. ``image_config`` is what somebody else wrote."""

    size: Number | None = None
    os: OperatingSystem | None = field(name="OS", default=None)
    image_id: str | None = field(name="ImageID", default=None)
    diff_ids: list[str] | None = field(name="DiffIDs", default=None)
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None
    reference: str | None = None
    image_config: Raw = NOTHING
    layers: list[Layer] | None = None
    repo_url: str | None = field(name="RepoURL", default=None)
    branch: str | None = None
    tags: list[str] | None = None
    commit: str | None = None
    commit_msg: str | None = None
    author: str | None = None
    committer: str | None = None


class Identifier(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """What identifies a package (0.49)."""

    purl: str | None = field(name="PURL", default=None)
    uid: str | None = field(name="UID", default=None)
    bom_ref: str | None = field(name="BOMRef", default=None)


class Location(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """Lines of a lock file."""

    start_line: Number | None = None
    end_line: Number | None = None


class Package(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A package that is installed; ``depends_on`` may go round in circles."""

    id: str | None = field(name="ID", default=None)
    name: str | None = None
    identifier: Identifier | None = None
    version: str | None = None
    release: str | None = None
    epoch: Number | None = None
    arch: str | None = None
    dev: bool | None = None
    src_name: str | None = None
    src_version: str | None = None
    src_release: str | None = None
    src_epoch: Number | None = None
    licenses: list[str] | None = None
    maintainer: str | None = None
    modularitylabel: str | None = None
    build_info: Raw = NOTHING
    repository: Raw = NOTHING
    indirect: bool | None = None
    relationship: str | None = None
    depends_on: list[str] | None = None
    layer: Layer | None = None
    file_path: str | None = None
    digest: str | None = None
    locations: list[Location] | None = None
    installed_files: list[str] | None = None
    analyzed_by: str | None = None


class Score(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """What one source says by CVSS."""

    v2_vector: str | None = field(name="V2Vector", default=None)
    v3_vector: str | None = field(name="V3Vector", default=None)
    v40_vector: str | None = field(name="V40Vector", default=None)
    v2_score: Number | None = field(name="V2Score", default=None)
    v3_score: Number | None = field(name="V3Score", default=None)
    v40_score: Number | None = field(name="V40Score", default=None)


class DataSource(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """Who says that the package is vulnerable (0.23)."""

    id: str | None = field(name="ID", default=None)
    name: str | None = None
    url: str | None = field(name="URL", default=None)
    base_id: str | None = field(name="BaseID", default=None)


class Vulnerability(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A vulnerability of a package; ``vendor_severity`` is 0 to 4 by source."""

    vulnerability_id: str | None = field(name="VulnerabilityID", default=None)
    vendor_ids: list[str] | None = field(name="VendorIDs", default=None)
    pkg_id: str | None = field(name="PkgID", default=None)
    pkg_id_in_0_36: str | None = field(name="PkgId", default=None)
    pkg_ref: str | None = None
    pkg_name: str | None = None
    pkg_path: str | None = None
    pkg_identifier: Identifier | None = None
    installed_version: str | None = None
    fixed_version: str | None = None
    status: str | None = None
    layer: Layer | None = None
    severity: str | None = None
    severity_source: str | None = None
    vendor_severity: Raw = NOTHING
    cvss: dict[str, Score | None] | None = field(name="CVSS", default=None)
    primary_url: str | None = field(name="PrimaryURL", default=None)
    data_source: DataSource | None = None
    fingerprint: str | None = None
    title: str | None = None
    description: str | None = None
    cwe_ids: list[str] | None = field(name="CweIDs", default=None)
    references: list[str] | None = None
    published_date: str | None = None
    last_modified_date: str | None = None
    custom: Raw = NOTHING


class Line(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A line of a file; ``highlighted`` has colours for a terminal in it, and neighbours of a secret are not masked."""

    number: Number | None = None
    content: str | None = None
    is_cause: bool | None = None
    annotation: str | None = None
    truncated: bool | None = None
    highlighted: str | None = None
    first_cause: bool | None = None
    last_cause: bool | None = None


class Code(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """Lines around what was found."""

    lines: list[Line] | None = None


class Cause(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """Where a misconfiguration comes from."""

    resource: str | None = None
    provider: str | None = None
    service: str | None = None
    start_line: Number | None = None
    end_line: Number | None = None
    code: Code | None = None
    occurrences: Raw = NOTHING
    rendered_cause: Raw = NOTHING


class Misconfiguration(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A check and what it came to: ``PASS``, ``FAIL`` or ``EXCEPTION``."""

    type: str | None = None
    id: str | None = field(name="ID", default=None)
    avd_id: str | None = field(name="AVDID", default=None)
    title: str | None = None
    description: str | None = None
    message: str | None = None
    namespace: str | None = None
    query: str | None = None
    resolution: str | None = None
    severity: str | None = None
    primary_url: str | None = field(name="PrimaryURL", default=None)
    references: list[str] | None = None
    status: str | None = None
    layer: Layer | None = None
    cause_metadata: Cause | None = None
    traces: list[str] | None = None


class MisconfigurationSummary(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """How many checks there were; ``exceptions`` until 0.56."""

    successes: Number | None = None
    failures: Number | None = None
    exceptions: Number | None = None


class Secret(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A secret; in ``match`` it is masked, in ``code`` others may not be."""

    rule_id: str | None = field(name="RuleID", default=None)
    category: str | None = None
    severity: str | None = None
    title: str | None = None
    start_line: Number | None = None
    end_line: Number | None = None
    code: Code | None = None
    match: str | None = None
    layer: Layer | None = None
    offset: Number | None = None
    deleted: bool | None = None


class License(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A licence of a package or a file; ``confidence`` is 0 to 1."""

    severity: str | None = None
    category: str | None = None
    pkg_name: str | None = None
    file_path: str | None = None
    name: str | None = None
    text: str | None = None
    confidence: Number | None = None
    link: str | None = None


class CustomResource(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """What a module of somebody else's found."""

    type: str | None = None
    file_path: str | None = None
    layer: Layer | None = None
    data: Raw = NOTHING


class ModifiedFinding(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A finding that was left out (0.55, with ``--show-suppressed``); ``type`` says what ``finding`` is."""

    type: str | None = None
    status: str | None = None
    statement: str | None = None
    source: str | None = None
    finding: Raw = NOTHING


class Result(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A place that was looked at. ``class_`` and ``type`` are open sets of words."""

    target: str | None = None
    class_: str | None = field(name="Class", default=None)
    type: str | None = None
    packages: list[Package] | None = None
    vulnerabilities: list[Vulnerability] | None = None
    misconf_summary: MisconfigurationSummary | None = None
    misconfigurations: list[Misconfiguration] | None = None
    secrets: list[Secret] | None = None
    licenses: list[License] | None = None
    custom_resources: list[CustomResource] | None = None
    modified_findings: list[ModifiedFinding] | None = field(name="ExperimentalModifiedFindings", default=None)


class TrivyReport(_Part, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """A report about one artefact; ``schema_version`` is 0 for the array of Trivy before 0.20."""

    schema_version: int = 0
    trivy: Program | None = None
    report_id: str | None = field(name="ReportID", default=None)
    created_at: str | None = None
    artifact_id: str | None = field(name="ArtifactID", default=None)
    artifact_name: str | None = None
    artifact_type: str | None = None
    metadata: Metadata | None = None
    results: list[Result] | None = None
