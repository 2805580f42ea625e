"""Other users at the agent: what they must not learn from the time that it takes, and must not fill."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.agent import KEY, World, agent

from pytrust.trust.errors import NoSuchSecret
from pytrust.trust.vault.agent import connection, server
from pytrust.trust.vault.agent.client import AgentVault
from pytrust.trust.vault.agent.pace import Pace
from pytrust.trust.vault.agent.visitor import Visitor
from pytrust.trust.vault.agent.wire import Ask, encode_request
from pytrust.trust.vault.model import Reader
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Audit, Get, Put, Trail, Value

UID = 4711
MINE, THEIRS, ABSENT = SecretName("mine"), SecretName("theirs"), SecretName("absent")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "vault.sock"


@pytest.fixture
def world() -> World:
    """A vault with a secret for the other user, and one that is not for him."""
    made = World()
    made.vaulted.ask(Put(name=MINE, value=b"m", readers=(Reader(f"uid:{UID}"),)))
    made.vaulted.ask(Put(name=THEIRS, value=b"t"))
    return made


@pytest.fixture
def guest(path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[AgentVault]:
    """Everybody who comes is another user from now on, once the owner has opened the vault."""
    monkeypatch.setattr(server, "AGENT_GUEST_BURST", 4)
    monkeypatch.setattr(server, "AGENT_GUEST_RATE", 20.0)
    with agent(path, world):
        owner = AgentVault(path)
        owner.unlock(KEY)
        monkeypatch.setattr(connection, "visitor", lambda _: Visitor(UID, frozenset(), owner=False))
        yield AgentVault(path)


def entries(world: World) -> int:
    trail = world.vaulted.ask(Audit(limit=10_000))
    assert isinstance(trail, Trail)
    return len(trail.reads)


def test_a_refusal_takes_the_same_time_whatever_was_looked_at(
    guest: AgentVault, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "AGENT_REFUSAL_SECONDS", 0.15)
    before = world.vaulted.ask

    def slow(operation: object, **more: object) -> object:
        """As if whoever has many groups was compared with many readers."""
        if isinstance(operation, Get) and operation.name == THEIRS:
            time.sleep(0.1)
        return before(operation, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(world.vaulted, "ask", slow)
    for name in (THEIRS, ABSENT):
        begun = time.monotonic()
        with pytest.raises(NoSuchSecret):
            guest.ask(Get(name=name))
        assert 0.15 <= time.monotonic() - begun < 0.22, name
    begun = time.monotonic()
    assert isinstance(guest.ask(Get(name=MINE)), Value)
    assert time.monotonic() - begun < 0.1


def test_who_asks_often_waits_his_turn(guest: AgentVault, world: World) -> None:
    begun = time.monotonic()
    for _ in range(14):  # four at once, and ten a twentieth of a second apart
        guest.ask(Get(name=MINE))
    assert time.monotonic() - begun > 0.45
    assert entries(world) == 14


def test_who_does_not_wait_for_the_answer_is_no_faster(guest: AgentVault, path: Path, world: World) -> None:
    request, begun = encode_request(Ask(Get(name=ABSENT))), time.monotonic()
    for _ in range(100):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(request)
    time.sleep(0.2)
    assert entries(world) <= 4 + 20 * (time.monotonic() - begun)


def test_many_connections_are_no_faster(guest: AgentVault, path: Path, world: World) -> None:
    begun = time.monotonic()
    with ThreadPoolExecutor(14) as threads:
        list(threads.map(lambda _: AgentVault(path).ask(Get(name=MINE)), range(14)))
    assert time.monotonic() - begun > 0.45


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 2)), max_size=200),
    st.floats(1, 50),
    st.integers(1, 10),
)
def test_no_user_gets_more_turns_than_are_his(comes: list[tuple[int, float]], rate: float, burst: int) -> None:
    pace, now = Pace(rate, burst, 1e9), 0.0
    served: dict[int, list[float]] = {}
    for uid, passed in comes:
        now += passed
        served.setdefault(uid, []).append(now + pace.wait(uid, now))
    for times in served.values():
        assert times == sorted(times)
        for first, start in enumerate(times):
            for count, end in enumerate(times[first:], 1):
                assert count <= burst + (end - start) * rate + 1e-6 * count + 1e-6


def test_nobody_waits_for_longer_than_that_and_all_may_come_again() -> None:
    pace = Pace(1.0, 2, 10.0)
    waits = [pace.wait(UID, 0.0) for _ in range(1000)]
    assert waits[:4] == [0.0, 0.0, 1.0, 2.0]
    assert max(waits) == 10.0
    assert pace.wait(UID + 1, 0.0) == 0.0
    assert pace.wait(UID, 20.0) == 0.0


def test_users_who_have_gone_are_forgotten() -> None:
    pace = Pace(10.0, 2, 10.0)
    for uid in range(100_000):
        pace.wait(uid, uid * 1.0)
    assert len(pace._next) < 2000


def test_others_who_wait_their_turn_do_not_keep_the_owner_out(
    path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many users, as one who has a range of subordinate ids is, each with a request that is not due yet."""
    monkeypatch.setattr(connection, "AGENT_CONNECTIONS_MAX", 12)
    monkeypatch.setattr(server, "AGENT_GUEST_BURST", 1)
    monkeypatch.setattr(server, "AGENT_GUEST_RATE", 0.1)
    request = encode_request(Ask(Get(name=MINE)))
    with agent(path, world), ExitStack() as held:
        owner = AgentVault(path)
        owner.unlock(KEY)
        first = connected(path, held, 1, monkeypatch)
        first.sendall(request)
        assert first.recv(4)
        for number in range(30):
            with suppress(OSError):  # cut already
                connected(path, held, 2 + number % 4, monkeypatch).sendall(request * 2)
        monkeypatch.undo()
        monkeypatch.setattr(connection, "AGENT_CONNECTIONS_MAX", 12)
        assert isinstance(owner.ask(Get(name=MINE)), Value)
        for _ in range(5):
            fresh = AgentVault(path)
            assert isinstance(fresh.ask(Get(name=MINE)), Value)
            held.callback(fresh.close)
        first.settimeout(0.1)
        with pytest.raises(TimeoutError):  # who has one connection is not the one to go
            while first.recv(1000):
                pass


def connected(path: Path, held: ExitStack, uid: int, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """Another user, who was seen."""
    seen = threading.Event()

    def visitor(_: object) -> Visitor:
        seen.set()
        return Visitor(uid, frozenset(), owner=False)

    monkeypatch.setattr(connection, "visitor", visitor)
    sock = held.enter_context(socket.socket(socket.AF_UNIX))
    sock.settimeout(10)
    sock.connect(str(path))
    assert seen.wait(10)
    return sock
