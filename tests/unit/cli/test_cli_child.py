"""A program in our place: exit codes, signals, streams, and nothing that Python left."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

RUN = """
import sys
from pytrust.cli.child import run_child
sys.exit(run_child(sys.argv[1:], lambda stat: {"ADDED": f"value of {int(stat.split()[0])}=x"}))
"""
FAIL = """
import sys
from pytrust.cli.child import run_child
def prepare(stat):
    raise OSError(28, "no space")
try:
    run_child(sys.argv[1:], prepare)
except OSError as error:
    sys.exit(error.errno)
"""


def start(
    *words: str,
    code: str = RUN,
    session: bool = False,
    pass_fds: Sequence[int] = (),
    before: Callable[[], object] | None = None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=session,
        pass_fds=pass_fds,
        preexec_fn=before,  # noqa: PLW1509 - no threads here
    )


def run(*words: str, code: str = RUN, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    process = start(*words, code=code)
    out, err = process.communicate(stdin, timeout=20)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -SEGV $$", 139),
    ],
)
def test_it_exits_as_the_program_does(script: str, code: int) -> None:
    assert run("sh", "-c", script)[0] == code


def test_streams_and_arguments_are_the_programs(tmp_path: Path) -> None:
    code, out, err = run("sh", "-c", 'cat; echo "$0|$1|$ADDED"; echo beside >&2', "a b", "*", stdin=b"in\x00\n")
    first, second = out.rstrip(b"\n").split(b"\n")
    assert (code, first, err) == (0, b"in\x00", b"beside\n")
    assert second.startswith(b"a b|*|value of ")
    assert second.endswith(b"=x")


def test_the_number_that_was_prepared_for_is_the_programs() -> None:
    _, out, _ = run("sh", "-c", 'test "$ADDED" = "value of $$=x" && echo same')
    assert out == b"same\n"


def test_a_program_that_is_not_there_or_cannot_be_run(tmp_path: Path) -> None:
    code, _, err = run("no-such-program-here")
    assert (code, err) == (127, b"error: no-such-program-here: No such file or directory\n")
    plain = tmp_path / "plain"
    plain.touch(0o600)
    code, _, err = run(str(plain))
    assert code == 126
    assert b"Permission denied" in err
    assert b"Traceback" not in err


def test_what_cannot_be_prepared_is_not_started(tmp_path: Path) -> None:
    code, out, err = run("touch", str(tmp_path / "started"), code=FAIL)
    assert (code, out, err) == (28, b"", b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]
)
def test_a_signal_is_passed_on_once(number: signal.Signals) -> None:
    script = f"import os, signal, sys, time\ncount = 0\ndef seen(*_):\n  global count; count += 1\nsignal.signal({int(number)}, seen)\nprint('up', flush=True)\nwhile not count: time.sleep(0.01)\ntime.sleep(0.2)\nsys.exit(40 + count)"
    process = start(sys.executable, "-c", script, session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 41


def test_a_program_that_ends_by_the_signal_gives_its_code() -> None:
    process = start("sh", "-c", "echo up; exec sleep 20")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


def test_ctrl_c_on_a_terminal_comes_once() -> None:
    """The terminal tells the program itself, so it is not told again."""
    script = "import signal, sys, time\ncount = 0\ndef seen(*_):\n  global count; count += 1\nsignal.signal(signal.SIGINT, seen)\nprint('up', flush=True)\nwhile not count: time.sleep(0.01)\ntime.sleep(0.3)\nsys.exit(40 + count)"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", RUN, sys.executable, "-c", script])
    try:
        while b"up" not in os.read(terminal, 100):
            pass
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 41
    finally:
        os.close(terminal)


def test_a_stopped_program_is_waited_for() -> None:
    process = start("sh", "-c", "echo $$; kill -STOP $$; exit 9")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    time.sleep(0.2)
    assert process.poll() is None
    os.kill(pid, signal.SIGCONT)
    process.communicate(timeout=20)
    assert process.returncode == 9


def test_the_program_gets_a_clean_start() -> None:
    """No signal is blocked or ignored that was not before, and no descriptor of ours is open."""
    out = run("sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd")[1].split()
    plain = subprocess.run(
        ["sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd"],
        capture_output=True,
        stdin=subprocess.PIPE,
    )
    assert out == plain.stdout.split()


def test_an_inherited_descriptor_does_not_reach_the_program(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"the unlock key")
    os.close(writer)
    os.set_inheritable(reader, True)
    process = start(sys.executable, "-c", f"import os; print(os.read({reader}, 99))", pass_fds=[reader])
    out, _ = process.communicate(timeout=20)
    os.close(reader)
    assert out == b""
    assert process.returncode != 0


def test_ignored_children_in_the_caller_do_not_lose_the_exit_code() -> None:
    process = start("sh", "-c", "exit 3", before=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    process.communicate(timeout=20)
    assert process.returncode == 3
