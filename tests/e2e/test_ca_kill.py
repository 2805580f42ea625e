"""kill -9 at every write of an authority: never half a pair, never a key that others can read, never a lost record.

strace ends the process with SIGKILL at the k-th system call of a kind that changes a file, for every k until it gets
through. The folder is put back before each try. The umask is 0, so that every mode that is not set shows. A second run
of the same command must then reach the new state.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from tests.fakes.authority import leaf, passphrase, revoked
from tests.rig import ca_worker
from tests.rig.needs import need
from tests.rig.processes import environment, find

from pytrust.trust.errors import PytrustError, Unsound, UsageError
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.index import Holder
from pytrust.trust.pki.folder import CERT, KEY, read
from pytrust.trust.pki.model import Kind, Serial

_STRIDES = {
    "write": 1,
    "pwrite64": 11,  # SQLite's own; some dozens each time
    "rename": 1,
    "renameat": 1,
    "link": 1,
    "symlinkat": 1,
    "unlink": 1,
    "unlinkat": 1,
    "mkdir": 1,
    "mkdirat": 1,
    "fsync": 3,
    "fdatasync": 1,
    "chmod": 1,
    "fchmod": 1,
    "fchmodat": 1,
}
"""Calls that change a file, and every how manieth of them the process is killed at."""
_KILLED = -9
_MOST = 200  # more calls of one kind than any of these makes
_WORKER = Path(ca_worker.__file__)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with an engine and two clients, one of them revoked."""
    need("" if find("strace") else "killing at every write needs strace: scripts/install-packages")
    folder = tmp_path_factory.mktemp("base") / "ca"
    for words in (["create"], ["server", "docker1"], ["client", "alice"], ["client", "bob"], ["revoke", "bob"]):
        ca_worker.main(folder, *words)
    return folder


def run(folder: Path, *words: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    command = [*prefix, sys.executable, str(_WORKER), str(folder), *words]
    settings = environment({"PYTHONDONTWRITEBYTECODE": "1"})
    return subprocess.run(command, env=settings, capture_output=True, check=False, timeout=60)


@contextmanager
def reopened(folder: Path) -> Iterator[Authority]:
    with closing(Authority(folder, passphrase, ca_worker.now)) as authority:
        yield authority


def kill_everywhere(base: Path | None, scratch: Path, *words: str) -> None:
    """Kill at every write, and look at what is left, before and after the same words are said again."""
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda syscall: kill_at_each(base, scratch, words, syscall), _STRIDES))
    assert sum(counts) > 20, counts


def kill_at_each(base: Path | None, scratch: Path, words: tuple[str, ...], syscall: str) -> int:
    for count, number in enumerate(range(1, _MOST, _STRIDES[syscall])):
        with tempfile.TemporaryDirectory(dir=scratch) as temporary:
            folder = Path(temporary) / "home" / "ca"
            folder.parent.mkdir(mode=0o700)
            if base is not None:
                shutil.copytree(base, folder, symlinks=True)
            inject = ("-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=KILL:when={number}")
            done = run(folder, *words, prefix=("strace", "-qqq", "-o", "/dev/null", *inject))
            if done.returncode == 0:
                return count
            assert done.returncode in {_KILLED, 137}, done.stderr
            where = f"{words} killed at {syscall} {number}"
            check_left(folder.parent, where)
            say_again(folder, words)
            check_done(folder, words, where)
    raise AssertionError(f"{words} never got through")


def say_again(folder: Path, words: tuple[str, ...]) -> None:
    """What was done already, to its end, may be refused as such."""
    try:
        ca_worker.main(folder, *words)
    except UsageError as error:
        assert "has a certificate" in str(error) or "there is an authority" in str(error), error
        with reopened(folder) as authority:
            assert not authority.index.behind(ca_worker.now())
    except PytrustError as error:
        assert words == ("add",), error
        assert "was made already" in str(error), error


def check_left(home: Path, where: str) -> None:
    """What must hold at every moment."""
    check_modes(home, where)
    if not (home / "ca" / "ca.db").exists():
        assert not (home / "ca").exists(), where
        return
    with reopened(home / "ca") as authority:
        authority.verify()
        known = {issued.serial for issued in authority.index.all()}
        assert serials_on_disk(home) <= known, f"{where}: a certificate is not recorded"
        for holder in (*authority.index.servers(), *authority.index.clients()):
            check_pair(authority, holder, where)


def check_modes(home: Path, where: str) -> None:
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o077:
            assert path.name in {"ca.pem", "cert.pem", "crl.pem"}, f"{where}: {path} is open to others"
            assert b"PRIVATE" not in path.read_bytes(), where


def serials_on_disk(home: Path) -> set[Serial]:
    found = set()
    for path in home.rglob(CERT):
        if (
            path.is_file()
            and not path.is_symlink()
            and (pem := path.read_bytes()).endswith(b"-----END CERTIFICATE-----\n")
        ):
            found |= {Serial(certificate.serial_number) for certificate in x509.load_pem_x509_certificates(pem)}
    return found


def check_pair(authority: Authority, holder: Holder, where: str) -> None:
    """The folder holds nothing, or a certificate that was recorded for this holder, with its key."""
    assert holder.folder is not None, where
    files = read(holder.folder)
    if not files:
        assert holder.unfinished, where
        return
    assert {KEY, CERT} <= set(files), where
    issued = authority.index.by_serial(Serial(leaf(holder.folder).serial_number))
    assert issued is not None, where
    assert issued.holder == holder.name, where


def check_done(folder: Path, words: tuple[str, ...], where: str) -> None:
    """What was asked for is there, in the folders too, and nothing is left to be done."""
    check_modes(folder.parent, where)
    assert [path.name for path in folder.parent.iterdir()] == ["ca"], where
    with reopened(folder) as authority:
        authority.rewrite_folders()
        authority.verify()
        assert not authority.index.behind(ca_worker.now()), where
        for holder in (*authority.index.servers(), *authority.index.clients()):
            assert holder.folder is not None
            assert leaf(holder.folder) == holder.issued.certificate, where
            assert not [path for path in holder.folder.iterdir() if path.name in {".next", ".live.new"}], where
        check_asked(authority, words, where)


def check_asked(authority: Authority, words: tuple[str, ...], where: str) -> None:
    index = authority.index
    match words:
        case ("server", name, *_):
            assert index.holder(Kind.SERVER, name), where
        case ("client" | "clients", *names):
            assert all(index.holder(Kind.CLIENT, name) for name in names), where
        case ("renew", name):
            assert len(index.live(Kind.SERVER, name, ca_worker.now())) >= 2, where
        case ("revoke", name):
            serial = index.find(name).serial
            assert all(serial in revoked(holder.folder) for holder in index.servers() if holder.folder), where
        case ("add",):
            assert set(index.states(Kind.CLIENT_CA)) == {1, 2}, where
        case _:
            assert words == ("create",)


def test_create(tmp_path: Path) -> None:
    need("" if find("strace") else "killing at every write needs strace: scripts/install-packages")
    kill_everywhere(None, tmp_path, "create")


@pytest.mark.parametrize(
    "words",
    [
        ("server", "docker2", "10.0.0.1", "docker2.example.com"),
        ("client", "carol"),
        ("clients", "carol", "dave"),
        ("renew", "docker1"),
        ("revoke", "alice"),
        ("add",),
    ],
    ids=" ".join,
)
def test_change(base: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    kill_everywhere(base, tmp_path, *words)


def test_eight_at_once_lose_nothing(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "ca"
    shutil.copytree(base, folder, symlinks=True)
    jobs = [("clients", *(f"p{number}-{turn}" for turn in range(5))) for number in range(7)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda words: run(folder, *words), [*jobs, ("revoke", "alice")]))
    assert [one.returncode for one in done] == [0] * 8, [one.stderr for one in done]
    with reopened(folder) as authority:
        authority.verify()
        assert len(authority.index.clients()) == 2 + 35
        assert all(leaf(holder.folder) for holder in authority.index.clients() if holder.folder)
        assert not authority.index.behind(ca_worker.now())
        check_asked(authority, ("revoke", "alice"), "at once")


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0700", "tmpfs", str(place)], check=True, timeout=10
    )
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True, timeout=10)


@pytest.mark.parametrize(
    "words", [("client", "carol"), ("renew", "docker1"), ("revoke", "alice"), ("clients", "dave", "erin")], ids=" ".join
)
def test_a_full_disk_costs_nothing_that_was_there(base: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    need("" if os.geteuid() == 0 else "a small disk needs root")
    refused = 0
    with small_disk(tmp_path / "disk", 2048) as disk:
        for room in range(0, 200, 8):
            folder = disk / "home" / "ca"
            shutil.copytree(base, folder, symlinks=True)
            with filled(disk, room):
                refused += not succeeds(folder, words)
            check_left(folder.parent, f"{words} with room for {room} KiB")
            say_again(folder, words)
            check_done(folder, words, f"{words} after room for {room} KiB")
            shutil.rmtree(folder.parent)
    assert 2 < refused < 25, "the disk was full at some moments and not at others"


def succeeds(folder: Path, words: tuple[str, ...]) -> bool:
    try:
        ca_worker.main(folder, *words)
    except Unsound as error:
        assert error.hint, error
        return False
    return True


@contextmanager
def filled(disk: Path, room: int) -> Iterator[None]:
    """Let nothing but ``room`` KiB be free."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize - room * 1024)
    try:
        yield
    finally:
        ballast.unlink()
