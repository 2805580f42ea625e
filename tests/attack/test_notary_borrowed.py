"""Somebody may push to one collection, and borrows the files of another, to be signed as fresh by the same server.

A timestamp of Notary v1 does not say whose it is, nor does a snapshot. The root certificates of both collections are
the same, made for ``docker.io/foo/*``, so that every file of one would do for the other: only keys keep them apart.
Whatever the server signs for it is played to a client of the other, in place of that one's own: it must not tell a
host that knows nothing that what was withdrawn is still current.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from tests.fakes.keys import NAME, NOW, digest
from tests.fakes.notary_client import RELEASES, SEALER, Home, bare, carried, online_keys, store_keys
from tests.fakes.notary_reader import check, is_signed
from tests.fakes.trust_service import Town

from pytrust.trust.client.cache import Cache
from pytrust.trust.client.notary import NotaryClient
from pytrust.trust.client.source import StoreSource
from pytrust.trust.errors import BadSignature, Refused, Stale
from pytrust.trust.formats.notary.files import read_file
from pytrust.trust.formats.notary.read import role_name
from pytrust.trust.names import CollectionName, Format, ImageRef, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.publish.notary_wire import NotaryWire
from pytrust.trust.publish.wire import Held
from pytrust.trust.server.refusals import Refusal
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.memory import MemoryStore

EVIL: Final = CollectionName("docker.io/foo/evil")
WILDCARD: Final = carried("root of all", "docker.io/foo/*")
ONLINE: Final = ("snapshot", "timestamp")
Files = dict[str, bytes]


@dataclass
class Scene:
    """``web`` has moved on; ``old`` is what it said before. Mallory may push to ``EVIL``."""

    town: Town
    folder: Path
    web: Home
    old: Files
    ids: Iterator[int]

    def offline(self) -> Files:
        """What ``web`` signed itself, once."""
        return {role: data for role, data in self.old.items() if role not in ONLINE}

    def read(self, files: Files) -> str:
        """The digest of ``web:v1``, for a host that knows nothing, from somebody who serves it these files."""
        store = MemoryStore()
        with store.writing(NAME) as transaction:
            transaction.put(NAME, *(_role_file(role, data) for role, data in files.items()), form=Format.NOTARY)
        pins = [Pin("**", frozenset({WILDCARD.wire.id}))]
        cache = Cache(self.folder / str(next(self.ids)))
        client = NotaryClient(StoreSource(store), cache, pins, now=self.town.clock)
        (found,) = client.verify([ImageRef.parse(f"{NAME}:v1")])
        return str(found.digest)


def _role_file(role: str, data: bytes) -> RoleFile:
    file = read_file(role, data)
    return RoleFile(RoleName(role), file.version, file.expires, data)


def _by_a_stock_client(town: Town) -> Home:
    web = town.home(root_keys=(WILDCARD,))
    town.service.publish(NAME, web.first(["v1"], ["v1"]), "anna")
    return web


def _by_the_stores_owner(town: Town) -> Home:
    """As ``pytrust import`` does with a collection of such a certificate."""
    web = Home(root_keys=(WILDCARD,), server=store_keys())
    _own(town, NAME, web.first(["v1"], ["v1"]))
    return web


def _own(town: Town, name: CollectionName, files: Files) -> None:
    known = {short: data for role, data in files.items() if (short := role_name(role)) is not None}
    with town.store.writing(name) as transaction:
        NotaryWire(NOW).publish(transaction, name, known, Held(online_keys(), SEALER), NOW)


@pytest.fixture(params=[_by_a_stock_client, _by_the_stores_owner])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    town = Town()
    web = request.param(town)
    town.service.publish(NAME, {"targets": web.targets(3, ["v1"])}, "anna")
    old = town.newest()
    town.service.publish(NAME, {"targets": web.targets(4), RELEASES: web.releases(2)}, "anna")
    return Scene(town, tmp_path, web, old, count())


def _mine(scene: Scene, **server: str) -> Home:
    """Mallory's collection, whose tags are to be signed by whoever signs those of ``web``."""
    home = scene.town.home(EVIL, root_keys=(carried("mallory", EVIL),), targets_keys=scene.web.targets_keys)
    keys = {"web": scene.web.server, "store": store_keys()}
    return replace(home, server=home.server | {role: keys[whose][role] for role, whose in server.items()})


def _with_root_of(home: Home, scene: Scene) -> Files:
    return scene.offline() | {"root": home.root()}


def _their_snapshot(scene: Scene) -> Files:
    """Whose key is one of a client, as far as the server can tell."""
    return _with_root_of(_mine(scene, snapshot="web"), scene) | {"snapshot": scene.old["snapshot"]}


_NO_SNAPSHOT: Final = "server does not hold current snapshot key"
_NO_TIMESTAMP: Final = "timestamp key .* is not held by this server"
REFUSED: Final[dict[str, tuple[Callable[[Scene], Files], str]]] = {
    "all that it signed": (Scene.offline, _NO_SNAPSHOT),
    "that and its snapshot": (lambda scene: scene.offline() | {"snapshot": scene.old["snapshot"]}, _NO_TIMESTAMP),
    "its snapshot under a root of his own": (_their_snapshot, "lists root as nobody published it"),
    "a root of his own with its timestamp key": (
        lambda scene: _with_root_of(_mine(scene, timestamp="web"), scene),
        _NO_TIMESTAMP,
    ),
    "a root of his own with its snapshot key": (
        lambda scene: _with_root_of(_mine(scene, snapshot="web"), scene),
        _NO_SNAPSHOT,
    ),
    "a root of his own with the store's keys": (
        lambda scene: _with_root_of(_mine(scene, snapshot="store", timestamp="store"), scene),
        _NO_SNAPSHOT,
    ),
}


def test_what_is_over_is_over(scene: Scene) -> None:
    """What the attack is for, and that the reader below would believe it: in time it does, later it does not."""
    assert scene.read(scene.old) == str(digest("v1"))
    scene.town.later(days=15)
    with pytest.raises(Stale):
        scene.read(scene.old)


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_borrowed_files_are_not_signed(scene: Scene, case: tuple[Callable[[Scene], Files], str]) -> None:
    """Not for a new collection."""
    make, reason = case
    scene.town.later(days=15)
    with pytest.raises(Refusal, match=reason):
        scene.town.service.publish(EVIL, make(scene), "mallory")
    assert scene.town.newest(EVIL) == {}


def test_nor_upon_a_collection_of_the_same_owner(scene: Scene) -> None:
    """A team may push to its own collection, for which the owner of all made the first root, with the same key."""
    town, team = scene.town, scene.town.home(EVIL, root_keys=(WILDCARD,))
    _own(town, NAME, {"root": scene.web.root(2)})
    town.service.publish(EVIL, replace(team, targets_keys=(bare("team"),)).first(), "anna")
    town.later(days=15)
    before = town.newest(EVIL)
    borrowed = {"root": town.newest()["root"], "targets": scene.old["targets"]}
    with pytest.raises(Refusal, match=_NO_SNAPSHOT):
        town.service.publish(EVIL, borrowed, "mallory")
    assert town.newest(EVIL) == before


def test_nor_upon_another_of_the_stores_owner(tmp_path: Path) -> None:
    """Both were published here with the store's keys; a team may push to one of them. It may go on with what is its."""
    town = Town()
    web = _by_the_stores_owner(town)
    old = town.newest()
    _own(town, NAME, {"root": web.root(2), "targets": web.targets(3)})
    team = Home(EVIL, root_keys=(WILDCARD,), targets_keys=(bare("team"),), server=store_keys())
    _own(town, EVIL, team.first() | {"targets": team.targets(1)})
    with pytest.raises(Refusal, match=_NO_SNAPSHOT):
        town.service.publish(EVIL, {"root": town.newest()["root"], "targets": old["targets"]}, "mallory")
    town.service.publish(EVIL, {"targets": team.targets(2, ["v1"])}, "team")
    check(town.newest(EVIL), town.roots(EVIL))


def test_what_is_signed_is_of_no_use_elsewhere(scene: Scene) -> None:
    """With a root of his own and the keys that the server made for him, mallory may say whatever the others signed."""
    scene.town.later(days=15)
    mine = replace(_mine(scene), now=scene.town.now)
    scene.town.service.publish(EVIL, _with_root_of(mine, scene), "mallory")
    signed = scene.town.newest(EVIL)
    check(signed, scene.town.roots(EVIL))
    assert signed["targets"] == scene.old["targets"]
    root = json.loads(scene.old["root"])["signed"]
    for role in ONLINE:
        assert not is_signed(json.loads(signed[role]), root["keys"], root["roles"][role])
    with pytest.raises(BadSignature):
        scene.read(scene.old | {role: signed[role] for role in ONLINE})
    for role in ONLINE:
        with pytest.raises(Refused):
            scene.read(scene.old | {role: signed[role]})
