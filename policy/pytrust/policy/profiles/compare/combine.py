"""Two profiles as one: what either lets through (merge), or what both do (intersect). Pure.

Both are resolved for one host, each with its own capabilities, so that the result has no conditions left. ``merge`` is
never narrower than either side and ``intersect`` never wider; where no profile says exactly what is asked for, it is
wider or narrower than it had to be, and ``inexact`` says where. Of two refusals the kernel's order decides (the more
restrictive in an intersection), and ENOSYS stands before other errors, since C libraries know what to do then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar

from pytrust.policy.profiles.compare.combine_calls import Pick, combined_calls
from pytrust.policy.profiles.compare.combine_x86 import mended
from pytrust.policy.profiles.compare.confinement import covered_networks, covered_rules, might
from pytrust.policy.profiles.compare.difference import ORDER, short
from pytrust.policy.profiles.compare.single import default_of, errno_of
from pytrust.policy.profiles.model import AppArmor, Evidence, Profile, Resolved, Seccomp
from pytrust.policy.profiles.names import Action, Arch, Capability, Syscall
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import X86, arch_of
from pytrust.policy.profiles.seccomp.verdict import ENOSYS, Verdict
from pytrust.trust.errors import UsageError

_SPEC_ALLOW: Final = "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
_NAME_MAX: Final = 512
Thing = TypeVar("Thing")


class Combined(NamedTuple):
    """A profile, and what it does not say exactly, a phrase each."""

    profile: Profile
    inexact: tuple[str, ...]


def merge(one: Profile, other: Profile, host: Host) -> Combined:
    """What either lets through.

    Raises:
        UsageError: each has a listener of its own, or the host's calls are not known.
        BadContent: runc refuses one of them.
    """
    ours, theirs = _resolved(one, host), _resolved(other, host)
    arches = _united(_arches(ours, host), _arches(theirs, host))
    seccomp, inexact = _seccomp(ours, theirs, _more, arches)
    lone = sorted(set(_arches(ours, host)) ^ set(_arches(theirs, host)))
    said = tuple(f"{short(arch)}: what either lets through elsewhere is let through there, too" for arch in lone)
    profile = Profile(
        name=_name(one, other),
        seccomp=seccomp,
        capabilities=tuple(sorted({*one.capabilities, *other.capabilities})),
        no_new_privileges=one.no_new_privileges and other.no_new_privileges,
        read_only=one.read_only and other.read_only,
        user=_user(one.user, other.user, max, ""),
        apparmor=_merged_apparmor(one.apparmor, other.apparmor),
        evidence=_united(one.evidence, other.evidence),
        recordings=_united(one.recordings, other.recordings),
    )
    return Combined(profile, (*said, *(f"{name}: let through whole" for name in inexact)))


def intersect(one: Profile, other: Profile, host: Host) -> Combined:
    """What both let through.

    Raises:
        UsageError, BadContent: as for ``merge``.
    """
    ours, theirs = _resolved(one, host), _resolved(other, host)
    arches = tuple(arch for arch in _arches(ours, host) if arch in _arches(theirs, host))
    seccomp, inexact = _seccomp(ours, theirs, _less, arches)
    kept = {*one.capabilities} & {*other.capabilities}
    apparmor, lost = _intersected_apparmor(one.apparmor, other.apparmor)
    profile = Profile(
        name=_name(one, other),
        seccomp=seccomp,
        capabilities=tuple(sorted(kept)),
        no_new_privileges=one.no_new_privileges or other.no_new_privileges,
        read_only=one.read_only or other.read_only,
        user=_user(one.user, other.user, min, min(one.user, other.user)),
        apparmor=apparmor,
        evidence=_still(_united(one.evidence, other.evidence), seccomp, kept),
        recordings=_united(one.recordings, other.recordings),
    )
    return Combined(profile, (*(f"{name}: not let through at all" for name in inexact), *lost))


def _more(one: Verdict, other: Verdict) -> Verdict:
    return max(one, other, key=lambda verdict: (ORDER.index(verdict.action), *_error(verdict)))


def _less(one: Verdict, other: Verdict) -> Verdict:
    return min(one, other, key=lambda verdict: (ORDER.index(verdict.action), *(-part for part in _error(verdict))))


def _error(verdict: Verdict) -> tuple[int, int]:
    """ENOSYS first, then the lower number."""
    return int(verdict.errno == ENOSYS), -verdict.errno


def _resolved(profile: Profile, host: Host) -> Resolved:
    return resolve(profile.seccomp, host._replace(capabilities=frozenset(profile.capabilities)))


def _arches(resolved: Resolved, host: Host) -> tuple[Arch, ...]:
    """The host's own is always known."""
    return _united((arch_of(host.arch),), resolved.architectures)


def _seccomp(ours: Resolved, theirs: Resolved, pick: Pick, arches: tuple[Arch, ...]) -> tuple[Seccomp, tuple[str, ...]]:
    ours, theirs = sorted((ours, theirs), key=repr)  # the same, whichever is named first
    default, more, sides = pick(default_of(ours), default_of(theirs)), pick is _more, (ours, theirs)
    calls = combined_calls(ours, theirs, pick)
    idle: tuple[Syscall, ...] = ()
    if X86 in arches:
        calls, idle = mended(calls, sides, default, more=more)
    path, metadata = _listener(ours, theirs)
    seccomp = Seccomp(
        default=default.action,
        default_errno=errno_of(default),
        architectures=arches,
        flags=_flags(ours.flags, theirs.flags, both=not more),
        listener_path=path,
        listener_metadata=metadata,
        rules=ours.rules if ours == theirs else calls.rules(default, idle),
    )
    return seccomp, () if ours == theirs else calls.inexact


def _flags(ours: Iterable[str], theirs: Iterable[str], *, both: bool) -> tuple[str, ...]:
    """Either's, but for the one that switches a protection off."""
    off = {_SPEC_ALLOW} if both and not {*ours} & {*theirs} & {_SPEC_ALLOW} else set[str]()
    return tuple(sorted({*ours, *theirs} - off))


def _listener(ours: Resolved, theirs: Resolved) -> tuple[str, str]:
    found = {(one.listener_path, one.listener_metadata) for one in (ours, theirs) if one.listener_path}
    if len(found) > 1:
        raise UsageError("each of the two profiles asks a listener of its own", hint="take listenerPath out of one")
    return next(iter(found), ("", ""))


def _user(one: str, other: str, choose: Callable[[int, int], int], tie: str) -> str:
    if one == other:
        return one
    mine, yours = might(one), might(other)
    if mine == yours:
        return tie
    return one if choose(mine, yours) == mine else other


def _name(one: Profile, other: Profile) -> str:
    return "+".join(dict.fromkeys(filter(None, (one.name, other.name))))[:_NAME_MAX]


def _united(one: Iterable[Thing], other: Iterable[Thing]) -> tuple[Thing, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys((*one, *other)))


def _merged_apparmor(one: AppArmor | None, other: AppArmor | None) -> AppArmor | None:
    """Docker's own profile allows every file and network."""
    if one is None or other is None:
        return None
    return AppArmor(files=_united(one.files, other.files), networks=_united(one.networks, other.networks))


def _intersected_apparmor(one: AppArmor | None, other: AppArmor | None) -> tuple[AppArmor | None, tuple[str, ...]]:
    """Rules of each side as far as the other's cover them."""
    if one is None or other is None:
        return one or other, ()
    files = _united(covered_rules(one, other), covered_rules(other, one))
    networks = _united(covered_networks(one, other), covered_networks(other, one))
    paths = {rule.path for rule in files}
    lost = sorted({rule.path for rule in (*one.files, *other.files)} - paths)
    said = tuple(f"files {path}: not covered by the other side's rules, left out" for path in lost)
    return AppArmor(files=files, networks=networks), said


def _still(evidence: Iterable[Evidence], seccomp: Seccomp, capabilities: set[Capability]) -> tuple[Evidence, ...]:
    """Evidence for what is open yet."""
    refusing = seccomp.default not in {Action.ALLOW, Action.LOG}
    names = {name for rule in seccomp.rules for name in rule.names}

    def is_open(subject: str) -> bool:
        kind, _, rest = subject.partition(":")
        if kind in {"syscall", "argument"}:
            return not refusing or rest.partition(":")[0] in names
        return kind != "capability" or rest in capabilities

    return tuple(one for one in evidence if is_open(one.subject))
