"""A trust source that is held by an attacker, or gone, seen from a proxy that has verified before, and from one that has not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.repository import FakeCollection, FakeRepository, MetadataServer, Trouble

from pytrust.policy import trust_facts
from pytrust.policy.core.facts import Fact, NotSigned, Signed, TrustQuery, Unavailable
from pytrust.policy.store_file import StoreFile
from pytrust.policy.trust_facts import TrustFacts
from pytrust.trust.client.cache import Cache
from pytrust.trust.client.source import HttpSource, Source
from pytrust.trust.http import HttpClient
from pytrust.trust.names import ImageRef
from pytrust.trust.store.sqlite import SqliteStore

V1, V2 = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
ENOUGH = 2.0  # seconds for any answer, where the source is given half a second


class Host:
    """Asks ``source``; remembers in ``folder``."""

    def __init__(self, source: Source, web: FakeCollection, folder: Path) -> None:
        self.moment: datetime | None = None
        self._name = web.name
        self._parts = (source, Cache(folder), [web.pin])
        self.restart()

    def restart(self) -> None:
        self._facts = TrustFacts(*self._parts, now=lambda: self.moment or datetime.now(UTC))

    def ask(self, tag: str = "v1") -> Fact:
        begun = time.monotonic()
        fact = asyncio.run(self._facts.answer(TrustQuery(ref=ImageRef.parse(f"{self._name}:{tag}"))))
        assert time.monotonic() - begun < ENOUGH
        return fact


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_facts, "SOURCE_TIMEOUT", 0.5)


@pytest.fixture
def web() -> FakeCollection:
    web = FakeCollection("registry.example.com/foo/web")
    web.release("v1", V1, 100)
    return web


@pytest.fixture
def server(web: FakeCollection) -> Iterator[MetadataServer]:
    with MetadataServer(FakeRepository(web)) as server:
        yield server


@pytest.fixture
def host(server: MetadataServer, web: FakeCollection, tmp_path: Path) -> Host:
    return Host(HttpSource(server.url, HttpClient()), web, tmp_path / "cache")


@pytest.mark.parametrize("trouble", Trouble)
def test_known_images_run_and_new_ones_wait(
    host: Host, server: MetadataServer, web: FakeCollection, trouble: Trouble
) -> None:
    """Rows 2, 8, 11, 12 and 13: whatever the server does to its answers, it changes nothing that was verified."""
    assert isinstance(host.ask(), Signed)
    web.release("v2", V2, 100)
    server.fail(trouble)
    known, new = host.ask(), host.ask("v2")
    if trouble is Trouble.NOT_FOUND:  # that is an answer
        assert isinstance(known, NotSigned)
    else:
        assert isinstance(known, Signed)
        assert str(known.digest) == V1
        assert known.offline == bool(known.fallback)
    assert not isinstance(new, Signed) or not new.offline


@pytest.mark.parametrize("trouble", Trouble)
def test_nothing_is_believed_at_first_sight(host: Host, server: MetadataServer, trouble: Trouble) -> None:
    server.fail(trouble)
    fact = host.ask()
    assert isinstance(fact, NotSigned | Unavailable)
    assert fact.why


def test_the_server_is_gone(web: FakeCollection, tmp_path: Path) -> None:
    """Row 8, and to the second of row 7; a restart changes nothing."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    web.stamp(end)
    with MetadataServer(FakeRepository(web)) as server:
        host = Host(HttpSource(server.url, HttpClient()), web, tmp_path / "cache")
        assert isinstance(host.ask(), Signed)
    for _ in range(2):
        host.moment = end - timedelta(seconds=1)
        fact = host.ask()
        assert isinstance(fact, Signed)
        assert (fact.offline, fact.fallback, fact.expires) == (True, "unreachable", end)
        host.moment = end
        late = host.ask()
        assert isinstance(late, Unavailable)
        assert late.code == "expired-cache"
        host.restart()


def test_the_embedded_store_is_moved_away(web: FakeCollection, tmp_path: Path) -> None:
    """The same without a server; while the file is open, and at a start without it."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    web.stamp(end)
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    FakeRepository(web).fill(store)
    store.close()
    source = StoreFile(path)
    host = Host(source, web, tmp_path / "cache")
    fact = host.ask()
    assert isinstance(fact, Signed)
    assert not fact.offline
    path.rename(tmp_path / "away.db")
    for _ in range(2):
        host.moment = end - timedelta(seconds=1)
        fact = host.ask()
        assert isinstance(fact, Signed)
        assert (fact.offline, fact.fallback) == (True, "unreachable")
        host.moment = end
        assert isinstance(host.ask(), Unavailable)
        host.restart()
    (tmp_path / "away.db").rename(path)
    host.restart()
    host.moment = end - timedelta(seconds=1)
    fact = host.ask()
    assert isinstance(fact, Signed)
    assert not fact.offline
    source.close()
