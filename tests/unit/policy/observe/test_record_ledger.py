"""Whose records are: by control group and mother, never by name; and the runtime's part, told from the program's."""

from __future__ import annotations

import struct

import pytest

from pytrust.policy.observe.audit_ledger import Ledger, Place
from pytrust.policy.observe.audit_records import RET_ERRNO, RET_LOG, SeccompRecord
from pytrust.policy.observe.forks import parse_fork

X86_64 = 0xC000003E
READ, WRITE, EXECVE, CLONE = 0, 1, 59, 56
OURS, OTHERS = "c0ffee" * 10 + "0000", "decade" * 10 + "0000"
SHIM = 50
INIT = "runc:[2:INIT]"


def ledger(places: dict[int, tuple[str, int]]) -> Ledger:
    """``places`` are the container and the mother of processes that can still be looked up."""
    return Ledger(
        lambda pid: Place(frozenset({f"/docker/{places[pid][0]}", "/"}), places[pid][1]) if pid in places else None
    )


def call(pid: int, number: int, comm: str = "app", code: int = RET_LOG) -> SeccompRecord:
    return SeccompRecord(1, 1, pid, 0, comm, "/x", X86_64, number, code, 0)


def started(found: Ledger, pid: int = 100) -> None:
    """As runc starts a container's program."""
    for number in (WRITE, EXECVE):
        found.add(call(pid, number, INIT))
    found.add(call(pid, READ))


def test_what_runc_does_before_its_program_is_the_runtimes() -> None:
    found = ledger({100: (OURS, SHIM)})
    started(found)
    share = found.share(OURS)
    assert share.runtime == {(X86_64, WRITE): 1, (X86_64, EXECVE): 1}
    assert share.calls == {((X86_64, READ), "app"): 1}
    assert (share.records, share.unplaced) == (3, 0)


def test_who_calls_itself_runc_is_the_program_all_the_same() -> None:
    found = ledger({100: (OURS, SHIM), 101: (OURS, 100)})
    started(found)
    found.add(call(100, CLONE, INIT))
    found.fork(101, 100)
    found.add(call(101, WRITE, INIT))
    found.add(call(101, EXECVE, INIT))
    share = found.share(OURS)
    assert share.runtime == {(X86_64, WRITE): 1, (X86_64, EXECVE): 1}
    assert share.calls[(X86_64, WRITE), INIT] == share.calls[(X86_64, EXECVE), INIT] == 1


def test_the_mother_tells_where_nothing_was_heard_of_forks() -> None:
    found = ledger({100: (OURS, SHIM), 101: (OURS, 100)})
    started(found)
    found.add(call(101, WRITE, INIT))
    assert found.share(OURS).calls[(X86_64, WRITE), INIT] == 1


def test_a_process_that_docker_exec_brings_in_has_a_runtimes_part_too() -> None:
    found = ledger({100: (OURS, SHIM), 200: (OURS, SHIM)})
    started(found)
    started(found, 200)
    assert found.share(OURS).runtime == {(X86_64, WRITE): 2, (X86_64, EXECVE): 2}


def test_other_containers_are_nobody_here() -> None:
    found = ledger({100: (OURS, SHIM), 300: (OTHERS, SHIM)})
    started(found)
    started(found, 300)
    found.add(call(300, CLONE))
    assert found.share(OURS).records == 3
    assert found.share(OTHERS).records == 4


def test_what_was_gone_at_once_is_found_by_its_mothers() -> None:
    found = ledger({100: (OURS, SHIM)})
    started(found)
    found.add(call(101, WRITE))  # gone before anybody looked, and the forks are heard of later
    found.add(call(102, CLONE))
    found.fork(102, 101)
    found.fork(101, 100)
    share = found.share(OURS)
    assert share.calls[(X86_64, WRITE), "app"] == share.calls[(X86_64, CLONE), "app"] == 1
    assert share.unplaced == 0


def test_what_exec_brought_in_and_is_gone_is_the_containers() -> None:
    found = ledger({100: (OURS, SHIM)})
    started(found)
    started(found, 200)
    found.add(call(201, WRITE))
    for child, mother in ((200, SHIM), (201, 200)):
        found.fork(child, mother)
    found.bring([200], OURS)
    share = found.share(OURS)
    assert share.runtime == {(X86_64, WRITE): 2, (X86_64, EXECVE): 2}
    assert share.calls == {((X86_64, READ), "app"): 2, ((X86_64, WRITE), "app"): 1}
    assert (share.unplaced, found.share(OTHERS).records) == (0, 0)


def test_what_a_runtime_brought_in_unseen_may_be_anybodys() -> None:
    found = ledger({100: (OURS, SHIM)})
    started(found)
    started(found, 200)
    found.fork(200, SHIM)
    share = found.share(OURS)
    assert share.unplaced == found.share(OTHERS).unplaced > 0
    assert share.calls == {((X86_64, READ), "app"): 1}


def test_who_cannot_be_placed_is_counted_and_in_no_share() -> None:
    found = ledger({100: (OURS, SHIM)})
    started(found)
    found.add(call(101, WRITE))
    share = found.share(OURS)
    assert (share.records, share.unplaced) == (3, 1)
    assert found.share(OURS, all_forks=True).unplaced == 0  # it is older than the container


def test_mothers_that_go_round_in_a_ring_are_nobodys() -> None:
    found = ledger({})
    found.add(call(101, WRITE))
    found.add(call(102, WRITE))
    found.fork(101, 102)
    found.fork(102, 101)
    assert found.share(OURS).unplaced == 2


def test_what_a_filter_refused_was_not_called() -> None:
    found = ledger({100: (OURS, SHIM)})
    found.add(call(100, WRITE, code=RET_ERRNO))
    assert found.share(OURS).records == 0


def fork_event(what: int, parent: int, thread: int, child: int) -> bytes:
    return struct.pack("=IHHII IIIIHH", 76, 3, 0, 0, 0, 1, 1, 0, 0, 40, 0) + struct.pack(
        "=IIQIIII8x", what, 0, 1, parent, parent, thread, child
    )


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (fork_event(1, 10, 11, 11), (11, 10)),
        (fork_event(1, 10, 12, 11), None),  # a thread
        (fork_event(2, 10, 11, 11), None),  # an exec
        (fork_event(0x80000000, 10, 11, 11), None),
        (b"", None),
        (fork_event(1, 10, 11, 11)[:50], None),
    ],
)
def test_forks_are_told_from_other_events(event: bytes, told: tuple[int, int] | None) -> None:
    assert parse_fork(event) == told
