"""VEX documents by hand, one for each form that is read: ``python tests/vectors/vex/make.py`` writes them.

All say the same of one image, each in its own words; ``signed.json`` is what of ``openvex-0.2.0`` is signed. Keys are
those of the specifications (OpenVEX 0.0.1 to 0.2.0, CycloneDX 1.4 to 1.6); nothing here was copied from a document.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

Object = dict[str, Any]
NAME, TAG = "registry.example.com/foo/web", "v2"
MANIFEST, CONFIG, INDEX = (f"sha256:{letter * 64}" for letter in "abc")
SSL, ZLIB = "pkg:deb/debian/openssl@3.0.1-1?arch=amd64", "pkg:deb/debian/zlib1g@1.2.13"
SERIAL = "3e671687-395b-41f5-a30f-a58921a69b79"
ISSUED, LATER = "2026-11-01T12:00:00+01:00", "2026-11-03T08:30:00.123456789Z"


def openvex_old(version: str) -> Object:
    """Before 0.2.0: names alone, and subcomponents beside the products."""
    return {
        "@context": f"https://openvex.dev/ns{version}",
        "@id": "https://example.com/vex/1",
        "author": "Alice <alice@example.com>",
        "role": "Document Creator",
        "timestamp": ISSUED,
        "version": "1",
        "statements": [
            {
                "vulnerability": "CVE-2026-0001",
                "vuln_description": "a heap overflow",
                "products": [f"{NAME}@{MANIFEST}", f"pkg:oci/other@{INDEX}"],
                "subcomponents": [SSL],
                "status": "not_affected",
                "justification": "vulnerable_code_not_in_execute_path",
                "impact_statement": "it is never a server",
            },
            {
                "vulnerability": "CVE-2026-0002",
                "products": [f"{NAME}:{TAG}"],
                "status": "affected",
                "action_statement": "update to v3",
                "action_statement_timestamp": ISSUED,
                "timestamp": LATER,
            },
            {"vulnerability": "CVE-2026-0003", "products": [ZLIB], "status": "fixed"},
            {"vulnerability": "CVE-2026-0004", "products": [f"{NAME}:v1"], "status": "fixed"},
        ],
    }


def openvex() -> Object:
    """0.2.0: every way to name a product."""
    image = {
        "@id": f"pkg:oci/web@{MANIFEST.replace(':', '%3A')}?repository_url={NAME}&arch=amd64",
        "identifiers": {"cpe23": "cpe:2.3:a:example:web:2:*:*:*:*:*:*:*"},
        "hashes": {"sha-256": MANIFEST.removeprefix("sha256:"), "md5": "0" * 32},
    }
    first, second, third, fourth = openvex_old("")["statements"]
    for one in (first, second, third, fourth):
        one["vulnerability"] = {"name": one["vulnerability"]}
        one["products"] = [{"@id": name} for name in one["products"]]
    del first["vuln_description"], first["subcomponents"]
    first["vulnerability"] |= {"@id": "https://example.com/CVE-2026-0001", "aliases": ["GHSA-aaaa-bbbb-cccc"]}
    first["products"] = [{**image, "subcomponents": [{"@id": "urn:x", "identifiers": {"purl": SSL}}]}]
    second["last_updated"] = second.pop("timestamp")
    head = openvex_old("/v0.2.0") | {"version": 1, "tooling": "by hand", "statements": []}
    return head | {"statements": [first, second, third, fourth]}


def cyclonedx(version: str) -> Object:
    """Analyses in a BOM of the image; from 1.5 on the whole is called by a BOM-Link."""
    link = f"urn:cdx:{SERIAL}/1#web" if version != "1.4" else "web"
    times = {"firstIssued": ISSUED, "lastUpdated": LATER} if version != "1.4" else {}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": f"urn:uuid:{SERIAL}",
        "version": 1,
        "metadata": {
            "timestamp": LATER,
            "authors": [{"name": "Alice <alice@example.com>"}],
            "component": {"bom-ref": "web", "type": "container", "name": "web", "purl": f"pkg:oci/web@{MANIFEST}"},
        },
        "components": [
            {
                "bom-ref": "os",
                "type": "operating-system",
                "name": "debian",
                "components": [{"bom-ref": "ssl", "type": "library", "name": "openssl", "purl": SSL}],
            },
            {"bom-ref": "zlib", "type": "library", "name": "zlib1g", "purl": ZLIB},
        ],
        "vulnerabilities": [
            {
                "id": "CVE-2026-0001",
                "references": [{"id": "GHSA-aaaa-bbbb-cccc", "source": {"name": "GitHub"}}],
                "ratings": [{"score": 9.8, "severity": "critical", "method": "CVSSv31"}],
                "analysis": {
                    "state": "not_affected",
                    "justification": "code_not_reachable",
                    "detail": "it is never a server",
                    **times,
                },
                "affects": [{"ref": "ssl", "versions": [{"version": "3.0.1-1", "status": "affected"}]}],
            },
            {
                "id": "CVE-2026-0002",
                "analysis": {"state": "exploitable", "response": ["update"], "detail": "update to v3"},
                "affects": [{"ref": link}],
            },
            {"id": "CVE-2026-0003", "analysis": {"state": "resolved"}, "affects": [{"ref": "zlib"}]},
            {
                "id": "CVE-2026-0004",
                "analysis": {"state": "false_positive", "detail": "no"},
                "affects": [{"ref": "os"}],
            },
            {"id": "CVE-2026-0005", "affects": [{"ref": "web"}]},
        ],
    }


def signed(document: bytes) -> str:
    """What of ``openvex`` is signed, as the format has it: no spaces, nothing empty, keys in their order."""
    issued = "2026-11-01T11:00:00Z"
    claims: list[Object] = [
        {
            "ids": ["CVE-2026-0001", "https://example.com/CVE-2026-0001", "GHSA-aaaa-bbbb-cccc"],
            "status": "not_affected",
            "purls": [SSL],
            "justification": "vulnerable_code_not_in_execute_path",
            "text": "it is never a server",
            "at": issued,
        },
        {
            "ids": ["CVE-2026-0002"],
            "status": "affected",
            "text": "update to v3",
            "at": "2026-11-03T08:30:00.123457Z",
        },
        {"ids": ["CVE-2026-0003"], "status": "fixed", "purls": [ZLIB], "at": issued},
    ]
    whole = {
        "format": "pytrust-vex/1",
        "claims": claims,
        "sources": [f"sha256:{sha256(document).hexdigest()}"],
        "authors": ["Alice <alice@example.com>"],
    }
    return json.dumps(whole, separators=(",", ":"))


def texts() -> dict[str, str]:
    """All of them, by the name of the file."""
    documents = {f"openvex-{version.removeprefix('/v')}": openvex_old(version) for version in ("/v0.0.1", "/v0.0.2")}
    documents |= {"openvex-0.2.0": openvex()} | {f"cyclonedx-{one}": cyclonedx(one) for one in ("1.4", "1.5", "1.6")}
    written = {f"{name}.json": json.dumps(document, indent=2) + "\n" for name, document in documents.items()}
    return written | {"signed.json": signed(written["openvex-0.2.0.json"].encode())}


def main() -> None:
    """Write them beside this file."""
    for name, text in texts().items():
        Path(__file__).with_name(name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
