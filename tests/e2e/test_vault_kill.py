"""The vault under kill -9, failing disks and power cuts at every system call: old or new, and always a way in.

strace, attached to a process that has the vault open and is about to change it, kills it at the k-th call of a kind, or
makes that call fail, for every k until the change gets through. The folder is put back before each try.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.fakes.vault_store import NOW, Dump, VaultStore, desk_of, dump, seed, slot, value
from tests.rig import vault_counter, vault_worker
from tests.rig.needs import need
from tests.rig.power import crashes
from tests.rig.processes import environment, find

from pytrust.trust.errors import NotSetUp, Unsound
from pytrust.trust.vault.folder import MADE
from pytrust.trust.vault.header import open_slot, read_header
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Audit, List, Put, Trail

_KILL_AT = (
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "lseek",
    "fsync",
    "fchmod",
    "rename",
    "unlink",
    "mkdir",
    "flock",
    "close",
)
_FAULTS = (
    ("write", errno.ENOSPC),
    ("write", errno.EDQUOT),
    ("write", errno.EIO),
    ("pwrite64", errno.ENOSPC),
    ("fsync", errno.EIO),
    ("rename", errno.EIO),
    ("openat", errno.ENOSPC),
    ("openat", errno.EMFILE),
    ("ftruncate", errno.EIO),
    ("fchmod", errno.EROFS),
    ("unlink", errno.EIO),
    ("mkdir", errno.EDQUOT),
    ("flock", errno.ENOLCK),
)
_INTERRUPTED = ("write", "openat", "fsync", "flock", "ftruncate", "rename")
_MOST = 60  # calls of one kind, more than any change makes
_KILLED = -signal.SIGKILL


class Tried(NamedTuple):
    """``said``: what the process told before it ended; ``hit``: whether the call was part of the change."""

    status: int
    said: list[Any]
    hit: bool
    log: str


class Worker:
    """``vault_worker.py``, which forks a process for each try."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        command = [sys.executable, vault_worker.__file__]
        settings = environment({"PYTHONDONTWRITEBYTECODE": "1"})
        self._process = subprocess.Popen(
            command, env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._count = 0

    def attempt(self, base: VaultStore | None, verb: str, how: str, *options: str) -> tuple[VaultStore, Tried]:
        """Let a process change a copy of ``base`` under strace."""
        self._count += 1
        at = self.scratch / str(self._count)
        if base:
            shutil.copytree(base.at, at)
        else:
            at.mkdir(0o700)
        self._write([str(at), verb, how])
        log = at.with_suffix(".log")
        pid = self._read()
        with self._traced(pid, log, *options):
            said: list[Any] = []
            while not isinstance(found := self._read(), dict):
                said.append(found)
        text = log.read_text()
        hit = "(INJECTED" in text.partition("getppid")[0]
        return VaultStore(at), Tried(found["status"], said, hit, text)

    @contextmanager
    def _traced(self, pid: int, log: Path, *options: str) -> Iterator[None]:
        while _state(pid) != "T":
            time.sleep(0.001)
        command = ["strace", "-p", str(pid), "-o", str(log), *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            first = tracer.stderr.readline()
            assert "attached" in first, first
            os.kill(pid, signal.SIGCONT)
            yield
            tracer.wait(20)

    def _write(self, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=20)
        assert not self._process.returncode


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> VaultStore:
    """Three values of two secrets, and two slots."""
    need("" if find("strace") else "failing at every call needs strace: scripts/install-packages")
    store = VaultStore(tmp_path_factory.mktemp("base") / "at")
    store.at.mkdir(0o700)
    store.create().ask(*vault_worker.BASE)
    with closing(store.open()) as vault:
        vault.add_slot(slot(1), NOW)
    return store


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Worker]]:
    made = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        made.append(Worker(tmp_path / str(number)))
    yield made
    for worker in made:
        worker.close()


def outcome(base: VaultStore, verb: str, scratch: Path) -> tuple[Dump, set[str]]:
    """What the vault holds after the change, and who can open it."""
    copy = VaultStore(scratch / f"outcome-{verb}")
    shutil.copytree(base.at, copy.at)
    with closing(copy.open()) as vault:
        vault_worker.change(vault, verb)
    return seen(copy)


def seen(store: VaultStore) -> tuple[Dump, set[str]]:
    """What a new opener finds, by every slot there is."""
    header = read_header(store.folder)
    for each in header.slots:
        open_slot(header, each, seed(int(each.label))).wipe()
    return store.dump(), {each.label for each in header.slots}


def check_private(store: VaultStore) -> None:
    for path in store.at.rglob("*"):
        if path.suffix != ".log":
            mode = path.stat().st_mode & 0o777
            assert mode == (0o700 if path.is_dir() else 0o600), path


def each_call(calls: tuple[Any, ...], workers: list[Worker], work: Callable[[Worker, Any], int]) -> int:
    """``work`` for each kind of call, with every worker busy; gives the sum of what it gives."""
    shares = [calls[number :: len(workers)] for number in range(len(workers))]
    with ThreadPoolExecutor(len(workers)) as pool:
        return sum(pool.map(lambda worker, share: sum(work(worker, each) for each in share), workers, shares))


@pytest.mark.parametrize("verb", vault_worker.VERBS)
def test_killed_at_every_call(base: VaultStore, workers: list[Worker], verb: str, tmp_path: Path) -> None:
    old, new = seen(base), outcome(base, verb, tmp_path)

    def kill(worker: Worker, call: str) -> int:
        for number in range(1, _MOST):
            store, tried = worker.attempt(
                base, verb, "once", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"
            )
            assert tried.status in {0, _KILLED}, tried
            if not tried.status:
                return number - 1
            assert seen(store) in (old, new), (verb, call, number)
            check_private(store)
            say_again(store, verb, finished=new)
            shutil.rmtree(store.at)
        raise AssertionError(f"{verb} never got through {call}")

    assert each_call(_KILL_AT, workers, kill) > 20


def say_again(store: VaultStore, verb: str, *, finished: tuple[Dump, set[str]]) -> None:
    """A second run finishes, and nothing of the first is left over."""
    before = seen(store)
    with closing(store.open()) as vault:
        if before != finished or verb == "rekey":
            vault_worker.change(vault, verb)
        assert before == finished or seen(store) == finished
        vault.rekey(NOW)
        kept = {
            each.record for name in vault.names() for each in vault.secret(name).versions
        }  # of what is not referred to, nothing stays
        there = {path.parent.name + path.name for path in store.folder.glob("records/??/*")}
        epoch = vault.header.epoch
    assert there == kept
    assert [path.name for path in store.folder.glob("manifest-*")] == [f"manifest-{epoch}"]


def test_killed_while_it_is_made(base: VaultStore, workers: list[Worker]) -> None:
    def kill(worker: Worker, call: str) -> int:
        for number in range(1, _MOST):
            store, tried = worker.attempt(
                None, "create", "once", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"
            )
            if not tried.status:
                return number - 1
            check_private(store)
            try:
                read_header(store.folder)
            except NotSetUp:
                store.create()
            assert seen(store) == ({}, {"0"})
        raise AssertionError(f"never got through {call}")

    assert each_call(_KILL_AT, workers, kill) > 15


@pytest.mark.parametrize("verb", vault_worker.VERBS)
def test_failing_at_every_call(base: VaultStore, workers: list[Worker], verb: str, tmp_path: Path) -> None:
    """What is reported is so, on the disk and in the process that goes on with the same open vault."""
    old, new = seen(base), outcome(base, verb, tmp_path)

    def fail(worker: Worker, fault: tuple[str, int]) -> int:
        call, number = fault
        name = errno.errorcode[number]
        for when in range(1, _MOST):
            inject = f"inject={call}:error={name}:when={when}"
            store, tried = worker.attempt(base, verb, "on", "-e", f"trace={call},getppid", "-e", inject)
            if not tried.hit:
                return when - 1
            check_told(store, verb, tried, old, new)
            shutil.rmtree(store.at)
        raise AssertionError(f"{verb} never got through {call}")

    assert each_call(_FAULTS, workers, fail) > 20


def check_told(
    store: VaultStore, verb: str, tried: Tried, old: tuple[Dump, set[str]], new: tuple[Dump, set[str]]
) -> None:
    [[error, shown, after]] = tried.said
    assert not error or error[0] == "Unsound", tried
    made = not error or error[2] == MADE
    state, slots = seen(store)
    if isinstance(shown, str):  # new keys, and it failed before this process had them
        assert error, tried
        assert error[2] == MADE, tried
        assert verb in {"rekey", "slot-remove"}, tried
        assert after[0] == "VaultLocked", tried
        assert (state, slots) == new
        return
    expected, openers = new if made else old
    assert slots == openers, tried
    assert shown == as_told(expected), tried
    assert after == [], tried
    assert {name: kept for name, kept in state.items() if name != "b"} == {
        name: kept for name, kept in expected.items() if name != "b"
    }, tried
    assert max(state["b"][1].items())[1] == b"after"


def as_told(state: Dump) -> dict[str, list[object]]:
    return {
        name: [keep, {str(number): data.decode() for number, data in values.items()}]
        for name, (keep, values) in state.items()
    }


def test_interrupted_calls_are_made_again(base: VaultStore, workers: list[Worker], tmp_path: Path) -> None:
    new = outcome(base, "put-many", tmp_path)

    def interrupt(worker: Worker, call: str) -> int:
        inject = f"inject={call}:error=EINTR:when=1..3+2"
        _, tried = worker.attempt(base, "put-many", "on", "-e", f"trace={call},getppid", "-e", inject)
        [[error, shown, _]] = tried.said
        assert tried.hit
        if call != "rename":  # which no system interrupts; it fails as any other
            assert not error, tried
            assert shown == as_told(new[0])
        return 1

    each_call(_INTERRUPTED, workers, interrupt)


@pytest.mark.parametrize("verb", [*vault_worker.VERBS, "create"])
def test_power_cut_after_every_call(base: VaultStore, workers: list[Worker], verb: str, tmp_path: Path) -> None:
    """Nothing that was not flushed need be there: neither data, nor names, in whatever order."""
    first = None if verb == "create" else base
    allowed = [({}, {"0"})] if first is None else [seen(base), outcome(base, verb, tmp_path)]
    options = (
        "-y",
        "-xx",
        "-s",
        "1000000",
        "-e",
        "trace=openat,write,pwrite64,lseek,ftruncate,fsync,rename,unlink,mkdir,getppid",
    )
    store, tried = workers[0].attempt(first, verb, "read", *options)
    assert not tried.status
    count = 0
    for number, crash in enumerate(crashes(first.at if first else None, store.at, tried.log)):
        left = VaultStore(tmp_path / f"left-{number}")
        crash.write(left.at)
        if first is None and not (left.folder / "vault.json").exists():
            left.create()
        assert seen(left) in allowed, crash
        shutil.rmtree(left.at)
        count += 1
    assert count > 10


@contextmanager
def mounted(at: Path, options: str) -> Iterator[None]:
    need("" if os.geteuid() == 0 else "mounting needs root")
    at.mkdir(0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "pytrust-test", at], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", at], check=True)


def test_a_full_disk(tmp_path: Path) -> None:
    """At whatever the disk gets full, what was reported as kept is there, and when there is space it goes on."""
    name = SecretName("a")
    kept: list[int] = []
    with mounted(tmp_path / "disk", "size=768k,mode=0700"):
        store = VaultStore(tmp_path / "disk" / "at")
        store.at.mkdir(0o700)
        with closing(store.create().open()) as vault:
            desk = desk_of(vault)
            for number in range(400):
                filler = store.at / f"filler-{number}"
                try:
                    desk.ask(Put(name=name, value=str(number).encode() * 40, keep=2))
                    kept.append(number)
                except Unsound as error:
                    if error.hint == MADE:
                        kept.append(number)
                    for path in list(store.at.glob("filler-*"))[: 1 + number % 3]:
                        path.unlink()
                else:
                    try:
                        filler.write_bytes(bytes(random.Random(number).randrange(1, 60_000)))
                    except OSError as full:
                        assert full.errno == errno.ENOSPC
                try:
                    assert value(desk, name) == str(kept[-1]).encode() * 40
                except Unsound as error:  # no room for the entry of the audit: nothing is given out
                    assert "audit" in str(error)
            for path in store.at.glob("filler-*"):
                path.unlink()
            assert not list(store.at.rglob("*.new"))
            desk.ask(Put(name=name, value=b"after"))
        assert 20 < len(kept) < 390
        assert value_of(store) == b"after"


def value_of(store: VaultStore) -> bytes:
    return max(store.dump()["a"][1].items())[1]


def test_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m,mode=0700"):
        store = VaultStore(tmp_path / "disk" / "at")
        store.at.mkdir(0o700)
        with closing(store.create().open()) as vault:
            desk = desk_of(vault)
            desk.ask(Put(name=SecretName("a"), value=b"1"))
            os.sync()
            done = subprocess.run(["mount", "-o", "remount,ro", tmp_path / "disk"], capture_output=True)
            if done.returncode:  # the audit is open for writing; then the mount is covered by a read-only one
                subprocess.run(["mount", "--bind", tmp_path / "disk", tmp_path / "disk"], check=True)
                subprocess.run(["mount", "-o", "remount,ro,bind", tmp_path / "disk"], check=True)
            for work in (
                lambda: desk.ask(Put(name=SecretName("a"), value=b"2")),
                lambda: vault.rekey(NOW),
                lambda: vault.add_slot(slot(1), NOW),
                store.open,
            ):
                with pytest.raises(Unsound):
                    work()
            if done.returncode:
                subprocess.run(["umount", tmp_path / "disk"], check=True)
            else:
                subprocess.run(["mount", "-o", "remount,rw", tmp_path / "disk"], check=True)
            assert dump(desk) == {"a": (10, {1: b"1"})}
            desk.ask(Put(name=SecretName("a"), value=b"3"))
        assert value_of(store) == b"3"


def test_32_processes_some_killed(tmp_path: Path) -> None:
    """Each adds one by check-and-set, and notes what it was told; a value that is not its own number was lost."""
    store = VaultStore(tmp_path)
    store.create().ask(Put(name=vault_counter.NAME, value=b"1", keep=100))
    settings = environment({"PYTHONDONTWRITEBYTECODE": "1"})
    chance = random.Random(1)
    logs = [tmp_path / f"log-{number}" for number in range(32)]
    started = [
        subprocess.Popen(
            [sys.executable, vault_counter.__file__, tmp_path, log, "12"], env=settings, stderr=subprocess.PIPE
        )
        for log in logs
    ]
    while sum(log.exists() for log in logs) < len(logs):
        time.sleep(0.02)
    victims = started[:12]
    for victim in victims:
        time.sleep(chance.random() / 4)
        victim.kill()
    ends = [process.communicate(timeout=100)[1] for process in started]
    assert not [end for process, end in zip(started, ends, strict=True) if process not in victims and end]
    told = [line for log in logs for line in log.read_text().split()]
    done, conflicts = [int(line) for line in told if line.isdecimal()], told.count("conflict")
    with closing(store.open()) as vault:
        desk = desk_of(vault)
        secret = vault.find(vault.names()[0])
        assert secret is not None
        assert not list(vault.verify())
        assert [value(desk, secret.name, each.number) for each in secret.versions] == [
            str(each.number).encode() for each in secret.versions
        ]
        trail = desk.ask(Audit(limit=100_000))
        assert isinstance(trail, Trail)
    assert len(set(done)) == len(done), "one number was given to two"
    assert len(done) <= secret.current.number - 1 <= len(done) + len(victims)
    assert len(done) >= 20 * 12
    assert conflicts
    assert len([read for read in trail.reads if read.purpose == "count"]) >= len(done) + conflicts


def test_the_lock_of_a_killed_holder_is_free(base: VaultStore, workers: list[Worker], tmp_path: Path) -> None:
    store, tried = workers[0].attempt(
        base, "put", "once", "-e", "trace=rename", "-e", "inject=rename:signal=KILL:when=1"
    )
    assert tried.status == _KILLED
    began = time.monotonic()
    store.ask(Put(name=SecretName("a"), value=b"1"), List())
    assert time.monotonic() - began < 1
    assert value_of(store) == b"1"
