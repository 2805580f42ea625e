"""The fourth part of the demo: secrets, encrypted at rest, in the hands of those containers that they are for.

It goes on where the proxy of the second part runs: the vault is that host's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.rig.demo_proxy import Guarded, expect, pytrust
from tests.rig.processes import environment
from tests.rig.proxy import installed

_CANARY: Final = "a value that only one container sees"
_LABEL: Final = "--label=pytrust.secrets=db_password"


def delivers(host: Guarded) -> None:
    """A container of the image that may read it finds the secret in memory, and it is gone when the container stops."""
    key = _key(host)
    pytrust(host.home, "vault", "init", "--unlock-key-only", "--unlock-key-file", str(key))
    pytrust(host.home, "--unlock-file", str(key), "vault", "unlock")
    _put(host, "db_password", host.image)
    host.docker.run("run", "--detach", "--name", "shop", _LABEL, f"{host.image}:v2", "sleep", "1000")
    expect(host.docker.run("exec", "shop", "cat", "/run/secrets/db_password") == _CANARY, "the value is not there")
    mounted = host.docker.run("exec", "shop", "cat", "/proc/mounts").splitlines()
    expect(any(" /run/secrets tmpfs ro," in line for line in mounted), f"{mounted}")
    told = host.direct.run("inspect", "shop")
    expect(_CANARY not in told, "docker inspect shows the value")
    mounts = json.loads(told)[0]["Mounts"]
    (source,) = (Path(mount["Source"]) for mount in mounts if mount["Destination"] == "/run/secrets")
    host.docker.run("stop", "--time", "1", "shop")
    expect(not [path for path in source.rglob("*") if path.is_file()], "the value stays after the end")
    host.docker.run("rm", "shop")


def withholds(host: Guarded) -> None:
    """Another image's secret is refused with a reason, and so is every secret while the vault is locked."""
    _put(host, "other_password", "docker.io/foo/other")
    words = ("run", "--rm", "--label=pytrust.secrets=other_password", f"{host.image}:v2", "true")
    host.refused(*words, why="pytrust secret allow")
    pytrust(host.home, "vault", "lock")
    host.refused("run", "--rm", _LABEL, f"{host.image}:v2", "true", why="vault")
    pytrust(host.home, "--unlock-file", str(_key(host)), "vault", "unlock")


def notices_old_vault(host: Guarded) -> None:
    """A vault that somebody puts back from yesterday is refused, though every byte of it is genuine."""
    vault, copy, newer = host.home / "vault", host.home.parent / "yesterday", host.home.parent / "today"
    shutil.copytree(vault, copy)
    _put(host, "db_password", host.image)
    pytrust(host.home, "vault", "lock")
    vault.rename(newer)
    copy.rename(vault)
    done = subprocess.run(
        [installed(), "--home", host.home, "--unlock-file", _key(host), "vault", "unlock"],
        env=environment({"HOME": str(host.home.parent)}),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    expect(done.returncode == 4 and "this host has seen" in done.stderr, f"exit {done.returncode}: {done.stderr}")
    shutil.rmtree(vault)
    newer.rename(vault)
    pytrust(host.home, "--unlock-file", str(_key(host)), "vault", "unlock")
    pytrust(host.home, "vault", "lock")


def _put(host: Guarded, name: str, image: str) -> None:
    file = host.home.parent / "value"
    file.write_text(_CANARY)
    pytrust(host.home, "secret", "put", name, "--file", str(file), "--reader", f"image:{image}")
    file.unlink()


def _key(host: Guarded) -> Path:
    return host.home.parent / "unlock-key"
