"""Under which filters containers are recorded: what Docker refuses stays refused, the rest is logged."""

from __future__ import annotations

import pytest

from pytrust.policy.observe.filters import LOG_EVERYTHING, logged, others_logged
from pytrust.policy.profiles.model import Seccomp
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES, X86_64, Action, Generation, GoArch, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text, parse_docker
from pytrust.policy.profiles.seccomp.evaluate import evaluate, number_of
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import table
from pytrust.policy.profiles.seccomp.verdict import Verdict

HOST = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.BEFORE_23)
NEWUSER = 0x10000000


def verdict(profile: Seccomp, call: Syscall | str, first: int = 0) -> Verdict:
    resolved = resolve(parse_docker(docker_text(profile).encode(), "x"), HOST)
    return evaluate(resolved, X86_64, Syscall(call), (first, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("first", [0, 2, 38, 40, NEWUSER])
def test_what_docker_lets_through_is_logged_and_nothing_else_changes(first: int) -> None:
    plain, watched = (resolve(profile, HOST) for profile in (docker_default(), logged(docker_default())))
    for call in table(X86_64):
        before = evaluate(plain, X86_64, call, (first, 0, 0, 0, 0, 0))
        after = evaluate(watched, X86_64, call, (first, 0, 0, 0, 0, 0))
        assert after == (before._replace(action=Action.LOG) if before.action is Action.ALLOW else before), call


def test_everything_is_everything() -> None:
    assert all(verdict(LOG_EVERYTHING, call).action is Action.LOG for call in ("read", "mount", "clone3", "keyctl"))


@pytest.mark.parametrize("call", ["socket", "socketpair"])
def test_only_families_that_are_not_known_are_logged(call: str) -> None:
    filter_ = others_logged(Syscall(call), {1, 2})
    assert verdict(filter_, call, 1).action is verdict(filter_, call, 2).action is Action.ALLOW
    assert verdict(filter_, call, 10).action is verdict(filter_, call, 16).action is Action.LOG
    assert verdict(filter_, "read").action is Action.ALLOW
    assert verdict(filter_, "mount").action is Action.ERRNO


def test_families_that_docker_refuses_stay_refused() -> None:
    assert verdict(others_logged(Syscall("socket"), {2}), "socket", 38).action is Action.ERRNO
    assert number_of(X86_64, Syscall("socket")) == 41
