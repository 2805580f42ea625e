"""The trust service: what is served is one consistent view, and its time is renewed once, whoever asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.keys import NAME, NOW, OTHER
from tests.fakes.notary_client import RELEASES, SEALER, Home, bare, carried, online_keys, tags
from tests.fakes.notary_reader import check
from tests.fakes.trust_service import Town, WatchedMemory

from pytrust.trust.collection.model import TIMESTAMP
from pytrust.trust.formats.notary.files import read_meta
from pytrust.trust.names import Format
from pytrust.trust.server.backend import Served
from pytrust.trust.server.held import Held
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.server.service import TrustService, Watched
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.sqlite import SqliteStore

ROLES = ("root", "targets", RELEASES, "snapshot", "timestamp")
FORTNIGHT = 15.0  # days after which a timestamp is over
YEARS = 3 * 365 + 1.0  # and a snapshot


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    if request.param == "memory":
        yield WatchedMemory()
        return
    made = SqliteStore(tmp_path / "store.db")
    yield made
    made.close()


@pytest.fixture
def town(store: Watched) -> Town:
    made = Town(store)
    made.service.publish(NAME, made.home().first(["v1"], ["v1"]), "anna")
    return made


def published(town: Town) -> dict[str, bytes]:
    return {role: data for role in ROLES if (data := town.served(role)) is not None}


def version(data: bytes | None) -> int:
    assert data is not None
    return int(json.loads(data)["signed"]["version"])


def test_what_was_published_is_served(town: Town) -> None:
    files = published(town)
    assert set(files) == set(ROLES)
    assert check(files) == {RELEASES}
    for role, data in files.items():
        by_hash = town.service.by_checksum(NAME, role, sha256(data).hexdigest())
        at_version = town.service.at_version(NAME, role, version(data))
        assert by_hash is not None
        assert at_version is not None
        assert by_hash.data == at_version.data == data
        assert town.service.remembered(NAME, role, sha256(data).hexdigest()) == by_hash


def test_what_is_not_there(town: Town) -> None:
    digest = sha256(published(town)["targets"]).hexdigest()
    for name, role in ((NAME, "targets/bob"), (OTHER, "root"), (OTHER, "timestamp")):
        assert town.service.current(name, role) is None
        assert town.service.at_version(name, role, 1) is None
    assert town.service.at_version(NAME, "targets", 1) is None
    assert town.service.by_checksum(NAME, "root", digest) is None
    assert town.service.by_checksum(OTHER, "targets", digest) is None
    assert town.service.by_checksum(NAME, "targets", digest.upper()) is None


def test_a_publish_is_seen_at_once(town: Town) -> None:
    for number in range(3, 9):
        files = {"targets": town.home().targets(number, ["v1", f"v{number}"])}
        town.service.publish(NAME, files, "anna")
        assert town.served("targets") == files["targets"]
        check(published(town))
    assert town.noted() == [1, 2, 3, 4, 5, 6, 7]


def test_the_change_feed_names_the_timestamp(town: Town) -> None:
    (change,) = town.service.changes(NAME, 0, 10)
    digest = sha256(published(town)["timestamp"]).hexdigest()
    assert (change.name, change.version, change.sha256, change.deletion) == (NAME, 1, digest, False)
    assert abs(change.at - NOW) < timedelta(seconds=1)


def test_the_change_feed_in_both_directions(town: Town) -> None:
    for number in range(3, 6):
        town.service.publish(NAME, {"targets": town.home().targets(number)}, "anna")
    town.service.publish(OTHER, town.home(OTHER).first(), "anna")
    ids = [change.id for change in town.service.changes(None, 0, 100)]
    assert len(ids) == 5

    def seen(gun: str | None, change_id: int, records: int) -> list[int]:
        return [ids.index(change.id) for change in town.service.changes(gun, change_id, records)]

    assert seen(None, 0, 2) == [0, 1]
    assert seen(None, ids[1], 2) == [2, 3]
    assert seen(None, -1, -2) == [3, 4]
    assert seen(None, ids[3], -2) == [1, 2]
    assert seen(NAME, 0, 100) == [0, 1, 2, 3]
    assert seen(OTHER, -1, -5) == [4]
    assert seen(None, -1, 5) == [0, 1, 2, 3, 4]


def test_deleted_and_begun_again(town: Town) -> None:
    town.service.delete(OTHER)
    assert town.noted(OTHER) == []
    town.service.delete(NAME)
    assert [town.served(role) for role in ROLES] == [None] * len(ROLES)
    (_, deletion) = town.service.changes(NAME, 0, 10)
    assert deletion.deletion
    town.service.publish(NAME, town.home().first(["v9"]), "anna")
    check(published(town))


def test_refusals_in_the_words_that_clients_print(town: Town) -> None:
    with pytest.raises(Refusal, match="targets .* is at version 2, so 2 cannot be published") as conflict:
        town.service.publish(NAME, {"targets": town.home().targets(2)}, "anna")
    assert conflict.value.reason is Code.VERSION
    assert b"run the command again" in conflict.value.body()
    town.service.publish(NAME, {RELEASES: town.home().releases(2)}, "anna")
    with pytest.raises(Refusal) as begun_anew:
        town.service.publish(NAME, {RELEASES: town.home().releases(1)}, "anna")
    assert b"notary witness -p docker.io/foo/web targets/releases" in begun_anew.value.body()
    with pytest.raises(Refusal, match="0 of 1 signatures") as forged:
        town.service.publish(NAME, {"targets": town.home().targets(3, by=[bare("mallory")])}, "anna")
    error = json.loads(forged.value.body())["errors"][0]
    assert error["code"] == "INVALID_UPDATE"
    assert error["detail"]["Name"] == "ErrBadTargets"
    with pytest.raises(Refusal) as incomplete:
        town.service.publish(OTHER, {"root": town.home(OTHER).root()}, "anna")
    error = json.loads(incomplete.value.body())["errors"][0]["detail"]
    assert (error["Name"], error["Error"]["Missing"]) == ("ErrBadHierarchy", "targets")


def test_an_expired_timestamp_is_made_anew_once(town: Town) -> None:
    """Sixteen ask at one time."""
    town.later(days=FORTNIGHT)
    start = threading.Barrier(16)

    def ask(_: int) -> bytes | None:
        start.wait()
        return town.served("timestamp")

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(ask, range(16)))
    assert [version(answer) for answer in answers] == [2]
    assert town.noted() == [1, 2]
    assert version(town.served("snapshot")) == 1
    check(published(town))


def test_an_expired_snapshot_takes_the_timestamp_along(town: Town) -> None:
    town.later(days=YEARS)
    assert version(town.served("snapshot")) == 2
    assert version(town.served("timestamp")) == 2
    assert town.noted() == [1, 2]
    files = published(town)
    check(files)
    for role in ("snapshot", "timestamp"):
        assert read_meta(role, files[role]).expires > town.now


def test_reading_other_roles_renews_nothing(town: Town) -> None:
    town.later(days=YEARS)
    for role in ("root", "targets", RELEASES):
        assert town.served(role) is not None
    assert town.noted() == [1]


def test_a_collection_that_is_deleted_while_somebody_reads(town: Town) -> None:
    """Between the look and the lock."""
    town.later(days=FORTNIGHT)
    now = town.now

    def clock() -> datetime:
        town.service.delete(NAME)
        return now

    town.service = TrustService(town.store, online_keys(), SEALER, now=lambda: now)
    other = TrustService(town.store, online_keys(), SEALER, now=clock)
    assert other.current(NAME, "timestamp") is None
    assert town.noted() == [1, 0]


def test_what_is_in_time_is_not_made_anew(town: Town) -> None:
    town.later(days=13)
    assert version(town.served("timestamp")) == 1
    assert town.noted() == [1]


def test_a_snapshot_of_the_client_is_the_clients_to_renew(store: Watched) -> None:
    """A timestamp over it is made once, and not again at every look."""
    town = Town(store)
    home = town.home(client_snapshot=bare("client snapshot"))
    town.service.publish(NAME, home.first(), "anna")
    town.later(days=YEARS)
    old = town.served("snapshot")
    for _ in range(5):
        assert town.served("snapshot") == old
        assert version(town.served("timestamp")) == 2
    assert town.noted() == [1, 2]
    town.later(days=FORTNIGHT)
    assert version(town.served("timestamp")) == 3
    assert town.noted() == [1, 2, 3]


def test_a_snapshot_of_the_client_costs_readers_no_lock(store: Watched) -> None:
    """Once it is known that nothing can be renewed, nobody queues for the store because of it."""
    town = Town(store)
    home = town.home(client_snapshot=bare("client snapshot"))
    town.service.publish(NAME, home.first(), "anna")
    town.later(days=YEARS)
    town.served("timestamp")
    town.served("timestamp")
    with ThreadPoolExecutor(1) as pool, store.writing(OTHER):
        assert pool.submit(town.served, "timestamp").result(timeout=5) is not None


def test_a_key_that_is_not_here_leaves_what_is_there(store: Watched) -> None:
    """As in a store that was copied without its keys: clients see for themselves that the time is over."""
    town, copy = Town(store), Town()
    town.service.publish(NAME, town.home().first(), "anna")
    with store.writing(NAME) as transaction, copy.store.writing(NAME) as other:
        other.put(NAME, *transaction.current(NAME, Format.NOTARY).values(), form=Format.NOTARY)
    for each, number in ((town, 2), (copy, 1)):
        each.later(days=FORTNIGHT)
        assert version(each.served("timestamp")) == number


def test_many_publish_to_one_collection(town: Town) -> None:
    """Whoever comes late with a version hears so; disjoint roles do not disturb each other."""
    home = town.home()
    uploads = [{"targets": home.targets(3)}, {"targets": home.targets(3)}] + [
        {RELEASES: home.releases(number)} for number in (2, 2, 2)
    ]
    start = threading.Barrier(len(uploads))

    def publish(files: dict[str, bytes]) -> bool:
        start.wait()
        try:
            town.service.publish(NAME, files, "anna")
        except Refusal as error:
            assert error.reason is Code.VERSION
            return False
        return True

    with ThreadPoolExecutor(len(uploads)) as pool:
        taken = list(pool.map(publish, uploads))
    assert [taken[:2].count(True), taken[2:].count(True)] == [1, 1]
    assert town.versions() == {"root": 1, "targets": 3, RELEASES: 2, "snapshot": 3, "timestamp": 3}
    check(published(town))


def test_readers_meanwhile_see_one_whole(town: Town) -> None:
    """Whoever reads by the hashes of one timestamp finds everything, however much is published meanwhile."""
    home, done = town.home(), threading.Event()

    def write() -> None:
        for number in range(3, 40):
            town.service.publish(NAME, {"targets": home.targets(number), RELEASES: home.releases(number)}, "anna")
        done.set()

    def read(_: int) -> int:
        last = 0
        while not done.is_set():
            timestamp = _by_hash(town, "timestamp", None)
            snapshot = _by_hash(town, "snapshot", _listed(timestamp)["snapshot"])
            files = {role: _by_hash(town, role, meta) for role, meta in _listed(snapshot).items()}
            check(files | {"timestamp": timestamp, "snapshot": snapshot})
            assert version(timestamp) >= last
            last = version(timestamp)
        return last

    with ThreadPoolExecutor(4) as pool:
        writing = pool.submit(write)
        assert all(pool.map(read, range(3)))
        writing.result()
    assert version(town.served("timestamp")) == 38


def _listed(data: bytes) -> dict[str, str]:
    role = "timestamp" if b'"Timestamp"' in data else "snapshot"
    return {name: meta.hashes["sha256"].hex() for name, meta in read_meta(role, data).meta.items()}


def _by_hash(town: Town, role: str, digest: str | None) -> bytes:
    found = town.service.by_checksum(NAME, role, digest) if digest else town.service.current(NAME, role)
    assert found is not None
    return found.data


def test_a_collection_in_tuf_alone_is_not_begun_by_docker(store: Watched) -> None:
    """Whoever may push could otherwise speak for it with keys of their own."""
    town = Town(store)
    _sign_in_tuf(store)
    with pytest.raises(Refusal, match="signed in TUF 1.0 as well"):
        town.service.publish(NAME, town.home().first(["v1"]), "mallory")
    assert town.newest() == {}


def _sign_in_tuf(store: Watched) -> None:
    with store.writing(NAME) as transaction:
        transaction.put(NAME, RoleFile(TIMESTAMP, 1, NOW, b"{}"))


SAME_WORDS: dict[str, Callable[[Home], dict[str, bytes]]] = {
    "nothing": lambda _: {},
    "targets signed anew": lambda home: {"targets": home.targets(3, ["v1"])},
    "a witness": lambda home: {RELEASES: home.releases(2, ["v1"])},
    "root signed anew": lambda home: {"root": home.root(2)},
    "a tag in both roles": lambda home: {"targets": home.targets(3, ["v1"]), RELEASES: home.releases(2, ["v1"])},
}
OTHER_WORDS: dict[str, Callable[[Home], dict[str, bytes]]] = {
    "another tag in targets": lambda home: {"targets": home.targets(3, ["v1", "v2"])},
    "another tag in releases": lambda home: {RELEASES: home.releases(2, ["v1", "v2"])},
    "no tag": lambda home: {"targets": home.targets(3), RELEASES: home.releases(2)},
    "other content": lambda home: {RELEASES: home.releases(2, change=_other_content)},
    "another signer": lambda home: {"targets": replace(home, releasers=(bare("bob"),)).targets(3, ["v1"])},
    "one more signer": lambda home: {
        "targets": replace(home, releasers=(bare("alice"), bare("bob"))).targets(3, ["v1"])
    },
    "no signer": lambda home: {"targets": replace(home, releasers=()).targets(3, ["v1"])},
    "another root key": lambda home: {
        "root": replace(home, root_keys=(carried("second root"),), old_roots=home.root_keys).root(2)
    },
    "another targets key": lambda home: {
        "root": replace(home, targets_keys=(bare("bob"),)).root(2),
        "targets": replace(home, targets_keys=(bare("bob"),)).targets(3, ["v1"]),
    },
    "one more targets key, by root alone": lambda home: {
        "root": replace(home, targets_keys=(bare("targets"), bare("bob"))).root(2)
    },
}


@pytest.mark.parametrize("make", SAME_WORDS.values(), ids=SAME_WORDS)
def test_the_tuf_side_lets_docker_renew(town: Town, make: Callable[[Home], dict[str, bytes]]) -> None:
    _sign_in_tuf(town.store)
    files = make(town.home())
    town.service.publish(NAME, files, "anna")
    assert files.items() <= town.newest().items()


@pytest.mark.parametrize("make", OTHER_WORDS.values(), ids=OTHER_WORDS)
def test_the_tuf_side_keeps_docker_from_new_words(town: Town, make: Callable[[Home], dict[str, bytes]]) -> None:
    files, before = make(town.home()), town.newest()
    _sign_in_tuf(town.store)
    with pytest.raises(Refusal, match="signed in TUF 1.0 as well"):
        town.service.publish(NAME, files, "anna")
    assert town.newest() == before


def _other_content(document: dict[str, Any]) -> None:
    document["targets"] = tags(["v1"], "other content")


def test_overview(town: Town) -> None:
    town.service.publish(OTHER, town.home(OTHER, releasers=()).first(), "anna")
    rows = town.service.overview(10)
    assert [row.name for row in rows] == sorted([NAME, OTHER])
    row = next(row for row in rows if row.name == NAME)
    assert {item.role: item.version for item in row.roles} == {
        "root": 1,
        "targets": 2,
        "releases": 1,
        "snapshot": 1,
        "timestamp": 1,
    }
    assert row.signers == ()
    assert len(town.service.overview(1)) == 1
    assert town.service.health() == {}


# What a process has read, and believes while nobody writes.


class _Clock:
    def __init__(self) -> None:
        self.generation: object = 1
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def held(self) -> Held:
        return Held(lambda: self.generation, lambda: self.now)


def served(text: str) -> Served:
    return Served(text.encode(), NOW)


KEY = ("gun", "targets", None)


def test_held_until_somebody_writes() -> None:
    clock = _Clock()
    held = clock.held()
    held.keep(1, KEY, served("one"))
    assert held.get(KEY) == served("one")
    clock.generation = 2
    assert held.get(KEY) is None
    clock.generation = 1
    assert held.get(KEY) is None


def test_what_was_read_before_a_write_is_never_given_after_it() -> None:
    """A slow reader keeps what it read under the generation that was before; the newer one has been seen meanwhile."""
    clock = _Clock()
    held = clock.held()
    generation = held.generation()
    clock.generation = 2
    assert held.get(KEY) is None
    held.keep(2, ("gun", "root", None), served("new"))
    held.keep(generation, KEY, served("old"))
    assert held.get(KEY) is None


def test_held_until_its_time_is_over() -> None:
    clock = _Clock()
    held = clock.held()
    held.keep(1, KEY, served("one"), clock.now + timedelta(seconds=5))
    assert held.get(KEY) is not None
    clock.now += timedelta(seconds=5)
    assert held.get(KEY) is None


def test_nothing_is_held_where_writes_cannot_be_seen() -> None:
    clock = _Clock()
    clock.generation = None
    held = clock.held()
    held.keep(None, KEY, served("one"))
    assert held.get(KEY) is None


def test_held_in_bounded_memory() -> None:
    clock = _Clock()
    held = clock.held()
    for number in range(50):
        held.keep(1, ("gun", str(number), None), Served(bytes(1_000_000), NOW))
        held.keep(1, KEY, served("one"))
    kept = [number for number in range(50) if held.get(("gun", str(number), None))]
    assert kept == list(range(50 - len(kept), 50))
    assert 25 < len(kept) <= 33


def test_what_is_too_large_to_hold() -> None:
    clock = _Clock()
    held = clock.held()
    held.keep(1, KEY, Served(bytes(40_000_000), NOW))
    assert held.get(KEY) is None
    held.keep(1, KEY, served("one"))
    assert held.get(KEY) == served("one")


class _SlowlyCompared:
    """A generation; when it is next compared after ``thread`` was set, that runs, as far as it gets."""

    thread: threading.Thread | None = None

    def __eq__(self, other: object) -> bool:
        thread, self.thread = self.thread, None
        if thread is not None:
            thread.start()
            thread.join(timeout=0.2)
        return self is other

    def __hash__(self) -> int:
        return 1


def test_a_write_is_seen_while_something_is_kept() -> None:
    """What came from before the write may not be found among what is held after it."""
    clock = _Clock()
    held = clock.held()
    before = clock.generation = _SlowlyCompared()
    held.get(KEY)
    writing = before.thread = threading.Thread(target=lambda: held.get(KEY))
    clock.generation = 2
    held.keep(before, KEY, served("old"))
    writing.join()
    assert held.get(KEY) is None
