"""What a real engine resolves and what a real runc loads are what we say they are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.rig import dockerd, images
from tests.rig.images import Docker
from tests.rig.loaded_filter import filters_of
from tests.rig.needs import need

from pytrust.policy.profiles.model import ArchMap, Arg, Condition, Resolved, Rule, Seccomp
from pytrust.policy.profiles.names import (
    AARCH64,
    DEFAULT_CAPABILITIES,
    X86_64,
    Action,
    Arch,
    Capability,
    GoArch,
    Op,
    Syscall,
)
from pytrust.policy.profiles.seccomp.bpf import parse_program
from pytrust.policy.profiles.seccomp.compile import system_arch, unknown_names
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text
from pytrust.policy.profiles.seccomp.generation import generation_of
from pytrust.policy.profiles.seccomp.oci_json import oci_text
from pytrust.policy.profiles.seccomp.resolve import Host, kernel_of, resolve
from pytrust.policy.profiles.seccomp.simulate import simulate
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X86

IMAGE = "seccomp-engine:one"
SYSLOG, SYS_ADMIN = Capability("SYSLOG"), Capability("SYS_ADMIN")


def one(*names: str) -> tuple[Syscall, ...]:
    return tuple(map(Syscall, names))


CONDITIONAL = Seccomp(
    default=Action.ALLOW,
    arch_map=(
        ArchMap(architecture=AARCH64, also=(ARM,)),
        ArchMap(architecture=X86_64, also=(X86, X32)),
        ArchMap(architecture=Arch("SCMP_ARCH_S390X"), also=(Arch("SCMP_ARCH_S390"),)),
    ),
    rules=(
        Rule(names=one("acct"), action=Action.ERRNO, errno=38, comment="told away"),
        Rule(names=one("syslog"), action=Action.ERRNO, excludes=Condition(caps=(SYSLOG, SYS_ADMIN))),
        Rule(names=one("mount"), action=Action.TRAP, includes=Condition(caps=(SYS_ADMIN,))),
        Rule(names=one("kcmp"), action=Action.KILL, includes=Condition(min_kernel="4.8")),
        Rule(names=one("swapon"), action=Action.KILL, excludes=Condition(min_kernel="4.8")),
        Rule(names=one("reboot"), action=Action.LOG, includes=Condition(min_kernel="250.0")),
        Rule(names=one("iopl"), action=Action.ERRNO, includes=Condition(arches=(GoArch("arm64"), GoArch("amd64")))),
        Rule(names=one("ioperm"), action=Action.ERRNO, excludes=Condition(arches=(GoArch("amd64"),))),
        Rule(
            names=one("personality", "nosuchcall"),
            action=Action.ERRNO,
            errno=0,
            args=(Arg(index=0, op=Op.EQ, value=2**64 - 1), Arg(index=1, op=Op.MASKED_EQ, value=7, second=3)),
        ),
        Rule(
            names=one("socket"),
            action=Action.ERRNO,
            args=(Arg(index=0, op=Op.EQ, value=38), Arg(index=0, op=Op.EQ, value=40)),
        ),
    ),
)
LISTED = Seccomp(
    default=Action.ALLOW,
    default_errno=99,
    architectures=(X86_64, X86),
    flags=("SECCOMP_FILTER_FLAG_LOG",),
    listener_metadata="nobody",
    rules=(Rule(names=one("acct", "swapon"), action=Action.ERRNO),),
)
BARE = Seccomp(default=Action.ALLOW, rules=(Rule(names=one("acct"), action=Action.KILL_PROCESS),))


@pytest.fixture(scope="module", autouse=True)
def _image(docker: Docker) -> None:
    need(images.missing() or ("" if system_arch() == X86_64 else "the profiles here are for x86-64"))
    docker.make_image(IMAGE)


@contextmanager
def container(docker: Docker, profile: Seccomp, *flags: str, folder: Path) -> Iterator[str]:
    """A container that sleeps under ``profile``."""
    file = folder / "seccomp.json"
    file.write_text(docker_text(profile))
    words = ("--network", "none", "--security-opt", f"seccomp={file}", *flags, IMAGE, "sleep", "60")
    name = docker.run("run", "-d", *words)
    try:
        yield name
    finally:
        docker.run("rm", "-f", name)


def given_to_runc(engine: dockerd.PrivateEngine, name: str) -> Any:
    """``linux.seccomp`` of the configuration that the engine wrote, keys in its order."""
    words = Path(f"/proc/{engine.daemon.pid}/cmdline").read_bytes().split(b"\0")
    (root,) = (word.partition(b"=")[2].decode() for word in words if word.startswith(b"--exec-root="))
    bundle = Path(root) / "containerd/daemon/io.containerd.runtime.v2.task/moby" / name
    return json.loads((bundle / "config.json").read_bytes())["linux"]["seccomp"]


def host(docker: Docker, *capabilities: Capability) -> Host:
    version = docker.run("version", "--format", "{{.Server.Version}}")
    return Host(GoArch("amd64"), kernel_of(os.uname().release), frozenset(capabilities), generation_of(version))


def check_loaded(docker: Docker, name: str, resolved: Resolved) -> int:
    """The filters of the container's first process: one, that does what the rules mean. Gives the calls tried."""
    pid = int(docker.run("inspect", "--format", "{{.State.Pid}}", name))
    (loaded,) = filters_of(pid)
    found = simulate(resolved, X86_64, parse_program(loaded, "the program that runc loaded"), unknown_names(resolved))
    assert found.differences == ()
    return found.probes


@pytest.mark.parametrize(
    ("profile", "flags", "capabilities"),
    [
        (CONDITIONAL, (), tuple(DEFAULT_CAPABILITIES)),
        (CONDITIONAL, ("--cap-drop", "ALL"), ()),
        (CONDITIONAL, ("--cap-drop", "ALL", "--cap-add", "SYSLOG"), (SYSLOG,)),
        (CONDITIONAL, ("--cap-add", "SYS_ADMIN"), (*DEFAULT_CAPABILITIES, SYS_ADMIN)),
        (LISTED, (), tuple(DEFAULT_CAPABILITIES)),
        (BARE, ("--security-opt", "no-new-privileges"), tuple(DEFAULT_CAPABILITIES)),
        (docker_default(), (), tuple(DEFAULT_CAPABILITIES)),
        (docker_default(), ("--cap-drop", "ALL", "--security-opt", "no-new-privileges"), ()),
        (docker_default(), ("--cap-drop", "ALL", "--cap-add", "SYS_ADMIN"), (SYS_ADMIN,)),
    ],
    ids=(
        "conditions",
        "no-caps",
        "syslog",
        "sys-admin",
        "listed",
        "bare",
        "default",
        "default-no-caps",
        "default-admin",
    ),
)
def test_the_engine_and_runc_do_what_we_say(
    engine: dockerd.PrivateEngine,
    docker: Docker,
    tmp_path: Path,
    profile: Seccomp,
    flags: tuple[str, ...],
    capabilities: tuple[Capability, ...],
) -> None:
    resolved = resolve(profile, host(docker, *capabilities))
    with container(docker, profile, *flags, folder=tmp_path) as name:
        assert msgspec.json.encode(given_to_runc(engine, name)) == oci_text(resolved)
        assert check_loaded(docker, name, resolved) > 380


def test_the_loaded_program_is_looked_at(docker: Docker, tmp_path: Path) -> None:
    """Against the rules of another profile, it does not hold."""
    with container(docker, BARE, folder=tmp_path) as name, pytest.raises(AssertionError):
        check_loaded(docker, name, resolve(LISTED, host(docker)))
