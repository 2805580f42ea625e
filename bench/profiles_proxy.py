"""What a signed profile costs a creation through the proxy: beside a proxy whose host has none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Final

from bench.harness import alternate, report
from bench.proxy import bench_stage, create_container

_CALLS: Final = ["read", "write", "exit_group", "execve", "mmap", "brk", "arch_prctl", "socket", "connect", "bind"]


def create() -> None:
    """Both proxies have warm trust; the engine is the same, and does the same work but for the profile."""
    with bench_stage() as stage, stage.proxy(witnessed=False) as plain:
        home, profile = stage.folder / "profiled", stage.folder / "profile.json"
        shutil.copytree(stage.home, home)
        rules = [{"names": _CALLS, "action": "SCMP_ACT_ALLOW"}]
        seccomp = {"default": "SCMP_ACT_ERRNO", "rules": rules}
        profile.write_text(json.dumps({"format": "pytrust-profile/1", "seccomp": seccomp}))
        stage.pytrust("profile", "attach", f"{stage.good}:1", str(profile), home=home)
        with stage.proxy(home=home, witnessed=False) as profiled:
            made: list[str] = []
            ours, theirs = alternate(
                lambda: made.append(create_container(profiled.path, f"{stage.good}:1")),
                lambda: made.append(create_container(plain.path, f"{stage.good}:1")),
                rounds=101,
                pause=0.01,
            )
        for container in made:
            stage.docker.run("rm", container)
    name = "pytrust proxy without a profile"
    report("profiles.create", "ms", ours * 1e3, 0.95, peer=theirs * 1e3, peer_name=name, ratio=theirs / ours)


BENCHES: Final[dict[str, Callable[[], None]]] = {"profiles.create": create}
