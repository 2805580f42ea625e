"""A recording as a whole: which recorder, how many runs, what is refused, and which arguments can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import pytest
from tests.fakes.laboratory import FakeLaboratory

from pytrust.policy.observe.gate import Command, words_of
from pytrust.policy.observe.recorder import Choice, choose
from pytrust.policy.observe.recording import Recorded, Recorder
from pytrust.policy.observe.session import Session, Subject, record
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, Outcome, RunOptions
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seen import Argument, Method, Seen
from pytrust.trust.errors import NotSetUp, Refused

SOCKET, READ, WRITE = map(Syscall, ("socket", "read", "write"))
SERVER = {(READ, "web"): 2, (SOCKET, "web"): 1}
FAMILY = frozenset({Argument(SOCKET, (2, 1))})


@dataclass(frozen=True, slots=True)
class Played:
    """A recorder that sees what it is told, of a container that works in a laboratory."""

    method: Method = "audit"
    calls: Mapping[tuple[Syscall, str], int] = field(default_factory=lambda: SERVER)
    arguments: frozenset[Argument] | None = None
    lost: int = 0
    lacks: str = ""
    losses: list[int] = field(default_factory=list)

    def missing(self) -> str:
        return self.lacks

    def record(
        self,
        laboratory: Laboratory,
        image: str,
        options: RunOptions,
        confinement: Confinement,
        workload: Callable[[Live], int],
    ) -> Recorded:
        outcome = laboratory.run(image, options, confinement, workload)
        lost = self.losses.pop() if self.losses else self.lost
        seen = Seen(method=self.method, calls=self.calls, arguments=self.arguments, records=9, lost=lost)
        return Recorded(outcome, seen)


NOTIFY = Played("notify", arguments=FAMILY)


def run(choice: Choice, *, status: int = 0, laboratory: FakeLaboratory | None = None, max_lost: int = 0) -> Session:
    subject = Subject("image", RunOptions(), Confinement(), lambda live: status)
    return record(laboratory or FakeLaboratory(), choice, subject, max_lost=max_lost, progress=lambda line: None)


@pytest.mark.parametrize(
    ("recorders", "confined", "chosen"),
    [
        ((Played(), NOTIFY, Played("strace")), True, ("audit", "notify")),
        ((Played(), NOTIFY, Played("strace")), False, ("audit", "strace")),  # the launcher takes no-new-privileges
        ((Played(lacks="no"), NOTIFY, Played("strace")), True, ("notify", None)),
        ((Played(lacks="no"), NOTIFY, Played("strace")), False, ("strace", None)),
        ((Played(), Played("notify", lacks="no"), Played("strace", lacks="no")), True, ("audit", None)),
    ],
)
def test_the_best_that_works_is_chosen(
    recorders: tuple[Recorder, ...], confined: bool, chosen: tuple[str, str | None]
) -> None:
    choice = choose(recorders, no_new_privileges=confined)
    assert (choice.first.method, choice.second.method if choice.second else None) == chosen


def test_where_none_works_every_reason_is_told() -> None:
    with pytest.raises(NotSetUp, match="audit: not root; strace: not installed"):
        choose((Played(lacks="not root"), Played("strace", lacks="not installed")), no_new_privileges=True)


def test_two_recorders_check_each_other() -> None:
    odd = Played("notify", {**SERVER, (WRITE, "web"): 1}, FAMILY)
    session = run(Choice(Played(), odd))
    assert session.differ == ("write",)
    assert [seen.method for seen in session.seen] == ["audit", "notify"]


def test_where_others_flood_the_stream_it_is_run_again() -> None:
    assert run(Choice(Played(losses=[7, 3]))).seen[0].lost == 0
    with pytest.raises(Refused, match="3 records"):
        run(Choice(Played(losses=[0, 3, 3, 3])))


@pytest.mark.parametrize("lost", [1, 500])
def test_a_recording_with_a_hole_is_refused(lost: int) -> None:
    with pytest.raises(Refused, match=f"{lost} records of {lost + 9} were lost"):
        run(Choice(Played(lost=lost)))
    assert run(Choice(Played(lost=lost)), max_lost=lost).seen[0].lost == lost


def test_a_workload_that_fails_is_no_recording() -> None:
    with pytest.raises(Refused, match="the workload ended with 3"):
        run(Choice(Played()), status=3)


def test_a_container_that_does_not_start_is_no_recording() -> None:
    with pytest.raises(Refused, match="no such program"):
        run(Choice(Played()), laboratory=FakeLaboratory(lambda _: Outcome(False, None, None, "no such program")))


def test_an_engine_elsewhere_is_told_of() -> None:
    with pytest.raises(NotSetUp, match="nothing that image did was seen"):
        run(Choice(Played(calls={})))


@pytest.mark.parametrize(
    ("unknown_family", "kept"),
    [(False, FAMILY), (True, frozenset())],
)
def test_sockets_of_a_process_from_outside_are_looked_at_once_more(
    unknown_family: bool, kept: frozenset[Argument]
) -> None:
    asked: list[tuple[str, set[int]]] = []

    def others(call: Syscall, known: Collection[int]) -> Recorder:
        asked.append((call, set(known)))
        return Played(calls={(SOCKET, "cli"): 1} if unknown_family else {})

    session = run(Choice(Played(calls={**SERVER, (SOCKET, "cli"): 1}), NOTIFY, others=others))
    assert asked == [("socket", {2})]
    assert session.seen[1].arguments == kept


def test_arguments_that_a_process_from_outside_may_have_had_are_not_kept_where_nobody_can_look() -> None:
    """Sockets without a recorder for others; and the personality, for which there is none."""
    personality = Syscall("personality")
    arguments = FAMILY | {Argument(personality, (0,))}
    calls = {**SERVER, (personality, "web"): 1}

    def others(call: Syscall, known: Collection[int]) -> Recorder:
        raise AssertionError(call)

    second = Played("notify", calls, arguments)
    outside = run(Choice(Played(calls={**calls, (SOCKET, "cli"): 1}), second))
    assert outside.seen[1].arguments == arguments - FAMILY
    outside = run(Choice(Played(calls={**calls, (personality, "cli"): 1}), second, others=others))
    assert outside.seen[1].arguments == FAMILY


def test_sockets_of_programs_that_both_saw_are_not() -> None:
    def others(call: Syscall, known: Collection[int]) -> Recorder:
        raise AssertionError(call)

    assert run(Choice(Played(), NOTIFY, others=others)).seen[1].arguments == FAMILY


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (RunOptions(), ("enter", "serve")),
        (RunOptions(command=("other",)), ("enter", "other")),
        (RunOptions(entrypoint=("sh",)), ("sh",)),  # docker forgets the image's command then
        (RunOptions(entrypoint=("sh",), command=("-c", "x")), ("sh", "-c", "x")),
    ],
)
def test_the_words_of_the_first_process(options: RunOptions, words: tuple[str, ...]) -> None:
    assert words_of(options, Command(("enter",), ("serve",))) == words
