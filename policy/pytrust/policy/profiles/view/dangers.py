"""What of an open call is dangerous, in words. Pure."""

from __future__ import annotations

from pytrust.policy.profiles.dangerous import BY_ARGUMENT, CALLS, Danger
from pytrust.policy.profiles.model import Resolved
from pytrust.policy.profiles.names import Arch, Syscall
from pytrust.policy.profiles.seccomp.evaluate import evaluate
from pytrust.policy.profiles.view.opened import OPENS


def danger_words(resolved: Resolved, arch: Arch, call: Syscall) -> str:
    """Why it is dangerous that a call of ``arch``, which has it, is open as it is; empty where it is not."""
    whole = CALLS.get(call)
    parts = [words(whole)] if whole else []
    for flag, danger in BY_ARGUMENT.get(call, {}).items():
        if evaluate(resolved, arch, call, (flag.value, 0, 0, 0, 0, 0), host=arch).action in OPENS:
            parts.append(f"{flag.name}: {words(danger)}")
    return "; ".join(parts)


def words(danger: Danger) -> str:
    """``stops the kernel in the middle of a copy, to win races (CVE-2018-18397)``."""
    return f"{danger.why} ({', '.join(danger.examples)})" if danger.examples else danger.why
