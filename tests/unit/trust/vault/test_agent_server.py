"""The agent, spoken to over its socket: by clients that behave, and by others."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.fakes.agent import KEY, NOW, World, agent, until

from pytrust.trust.errors import (
    BadPermissions,
    Busy,
    Conflict,
    NoSuchSecret,
    PytrustError,
    UsageError,
    VaultLocked,
    WrongPassphrase,
)
from pytrust.trust.limits import AGENT_CONNECTIONS_MAX, AGENT_REQUEST_MAX_BYTES
from pytrust.trust.names import CollectionName
from pytrust.trust.vault.agent import connection, server
from pytrust.trust.vault.agent.client import AgentVault
from pytrust.trust.vault.agent.place import claimed
from pytrust.trust.vault.agent.wire import Ask, Status, encode_request
from pytrust.trust.vault.callers import ImageCaller
from pytrust.trust.vault.model import Reader
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Audit, Find, Get, List, Operation, Page, Put, Trail, Value

WEB, API = SecretName("web"), SecretName("api")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "vault.sock"


@pytest.fixture
def client(path: Path, world: World) -> Iterator[AgentVault]:
    with agent(path, world):
        yield AgentVault(path)


def value(answer: object) -> bytes:
    assert isinstance(answer, Value)
    return answer.value


def raw(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(str(path))
    return sock


def test_a_life(client: AgentVault) -> None:
    with pytest.raises(VaultLocked, match="^the vault is locked$"):
        client.ask(Get(name=WEB))
    opened = client.unlock(KEY, idle=60)
    assert (opened.open, opened.since, opened.idle, opened.pid) == (True, NOW, 60, os.getpid())
    client.ask(Put(name=WEB, value=b"v" * 1_000_000))
    assert value(client.ask(Get(name=WEB))) == b"v" * 1_000_000
    assert not client.lock().open
    with pytest.raises(VaultLocked):
        client.ask(Get(name=WEB))


def test_errors_are_raised_here_as_they_were_there(client: AgentVault) -> None:
    client.unlock(KEY)
    with pytest.raises(NoSuchSecret) as missing:
        client.ask(Get(name=WEB))
    assert missing.value.hint
    client.ask(Put(name=WEB, value=b"1"))
    with pytest.raises(Conflict):
        client.ask(Put(name=WEB, value=b"2", expect=0))


def test_a_wrong_key_opens_nothing_and_closes_nothing(client: AgentVault, world: World) -> None:
    with pytest.raises(WrongPassphrase):
        client.unlock(b"x" * 32)
    client.unlock(KEY)
    with pytest.raises(WrongPassphrase):
        client.unlock(b"x" * 32)
    assert [kept.closed for kept in world.opened] == [False]


def test_opening_it_anew_closes_what_was_open(client: AgentVault, world: World) -> None:
    client.unlock(KEY)
    client.unlock(KEY)
    assert [kept.closed for kept in world.opened] == [True, False]


def test_the_owner_speaks_for_others_and_is_named_himself(client: AgentVault) -> None:
    client.unlock(KEY)
    client.ask(Put(name=WEB, value=b"1", readers=(Reader("image:docker.io/foo/web"),)))
    web, api = (ImageCaller(CollectionName(f"docker.io/foo/{name}")) for name in ("web", "api"))
    assert value(client.ask(Get(name=WEB), caller=web)) == b"1"
    with pytest.raises(NoSuchSecret):
        client.ask(Get(name=WEB), caller=api)
    client.ask(Get(name=WEB))
    trail = client.ask(Audit())
    assert isinstance(trail, Trail)
    assert [read.caller for read in trail.reads] == [
        "image:docker.io/foo/web",
        "image:docker.io/foo/api",
        f"uid:{os.getuid()}",
    ]


def test_a_vault_with_new_keys_is_lost_until_they_come(client: AgentVault, world: World) -> None:
    class Rekeyed:
        def ask(self, *_: object, **__: object) -> Value:
            raise VaultLocked("the vault has new keys since it was opened here")

    before, world.vaulted = world.vaulted, Rekeyed()
    client.unlock(KEY)
    with pytest.raises(VaultLocked, match="new keys"):
        client.ask(Get(name=WEB))
    standing = client.status()
    assert standing is not None
    assert (standing.open, standing.lost, world.opened[0].closed) == (False, True, True)
    world.vaulted = before
    assert not client.unlock(KEY).lost
    client.ask(List())


def test_idle(path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "AGENT_LOOK_INTERVAL", 0.01)
    with agent(path, world, idle=60):
        client = AgentVault(path)
        world.steady = 1000.0
        client.unlock(KEY)
        world.steady += 59
        client.ask(List())
        world.steady += 59
        with pytest.raises(NoSuchSecret):  # no use: else anybody could keep it open
            client.ask(Find(name=WEB))
        client.status()
        time.sleep(0.2)  # for some looks at the clock
        assert not world.opened[0].closed
        world.steady += 1
        until(lambda: world.opened[0].closed)
        assert world.told == [False, True, False]


@pytest.mark.parametrize("idle", [0, 60])
def test_an_agent_that_was_started_by_unlock_ends_with_lock(path: Path, world: World, idle: int) -> None:
    with agent(path, world, idle=idle, once=True) as thread:
        client = AgentVault(path)
        client.unlock(KEY)
        if idle:
            world.steady += idle
        else:
            client.lock()
        thread.join(10)
        assert not thread.is_alive()
        assert client.status() is None
        assert not path.exists()


def test_an_agent_that_was_started_by_unlock_stays_when_it_is_rekeyed(path: Path, world: World) -> None:
    with agent(path, world, once=True) as thread:
        client = AgentVault(path)
        client.unlock(KEY)
        world.vaulted.closed = True  # type: ignore[attr-defined]
        with pytest.raises(VaultLocked):
            client.ask(List())
        thread.join(1.5)
        assert thread.is_alive()


def test_the_end_closes_the_vault_and_takes_the_socket_away(path: Path, world: World) -> None:
    with agent(path, world):
        AgentVault(path).unlock(KEY)
    assert world.opened[0].closed
    assert not path.exists()


def test_the_socket_is_the_owners(client: AgentVault, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert client.status() is not None


JUNK = {
    "words": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "too long": (AGENT_REQUEST_MAX_BYTES + 1).to_bytes(4, "big"),
    "the longest length": b"\xff" * 4 + b"x" * 100_000,
    "nothing": b"\x00" * 4,
    "junk": b"\x00\x00\x00\x05hello" * 50,
    "half a length": b"\x00",
    "half a request": encode_request(Status())[:-1],
    "an answer": b"\x00\x00\x00\x0e\x82\xa4type\xa6Status\xc0",
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_junk_harms_nobody(client: AgentVault, path: Path, world: World, junk: bytes) -> None:
    client.unlock(KEY)
    client.ask(Put(name=WEB, value=b"1"))
    with raw(path) as sock:
        try:
            sock.sendall(junk)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except (ConnectionError, BrokenPipeError):
            pass
    assert value(client.ask(Get(name=WEB))) == b"1"
    assert world.opened[0].closed is False


def test_requests_in_one_piece_or_byte_by_byte(client: AgentVault, path: Path) -> None:
    client.unlock(KEY)
    client.ask(Put(name=WEB, value=b"1"))
    ask = encode_request(Ask(Get(name=WEB)))
    with raw(path) as sock, sock.makefile("rb") as answers:
        for byte in ask:
            sock.sendall(bytes((byte,)))
        sock.sendall(ask * 10)
        for _ in range(11):
            size = int.from_bytes(answers.read(4), "big")
            assert b"Value" in answers.read(size)


def test_clients_that_begin_and_do_not_end_are_cut(
    client: AgentVault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AGENT_REQUEST_TIMEOUT", 0.1)
    with raw(path) as slow, raw(path) as silent:
        slow.sendall(b"\x00\x00")
        assert slow.recv(1) == b""
        silent.sendall(encode_request(Status()))
        assert silent.recv(4)
    assert client.status()


def test_a_client_that_does_not_read_is_cut_and_keeps_nobody_waiting(
    client: AgentVault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AGENT_ANSWER_TIMEOUT", 0.1)
    client.unlock(KEY)
    client.ask(Put(name=WEB, value=bytes(1_000_000)))
    with raw(path) as deaf:
        deaf.sendall(encode_request(Ask(Get(name=WEB))) * 20)
        assert len(value(client.ask(Get(name=WEB)))) == 1_000_000
        until(lambda: _ended(deaf))


def _ended(sock: socket.socket) -> bool:
    """Whether the other end is closed, whatever is still to be read."""
    import select

    poll = select.poll()
    poll.register(sock, select.POLLHUP)
    return bool(poll.poll(0))


def test_one_too_many_makes_the_longest_silent_one_go(client: AgentVault, path: Path) -> None:
    client.unlock(KEY)
    crowd = [raw(path) for _ in range(AGENT_CONNECTIONS_MAX)]
    try:
        assert crowd[-1].send(encode_request(Status()))
        assert crowd[-1].recv(4)
        client.ask(List())  # whose connection was the oldest: it is made again
        until(lambda: _ended(crowd[0]))
    finally:
        for sock in crowd:
            sock.close()


def test_whoever_waits_for_an_answer_is_not_the_one_to_go(
    path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AGENT_CONNECTIONS_MAX", 2)
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        def ask(self, operation: Operation, **_: object) -> Page:
            begun.set()
            assert go_on.wait(10)
            return Page(secrets=())

    world.vaulted = Slow()
    with agent(path, world), ThreadPoolExecutor(1) as other:
        AgentVault(path).unlock(KEY)
        waiting = other.submit(lambda: AgentVault(path).ask(List()))
        assert begun.wait(10)
        with raw(path) as silent, raw(path):
            until(lambda: _ended(silent))
            go_on.set()
            assert waiting.result(10) == Page(secrets=())


def test_a_hundred_clients(client: AgentVault, path: Path) -> None:
    client.unlock(KEY)

    def work(number: int) -> bool:
        mine, name = AgentVault(path), SecretName(f"s{number}")
        mine.ask(Put(name=name, value=str(number).encode()))
        return all(value(mine.ask(Get(name=name))) == str(number).encode() for _ in range(5))

    with ThreadPoolExecutor(100) as threads:
        assert all(threads.map(work, range(100)))
    page = client.ask(List())
    assert isinstance(page, Page)
    assert len(page.secrets) == 100


def test_several_threads_share_one_client(client: AgentVault) -> None:
    client.unlock(KEY)
    for name in (WEB, API):
        client.ask(Put(name=name, value=name.encode() * 1000))

    def work(name: SecretName) -> bool:
        return all(value(client.ask(Get(name=name))) == name.encode() * 1000 for _ in range(50))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, [WEB, API] * 8))


def test_a_client_finds_an_agent_that_was_started_anew(path: Path, world: World) -> None:
    client = AgentVault(path)
    assert client.status() is None
    with pytest.raises(VaultLocked, match="nobody holds the vault open"):
        client.ask(List())
    for _ in range(2):
        with agent(path, world):
            client.unlock(KEY)
            client.ask(List())


FORKED = """
import os, sys, threading
from pathlib import Path
from pytrust.trust.vault.agent.client import AgentVault
client = AgentVault(Path(sys.argv[1]))
assert client.status().open
client._lock.acquire()  # as if another thread was in the middle of a request
if child := os.fork():
    os.waitpid(child, 0)
    client._lock.release()
print(client.status().open, flush=True)
"""


def test_a_client_in_a_forked_process_has_a_connection_of_its_own(client: AgentVault, path: Path) -> None:
    client.unlock(KEY)
    done = subprocess.run([sys.executable, "-c", FORKED, str(path)], capture_output=True, timeout=20)
    assert done.stdout.split() == [b"True", b"True"], done.stderr


def test_never_two(client: AgentVault, path: Path) -> None:
    with pytest.raises(Busy, match="listens at"), claimed(path, shared=False):
        pass
    assert client.status()


def test_what_a_dead_one_left_is_replaced(path: Path, world: World) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with agent(path, world):
        assert AgentVault(path).status()


def test_a_long_path(tmp_path: Path, world: World) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    for each in (tmp_path, folder.parent, folder):
        each.chmod(0o700)
    with agent(folder / "vault.sock", world):
        assert AgentVault(folder / "vault.sock").status()


def test_a_place_that_is_not_ours(path: Path, tmp_path: Path) -> None:
    path.write_text("a file")
    with pytest.raises(UsageError, match="no socket"), claimed(path, shared=False):
        pass
    assert path.read_text() == "a file"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.sock")
    with pytest.raises(UsageError, match="no socket"), claimed(path, shared=False):
        pass
    path.unlink()
    path.with_name("vault.sock.lock").unlink()
    path.with_name("vault.sock.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(BadPermissions, match="symbolic link"), claimed(path, shared=False):
        pass
    assert not (tmp_path / "victim").exists()
    tmp_path.chmod(0o777)
    with pytest.raises(BadPermissions, match="open to others"), claimed(path, shared=False):
        pass


def test_a_socket_that_took_our_place_is_left_alone(path: Path) -> None:
    with claimed(path, shared=False):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
    assert path.exists()


def test_a_shared_socket_is_open_to_all(path: Path) -> None:
    with claimed(path, shared=True):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_nonsense_from_the_other_end(path: Path) -> None:
    """Whoever listens there, the client says what is wrong, begins anew the next time, and does not hang or grow."""
    answers = [b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b"\x00\x00", b""]
    left_open = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(8)

        def serve() -> None:
            for answer in answers:
                sock, _ = listening.accept()
                sock.recv(1000)
                sock.sendall(answer)
                if len(answer) < 4:
                    sock.close()
                left_open.append(sock)

        thread = threading.Thread(target=serve)
        thread.start()
        client = AgentVault(path)
        said = []
        for _ in answers:
            try:
                client.ask(List())
            except PytrustError as error:
                said.append(error.code)
        thread.join(10)
    for sock in left_open:
        sock.close()
    assert said == ["bad-metadata", "bad-metadata", "vault-locked", "vault-locked"]
