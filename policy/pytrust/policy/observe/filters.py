"""Seccomp files under which a container is watched. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from pytrust.policy.profiles.model import ArchMap, Arg, Rule, Seccomp
from pytrust.policy.profiles.names import AARCH64, X86_64, Action, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X86

FAMILIES_MAX: Final = 64  # numbers of families end at 46 (AF_MAX of Linux 6.18)
LOG_EVERYTHING: Final = Seccomp(
    default=Action.LOG,
    arch_map=(ArchMap(architecture=X86_64, also=(X86, X32)), ArchMap(architecture=AARCH64, also=(ARM,))),
)
"""Nothing is refused, everything is logged."""


def logged(profile: Seccomp) -> Seccomp:
    """The same profile, but that what it lets through is logged: what it refuses stays refused.

    A program that is refused a call, and does without it, is recorded as it will run.
    """
    return Seccomp(
        default=_logged(profile.default),
        default_errno=profile.default_errno,
        architectures=profile.architectures,
        arch_map=profile.arch_map,
        rules=tuple(map(_logged_rule, profile.rules)),
    )


def others_logged(call: Syscall, known: Collection[int]) -> Seccomp:
    """Docker's profile, that logs only ``call`` (of sockets) with a first argument that is not one of ``known``.

    The ones that are let through are written one by one: runc joins conditions on one argument with or, not with and.
    """
    profile = docker_default()
    rules = (_without(rule, call) for rule in profile.rules)
    values = (_only(call, value, value in known) for value in range(FAMILIES_MAX) if _let_through(profile, call, value))
    return replace(profile, rules=(*(rule for rule in rules if rule.names), *values))


def _without(rule: Rule, call: Syscall) -> Rule:
    return replace(rule, names=tuple(name for name in rule.names if name != call)) if call in rule.names else rule


def _let_through(profile: Seccomp, call: Syscall, value: int) -> bool:
    rules = (rule for rule in profile.rules if call in rule.names)
    return any(not rule.args or any(_meets(arg, value) for arg in rule.args) for rule in rules)


def _meets(arg: Arg, value: int) -> bool:
    return {Op.LT: value < arg.value, Op.EQ: value == arg.value, Op.GT: value > arg.value}.get(arg.op, False)


def _only(call: Syscall, value: int, known: bool) -> Rule:
    arg = Arg(index=0, op=Op.EQ, value=value)
    return Rule(names=(call,), action=Action.ALLOW if known else Action.LOG, args=(arg,))


def _logged(action: Action) -> Action:
    return Action.LOG if action is Action.ALLOW else action


def _logged_rule(rule: Rule) -> Rule:
    return replace(rule, action=_logged(rule.action))
