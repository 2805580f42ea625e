"""What owners do, from the first signature to rotated keys: clients with the old pin accept every state."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.keys import (
    ALICE,
    BOB,
    CAROL,
    NAME,
    NOW,
    OTHER,
    House,
    digest,
    ids,
    keyring,
    passphrase,
    pin,
    public,
    ref,
    signer,
    target,
    two_of_three,
)

from pytrust.trust.collection import edit
from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from pytrust.trust.errors import (
    BadMetadata,
    BadSignature,
    Conflict,
    Damaged,
    NoSuchKey,
    NotFound,
    PytrustError,
    Rollback,
    Unsigned,
    Unsound,
    UntrustedRoot,
    UsageError,
)
from pytrust.trust.formats import tuf
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.limits import RENEW_ONLINE_BEFORE
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.publish import proposal as proposals
from pytrust.trust.publish.owner import Owner
from pytrust.trust.publish.publisher import Outcome
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.memory import MemoryStore


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def versions(house: House, name: CollectionName = NAME) -> dict[str, int]:
    with house.store.writing(NAME) as transaction:
        return {str(role): file.version for role, file in transaction.current(name).items()}


def signed(house: House, tag: str, cache: str = "cache") -> tuple[str, ...]:
    return tuple(map(str, house.client(cache).verify([ref(tag)])[0].signers))


def approve(house: House, *signers: RoleName) -> Outcome:
    """Look at the change that waits, and sign it."""
    _, shown, _ = house.publisher.proposal(NAME)
    return house.owner().approve(NAME, signers, shown)


# -- signing and revoking -------------------------------------------------------------------------------------------


def test_the_first_signature_creates_the_collection(house: House) -> None:
    outcome = house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    assert outcome.missing == ()
    assert house.told == [f"{NAME} is new: creating it with the keys root, targets and alice"]
    assert versions(house) == {"root": 1, "targets": 1, "releases": 2, "alice": 1, "snapshot": 1, "timestamp": 1}
    found = house.client().verify([ref("v2")])[0]
    assert (found.digest, found.role, found.signers) == (digest("v2"), RELEASES, (ALICE,))


def test_what_was_not_signed_is_refused(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    with pytest.raises(Unsigned, match="v2 is not signed"):
        house.client().verify([ref("v2")])


def test_the_next_signature_touches_only_what_changes(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    before = versions(house)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    after = versions(house)
    assert {role for role in after if after[role] != before[role]} == {"releases", "alice", "snapshot", "timestamp"}
    assert signed(house, "v1") == signed(house, "v2") == ("alice",)


def test_a_tag_that_moves(house: House) -> None:
    house.owner().sign(NAME, [target("v1", "old")], [ALICE])
    house.owner().sign(NAME, [target("v1", "new")], [ALICE])
    assert house.client().verify([ref("v1")])[0].digest == digest("new")


def test_signing_without_the_keys_of_a_new_collection(tmp_path: Path, house: House) -> None:
    house.ring = keyring(tmp_path / "poor", "alice")
    with pytest.raises(NoSuchKey, match="no key named root"):
        house.owner().sign(NAME, [target("v1")], [ALICE])
    assert house.store.collections() == []


def test_signing_as_a_stranger(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    before = versions(house)
    with pytest.raises(UsageError, match="bob is not a signer"):
        house.owner().sign(NAME, [target("v2")], [BOB])
    assert versions(house) == before


def test_signing_with_another_key_than_the_collection_knows(tmp_path: Path, house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.ring = keyring(tmp_path / "other", "root", "targets")
    from tests.fakes.keys import PASSPHRASE, private

    house.ring.add(ALICE, private("impostor"), lambda _: PASSPHRASE)
    with pytest.raises(UsageError, match="knows alice by another key"):
        house.owner().sign(NAME, [target("v2")], [ALICE])


def test_a_root_that_no_pin_covers_is_not_published(house: House) -> None:
    house.pins = [pin("somebody else")]
    house.publisher = house.new_publisher()
    with pytest.raises(UntrustedRoot):
        house.owner().sign(NAME, [target("v1")], [ALICE])
    assert house.store.collections() == []


def test_revoking(house: House) -> None:
    house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    house.owner().revoke(NAME, ["v1"], [ALICE])
    assert signed(house, "v2") == ("alice",)
    with pytest.raises(Unsigned):
        signed(house, "v1")
    house.owner().revoke(NAME, None, [ALICE])
    with pytest.raises(Unsigned):
        signed(house, "v2")
    with pytest.raises(Unsigned, match="nothing to revoke"):
        house.owner().revoke(NAME, ["v1"], [ALICE])


@pytest.mark.parametrize("act", ["revoke", "remove_signer", "rotate", "renew", "approve", "reject", "refresh"])
def test_there_is_nothing_to_change(house: House, act: str) -> None:
    owner = house.owner()
    calls: dict[str, Any] = {
        "revoke": lambda: owner.revoke(NAME, None, [ALICE]),
        "remove_signer": lambda: owner.remove_signer(NAME, ALICE, None, []),
        "rotate": lambda: owner.rotate(NAME, ROOT, public("x"), []),
        "renew": lambda: owner.renew(NAME, [TARGETS], []),
        "approve": lambda: approve(house, ALICE),
        "reject": lambda: house.publisher.reject(NAME),
        "refresh": lambda: house.publisher.refresh(NAME),
    }
    with pytest.raises(NotFound):
        calls[act]()


# -- thresholds and proposals ---------------------------------------------------------------------------------------


def test_two_of_three(house: House) -> None:
    two_of_three(house)
    outcome = house.owner().sign(NAME, [target("v2")], [ALICE])
    (lacking,) = outcome.missing
    assert (lacking.role, lacking.count, lacking.present) == (RELEASES, 1, ids("alice"))
    assert house.store.proposals() == [NAME]
    with pytest.raises(Unsigned):
        signed(house, "v2")
    assert approve(house, BOB).missing == ()
    assert house.store.proposals() == []
    assert signed(house, "v2") == ("alice", "bob")


def test_two_signers_at_once_need_no_proposal(house: House) -> None:
    two_of_three(house)
    assert house.owner().sign(NAME, [target("v2")], [CAROL, BOB]).missing == ()
    assert set(signed(house, "v2")) == {"bob", "carol"}


def test_nobody_approves_twice(house: House) -> None:
    two_of_three(house)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    with pytest.raises(UsageError, match="alice has signed the change"):
        approve(house, ALICE)
    assert house.store.proposals() == [NAME]


def test_a_stranger_cannot_approve(house: House) -> None:
    two_of_three(house)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    for stranger in (RoleName("root"), RoleName("targets")):
        with pytest.raises(UsageError, match="does not wait for"):
            approve(house, stranger)


def test_three_of_three_takes_two_approvals(house: House) -> None:
    two_of_three(house)
    house.owner().add_signer(NAME, CAROL, public("carol"), 3, [ALICE, BOB, CAROL])
    house.owner().sign(NAME, [target("v2")], [ALICE])
    assert [item.count for item in approve(house, BOB).missing] == [1]
    assert approve(house, CAROL).missing == ()
    assert set(signed(house, "v2")) == {"alice", "bob", "carol"}


@pytest.mark.parametrize("at", ["approve", "settle"])
def test_of_two_who_approve_at_once_none_is_lost(house: House, at: str) -> None:
    """Both looked when only alice had signed; the second must not undo the first."""
    two_of_three(house)
    house.owner().add_signer(NAME, CAROL, public("carol"), 3, [ALICE, BOB, CAROL])
    house.owner().sign(NAME, [target("v2")], [ALICE])
    _interleave(house, lambda: approve(house, CAROL), lambda: approve(house, BOB), at)
    (lacking,) = house.publisher.proposal(NAME)[2]
    assert lacking.present == ids("alice", "bob")
    assert approve(house, CAROL).missing == ()


@pytest.mark.parametrize("at", ["approve", "settle"])
def test_nobody_signs_another_change_than_was_shown(house: House, at: str) -> None:
    two_of_three(house)
    house.owner().sign(NAME, [target("v2", "good")], [ALICE])

    def swap() -> None:
        house.publisher.reject(NAME)
        house.owner().sign(NAME, [target("v2", "evil")], [ALICE])

    _, shown, _ = house.publisher.proposal(NAME)
    _interleave(house, lambda: approve(house, BOB), swap, at)
    with pytest.raises(Unsigned):
        signed(house, "v2")
    with pytest.raises(Conflict, match="no longer the one that was shown"):
        house.owner().approve(NAME, [BOB], shown)
    assert approve(house, BOB).missing == ()


def test_a_dropped_change_does_not_come_back(house: House) -> None:
    two_of_three(house)
    house.owner().add_signer(NAME, CAROL, public("carol"), 3, [ALICE, BOB, CAROL])
    house.owner().sign(NAME, [target("v2")], [ALICE])
    _interleave(house, lambda: approve(house, BOB), lambda: house.publisher.reject(NAME), "settle")
    assert house.store.proposals() == []


def _interleave(house: House, act: Any, between: Any, at: str) -> None:
    """Run ``between`` in the middle of ``act``: after the change was looked at, before it is signed or kept."""
    place = {"approve": "approve", "settle": "_settle"}[at]
    original = getattr(house.publisher, place)

    def late(*arguments: Any, **named: Any) -> Any:
        setattr(house.publisher, place, original)
        between()
        return original(*arguments, **named)

    setattr(house.publisher, place, late)
    with suppress(PytrustError):
        act()


def test_a_change_is_void_once_something_else_was_published(house: House) -> None:
    two_of_three(house)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    with house.store.writing(NAME) as transaction:
        kept = transaction.proposal(NAME)
    house.publisher.reject(NAME)
    house.owner().sign(NAME, [target("v4")], [ALICE, BOB])
    with house.store.writing(NAME) as transaction:
        transaction.set_proposal(NAME, kept)
    with pytest.raises(Conflict, match="out of date"):
        approve(house, BOB)
    house.owner().sign(NAME, [target("v5")], [ALICE])
    assert approve(house, BOB).missing == ()


@pytest.mark.parametrize("signers", [[BOB], [BOB, CAROL]])
def test_nothing_is_published_beside_a_change_that_waits(house: House, signers: list[RoleName]) -> None:
    """It would make that change void without a word."""
    two_of_three(house)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    with pytest.raises(Conflict, match="waits for signatures already"):
        house.owner().sign(NAME, [target("v3")], signers)
    assert approve(house, BOB).missing == ()
    house.owner().sign(NAME, [target("v3")], [BOB, CAROL])


def test_a_new_timestamp_does_not_void_a_change(house: House) -> None:
    two_of_three(house)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    house.publisher.refresh(NAME)
    assert approve(house, BOB).missing == ()


@pytest.mark.parametrize(
    "document", [b"", b"junk", b"{}", b'{"format":3,"base":{},"files":{}}', b'{"format":2,"base":[]}']
)
def test_damaged_proposals(house: House, document: bytes) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    with house.store.writing(NAME) as transaction:
        transaction.set_proposal(NAME, document)
    with pytest.raises(Damaged, match="cannot be read"):
        house.publisher.proposal(NAME)
    house.publisher.reject(NAME)


def test_a_proposal_round_trip() -> None:
    proposal = proposals.Proposal({Format.TUF: {ROOT: '{"é":1}'.encode(), RELEASES: b"x"}}, {Format.NOTARY: {ROOT: 3}})
    assert proposals.decode(NAME, proposals.encode(proposal)) == proposal


def test_two_owners_who_loaded_the_same_base(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    state = house.publisher.load(NAME)
    assert state is not None
    mine, theirs = (edit.release(state.collection, [target(tag)], now=NOW) for tag in ("mine", "theirs"))
    house.publisher.submit(state, {Format.TUF: theirs}, [signer("alice")])
    before = versions(house)
    with pytest.raises(Conflict, match="published meanwhile"):
        house.publisher.submit(state, {Format.TUF: mine}, [signer("alice")])
    assert versions(house) == before
    assert house.store.proposals() == []


def test_two_owners_who_create_the_same_collection(house: House) -> None:
    from tests.fakes.keys import top_keys

    new = edit.create(NAME, top_keys(), {ALICE: public("alice")}, threshold=1, now=NOW)
    pool = [signer("root"), signer("targets"), signer("alice")]
    assert house.publisher.submit(None, {Format.TUF: new}, pool).missing == ()
    with pytest.raises(Conflict):
        house.publisher.submit(None, {Format.TUF: new}, pool)


# -- signers --------------------------------------------------------------------------------------------------------


def test_a_removed_signer_takes_the_orphans_along(house: House) -> None:
    owner = house.owner()
    owner.sign(NAME, [target("v1")], [ALICE])
    owner.add_signer(NAME, BOB, public("bob"), None, [ALICE])
    owner.sign(NAME, [target("v1"), target("v2")], [BOB])
    outcome, orphans = owner.remove_signer(NAME, BOB, None, [ALICE])
    assert (outcome.missing, orphans) == ((), ("v2",))
    assert signed(house, "v1") == ("alice",)
    with pytest.raises(Unsigned):
        signed(house, "v2")
    with pytest.raises(UsageError, match="bob is not a signer"):
        owner.sign(NAME, [target("v3")], [BOB])


def test_a_signer_who_comes_back_goes_on_with_higher_versions(house: House) -> None:
    owner = house.owner()
    owner.sign(NAME, [target("v1")], [ALICE])
    owner.add_signer(NAME, BOB, public("bob"), None, [ALICE])
    owner.sign(NAME, [target("v2")], [BOB])
    signed(house, "v2")
    owner.remove_signer(NAME, BOB, None, [ALICE])
    with pytest.raises(Unsigned):
        signed(house, "v2")
    owner.add_signer(NAME, BOB, public("bob2"), None, [ALICE])
    with pytest.raises(Unsigned):
        signed(house, "v2")


def test_a_higher_threshold_holds_for_what_was_released_before(house: House) -> None:
    two_of_three(house)
    assert signed(house, "v1") == ("alice",)
    state = house.publisher.load(NAME)
    assert state is not None
    authority = state.collection.authority(RELEASES)
    assert authority is not None
    assert len(tuf.signed_by(NAME, RELEASES, state.sides[Format.TUF].files[RELEASES].data, authority)) == 2


def test_a_higher_threshold_needs_its_signatures_at_once(house: House) -> None:
    owner = house.owner()
    owner.sign(NAME, [target("v1")], [ALICE])
    outcome = owner.add_signer(NAME, BOB, public("bob"), 2, [ALICE])
    assert [(item.role, item.count) for item in outcome.missing] == [(RELEASES, 1)]
    assert signed(house, "v1") == ("alice",)
    assert approve(house, BOB).missing == ()
    state = house.publisher.load(NAME)
    assert state is not None
    authority = state.collection.authority(RELEASES)
    assert authority is not None
    assert authority.threshold == 2


# -- rotation -------------------------------------------------------------------------------------------------------


def add_key(house: House, role: str, new: str) -> None:
    from tests.fakes.keys import PASSPHRASE, private

    house.ring.add(RoleName(f"{role}-next1"), private(new), lambda _: PASSPHRASE)


def test_root_is_rotated_and_old_pins_still_hold(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    assert signed(house, "v1", "follows") == ("alice",)
    for number in range(1, 4):
        add_key(house, "root", f"root{number}")
        outcome = house.owner().rotate(NAME, ROOT, public(f"root{number}"), [])
        assert outcome.missing == ()
        house.ring.promote(RoleName("root-next1"), ROOT)
    assert versions(house)["root"] == 4
    for cache in ("follows", "new host"):
        assert signed(house, "v1", cache) == ("alice",)
    for number in (1, 3):
        client = house.client(f"pins {number}", pins=[pin(f"root{number}")])
        assert client.verify([ref("v1")])[0].digest == digest("v1")
    with pytest.raises(UntrustedRoot):
        house.client("stranger", pins=[pin("nobody")]).verify([ref("v1")])


def test_root_is_not_rotated_without_the_old_key(tmp_path: Path, house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.ring = keyring(tmp_path / "thief", "thief", "targets", "alice")
    outcome = house.owner().rotate(NAME, ROOT, public("thief"), [])
    assert [(item.role, item.count) for item in outcome.missing] == [(ROOT, 1)]
    assert versions(house)["root"] == 1


@pytest.mark.parametrize("role", [TARGETS, SNAPSHOT, TIMESTAMP])
def test_other_top_roles_are_rotated(house: House, role: RoleName) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    signed(house, "v1")
    if role == TARGETS:
        add_key(house, "targets", "fresh")
    else:
        old = house.online
        house.online = OnlineKeys(
            (signer("fresh"), *old.snapshot) if role == SNAPSHOT else old.snapshot,
            (signer("fresh"), *old.timestamp) if role == TIMESTAMP else old.timestamp,
        )
        house.publisher = house.new_publisher()
        house.publisher.refresh(NAME)
    assert house.owner().rotate(NAME, role, public("fresh"), []).missing == ()
    for cache in ("cache", "new host"):
        assert signed(house, "v1", cache) == ("alice",)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    assert signed(house, "v2") == ("alice",)
    with house.store.writing(NAME) as transaction:
        data = transaction.current(NAME)[role].data
    state = house.publisher.load(NAME)
    assert state is not None
    authority = state.collection.authority(role)
    assert authority is not None
    assert tuf.signed_by(NAME, role, data, authority) == {public("fresh").id}


def test_a_signer_is_given_another_key(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    signed(house, "v1")
    add_key(house, "alice", "alice2")
    assert house.owner().rotate(NAME, ALICE, public("alice2"), []).missing == ()
    house.ring.promote(RoleName("alice-next1"), ALICE)
    for cache in ("cache", "new host"):
        assert signed(house, "v1", cache) == ("alice",)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    assert signed(house, "v2") == ("alice",)


def test_rotating_the_key_of_somebody_who_signs_nothing_here(house: House) -> None:
    """`key rotate bob IMAGE` must not make bob a signer."""
    house.owner().sign(NAME, [target("v1")], [ALICE])
    with pytest.raises(UsageError, match="bob is not a signer"):
        house.owner().rotate(NAME, BOB, public("bob2"), [ALICE])


def test_an_online_key_that_is_gone(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.online = OnlineKeys((signer("fresh"),), house.online.timestamp)
    house.publisher = house.new_publisher()
    with pytest.raises(Unsound, match="the snapshot key of this store is not the one"):
        house.publisher.refresh(NAME)


def test_renewing(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.later(days=100)
    before = versions(house)
    house.owner().renew(NAME, [ROOT, TARGETS, RELEASES, ALICE], [ALICE])
    after = versions(house)
    assert all(after[role] == before[role] + 1 for role in before)
    assert signed(house, "v1") == ("alice",)


# -- loading --------------------------------------------------------------------------------------------------------


class Tampered(MemoryStore):
    """A store whose files somebody else can write."""

    def put_over(self, role: RoleName, data: bytes) -> None:
        held = self._state.files[NAME, Format.TUF, role]
        held[max(held)] = replace(held[max(held)], data=data)

    def put_back(self, *roles: RoleName) -> None:
        for role in roles:
            held = self._state.files[NAME, Format.TUF, role]
            del held[max(held)]


@pytest.fixture
def tampered(tmp_path: Path) -> House:
    house = House(tmp_path, Tampered())
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.owner().sign(NAME, [target("v2")], [ALICE])
    return house


def newest(house: House, role: RoleName) -> bytes:
    return house.store.read(NAME, role) or b""


@pytest.mark.parametrize("role", [ROOT, TARGETS, RELEASES])
def test_nobody_signs_on_top_of_a_tampered_store(tampered: House, role: RoleName) -> None:
    store = tampered.store
    assert isinstance(store, Tampered)
    store.put_over(role, newest(tampered, role).replace(b'"version":', b'"x":1,"version":'))
    with pytest.raises((BadSignature, UntrustedRoot)):
        tampered.owner().sign(NAME, [target("v3")], [ALICE])


@pytest.mark.parametrize("role", [ROOT, TARGETS, RELEASES])
def test_files_of_another_collection_with_the_same_keys(tampered: House, role: RoleName) -> None:
    store = tampered.store
    assert isinstance(store, Tampered)
    tampered.owner().sign(OTHER, [target("v1", "other content")], [ALICE])
    store.put_over(role, store.read(OTHER, role) or b"")
    with pytest.raises(BadMetadata, match=f"belongs to '{OTHER}'"):
        tampered.owner().sign(NAME, [target("v3")], [ALICE])


def test_what_a_signer_said_and_no_longer_holds_is_dropped_not_blessed(tampered: House) -> None:
    store = tampered.store
    assert isinstance(store, Tampered)
    store.put_over(ALICE, newest(tampered, ALICE).replace(b'"version":', b'"x":1,"version":'))
    state = tampered.publisher.load(NAME)
    assert state is not None
    assert state.collection.delegated[ALICE].targets == {}
    assert state.collection.delegated[ALICE].version == 2


@pytest.mark.parametrize(
    "roles", [(RELEASES,), (SNAPSHOT,), (TIMESTAMP,), (ALICE,), (RELEASES, ALICE, SNAPSHOT, TIMESTAMP)]
)
def test_nobody_signs_on_top_of_a_store_that_was_put_back(tampered: House, roles: tuple[RoleName, ...]) -> None:
    store = tampered.store
    assert isinstance(store, Tampered)
    tampered.seen = {RoleName(role): version for role, version in versions(tampered).items()}
    store.put_back(*roles)
    with pytest.raises(Rollback, match="was seen before"):
        tampered.owner().sign(NAME, [target("v3")], [ALICE])


def test_nor_on_top_of_an_empty_one(house: House) -> None:
    house.seen = {ROOT: 1}
    with pytest.raises(Rollback):
        house.owner().sign(NAME, [target("v1")], [ALICE])


def test_a_forged_root_in_the_chain(tampered: House) -> None:
    state = tampered.publisher.load(NAME)
    assert state is not None
    forged = edit.rotate_top(state.collection, ROOT, public("thief"), now=NOW).root
    data = tuf.sign(NAME, ROOT, tuf.write_root(NAME, forged), [signer("thief")])
    with tampered.store.writing(NAME) as transaction:
        transaction.put(NAME, RoleFile(ROOT, 2, forged.expires, data))
    with pytest.raises(BadSignature, match="root 2"):
        tampered.owner().sign(NAME, [target("v3")], [ALICE])
    with pytest.raises(BadSignature):
        signed(tampered, "v1")


# -- online roles ---------------------------------------------------------------------------------------------------


def test_only_what_is_due_is_renewed(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.later(days=3)
    house.owner().sign(OTHER, [target("v1")], [ALICE])
    assert house.publisher.refresh_due() == []
    house.now = NOW + timedelta(days=14) - RENEW_ONLINE_BEFORE + timedelta(seconds=1)
    before = [versions(house, name) for name in (NAME, OTHER)]
    assert house.publisher.refresh_due() == [(NAME, None)]
    after = [versions(house, name) for name in (NAME, OTHER)]
    assert after[1] == before[1]
    assert {role for role in after[0] if after[0][role] != before[0][role]} == {"snapshot", "timestamp"}
    assert house.publisher.refresh_due() == []


def test_one_collection_that_cannot_be_renewed_does_not_stop_the_others(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.owner().sign(OTHER, [target("v1")], [ALICE])
    first = min(NAME, OTHER)
    house.pins = [replace(pin("nobody"), match=first), pin()]
    house.publisher = house.new_publisher()
    house.later(days=10)
    (name, error), second = house.publisher.refresh_due()
    assert (name, second) == (first, (max(NAME, OTHER), None))
    assert isinstance(error, UntrustedRoot)
    assert versions(house, max(NAME, OTHER))["timestamp"] == 2


def test_a_sleeping_publisher_wakes_up(house: House) -> None:
    house.owner().sign(NAME, [target("v1")], [ALICE])
    signed(house, "v1")
    house.later(days=40)
    with pytest.raises(PytrustError, match="has expired"):
        signed(house, "v1")
    assert house.publisher.refresh_due() == [(NAME, None)]
    assert signed(house, "v1") == ("alice",)


def test_an_owner_asks_once_for_each_passphrase(house: House) -> None:
    asked: list[str] = []

    def ask(name: RoleName) -> bytes:
        asked.append(name)
        return passphrase(name)

    owner = Owner(
        house.publisher, house.ring, ask, house.online, now=lambda: NOW, forms=[Format.TUF], tell=lambda _: None
    )
    owner.sign(NAME, [target("v1")], [ALICE])
    owner.sign(OTHER, [target("v1")], [ALICE])
    assert sorted(asked) == ["alice", "root", "targets"]
