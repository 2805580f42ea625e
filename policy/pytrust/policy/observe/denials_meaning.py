"""What a profile refuses, by the numbers of calls; and what a refusal that was seen has to do with it. Pure.

The kernel tells of refusals by all filters of a process. A container's programs may have filters of their own (OpenSSH,
browsers), and the kernel refuses things by itself. What the container's profile would have let through was not refused
by it. A call that is answered with ENOSYS is no denial: the program is told that there is none, and takes another way.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from typing import Final

from pytrust.policy.observe.denials_model import Answer, Refusal
from pytrust.policy.profiles.model import Resolved, Rule
from pytrust.policy.profiles.names import Action, Arch, Syscall
from pytrust.policy.profiles.seccomp.syscalls import KNOWN_ARCHES, names

OPEN: Final = frozenset({Action.ALLOW, Action.LOG, Action.NOTIFY, Action.TRACE})
"""Actions that may let a call through."""


def answers(resolved: Resolved) -> Mapping[Arch, Mapping[int, Answer]]:
    """What is not simply let through, by architecture and number; architectures that the profile names are known."""
    wanted = [arch for arch in resolved.architectures if arch in KNOWN_ARCHES]
    return {arch: dict(_answers(resolved, arch)) for arch in wanted}


def explains(answer: Answer | None, refusal: Refusal) -> bool:
    """Whether the profile did it."""
    if answer is None or refusal.action is not answer.action:
        return False
    if refusal.action is not Action.ERRNO:
        return True
    return answer.errno != errno.ENOSYS and refusal.errno in {None, answer.errno}


def _answers(resolved: Resolved, arch: Arch) -> Iterator[tuple[int, Answer]]:
    rules: dict[Syscall, list[Rule]] = {}
    for rule in resolved.rules:
        for name in rule.names:
            rules.setdefault(name, []).append(rule)
    numbers = names(arch)
    last = max((number for number, name in numbers.items() if name in rules), default=0)
    for number, name in numbers.items():
        answer = _answer(resolved, rules.get(name, []), beyond=number > last)
        if answer is not None:
            yield number, answer


def _answer(resolved: Resolved, rules: list[Rule], *, beyond: bool) -> Answer | None:
    """None where it is let through whatever its arguments are; runc answers what lies ``beyond`` all names itself."""
    if beyond and resolved.default not in OPEN:
        return Answer(Action.ERRNO, errno.ENOSYS, sure=True)
    flat = next((rule for rule in rules if not rule.args), None)
    action, number = (flat.action, flat.errno) if flat else (resolved.default, resolved.default_errno)
    if action in OPEN - {Action.LOG}:
        return None
    return Answer(_told(action), errno.EPERM if number is None else number, sure=flat is not None or not rules)


def _told(action: Action) -> Action:
    """As the kernel tells it: ``KILL`` is another word for ``KILL_THREAD``."""
    return Action.KILL_THREAD if action is Action.KILL else action
