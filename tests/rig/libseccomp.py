"""The source of the libseccomp that this machine has: its own test vectors and its simulator, fetched when wanted.

It is a source package of the distribution, and comes through apt into a folder of its own: the lists of the machine are
not touched, and nothing is installed. Neither lists of sources nor any lists at all need to be here: where packages
come from is asked of apt, after an update in that folder if it does not know. The vectors are LGPL, and are used where
they lie.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.rig.processes import RigError, environment

_TIMEOUT: Final = 80.0  # seconds for one command, of which there are three at most; the lists have 10 MB
_TARGETS: Final = ("indextargets", "--format", "$(SITE) $(RELEASE) $(ORIGIN) $(COMPONENT)", "Created-By: Packages")
_PATIENCE: Final = ("Acquire::http::Timeout=15", "Acquire::https::Timeout=15", "Acquire::Retries=2")
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
    settings = [f"Dir::State::Lists={lists}", "Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache="]
    settings += ["APT::Sandbox::User=root", *_PATIENCE]
    places = _places([], folder) or _places_after_update(settings, folder)
    sources.write_text("".join(f"deb-src {site} {release} {part}\n" for site, release, part in places))
    settings += [f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=/dev/null"]
    _apt(["-qq", "update"], [*settings, "APT::Update::Error-Mode=any"], folder)
    _apt(["-qq", "source", "--download-only", "libseccomp"], settings, folder)
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


def _places_after_update(settings: list[str], folder: Path) -> list[tuple[str, str, str]]:
    _apt(["-qq", "update"], settings, folder)
    if found := _places(settings, folder):
        return found
    raise RigError("apt-get has no place of Debian's or Ubuntu's packages from which libseccomp's source could come")


def _places(settings: list[str], folder: Path) -> list[tuple[str, str, str]]:
    """Where the packages of this machine come from, the security updates included."""
    lines = [line.split() for line in _apt(_TARGETS, settings, folder).splitlines()]
    return sorted(
        {(one[0], one[1], one[3]) for one in lines if len(one) == 4 and one[2] in _ORIGINS and one[3] == "main"}
    )


def _apt(words: Sequence[str], settings: list[str], folder: Path) -> str:
    return _run(["apt-get", *(word for one in settings for word in ("-o", one)), *words], folder)


def _run(words: list[str], folder: Path) -> str:
    said = f"{words[0]} {' '.join(words[-2:])}"
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, check=False, env=environment({}), timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise RigError(f"{said}: not done in {_TIMEOUT:g} s") from error
    if done.returncode:
        raise RigError(f"{said}: {(done.stderr + done.stdout).decode(errors='replace')[-500:]}")
    return done.stdout.decode()
