"""From a seccomp file to what an engine gives its runtime, on one host and for one container. Pure.

Source: moby/profiles ``seccomp_linux.go``, as of June 2026. Nothing is de-duplicated, the order stays, and an archMap
without the host's architecture leaves none. Kernels are compared by their first two numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pytrust.policy.profiles.model import Condition, Resolved, Rule, Seccomp
from pytrust.policy.profiles.names import Arch, Capability, Generation, GoArch
from pytrust.policy.profiles.seccomp.syscalls import arch_of, native_of

_KERNEL: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")


class Host(NamedTuple):
    """Where a container runs: ``kernel`` is (6, 1), ``capabilities`` the container's bounding set."""

    arch: GoArch
    kernel: tuple[int, int]
    capabilities: frozenset[Capability]
    generation: Generation


def resolve(profile: Seccomp, host: Host) -> Resolved:
    """What the runtime of ``host`` gets for a container.

    Raises:
        UsageError: an architecture that Docker does not know.
    """
    rules = tuple(_bare(rule) for rule in profile.rules if not left_out(rule, host))
    arches = tuple(_arches(profile, arch_of(host.arch)))
    if host.generation is Generation.BEFORE_23:
        return Resolved(default=profile.default, architectures=arches, rules=rules)
    return Resolved(
        default=profile.default,
        default_errno=profile.default_errno,
        architectures=arches,
        flags=profile.flags,
        listener_path=profile.listener_path,
        listener_metadata=profile.listener_metadata,
        rules=rules,
    )


def _arches(profile: Seccomp, own: Arch) -> Iterator[Arch]:
    yield from profile.architectures
    for entry in profile.arch_map:
        if entry.architecture == own:
            yield own
            yield from entry.also
            return


def left_out(rule: Rule, host: Host) -> str:
    """Why an engine on ``host`` leaves out a rule, in a phrase; empty where it takes it.

    Raises:
        UsageError: an architecture that Docker does not know.
    """
    return _excluded(rule.excludes, host) or _not_included(rule.includes, host)


def _excluded(condition: Condition, host: Host) -> str:
    """One of all that is written suffices."""
    held = sorted(host.capabilities.intersection(condition.caps))
    if native_of(host.arch) in condition.arches:
        return f"not on {host.arch}"
    if held:
        return f"not with CAP_{held[0]}"
    if condition.min_kernel and host.kernel >= kernel_of(condition.min_kernel):
        return f"not from kernel {condition.min_kernel} on"
    return ""


def _not_included(condition: Condition, host: Host) -> str:
    """All that is written must hold; of several architectures, one."""
    missing = sorted(set(condition.caps) - host.capabilities)
    if condition.arches and native_of(host.arch) not in condition.arches:
        return f"only on {', '.join(condition.arches)}"
    if missing:
        return f"only with {', '.join(f'CAP_{name}' for name in missing)}"
    if condition.min_kernel and host.kernel < kernel_of(condition.min_kernel):
        return f"only from kernel {condition.min_kernel} on"
    return ""


def kernel_of(text: str) -> tuple[int, int]:
    """``4.8``, or a kernel's whole release (``6.1.0-18-amd64``), as numbers; (0, 0) where it is none."""
    found = _KERNEL.match(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _bare(rule: Rule) -> Rule:
    return Rule(names=rule.names, action=rule.action, errno=rule.errno, args=rule.args)
