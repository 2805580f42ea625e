"""The last choice of a recorder: strace(1), on this host, attached to the container's first process before it begins.

The container begins with the launcher and waits; nothing of strace is in it, and PID 1 stays the program's. What runs
in it is slower by ten times and more, and what ``docker exec`` brings in is not seen.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from pytrust.policy.observe import gate
from pytrust.policy.observe.beside import beside
from pytrust.policy.observe.recording import Recorded
from pytrust.policy.observe.strace_lines import Lines
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, RunOptions
from pytrust.policy.profiles.floor import refused
from pytrust.policy.profiles.model import Seccomp
from pytrust.policy.profiles.names import X86_64
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text
from pytrust.policy.profiles.seen import Method, Seen
from pytrust.trust.errors import NotSetUp, UsageError

_PROC: Final = Path("/proc")
_TRACER: Final = re.compile(r"^TracerPid:\t([0-9]+)$", re.MULTILINE)
_WAIT: Final = 0.05  # seconds between two looks whether the trial is over
_ATTACH_TIMEOUT: Final = 10.0
_END_TIMEOUT: Final = 10.0
_POLL: Final = 0.005
_RESTARTED: Final = "restart_syscall"  # made by being traced: what a stop interrupts is taken up again


class StraceRecorder:
    """Records under ``base`` (default: Docker's own profile); ``image`` tells what an image runs."""

    def __init__(self, image: Callable[[str], gate.Command], base: Seccomp | None = None) -> None:
        self._image = image
        self._base = base or docker_default()

    @property
    def method(self) -> Method:
        """``strace``."""
        return "strace"

    def missing(self) -> str:
        """Why no container can be watched so."""
        return gate.missing() or ("" if shutil.which("strace") else "there is no strace: install it")

    def record(
        self,
        laboratory: Laboratory,
        image: str,
        options: RunOptions,
        confinement: Confinement,
        workload: Callable[[Live], int],
    ) -> Recorded:
        """As ``recording.Recorder`` says."""
        words = gate.words_of(options, self._image(image))
        if not words:
            raise UsageError(f"{image} names no program to run", hint="give one: --command")
        found: list[Lines] = []
        with gate.gate() as entrance, beside(partial(_trace, entrance, words, found)):
            asked = confinement._replace(seccomp=docker_text(self._base))
            outcome = laboratory.run(image, entrance.options(options, words), asked, workload)
        return Recorded(outcome, self._seen(found[0] if found else Lines(0)))

    def _seen(self, lines: Lines) -> Seen:
        left = {*refused(self._base, lines.refused()), _RESTARTED}
        return Seen(
            method="strace",
            calls={key: count for key, count in lines.calls.items() if key[0] not in left},
            arguments=frozenset(argument for argument in lines.arguments if argument.call not in left),
            arches=frozenset({X86_64}),
            unnamed=lines.unnamed,
            records=lines.records,
            lost=lines.lost,
        )


def _trace(entrance: gate.Gate, words: tuple[str, ...], found: list[Lines], over: threading.Event) -> None:
    waiting = None
    while waiting is None and not over.is_set():
        waiting = entrance.wait(_WAIT)
    if waiting is None:
        return
    command = ["strace", "-f", "-q", "-Y", "-e", "raw=all", "-o", "/dev/stdout", "-p", str(waiting.pid)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as process:
        try:
            _attached(waiting.pid, process)
            waiting.go(gate.BECOME, words)
            found.append(_read(waiting.pid, process))
        finally:
            process.terminate()


def _attached(pid: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + _ATTACH_TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        tracer = _TRACER.search((_PROC / str(pid) / "status").read_text())
        if tracer is not None and int(tracer[1]) == process.pid:
            return
        time.sleep(_POLL)
    raise NotSetUp("it does not attach to a process of the container")


def _read(pid: int, process: subprocess.Popen[str]) -> Lines:
    """Everything, until the last process of the container has ended, and strace with it."""
    assert process.stdout is not None
    lines = Lines(pid)
    for line in process.stdout:
        lines.take(line.rstrip("\n"))
    if process.wait(_END_TIMEOUT):
        lines.lost += 1
    return lines
