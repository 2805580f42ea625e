"""The keys that a server offers: stable until a root names one, through restarts, and never one that was rotated away."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.keys import NAME, OTHER
from tests.fakes.notary_client import Home, bare, online_keys, store_keys
from tests.fakes.notary_reader import check
from tests.fakes.trust_service import Town, WatchedMemory

from pytrust.trust.errors import Damaged
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.keys.sealing import Sealer
from pytrust.trust.names import CollectionName
from pytrust.trust.server.refusals import Refusal
from pytrust.trust.server.service import TrustService, Watched
from pytrust.trust.store.sqlite import SqliteStore

ROLES = ("snapshot", "timestamp")
roles = pytest.mark.parametrize("role", ROLES)


@pytest.fixture(params=["memory", "sqlite"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    store: Watched = WatchedMemory() if request.param == "memory" else SqliteStore(tmp_path / "store.db")
    yield Town(store)
    if isinstance(store, SqliteStore):
        store.close()


def rotated(town: Town, role: str, name: CollectionName = NAME) -> WireKey:
    return WireKey.read(json.loads(town.service.rotate_key(name, role)))


def begin(town: Town, name: CollectionName = NAME) -> Home:
    home = town.home(name)
    town.service.publish(name, home.first(["v1"]), "anna")
    return home


def rotate(town: Town, home: Home, role: str, version: int) -> Home:
    new = replace(home, server=home.server | {role: rotated(town, role)})
    town.service.publish(NAME, {"root": new.root(version)}, "anna")
    return new


@roles
def test_before_the_first_publish_a_key_is_stable(town: Town, role: str) -> None:
    first = town.key(role)
    assert town.key(role) == first
    town.restarted()
    assert town.key(role) == first
    assert town.keys() == 1


@roles
def test_an_answer_reads_as_clients_read_it(town: Town, role: str) -> None:
    found = json.loads(town.service.key(NAME, role))
    assert found.keys() == {"keytype", "keyval"}
    assert found["keyval"]["private"] is None
    assert found["keytype"] == "ecdsa"
    assert len(base64.b64decode(found["keyval"]["public"])) == 91


def test_two_roles_have_two_keys(town: Town) -> None:
    assert town.key("snapshot") != town.key("timestamp")


@roles
def test_the_key_that_the_root_names_is_the_answer(town: Town, role: str) -> None:
    home = begin(town)
    assert town.key(role) == home.server[role]
    home = rotate(town, home, role, 2)
    assert town.key(role) == home.server[role]
    assert town.keys() == 3


@roles
def test_a_rotation_is_pending_until_a_root_names_it(town: Town, role: str) -> None:
    home = begin(town)
    pending = rotated(town, role)
    assert pending not in home.server.values()
    assert town.key(role) == home.server[role]
    for _ in range(3):
        town.restarted()
        assert rotated(town, role) == pending
    assert town.keys() == 3
    town.service.publish(NAME, {"targets": home.targets(3)}, "anna")
    assert rotated(town, role) == pending


@roles
def test_no_key_comes_back(town: Town, role: str) -> None:
    home, seen = begin(town), set()
    for version in range(2, 7):
        seen.add(home.server[role])
        home = rotate(town, home, role, version)
        assert home.server[role] not in seen
    check(town.newest() | {}, town.roots())
    assert town.keys() == 7


@roles
def test_a_rotation_before_the_first_publish(town: Town, role: str) -> None:
    """What no root named yet is new: neither call makes another one."""
    own = rotated(town, role)
    assert rotated(town, role) == own
    assert town.key(role) == own
    assert rotated(town, role) == own
    assert town.keys() == 1
    assert begin(town).server[role] == own


def test_a_snapshot_key_goes_to_the_client_and_comes_back(town: Town) -> None:
    """As ``notary key rotate NAME snapshot``, with and without ``-r``: the server's old key stays away."""
    home = begin(town)
    mine = replace(home, client_snapshot=bare("client snapshot"))
    files = {role: data for role, data in town.newest().items() if role not in ROLES}
    root = {"root": mine.root(2)}
    town.service.publish(NAME, root | {"snapshot": mine.snapshot(2, files | root)}, "anna")
    offered = town.key("snapshot")
    assert offered not in {home.server["snapshot"], bare("client snapshot").wire}
    assert rotated(town, "snapshot") == offered
    again = replace(home, server=home.server | {"snapshot": offered})
    town.service.publish(NAME, {"root": again.root(3)}, "anna")
    assert town.versions()["snapshot"] == 3
    check(town.newest(), town.roots())


def test_no_two_collections_have_a_key_in_common(town: Town) -> None:
    """Nor does one have a key of the store: whose a timestamp is, only its key tells."""
    one, other = begin(town), begin(town, OTHER)
    offered = [rotated(town, role, name) for role in ROLES for name in (NAME, OTHER)]
    every = [*one.server.values(), *other.server.values(), *offered, *store_keys().values()]
    assert len(set(every)) == len(every) == 10


def test_keys_of_another_collection_are_not_held_here(town: Town) -> None:
    home, other = begin(town), begin(town, OTHER)
    for foreign in (rotated(town, "timestamp", OTHER), other.server["timestamp"]):
        with pytest.raises(Refusal, match="timestamp key .* is not held by this server"):
            town.service.publish(
                NAME, {"root": replace(home, server=home.server | {"timestamp": foreign}).root(2)}, "anna"
            )
    assert town.keys(NAME) == 2


def test_after_a_deletion_there_is_a_key(town: Town) -> None:
    home = rotate(town, begin(town), "timestamp", 2)
    town.service.delete(NAME)
    assert town.key("timestamp") == home.server["timestamp"]
    begin(town)
    check(town.newest(), town.roots())


@roles
def test_many_ask_at_one_time(town: Town, role: str) -> None:
    begin(town)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: rotated(town, role), range(16)))
    assert len(found) == 1
    assert town.keys() == 3


@roles
def test_many_ask_before_the_first_publish(town: Town, role: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: town.key(role), range(16)))) == 1
    assert town.keys() == 1


def test_new_keys_of_the_store_change_nothing_here(town: Town) -> None:
    """The operator rotated them: what stock clients made, and will make, has its own."""
    home = begin(town)
    newer = OnlineKeys((bare("newer snapshot").signer,), (bare("newer timestamp").signer,))
    town.restarted(newer)
    for role in ROLES:
        assert town.key(role) == home.server[role]
        assert bare(f"newer {role}").wire not in {rotated(town, role), town.key(role, OTHER)}
    rotate(town, home, "timestamp", 2)
    check(town.newest(), town.roots())


def test_another_seal_opens_nothing(town: Town) -> None:
    """And says so, instead of making keys that no root names."""
    rotate(town, begin(town), "timestamp", 2)
    town.service = TrustService(town.store, online_keys(), Sealer(b"x" * 32), now=town.clock)
    with pytest.raises(Damaged, match="a sealed key of docker.io/foo/web does not open"):
        town.service.key(NAME, "timestamp")
    with pytest.raises(Damaged):
        town.service.publish(NAME, {}, "anna")
