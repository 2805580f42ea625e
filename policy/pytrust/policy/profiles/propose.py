"""The least profile that lets through what was seen. Pure.

Open is what was recorded, and what stands in for it on another host; what the runtime needs below it differs from host
to host, and is joined when the profile is applied (``with_floor``). Everything that is open has its evidence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final, NamedTuple

from msgspec.structs import replace

from pytrust.policy.profiles.arguments import LIMITED, argument_evidence, clone_rule, limited_rules
from pytrust.policy.profiles.files_seen import apparmor_part, file_evidence
from pytrust.policy.profiles.floor import CLONE, refused
from pytrust.policy.profiles.model import (
    ArchMap,
    Evidence,
    Profile,
    Recording,
    Rule,
    Seccomp,
    Why,
)
from pytrust.policy.profiles.names import Action, Arch, Capability, Syscall
from pytrust.policy.profiles.seen import Seen
from pytrust.policy.profiles.siblings import siblings
from pytrust.trust.errors import UsageError

_NOTE_MAX: Final = 200  # of the names of programs, in one line
_NATIVE: Final = ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")
_CAPABILITY: Final = "capability:"


class Wanted(NamedTuple):
    """How the containers will run, besides what was seen; ``other_builds`` as of ``siblings``."""

    no_new_privileges: bool = True
    read_only: bool = False
    user: str = ""
    capabilities: tuple[Capability, ...] = ()
    other_builds: bool = False


def propose(
    name: str,
    seen: Sequence[Seen],
    wanted: Wanted,
    *,
    recordings: Sequence[Recording] = (),
    evidence: Sequence[Evidence] = (),
) -> Profile:
    """A profile for what any of the runs did; ``evidence`` is that of the capabilities.

    Raises:
        UsageError: there is nothing to propose from.
    """
    if not seen or not any(run.calls for run in seen):
        raise UsageError("nothing was seen: no program ran in the container", hint="look at its command and entrypoint")
    run = reduce(Seen.joined, seen)
    extra = siblings(run.names, other_builds=wanted.other_builds)
    return Profile(
        name=name,
        seccomp=_seccomp(run, run.names | extra.keys()),
        capabilities=tuple(sorted(wanted.capabilities)),
        no_new_privileges=wanted.no_new_privileges,
        read_only=wanted.read_only,
        user=wanted.user,
        apparmor=apparmor_part(run),
        evidence=(
            *_recorded(run),
            *(_standing(call, stands) for call, stands in sorted(extra.items()) if call not in LIMITED - {CLONE}),
            *argument_evidence(run.arguments),
            *file_evidence(run),
            *evidence,
            *_given(wanted.capabilities, evidence),
        ),
        recordings=tuple(recordings),
    )


def with_floor(profile: Profile, needed: Iterable[Syscall]) -> Profile:
    """The same with the runtime's calls let through, each with its evidence."""
    lacking = refused(profile.seccomp, needed)
    if not lacking:
        return profile
    kept = tuple(rule for rule in (_without(rule, lacking) for rule in profile.seccomp.rules) if rule is not None)
    plain = tuple(name for name in lacking if name != CLONE)
    rules = (
        *kept,
        *((Rule(names=plain, action=Action.ALLOW, comment="the runtime's floor"),) if plain else ()),
        *((clone_rule(),) if CLONE in lacking else ()),
    )
    why = (Evidence(subject=f"syscall:{name}", why=Why.FLOOR) for name in lacking)
    return replace(profile, seccomp=replace(profile.seccomp, rules=rules), evidence=(*profile.evidence, *why))


def with_static(profile: Profile, reachable: Iterable[Syscall], action: Action) -> Profile:
    """The same, with ``action`` for what the image's programs can reach and nobody saw; the rest stays refused."""
    grey = tuple(
        name for name in refused(profile.seccomp, set(reachable) - LIMITED) if not _named(profile.seccomp, name)
    )
    if not grey:
        return profile
    rule = Rule(names=grey, action=action, comment="reachable, not seen")
    why = (Evidence(subject=f"syscall:{name}", why=Why.STATIC) for name in grey)
    seccomp = replace(profile.seccomp, rules=(*profile.seccomp.rules, rule))
    return replace(profile, seccomp=seccomp, evidence=(*profile.evidence, *why))


def _seccomp(run: Seen, calls: Iterable[Syscall]) -> Seccomp:
    names = set(calls)
    plain = tuple(sorted(names - LIMITED))
    return Seccomp(
        default=Action.ERRNO,
        arch_map=tuple(_arch_maps(run.arches)),
        rules=(Rule(names=plain, action=Action.ALLOW), *limited_rules(names, run.arguments)),
    )


def _arch_maps(arches: frozenset[Arch]) -> Iterable[ArchMap]:
    """The native one, with those whose programs ran beside it: no other is let in."""
    native = next((Arch(name) for name in _NATIVE if name in arches), min(arches))
    yield ArchMap(architecture=native, also=tuple(sorted(arches - {native})))


def _recorded(run: Seen) -> Iterable[Evidence]:
    counts, programs = Counter[Syscall](), defaultdict[Syscall, set[str]](set)
    for (call, program), count in run.calls.items():
        counts[call] += count
        programs[call].add(program)
    for call in sorted(counts):
        note = _printable(", ".join(sorted(programs[call])))
        yield Evidence(subject=f"syscall:{call}", why=Why.RECORDED, count=counts[call], note=note)


def _printable(text: str) -> str:
    """Programs call themselves what they like."""
    return "".join(char if char.isprintable() else "?" for char in text)[:_NOTE_MAX]


def _standing(call: Syscall, stands: Syscall) -> Evidence:
    return Evidence(subject=f"syscall:{call}", why=Why.SIBLING, note=f"may stand in for {stands}")


def _given(capabilities: Iterable[Capability], evidence: Sequence[Evidence]) -> Iterable[Evidence]:
    """Capabilities that nobody proved were given by somebody."""
    told = {line.subject for line in evidence}
    subjects = (f"{_CAPABILITY}{name}" for name in sorted(capabilities))
    return (Evidence(subject=subject, why=Why.GIVEN) for subject in subjects if subject not in told)


def _without(rule: Rule, names: Sequence[Syscall]) -> Rule | None:
    """A rule that refuses, without ``names``; None where nothing is left of it."""
    if rule.action is Action.ALLOW or not set(rule.names) & set(names):
        return rule
    left = tuple(name for name in rule.names if name not in names)
    return replace(rule, names=left) if left else None


def _named(seccomp: Seccomp, name: Syscall) -> bool:
    return any(name in rule.names for rule in seccomp.rules)
