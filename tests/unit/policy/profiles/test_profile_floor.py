"""The runtime's floor: by version, measured, joined; and a file of it that has one reading."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.floor import GO, floor, missing_floor, source_of
from pytrust.policy.profiles.floor_file import parse_floors, read_floors, write_floors
from pytrust.policy.profiles.model import Arg, Condition, Resolved, Rule, Seccomp
from pytrust.policy.profiles.names import AARCH64, X86_64, Action, Capability, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.syscalls import table
from pytrust.trust.errors import Damaged


def words(text: str) -> set[str]:
    return set(text.split())


STRICT = words(
    """capget capset chdir close execve fstat fstatfs getcwd getdents64 getppid newfstatat openat prctl read setgid
    setgroups setuid write"""
)
STRICT_CONFINED = words("close execve fstatfs getdents64 openat write")
OPERATOR = STRICT | words(
    """arch_prctl brk close_range epoll_ctl epoll_pwait exit_group faccessat2 fcntl futex getpid getuid mmap mprotect
    nanosleep openat2 recvfrom rt_sigreturn sched_yield set_tid_address sigaltstack statx tgkill"""
)
calls = st.sampled_from(sorted(table(X86_64)))


@pytest.mark.parametrize(("confined", "size", "strict"), [(True, 28, STRICT_CONFINED), (False, 41, STRICT)])
def test_the_version_that_was_measured(confined: bool, size: int, strict: set[str]) -> None:
    found = floor("1.1.5", confined)
    assert len(found) == size
    assert strict <= found


def test_the_version_that_others_keep_a_list_of() -> None:
    assert floor("1.4.2", no_new_privileges=False) >= OPERATOR


@pytest.mark.parametrize("runc", ["", "1.0.0", "1.3.0", "2.0.0"])
@pytest.mark.parametrize("confined", [True, False])
def test_a_version_that_nobody_knows_gets_what_any_needed(runc: str, confined: bool) -> None:
    assert floor(runc, confined) >= floor("1.1.5", confined)
    assert floor(runc, no_new_privileges=False) >= OPERATOR
    assert source_of(runc, confined) == "of all known versions"


def test_what_was_measured_here_comes_first() -> None:
    measured = {("9.9", True): frozenset({Syscall("close"), Syscall("future_call")})}
    assert floor("9.9", True, measured) >= {"future_call"} | GO
    assert "statx" not in floor("9.9", True, measured)
    assert "future_call" not in floor("9.9", False, measured)
    assert source_of("9.9", True, measured) == "measured here"


def test_every_name_is_a_call_of_64_bits() -> None:
    assert floor("", False) - table(X86_64).keys() == set()
    assert floor("", False) - table(AARCH64).keys() == {"arch_prctl"}


@pytest.mark.parametrize("confined", [True, False])
def test_dockers_own_file_has_the_floor_of_every_runtime(confined: bool) -> None:
    assert missing_floor(docker_default(), "", confined) == ()


@given(st.sampled_from(sorted(floor("", False))))
def test_each_call_of_the_floor_is_missed(call: Syscall) -> None:
    allowed = tuple(sorted(floor("", False) - {call}))
    rules = (Rule(names=allowed, action=Action.ALLOW),)
    assert missing_floor(Seccomp(default=Action.ERRNO, rules=rules), "", False) == (call,)
    assert missing_floor(Resolved(default=Action.KILL_PROCESS, rules=rules), "", False) == (call,)


WRITE = (Syscall("write"),)


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        (Rule(names=WRITE, action=Action.ERRNO), True),
        (Rule(names=WRITE, action=Action.KILL), True),
        (Rule(names=WRITE, action=Action.LOG), False),
        (Rule(names=WRITE, action=Action.NOTIFY), True),
        (Rule(names=WRITE, action=Action.ALLOW), False),
        (Rule(names=WRITE, action=Action.ALLOW, args=(Arg(index=0, op=Op.EQ, value=1),)), True),
        (Rule(names=WRITE, action=Action.ALLOW, includes=Condition(caps=(Capability("CHOWN"),))), True),
        (Rule(names=WRITE, action=Action.ALLOW, includes=Condition(min_kernel="4.8")), True),
        (Rule(names=WRITE, action=Action.ALLOW, includes=Condition(arches=(GoArch("amd64"),))), False),
    ],
)
def test_what_counts_as_let_through(rule: Rule, missing: bool) -> None:
    others = Rule(names=tuple(sorted(floor("", False) - {"write"})), action=Action.ALLOW)
    found = missing_floor(Seccomp(default=Action.ERRNO, rules=(others, rule)), "", False)
    assert found == (("write",) if missing else ())


def test_a_rule_that_refuses_counts_where_everything_else_is_let_through() -> None:
    rules = (Rule(names=(Syscall("openat"), Syscall("ptrace")), action=Action.ERRNO),)
    assert missing_floor(Seccomp(default=Action.ALLOW, rules=rules), "1.1.5", True) == ("openat",)


floors = st.dictionaries(
    st.tuples(st.from_regex(r"[0-9]\.[0-9]\.[0-9]{1,2}", fullmatch=True), st.booleans()),
    st.frozensets(calls, min_size=1, max_size=5),
    max_size=5,
)


@settings(max_examples=20, deadline=None)
@given(kept=floors)
def test_what_was_measured_is_read_as_it_was_written(
    kept: dict[tuple[str, bool], frozenset[Syscall]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("floors") / "floors.json"
    write_floors(path, kept)
    assert read_floors(path) == kept


def test_where_nothing_was_measured(tmp_path: Path) -> None:
    assert read_floors(tmp_path / "floors.json") == {}


ENTRY = b'{"runc":"1","no_new_privileges":true,"calls":["read"]}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"format":"pytrust-floors/2","floors":[]}',
        b'{"format":"pytrust-floors/1","floors":[],"more":1}',
        b'{"format":"pytrust-floors/1","floors":[%s,%s]}' % (ENTRY, ENTRY),
        b'{"format":"pytrust-floors/1","floors":[%s]}' % ENTRY.replace(b'"read"', b'"READ"'),
        b'{"format":"pytrust-floors/1","floors":[%s]}' % ENTRY.replace(b'["read"]', b"[]"),
        b'{"format":"pytrust-floors/1","floors":[%s]}' % ENTRY.replace(b'"1"', b'""'),
        b'{"format":"pytrust-floors/1","floors":[%s]}' % ENTRY.replace(b"true", b'"yes"'),
        b'{"format":"pytrust-floors/1","format":"pytrust-floors/1","floors":[]}',
    ],
)
def test_a_file_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(Damaged, match="holds no floors"):
        parse_floors(data, "floors.json")
