"""Docker's default in our form has the figures that were measured of Docker's own file."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytrust.policy.profiles.model import Resolved
from pytrust.policy.profiles.names import (
    CAPABILITIES,
    DEFAULT_CAPABILITIES,
    X86_64,
    Action,
    Capability,
    Generation,
    GoArch,
    Syscall,
)
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text, parse_docker
from pytrust.policy.profiles.seccomp.evaluate import evaluate
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.runc import filter_of
from pytrust.policy.profiles.seccomp.syscalls import table
from pytrust.policy.profiles.seccomp.verdict import Verdict

SIX = (0, 0, 0, 0, 0, 0)


def resolved(capabilities: Iterable[Capability] = DEFAULT_CAPABILITIES, kernel: tuple[int, int] = (6, 1)) -> Resolved:
    return resolve(docker_default(), Host(GoArch("amd64"), kernel, frozenset(capabilities), Generation.FROM_23))


def counts(capabilities: Iterable[Capability]) -> tuple[int, int]:
    """Calls of x86_64 that are open whole, and with some arguments."""
    loaded = filter_of(resolved(capabilities), X86_64)
    allowed = [case for case in loaded.cases.values() if case[0].verdict.action is Action.ALLOW]
    return sum(not case[0].conditions for case in allowed), sum(bool(case[0].conditions) for case in allowed)


def test_its_size() -> None:
    default = docker_default()
    allowing = [rule for rule in default.rules if rule.action is Action.ALLOW]
    assert (len(default.rules), len(default.rules[0].names), len(default.arch_map)) == (33, 361, 9)
    assert len({name for rule in allowing for name in rule.names}) == 426
    assert (default.default, default.default_errno) == (Action.ERRNO, 1)


def test_what_it_opens_on_x86_64() -> None:
    assert counts(DEFAULT_CAPABILITIES) == (306, 3)
    assert counts(()) == (305, 3)
    never = [
        name for name in table(X86_64) if evaluate(resolved(CAPABILITIES), X86_64, name, SIX).action is Action.ERRNO
    ]
    assert len(never) == 34
    assert {"io_uring_setup", "keyctl", "userfaultfd", "kexec_load", "pivot_root"} <= set(never)


@pytest.mark.parametrize(
    ("call", "value", "open_"),
    [
        ("socket", 1, True),
        ("socket", 37, True),
        ("socket", 38, False),
        ("socket", 39, True),
        ("socket", 40, False),
        ("socket", 41, True),
        ("personality", 8, True),
        ("personality", 0xFFFFFFFF, True),
        ("personality", 0x0040000, False),
        ("clone", 0x01200011, True),
        ("clone", 0x10000000, False),
        ("clone", 0x00020000, False),
    ],
)
def test_arguments(call: str, value: int, open_: bool) -> None:
    verdict = evaluate(resolved(), X86_64, Syscall(call), (value, 0, 0, 0, 0, 0))
    assert (verdict.action is Action.ALLOW) is open_


def test_what_depends_on_capabilities_and_kernels() -> None:
    admin = (*DEFAULT_CAPABILITIES, Capability("SYS_ADMIN"))
    assert evaluate(resolved(), X86_64, Syscall("clone3"), SIX) == Verdict(Action.ERRNO, 38)
    assert evaluate(resolved(admin), X86_64, Syscall("clone3"), SIX).action is Action.ALLOW
    assert evaluate(resolved(admin), X86_64, Syscall("clone"), (0x10000000, 0, 0, 0, 0, 0)).action is Action.ALLOW
    assert evaluate(resolved(), X86_64, Syscall("ptrace"), SIX).action is Action.ALLOW
    assert evaluate(resolved(kernel=(4, 7)), X86_64, Syscall("ptrace"), SIX).action is Action.ERRNO


def test_it_survives_being_written_for_docker() -> None:
    assert parse_docker(docker_text(docker_default()).encode(), "the default") == docker_default()
