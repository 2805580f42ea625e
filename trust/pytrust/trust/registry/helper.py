"""Run one credential helper, bounded in time and output (docker/docker-credential-helpers protocol)."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pytrust.trust.errors import TooSlow, Unsound
from pytrust.trust.limits import CREDENTIALS_MAX_BYTES

if TYPE_CHECKING:
    from subprocess import Popen
    from threading import Event

_NOT_FOUND: Final = b"credentials not found"


def ask_helper(name: str, server: str, seconds: float) -> bytes | None:
    """What ``docker-credential-<name> get`` prints for ``server``; None when it holds no login.

    Raises:
        TooSlow: no complete answer within ``seconds``.
        Unsound: not installed, failed, or printed too much.
    """
    program = f"docker-credential-{name}"
    output, status, late = _run(program, server, seconds)
    if late:
        raise TooSlow(f"{program}: no answer within {seconds:.0f} s")
    if len(output) > CREDENTIALS_MAX_BYTES:
        raise Unsound(f"{program}: printed more than {CREDENTIALS_MAX_BYTES} bytes")
    if status == 0:
        return output
    if _NOT_FOUND in output:
        return None
    # What it printed may hold a secret, so it is not repeated.
    raise Unsound(f"{program}: failed for {server}", hint=f"to see why: echo {server} | {program} get")


def _run(program: str, server: str, seconds: float) -> tuple[bytes, int, bool]:
    """Output, exit status, and whether the time was over first."""
    import threading

    late = threading.Event()
    with _start(program) as child:
        timer = threading.Timer(seconds, _end, (child, late))
        timer.daemon = True
        timer.start()
        try:
            output = _converse(child, server)
            status = child.wait()
        finally:
            timer.cancel()
    return output, status, late.is_set()


def _start(program: str) -> Popen[bytes]:
    import subprocess

    try:
        return subprocess.Popen(
            [program, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what it starts can be ended with it
        )
    except OSError as error:
        hint = "install it, or remove it from docker's config.json"
        raise Unsound(f"{program}: {error.strerror or 'cannot be run'}", hint=hint) from error


def _converse(child: Popen[bytes], server: str) -> bytes:
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(server.encode())
        child.stdin.close()
    output = child.stdout.read(CREDENTIALS_MAX_BYTES + 1)
    if len(output) > CREDENTIALS_MAX_BYTES:
        _kill(child)
    return output


def _end(child: Popen[bytes], late: Event) -> None:
    late.set()
    _kill(child)


def _kill(child: Popen[bytes]) -> None:
    import signal

    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
