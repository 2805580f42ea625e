"""A program run in our place: it gets our streams, our signals and our terminal, and we exit as it does.

It starts only once what it needs is there, and ends unstarted where that fails. Signals sent to us are passed on;
those of the terminal reach it anyway. A death by signal n is exit code 128 + n, as a shell says.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from pytrust.cli import voice

_PASSED_ON: Final = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
)
_AWAITED: Final = _PASSED_ON | {signal.SIGCHLD}
_NOT_FOUND, _NOT_RUN = 127, 126  # as a shell says
_BY_SIGNAL: Final = 128
_FIRST_OTHER: Final = 3  # after the standard streams
_CHUNK: Final = 64 * 1024  # bytes; what a pipe holds


def run_child(words: Sequence[str], prepare: Callable[[bytes], Mapping[str, str]]) -> int:
    """Run a program; gives its exit code.

    Args:
        words: the program and its arguments; no shell reads them.
        prepare: given what /proc tells the new process of itself (proc_pid_stat(5); it may tell nobody else), makes
            what it needs, and gives what is added to its environment.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    reader, writer = os.pipe()
    told, teller = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        _become(words, reader, teller, before)
    os.close(reader)
    os.close(teller)
    try:
        added = prepare(_read_all(told))
        os.write(writer, "\0".join(f"{name}={value}" for name, value in added.items()).encode() + b"\0")
    except BaseException:
        os.close(writer)
        os.waitpid(pid, 0)
        raise
    os.close(writer)
    return _wait(pid)


def _wait(pid: int) -> int:
    while True:
        came = signal.sigwaitinfo(_AWAITED)
        if came.si_signo != signal.SIGCHLD:
            _pass_on(pid, came)
            continue
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else _BY_SIGNAL - code


def _pass_on(pid: int, came: signal.struct_siginfo) -> None:
    """What a terminal sends comes from the kernel (``si_code`` above 0), and to the program as well."""
    if came.si_code <= 0:
        with suppress(ProcessLookupError):
            os.kill(pid, came.si_signo)


def _read_all(descriptor: int) -> bytes:
    data = b""
    while chunk := os.read(descriptor, _CHUNK):
        data += chunk
    os.close(descriptor)
    return data


def _become(words: Sequence[str], reader: int, teller: int, mask: set[int | signal.Signals]) -> NoReturn:
    """In the new process: tell of itself, wait for the word, and run the program; never come back."""
    try:
        os.write(teller, Path("/proc/self/stat").read_bytes())
        os.close(teller)
        told = _read_all(reader)
        if not told.endswith(b"\0"):
            os._exit(_NOT_RUN)  # what it needs is not there
        added = dict(pair.split("=", 1) for pair in told.decode().split("\0") if pair)
        _restore(mask)
        os.execvpe(words[0], list(words), {**os.environ, **added})  # noqa: S606 - there is no shell, and need be none
    except OSError as error:
        voice.note(f"error: {words[0]}: {error.strerror}")
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError | NotADirectoryError) else _NOT_RUN)
    finally:
        os._exit(_NOT_RUN)


def _restore(mask: set[int | signal.Signals]) -> None:
    """What Python, or we, set for ourselves; and no descriptor of ours goes along."""
    os.closerange(_FIRST_OTHER, os.sysconf("SC_OPEN_MAX"))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
