"""What the kernel of this host does with calls under a program, compared with what the profile means.

The calls are made by a process of its own without rights (``kernel_child``), with arguments that make them fail where
they are let through: -1 in every place that a rule does not look at. Calls that would do something in spite of that are
left out (``HARMFUL``). On hosts of x86-64 alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from errno import ENOSYS
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.profiles.model import U64_MAX
from pytrust.policy.profiles.names import X86_64, Action, Arch, Syscall
from pytrust.policy.profiles.seccomp import kernel_child
from pytrust.policy.profiles.seccomp.bpf import Program, program_bytes
from pytrust.policy.profiles.seccomp.compile import system_arch
from pytrust.policy.profiles.seccomp.evaluate import Args
from pytrust.policy.profiles.seccomp.kernel_child import NARROW
from pytrust.policy.profiles.seccomp.simulate import Row
from pytrust.policy.profiles.seccomp.syscalls import X86
from pytrust.policy.profiles.seccomp.verdict import Verdict
from pytrust.trust.errors import Unknown, UsageError
from pytrust.trust.limits import SECCOMP_KERNEL_DEADLINE, SECCOMP_KERNEL_PROBES_MAX

HARMFUL: Final = frozenset(
    map(
        Syscall,
        (
            *(
                "exit",
                "exit_group",
                "fork",
                "vfork",
                "clone",
                "clone3",
                "execve",
                "execveat",
            ),  # another process, or none
            *("pause", "rt_sigreturn", "rt_sigsuspend", "restart_syscall", "uretprobe", "uprobe"),  # never come back
            *("sync", "vhangup", "reboot", "alarm"),  # ask for no argument, or take -1
            *("msgget", "semget", "shmget", "inotify_init", "munlockall", "brk", "set_tid_address"),  # leave something
        ),
    )
)
"""Calls that are not made, whatever their arguments."""

BAD: Final[Args] = (U64_MAX,) * 6
_EXECUTED: Final = frozenset({Action.ALLOW, Action.LOG})
_DEADLY: Final = frozenset({Action.KILL_PROCESS, Action.KILL_THREAD, Action.TRAP})


class Probe(NamedTuple):
    """A call of x86-64, or of 32-bit x86, and what is expected to become of it."""

    number: int
    args: Args
    verdict: Verdict
    arch: Arch = X86_64


class Disagreement(NamedTuple):
    """``found`` is what the kernel gave back under the program, ``bare`` without; None where the process died."""

    probe: Probe
    found: int | None
    bare: int | None


def probes_of(rows: Sequence[Row]) -> tuple[Probe, ...]:
    """One probe for each harmless call of x86-64 of which one thing becomes, whatever its arguments."""
    return tuple(
        Probe(row.number, BAD, row.verdicts[0])
        for row in rows
        if row.arch == X86_64 and row.name not in HARMFUL and len(row.verdicts) == 1
    )


def disagreements(program: Program, probes: Sequence[Probe]) -> tuple[Disagreement, ...]:
    """Where the kernel does something else.

    Raises:
        UsageError: too many probes, or no host of x86-64.
        Unknown: the kernel does not load the program, or a call did not come back.
    """
    if len(probes) > SECCOMP_KERNEL_PROBES_MAX:
        raise UsageError(f"{len(probes)} calls are more than the {SECCOMP_KERNEL_PROBES_MAX} that are made at once")
    if system_arch() != X86_64:
        raise UsageError("calls are compared with the kernel on x86-64 alone")
    found, bare = _answers(program, probes), _answers((), [one for one in probes if one.verdict.action in _EXECUTED])
    without = iter(bare)
    several = (
        (probe, one, next(without) if probe.verdict.action in _EXECUTED else 0)
        for probe, one in zip(probes, found, strict=True)
    )
    return tuple(Disagreement(*one) for one in several if not _agrees(*one))


def _agrees(probe: Probe, found: int | None, bare: int | None) -> bool:
    action = probe.verdict.action
    if action in _DEADLY:
        return found is None
    if action is Action.ERRNO:
        return found == -probe.verdict.errno
    if action in _EXECUTED:
        return found is not None and bare is not None and (found == bare or min(found, bare) >= 0)
    return found == -ENOSYS  # nobody traces or listens


def _answers(program: Program, probes: Sequence[Probe]) -> list[int | None]:
    request = {
        "program": program_bytes(program).hex(),
        "calls": [[probe.number | (NARROW if probe.arch == X86 else 0), *probe.args] for probe in probes],
        "seconds": SECCOMP_KERNEL_DEADLINE,
    }
    words = [sys.executable, "-I", "-S", str(Path(kernel_child.__file__))]
    try:
        done = subprocess.run(
            words,
            input=json.dumps(request).encode(),
            capture_output=True,
            check=True,
            timeout=SECCOMP_KERNEL_DEADLINE * 2,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise Unknown("the kernel did not answer in time") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Unknown(f"the kernel could not be asked: {reason[:200]}") from error
    answers: list[int | None] = json.loads(done.stdout)
    return answers
