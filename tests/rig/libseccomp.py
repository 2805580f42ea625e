"""The source of the libseccomp that this machine has: its own test vectors and its simulator, fetched when wanted.

It is a source package of the distribution, and comes through apt into a folder of its own: the lists of the machine are
not touched, and nothing is installed. The vectors are LGPL, and are used where they lie.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.rig.processes import RigError, environment

_TIMEOUT: Final = 180.0  # seconds for one command; the lists have 10 MB
_TARGETS: Final = ("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(ORIGIN) $(COMPONENT)")
_ORIGINS: Final = {"Debian", "Ubuntu"}


def missing() -> str:
    """Why it cannot be fetched, as a sentence; empty if it can."""
    for program in ("apt-get", "cc", "tar"):
        if shutil.which(program) is None:
            return f"the source of libseccomp needs {program}: scripts/install-packages"
    return ""


def fetch(folder: Path) -> Path:
    """The unpacked source, below ``folder``."""
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    sources = folder / "sources.list"
    sources.write_text("".join(f"deb-src {site} {release} {part}\n" for site, release, part in _places()))
    options = ["-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=/dev/null"]
    options += ["-o", f"Dir::State::Lists={lists}", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]
    options += ["-o", "APT::Sandbox::User=root"]
    _run(["apt-get", *options, "-qq", "update"], folder)
    _run(["apt-get", *options, "-qq", "source", "--download-only", "libseccomp"], folder)
    (archive,) = folder.glob("libseccomp_*.orig.tar.*z")
    _run(["tar", "xf", str(archive)], folder)
    (source,) = (found for found in folder.glob("libseccomp-*") if found.is_dir())
    return source


def build_simulator(source: Path) -> Path:
    """``scmp_bpf_sim``, which no package has."""
    program, tools = source / "scmp_bpf_sim", source / "tools"
    include = source / "include"
    header = (include / "seccomp.h.in").read_text()
    for name, value in zip(("MAJOR", "MINOR", "MICRO"), source.name.partition("-")[2].split("."), strict=True):
        header = header.replace(f"@VERSION_{name}@", value)
    (include / "seccomp.h").write_text(header)
    sources = [str(tools / name) for name in ("scmp_bpf_sim.c", "util.c")]
    _run(["cc", "-w", f"-I{include}", "-o", str(program), *sources], source)
    return program


def _places() -> list[tuple[str, str, str]]:
    """Where the packages of this machine come from, the security updates included."""
    done = subprocess.run(
        [*_TARGETS, "Created-By: Packages"],
        capture_output=True,
        check=True,
        text=True,
        env=environment({}),
        timeout=_TIMEOUT,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return sorted(
        {(one[0], one[1], one[3]) for one in lines if len(one) == 4 and one[2] in _ORIGINS and one[3] == "main"}
    )


def _run(words: list[str], folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, check=False, env=environment({}), timeout=_TIMEOUT)
    if done.returncode:
        raise RigError(
            f"{' '.join(words[:1] + words[-2:])}: {(done.stderr + done.stdout).decode(errors='replace')[-500:]}"
        )
