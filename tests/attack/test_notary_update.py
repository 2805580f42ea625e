"""Uploads in any order, by owners, by clients that are behind, and by strangers: a refusal, or one whole state.

What a strict reader of its own (``fakes.notary_reader``) insists on holds after every step: the chain of roots and
signatures verifies, the snapshot lists what is served and the timestamp the snapshot, versions only rise, and nobody
who publishes to one collection changes another, or has a key that signs for another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.keys import NAME, NOW, OTHER
from tests.fakes.notary_client import RELEASES, Holder, Home, bare, carried, delegation, delegations, store_keys
from tests.fakes.notary_reader import accepted, check
from tests.fakes.trust_service import Town, WatchedMemory

from pytrust.trust.collection.model import TIMESTAMP
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.names import CollectionName
from pytrust.trust.server.refusals import Refusal
from pytrust.trust.server.service import Watched
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.sqlite import SqliteStore

DEEP: Final = "targets/releases/deep"
STEPS: Final = 12
Files = dict[str, bytes]


@dataclass
class Client:
    """Somebody with all keys of a collection, and a memory of versions that may be behind."""

    home: Home
    seen: dict[str, int] = field(default_factory=dict)

    def next(self, role: str) -> int:
        return self.seen.get(role, 0) + 1


@dataclass
class World:
    """Two collections, two clients of each, and whatever was uploaded so far."""

    town: Town
    clients: dict[CollectionName, tuple[Client, Client]] = field(default_factory=dict)
    sent: list[tuple[CollectionName, Files]] = field(default_factory=list)
    taken: int = 0

    def __post_init__(self) -> None:
        for name in (NAME, OTHER):
            home = self.town.home(name)
            self.clients[name] = (Client(home), Client(home))

    def upload(self, name: CollectionName, files: Mapping[str, bytes]) -> bool:
        """Publish, and look at what came of it."""
        self.sent.append((name, dict(files)))
        before = self.everything()
        try:
            self.town.service.publish(name, files, "somebody")
        except Refusal as error:
            assert error.status == 400
            assert len(error.body()) < 1024
            assert self.everything() == before
            return False
        self.taken += 1
        self.require_whole(name, before)
        for role, data in files.items():
            assert self.town.newest(name)[role] == data
        return True

    def everything(self) -> dict[CollectionName, tuple[Files, list[int]]]:
        return {name: (self.town.newest(name), self.town.noted(name)) for name in (NAME, OTHER)}

    def require_whole(self, name: CollectionName, before: Mapping[CollectionName, tuple[Files, list[int]]]) -> None:
        for other in {NAME, OTHER} - {name}:
            assert before[other] == (self.town.newest(other), self.town.noted(other))
            assert not self.online(name) & self.online(other)
        old, notes = before[name]
        assert self.town.noted(name) == [*notes, self.town.versions(name)["timestamp"]]
        newest = self.town.newest(name)
        for role, data in old.items():
            assert newest[role] == data or _version(newest[role]) > _version(data), role
        self.require_served(name)

    def online(self, name: CollectionName) -> set[str]:
        """The keys that its root wants snapshot and timestamp signed with."""
        signed = json.loads(self.town.newest(name).get("root", b'{"signed":{"roles":{}}}'))["signed"]
        roles = [signed["roles"][role] for role in ("snapshot", "timestamp") if role in signed["roles"]]
        return {signed["keys"][keyid]["keyval"]["public"] for role in roles for keyid in role["keyids"]}

    def require_served(self, name: CollectionName) -> Files:
        """As a client reads: timestamp, snapshot, and what this lists."""
        timestamp, snapshot = (self.town.served(role, name) for role in ("timestamp", "snapshot"))
        assert timestamp is not None
        assert snapshot is not None
        listed = json.loads(snapshot)["signed"]["meta"]
        found = {role: data for role in listed if (data := self.town.served(role, name)) is not None}
        assert found.keys() == listed.keys()
        files = found | {"timestamp": timestamp, "snapshot": snapshot}
        check(files, self.town.roots(name))
        return files

    def publish(self, client: Client, files: Files, home: Home | None = None) -> None:
        """As a client does: with a snapshot of what it knows where it holds the key; it remembers what was taken."""
        name, new = client.home.name, home or client.home
        if new.client_snapshot is not None:
            held = {
                role: data for role, data in self.town.newest(name).items() if role not in {"snapshot", "timestamp"}
            }
            files = files | {"snapshot": new.snapshot(client.next("snapshot"), held | files)}
        if self.upload(name, files):
            client.seen |= {role: _version(data) for role, data in files.items()}
            for each in self.clients[name]:
                each.home = replace(new, old_roots=())

    def refresh(self, client: Client) -> None:
        client.seen = self.town.versions(client.home.name)


def _version(data: bytes) -> int:
    return int(json.loads(data)["signed"]["version"])


# What may happen next: each takes a client and a number to choose with.


def begin(world: World, client: Client, number: int) -> None:
    world.publish(client, replace(client.home, client_snapshot=None).first([f"t{number}"]))


def tag(world: World, client: Client, number: int) -> None:
    world.publish(client, {"targets": client.home.targets(client.next("targets"), [f"t{number}"])})


def release(world: World, client: Client, number: int) -> None:
    by = client.home.releasers or (bare("alice"),)
    world.publish(client, {RELEASES: client.home.releases(client.next(RELEASES), [f"r{number}"], by=by)})


def go_deeper(world: World, client: Client, number: int) -> None:
    bob = bare("bob")
    inner = delegations([delegation(DEEP, bob)], bob)
    above = client.home.releases(client.next(RELEASES), change=lambda doc: doc.update(delegations=inner))
    deep = client.home.releases(client.next(DEEP), [f"d{number}"], by=[bob])
    world.publish(client, {DEEP: deep} | ({RELEASES: above} if number % 2 else {}))


def change_releasers(world: World, client: Client, number: int) -> None:
    choices = ((), (bare("alice"),), (bare("carol"),), (bare("alice"), bare("carol")))
    home = replace(client.home, releasers=choices[number % len(choices)])
    world.publish(client, {"targets": home.targets(client.next("targets"))}, home)


def rotate_root(world: World, client: Client, number: int) -> None:
    new = (carried(f"root {number % 3}", client.home.name),)
    home = replace(client.home, root_keys=new, old_roots=client.home.root_keys if number % 4 else ())
    world.publish(client, {"root": home.root(client.next("root"))}, home)


def rotate_targets(world: World, client: Client, number: int) -> None:
    home = replace(client.home, targets_keys=(bare(f"targets {number % 3}"),))
    targets = {"targets": home.targets(client.next("targets"))} if number % 4 else {}
    world.publish(client, {"root": home.root(client.next("root"))} | targets, home)


def rotate_server_key(world: World, client: Client, number: int) -> None:
    role = ("snapshot", "timestamp")[number % 2]
    ask = world.town.service.rotate_key if number % 3 else world.town.service.key
    offered = WireKey.read(json.loads(ask(client.home.name, role)))
    again = WireKey.read(json.loads(ask(client.home.name, role)))
    assert again == offered
    mine = None if role == "snapshot" else client.home.client_snapshot
    home = replace(client.home, server=client.home.server | {role: offered}, client_snapshot=mine)
    world.publish(client, {"root": home.root(client.next("root"))}, home)


def take_snapshot_key(world: World, client: Client, number: int) -> None:
    home = replace(client.home, client_snapshot=_snapshot_key(client, number))
    world.publish(client, {"root": home.root(client.next("root"))}, home)


def _snapshot_key(client: Client, number: int) -> Holder:
    return bare(f"client snapshot {number % 2} of {client.home.name}")


def publish_nothing(world: World, client: Client, number: int) -> None:
    world.publish(client, {})


def catch_up(world: World, client: Client, number: int) -> None:
    world.refresh(client)


def replay(world: World, client: Client, number: int) -> None:
    if world.sent:
        world.upload(*world.sent[number % len(world.sent)])


def replay_a_part(world: World, client: Client, number: int) -> None:
    if world.sent:
        files = world.sent[number % len(world.sent)][1]
        world.upload(client.home.name, dict(sorted(files.items())[: 1 + number % 2]))


def replay_mixed(world: World, client: Client, number: int) -> None:
    if len(world.sent) > 1:
        one, other = (world.sent[(number + step) % len(world.sent)][1] for step in (0, 1))
        world.upload(client.home.name, one | other)


def name_a_foreign_key(world: World, client: Client, number: int) -> None:
    """A server key that was made for the other collection."""
    other = OTHER if client.home.name == NAME else NAME
    foreign = WireKey.read(json.loads(world.town.service.rotate_key(other, "timestamp")))
    home = replace(client.home, server=client.home.server | {"timestamp": foreign})
    assert not world.upload(client.home.name, {"root": home.root(client.next("root"))})


def name_the_stores_keys(world: World, client: Client, number: int) -> None:
    """Those that sign what the store's owner publishes; one of them, or both."""
    keys = store_keys()
    wanted = {role: keys[role] for role in (("timestamp",), ("snapshot",), ("snapshot", "timestamp"))[number % 3]}
    home = replace(client.home, server=client.home.server | wanted, client_snapshot=None)
    assert not world.upload(client.home.name, {"root": home.root(client.next("root"))})
    assert not world.upload(client.home.name, home.first(["evil"]))


def hide(world: World, client: Client, number: int) -> None:
    """The client's snapshot leaves somebody out, at once with taking over its key, or later."""
    home = replace(client.home, client_snapshot=client.home.client_snapshot or _snapshot_key(client, number))
    root = {} if client.home.client_snapshot else {"root": home.root(client.next("root"))}
    hidden = {"snapshot", "timestamp", RELEASES if number % 3 else DEEP}
    seen = {role: data for role, data in world.town.newest(home.name).items() if role not in hidden} | root
    if world.upload(home.name, root | {"snapshot": home.snapshot(client.next("snapshot"), seen)}):
        for each in world.clients[home.name]:
            each.home = home


def a_stranger(world: World, client: Client, number: int) -> None:
    mallory = bare("mallory")
    role = ("root", "targets", RELEASES, "snapshot")[number % 4]
    made = {
        "root": lambda: client.home.root(client.next("root"), by=[mallory]),
        "targets": lambda: client.home.targets(client.next("targets"), ["evil"], by=[mallory]),
        RELEASES: lambda: client.home.releases(client.next(RELEASES), ["evil"], by=[mallory]),
        "snapshot": lambda: client.home.snapshot(client.next("snapshot"), world.town.newest(), by=[mallory]),
    }
    assert not world.upload(client.home.name, {role: made[role]()})


def time_passes(world: World, client: Client, number: int) -> None:
    """Enough for timestamps, or for snapshots, too; then somebody reads."""
    world.town.later(days=15 if number % 3 else 3 * 365 + 20)
    for each in world.clients.values():
        for one in each:
            one.home = replace(one.home, now=world.town.now)
    if "timestamp" in world.town.newest(client.home.name):
        world.require_served(client.home.name)


def restart(world: World, client: Client, number: int) -> None:
    world.town.restarted()


OPERATIONS: Final[tuple[Callable[[World, Client, int], None], ...]] = (
    begin,
    tag,
    release,
    go_deeper,
    change_releasers,
    rotate_root,
    rotate_targets,
    rotate_server_key,
    take_snapshot_key,
    publish_nothing,
    catch_up,
    replay,
    replay_a_part,
    replay_mixed,
    name_a_foreign_key,
    name_the_stores_keys,
    hide,
    a_stranger,
    time_passes,
    restart,
)
Step = tuple[Callable[[World, Client, int], None], CollectionName, bool, int]
STEP = st.tuples(st.sampled_from(OPERATIONS), st.sampled_from([NAME, NAME, OTHER]), st.booleans(), st.integers(0, 99))


def run(store: Watched, steps: list[Step]) -> World:
    """Both collections begin; the first client of each knows it, the second has to look first."""
    world = World(Town(store))
    for name in (NAME, OTHER):
        begin(world, world.clients[name][0], 0)
    follow(world, steps)
    return world


def follow(world: World, steps: list[Step]) -> None:
    """Go on."""
    for operation, name, second, number in steps:
        client = world.clients[name][second]
        if number % 2:
            world.refresh(client)
        operation(world, client, number)


@given(steps=st.lists(STEP, max_size=STEPS))
@settings(max_examples=150, deadline=None)
def test_any_order_in_memory(steps: list[Step]) -> None:
    run(WatchedMemory(), steps)


@given(steps=st.lists(STEP, max_size=STEPS))
@settings(max_examples=25, deadline=None)
def test_any_order_in_sqlite(steps: list[Step]) -> None:
    with _sqlite() as store:
        run(store, steps)


@contextmanager
def _sqlite() -> Iterator[SqliteStore]:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o700)
        store = SqliteStore(Path(folder) / "store.db")
        try:
            yield store
        finally:
            store.close()


@given(steps=st.lists(STEP, max_size=STEPS), signer_first=st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_docker_accepts_stays_while_tuf_says_so(steps: list[Step], signer_first: bool) -> None:
    """A collection that is in TUF 1.0 as well: keys and times may change, no tag does, whoever uploads what."""
    world = World(Town())
    client = world.clients[NAME][0]
    begin(world, client, 0)
    begin(world, world.clients[OTHER][0], 0)
    release(world, client, 1)
    if signer_first:
        change_releasers(world, client, 3)
    with world.town.store.writing(NAME) as transaction:
        transaction.put(NAME, RoleFile(TIMESTAMP, 1, NOW, b"{}"))
    before = accepted(world.require_served(NAME))
    follow(world, steps)
    assert accepted(world.require_served(NAME)) == before


def test_the_operations_above_do_something() -> None:
    """Each of them, done by somebody who is up to date, is taken (or refused, where it is an attack)."""
    attacks = {begin, replay, replay_a_part, replay_mixed, name_a_foreign_key, name_the_stores_keys, hide, a_stranger}
    quiet = {catch_up, restart, time_passes}
    for operation in OPERATIONS:
        world = run(WatchedMemory(), [(change_releasers, NAME, False, 1)])
        client = world.clients[NAME][0]
        world.refresh(client)
        before = world.taken
        operation(world, client, 7)
        assert world.taken - before == (operation not in attacks | quiet), operation.__name__
