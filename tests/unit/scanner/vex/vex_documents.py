"""Documents of OpenVEX and CycloneDX VEX that tests begin from, all about the image of ``scan_cases``."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.scanner.scan_cases import MANIFEST

DIGEST = str(MANIFEST)
SSL = "pkg:deb/debian/openssl"
LIBRARY = {"bom-ref": "ssl", "purl": f"{SSL}@3.0.1-1"}
AT = "2026-11-01T12:00:00+01:00"
REASON = {"status": "not_affected", "justification": "component_not_present"}


def openvex(*statements: dict[str, Any], **changes: Any) -> bytes:
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex",
        "author": "alice",
        "timestamp": AT,
        "version": 1,
        "statements": list(statements),
    }
    return json.dumps({**document, **changes}).encode()


def statement(**changes: Any) -> dict[str, Any]:
    usual = {"vulnerability": {"name": "CVE-2026-0001", "aliases": ["GHSA-x"]}, "products": [{"@id": DIGEST}], **REASON}
    return {key: value for key, value in {**usual, **changes}.items() if value is not None}


def cyclonedx(*vulnerabilities: dict[str, Any], **changes: Any) -> bytes:
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {
            "timestamp": AT,
            "authors": [{"name": "bob"}],
            "component": {"bom-ref": "web", "purl": f"pkg:oci/web@{DIGEST.replace(':', '%3A')}"},
        },
        "components": [{"bom-ref": "ssl", "purl": "pkg:deb/debian/openssl@3.0.1-1", "score": 1.5}],
        "vulnerabilities": list(vulnerabilities),
    }
    return json.dumps({**document, **changes}).encode()


def analysed(state: str = "not_affected", ref: str = "ssl", **changes: Any) -> dict[str, Any]:
    usual = {
        "id": "CVE-2026-0001",
        "references": [{"id": "GHSA-x", "source": {"name": "x"}}],
        "ratings": [{"score": 9.8}],
        "analysis": {
            "state": state,
            "justification": "code_not_reachable",
            "detail": "never called",
            "response": ["update"],
        },
        "affects": [{"ref": ref}],
    }
    return {**usual, **changes}
