"""What a file is that is no report of Trivy: the more exactly it is named, the sooner somebody finds the right one."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from pytrust.scanner.trivy.fault import Fault

_MAGIC: Final = (
    (b"\x1f\x8b", "compressed by gzip", "gunzip it"),
    (b"PK\x03\x04", "a zip archive", "unzip it"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unzstd it"),
    (b"\xfd7zXZ\x00", "compressed by xz", "unxz it"),
    (b"BZh", "compressed by bzip2", "bunzip2 it"),
    (b"\xef\xbb\xbf", "marked with a byte order mark, which JSON does not have (RFC 8259, section 8.1)", "remove it"),
    (b"\xff\xfe", "UTF-16 or UTF-32, and no UTF-8", ""),
    (b"\xfe\xff", "UTF-16, and no UTF-8", ""),
    (b"\x00\x00\xfe\xff", "UTF-32, and no UTF-8", ""),
    (b"<", "HTML or XML", ""),
)
_WRITE_JSON: Final = "trivy image --format json --output report.json IMAGE"
_SPACE: Final = b" \t\r\n"
_LOG: Final = re.compile(rb"\d{4}-|\[(?!true|false|null)[a-zA-Z]")
_LOOK: Final = 64 * 1024  # bytes, for JSON behind something else

# Keys that a document of this kind has, what it is, and the way to a report.
_OBJECTS: Final[tuple[tuple[frozenset[str], str, str], ...]] = tuple(
    (frozenset(keys.split()), name, hint)
    for keys, name, hint in (
        ("bomFormat", "a CycloneDX document", "trivy sbom --format json --output report.json FILE"),
        ("spdxVersion", "an SPDX document", "trivy sbom --format json --output report.json FILE"),
        ("@graph @context", "a JSON-LD document, perhaps SPDX 3", ""),
        ("@context statements", "an OpenVEX document", "pytrust scan vex attach NAME FILE"),
        ("runs", "a SARIF log", _WRITE_JSON),
        ("matches", "a report of Grype", _WRITE_JSON),
        ("payload payloadType signatures", "a DSSE envelope", "cosign verify-attestation prints what is in it"),
        ("_type predicateType", "an in-toto statement", "take .predicate.scanner.result, if it is one of cosign's"),
        ("invocation scanner metadata", "a vulnerability predicate of cosign", "take .scanner.result"),
        ("scanner metadata", "a vulnerability predicate of in-toto", _WRITE_JSON),
        ("apiVersion kind", "an object of Kubernetes, perhaps of the Trivy operator", _WRITE_JSON),
        ("signed signatures", "TUF metadata", _WRITE_JSON),
        ("mediaType", "an image manifest", _WRITE_JSON),
        ("document product_tree", "a CSAF document", ""),
        ("version vulnerabilities scan", "a report for GitLab", _WRITE_JSON),
        ("auditReportVersion", "an npm audit", _WRITE_JSON),
        ("vulnerabilities misconfigurations", "a summary of a cluster, without its findings", "trivy k8s --report all"),
    )
)


def no_json(data: bytes) -> Fault | None:
    """What is wrong with a file that does not begin as JSON; None where it does."""
    for magic, name, hint in _MAGIC:
        if data.startswith(magic):
            return Fault(f"it is {name}", hint=hint)
    start = data[:_LOOK].lstrip(_SPACE)
    if not start:
        return Fault("it is empty" if len(data) <= _LOOK else "it begins with nothing but space", hint=_WRITE_JSON)
    if b"\x00" in start[:4]:
        return Fault("it is binary, or UTF-16 or UTF-32, and no UTF-8")
    return None if start[:1] in b'{["-0123456789tfn' and not _logged(start) else _text(data)


def _logged(start: bytes) -> bool:
    """``2024-05-01T10:00:00Z INFO ...``, which begins as a number does; or ``[INFO] ...``."""
    return _LOG.match(start) is not None


def _text(data: bytes) -> Fault:
    for mark in (b"\n{", b"\n["):
        position = data.find(mark, 0, _LOOK)
        if position >= 0:
            return Fault(f"it has other output before the JSON, which begins at byte {position + 1}", hint=_LOGS)
    return Fault("it is text, and no JSON: a table, or a log", hint=_WRITE_JSON)


_LOGS: Final = "let trivy write the file itself: --output report.json"


def foreign_object(keys: Collection[str]) -> Fault | None:
    """What an object with these keys is, where it is known to be something else than a report of Trivy."""
    for marks, name, hint in _OBJECTS:
        if marks <= set(keys):
            return Fault(f"it is {name}, and no report of Trivy", hint=hint)
    return None
