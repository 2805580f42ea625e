"""Processes that surely end.

Each runs in a session of its own with its output in a log file. It is ended by its id when the ``with`` block is left,
and by the kernel (PR_SET_PDEATHSIG, through setpriv) when the thread that started it dies in any other way: start what
must outlive a thread from the main one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_POLL = 0.02  # seconds
_TAIL_CHARS = 2000
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:" + os.environ.get("PATH", os.defpath)  # daemons live where users do not look


class RigError(Exception):
    """A real part does not do what it is there for."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process we started; ``log`` holds what it wrote."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        """The last lines of its output."""
        return self.log.read_text(errors="replace")[-_TAIL_CHARS:]

    def stop(self, within: float = 10.0) -> None:
        """TERM its group; KILL it if it is still there after ``within`` seconds."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(within)
        self._signal(signal.SIGKILL)
        self.process.wait(within)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def find(program: str) -> str | None:
    """Where a program is, daemons' folders included."""
    return shutil.which(program, path=_PATH)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The same small environment everywhere: no setting of the machine's user reaches a real part."""
    return {"PATH": _PATH, "HOME": "/nonexistent", "LANG": "C.UTF-8", **(more or {})}


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    ready: Callable[[], bool],
    deadline: float = 10.0,
    env: Mapping[str, str] | None = None,
    stop_within: float = 10.0,
) -> Iterator[Running]:
    """Start ``command``, give it once it is ``ready``, end it.

    Args:
        env: added to ``environment()``.

    Raises:
        RigError: it ended, or was not ready in ``deadline`` seconds; the message ends with its output.
    """
    started = start(command, log=log, env=env)
    try:
        wait_ready(started, ready, deadline)
        yield started
    finally:
        started.stop(stop_within)


def start(command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None) -> Running:
    """Start ``command`` for a caller who sees to its end."""
    words = ["setpriv", "--pdeathsig", "TERM", *map(str, command)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(env),
            start_new_session=True,
        )
    return Running(process, log)


def wait_ready(started: Running, ready: Callable[[], bool], deadline: float) -> None:
    """Wait until ``ready()``; raises ``RigError`` if the process ends first or the time is over."""
    end = time.monotonic() + deadline
    while not ready():
        if not started.alive:
            raise RigError(f"{_name(started)} ended at once:\n{started.tail()}")
        if time.monotonic() > end:
            raise RigError(f"{_name(started)} was not ready within {deadline:g} s:\n{started.tail()}")
        time.sleep(_POLL)


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Make SIGTERM unwind the main thread like Ctrl-C does, so that every ``with`` block ends what it started.

    Ctrl-C does so, too, here and in what is started: a shell ignores it for what it runs in the background, and
    programs inherit that.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    interrupted = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, interrupted)
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _name(started: Running) -> str:
    words = started.process.args
    return Path(words[3]).name if isinstance(words, list) else str(words)
