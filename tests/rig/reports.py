"""Reports as Trivy writes them, about images that are really in a registry: small, and made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.rig.images import Docker

DATABASE_AGE: Final = timedelta(hours=2)


class Flaw(NamedTuple):
    """One vulnerability of a Debian package; ``fixed`` is empty where there is no fix."""

    id: str
    severity: str = "CRITICAL"
    package: str = "openssl"
    installed: str = "3.0.1-1"
    fixed: str = "3.0.2-1"


def write_report(
    path: Path, docker: Docker, image: str, flaws: Iterable[Flaw] = (), *, age: timedelta = timedelta()
) -> Path:
    """The report of a scan of ``image`` (which the engine holds) that was made ``age`` ago."""
    (held,) = json.loads(docker.run("image", "inspect", image))
    at = datetime.now(UTC) - age
    report = {
        "SchemaVersion": 2,
        "Trivy": {"Version": "0.74.0"},
        "CreatedAt": at.isoformat().replace("+00:00", "Z"),
        "ArtifactName": image,
        "ArtifactType": "container_image",
        "Metadata": {
            "OS": {"Family": "debian", "Name": "12.5"},
            "ImageID": held["Id"],
            "DiffIDs": held["RootFS"]["Layers"],
            "RepoTags": [image],
            "ImageConfig": {"architecture": held["Architecture"], "os": held["Os"]},
        },
        "Results": [
            {
                "Target": f"{image} (debian 12.5)",
                "Class": "os-pkgs",
                "Type": "debian",
                "Vulnerabilities": [_vulnerability(flaw) for flaw in flaws],
            }
        ],
    }
    path.write_text(json.dumps(report, indent=2))
    return path


def asserted(age: timedelta = timedelta()) -> list[str]:
    """What whoever adds such a report says for it."""
    database = datetime.now(UTC) - age - DATABASE_AGE
    severities = "UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL"
    return ["--db-updated", f"{database:%Y-%m-%dT%H:%M:%SZ}", "--scanners", "vuln", "--severities", severities]


def _vulnerability(flaw: Flaw) -> dict[str, Any]:
    return {
        "VulnerabilityID": flaw.id,
        "PkgName": flaw.package,
        "PkgIdentifier": {"PURL": f"pkg:deb/debian/{flaw.package}@{flaw.installed}?distro=debian-12.5"},
        "InstalledVersion": flaw.installed,
        **({"FixedVersion": flaw.fixed, "Status": "fixed"} if flaw.fixed else {"Status": "affected"}),
        "Severity": flaw.severity,
        "Title": f"{flaw.package}: a flaw",
        "PrimaryURL": f"https://avd.aquasec.com/nvd/{flaw.id.lower()}",
        "PublishedDate": "2026-01-02T03:04:05Z",
    }
