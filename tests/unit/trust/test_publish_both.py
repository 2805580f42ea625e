"""One act of signing, two wire formats: what is published says the same in both, and each of them verifies."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.keys import ALICE, BOB, NAME, OTHER, PASSPHRASE, House, docker_house, private, public, target

from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Collection
from pytrust.trust.errors import BadMetadata, PytrustError, UsageError
from pytrust.trust.formats.notary.checks import require_fresh, require_role, require_root
from pytrust.trust.formats.notary.envelope import read_envelope, write_envelope
from pytrust.trust.formats.notary.files import read_meta, read_root, read_targets
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.store.sqlite import SqliteStore

BOTH = (Format.TUF, Format.NOTARY)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house whose keys docker's clients can read."""
    return docker_house(tmp_path)


def notary_files(house: House, name: CollectionName = NAME) -> dict[str, bytes]:
    """The newest Notary files, by full name, after a strict look at all of them as a client takes it."""
    with house.store.writing(name) as transaction:
        files = {str(role): file.data for role, file in transaction.current(name, Format.NOTARY).items()}
        roots = [read_root(data) for data in transaction.roots(name, Format.NOTARY)]
    for before, root in zip([None, *roots], roots, strict=False):
        require_root(name, root, before, house.now)
    root, timestamp, snapshot = roots[-1], read_meta(TIMESTAMP, files[TIMESTAMP]), read_meta(SNAPSHOT, files[SNAPSHOT])
    for online, meta in ((TIMESTAMP, timestamp), (SNAPSHOT, snapshot)):
        require_role(name, online, meta, root, None)
        require_fresh(name, online, meta, house.now)
    assert timestamp.meta[SNAPSHOT].matches(files[SNAPSHOT])
    for role, listed in snapshot.meta.items():
        assert listed.matches(files[role]), role
    targets = read_targets(TARGETS, files[TARGETS])
    require_role(name, TARGETS, targets, root, None)
    for item in targets.delegations:
        if (data := files.get(item.name)) is not None:
            require_role(name, item.name, read_targets(item.name, data), root, targets)
    return files


def sides(house: House, name: CollectionName = NAME) -> dict[Format, Collection]:
    state = house.publisher.load(name)
    assert state is not None
    return state.collections


def test_the_first_signature_is_in_both(house: House) -> None:
    house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    files = notary_files(house)
    assert set(files) == {ROOT, TARGETS, "targets/releases", "targets/alice", SNAPSHOT, TIMESTAMP}
    both = sides(house)
    assert both[Format.TUF].accepted == both[Format.NOTARY].accepted
    assert both[Format.NOTARY].vouchers(both[Format.NOTARY].accepted["v1"]) == (ALICE,)
    for role, data in files.items():
        assert write_envelope(read_envelope(role, data)) == data


def test_everything_an_owner_does_keeps_both_equal(house: House) -> None:
    owner = house.owner()
    owner.sign(NAME, [target("v1")], [ALICE])
    owner.add_signer(NAME, BOB, public("bob", "ecdsa-p256"), None, [ALICE])
    owner.sign(NAME, [target("v1"), target("v2")], [BOB])
    owner.sign(NAME, [target("v1", "moved")], [ALICE])
    owner.revoke(NAME, ["v2"], [ALICE])
    owner.renew(NAME, [ROOT, TARGETS, RELEASES], [ALICE])
    _, orphans = owner.remove_signer(NAME, BOB, None, [ALICE])
    assert orphans == ()
    notary_files(house)
    both = sides(house)
    assert both[Format.TUF].accepted == both[Format.NOTARY].accepted
    assert list(both[Format.NOTARY].accepted) == ["v1"]
    assert {item.name for item in both[Format.NOTARY].signers} == {ALICE}


def test_who_went_has_nothing_to_sign_again(house: House) -> None:
    """The version of his role is kept for ever; nobody may sign it."""
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.owner().add_signer(NAME, BOB, public("bob", "ecdsa-p256"), None, [ALICE])
    house.owner().remove_signer(NAME, ALICE, None, [BOB])
    with pytest.raises(UsageError, match="has no role alice"):
        house.owner().renew(NAME, [ALICE], [BOB])


@pytest.mark.parametrize("role", [ROOT, TARGETS, ALICE])
def test_rotated_keys_count_in_both(house: House, role: RoleName) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.ring.add(RoleName("fresh"), private("fresh", "ecdsa-p256"), lambda _: PASSPHRASE)
    house.owner().rotate(NAME, role, public("fresh", "ecdsa-p256"), [ALICE] if role != ALICE else [])
    notary_files(house)
    for collection in sides(house).values():
        authority = collection.authority(role)
        assert authority is not None
        assert authority.keys == (public("fresh", "ecdsa-p256"),)


def test_a_proposal_waits_in_both(house: House) -> None:
    owner = house.owner()
    owner.sign(NAME, [target("v1")], [ALICE])
    assert owner.add_signer(NAME, BOB, public("bob", "ecdsa-p256"), 2, [ALICE, BOB]).missing == ()
    outcome = owner.sign(NAME, [target("v2")], [ALICE])
    assert [(item.role, item.count) for item in outcome.missing] == [(RELEASES, 1)]
    assert all("v2" not in held.accepted for held in sides(house).values())
    _, shown, _ = house.publisher.proposal(NAME)
    assert house.owner().approve(NAME, [BOB], shown).missing == ()
    notary_files(house)
    assert all("v2" in held.accepted for held in sides(house).values())


def test_a_collection_of_one_format(house: House) -> None:
    house.forms = (Format.NOTARY,)
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.owner().sign(NAME, [target("v2")], [ALICE])
    assert set(sides(house)) == {Format.NOTARY}
    assert set(notary_files(house)) >= {"targets/releases"}
    assert house.store.collections(Format.TUF) == []


def test_a_root_key_that_docker_cannot_read(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.forms = BOTH
    with pytest.raises(UsageError, match="ecdsa and rsa only") as caught:
        house.owner().sign(NAME, [target("v1")], [ALICE])
    assert "--format tuf" in caught.value.hint
    assert house.store.collections() == []


def test_refreshing_renews_both(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.later(days=10)
    assert house.publisher.refresh_due() == [(NAME, None)]
    files = notary_files(house)
    assert read_meta(TIMESTAMP, files[TIMESTAMP]).version == 2


def test_a_certificate_that_ends_is_renewed_with_the_root(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    old = read_root(notary_files(house)[ROOT])
    house.later(days=3560)
    house.owner().renew(NAME, [ROOT, TARGETS, RELEASES, ALICE], [ALICE])
    root = read_root(notary_files(house)[ROOT])
    assert root.roles[ROOT].keyids != old.roles[ROOT].keyids
    assert root.keys_of(ROOT)[0].material == old.keys_of(ROOT)[0].material


def test_long_names_fit_into_a_certificate(house: House) -> None:
    name = CollectionName(f"registry.example.com/{'a' * 40}/{'b' * 60}")
    house.owner().sign(name, [target("v1")], [ALICE])
    notary_files(house, name)


_ACTIONS: dict[str, Callable[[House], object]] = {
    "sign": lambda house: house.owner().sign(NAME, [target("v2")], [ALICE]),
    "revoke": lambda house: house.owner().revoke(NAME, ["v1"], [ALICE]),
    "signer": lambda house: house.owner().add_signer(NAME, BOB, public("bob", "ecdsa-p256"), None, [ALICE]),
    "renew": lambda house: house.owner().renew(NAME, [ROOT, TARGETS], [ALICE]),
    "refresh": lambda house: house.publisher.refresh(NAME),
    "new": lambda house: house.owner().sign(OTHER, [target("v1")], [ALICE]),
}


@pytest.mark.parametrize("broken", BOTH)
@pytest.mark.parametrize("action", _ACTIONS)
def test_both_or_neither(house: House, tmp_path: Path, action: str, broken: Format) -> None:
    """The disk fails at the last file of one format: nothing of the other is there either."""
    path = tmp_path / "store.db"
    house.store = SqliteStore(path)
    house.publisher = house.new_publisher()
    house.owner().sign(NAME, [target("v1")], [ALICE])
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            f"CREATE TRIGGER failing BEFORE INSERT ON files WHEN NEW.format = '{broken}' AND NEW.role = 'timestamp' "
            "BEGIN SELECT RAISE(ABORT, 'the disk failed'); END"
        )
        before = rows(database)
        with pytest.raises((PytrustError, sqlite3.Error), match="the disk failed"):
            _ACTIONS[action](house)
        assert rows(database) == before
        database.execute("DROP TRIGGER failing")
    _ACTIONS[action](house)
    notary_files(house)


def rows(database: sqlite3.Connection) -> list[tuple[object, ...]]:
    return [row for table in ("files", "current", "proposals") for row in database.execute(f"SELECT * FROM {table}")]


def test_a_side_that_was_put_back_is_not_kept_fresh(house: House) -> None:
    """What was revoked must not be renewed for half of its clients."""
    house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    with house.store.writing(NAME) as transaction:
        old = list(transaction.current(NAME, Format.NOTARY).values())
    house.owner().revoke(NAME, ["v1"], [ALICE])
    with house.store.writing(NAME) as transaction:
        root = transaction.current(NAME, Format.NOTARY)[ROOT]
    with house.store.writing(NAME) as transaction:
        transaction.drop(NAME, Format.NOTARY)
    with house.store.writing(NAME) as transaction:
        transaction.put(NAME, *old, form=Format.NOTARY)
    assert root in old
    house.later(days=10)
    [(name, error)] = house.publisher.refresh_due()
    assert name == NAME
    assert "one thing in TUF 1.0 and another in Notary v1" in str(error)
    with pytest.raises(BadMetadata, match="one thing in TUF") as caught:
        house.owner().sign(NAME, [target("v3")], [ALICE])
    assert "keep the side that is right" in caught.value.hint
    house.publisher.drop(NAME, Format.NOTARY)
    house.owner().add_side(NAME, Format.NOTARY)
    assert [list(held.accepted) for held in sides(house).values()] == [["v2"], ["v2"]]
