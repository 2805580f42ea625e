"""Every call of every architecture, with arguments around the values that rules compare with. Pure.

With a program (``compile``), each verdict is also asked of the program: where the two differ, libseccomp did not make
what the rules mean. That happens: libseccomp 2.5.4 forgets to load a word again where rules with ``LT`` and ``GT``, or
with several arguments, follow one another, and loses an architecture whose first rule is for a call that it lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import NamedTuple

from pytrust.policy.profiles.model import U64_MAX, Resolved
from pytrust.policy.profiles.names import Arch, Syscall
from pytrust.policy.profiles.seccomp.bpf import Program, run, words_of
from pytrust.policy.profiles.seccomp.evaluate import NO_ARGS, Args, around, decide_in
from pytrust.policy.profiles.seccomp.runc import Case, filter_of
from pytrust.policy.profiles.seccomp.syscalls import KNOWN_ARCHES, is_wide, names, table
from pytrust.policy.profiles.seccomp.verdict import Verdict
from pytrust.trust.limits import SECCOMP_DIFFERENCES_MAX, SECCOMP_PROBES_MAX


class Row(NamedTuple):
    """A call, and what becomes of it: several verdicts where arguments decide.

    ``name`` is empty for a number without a call. ``cut``: there were more arguments to try than are tried.
    """

    arch: Arch
    number: int
    name: Syscall
    verdicts: tuple[Verdict, ...]
    cut: bool = False


class Difference(NamedTuple):
    """Arguments for which the program does not do what the rules mean."""

    arch: Arch
    number: int
    name: Syscall
    args: Args
    meaning: Verdict
    program: Verdict


class Simulation(NamedTuple):
    """What was found; of the differences, the first SECCOMP_DIFFERENCES_MAX."""

    rows: tuple[Row, ...]
    probes: int
    differences: tuple[Difference, ...]


def simulate(
    resolved: Resolved, host: Arch, program: Program | None = None, unknown: frozenset[Syscall] = frozenset()
) -> Simulation:
    """Try everything on ``host`` and the architectures that the profile names beside it, as far as we know their calls.

    ``unknown`` are names that the host's libseccomp does not know.

    Raises:
        BadContent: runc refuses the profile.
        UsageError: the calls of the host are not known.
    """
    table(host)
    rows: list[Row] = []
    differences: list[Difference] = []
    count = 0
    for arch in dict.fromkeys((host, *filter(KNOWN_ARCHES.__contains__, resolved.architectures))):
        loaded, wide, called = filter_of(resolved, arch, unknown), is_wide(arch), names(arch)
        for number in _numbers(arch):
            tried, cut = _arguments(loaded.cases.get(number, ()))
            verdicts = [decide_in(loaded, number, args, wide=wide).verdict for args in tried]
            row = Row(arch, number, called.get(number, Syscall("")), tuple(dict.fromkeys(verdicts)), cut)
            rows.append(row)
            count += len(tried)
            if program is not None:
                differences += _differences(row, zip(tried, verdicts, strict=True), program)
    return Simulation(tuple(rows), count, tuple(differences[:SECCOMP_DIFFERENCES_MAX]))


def _differences(row: Row, meant: Iterable[tuple[Args, Verdict]], program: Program) -> Iterator[Difference]:
    for args, meaning in meant:
        found = run(program, words_of(row.arch, row.number, args))
        if found != meaning:
            yield Difference(row.arch, row.number, row.name, args, meaning, found)


def _numbers(arch: Arch) -> Iterator[int]:
    """All that have a name, and two beyond the last."""
    numbers = sorted(names(arch))
    yield from numbers
    yield from (numbers[-1] + 1, numbers[-1] + 100)


def _arguments(cases: tuple[Case, ...]) -> tuple[list[Args], bool]:
    if not any(case.conditions for case in cases):
        return [NO_ARGS], False
    values: dict[int, set[int]] = {}
    for case in cases:
        for arg in case.conditions:
            values.setdefault(arg.index, {0, U64_MAX}).update(around(arg))
    a, b, c, d, e, f = (sorted(values.get(index, (0,))) for index in range(6))
    tried = list(islice(product(a, b, c, d, e, f), SECCOMP_PROBES_MAX + 1))
    return tried[:SECCOMP_PROBES_MAX], len(tried) > SECCOMP_PROBES_MAX
