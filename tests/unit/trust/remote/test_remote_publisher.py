"""Nothing is signed upon what a trust server shows, unless it is pinned, in time, and not older than what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.keys import NAME
from tests.fakes.notary_repository import FakeNotary, FakeNotaryRepository, NotaryServer

from pytrust.trust.errors import PytrustError, Rollback, Stale, UntrustedRoot, UsageError
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.registry import Anonymous
from pytrust.trust.registry.session import Session
from pytrust.trust.remote.publisher import RemotePublisher
from pytrust.trust.remote.server import RemoteServer


class Memory:
    """A host that has seen ``versions``."""

    def __init__(self, **versions: int) -> None:
        self.versions = {RoleName(role): version for role, version in versions.items()}

    def seen(self, _: CollectionName, form: Format) -> dict[RoleName, int]:
        return self.versions if form is Format.NOTARY else {}

    def remember(self, _: CollectionName) -> None:
        pass

    def forget(self, _: CollectionName, __: Format) -> None:
        pass


Make = Callable[..., RemotePublisher]


@pytest.fixture
def web() -> FakeNotary:
    return FakeNotary(NAME)


@pytest.fixture
def make(web: FakeNotary, tmp_path: Path) -> Iterator[Make]:
    """A publisher at a server that shows ``web``."""
    with NotaryServer(FakeNotaryRepository(web)) as served:

        def publisher(memory: Memory | None = None, pin: Pin | None = None, later: float = 0) -> RemotePublisher:
            server = RemoteServer(served.url, Session(Anonymous(), frozenset(), tmp_path, server=served.url))
            now = datetime.now(UTC) + timedelta(days=later)
            return RemotePublisher(server, [pin or web.pin], now=lambda: now, memory=memory or Memory())

        yield publisher


def test_what_is_pinned_and_in_time_is_built_upon(web: FakeNotary, make: Make) -> None:
    web.release("v1", "sha256:" + "ab" * 32, 100)
    state = make().load(NAME)
    assert state is not None
    assert list(state.collection.accepted) == ["v1"]


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ({"later": 4000.0}, Stale),
        ({"pin": Pin("**", frozenset({"0" * 64}))}, UntrustedRoot),
        ({"memory": Memory(root=99)}, Rollback),
    ],
    ids=["over", "not pinned", "older than seen"],
)
def test_what_is_not_built_upon(make: Make, case: dict[str, object], kind: type[PytrustError]) -> None:
    with pytest.raises(kind):
        make(**case).load(NAME)


def test_a_name_that_is_gone(make: Make) -> None:
    other = CollectionName("docker.io/foo/gone")
    assert make().load(other) is None
    with pytest.raises(Rollback, match="is gone from the server"):
        make(memory=Memory(root=1)).load(other)


def test_no_change_waits_at_a_server(make: Make) -> None:
    with pytest.raises(UsageError, match="needs the store"):
        make().proposal(NAME)
