"""The processes of a container on this host: its control group, and the runtime that is stuck while it starts it.

A seccomp profile that does not let runc through can hold it for ever between create and start, and the engine with
it: neither a start nor a removal is answered until the runtime's processes are gone (profiles reference, fact 6).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from pytrust.trust.limits import PROC_FILE_MAX_BYTES, TRIAL_RUNTIME_GRACE

_PROC: Final = Path("/proc")
_POLL: Final = 0.05  # seconds
_RUNTIMES: Final = ("runc", "crun", "runsc", "youki")
_SHIM: Final = "containerd-shim"  # the kernel keeps 15 characters of a name


def control_group(pid: int, container: str) -> str:
    """The path of a process's control group if it is the container's, else empty: then it does not run here."""
    for line in _read(pid, "cgroup").splitlines():
        path = line.split(":", 2)[-1]
        if container in path:
            return path
    return ""


def end_runtime(container: str) -> tuple[int, ...]:
    """Kill the runtime's processes that are about this container and no other; gives their ids.

    First goes what would have become the container's program: whoever waits for that sees it, and tidies up. Those
    who do not are ended after a moment; to kill all at once leaves a shim behind in the engine.

    Raises:
        PermissionError: they are another user's.
    """
    stuck = partial(_is_runtime, container)
    inside = tuple(pid for pid in _stuck(container) if control_group(pid, container) and _end(pid, stuck))
    end = time.monotonic() + TRIAL_RUNTIME_GRACE
    while inside and _stuck(container) and time.monotonic() < end:
        time.sleep(_POLL)
    return inside + tuple(pid for pid in _stuck(container) if _end(pid, stuck))


def end_shim(container: str) -> None:
    """Kill what containerd left behind of a container that is removed, unless it goes by itself within a moment."""
    end, shim = time.monotonic() + TRIAL_RUNTIME_GRACE, partial(_is_shim, container)
    while (left := [pid for pid in _processes() if shim(pid)]) and time.monotonic() < end:
        time.sleep(_POLL)
    for pid in left:
        _end(pid, shim)


def _stuck(container: str) -> list[int]:
    return [pid for pid in _processes() if _is_runtime(container, pid)]


def _processes() -> Iterator[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())


def _is_shim(container: str, pid: int) -> bool:
    return _read(pid, "comm").strip() == _SHIM and container in _read(pid, "cmdline").split("\0")


def _is_runtime(container: str, pid: int) -> bool:
    """By its name, and by its control group or the container's id among its words; a shim is none."""
    name = _read(pid, "comm").strip()
    if not (name.startswith(_RUNTIMES) and "shim" not in name):
        return False
    return bool(control_group(pid, container)) or container in _read(pid, "cmdline").split("\0")


def _end(pid: int, still: Callable[[int], bool]) -> bool:
    """Whether it was still the same process: between the look and the signal a handle keeps its id."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not still(pid):
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True
    finally:
        os.close(handle)


def _read(pid: int, name: str) -> str:
    """Empty where the process is gone, or another user's."""
    try:
        with (_PROC / str(pid) / name).open("rb") as file:
            return file.read(PROC_FILE_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
