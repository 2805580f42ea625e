"""From one wire format to both and back: what the new side says, what it cannot say, and how signing goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.keys import ALICE, BOB, CAROL, NAME, PASSPHRASE, House, docker_house, private, public, signer, target

from pytrust.trust.client.cache import Bundle, Cache
from pytrust.trust.client.memory import HostMemory
from pytrust.trust.collection.edit import copy
from pytrust.trust.collection.model import (
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    Authority,
    Collection,
    Delegation,
)
from pytrust.trust.errors import BadMetadata, InvalidUpdate, Rollback, UsageError
from pytrust.trust.keys.sealing import Sealer
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.publish.both_sides import require_same_words
from pytrust.trust.publish.proposal import Proposal, encode
from pytrust.trust.publish.publisher import Publisher
from pytrust.trust.publish.waiting import versions
from pytrust.trust.publish.wire import Held
from pytrust.trust.store.interface import RoleFile

TUF, NOTARY = Format.TUF, Format.NOTARY


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Signs in Notary v1 alone, as an estate that comes from docker."""
    house = docker_house(tmp_path)
    house.forms = (NOTARY,)
    return house


def sides(house: House) -> dict[Format, Collection]:
    state = house.publisher.load(NAME)
    assert state is not None
    return state.collections


def accepted(house: House) -> list[list[str]]:
    return [sorted(held.accepted) for held in sides(house).values()]


def vouchers(held: Collection) -> dict[str, set[RoleName]]:
    return {tag: set(held.vouchers(item)) for tag, item in held.accepted.items()}


def estate(house: House, *signers: RoleName, threshold: int | None = None) -> None:
    """``v1`` by alice, then by everybody else, too."""
    owner = house.owner()
    owner.sign(NAME, [target("v1")], [ALICE])
    for who in signers:
        owner.add_signer(NAME, who, public(who, "ecdsa-p256"), None, [ALICE])
        owner.sign(NAME, [target("v1")], [who])
    if threshold is not None:
        last = signers[-1]
        owner.add_signer(NAME, last, public(last, "ecdsa-p256"), threshold, [ALICE, *signers])


def lose(house: House, *names: str) -> None:
    for name in names:
        house.ring.remove(RoleName(name))


@pytest.mark.parametrize(("first", "second"), [(NOTARY, TUF), (TUF, NOTARY)])
def test_the_new_side_says_the_same(house: House, first: Format, second: Format) -> None:
    house.forms = (first,)
    estate(house, BOB)
    assert house.owner().add_side(NAME, second).missing == ()
    both = sides(house)
    assert set(both) == {TUF, NOTARY}
    assert vouchers(both[first]) == vouchers(both[second]) == {"v1": {ALICE, BOB}}
    assert both[first].signers == both[second].signers


@pytest.mark.parametrize("gone", [TUF, NOTARY])
def test_signing_goes_on_after_a_side_was_given_up(house: House, gone: Format) -> None:
    estate(house)
    house.owner().add_side(NAME, TUF)
    house.seen = {ROOT: 1, TARGETS: 1, RELEASES: 1}
    house.publisher.drop(NAME, gone)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    assert accepted(house) == [["v1", "v2"]]
    house.owner().add_side(NAME, gone)
    house.owner().sign(NAME, [target("v3")], [ALICE])
    house.owner().revoke(NAME, ["v1"], [ALICE])
    assert accepted(house) == [["v2", "v3"], ["v2", "v3"]]


def test_a_side_that_went_away_by_itself_is_an_attack(house: House) -> None:
    estate(house)
    house.owner().add_side(NAME, TUF)
    house.seen = {ROOT: 1, TARGETS: 1, RELEASES: 1}
    with house.store.writing(NAME) as transaction:
        transaction.drop(NAME, TUF)
    with pytest.raises(Rollback, match="seen before"):
        house.owner().sign(NAME, [target("v2")], [ALICE])


class _Nobody:
    def open(self, name: CollectionName) -> object:
        return name


def test_a_host_forgets_the_format_that_was_given_up_and_no_other(house: House, tmp_path: Path) -> None:
    estate(house)
    house.owner().add_side(NAME, TUF)
    caches = {TUF: Cache(tmp_path / "seen"), NOTARY: Cache(tmp_path / "seen" / "notary")}
    for cache in caches.values():
        cache.lock_path(NAME)
        cache.save(NAME, Bundle())
    memory = HostMemory(_Nobody(), caches)
    held = Held(house.online, Sealer(bytes(32)))
    publisher = Publisher(house.store, held, house.pins, now=lambda: house.now, memory=memory)
    publisher.drop(NAME, TUF)
    assert {form for form, cache in caches.items() if cache.holds(NAME)} == {NOTARY}
    with pytest.raises(UsageError, match="nothing"):
        publisher.drop(NAME, NOTARY)
    assert caches[NOTARY].holds(NAME)


def test_a_signer_without_a_key_here_vouches_for_nothing_there(house: House) -> None:
    estate(house, CAROL)
    lose(house, "carol")
    assert house.owner().add_side(NAME, TUF).missing == ()
    both = sides(house)
    assert vouchers(both[TUF]) == {"v1": {ALICE}}
    assert vouchers(both[NOTARY]) == {"v1": {ALICE, CAROL}}
    assert house.told[-1].startswith("carol vouches for nothing there yet")


def test_a_signer_of_two_keys_vouches_for_nothing_there_either(house: House) -> None:
    """As notary can make them; one key here cannot speak for both."""
    estate(house, CAROL)
    state = house.publisher.load(NAME)
    assert state is not None
    held = state.collections[NOTARY]
    pair = Authority((public("carol", "ecdsa-p256"), public("carol's other", "ecdsa-p256")), 2)
    people = [Delegation(item.name, pair) if item.name == CAROL else item for item in held.targets.delegations]
    targets = replace(held.targets, version=held.targets.version + 1, delegations=tuple(people))
    said = replace(held.delegated[CAROL], version=held.delegated[CAROL].version + 1)
    new = replace(held, targets=targets, delegated={**held.delegated, CAROL: said})
    signers = [signer(name, "ecdsa-p256") for name in ("targets", "alice", "carol", "carol's other")]
    assert house.publisher.submit(state, {NOTARY: new}, signers).missing == ()
    assert house.owner().add_side(NAME, TUF).missing == ()
    assert vouchers(sides(house)[NOTARY]) == {"v1": {ALICE, CAROL}}
    assert vouchers(sides(house)[TUF]) == {"v1": {ALICE}}


def test_a_thief_can_be_removed_though_one_side_knows_fewer_vouchers(house: House) -> None:
    """Alice's key is stolen; that carol vouches for v1 is known to one side only, and must count for both."""
    estate(house, BOB, CAROL)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    lose(house, "carol")
    house.owner().add_side(NAME, TUF)
    house.owner().revoke(NAME, ["v1"], [ALICE, BOB])
    house.owner().sign(NAME, [target("v1")], [ALICE])
    outcome, withdrawn = house.owner().remove_signer(NAME, ALICE, None, [BOB])
    assert outcome.missing == ()
    assert withdrawn == ("v2",)
    assert accepted(house) == [["v1"], ["v1"]]
    assert all(ALICE not in {item.name for item in held.signers} for held in sides(house).values())


def test_a_tag_of_the_targets_role_is_not_lost_with_a_signer(house: House) -> None:
    """Docker leaves tags in ``targets``; in TUF 1.0 they are released ones, for which nobody vouches."""
    estate(house, BOB)
    state = house.publisher.load(NAME)
    assert state is not None
    held = state.collections[NOTARY]
    own = replace(held.targets, version=held.targets.version + 1, targets={"old": target("old")})
    house.publisher.submit(state, {NOTARY: replace(held, targets=own)}, [signer("targets", "ecdsa-p256")])
    house.owner().add_side(NAME, TUF)
    _, withdrawn = house.owner().remove_signer(NAME, ALICE, None, [BOB])
    assert withdrawn == ()
    assert accepted(house) == [["old", "v1"], ["old", "v1"]]
    house.owner().revoke(NAME, ["old"], [BOB])
    assert accepted(house) == [["v1"], ["v1"]]


@pytest.mark.parametrize("form", [TUF, NOTARY])
@pytest.mark.parametrize("lost", ["root", "targets", "alice"])
def test_without_a_key_nothing_is_half_there(house: House, form: Format, lost: str) -> None:
    other = next(one for one in Format if one is not form)
    house.forms = (other,)
    estate(house)
    lose(house, lost)
    role = RELEASES if lost == "alice" else RoleName(lost)
    if (form, lost) == (NOTARY, "root"):
        with pytest.raises(UsageError, match="no certificate for the root key"):
            house.owner().add_side(NAME, form)
    else:
        assert {item.role for item in house.owner().add_side(NAME, form).missing} == {role}
    assert set(sides(house)) == {other}


def test_the_missing_signer_approves_and_says_there_what_he_says_here(house: House) -> None:
    estate(house, BOB, threshold=2)
    house.owner().sign(NAME, [target("v2")], [ALICE, BOB])
    before = vouchers(sides(house)[NOTARY])
    house.owner().revoke(NAME, ["v2"], [BOB])  # by bob alone: it waits, and is dropped
    house.publisher.reject(NAME)
    lose(house, "bob")
    assert [item.role for item in house.owner().add_side(NAME, TUF).missing] == [RELEASES]
    house.ring.add(BOB, private("bob", "ecdsa-p256"), lambda _: PASSPHRASE)
    _, shown, _ = house.publisher.proposal(NAME)
    assert house.owner().approve(NAME, [BOB], shown).missing == ()
    assert vouchers(sides(house)[TUF]) == before


def test_an_approver_is_not_made_to_vouch_for_what_others_said(house: House) -> None:
    estate(house, BOB, threshold=2)
    house.owner().sign(NAME, [target("v2")], [ALICE, BOB])
    with_bob = sides(house)[NOTARY]
    house.owner().sign(NAME, [target("v3")], [ALICE])
    _, shown, _ = house.publisher.proposal(NAME)
    house.owner().approve(NAME, [BOB], shown)
    house.owner().remove_signer(NAME, BOB, 1, [ALICE])
    house.owner().add_signer(NAME, CAROL, public("carol", "ecdsa-p256"), 2, [ALICE, CAROL])
    lose(house, "carol")
    house.owner().add_side(NAME, TUF)
    house.ring.add(CAROL, private("carol", "ecdsa-p256"), lambda _: PASSPHRASE)
    _, shown, _ = house.publisher.proposal(NAME)
    house.owner().approve(NAME, [CAROL], shown)
    assert set(vouchers(sides(house)[TUF])) == set(with_bob.accepted) | {"v3"}
    assert all(CAROL not in names for names in vouchers(sides(house)[TUF]).values())


@pytest.mark.parametrize("nobody", [(), (Delegation(RELEASES, Authority((), 1)),)])
def test_where_nobody_can_release_no_change_waits_for_ever(house: House, nobody: tuple[Delegation, ...]) -> None:
    """As docker leaves a collection whose last signer it removed."""
    estate(house)
    held = sides(house)[NOTARY]
    left = replace(held, targets=replace(held.targets, delegations=(*nobody, *held.signers)))
    online = public("snapshot"), public("timestamp")
    with pytest.raises(UsageError, match="nobody can release"):
        copy(left, *online, now=house.now)
    assert copy(held, *online, now=house.now).accepted == held.accepted


def test_what_is_released_is_found_however_many_signers_stand_before_it(house: House) -> None:
    """Clients look at a bounded number of roles, in their order; docker's may have any."""
    estate(house, BOB)
    held = sides(house)[NOTARY]
    last = replace(held, targets=replace(held.targets, delegations=held.targets.delegations[::-1]))
    assert last.targets.delegations[-1].name == RELEASES
    new = copy(last, public("snapshot"), public("timestamp"), now=house.now)
    assert [item.name for item in new.targets.delegations] == [RELEASES, BOB, ALICE]


def test_docker_cannot_write_what_has_two_sides(house: House) -> None:
    estate(house)
    with house.store.writing(NAME) as transaction:
        before = dict(transaction.current(NAME, NOTARY))
    house.owner().sign(NAME, [target("v2")], [ALICE])
    with house.store.writing(NAME) as transaction:
        after = dict(transaction.current(NAME, NOTARY))
    fresh = [file for role, file in after.items() if before.get(role) != file]
    with house.store.writing(NAME) as transaction:
        require_same_words(transaction, NAME, before, fresh)  # in Notary v1 alone: docker's to change
    house.owner().add_side(NAME, TUF)
    with house.store.writing(NAME) as transaction, pytest.raises(InvalidUpdate, match="TUF 1.0 as well") as caught:
        require_same_words(transaction, NAME, before, fresh)
    assert "migrate" in caught.value.hint
    again: Mapping[RoleName, RoleFile] = {role: file for role, file in after.items() if role == TARGETS}
    with house.store.writing(NAME) as transaction:
        require_same_words(transaction, NAME, after, again.values())  # the same again, as after a witness


@pytest.mark.parametrize("form", [TUF, NOTARY])
@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_a_change_holds_no_online_role(house: House, form: Format, role: str) -> None:
    house.forms = (TUF, NOTARY)
    estate(house)
    state = house.publisher.load(NAME)
    assert state is not None
    data = state.sides[form].files[RoleName(role)].data if form is NOTARY else b"{}"
    with house.store.writing(NAME) as transaction:
        transaction.set_proposal(NAME, encode(Proposal({form: {RoleName(role): data}}, versions(state))))
    with pytest.raises(BadMetadata, match=f"holds a {role}"):
        house.publisher.proposal(NAME)
    assert SNAPSHOT in state.sides[form].files
