"""What a recorder has seen of a container: values, from which a profile is proposed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeVar

from pytrust.policy.profiles.names import X86_64, Arch, Syscall

K = TypeVar("K")

Method = Literal["audit", "notify", "strace"]
"""How calls are recorded, best first (profiles reference, section 3.1)."""


class Argument(NamedTuple):
    """A call was made with these numbers.

    Of ``socket`` and ``socketpair`` the family and the kind without its flags, of ``clone`` the flags without the
    signal, of ``personality`` the one it has.
    """

    call: Syscall
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One run, as it was seen.

    ``calls`` counts by call and program (the kernel's ``comm``: what a program calls itself); ``runtime`` are those
    that runc made in the container's place, before its program began, and none of ``calls``. ``arguments`` and
    ``files`` are None where the method does not tell them; ``files`` are absolute paths in the container with letters
    of ``rwalkmx``. ``unnamed`` are numbers that our tables do not know, by architecture.
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


def _added(one: Mapping[K, int], other: Mapping[K, int]) -> Mapping[K, int]:
    return Counter(one) + Counter(other)


def _either(one: frozenset[Argument] | None, other: frozenset[Argument] | None) -> frozenset[Argument] | None:
    return None if one is None and other is None else (one or frozenset()) | (other or frozenset())


def _modes(one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> Mapping[str, str] | None:
    if one is None or other is None:
        return one if other is None else other
    paths = one.keys() | other.keys()
    return {path: "".join(sorted({*one.get(path, ""), *other.get(path, "")})) for path in paths}
