"""The fifth part of the demo: least privilege, recorded, proven, signed with the image, and applied by the proxy.

Recorded is on the engine itself, by who owns the image; what is signed reaches the host of the second part by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from tests.rig.demo_proxy import Guarded, expect

_LOOP: Final = 'trap "exit 0" TERM; while :; do sleep 0.1; done'
_WORK: Final = 'docker --host "$0" exec "$PYTRUST_CONTAINER" cat /content'


class Owner(Protocol):
    """Who owns the image, with the engine at hand."""

    folder: Path

    @property
    def image(self) -> str:
        """Without tag."""

    def must(self, *words: str) -> str:
        """Run a command that has to work; gives its output."""


Check = Callable[[Owner, Guarded], None]


def records(owner: Owner, host: Guarded) -> None:
    """An image is watched at work; what comes out is small, and is proven with the kernel and under enforcement."""
    made, image = _file(owner), f"{owner.image}:v2"
    running = [word for part in ("sh", "-c", _LOOP) for word in ("--command", part)]
    work = ["--", "sh", "-c", _WORK, host.direct.host]
    owner.must("profile", "record", image, "-o", str(made), *running, *work)
    calls = json.loads(owner.must("profile", "simulate", str(made), "--json"))
    expect(bool(calls), "nothing was simulated")
    profile = json.loads(made.read_text())
    opened = {name for rule in profile["seccomp"]["rules"] for name in rule["names"]}
    expect(5 < len(opened) < 60, f"{len(opened)} calls are open: {sorted(opened)}")
    expect(not profile.get("capabilities"), f"capabilities: {profile.get('capabilities')}")
    expect(all(run["lost"] == 0 for run in profile["recordings"]), str(profile["recordings"]))
    owner.must("profile", "verify", str(made), image, *running, *work)


def applies(owner: Owner, host: Guarded) -> None:
    """Signed, it confines every container of the image: what was recorded works, and nothing else does."""
    image = f"{owner.image}:v2"
    owner.must("profile", "attach", image, str(_file(owner)))
    expect(host.run(image, "cat", "/content") == "v2", "the image does not run under its profile")
    done = host.docker.attempt("run", "--rm", image, "mkdir", "/made")
    expect(b"Operation not permitted" in done.stderr, f"mkdir: {done.stderr!r}")
    status = host.run(image, "cat", "/proc/self/status")
    held = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd"))
    expect(int(held, 16) == 0, f"capabilities: {held}")


def bounds(owner: Owner, host: Guarded) -> None:
    """No client gets more than the profile, and without it the image is as before."""
    image = f"{owner.image}:v2"
    for asked in ("--privileged", "--cap-add=CHOWN", "--security-opt=seccomp=unconfined"):
        host.refused("run", "--rm", asked, image, "true", why="the signed profile of the image does not")
    owner.must("profile", "detach", image)
    expect(host.run(image, "mkdir", "/made") == "", "the profile outlives its signature")


def _file(owner: Owner) -> Path:
    return owner.folder / "web-profile.json"
