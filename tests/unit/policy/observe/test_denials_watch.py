"""The watch: a source that is a whole party, real files, and containers that flood, vanish or are nobody's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from pytrust.policy.observe import denials
from pytrust.policy.observe.denials import DenialWatch, open_sources
from pytrust.policy.observe.denials_latest import Latest
from pytrust.policy.observe.denials_meaning import answers
from pytrust.policy.observe.denials_model import Batch, Confined, Denial, Refusal
from pytrust.policy.observe.denials_store import DenialStore, read_denials, read_watches
from pytrust.policy.observe.denials_tally import Pace, Tally
from pytrust.policy.observe.denials_who import Whose, container_in
from pytrust.policy.observe.denials_words import document, row, seen_lines, sentence
from pytrust.policy.profiles.model import Resolved, Rule
from pytrust.policy.profiles.names import X86_64, Action, Capability, Syscall
from pytrust.policy.profiles.seccomp.syscalls import table
from pytrust.trust.errors import AccessDenied, Unreachable
from pytrust.trust.limits import DENIALS_BURST, DENIALS_PER_CONTAINER_MAX, DENIALS_RATE

WEB, OTHER = "a" * 64, "b" * 64
NUMBER = table(X86_64)[Syscall("mkdir")]
PROFILE = Resolved(
    default=Action.ERRNO,
    architectures=(X86_64,),
    rules=(Rule(names=(Syscall("read"), Syscall("listns")), action=Action.ALLOW),),
)
CONFINED = Confined(WEB, "web", "foo/web", answers(PROFILE, X86_64), frozenset({Capability("KILL")}))
REFUSAL = Refusal(1, "nginx", X86_64, NUMBER, Action.ERRNO, 1, group=f"/docker/{WEB}")


class Spring:
    """A source: what is put in comes out once, and the descriptor says when."""

    name: str = "calls"

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.batches: list[Batch] = []
        self.closed = False

    def put(self, *refusals: Refusal, lost: int = 0, groups: tuple[str, ...] = ()) -> None:
        self.batches.append(Batch(refusals, lost, groups))
        os.write(self.writing, b"x")

    def files(self) -> tuple[int, ...]:
        return (self.reading,)

    def read(self) -> Batch:
        if not self.batches:
            return Batch()
        os.read(self.reading, 1)
        return self.batches.pop(0)

    def close(self) -> None:
        self.closed = True
        os.close(self.reading)
        os.close(self.writing)


class Watched(NamedTuple):
    spring: Spring
    watch: DenialWatch
    path: Path
    told: list[Denial]
    said: list[str]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    spring = Spring()
    told: list[Denial] = []
    said: list[str] = []
    path = tmp_path / "denials.db"
    store = DenialStore(path)

    def find(container: str) -> Confined | None:
        if container == OTHER:
            raise Unreachable("the engine is gone")
        return CONFINED if container == WEB else None

    watch = DenialWatch([spring], find, store, told.append, said.append)
    watch.start()
    yield Watched(spring, watch, path, told, said)
    watch.stop()
    store.close()


def nobody(denial: Denial) -> None:
    pass


def until(check: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:
        time.sleep(0.01)
    assert check()


def test_denials_are_told_at_once_and_kept(watched: Watched) -> None:
    spring, watch, path, told, _ = watched
    spring.put(*[REFUSAL] * 12, lost=3)
    until(lambda: len(told) == 2)
    assert [denial.count for denial in told] == [1, 10]
    watch.stop()
    (kept,) = read_denials(path)
    assert (kept.container, kept.name, kept.image, kept.program, kept.syscall, kept.count, kept.sure) == (
        WEB,
        "web",
        "foo/web",
        "nginx",
        "mkdir",
        12,
        True,
    )
    assert [(one.source, one.lost) for one in read_watches(path)] == [("calls", 3)]
    assert spring.closed


def test_what_is_seen_is_on_disk_within_seconds(watched: Watched) -> None:
    spring, _, path, _, _ = watched
    spring.put(REFUSAL)
    until(lambda: read_denials(path) != [])


def test_others_and_what_the_profile_allows_are_left_out(watched: Watched) -> None:
    spring, watch, path, told, said = watched
    spring.put(
        REFUSAL._replace(group="/user.slice"),
        REFUSAL._replace(group=f"/docker/{'c' * 64}"),
        REFUSAL._replace(number=0),
        REFUSAL._replace(errno=13),
    )
    until(lambda: not spring.batches)
    watch.stop()
    assert (told, said, read_denials(path)) == ([], [], [])


def test_a_punished_process_that_nobody_can_place_is_counted_as_lost(tmp_path: Path) -> None:
    spring = Spring()
    spring.name = "audit"
    path = tmp_path / "d.db"
    with DenialStore(path) as store:
        watch = DenialWatch([spring], lambda _: CONFINED, store, nobody, print)
        watch.start()
        spring.put(REFUSAL._replace(pid=2**22 + 1, group="", action=Action.KILL_PROCESS))
        until(lambda: not spring.batches)
        watch.stop()
    assert [one.lost for one in read_watches(path)] == [1]


def test_an_engine_that_does_not_answer_is_told_of_once_and_ends_nothing(watched: Watched) -> None:
    spring, _, _, told, said = watched
    spring.put(*[REFUSAL._replace(group=f"/docker/{OTHER}")] * 5, REFUSAL)
    until(lambda: told)
    assert said == ["denials: the engine is gone"]


def test_a_container_is_asked_for_when_it_is_made(tmp_path: Path) -> None:
    """It may be removed before its refusals are looked at."""
    spring = Spring()
    asked: list[str] = []

    def ask(container: str) -> None:
        asked.append(container)

    with DenialStore(tmp_path / "d.db") as store:
        watch = DenialWatch([spring], ask, store, print, print)
        watch.start()
        spring.put(groups=(f"/docker/{WEB}", "/system.slice/cron.service"))
        until(lambda: asked)
        watch.stop()
    assert asked == [WEB]


def test_a_store_that_cannot_be_written_loses_nothing_while_it_cannot(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    spring, _, path, _, said = watched
    add, broken = DenialStore.add, [True]

    def sometimes(self: DenialStore, rows: Iterable[Denial]) -> None:
        if broken[0]:
            raise Unreachable("the disk is full")
        add(self, rows)

    monkeypatch.setattr(DenialStore, "add", sometimes)
    spring.put(REFUSAL)
    until(lambda: said == ["denials: the disk is full"])
    broken[0] = False
    until(lambda: [denial.count for denial in read_denials(path)] == [1])


def test_stopping_what_never_began_closes_its_sources(tmp_path: Path) -> None:
    spring = Spring()
    with DenialStore(tmp_path / "d.db") as store:
        DenialWatch([spring], lambda _: None, store, print, print).stop()
    assert spring.closed


def test_a_listener_that_fails_ends_the_watch_and_that_is_said(tmp_path: Path) -> None:
    spring = Spring()
    said: list[str] = []

    def fails(denial: Denial) -> None:
        raise ValueError("no")

    with DenialStore(tmp_path / "d.db") as store:
        watch = DenialWatch([spring], lambda _: CONFINED, store, fails, said.append)
        watch.start()
        spring.put(REFUSAL)
        until(lambda: said == ["denials are watched no more: ValueError: no"])
        watch.stop()
    assert spring.closed


def test_what_cannot_be_read_here_is_said_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied() -> None:
        raise AccessDenied("the kernel's audit stream may not be read")

    monkeypatch.setattr(denials, "AuditSource", denied)
    monkeypatch.setattr(denials, "CallsSource", Spring)
    said: list[str] = []
    found = open_sources(calls=True, say=said.append)
    assert [type(one) for one in found] == [Spring]
    assert said == ["the kernel's audit stream may not be read: calls that are noted or punished are not seen"]
    assert open_sources(calls=False, say=said.append) == []
    for one in found:
        one.close()


def test_a_container_that_invents_programs_fills_no_memory() -> None:
    tally = Tally(nobody)
    for number in range(DENIALS_PER_CONTAINER_MAX * 3):
        tally.add(REFUSAL._replace(program=f"p{number}"), CONFINED, 1.0)
    assert len(tally.fresh()) == DENIALS_PER_CONTAINER_MAX
    tally.kept()
    assert tally.fresh() == ()


def test_it_takes_nothing_from_others_and_fills_no_log() -> None:
    told: list[Denial] = []
    tally = Tally(told.append)
    for number in range(DENIALS_PER_CONTAINER_MAX * 3):
        tally.add(REFUSAL._replace(program=f"p{number}"), CONFINED, 1.0)
        if number % 100 == 0:
            tally.kept()
    other = CONFINED._replace(container="f" * 64, name="quiet")
    tally.add(REFUSAL, other, 1.0)
    assert [denial.name for denial in tally.fresh()][-1] == "quiet"
    assert len(told) == DENIALS_PER_CONTAINER_MAX + 1
    assert told[-1].name == "quiet"


def test_one_that_is_full_leaves_room_for_others() -> None:
    tally = Tally(nobody)
    for number in range(DENIALS_PER_CONTAINER_MAX + 1):
        tally.add(REFUSAL._replace(program=f"p{number}"), CONFINED, 1.0)
    tally.add(REFUSAL, CONFINED._replace(container="f" * 64, name="quiet"), 1.0)
    assert [denial.name for denial in tally.fresh()][-1] == "quiet"


def test_what_came_many_times_is_counted_so_and_told_at_each_digit() -> None:
    told: list[Denial] = []
    tally = Tally(told.append)
    for times in (1, 4, 4, 1, 5000, 1):
        tally.add(REFUSAL._replace(times=times), CONFINED, 1.0)
    assert [denial.count for denial in told] == [1, 10, 5010]
    assert [denial.count for denial in tally.fresh()] == [5011]


def test_a_pace_lets_a_burst_through_and_then_so_many_a_second() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert pace.spend(DENIALS_BURST) == 0
    assert pace.spend(int(DENIALS_RATE)) == pytest.approx(1.0)
    now[0] = 1.0
    assert pace.spend(0) == 0
    now[0] = 1000.0
    assert pace.spend(DENIALS_BURST) == 0
    assert pace.spend(1) > 0


@pytest.mark.parametrize(
    ("groups", "container"),
    [
        (f"0::/docker/{WEB}\n", WEB),
        (f"0::/system.slice/docker-{WEB}.scope\n", WEB),
        (f"12:pids:/docker/{WEB}\n0::/docker/{WEB}\n", WEB),
        (f"0::/docker/{WEB}/made-inside/{OTHER}\n", WEB),
        ("0::/user.slice/user-0.slice\n", ""),
        (f"0::/x/{'a' * 65}\n", ""),
        (f"0::/x/{'A' * 64}\n", ""),
        ("", ""),
    ],
)
def test_a_container_is_told_by_its_control_group(groups: str, container: str) -> None:
    assert container_in(groups) == container


def test_a_process_that_is_gone_was_where_its_mother_is(tmp_path: Path) -> None:
    whose = Whose(tmp_path)
    (tmp_path / "10").mkdir()
    (tmp_path / "10" / "cgroup").write_text(f"0::/docker/{WEB}\n")
    whose._mothers.put(11, 10)
    whose._mothers.put(12, 11)
    whose._mothers.put(20, 20)
    try:
        assert whose.container(Refusal(10, "", X86_64, 1, Action.ERRNO)) == WEB
        assert whose.container(Refusal(12, "", X86_64, 1, Action.ERRNO)) == WEB
        assert whose.container(Refusal(13, "", X86_64, 1, Action.ERRNO)) is None
        assert whose.container(Refusal(20, "", X86_64, 1, Action.ERRNO)) is None
        assert whose.container(Refusal(13, "", X86_64, 1, Action.ERRNO, group=f"/docker/{OTHER}")) == OTHER
    finally:
        whose.close()


def test_a_memory_keeps_what_was_put_last() -> None:
    memory = Latest[int, str](2)
    for key in (1, 2, 1, 3):
        memory.put(key, str(key))
    assert [memory.get(key) for key in (1, 2, 3)] == ["1", None, "3"]


def test_denials_are_told_in_sentences() -> None:
    tally = Tally(nobody)
    tally.add(REFUSAL, CONFINED, 0.0)
    (denial,) = tally.fresh()
    assert sentence(denial) == "the profile of foo/web lacks mkdir: container web (nginx) was refused it once"
    noted = replace(denial, action=Action.LOG, sure=False, count=3, program="")
    assert sentence(noted) == (
        "the profile of foo/web lacks mkdir or the kernel itself refused these arguments: container web was let through, which was noted, 3 times"
    )
    assert row(denial) == ("1970-01-01 00:00:00", "web", "foo/web", "nginx", "mkdir", "1", "refused")
    assert document(denial)["first"] == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("call", "errno", "capability"),
    [
        ("chown", 1, "CHOWN"),
        ("setgroups", 1, "SETGID"),
        ("kill", 1, None),  # the container has it
        ("chown", 13, None),
        ("openat", 1, None),
    ],
)
def test_what_fails_for_want_of_a_capability_is_guessed(call: str, errno: int | None, capability: str | None) -> None:
    open_all = Resolved(default=Action.ALLOW, architectures=(X86_64,))
    confined = CONFINED._replace(answers=answers(open_all, X86_64))
    tally = Tally(nobody)
    tally.add(REFUSAL._replace(number=table(X86_64)[Syscall(call)], errno=errno), confined, 1.0)
    assert [(one.capability, one.sure) for one in tally.fresh()] == ([(capability, False)] if capability else [])
    if capability:
        (denial,) = tally.fresh()
        assert (
            sentence(denial)
            == f"the profile of foo/web may lack the capability {capability}: {call} of container web (nginx) failed once"
        )
        assert row(denial)[-1] == f"failed, perhaps for want of the capability {capability}"


def test_a_call_that_the_profile_refuses_is_not_put_down_to_a_capability() -> None:
    tally = Tally(nobody)
    tally.add(REFUSAL._replace(number=table(X86_64)[Syscall("chown")]), CONFINED, 1.0)
    assert [(one.syscall, one.capability) for one in tally.fresh()] == [("chown", "")]


def test_what_can_be_seen_is_said() -> None:
    from pytrust.policy.observe.denials_store import Watch

    assert "nobody watches now" in next(seen_lines([Watch("audit", 0.0, 100.0, 0)], 200.0))
    assert "engine 23" in next(seen_lines([Watch("audit", 0.0, 199.0, 0)], 200.0))
    both = list(seen_lines([Watch("audit", 0.0, 199.0, 0), Watch("calls", 0.0, 199.0, 7)], 200.0))
    assert both == [
        "watched now: every refusal of a profile",
        "7 records of calls were lost, or nobody's, since 1970-01-01 00:00:00",
    ]
