"""notary-server with SQLite: Debian's own source, and one more file that links the driver in.

Debian's program has no SQLite, and the comparison on the same storage needs it. The result stays in the folder ``build``
of the checkout, which is never committed.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

from tests.rig.processes import RigError, environment, find

_SOURCE: Final = Path("/usr/share/gocode")
_PACKAGE: Final = "github.com/theupdateframework/notary/cmd/notary-server"
_DRIVER: Final = 'package main\n\nimport _ "github.com/mattn/go-sqlite3"\n'
_CACHE: Final = Path(__file__).parents[2] / "build" / "notary-server-sqlite"
_TIMEOUT: Final = 600.0


def missing() -> str:
    """Why it cannot be built here, as a sentence; empty if it can."""
    if find("go") is None or not (_SOURCE / "src" / _PACKAGE).is_dir():
        return "notary-server with SQLite is built from Debian's source: scripts/install-packages --bench"
    return ""


def sqlite_notary_server() -> Path:
    """The program, built by the first who asks."""
    program = _CACHE / "notary-server"
    if not program.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(".new")
        _build(fresh)
        fresh.replace(program)
    return program


def _build(program: Path) -> None:
    driver, overlay = _CACHE / "driver.go", _CACHE / "overlay.json"
    driver.write_text(_DRIVER)
    overlay.write_text(json.dumps({"Replace": {str(_SOURCE / "src" / _PACKAGE / "driver.go"): str(driver)}}))
    settings = {"GO111MODULE": "off", "GOPATH": str(_SOURCE), "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "1"}
    done = subprocess.run(
        ["go", "build", "-overlay", overlay, "-o", program, _PACKAGE],
        env=environment({**settings, "GOCACHE": str(_CACHE / "cache")}),
        cwd=_CACHE,
        capture_output=True,
        check=False,
        timeout=_TIMEOUT,
    )
    if done.returncode:
        raise RigError(f"notary-server with SQLite does not build: {done.stderr.decode(errors='replace')}")
