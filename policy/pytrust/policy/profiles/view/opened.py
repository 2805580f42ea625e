"""Which calls get through, as runc and libseccomp read a profile. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from pytrust.policy.profiles.model import Arg, Resolved
from pytrust.policy.profiles.names import Action, Arch, Syscall
from pytrust.policy.profiles.seccomp.runc import Case, Filter, filter_of
from pytrust.policy.profiles.seccomp.syscalls import names

OPENS: Final = frozenset({Action.ALLOW, Action.LOG, Action.NOTIFY, Action.TRACE})
"""Actions by which a call may get through."""


class Opened(NamedTuple):
    """One call that gets through, by ``actions``: where one of ``cases`` holds, or, with ``but``, where none does."""

    actions: frozenset[Action]
    cases: tuple[tuple[Arg, ...], ...] = ()
    but: bool = False


def opened(resolved: Resolved, arch: Arch) -> Mapping[Syscall, Opened]:
    """Every call of an architecture that gets through with some arguments at least, by name.

    Raises:
        BadContent: runc refuses the profile.
        UsageError: an architecture whose calls we do not know.
    """
    loaded = filter_of(resolved, arch)
    return dict(sorted(_opened(loaded, arch)))


def _opened(loaded: Filter, arch: Arch) -> Iterator[tuple[Syscall, Opened]]:
    for number, name in names(arch).items():
        found = _of(loaded, loaded.cases.get(number, ()))
        if found.actions:
            yield name, found


def _of(loaded: Filter, cases: Sequence[Case]) -> Opened:
    """No actions where it does not get through at all."""
    lets = [case for case in cases if case.verdict.action in OPENS]
    actions = frozenset(case.verdict.action for case in lets)
    if any(not case.conditions for case in cases):
        return Opened(actions)
    if loaded.default.action in OPENS:
        shut = tuple(case.conditions for case in cases if case not in lets)
        return Opened(actions | {loaded.default.action}, shut, but=bool(shut))
    return Opened(actions, tuple(case.conditions for case in lets))
