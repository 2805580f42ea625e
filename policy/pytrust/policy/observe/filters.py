"""Seccomp files under which a container is watched. Pure."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pytrust.policy.profiles.model import ArchMap, Rule, Seccomp
from pytrust.policy.profiles.names import AARCH64, X86_64, Action
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X86

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


def _logged(action: Action) -> Action:
    return Action.LOG if action is Action.ALLOW else action


def _logged_rule(rule: Rule) -> Rule:
    return replace(rule, action=_logged(rule.action))
