"""What a resolved profile does with a call, by its meaning: no program is made. Pure.

``runc`` says what the rules mean. A program that libseccomp made of the same profile must say the same of every call
(``simulate``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from typing import Final, NamedTuple

from pytrust.policy.profiles.model import U64_MAX, Arg, Resolved
from pytrust.policy.profiles.names import X86_64, Arch, Op, Syscall
from pytrust.policy.profiles.seccomp.runc import Filter, filter_of, holds
from pytrust.policy.profiles.seccomp.syscalls import X32, X32_BIT, is_wide, table
from pytrust.policy.profiles.seccomp.verdict import FOREIGN, UNKNOWN, Verdict
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import SECCOMP_PROBES_MAX

__all__ = [
    "NO_ARGS",
    "Args",
    "Decision",
    "Verdict",
    "around",
    "boundaries",
    "decide",
    "evaluate",
    "number_of",
    "probes",
]

Args = tuple[int, int, int, int, int, int]

NO_ARGS: Final[Args] = (0, 0, 0, 0, 0, 0)
_SKIPPED: Final = 0xFFFFFFFF  # -1: how a tracer skips a call; it has the bit of x32, and libseccomp lets it be none
_UPPER: Final = 1 << 32


class Decision(NamedTuple):
    """A verdict and where it comes from: ``rule`` (its number, from 0), or ``why``: default, foreign, unknown."""

    verdict: Verdict
    why: str
    rule: int | None = None


def evaluate(  # noqa: PLR0913
    resolved: Resolved,
    arch: Arch,
    call: int | Syscall,
    args: Args = NO_ARGS,
    *,
    host: Arch | None = None,
    unknown: frozenset[Syscall] = frozenset(),
) -> Verdict:
    """What becomes of a call that a program of ``arch`` makes.

    ``host`` is the architecture of the kernel, whose calls the filter knows even where the profile does not name it;
    without it, that of the profile or of the call. ``unknown`` are names that the host's libseccomp does not know.

    Raises:
        BadContent: runc refuses the profile.
        UsageError: no such call, or an architecture whose numbers we do not know.
    """
    return decide(resolved, arch, call, args, host=host, unknown=unknown).verdict


def decide(  # noqa: PLR0913
    resolved: Resolved,
    arch: Arch,
    call: int | Syscall,
    args: Args = NO_ARGS,
    *,
    host: Arch | None = None,
    unknown: frozenset[Syscall] = frozenset(),
) -> Decision:
    """As ``evaluate``, with the reason.

    Raises:
        BadContent, UsageError: as for ``evaluate``.
    """
    number = number_of(arch, call)
    if arch in {X86_64, X32}:
        if number >= X32_BIT and X32 not in resolved.architectures and _covered(resolved, X86_64, host):
            return _beyond(filter_of(resolved, X86_64, unknown), number)
        arch = X32 if number & X32_BIT else X86_64
    if not _covered(resolved, arch, host):
        return Decision(FOREIGN, "foreign")
    return decide_in(filter_of(resolved, arch, unknown), number, args, wide=is_wide(arch))


def decide_in(loaded: Filter, number: int, args: Args, *, wide: bool) -> Decision:
    """As ``decide``, for one architecture's part of a profile."""
    if loaded.last is not None and number > loaded.last:
        return Decision(UNKNOWN, "unknown")
    for case in loaded.cases.get(number, ()):
        if all(holds(condition, args, wide=wide) for condition in case.conditions):
            return Decision(case.verdict, "rule", case.rule)
    return Decision(loaded.default, "default")


def number_of(arch: Arch, call: int | Syscall) -> int:
    """The number of a call.

    Raises:
        UsageError: the architecture has none of that name.
    """
    if isinstance(call, int):
        return call
    number = table(arch).get(call)
    if number is None:
        raise UsageError(f"{call} is no system call of {arch}", hint="see what there is: pytrust profile simulate")
    return number


def boundaries(resolved: Resolved, call: Syscall) -> dict[int, frozenset[int]]:
    """For each argument that rules for a call look at: values just below, at and just above what they compare with.

    Halves of 32 bits vary alone, and so does each bit of a mask; the smallest and the largest value are there, too.
    """
    found: dict[int, set[int]] = {}
    for rule in resolved.rules:
        if call in rule.names:
            for arg in rule.args:
                found.setdefault(arg.index, {0, U64_MAX}).update(around(arg))
    return {index: frozenset(values) for index, values in found.items()}


def around(arg: Arg) -> Iterator[int]:
    """Values at which a condition changes its mind, and their neighbours."""
    if arg.op is Op.MASKED_EQ:
        meant = arg.second & arg.value
        yield from (meant, meant | ~arg.value & U64_MAX, arg.second)
        yield from (meant ^ 1 << bit for bit in range(64) if arg.value >> bit & 1)
        return
    for step in (-1, 0, 1, -_UPPER, _UPPER, _UPPER - 1, -_UPPER + 1):
        yield (arg.value + step) & U64_MAX
    yield arg.value & (_UPPER - 1)
    yield arg.value ^ 1 << 63


def probes(values: dict[int, frozenset[int]]) -> Iterator[Args]:
    """Arguments to try: every combination, as far as SECCOMP_PROBES_MAX goes."""
    columns = [sorted(values.get(index, (0,))) for index in range(6)]
    a, b, c, d, e, f = columns
    yield from islice(product(a, b, c, d, e, f), SECCOMP_PROBES_MAX)


def _beyond(loaded: Filter, number: int) -> Decision:
    """Of x86-64, where calls of x32 are not named: libseccomp refuses every number from its bit on."""
    if number == _SKIPPED:
        return Decision(loaded.default, "default")
    if loaded.last is not None and not number & X32_BIT:
        return Decision(UNKNOWN, "unknown")
    return Decision(FOREIGN, "foreign")


def _covered(resolved: Resolved, arch: Arch, host: Arch | None) -> bool:
    return arch in resolved.architectures or arch == host or (host is None and not resolved.architectures)
