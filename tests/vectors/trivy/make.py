"""Reports by hand, one for each form that Trivy had: ``python tests/vectors/trivy/make.py`` writes them.

What each version wrote is in the reference, section 1 (keys and when they came); nothing here was copied from a report.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHA = {letter: f"sha256:{letter * 64}" for letter in "abcdef"}
Object = dict[str, Any]
LAYER = {"Digest": SHA["a"], "DiffID": SHA["b"]}
LINES = [{"Number": 3, "Content": "USER root", "IsCause": True, "Highlighted": "\x1b[38;5;64mUSER\x1b[0m root"}]


def vulnerability(**more: Any) -> Object:
    """What has been there from the start."""
    start: Object = {"VulnerabilityID": "CVE-2019-0001", "PkgName": "openssl", "InstalledVersion": "1.1.1c-r0"}
    start |= {
        "FixedVersion": "1.1.1d-r0",
        "Title": "openssl: a title",
        "Description": "A\ndescription",
        "Severity": "HIGH",
    }
    return {**start, "References": ["https://example.com/1", "https://example.com/2"], **more}


AT_0_15: Object = {"CVSS": {"nvd": {"V2Vector": "AV:N", "V2Score": 5, "V3Vector": "CVSS:3.1/AV:N", "V3Score": 7.5}}}
AT_0_15 |= {"CweIDs": ["CWE-1"], "PublishedDate": "2019-09-10T17:15:11Z", "LastModifiedDate": "2020-01-01T00:00:00Z"}
AT_0_20: Object = {
    **AT_0_15,
    "SeveritySource": "nvd",
    "PrimaryURL": "https://avd.example.com/1",
    "Layer": {},
    "PkgPath": "",
}
AT_0_49: Object = {
    **AT_0_20,
    "Status": "fixed",
    "VendorSeverity": {"nvd": 3, "redhat": 2.0},
    "DataSource": {"ID": "alpine"},
}
AT_0_49 |= {"PkgID": "openssl@1.1.1c-r0", "PkgIdentifier": {"PURL": "pkg:apk/alpine/openssl@1.1.1c-r0?arch=x86_64"}}
AT_0_74: Object = {**AT_0_49, "Fingerprint": SHA["f"], "VendorIDs": ["ALP-1"], "Custom": {"Name": 1, "name": 2}}
AT_0_74 |= {"CVSS": {"ghsa": {"V40Vector": "CVSS:4.0/AV:N", "V40Score": 8.7}, "nvd": {"V3Score": 7.5, "V3Vector": ""}}}

PACKAGE: Object = {
    "ID": "openssl@1.1.1c-r0",
    "Name": "openssl",
    "Version": "1.1.1c-r0",
    "DependsOn": ["openssl@1.1.1c-r0"],
}
METADATA: Object = {"OS": {"Family": "alpine", "Name": "3.10.2"}, "ImageID": SHA["c"], "DiffIDs": [SHA["b"]]}
METADATA |= {"RepoTags": ["foo/web:v2"], "RepoDigests": [f"registry.example.com:5000/foo/web@{SHA['d']}"]}
CONFIG: Object = {
    "architecture": "arm64",
    "os": "linux",
    "variant": "v8",
    "config": {"Labels": {"Name": "a", "name": "b"}},
}

MISCONFIGURATION: Object = {"Type": "Dockerfile Security Check", "ID": "DS002", "AVDID": "AVD-DS-0002", "Title": "Root"}
MISCONFIGURATION |= {"Description": "Runs as root", "Message": "Say who", "Resolution": "Add USER", "Severity": "HIGH"}
MISCONFIGURATION |= {"PrimaryURL": "https://avd.example.com/ds002", "References": None, "Status": "FAIL", "Layer": {}}
CAUSE: Object = {"CauseMetadata": {"Provider": "Dockerfile", "StartLine": 3, "EndLine": 3.0, "Code": {"Lines": LINES}}}
SECRET: Object = {"RuleID": "github-pat", "Category": "GitHub", "Severity": "CRITICAL", "Title": "GitHub token"}
SECRET |= {
    "StartLine": 3,
    "EndLine": 3,
    "Code": {"Lines": LINES},
    "Match": "GITHUB_PAT=****",
    "Deleted": False,
    "Layer": {},
}
LICENSE: Object = {
    "Severity": "CRITICAL",
    "Category": "forbidden",
    "PkgName": "ghost",
    "FilePath": "",
    "Name": "AGPL-3.0-only",
}
LICENSE |= {"Confidence": 1, "Link": "https://spdx.example.org/agpl"}


def report(results: list[Any] | None, *, metadata: Object = METADATA, **more: Any) -> Object:
    """An object of schema 2."""
    about = {"SchemaVersion": 2, "ArtifactName": "foo/web:v2", "ArtifactType": "container_image", "Metadata": metadata}
    return {**about, **more} if results is None else {**about, **more, "Results": results}


def os_result(*found: Object, **more: Any) -> Object:
    """What was found in the packages of the distribution."""
    where = {"Target": "foo/web:v2 (alpine 3.10.2)", "Class": "os-pkgs", "Type": "alpine"}
    return {**where, "Vulnerabilities": list(found) or None, **more}


def arrays() -> Object:
    """Before 0.20."""
    target, lock = {"Target": "alpine:3.10 (alpine 3.10.2)"}, {"Target": "app/Gemfile.lock"}
    return {
        "0.06-array": [{**target, "Vulnerabilities": [vulnerability(Layer=LAYER)]}, {**lock, "Vulnerabilities": None}],
        "0.07-array": [{**target, "Type": "alpine", "Vulnerabilities": [vulnerability(SeveritySource="nvd")]}],
        "0.16-array": [
            {
                **target,
                "Type": "alpine",
                "Vulnerabilities": [vulnerability(**AT_0_15, PrimaryURL="https://example.com")],
            },
            {**lock, "Type": "bundler", "Vulnerabilities": [vulnerability(PkgName="rails", FixedVersion="")]},
        ],
    }


def objects() -> Object:
    """From 0.20 on."""
    eosl = {**METADATA, "OS": {"Family": "alpine", "Name": "3.10.2", "Eosl": True}, "ImageConfig": CONFIG}
    ended = {**METADATA, "OS": {"Family": "alpine", "Name": "3.10.2", "EOSL": True}, "Size": 7, "ImageConfig": CONFIG}
    config = {"Target": "Dockerfile", "Class": "config", "Type": "dockerfile"}
    passed = {**MISCONFIGURATION, "Status": "PASS", "ID": "DS001"}
    excepted = {**MISCONFIGURATION, "Status": "EXCEPTION", "ID": "DS003"}
    modified: Object = {
        "Type": "vulnerability",
        "Status": "ignored",
        "Statement": "not used",
        "Source": ".trivyignore.yaml",
    }
    modified |= {"Finding": vulnerability(**AT_0_49, VulnerabilityID="CVE-2019-0002")}
    server = {"VulnerabilityDB": {"Version": 2, "UpdatedAt": "2026-08-20T18:00:00.123456789Z", "NextUpdate": None}}
    moment = "2026-08-21T12:00:00.123456789+02:00"
    secrets = {"Target": "/app/.env", "Class": "secret", "Secrets": [SECRET]}
    licenses = {"Target": "OS Packages", "Class": "license", "Licenses": [LICENSE, {**LICENSE, "Confidence": 0.5}]}
    summary = {"Successes": 1, "Failures": 1, "Exceptions": 1}
    return {
        "0.20-object": report([os_result(vulnerability(**AT_0_20))]),
        "0.20-object-empty": report(None),
        "0.30-object": report([os_result(vulnerability(**AT_0_20, PkgID="openssl@1"))], metadata=eosl),
        "0.38-object": report([os_result(vulnerability(**AT_0_20, PkgId="openssl@1"), Packages=[PACKAGE]), secrets]),
        "0.40-object": report(
            [
                os_result(),
                {
                    **config,
                    "MisconfSummary": summary,
                    "Misconfigurations": [{**MISCONFIGURATION, **CAUSE}, passed, excepted],
                },
                secrets,
                licenses,
            ]
        ),
        "0.48-object": report([os_result(vulnerability(**AT_0_20, PkgRef="x"))], CreatedAt="0001-01-01T00:00:00Z"),
        "0.55-object": report(
            [os_result(vulnerability(**AT_0_49), ExperimentalModifiedFindings=[modified])], CreatedAt=moment
        ),
        "0.74-object": report(
            [os_result(vulnerability(**AT_0_74), Packages=[PACKAGE]), {"Target": "", "Class": "custom"}],
            metadata=ended,
            Trivy={"Version": "0.74.0", "Server": server},
            ReportID="018f8f0e-0000-7000-8000-000000000000",
            ArtifactID=SHA["e"],
            CreatedAt=moment,
        ),
    }


def clusters() -> Object:
    """``trivy k8s``."""
    where = {"Namespace": "default", "Kind": "Deployment", "Name": "web"}
    broken = {"Namespace": "default", "Kind": "Pod", "Name": "gone", "Error": "could not pull the image"}
    found, config = os_result(vulnerability(**AT_0_20)), {"Target": "Deployment/web", "Class": "config"}
    checked = {**config, "Type": "kubernetes", "Misconfigurations": [MISCONFIGURATION]}
    two = {"Namespace": "", "Kind": "Pod", "Name": "two", "Metadata": [METADATA, METADATA], "Results": [found, found]}
    return {
        "k8s-resources": {
            "SchemaVersion": 2,
            "ClusterName": "dev",
            "Resources": [{**where, "Metadata": [METADATA], "Results": [found, checked]}, broken, two],
        },
        "k8s-findings": {"ClusterName": "dev", "Findings": [{**where, "Results": [found]}]},
        "k8s-old": {
            "ClusterName": "dev",
            "Vulnerabilities": [{**where, "Metadata": METADATA, "Results": [found]}, broken],
            "Misconfigurations": [{**where, "Results": [checked]}],
        },
    }


def texts() -> dict[str, str]:
    """All of them, by the name of the file, as Trivy writes JSON: two spaces, ``<>&`` escaped."""
    documents = {**arrays(), **objects(), **clusters()}
    return {f"{name}.json": encode(document) for name, document in documents.items()}


def encode(document: object) -> str:
    """As Go's encoder does."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026") + "\n"


def main() -> None:
    """Write them beside this file."""
    for name, text in texts().items():
        Path(__file__).with_name(name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
