"""Attacks by time: rows 7, 8, 9 and 31, with a clock that moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.attack.scene import Scene, after, picture, write_home
from tests.fakes.repository import LIFE, FakeCollection, MetadataServer, Trouble

from pytrust.trust.client.cache import Cache
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.errors import ClockSetBack, ExpiredCache, PytrustError, Stale
from pytrust.trust.limits import OFFLINE_MAX_AGE
from pytrust.trust.names import ImageRef

PAST = datetime.now(UTC) - timedelta(days=3)


def _expire(web: FakeCollection, role: str) -> None:
    if role in {"root", "targets", "releases"}:
        web.make(role, expires=PAST)
    web.settle(
        snapshot_expires=PAST if role == "snapshot" else None, timestamp_expires=PAST if role == "timestamp" else None
    )


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", "releases"])
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "known"])
def test_7_expired_role(scene: Scene, role: str, fresh: bool) -> None:
    """Whatever has expired says no more, and the answer says since when."""
    if not fresh:
        scene.believe()
    honest = scene.web.record()
    _expire(scene.web, role)
    error = scene.refuse("stale", names=f"{PAST:%Y-%m-%d}")
    assert role in error["message"]
    scene.web.replay(honest)
    scene.web.publish("targets", "releases")
    scene.believe()


def test_7_freeze(known: Scene) -> None:
    """A server that replays what was good goes stale with the timestamp, at the second."""
    ref = ImageRef.parse(known.image)
    before = picture(known.home)
    assert known.client(after(days=LIFE.days - 1)).verify([ref])
    known.home.joinpath("cache").joinpath(next(iter(before)).rpartition("/")[2])
    with pytest.raises(Stale, match="timestamp"):
        known.client(after(days=LIFE.days + 1)).verify([ref])


def test_7_remembered_answers_expire_too(known: Scene) -> None:
    """A process that verified once does not go on saying yes after the end."""
    moments = [datetime.now(UTC), datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) + LIFE]
    client = known.client(lambda: moments.pop(0))
    ref = ImageRef.parse(known.image)
    assert client.verify([ref])
    assert client.verify([ref])
    with pytest.raises(Stale):
        client.verify([ref])


def test_8_outage(known: Scene) -> None:
    """Nobody answers: that is not a no, and not a yes; what was verified is used when asked for."""
    with MetadataServer(known.repository) as gone:
        url = gone.url
    home = known.another_home("away")
    config = home / "config.toml"
    config.write_text(config.read_text().replace(known.server.url, url))
    before = picture(home)
    answer = known.verify(home=home)
    assert (answer.code, answer.error["code"]) == (3, "unreachable")
    assert url in answer.error["message"]
    assert picture(home) == before
    assert known.verify(home=home, offline=True).code == 0
    known.believe()


@pytest.mark.parametrize(
    ("trouble", "code", "exit_code"),
    [
        (Trouble.SERVER_ERROR, "server-error", 3),
        (Trouble.CLOSE, "unreachable", 3),
        (Trouble.TRUNCATED, "unreachable", 3),
        (Trouble.GARBAGE, "unreachable", 3),
        (Trouble.FORBIDDEN, "access-denied", 1),
    ],
)
@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_8_server_in_trouble(known: Scene, role: str, trouble: Trouble, code: str, exit_code: int) -> None:
    """Each failure has its own name; none is a yes, and none forgets."""
    known.server.fail(trouble, role)
    known.refuse(code, exit_code)
    known.believe(offline=True)
    known.server.behave()
    known.believe()


def test_8_offline_is_bounded(known: Scene) -> None:
    """Offline, the last look may lie back so long and no longer, though nothing has expired."""
    ref = ImageRef.parse(known.image)

    def offline(days: float) -> TrustClient:
        return TrustClient(None, Cache(known.home / "cache"), [known.web.pin], now=after(days=days))

    assert offline(OFFLINE_MAX_AGE.days - 0.1).verify([ref])[0].offline
    with pytest.raises(ExpiredCache, match="days back"):
        offline(OFFLINE_MAX_AGE.days + 0.1).verify([ref])


def test_8_offline_knows_nothing(scene: Scene) -> None:
    """What was never verified is not known offline."""
    scene.refuse("expired-cache", 3, offline=True, names="nothing is known")
    scene.believe()


def test_8_offline_and_expired(scene: Scene) -> None:
    """Within the bound, but the metadata itself has ended."""
    scene.web.settle(timestamp_expires=datetime.now(UTC) + timedelta(days=2))
    scene.believe()
    ref = ImageRef.parse(scene.image)
    client = TrustClient(None, Cache(scene.home / "cache"), [scene.web.pin], now=after(days=3))
    with pytest.raises(ExpiredCache, match="timestamp ended"):
        client.verify([ref])


@pytest.mark.parametrize("offline", [True, False], ids=["offline", "online"])
def test_9_clock_set_back(known: Scene, offline: bool) -> None:
    """After a later time was seen, no expiry can be judged: old sets would be young again."""
    ref = ImageRef.parse(known.image)
    old = known.web.record()
    known.web.publish("releases")
    known.client(after(days=6)).verify([ref])
    before = picture(known.home)
    known.web.replay(old)
    source = None if offline else known.repository
    client = TrustClient(source, Cache(known.home / "cache"), [known.web.pin], now=after(days=-24))
    with pytest.raises(ClockSetBack, match="seen before") as caught:
        client.verify([ref])
    assert caught.value.exit_code == 4
    assert picture(known.home) == before
    known.web.publish("releases")
    known.web.publish("releases")
    known.client(after(days=6)).verify([ref])


def test_9_seen_by_the_command(known: Scene) -> None:
    """The same through the black box: the cache remembers a time that lies ahead."""
    ahead = known.another_home("ahead")
    TrustClient(known.repository, Cache(ahead / "cache"), [known.web.pin], now=after(days=6)).open(known.web.name)
    before = picture(ahead)
    answer = known.verify(home=ahead)
    assert (answer.code, answer.error["code"]) == (4, "clock-set-back")
    assert picture(ahead) == before
    known.believe()


def test_9_small_steps_are_forgiven(known: Scene) -> None:
    """A clock that is set right by a minute is no attack."""
    assert known.client(after(hours=-1 / 60)).verify([ImageRef.parse(known.image)])


def test_31_fresh_host(scene: Scene, tmp_path: Path) -> None:
    """Without memory an old set is taken while its timestamp lives, and not a moment longer."""
    old = scene.web.record()
    scene.push("v2", "fixed")
    scene.sign("v2")
    scene.push("v2", "v2")
    scene.web.replay(old)
    ref = ImageRef.parse(scene.image)

    def fresh(name: str, days: float) -> TrustClient:
        return TrustClient(scene.repository, Cache(tmp_path / name), [scene.web.pin], now=after(days=days))

    assert fresh("early", LIFE.days - 1).verify([ref])
    with pytest.raises(Stale):
        fresh("late", LIFE.days).verify([ref])


def test_31_a_fresh_host_that_knows_how_new_it_must_be(known: Scene, tmp_path: Path) -> None:
    """A pinned timestamp version refuses the old set that a host without memory would take."""
    old = known.web.record()
    known.push("v2", "fixed")
    known.sign("v2")
    newest = known.believe()["timestamp"]
    known.push("v2", "v2")
    known.web.replay(old)
    write_home(tmp_path / "fresh", known.server.url, [known.web.pin])
    assert known.verify(home=tmp_path / "fresh").code == 0
    write_home(tmp_path / "pinned", known.server.url, [known.web.pin])
    answer = known.verify("--not-older-than", str(newest), known.image, home=tmp_path / "pinned")
    assert (answer.code, answer.error["code"]) == (1, "rollback")


def test_31_a_deleted_cache_is_a_fresh_host(known: Scene, tmp_path: Path) -> None:
    """Deleting the cache forgets, and nothing worse: a pin still decides."""
    for path in (known.home / "cache").iterdir():
        path.unlink()
    known.repository.add(FakeCollection(known.web.name))
    known.refuse("untrusted-root")
    known.repository.add(known.web)
    known.believe()
    write_home(tmp_path / "other", known.server.url, [])
    answer = known.verify(home=tmp_path / "other")
    assert (answer.code, answer.error["code"]) == (1, "untrusted-root")


def test_errors_have_families() -> None:
    """Exit codes come from the class: nothing here may be a plain error."""
    assert {error.exit_code for error in (Stale, ExpiredCache, ClockSetBack)} == {1, 3, 4}
    assert issubclass(Stale, PytrustError)
