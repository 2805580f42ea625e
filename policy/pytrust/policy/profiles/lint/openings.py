"""What a profile says of calls on each architecture that its host runs, made once for all who ask. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pytrust.policy.profiles.compare.answers import Answers, answers
from pytrust.policy.profiles.compare.calls import opens
from pytrust.policy.profiles.compare.diff import family
from pytrust.policy.profiles.compare.regions import Budget
from pytrust.policy.profiles.model import Profile, Resolved
from pytrust.policy.profiles.names import Arch, Syscall
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.runc import Filter, filter_of
from pytrust.policy.profiles.seccomp.syscalls import arch_of, is_wide, table
from pytrust.trust.limits import PROFILE_WORK_MAX


class Openings(NamedTuple):
    """The filters that a container's programs meet."""

    resolved: Resolved
    filters: dict[Arch, Filter]
    budget: Budget

    def said(self, name: Syscall) -> dict[Arch, Answers]:
        """What is said of a call, where there is one."""
        return {
            arch: answers(loaded, table(arch)[name]) for arch, loaded in self.filters.items() if name in table(arch)
        }

    def wide(self) -> tuple[Arch, ...]:
        """Architectures whose arguments have 64 bits."""
        return tuple(filter(is_wide, self.filters))

    def where(self, name: Syscall, fits: Callable[[Answers, bool], bool] | None = None) -> tuple[Arch, ...]:
        """Architectures on which a call is let through, with some arguments; or on which ``fits`` says so."""
        found = self.said(name).items()
        if fits is not None:
            return tuple(arch for arch, said in found if fits(said, is_wide(arch)))
        return tuple(arch for arch, said in found if opens(said, self.budget, wide=is_wide(arch)))


def openings(profile: Profile, host: Host) -> Openings:
    """What becomes of calls in a container with ``profile``.

    Raises:
        UsageError: the host's calls are not known.
        BadContent: runc refuses the profile.
    """
    native = arch_of(host.arch)
    resolved = resolve(profile.seccomp, host._replace(capabilities=frozenset(profile.capabilities)))
    known = [arch for arch in family(native) if arch == native or arch in resolved.architectures]
    filters = {arch: filter_of(resolved, arch) for arch in known}
    return Openings(resolved, filters, Budget(PROFILE_WORK_MAX))
