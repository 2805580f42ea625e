"""Profiles: from a seccomp file to a program that was tried on every call."""

from __future__ import annotations

from typing import Final

from bench.harness import alternate, report
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES, X86_64, Generation, GoArch
from pytrust.policy.profiles.seccomp.compile import compile_program, unknown_names
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.runc import filter_of
from pytrust.policy.profiles.seccomp.simulate import simulate

_SIMULATE_GOAL: Final = 0.05  # seconds
_HOST: Final = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)


def resolve_compile_simulate() -> None:
    """Docker's default on x86-64: resolved, compiled for three architectures, every call tried against the rules."""
    profile = docker_default()

    def work() -> None:
        filter_of.cache_clear()
        resolved = resolve(profile, _HOST)
        found = simulate(resolved, X86_64, compile_program(resolved, X86_64), unknown_names(resolved))
        assert not found.differences

    (seconds,) = alternate(work)
    report("profiles.resolve_compile_simulate", "s", seconds, _SIMULATE_GOAL, ratio=_SIMULATE_GOAL / seconds)


BENCHES: Final = {"profiles.resolve_compile_simulate": resolve_compile_simulate}
