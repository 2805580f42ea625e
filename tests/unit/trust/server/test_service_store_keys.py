"""Whose files the store's own keys sign: those of collections that the store's owner published, and no others.

The owner publishes with ``Publisher``, as ``pytrust sign --format notary`` does; stock clients may go on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.fakes.keys import ALICE, NAME, OTHER, House, docker_house, signer, target
from tests.fakes.notary_client import RELEASES, Holder, Home, bare, online_keys, store_keys
from tests.fakes.notary_reader import accepted, check
from tests.fakes.trust_service import Town, WatchedMemory

from pytrust.trust.formats.notary.files import read_root
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.names import CollectionName, Format
from pytrust.trust.server.refusals import Name, Refusal
from pytrust.trust.server.service import Watched
from pytrust.trust.store.sqlite import SqliteStore

ROLES = ("snapshot", "timestamp")
KINDS = {"snapshot": Name.BAD_HIERARCHY, "timestamp": Name.BAD_ROOT}
SOME = [("timestamp",), ("snapshot",), ROLES]
roles = pytest.mark.parametrize("role", ROLES)
some = pytest.mark.parametrize("some", SOME, ids="+".join)


class Owned(NamedTuple):
    """A service, the owner of its store, and the keys of what this one published in the hands of a stock client."""

    town: Town
    house: House
    home: Home

    def publish(self, home: Home, version: int) -> None:
        """A root of ``home``."""
        self.town.service.publish(home.name, {"root": home.root(version)}, "anna")


@pytest.fixture(params=["memory", "sqlite"])
def owned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Owned]:
    store: Watched = WatchedMemory() if request.param == "memory" else SqliteStore(tmp_path / "store.db")
    town, house = Town(store), docker_house(tmp_path, store, online_keys())
    house.forms = (Format.NOTARY,)
    house.owner().sign(NAME, [target("v1")], [ALICE])
    (root,) = read_root(town.newest()["root"]).keys_of("root")
    holder = Holder(root, signer("root", "ecdsa-p256"))
    yield Owned(town, house, Home(root_keys=(holder,), server=store_keys()))
    if isinstance(store, SqliteStore):
        store.close()


def rotated(town: Town, role: str) -> WireKey:
    return WireKey.read(json.loads(town.service.rotate_key(NAME, role)))


def naming(home: Home, some: Iterable[str], keys: dict[str, WireKey]) -> Home:
    """The same with some of these keys."""
    return replace(home, server=home.server | {role: keys[role] for role in some})


def refused(owned: Owned, home: Home, version: int, some: Iterable[str]) -> None:
    """Nothing comes of such a root, of which the server hears first that the snapshot cannot be made."""
    before = owned.town.newest(home.name)
    with pytest.raises(Refusal, match="not held by this server|server does not hold") as caught:
        owned.publish(home, version)
    assert caught.value.name is KINDS[min(some)]
    assert owned.town.newest(home.name) == before


def test_stock_clients_go_on_from_there(owned: Owned) -> None:
    """With the store's keys, which the root so far names: no others are made."""
    town, home = owned.town, owned.home
    assert {role: town.key(role) for role in ROLES} == store_keys()
    for files in ({"targets": home.targets(2, ["v2"])}, {RELEASES: home.releases(3, ["v3"])}, {"root": home.root(2)}):
        town.service.publish(NAME, files, "anna")
        assert files.items() <= town.newest().items()
        check(town.newest(), town.roots())
    assert accepted(town.newest()).keys() == {"v2", "v3"}
    assert town.keys() == 0


def test_what_is_over_is_renewed_with_the_stores_keys(owned: Owned) -> None:
    owned.town.later(days=15)
    before = owned.town.versions()["timestamp"]
    assert owned.town.served("timestamp") is not None
    assert owned.town.versions()["timestamp"] == before + 1
    check(owned.town.newest(), owned.town.roots())
    assert owned.town.keys() == 0


@roles
def test_a_rotation_leads_to_a_key_of_its_own(owned: Owned, role: str) -> None:
    """And not back: that is the owner's to decide. The owner goes on with what the root names."""
    own = rotated(owned.town, role)
    assert own not in store_keys().values()
    moved = naming(owned.home, [role], {role: own})
    owned.publish(moved, 2)
    assert owned.town.key(role) == own
    refused(owned, owned.home, 3, [role])
    owned.house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    assert owned.town.key(role) == own
    check(owned.town.newest(), owned.town.roots())


@some
def test_nobody_begins_with_the_stores_keys(owned: Owned, some: tuple[str, ...]) -> None:
    """Which are known to all who read what the owner publishes."""
    home = naming(owned.town.home(OTHER), some, store_keys())
    with pytest.raises(Refusal, match="not held by this server|server does not hold") as caught:
        owned.town.service.publish(OTHER, home.first(["v1"]), "mallory")
    assert caught.value.name is KINDS[min(some)]
    assert owned.town.newest(OTHER) == {}


@some
def test_nobody_changes_to_the_stores_keys(owned: Owned, some: tuple[str, ...]) -> None:
    """Nor to those of the owner's collection that the service made later."""
    home = owned.town.home(OTHER)
    owned.town.service.publish(OTHER, home.first(["v1"]), "mallory")
    refused(owned, naming(home, some, store_keys()), 2, some)
    refused(owned, naming(home, some, {role: rotated(owned.town, role) for role in ROLES}), 2, some)
    check(owned.town.newest(OTHER), owned.town.roots(OTHER))


@some
def test_nobody_begins_with_the_keys_of_another(owned: Owned, some: tuple[str, ...]) -> None:
    town, third = owned.town, CollectionName("docker.io/foo/third")
    home = town.home(OTHER)
    town.service.publish(OTHER, home.first(["v1"]), "anna")
    with pytest.raises(Refusal, match="not held by this server|server does not hold") as caught:
        town.service.publish(third, naming(town.home(third), some, home.server).first(), "mallory")
    assert caught.value.name is KINDS[min(some)]
    assert town.newest(third) == {}


@pytest.mark.parametrize("mine", [None, bare("client snapshot")], ids=["the server's snapshot", "a client's"])
@pytest.mark.parametrize("listed", ["root", "targets", "its own role"])
def test_a_key_of_the_store_beside_another_signs_nothing(owned: Owned, listed: str, mine: Holder | None) -> None:
    """A root may list whom it likes, for a threshold of one: that does not make the store's keys those of the next."""
    town, home = owned.town, owned.town.home(OTHER, client_snapshot=mine)
    keys = store_keys()

    def also(document: dict[str, Any]) -> None:
        for role in ROLES:
            document["keys"][keys[role].id] = keys[role].document()
            document["roles"].get(listed, document["roles"][role])["keyids"].append(keys[role].id)

    files = home.first() | {"root": home.root(change=also)}
    if mine is not None:
        del files["snapshot"]
        files["snapshot"] = home.snapshot(1, files)
    town.service.publish(OTHER, files, "mallory")
    server = replace(home, client_snapshot=None)
    refused(owned, replace(server, server=keys), 2, ROLES)
    refused(owned, naming(server, ["timestamp"], keys), 2, ["timestamp"])
    if mine is None:
        town.service.publish(OTHER, {"targets": home.targets(3)}, "mallory")
    else:
        with pytest.raises(Refusal, match="server does not hold"):
            town.service.publish(OTHER, {"targets": home.targets(3)}, "mallory")
    town.later(days=15)
    assert town.served("timestamp", OTHER) is not None
    ids = {item["keyid"] for role in ROLES for item in json.loads(town.newest(OTHER)[role])["signatures"]}
    assert not ids & {key.id for key in keys.values()}


def test_what_was_deleted_does_not_begin_again_with_them(owned: Owned) -> None:
    owned.town.service.delete(NAME)
    assert not set(store_keys().values()) & {owned.town.key(role) for role in ROLES}
    with pytest.raises(Refusal, match="server does not hold"):
        owned.town.service.publish(NAME, owned.home.first(["v1"]), "mallory")
    assert owned.town.newest() == {}


@some
def test_the_stores_next_keys_are_the_owners_to_name(owned: Owned, some: tuple[str, ...]) -> None:
    """The operator rotated them: the old ones go on where a root names them, and only there."""
    old = online_keys()
    newer = {role: bare(f"newer {role}") for role in ROLES}
    both = OnlineKeys((newer["snapshot"].signer, *old.snapshot), (newer["timestamp"].signer, *old.timestamp))
    owned.town.restarted(both)
    refused(owned, naming(owned.home, some, {role: item.wire for role, item in newer.items()}), 2, some)
    owned.publish(owned.home, 2)
    check(owned.town.newest(), owned.town.roots())


def test_a_key_of_one_role_is_none_of_the_other(owned: Owned) -> None:
    """Though the root so far names both."""
    keys = store_keys()
    refused(owned, replace(owned.home, server=keys | {"snapshot": keys["timestamp"]}), 2, ["snapshot"])
    refused(owned, replace(owned.home, server=keys | {"timestamp": keys["snapshot"]}), 2, ["timestamp"])
