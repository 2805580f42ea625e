"""The tables of numbers, beside what libseccomp knows and what the kernel's headers say."""

from __future__ import annotations

from importlib import import_module

import pytest

from pytrust.policy.profiles.names import AARCH64, X86_64, Arch, GoArch, Syscall
from pytrust.policy.profiles.seccomp.syscalls import (
    ARM,
    KNOWN_ARCHES,
    MULTIPLEXED,
    X32,
    X32_BIT,
    X86,
    arch_of,
    names,
    native_of,
    table,
)
from pytrust.trust.errors import UsageError

pyseccomp = import_module("pyseccomp")  # it has no types


@pytest.mark.parametrize(
    ("arch", "count", "calls"),
    [
        (X86_64, 385, {"read": 0, "clone": 56, "setns": 308, "uretprobe": 335, "clone3": 435, "mseal": 462}),
        (X86, 461, {"read": 3, "socketcall": 102, "ipc": 117, "socket": 359, "clock_gettime64": 403}),
        (AARCH64, 327, {"io_setup": 0, "openat": 56, "clone": 220, "clone3": 435, "listns": 470}),
        (ARM, 430, {"restart_syscall": 0, "socket": 281, "sendfile64": 239, "set_tls": 0xF0005}),
        (X32, 373, {"read": X32_BIT, "rt_sigaction": X32_BIT | 512, "pwritev2": X32_BIT | 547}),
    ],
)
def test_counts_and_numbers_that_are_known(arch: Arch, count: int, calls: dict[str, int]) -> None:
    found = table(arch)
    assert len(found) == len(names(arch)) == count
    assert {name: found[Syscall(name)] for name in calls} == calls


@pytest.mark.parametrize("arch", KNOWN_ARCHES)
def test_libseccomp_agrees_on_every_number_that_it_knows(arch: Arch) -> None:
    scmp = getattr(pyseccomp.Arch, arch.removeprefix("SCMP_ARCH_"))
    agreed = 0
    for name, number in table(arch).items():
        if arch == X86 and name in MULTIPLEXED:
            continue  # below 0 there, see the next test
        theirs = pyseccomp.resolve_syscall(scmp, name)
        assert theirs in {number, -1}, name
        agreed += theirs == number
    assert agreed > 300


def test_multiplexed_calls_are_those_of_libseccomp() -> None:
    """Its numbers for them are -100 less the call's of socketcall, -200 less the call's of ipc."""
    for name, (through, call) in MULTIPLEXED.items():
        base = {"socketcall": -100, "ipc": -200}[through]
        assert pyseccomp.resolve_syscall(pyseccomp.Arch.X86, name) == base - call, name
    assert len(MULTIPLEXED) == 32


def test_architectures_have_two_names() -> None:
    assert (arch_of(GoArch("amd64")), native_of(GoArch("amd64"))) == (X86_64, "amd64")
    assert (arch_of(GoArch("386")), native_of(GoArch("386"))) == (X86, "x86")
    assert (arch_of(GoArch("loong64")), native_of(GoArch("loong64"))) == ("SCMP_ARCH_LOONGARCH64", "loongarch64")


def test_what_nobody_knows_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no architecture"):
        arch_of(GoArch("x86_64"))
    with pytest.raises(UsageError, match="SCMP_ARCH_SH"):
        table(Arch("SCMP_ARCH_SH"))
