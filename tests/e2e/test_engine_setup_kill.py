"""kill -9 at every write of a set-up, and of a rollback: no port without TLS, and the next command finishes the work.

strace ends the command with SIGKILL at the k-th system call of a kind that changes a file, for every k until it gets
through.
"""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.rig.needs import need
from tests.rig.processes import environment, find

from pytrust.policy.engine_setup.apply import apply, rollback, settle
from pytrust.policy.engine_setup.places import Places
from pytrust.policy.engine_setup.plan import make_plan
from pytrust.trust.errors import NotSetUp

ROOT = Path(__file__).parents[2]
SYSCALLS = ("write", "rename", "unlink", "rmdir", "fsync", "mkdir", "chmod", "fchmod")
_KILLED = -9
_MOST = 60  # more calls of one kind than either makes
BEFORE = b'{\n\t"debug": true\n}'
COMMON = """
import sys
from pathlib import Path
from pytrust.policy.engine_setup.apply import apply, rollback, settle
from pytrust.policy.engine_setup.places import Places
from pytrust.policy.engine_setup.plan import make_plan
root = Path(sys.argv[1])
"""
SET_UP = COMMON + "apply(make_plan(Places(root / 'h').look(), '/srv/tls', 2376), root / 'home/ca/engine')"
ROLL_BACK = COMMON + "rollback(root / 'home/ca/engine', force=False)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host as packages leave it, with a daemon.json of its own mode."""
    need("" if find("strace") else "killing at every write needs strace: scripts/install-packages")
    made = tmp_path / "root"
    units = made / "h/usr/lib/systemd/system"
    units.mkdir(parents=True)
    (units / "docker.service").write_text("[Service]\nExecStart=/usr/bin/dockerd -H fd://\n")
    (units / "docker.socket").write_text("[Socket]\nListenStream=/run/docker.sock\n")
    (made / "h/etc/docker").mkdir(parents=True)
    (made / "h/etc/docker/daemon.json").write_bytes(BEFORE)
    (made / "h/etc/docker/daemon.json").chmod(0o640)
    return made


def look(root: Path) -> dict[str, tuple[int, bytes]]:
    """All of the host, folders too."""
    paths = sorted((root / "h").rglob("*"))
    return {
        str(path.relative_to(root)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes() if path.is_file() else b"")
        for path in paths
    }


def copies(root: Path, script: str, syscall: str, *, done_before: bool) -> Iterator[Path]:
    """A copy of ``root`` for each call of ``syscall``, in which ``script`` was killed at that call.

    ``done_before``: a set-up was made in the copy before (its record names the copy's own paths).
    """
    for number in range(1, _MOST):
        with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
            here = Path(scratch) / "root"
            shutil.copytree(root, here)
            if done_before:
                set_up(here)
            inject = ("-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=KILL:when={number}")
            command = ["strace", "-f", "-qqq", "-o", "/dev/null", *inject, sys.executable, "-c", script, str(here)]
            settings = environment({"PYTHONDONTWRITEBYTECODE": "1"})
            done = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=ROOT, env=settings)
            if done.returncode == 0:
                return
            assert done.returncode in {_KILLED, 137}, done.stderr
            yield here
    raise AssertionError(f"{syscall}: it never got through")


def set_up(root: Path) -> None:
    apply(make_plan(Places(root / "h").look(), "/srv/tls", 2376), root / "home/ca/engine")


def check_safe(root: Path) -> None:
    """No port without TLS, no file half-written, nothing wider than it should be."""
    daemon_json = root / "h/etc/docker/daemon.json"
    drop_in = root / "h/etc/systemd/system/docker.socket.d/zz-pytrust.conf"
    data = daemon_json.read_bytes()
    assert data == BEFORE or data.endswith(b'key.pem"\n}')
    assert stat.S_IMODE(daemon_json.stat().st_mode) == 0o640
    if drop_in.exists():
        assert data != BEFORE
        assert drop_in.read_text().endswith("ListenStream=2376\n")
    for path in (root / "home").rglob("*.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_set_up(root: Path) -> None:
    before = look(root)

    def kill(syscall: str) -> int:
        count = 0
        for here in copies(root, SET_UP, syscall, done_before=False):
            count += 1
            check_safe(here)
            records = here / "home/ca/engine"
            settle(records)
            set_up(here)
            assert (here / "h/etc/systemd/system/docker.socket.d/zz-pytrust.conf").exists()
            rollback(records, force=False)
            assert look(here) == before
        return count

    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(SYSCALLS, pool.map(kill, SYSCALLS), strict=True))
    assert counts["rename"] >= 4, counts
    assert counts["fsync"] >= 8, counts
    assert counts["mkdir"] >= 3, counts


def test_a_rollback(root: Path) -> None:
    before = look(root)

    def kill(syscall: str) -> int:
        count = 0
        for here in copies(root, ROLL_BACK, syscall, done_before=True):
            count += 1
            check_safe(here)
            records = here / "home/ca/engine"
            if count % 2 and settle(records):
                assert look(here) == before
                continue
            try:
                rollback(records, force=False)
            except NotSetUp:  # it was done, but for the last flush
                assert not list(records.glob("*.json"))
            assert look(here) == before
        return count

    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(SYSCALLS, pool.map(kill, SYSCALLS), strict=True))
    assert counts["unlink"] >= 2, counts
    assert counts["rmdir"] >= 2, counts
