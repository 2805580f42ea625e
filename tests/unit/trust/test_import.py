"""Collections of docker and notary, taken over: from folders as their clients leave them, and from servers."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.fakes.keys import ALICE, NAME, NOW, PASSPHRASE, House, docker_house, private, signer, target
from tests.fakes.notary_repository import RELEASES as FULL_RELEASES
from tests.fakes.notary_repository import FakeNotary, FakeNotaryRepository, certify, new_key, seal
from tests.shared_data import shared_data

from pytrust.trust.client.gather import FolderSource, gather
from pytrust.trust.client.source import Source
from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Collection
from pytrust.trust.errors import BadMetadata, Conflict, Stale, Unsigned, UntrustedRoot
from pytrust.trust.formats.notary.files import read_root
from pytrust.trust.http import Deadline
from pytrust.trust.keys.notary_file import open_key, parse
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer
from pytrust.trust.names import CollectionName, Format, KeyId, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.publish.owner import Adoption
from pytrust.trust.store.interface import RoleFile

DIGEST = "sha256:" + "ab" * 32
MADE = datetime(2026, 11, 24, tzinfo=UTC)  # the day after the vectors were made
OWN = ("root", "targets", "alice")


def own(name: str) -> Signer:
    return signer(name, "ecdsa-p256")


class Vector(NamedTuple):
    """What a real server or client had after some step."""

    name: CollectionName
    folder: Path
    root_key: KeyId


def vector(tmp_path: Path, step: str, *, roots: bool = False) -> Vector:
    """A step of the vectors as docker's folder; a client keeps the newest root alone."""
    made = shared_data("notary-vectors") / step
    name = CollectionName((made / "GUN").read_text().strip())
    place = tmp_path / "trust" / "tuf" / name / "metadata"
    shutil.copytree(made, place)
    for path in [*place.glob("[0-9]*.root.json"), place / "GUN"]:
        if not (roots and path.suffix):
            path.unlink()
    root = read_root((place / "root.json").read_bytes())
    return Vector(name, tmp_path / "trust", root.keys_of(ROOT)[0].material.id)


def vector_keys() -> dict[KeyId, tuple[str, PrivateKey]]:
    """The private keys of the vectors, by id."""
    found = {}
    for path in sorted((shared_data("notary-vectors") / "keys").glob("*.key")):
        file = parse(path.read_bytes(), path.name)
        word = {"root": b"rootpass-test-only", "x": b"short"}.get(file.role, b"repopass-test-only")
        key = open_key(file, word, path.name)
        found[PublicKey.of(key.public_key()).id] = (file.role, key)
    return found


def hold(house: House, collection: Collection | FakeNotary, *roles: str) -> None:
    """Give the house the private keys of a collection."""
    if isinstance(collection, FakeNotary):
        for role in roles:
            for number, key in enumerate(collection.keys[role]):
                assert key.private is not None
                house.ring.add(
                    RoleName(f"{role.rpartition('/')[2]}-theirs-{number}"), key.private, lambda _: PASSPHRASE
                )
        return
    keys = vector_keys()
    for role in roles:
        authority = collection.authority(RoleName(role))
        assert authority is not None
        for number, public in enumerate(authority.keys):
            house.ring.add(RoleName(f"{role}-theirs-{number}"), keys[public.id][1], lambda _: PASSPHRASE)


def trust(house: House, pins: Sequence[Pin]) -> None:
    house.pins = pins
    house.publisher = house.new_publisher()


def take(house: House, source: Source, name: CollectionName, *, resign: bool = False) -> Adoption:
    return house.owner().adopt(name, gather(source, name, Deadline(5)), resign=resign)


def stored(house: House, name: CollectionName) -> dict[RoleName, RoleFile]:
    with house.store.writing(name) as transaction:
        return dict(transaction.current(name, Format.NOTARY))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return docker_house(tmp_path)


@pytest.fixture
def web() -> FakeNotary:
    """As ``docker trust sign`` leaves it, with a root key that the house has."""
    web = FakeNotary(NAME, root_keys=[own("root")])
    web.release("v1", DIGEST, 100)
    return web


def folder(tmp_path: Path, web: FakeNotary) -> FolderSource:
    """What a client that read all of it keeps."""
    for role, data in web.current.items():
        path = tmp_path / "trust" / "tuf" / web.name / "metadata" / f"{role}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return FolderSource(tmp_path / "trust")


# -- what real clients left ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "tags"),
    [
        ("a25-resign", {"v2"}),
        ("a18-dct-push-fresh", {"v1"}),
        ("b09-rotate-snapshot-local", {"one", "two"}),
        ("b12-rotate-root", {"one", "two", "three"}),
    ],
)
def test_real_collections_without_their_keys(house: House, tmp_path: Path, step: str, tags: set[str]) -> None:
    """Every file is kept byte for byte; nothing is signed, and the store says until when that is good."""
    name, place, root_key = vector(tmp_path, step)
    house.now = MADE
    trust(house, [Pin(name, frozenset({root_key}))])
    files = gather(FolderSource(place), name, Deadline(5))
    adopted = house.owner().adopt(name, files, resign=False)
    assert set(adopted.collection.accepted) == tags
    assert (adopted.signed, adopted.unsigned, adopted.expired) == ((), (), ())
    assert adopted.until == min(file.expires for file in files if file.role in {TIMESTAMP, SNAPSHOT})
    assert {role: file.data for role, file in stored(house, name).items()} == {file.role: file.data for file in files}


@pytest.mark.parametrize("step", ["a25-resign", "a18-dct-push-fresh", "b09-rotate-snapshot-local"])
def test_real_collections_with_the_root_key(house: House, tmp_path: Path, step: str) -> None:
    """The next root names this store's keys, and is signed by the root key; all below stays as it was."""
    name, place, root_key = vector(tmp_path, step)
    house.now = MADE
    trust(house, [Pin(name, frozenset({root_key}))])
    house.ring.add(RoleName("theirs"), vector_keys()[root_key][1], lambda _: PASSPHRASE)
    files = {file.role: file for file in gather(FolderSource(place), name, Deadline(5))}
    assert take(house, FolderSource(place), name).signed == (ROOT,)
    held = stored(house, name)
    assert {role for role in files if held[role].data != files[role].data} == {ROOT, SNAPSHOT, TIMESTAMP}
    assert held[ROOT].version == files[ROOT].version + 1
    house.later(days=10)
    assert house.publisher.refresh_due() == [(name, None)]


def test_a_real_collection_is_signed_on(house: House, tmp_path: Path) -> None:
    name, place, root_key = vector(tmp_path, "a25-resign")
    house.now = MADE
    trust(house, [Pin(name, frozenset({root_key}))])
    house.ring.add(RoleName("theirs"), vector_keys()[root_key][1], lambda _: PASSPHRASE)
    hold(house, take(house, FolderSource(place), name).collection, TARGETS, "alice", "bob", "carol")
    assert house.owner().add_side(name, Format.TUF).missing == ()
    assert house.owner().sign(name, [target("v9")], [ALICE]).missing == ()
    state = house.publisher.load(name)
    assert state is not None
    assert [set(held.accepted) for held in state.collections.values()] == [{"v2", "v9"}] * 2


def test_three_years_later(house: House, tmp_path: Path) -> None:
    """All of it has expired: docker and notary refuse to touch it."""
    name, place, root_key = vector(tmp_path, "a25-resign")
    house.now = MADE + timedelta(days=4 * 365)
    trust(house, [Pin(name, frozenset({root_key}))])
    with pytest.raises(Stale, match=r"ended 2026-12-.*may be an old state") as caught:
        take(house, FolderSource(place), name)
    assert "--resign" in caught.value.hint
    with pytest.raises(Stale, match="does not hold the root key"):
        take(house, FolderSource(place), name, resign=True)
    assert house.store.collections() == []
    house.ring.add(RoleName("theirs"), vector_keys()[root_key][1], lambda _: PASSPHRASE)
    first = take(docker_house_like(house, tmp_path / "other"), FolderSource(place), name, resign=True)
    assert first.signed == (ROOT,)
    assert {role for role, _ in first.expired} == {TARGETS, RELEASES, "alice", "bob", "carol"}
    hold(house, first.collection, TARGETS, "alice", "bob", "carol")
    adopted = take(house, FolderSource(place), name, resign=True)
    assert set(adopted.signed) == {ROOT, TARGETS, RELEASES, "alice", "bob", "carol"}
    assert adopted.expired == ()
    assert min(file.expires for file in stored(house, name).values()) > house.now


def docker_house_like(house: House, place: Path) -> House:
    """Another store and the same keys."""
    place.mkdir()
    other = docker_house(place)
    other.ring, other.now = house.ring, house.now
    trust(other, house.pins)
    return other


def test_a_signer_who_went_is_told_of(house: House, tmp_path: Path) -> None:
    name, place, root_key = vector(tmp_path, "a27-signer-remove-last")
    house.now = MADE
    trust(house, [Pin(name, frozenset({root_key}))])
    adopted = take(house, FolderSource(place), name)
    assert adopted.unsigned == (RELEASES,)
    assert adopted.collection.accepted == {}


# -- what belongs together ----------------------------------------------------------------------------------------------


def test_from_a_server_with_every_root(house: House, web: FakeNotary) -> None:
    web.rotate("timestamp")
    web.rotate("root", own("root"), new_key())
    take(house, FakeNotaryRepository(web), NAME)
    with house.store.writing(NAME) as transaction:
        assert [read_root(data).version for data in transaction.roots(NAME, Format.NOTARY)] == [1, 2, 3, 4]


def test_a_folder_keeps_no_file_of_who_went(house: House, tmp_path: Path) -> None:
    """The snapshot lists a removed signer for ever; a client that never saw him has no file of his."""
    web = FakeNotary(NAME, root_keys=[own("root")], people=("alice", "bob"))
    web.release("v1", DIGEST, 100)
    web.keys[FULL_RELEASES].remove(web.keys.pop("targets/bob")[0])
    web.publish(TARGETS, FULL_RELEASES)
    source = folder(tmp_path, web)
    (tmp_path / "trust" / "tuf" / NAME / "metadata" / "targets" / "bob.json").unlink()
    assert set(take(house, source, NAME).collection.accepted) == {"v1"}
    assert [item.name for item in held_here(house).signers] == [ALICE]
    assert "targets/bob" not in stored(house, NAME)
    house.owner().renew(NAME, [ROOT], [])


def held_here(house: House) -> Collection:
    state = house.publisher.load(NAME)
    assert state is not None
    return state.collection


@pytest.mark.parametrize("role", ["targets", "targets/alice", "targets/releases", "snapshot", "timestamp"])
def test_what_has_a_say_may_not_be_missing(tmp_path: Path, web: FakeNotary, role: str) -> None:
    source = folder(tmp_path, web)
    (tmp_path / "trust" / "tuf" / NAME / "metadata" / f"{role}.json").unlink()
    with pytest.raises(BadMetadata, match=f"{role} of {NAME} is missing"):
        gather(source, NAME, Deadline(5))


def test_nothing_of_this_name(tmp_path: Path, web: FakeNotary) -> None:
    with pytest.raises(Unsigned, match="there is no docker.io/foo/other"):
        gather(folder(tmp_path, web), CollectionName("docker.io/foo/other"), Deadline(5))


def test_only_once(house: House, web: FakeNotary) -> None:
    take(house, FakeNotaryRepository(web), NAME)
    before = stored(house, NAME)
    with pytest.raises(Conflict, match="already"):
        take(house, FakeNotaryRepository(web), NAME)
    assert stored(house, NAME) == before


def test_a_copy_is_imported_again_once_the_root_key_is_there(house: House) -> None:
    """Docker's users have their root key somewhere else; without a way back the copy would run out, and be stuck."""
    web = FakeNotary(NAME, root_keys=[new_key()])
    trust(house, [web.pin])
    assert take(house, FakeNotaryRepository(web), NAME).signed == ()
    web.release("v2", DIGEST, 100)
    web.rotate("timestamp")
    assert set(take(house, FakeNotaryRepository(web), NAME).collection.accepted) == {"v2"}
    hold(house, web, "root")
    assert take(house, FakeNotaryRepository(web), NAME).signed == (ROOT,)
    with pytest.raises(Conflict, match="already"):
        take(house, FakeNotaryRepository(web), NAME)
    with house.store.writing(NAME) as transaction:
        assert [read_root(data).version for data in transaction.roots(NAME, Format.NOTARY)] == [1, 2, 3]


def test_the_feed_tells_of_every_timestamp_that_comes_in(house: House) -> None:
    web = FakeNotary(NAME, root_keys=[new_key()])
    trust(house, [web.pin])
    take(house, FakeNotaryRepository(web), NAME)
    web.release("v2", DIGEST, 100)
    take(house, FakeNotaryRepository(web), NAME)
    hold(house, web, "root")
    take(house, FakeNotaryRepository(web), NAME)
    newest = stored(house, NAME)[TIMESTAMP]
    noted = house.store.changes(NAME, 0, 10)
    assert [change.version for change in noted] == sorted({change.version for change in noted})
    assert (len(noted), noted[-1].version) == (3, newest.version)
    assert noted[-1].sha256 == sha256(newest.data).hexdigest()


def test_a_copy_gives_way_to_nothing_older(house: House) -> None:
    web = FakeNotary(NAME, root_keys=[new_key()])
    trust(house, [web.pin])
    web.release("v1", DIGEST, 100)
    old = web.record()
    web.release("v2", DIGEST, 100)
    take(house, FakeNotaryRepository(web), NAME)
    before = stored(house, NAME)
    web.replay(old)
    with pytest.raises(Conflict):
        take(house, FakeNotaryRepository(web), NAME)
    assert stored(house, NAME) == before


def test_what_is_kept_fresh_here_takes_nothing_from_elsewhere_any_more(house: House, web: FakeNotary) -> None:
    """The old server goes on, and is ahead in every version."""
    take(house, FakeNotaryRepository(web), NAME)
    before = stored(house, NAME)
    for number in range(4):
        web.release("v1", DIGEST, 200 + number)
    with pytest.raises(Conflict, match="already"):
        take(house, FakeNotaryRepository(web), NAME)
    assert stored(house, NAME) == before


def test_what_was_signed_here_is_no_copy(house: House) -> None:
    web = FakeNotary(NAME, root_keys=[own("root")])
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.publisher.drop(NAME, Format.TUF)
    with pytest.raises(Conflict, match="already"):
        take(house, FakeNotaryRepository(web), NAME)


def test_a_root_of_two_signatures_with_one_key_here(house: House) -> None:
    """It is taken as it is; one of two could not sign a next root."""
    web = FakeNotary(NAME, root_keys=[own("root"), new_key()], threshold={"root": 2})
    adopted = take(house, FakeNotaryRepository(web), NAME)
    assert adopted.signed == ()
    house.ring.add(RoleName("second"), _private(web.keys["root"][1]), lambda _: PASSPHRASE)
    other = docker_house_like(house, house.folder / "other")
    assert take(other, FakeNotaryRepository(web), NAME).signed == (ROOT,)


def _private(key: Signer) -> PrivateKey:
    assert key.private is not None
    return key.private


def test_a_root_whose_certificate_has_ended_gets_another(house: House) -> None:
    """The whole repository is dead for stock clients, whatever its root says of its own time."""
    web = FakeNotary(NAME, root_keys=[own("root")])
    web.expires = dict.fromkeys(("root", "targets", "snapshot", "timestamp"), NOW + timedelta(days=900))
    old = web.signing("root")
    web.certificates[own("root").public.id] = certify(own("root"), NAME, now=NOW, life=timedelta(days=1))
    web.put("root", seal(web.next("root"), [*old, *web.signing("root")]))
    web.publish("targets")
    house.later(days=30)
    assert take(house, FakeNotaryRepository(web), NAME).signed == (ROOT,)
    root = read_root(stored(house, NAME)[ROOT].data)
    assert root.keys_of(ROOT)[0].material == own("root").public
    assert root.roles["root"].keyids[0] not in {key.id for key in web.wire("root")}


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_a_state_that_may_be_old_is_taken_for_the_newest_only_when_told_to(
    house: House, web: FakeNotary, role: str
) -> None:
    web.expires[role] = NOW - timedelta(days=30)
    web.settle()
    with pytest.raises(Stale, match="may be an old state"):
        take(house, FakeNotaryRepository(web), NAME)
    assert house.store.collections() == []
    adopted = take(house, FakeNotaryRepository(web), NAME, resign=True)
    assert adopted.signed == (ROOT,)
    assert adopted.until < house.now


def test_expired_roles_are_signed_only_when_told_to(house: House) -> None:
    web = FakeNotary(NAME, root_keys=[own("root")])
    web.keys |= {"targets": [own("targets")], "targets/alice": [own("alice")], FULL_RELEASES: [own("alice")]}
    web.publish("root", "targets")
    web.expires = {"targets": NOW - timedelta(days=3), FULL_RELEASES: NOW - timedelta(days=2)}
    web.publish("targets")
    web.release("v1", DIGEST, 100)
    adopted = take(house, FakeNotaryRepository(web), NAME)
    assert adopted.signed == (ROOT,)
    assert dict(adopted.expired) == {TARGETS: NOW - timedelta(days=3), RELEASES: NOW - timedelta(days=2)}
    other = docker_house_like(house, house.folder / "other")
    again = take(other, FakeNotaryRepository(web), NAME, resign=True)
    assert set(again.signed) == {ROOT, TARGETS, RELEASES}
    assert again.expired == ()
    before, after = stored(house, NAME), stored(other, NAME)
    assert before[RoleName("targets/alice")] == after[RoleName("targets/alice")]


def test_another_root_key_than_the_pinned_one(house: House) -> None:
    with pytest.raises(UntrustedRoot):
        take(house, FakeNotaryRepository(FakeNotary(NAME)), NAME)
    assert house.store.collections() == []


def test_names_of_a_folder(tmp_path: Path, web: FakeNotary) -> None:
    source = folder(tmp_path, web)
    folder(tmp_path, FakeNotary("registry.example.com:5000/a/b/c"))
    (tmp_path / "trust" / "tuf" / "docker.io" / "foo" / "empty" / "metadata").mkdir(parents=True)
    assert source.names() == ["docker.io/foo/web", "registry.example.com:5000/a/b/c"]


def test_keys_of_the_house_are_not_those_of_the_vectors() -> None:
    assert not {PublicKey.of(private(name, "ecdsa-p256").public_key()).id for name in OWN} & vector_keys().keys()
