"""The narrowest extension of a profile that lets through what was refused. Pure.

What a filter cannot tell apart is not opened whole: ``clone`` keeps its mask of namespaces, ``clone3`` is answered with
ENOSYS so that ``clone`` is taken, and a socket's family may be named (``socket:AF_INET6``). Where the family is not
known, Docker's own limits hold.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from pytrust.policy.observe.denials_argument import argument_number, argument_words
from pytrust.policy.observe.denials_model import Denial
from pytrust.policy.profiles.arguments import CLONE, CLONE3, LIMITED, clone_rule, limited_rules
from pytrust.policy.profiles.compare.strangers import known_names
from pytrust.policy.profiles.dangerous import BY_ARGUMENT, CALLS
from pytrust.policy.profiles.floor import LETS_THROUGH
from pytrust.policy.profiles.model import Evidence, Profile, Rule, Why
from pytrust.policy.profiles.names import Action, Arch, Capability, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seen import Argument
from pytrust.policy.profiles.view.dangers import words
from pytrust.trust.errors import UsageError

_NOTE_MAX: Final = 400


class Opening(NamedTuple):
    """A call to let through, with one ``argument`` only where that is a word of a table, and why."""

    call: Syscall
    argument: str = ""
    why: Why = Why.GIVEN
    times: int = 0
    note: str = ""

    @property
    def subject(self) -> str:
        """As evidence names it."""
        return f"argument:{self.call}:{self.argument}" if self.argument else f"syscall:{self.call}"


def parse_opening(text: str) -> Opening:
    """Read ``openat``, ``socket:AF_INET6`` or ``clone:CLONE_NEWUSER``.

    Raises:
        UsageError: there is no such call, or it has no such argument.
    """
    name, colon, argument = text.partition(":")
    call = Syscall(name)
    if call not in known_names():
        near = difflib.get_close_matches(name, known_names(), 1)
        raise UsageError(f"{name[:60]!r} is no system call", hint=f"do you mean {near[0]}?" if near else "")
    known = argument_words(call)
    if colon and argument_number(call, argument) is None:
        hint = f"one of {', '.join(known)}" if known else "let it through whole, or take a call that can be limited"
        raise UsageError(f"{call} cannot be limited to {argument[:60]!r}", hint=hint)
    return Opening(call, argument)


def openings(denials: Iterable[Denial]) -> tuple[Opening, ...]:
    """What denials ask for, a call each: how often the profile refused it, and to whom."""
    by_call: dict[tuple[Syscall, str], list[Denial]] = {}
    for denial in denials:
        if not denial.capability:
            by_call.setdefault((denial.syscall, denial.argument), []).append(denial)
    return tuple(_opening(call, argument, several) for (call, argument), several in sorted(by_call.items()))


def wanted_capabilities(denials: Iterable[Denial]) -> tuple[Capability, ...]:
    """Those for want of which calls may have failed."""
    return tuple(sorted({Capability(denial.capability) for denial in denials if denial.capability}))


def with_capabilities(profile: Profile, wanted: Iterable[Capability]) -> Profile:
    """The profile with more capabilities, and the evidence that somebody gave them."""
    lacking = sorted(set(wanted) - set(profile.capabilities))
    evidence = (Evidence(subject=f"capability:{name}", why=Why.GIVEN) for name in lacking)
    held = tuple(sorted((*profile.capabilities, *lacking)))
    return replace(profile, capabilities=held, evidence=(*profile.evidence, *evidence)) if lacking else profile


def extended(profile: Profile, wanted: Sequence[Opening]) -> Profile:
    """The profile with more let through, and the evidence for it; the same where all of it is open already."""
    lacking = [opening for opening in wanted if not is_open(profile, opening)]
    if not lacking:
        return profile
    plain = sorted({opening.call for opening in lacking} - LIMITED)
    kept = (_without(rule, frozenset(plain)) for rule in profile.seccomp.rules)
    rules = (*(rule for rule in kept if rule), *([_allow(plain)] if plain else []), *_limited(lacking))
    evidence = (Evidence(subject=one.subject, why=one.why, count=one.times, note=one.note) for one in lacking)
    seccomp = replace(profile.seccomp, rules=tuple(dict.fromkeys(rules)))
    return replace(profile, seccomp=seccomp, evidence=(*profile.evidence, *evidence))


def is_open(profile: Profile, opening: Opening) -> bool:
    """Whether the profile lets that through already without a word, or, of ``clone3``, answers as it should."""
    rules = [rule for rule in profile.seccomp.rules if not (rule.includes.caps or rule.includes.min_kernel)]
    named = [rule for rule in rules if opening.call in rule.names]
    if any(rule.action is Action.ALLOW and not rule.args for rule in named):
        return True
    if opening.call in LIMITED:
        return all(rule in rules for rule in _limited([opening]))
    return profile.seccomp.default is Action.ALLOW and not named


def strangers(profile: Profile, denials: Iterable[Denial]) -> tuple[Arch, ...]:
    """Architectures whose programs were ended because the profile has none of their calls: nothing can be opened."""
    seccomp = profile.seccomp
    own = {*seccomp.architectures, *(arch for one in seccomp.arch_map for arch in (one.architecture, *one.also))}
    return tuple(sorted({denial.arch for denial in denials if own and denial.arch not in own}))


def dangers_of(opening: Opening) -> tuple[str, ...]:
    """Why it is dangerous to open it, a phrase each; of ``clone3`` nothing is opened."""
    by_word = BY_ARGUMENT.get(opening.call, {})
    asked = opening.argument.split("+")
    found = [f"{flag.name}: {words(danger)}" for flag, danger in by_word.items() if flag.name in asked]
    whole = CALLS.get(opening.call) if opening.call != CLONE3 else None
    return tuple([words(whole)] if whole else found)


def shut_by_docker(call: Syscall) -> bool:
    """Whether Docker's own profile refuses it to a container that has no more than Docker's capabilities."""
    return not any(call in rule.names and not rule.includes.caps for rule in _docker_allows())


def capabilities_for(call: Syscall) -> tuple[Capability, ...]:
    """The capabilities with any of which Docker lets it through; empty where it asks for none."""
    if not shut_by_docker(call):
        return ()
    return tuple(sorted({cap for rule in _docker_allows() if call in rule.names for cap in rule.includes.caps}))


def _docker_allows() -> Iterator[Rule]:
    return (rule for rule in docker_default().rules if rule.action in LETS_THROUGH)


def _allow(calls: Sequence[Syscall]) -> Rule:
    return Rule(names=tuple(calls), action=Action.ALLOW, comment="extended")


def _limited(wanted: Iterable[Opening]) -> Iterator[Rule]:
    for opening in wanted:
        number = argument_number(opening.call, opening.argument)
        if opening.call == CLONE:
            yield clone_rule(number or 0)
        elif opening.call in LIMITED:
            arguments = None if number is None else frozenset({Argument(opening.call, (number,))})
            yield from _rules_of(opening.call, arguments)


def _rules_of(call: Syscall, arguments: frozenset[Argument] | None) -> Iterator[Rule]:
    """The rule for ``clone3`` comes with every one, and is wanted with none but its own."""
    for rule in limited_rules([call], arguments):
        if call == CLONE3 or CLONE3 not in rule.names:
            yield rule


def _without(rule: Rule, names: frozenset[Syscall]) -> Rule | None:
    """A rule that refuses or notes, without ``names``; None where nothing is left of it."""
    if rule.action is Action.ALLOW or not names & set(rule.names):
        return rule
    left = tuple(name for name in rule.names if name not in names)
    return replace(rule, names=left) if left else None


def _opening(call: Syscall, argument: str, denials: Sequence[Denial]) -> Opening:
    programs = ", ".join(sorted({denial.program for denial in denials if denial.program}))
    containers = ", ".join(sorted({denial.name for denial in denials}))
    note = f"refused to {programs or 'a program'} in {containers}"[:_NOTE_MAX]
    shown = "".join(char if char.isprintable() else "?" for char in note)
    return Opening(call, argument, why=Why.RECORDED, times=sum(denial.count for denial in denials), note=shown)
