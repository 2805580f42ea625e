"""Plain programs with secrets: the installed command, a real vault, real signals, and kill -9."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.rig.needs import need
from tests.rig.vault import VaultHome

from pytrust.cli.secret_folder import filesystem_of

CANARY = "canary-e2c8"
SLEEPER = 'echo "$$ $PYTRUST_SECRETS"; exec sleep 60'


@pytest.fixture
def place() -> Iterator[Path]:
    """A runtime folder of our own, so that nobody else on this machine sweeps there."""
    path = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def vault(tmp_path: Path, place: Path) -> VaultHome:
    made = VaultHome(tmp_path, runtime=place)
    made.must("secret", "put", "db_password", stdin=CANARY.encode())
    made.must("secret", "put", "shop/api", stdin=b"\x00\xff" + CANARY.encode())
    return made


@pytest.fixture
def started(vault: VaultHome) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the command; what is left of it is ended."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*words: str, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        command = [*before, *vault.command("run-with-secrets", "--secret", "db_password", "--", *words)]
        process = subprocess.Popen(
            command, env=vault.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.terminate()
        process.communicate()


def told(process: subprocess.Popen[bytes]) -> tuple[int, Path]:
    """What ``SLEEPER`` says: its process, and its folder."""
    assert process.stdout is not None
    pid, folder = process.stdout.readline().decode().split()
    return int(pid), Path(folder)


def run(
    vault: VaultHome, *words: str, secrets: tuple[str, ...] = ("db_password",)
) -> subprocess.CompletedProcess[bytes]:
    options = [word for secret in secrets for word in ("--secret", secret)]
    return vault.run("run-with-secrets", *options, "--", *words)


def ended(pid: int, within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.02)
    return False


def test_values_modes_and_the_place(vault: VaultHome) -> None:
    script = 'cd "$PYTRUST_SECRETS" && pwd && stat -c "%n %a %u %s" . * && cat db_password && cat key'
    done = run(vault, "sh", "-c", script, secrets=("db_password,shop/api:file=key",))
    assert done.returncode == 0, done.stderr
    folder, *modes = done.stdout.partition(CANARY.encode())[0].decode().splitlines()
    uid = os.geteuid()
    assert [line.rsplit(" ", 1)[0] for line in modes] == [f". 500 {uid}", f"db_password 400 {uid}", f"key 400 {uid}"]
    assert done.stdout.endswith(CANARY.encode() + b"\x00\xff" + CANARY.encode())
    assert filesystem_of(Path("/proc/self/mountinfo").read_bytes(), Path(folder).parent.stat().st_dev) == "tmpfs"
    assert not Path(folder).exists()


def test_no_value_is_in_arguments_or_environment(started: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = started("sh", "-c", SLEEPER)
    pid, folder = told(process)
    for each in (process.pid, pid):
        for name in ("cmdline", "environ"):
            text = Path(f"/proc/{each}/{name}").read_bytes()
            assert CANARY.encode() not in text
            assert b"unlock-key" not in text or (each, name) == (process.pid, "cmdline")  # a path, of ours alone
    assert f"PYTRUST_SECRETS={folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes()


def test_no_core_file_of_ours_can_hold_a_value(started: Callable[..., subprocess.Popen[bytes]]) -> None:
    """And the program's limit is the one that it had."""
    process = started("sh", "-c", SLEEPER, before=("prlimit", "--core=4096:8192"))
    pid, _ = told(process)
    assert (core_limit(process.pid), core_limit(pid)) == (["0", "0"], ["4096", "8192"])


def core_limit(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))


def test_another_user_cannot_read_it(started: Callable[..., subprocess.Popen[bytes]]) -> None:
    _, folder = told(started("sh", "-c", SLEEPER))
    nobody = pwd.getpwnam("nobody").pw_uid
    done = subprocess.run(
        ["cat", folder / "db_password"], user=nobody, group=nobody, extra_groups=[], capture_output=True
    )
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
)
def test_exit_codes(vault: VaultHome, script: str, code: int) -> None:
    assert run(vault, "sh", "-c", script).returncode == code


def test_a_program_that_is_not_there(vault: VaultHome) -> None:
    done = run(vault, "no-such-program")
    assert (done.returncode, done.stderr) == (127, b"error: no-such-program: No such file or directory\n")


def test_a_secret_that_is_not_there_starts_nothing(vault: VaultHome, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    done = run(vault, "touch", str(mark), secrets=("db_password", "none"))
    assert (done.returncode, mark.exists()) == (1, False)
    assert b"none" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_program_and_the_folder(
    started: Callable[..., subprocess.Popen[bytes]], number: signal.Signals
) -> None:
    process = started("sh", "-c", SLEEPER, before=("env", "--default-signal"))  # whatever started the tests ignores
    pid, folder = told(process)
    assert folder.exists()
    process.send_signal(number)
    process.wait(20)
    assert process.returncode == 128 + number
    assert ended(pid)
    assert not folder.exists()


def test_a_program_may_take_its_time_to_end(started: Callable[..., subprocess.Popen[bytes]]) -> None:
    """The folder is there until it has ended."""
    script = "import os, signal, sys, time\ndef end(*_):\n  time.sleep(0.5)\n  print(open(os.environ['PYTRUST_SECRETS'] + '/db_password').read())\n  sys.exit(3)\nsignal.signal(signal.SIGTERM, end)\nprint(os.getpid(), os.environ['PYTRUST_SECRETS'], flush=True)\ntime.sleep(60)"
    process = started(sys.executable, "-c", script)
    _, folder = told(process)
    process.terminate()
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out.decode().strip()) == (3, CANARY)
    assert not folder.exists()


def test_after_kill_9_the_program_keeps_its_secrets_and_the_next_run_sweeps(
    vault: VaultHome, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    process = started("sh", "-c", SLEEPER)
    pid, folder = told(process)
    process.kill()
    process.wait(20)
    assert run(vault, "true").returncode == 0
    assert (folder / "db_password").read_text() == CANARY  # the program still runs, and may read it anew
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    assert folder.exists()
    assert run(vault, "true").returncode == 0
    assert not folder.exists()


def test_kill_9_at_any_moment_leaves_nothing_that_is_not_swept(vault: VaultHome, place: Path) -> None:
    for tenths in range(30):
        process = subprocess.Popen(
            vault.command("run-with-secrets", "--secret", "db_password", "--", "true"),
            env=vault.environment(),
            stderr=subprocess.DEVNULL,
        )
        time.sleep(tenths / 200)
        process.kill()
        process.wait(20)
    time.sleep(0.3)
    assert run(vault, "true").returncode == 0
    assert list(place.iterdir()) == []


def test_without_a_folder_in_memory_nothing_is_started(vault: VaultHome, tmp_path: Path) -> None:
    """In a mount namespace of its own, where /dev/shm and /run are on the disk."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = " ".join(
        f"'{word}'" for word in vault.command("run-with-secrets", "--secret", "db_password", "--", "true")
    )
    script = f"mount --bind {disk} /dev/shm && mount --bind {disk} /run && exec {command}"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], env=vault.environment(), capture_output=True)
    assert done.returncode == 4, done.stderr
    assert b"no disk" in done.stderr
    assert list(disk.iterdir()) == []


def test_who_read_it_and_what_for(vault: VaultHome) -> None:
    run(vault, "true", "--flag", "not told")
    said = vault.must("secret", "audit", "db_password")
    assert "run-with-secrets true" in said
    assert "not told" not in said


def test_a_stack_file_that_docker_reads(vault: VaultHome, tmp_path: Path) -> None:
    """The stock client reads what was rewritten, and finds the driver."""
    stack = tmp_path / "stack.yaml"
    stack.write_text(
        'version: "3.8"\nservices:\n  db:\n    image: postgres\n    secrets: [pw]\nsecrets:\n  pw:\n    file: ./pw.txt # x\n'
    )
    (tmp_path / "pw.txt").write_text(CANARY)
    os.chown(stack, 4242, 4343)
    vault.must("secret", "import", stack, "--stack", "shop", "--prefix", "shop/")
    assert (stack.stat().st_uid, stack.stat().st_gid) == (4242, 4343)
    done = subprocess.run(["docker", "stack", "config", "-c", stack], capture_output=True, check=True)
    assert b"driver: pytrust" in done.stdout
    assert b"pytrust.secret: shop/pw" in done.stdout


@pytest.mark.parametrize("hidden", [1, 2])
def test_a_process_that_is_hidden_has_not_ended(tmp_path: Path, hidden: int) -> None:
    """Its program became another user, or has not begun: until then it is as closed to others as we are.

    Nor does it matter whose processes others name in folders of theirs.
    """
    need("" if os.geteuid() == 0 else "only root can become another user")
    script = f"""
import os, pathlib, subprocess
from pytrust.cli.child import run_child
from pytrust.cli.secret_folder import _left_behind, find_process, make_folder, read_process
from pytrust.trust.vault.agent.hygiene import keep_to_itself
subprocess.run(["mount", "-t", "proc", "-o", "hidepid={hidden}", "proc", "/proc"], check=True)
place = pathlib.Path({str(tmp_path)!r}, "shm")
place.mkdir()
place.chmod(0o1777)
used, ended = find_process(1), find_process(os.getpid())._replace(start=1)
(place / f"pytrust-4711-{{used.namespace}}-1-0-{{'0' * 16}}").mkdir()
os.chdir(place)
os.setresuid(4711, 4711, 4711)
place = pathlib.Path()
folders = [make_folder(place, owner, {{"a": b"1"}}) for owner in (used, ended)]
assert list(_left_behind(place)) == folders[1:], list(_left_behind(place))
keep_to_itself()

def prepare(stat):
    folders.append(make_folder(place, read_process(stat), {{"a": b"1"}}))
    assert list(_left_behind(place)) == folders[1:2]
    return {{}}

assert run_child(["true"], prepare) == 0
assert set(_left_behind(place)) == set(folders[1:])
"""
    done = subprocess.run(["unshare", "-m", sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
