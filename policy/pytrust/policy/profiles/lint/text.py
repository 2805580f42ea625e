"""What is wrong with the rules as they are written, each by itself and beside the others. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from pytrust.policy.profiles.compare.regions import Budget, values
from pytrust.policy.profiles.compare.strangers import known_names
from pytrust.policy.profiles.lint.finding import Code, Finding, error, warning
from pytrust.policy.profiles.lint.parameters import POINTERS
from pytrust.policy.profiles.model import Arg, Condition, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Op, Syscall
from pytrust.policy.profiles.seccomp.runc import holds
from pytrust.policy.profiles.seccomp.verdict import verdict_of
from pytrust.trust.limits import PROFILE_WORK_MAX

_ALWAYS: Final = Condition()
_NAMES_TOLD: Final = 3
_WITH_ERRNO: Final = frozenset({Action.ERRNO, Action.TRACE})


def rules_as_written(profile: Profile) -> Iterator[Finding]:
    """Rule by rule."""
    for number, rule in enumerate(profile.seccomp.rules, 1):
        place = place_of(number, rule)
        yield from _names(rule, place)
        yield from _action(rule, place)
        yield from _arguments(rule, place)
        yield from _capabilities(rule, profile, place)
    yield from _beside(profile.seccomp)


def place_of(number: int, rule: Rule) -> str:
    """``rule 3 (socket)``."""
    names = ", ".join(rule.names[:_NAMES_TOLD])
    return f"rule {number} ({names}{', ...' if len(rule.names) > _NAMES_TOLD else ''})"


def _names(rule: Rule, place: str) -> Iterator[Finding]:
    for name in sorted({*rule.names} - known_names()):
        near = get_close_matches(name[:64], known_names(), 1)
        hint = f"did you mean {near[0]}" if near else "leave it out, unless a later kernel has it"
        yield error(Code.NAME_UNKNOWN, place, f"{name} is no system call: the runtime drops it without a word", hint)


def _action(rule: Rule, place: str) -> Iterator[Finding]:
    if rule.errno is not None and rule.action not in _WITH_ERRNO:
        yield warning(Code.ERRNO_IDLE, place, f"{rule.action} has no error to return", "leave errnoRet out")
    if rule.action is Action.ERRNO and rule.errno == 0:
        text = "error 0 tells the program that it worked, though nothing was done"
        yield warning(Code.ERRNO_ZERO, place, text, "return 1 (EPERM) or 38 (ENOSYS)")
    if rule.action is Action.NOTIFY and "write" in rule.names:
        yield error(Code.NOTIFY_REFUSED, place, "runc refuses to notify of write", "take write out of the rule")


def _arguments(rule: Rule, place: str) -> Iterator[Finding]:
    twice = [index for index, count in Counter(arg.index for arg in rule.args).items() if count > 1]
    if twice:
        text = f"two conditions on argument {twice[0]}: the runtime makes a rule of each, so that one of them is enough"
        yield error(Code.OR_SPLIT, place, text, "write rules of their own, or single values")
    for arg in dict.fromkeys(rule.args):
        yield from _pointers(rule, arg, place)
        yield from _condition(arg, place)


def _pointers(rule: Rule, arg: Arg, place: str) -> Iterator[Finding]:
    for name in rule.names:
        null = arg.op in {Op.EQ, Op.NE} and arg.value == 0
        if arg.index in POINTERS.get(name, ()) and not null:
            text = f"argument {arg.index} of {name} is an address: the filter sees no further, and a program chooses it"
            yield error(Code.POINTER, place, text, "leave the condition out, or refuse the call")


def _condition(arg: Arg, place: str) -> Iterator[Finding]:
    which = f"the condition on argument {arg.index}"
    if arg.op is Op.MASKED_EQ and arg.second & ~arg.value:
        text = f"{which} asks for bits outside its mask, {arg.second & ~arg.value:#x}: they are not looked at"
        yield warning(Code.MASK_OUTSIDE, place, text, "value is the mask, valueTwo what must remain")
    if arg.op is Op.MASKED_EQ and not arg.value:
        yield error(Code.MASK_EMPTY, place, f"{which} has no bit in its mask, and always holds", "give a mask")
        return
    truths = {holds(arg, (value,) * 6, wide=True) for value in values([arg], 64, Budget(PROFILE_WORK_MAX)) or ()}
    if truths == {False}:
        yield error(Code.NEVER, place, f"{which} never holds: no number is so", "see its value and operator")
    if truths == {True}:
        yield warning(Code.ALWAYS, place, f"{which} always holds", "leave it out")


def _capabilities(rule: Rule, profile: Profile, place: str) -> Iterator[Finding]:
    if absent := sorted({*rule.includes.caps} - {*profile.capabilities}):
        text = f"is for containers with {', '.join(absent)}, which this profile drops"
        yield warning(Code.CAPABILITY_ABSENT, place, text, "leave the rule out, or keep the capability")


def _beside(seccomp: Seccomp) -> Iterator[Finding]:
    """Rules that others make useless. Conditions of Docker's keep rules apart: only unconditional ones are compared."""
    seen: dict[Syscall, list[tuple[int, Rule]]] = {}
    default = verdict_of(seccomp.default, seccomp.default_errno)
    for number, rule in enumerate(seccomp.rules, 1):
        if (rule.includes, rule.excludes) != (_ALWAYS, _ALWAYS):
            continue
        if verdict_of(rule.action, rule.errno) == default:
            text = "does what the default does: the runtime drops it"
            yield warning(Code.SAME_AS_DEFAULT, place_of(number, rule), text, "leave it out")
            continue
        for name in rule.names:
            yield from _one_beside(name, number, rule, seen.setdefault(name, []))
            seen[name].append((number, rule))
    yield from _dead(seen)


def _one_beside(name: Syscall, number: int, rule: Rule, earlier: list[tuple[int, Rule]]) -> Iterator[Finding]:
    place = f"rule {number} ({name})"
    verdict = verdict_of(rule.action, rule.errno)
    for other_number, other in earlier:
        if {*other.args} != {*rule.args}:
            continue
        if verdict_of(other.action, other.errno) == verdict:
            yield warning(Code.DUPLICATE, place, f"rule {other_number} says the same", "leave one out")
        else:
            text = f"rule {other_number} says {other.action} in the same case, and wins"
            yield error(Code.CONTRADICTION, place, text, "keep the one that is meant")
        return


def _dead(seen: dict[Syscall, list[tuple[int, Rule]]]) -> Iterator[Finding]:
    """Libseccomp asks no condition of a call that has a rule without."""
    for name, rules in seen.items():
        whole = next((number for number, rule in rules if not rule.args), None)
        for number, rule in rules:
            if whole is not None and rule.args:
                text = f"is never asked: rule {whole} is about every {name}"
                yield error(Code.DEAD, f"rule {number} ({name})", text, "leave one of the two out")
