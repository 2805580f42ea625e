"""A whole Trivy as far as its command line goes: it says its version, looks an image up in its registry, writes a report.

    path = install(folder, Behaviour(flaws=[...]))      # an executable; behaviour lies in a file beside it

The real program cannot be had where these tests were written; options and report are as its documentation has them.
It shares no code with ``pytrust``, reads what it is to do from the file beside it, and speaks to loopback alone.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MANIFESTS = ", ".join(
    f"application/vnd.{name}+json" for name in ("docker.distribution.manifest.v2", "oci.image.manifest.v1")
)


@dataclass(slots=True)
class Behaviour:
    """``how``: ``well``, ``fails``, ``garbage``, ``nothing``, ``hangs``, ``floods``, ``other`` (of another image)."""

    how: str = "well"
    flaws: list[dict[str, str]] = field(default_factory=list)
    version: str = "0.74.0"
    database_at: str = "2026-11-30T06:00:00.123456789Z"
    dated: bool = True


def install(folder: Path, behaviour: Behaviour) -> Path:
    """Put it there, as an executable."""
    path = folder / "trivy"
    root = Path(__file__).parents[2]
    path.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root)!r})\nfrom tests.fakes.trivy import main\nmain(__file__)\n"
    )
    path.chmod(0o755)
    (folder / "trivy.json").write_text(json.dumps(asdict(behaviour)))
    return path


def calls(path: Path) -> list[list[str]]:
    """The arguments of every call so far."""
    log = path.with_suffix(".log")
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def main(path: str) -> None:
    """One call."""
    behaviour = Behaviour(**json.loads(Path(path).with_suffix(".json").read_text()))
    arguments = sys.argv[1:]
    with Path(path).with_suffix(".log").open("a") as log:
        log.write(json.dumps([*arguments, *sorted(Path.cwd().glob("*"))], default=str) + "\n")
    if arguments[0] == "version":
        database = {
            "Version": 2,
            "UpdatedAt": behaviour.database_at,
            "NextUpdate": "",
            "DownloadedAt": behaviour.database_at,
        }
        del database["NextUpdate"]
        sys.stdout.write(json.dumps({"Version": behaviour.version, "VulnerabilityDB": database}))
        return
    _image(arguments, behaviour)


def _image(arguments: list[str], behaviour: Behaviour) -> None:
    options = dict(word.removeprefix("--").partition("=")[::2] for word in arguments[1:-1])
    match behaviour.how:
        case "fails":
            sys.exit("2026-11-30T06:00:00Z\tFATAL\timage scan error: \x1b[31mno\x1b[0m database")
        case "hangs":
            time.sleep(3600)
        case "floods":
            for _ in range(200):
                sys.stdout.write("x" * 1_000_000)
                sys.stderr.write("y" * 1_000_000)
        case "nothing":
            return
        case "garbage":
            Path(options["output"]).write_text("\x1b[2J{ this is no report")
            return
    Path(options["output"]).write_text(json.dumps(_report(arguments[-1], options, behaviour)))


def _flaws(options: dict[str, str], behaviour: Behaviour) -> list[dict[str, str]]:
    """Those of the severities that are asked for; none where a module is loaded, for that may remove any."""
    modules = Path(options.get("module-dir") or Path.home() / ".trivy" / "modules")
    if any(modules.rglob("*.wasm")):
        return []
    return [flaw for flaw in behaviour.flaws if flaw["Severity"] in options["severity"].split(",")]


def _report(reference: str, options: dict[str, str], behaviour: Behaviour) -> dict[str, Any]:
    registry, _, rest = reference.partition("/")
    repository, _, digest = rest.partition("@")
    manifest = _get(registry, f"{repository}/manifests/{digest}")
    config = json.loads(_get(registry, f"{repository}/blobs/{json.loads(manifest)['config']['digest']}"))
    image_id = json.loads(manifest)["config"]["digest"]
    return {
        "SchemaVersion": 2,
        "Trivy": {"Version": behaviour.version},
        **({"CreatedAt": datetime.now(UTC).isoformat().replace("+00:00", "Z")} if behaviour.dated else {}),
        "ArtifactName": reference,
        "ArtifactType": "container_image",
        "Metadata": {
            "OS": {"Family": "debian", "Name": "12.5"},
            "ImageID": f"sha256:{'0' * 64}" if behaviour.how == "other" else image_id,
            "DiffIDs": config["rootfs"]["diff_ids"],
            "RepoDigests": [reference],
            "ImageConfig": {"architecture": config["architecture"], "os": config["os"]},
        },
        "Results": [
            {
                "Target": f"{reference} (debian 12.5)",
                "Class": "os-pkgs",
                "Type": "debian",
                "Vulnerabilities": _flaws(options, behaviour),
            }
        ],
    }


def _get(registry: str, path: str) -> bytes:
    request = urllib.request.Request(f"http://{registry}/v2/{path}", headers={"Accept": f"{MANIFESTS}, */*"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        data: bytes = answer.read()
        return data
