"""A command at a terminal, typed at by a test."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tests.rig.processes import RigError, environment

_CHUNK = 4096


def typed(
    command: Sequence[str], lines: Sequence[tuple[str, str]], *, env: Mapping[str, str], within: float = 30.0
) -> tuple[int, str]:
    """Run ``command`` at a terminal; ``lines`` are pairs of a text to wait for and a line to type then.

    Returns:
        the exit code, and everything on the screen.

    Raises:
        RigError: a text did not come, or the command did not end, within the time.
    """
    master, slave = pty.openpty()
    process = subprocess.Popen(
        list(command), stdin=slave, stdout=slave, stderr=slave, env=environment(env), start_new_session=True
    )
    os.close(slave)
    end, screen, position = time.monotonic() + within, "", 0
    try:
        for prompt, line in lines:
            while (found := screen.find(prompt, position)) < 0:
                more = _read(master, end)
                if not more:
                    raise RigError(f"{command[0]}: {prompt!r} did not come: {screen[-1000:]}")
                screen += more
            position = found + len(prompt)
            os.write(master, line.encode() + b"\n")
        while more := _read(master, end):
            screen += more
        return process.wait(max(0.1, end - time.monotonic())), screen
    except subprocess.TimeoutExpired as error:
        raise RigError(f"{command[0]} does not end: {screen[-1000:]}") from error
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _read(master: int, end: float) -> str:
    """What is on the screen next; empty at the end, of the command or of the time."""
    ready, _, _ = select.select([master], [], [], max(0.0, end - time.monotonic()))
    with suppress(OSError):
        if ready:
            return os.read(master, _CHUNK).decode(errors="replace")
    return ""
