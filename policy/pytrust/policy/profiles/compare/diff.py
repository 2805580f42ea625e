"""How two profiles differ in meaning. Pure.

Both are resolved for one host, and the answers to every call of every architecture that the host's kernel has are
compared, over all regions of arguments that conditions of either side make (``regions`` says why none is missed).
Rules in another order, split or joined, are no difference. A call that libseccomp may know and we do not counts as
wider, unless both sides say the same of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pytrust.policy.profiles.compare.calls import Found, compared, open_calls
from pytrust.policy.profiles.compare.confinement import confinement
from pytrust.policy.profiles.compare.difference import (
    Change,
    Difference,
    in_words,
    joined,
    openness,
    placed,
    short,
    shown,
)
from pytrust.policy.profiles.compare.plain import doubtful
from pytrust.policy.profiles.compare.regions import Budget
from pytrust.policy.profiles.compare.strangers import strangers
from pytrust.policy.profiles.model import Profile, Resolved, Seccomp
from pytrust.policy.profiles.names import AARCH64, X86_64, Action, Arch, Capability
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.runc import Filter, filter_of
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X86, arch_of
from pytrust.policy.profiles.seccomp.verdict import FOREIGN, Verdict
from pytrust.trust.errors import PytrustError, UsageError
from pytrust.trust.limits import PROFILE_PHRASES_MAX, PROFILE_RULES_MAX, PROFILE_WORK_MAX

__all__ = ["Change", "Difference", "diff", "seccomp_difference", "seccomp_widened"]

_FAMILIES: Final[Mapping[Arch, tuple[Arch, ...]]] = {
    X86_64: (X86_64, X86, X32),
    X86: (X86, X86_64, X32),
    AARCH64: (AARCH64, ARM),
    ARM: (ARM, AARCH64),
}
"""Architectures whose programs one kernel runs; a filter's others never matter."""

_SPEC_ALLOW: Final = "SECCOMP_FILTER_FLAG_SPEC_ALLOW"


def diff(before: Profile, after: Profile, host: Host) -> Difference:
    """How ``after`` differs from ``before``; each is resolved with its own capabilities, not the host's.

    Raises:
        UsageError: an architecture whose calls we do not know.
        BadContent: runc refuses one of them.
    """
    ours, theirs = (host._replace(capabilities=frozenset(one.capabilities)) for one in (before, after))
    seccomp = _resolved_difference(resolve(before.seccomp, ours), resolve(after.seccomp, theirs), host)
    return joined(seccomp, confinement(before, after))


def seccomp_difference(
    before: Seccomp, after: Seccomp, host: Host, left: frozenset[Capability] | None = None
) -> Difference:
    """As ``diff``, of seccomp files for containers with the host's capabilities; under ``after`` those ``left``, if so.

    Raises:
        UsageError, BadContent: as for ``diff``.
    """
    return _resolved_difference(*_both(before, after, host, left), host)


def seccomp_widened(
    allowed: Seccomp, asked: Seccomp, host: Host, left: frozenset[Capability] | None = None
) -> tuple[str, ...]:
    """What ``asked`` lets through and ``allowed`` does not, one phrase each; what cannot be compared is such a thing.

    So are conditions of its own of which libseccomp may make another program than they say (``plain``): ``diff``
    compares meanings, and here somebody may have written a filter for libseccomp's faults. ``left`` as for
    ``seccomp_difference``. Never raises, and takes less than 0.3 s, whoever wrote ``asked``.
    """
    if allowed == asked and left in {None, host.capabilities}:
        return ()
    try:
        before, after = _both(allowed, asked, host, left)
        changes = _resolved_difference(before, after, host).widened
        doubts = _doubts(before, after, arch_of(host.arch)) if before != after else ()
    except (PytrustError, ValueError) as error:  # the latter from numbers of kernels that are none
        return (f"what cannot be compared: {shown(str(error))}",)
    phrases = (*map(str, changes), *(f"{name} (conditions that libseccomp may not do as they say)" for name in doubts))
    told = phrases[:PROFILE_PHRASES_MAX]
    return told if len(phrases) <= len(told) else (*told, f"{len(phrases) - len(told)} more")


def _both(before: Seccomp, after: Seccomp, host: Host, left: frozenset[Capability] | None) -> tuple[Resolved, Resolved]:
    there = host if left is None else host._replace(capabilities=left)
    return resolve(before, host), resolve(after, there)


def _doubts(before: Resolved, after: Resolved, native: Arch) -> tuple[str, ...]:
    """Calls whose conditions are others than those of ``before``, and of a kind that is not sure.

    Where a file lets through what it does not name, a refusal that libseccomp loses opens a call: it loses those of
    ``semop`` on 32-bit x86. Such a file is believed where it has the very same rules.
    """
    found: dict[str, None] = {}
    if openness(after.default) and before.rules != after.rules:
        found["every call that it does not refuse"] = None
    for arch in family(native):
        ours, theirs = (_filter(one, arch, native) for one in (before, after))
        if theirs is not None:
            found |= dict.fromkeys(doubtful(ours or Filter(FOREIGN, {}, None), theirs, arch))
    return tuple(found)


def family(native: Arch) -> tuple[Arch, ...]:
    """Architectures whose programs a host runs, its own first.

    Raises:
        UsageError: their calls are not known.
    """
    if native not in _FAMILIES:
        raise UsageError(f"the calls of {native} are not known here, so filters for it cannot be looked at")
    return _FAMILIES[native]


def _resolved_difference(before: Resolved, after: Resolved, host: Host) -> Difference:
    if before == after:
        return Difference()
    for one in (before, after):
        _bounded(one)
    return joined(_calls(before, after, arch_of(host.arch)), *_settings(before, after))


def _bounded(resolved: Resolved) -> None:
    size = sum((len(rule.names) + 1) * (len(rule.args) + 1) for rule in resolved.rules)
    if size > PROFILE_RULES_MAX:
        raise UsageError(
            f"a seccomp file with {size} calls and conditions is too large to compare, {PROFILE_RULES_MAX} are not",
            hint="name a call once",
        )


def _calls(before: Resolved, after: Resolved, native: Arch) -> Difference:
    """The same difference on several architectures is told once."""
    places: dict[Found, list[Arch]] = {}
    budget = Budget(PROFILE_WORK_MAX)
    for arch in family(native):
        for found in _on(arch, before, after, native, budget):
            places.setdefault(found, []).append(arch)
    for found in strangers(before, after, budget):
        places[found._replace(everywhere=True)] = []
    return joined(*(_told(found, arches, native) for found, arches in places.items()))


def _on(arch: Arch, before: Resolved, after: Resolved, native: Arch, budget: Budget) -> Iterator[Found]:
    ours, theirs = (_filter(one, arch, native) for one in (before, after))
    if ours is not None and theirs is not None:
        yield from compared(ours, theirs, arch, budget)
    elif ours is not None or theirs is not None:
        yield from _foreign(arch, ours, theirs, budget)


def _filter(resolved: Resolved, arch: Arch, native: Arch) -> Filter | None:
    """None where the filter does not know the architecture: its programs are killed.

    Filters of strangers are not kept in the cache of those that are used.
    """
    known = arch == native or arch in resolved.architectures
    return filter_of.__wrapped__(resolved, arch) if known else None


def _foreign(arch: Arch, ours: Filter | None, theirs: Filter | None, budget: Budget) -> Iterator[Found]:
    """One filter kills every program of an architecture, the other looks at its calls."""
    loaded = ours or theirs
    if loaded is None:
        return
    count = open_calls(loaded, arch, budget)
    some = Verdict(Action.ALLOW) if count else loaded.default
    before, after = (FOREIGN, some) if ours is None else (some, FOREIGN)
    if before != after:
        yield Found(f"{count or 'all'} calls of {short(arch)} programs", before, after, everywhere=True)


def _told(found: Found, arches: list[Arch], native: Arch) -> Difference:
    where = "" if native in arches or found.everywhere else f" ({', '.join(map(short, arches))})"
    subject = f"{found.subject}{where}"
    if found.before is None or found.after is None:
        return Difference(widened=(Change(subject, "a few", "too many conditions to compare"),))
    change = Change(subject, in_words(found.before), in_words(found.after))
    return placed(change, openness(found.before.action), openness(found.after.action))


def _settings(before: Resolved, after: Resolved) -> Iterator[Difference]:
    """What is loaded with the filter. Whoever listens may let through what is asked of him."""
    if (before.listener_path, before.listener_metadata) != (after.listener_path, after.listener_metadata):
        change = Change("listener", *(shown(one.listener_path or "none") for one in (before, after)))
        yield Difference(widened=(change,)) if after.listener_path else Difference(narrowed=(change,))
    for flag in sorted({*before.flags} ^ {*after.flags}):
        change = Change(f"flag {shown(flag)}", *(("off", "on") if flag in after.flags else ("on", "off")))
        more = flag == _SPEC_ALLOW
        yield placed(change, more and flag in before.flags, more and flag in after.flags)
