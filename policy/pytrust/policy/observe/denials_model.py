"""Calls that were refused while containers ran: values, and what a source of them is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pytrust.policy.profiles.names import Action, Arch, Capability, Syscall
from pytrust.policy.profiles.seccomp.verdict import Verdict


class Refusal(NamedTuple):
    """A call that the kernel told of, ``times`` in a row.

    ``pid`` as the host counts; ``number`` that of the call on ``arch``; ``errno`` what was answered, and ``first`` its
    first argument, None where nobody told. ``program`` is what it calls itself, which proves nothing. ``group`` is its
    control group, where that is told.
    """

    pid: int
    program: str
    arch: Arch
    number: int
    action: Action
    errno: int | None = None
    first: int | None = None
    group: str = ""
    times: int = 1


class Batch(NamedTuple):
    """What came since the last look; ``lost`` is how many more there were, ``groups`` control groups that were made."""

    refusals: tuple[Refusal, ...] = ()
    lost: int = 0
    groups: tuple[str, ...] = ()


class Source(Protocol):
    """Where refusals come from. ``name`` is ``audit`` or ``calls``."""

    @property
    def name(self) -> str:
        """For people, and for what is remembered of it."""

    def files(self) -> tuple[int, ...]:
        """Descriptors that become readable when something has come."""

    def read(self) -> Batch:
        """What has come; does not wait."""

    def close(self) -> None:
        """No more."""


class Answer(NamedTuple):
    """What a profile may do with a call, but for letting it through; ``sure``: it never does that.

    ``by_first`` says it exactly where the profile looks at nothing but the first argument.
    """

    verdicts: frozenset[Verdict]
    sure: bool
    by_first: Callable[[int], Verdict] | None = None


class Confined(NamedTuple):
    """A container that runs under a profile: its name, its image's, and what is refused by the number of the call.

    ``capabilities`` are all that it can have.
    """

    container: str
    name: str
    image: str
    answers: Mapping[Arch, Mapping[int, Answer]]
    capabilities: frozenset[Capability]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """What a program of a container was refused, ``count`` times between ``first`` and ``last`` (seconds since 1970).

    ``arch`` is that of the call, foreign where the profile does not name it. ``action`` is ERRNO where it was refused,
    LOG where it was let through and noted, and else how it was punished; ``argument`` a word for the first argument,
    where it is known and there is one.
    ``sure``: it was the profile; otherwise the kernel itself may have refused these arguments. With a ``capability``
    the profile lets the call through, and the kernel refused it: perhaps because the container lacks that one.
    """

    container: str
    name: str
    image: str
    program: str
    arch: Arch
    syscall: Syscall
    argument: str
    action: Action
    sure: bool
    capability: str
    count: int
    first: float
    last: float
