"""``pytrust profile verify`` as somebody runs it: proven, not proven, and nothing asked of the engine that would hang."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.rig import dockerd, images
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.needs import need

IMAGE = "rig/verify:1"
LOOP = "trap 'exit 3' TERM; while :; do sleep 0.05; done"
_WORDS = """
arch_prctl brk capget capset chdir clock_nanosleep clone close dup2 epoll_ctl epoll_pwait execve exit exit_group
faccessat2 fchown fcntl fstat fstatfs futex getcwd getdents64 getpid getppid getrandom gettid getuid ioctl madvise
mmap mprotect munmap nanosleep newfstatat openat poll prctl prlimit64 read readlink rseq rt_sigaction rt_sigprocmask
rt_sigreturn sched_yield set_robust_list set_tid_address setgid setgroups setuid sigaltstack tgkill wait4 write
"""
CALLS = tuple(_WORDS.split())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    need(dockerd.missing() or images.missing())
    folder = tmp_path_factory.mktemp("verify")
    with private_engine(folder / "e") as running:
        Docker(running.host, folder / "c").make_image(IMAGE)
        yield running


@pytest.fixture
def docker(engine: PrivateEngine) -> Iterator[Docker]:
    client = Docker(engine.host, engine.folder / "c")
    yield client
    assert client.run("ps", "--all", "--quiet") == "", "a trial's container stays"


class Verify:
    """The command, on the private engine."""

    def __init__(self, engine: PrivateEngine, folder: Path) -> None:
        self._host, self._folder = engine.host, folder

    def __call__(
        self, *options: str, calls: Sequence[str] = CALLS, script: str = LOOP, workload: Sequence[str] = ("true",)
    ) -> subprocess.CompletedProcess[str]:
        file = self._folder / "seccomp.json"
        rules = [{"names": list(calls), "action": "SCMP_ACT_ALLOW"}]
        file.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}))
        run = ["--network", "none", "--command", "sh", "--command", "-c", "--command", script]
        program = str(Path(sys.executable).with_name("pytrust"))
        command = [program, "profile", "verify", str(file), IMAGE, *options, *run, "--", *workload]
        settings = {"DOCKER_HOST": self._host, "PYTRUST_HOME": str(self._folder / "home"), "PATH": os.environ["PATH"]}
        return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120)

    def checks(self, *options: str, **more: Any) -> tuple[int, dict[str, Any]]:
        done = self("--json", *options, **more)
        document = json.loads(done.stdout)
        return done.returncode, {check["name"]: (check["good"], check["note"]) for check in document["checks"]}


@pytest.fixture
def verify(engine: PrivateEngine, docker: Docker, tmp_path: Path) -> Verify:
    return Verify(engine, tmp_path)


def test_proven(verify: Verify) -> None:
    done = verify("--runs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    first, *rows, last = [line.split() for line in done.stdout.splitlines()]
    assert first == ["CHECK", "GOOD", "TIME"]
    assert [row[:2] for row in rows[:4]] == [[name, "yes"] for name in ("floor", "meaning", "kernel", "refused")]
    assert [row[:3] for row in rows[4:]] == [["run", "1", "yes"], ["run", "2", "yes"]]
    assert " ".join(last).startswith(f"{IMAGE}: proven on engine ")
    assert "running it under the profile (2 of 2)" in done.stderr


def test_the_workload_is_told_of_the_container_and_its_no_is_one(verify: Verify) -> None:
    workload = ("sh", "-c", 'test -d /proc/$PYTRUST_PID && exit "${#PYTRUST_CONTAINER}"')
    code, checks = verify.checks(workload=workload)
    assert code == 1
    assert checks["refused"] == (False, "the workload ended with 64, the container with 3, though no call was refused")
    assert checks["run"] == (False, "the workload ended with 64, the container with 3")


def test_a_call_that_is_refused_in_silence(verify: Verify) -> None:
    code, checks = verify.checks(script=f"touch /tmp/a; {LOOP}")
    assert code == 1
    assert checks["run"][0] is True, "the shell goes on without it"
    good, note = checks["refused"]
    assert (good, "would refuse utimensat of" in note) == (False, True), note


def test_too_tight_a_floor_is_found_before_the_engine_is_asked(verify: Verify, docker: Docker) -> None:
    def made() -> int:
        since = ("--since=10m", f"--until={int(time.time()) + 1}", "--filter=event=create")
        return len(docker.run("events", *since, "--format={{.ID}}").split())

    before = made()
    code, checks = verify.checks("--as-is", calls=sorted({*CALLS} - {"openat", "exit_group", "tgkill"}))
    good, reason = checks["floor"]
    assert (code, good, checks["run"][0]) == (1, False, None)
    assert re.fullmatch(
        r"it refuses what runc 1\.\S+ needs, which can hang the engine: exit_group, openat, tgkill", reason
    )
    assert made() == before
    assert verify("--as-is").returncode == 0
    assert made() == before + 2


def test_what_cannot_be_run(verify: Verify) -> None:
    done = verify(workload=("/no/such",))
    assert (done.returncode, "/no/such cannot be run: no such file" in done.stderr) == (2, True)
    done = verify("--publish", "1-2:3")
    assert (done.returncode, "publishes no port" in done.stderr) == (2, True)


def test_options_of_a_compose_file(verify: Verify, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(f"services:\n  web:\n    image: {IMAGE}\n    restart: always\n    environment: {{WORD: given}}\n")
    script, lives = f'test "$WORD" = given || exit 1; {LOOP}', ("sh", "-c", "sleep 0.3; test -d /proc/$PYTRUST_PID")
    done = verify("--compose", str(file), script=script, workload=lives)
    assert done.returncode == 0, done.stdout
    assert "note: web: restart is left out: a single container does without" in done.stderr
    assert verify(script=script, workload=lives).returncode == 1
    other = verify("--compose", str(tmp_path / "none"))
    assert (other.returncode, "cannot be read: no such file" in other.stderr) == (2, True)
