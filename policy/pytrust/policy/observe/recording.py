"""What a recorder is, and what it has seen: values.

A recorder runs one trial in its own way and tells which system calls the container made, by program. It tells how many
records it lost, too: a set with a hole in it is no basis for a profile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol, TypeVar

from pytrust.policy.observe.trial import Confinement, Laboratory, Live, Outcome, RunOptions
from pytrust.policy.profiles.names import X86_64, Arch, Syscall

Method = Literal["audit", "notify", "strace"]
"""How calls are recorded, best first (profiles reference, section 3.1)."""

K = TypeVar("K")


class Argument(NamedTuple):
    """A call was made with these numbers: family and kind of ``socket``, the flags of ``clone`` without the signal."""

    call: Syscall
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One run, as it was seen.

    ``calls`` counts by call and program (the kernel's ``comm``: what a program calls itself); ``runtime`` are those
    that runc made in the container's place, before its program began, and none of ``calls``. ``arguments`` is None
    where the method does not tell them. ``files`` are absolute paths in the container and letters of ``rwalkmx``.
    ``unnamed`` are numbers that our tables do not know, by architecture.
    """

    method: Method
    calls: Mapping[tuple[Syscall, str], int]
    runtime: Mapping[Syscall, int] = field(default_factory=dict)
    arguments: frozenset[Argument] | None = None
    files: Mapping[str, str] | None = None
    arches: frozenset[Arch] = frozenset({X86_64})
    unnamed: Mapping[tuple[Arch, int], int] = field(default_factory=dict)
    records: int = 0
    lost: int = 0

    @property
    def names(self) -> frozenset[Syscall]:
        """The calls, whoever made them."""
        return frozenset(call for call, _ in self.calls)

    def joined(self, other: Seen) -> Seen:
        """Both runs as one of this one's method: what is known of either is known."""
        return replace(
            self,
            calls=_added(self.calls, other.calls),
            runtime=_added(self.runtime, other.runtime),
            arguments=_either(self.arguments, other.arguments),
            files=_modes(self.files, other.files),
            arches=self.arches | other.arches,
            unnamed=_added(self.unnamed, other.unnamed),
            records=self.records + other.records,
            lost=self.lost + other.lost,
        )


class Recorded(NamedTuple):
    """How the trial ended, and what was seen of it."""

    outcome: Outcome
    seen: Seen


class Recorder(Protocol):
    """Records one trial at a time."""

    @property
    def method(self) -> Method:
        """Its name."""

    def missing(self) -> str:
        """Why it does not work on this host, as a sentence without a full stop; empty if it does."""

    def record(
        self,
        laboratory: Laboratory,
        image: str,
        options: RunOptions,
        confinement: Confinement,
        workload: Callable[[Live], int],
    ) -> Recorded:
        """Run the image as ``laboratory.run`` does, and see what it calls.

        Raises:
            AccessDenied, NotSetUp: it does not work here.
            Unreachable, AccessDenied, BadContent, ServerError: the engine cannot be used.
        """


def _added(one: Mapping[K, int], other: Mapping[K, int]) -> Mapping[K, int]:
    return Counter(one) + Counter(other)


def _either(one: frozenset[Argument] | None, other: frozenset[Argument] | None) -> frozenset[Argument] | None:
    return None if one is None and other is None else (one or frozenset()) | (other or frozenset())


def _modes(one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> Mapping[str, str] | None:
    if one is None or other is None:
        return one if other is None else other
    paths = one.keys() | other.keys()
    return {path: "".join(sorted({*one.get(path, ""), *other.get(path, "")})) for path in paths}
