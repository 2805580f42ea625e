"""Profiles and whatever else is signed about images by digest: who may say it, what becomes of it, who believes it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.keys import (
    ALICE,
    BOB,
    NAME,
    PASSPHRASE,
    House,
    digest,
    docker_house,
    private,
    public,
    ref,
    signer,
    target,
)
from tuf.ngclient import Updater

from pytrust.trust.client.cache import Cache, decode, encode
from pytrust.trust.client.source import Bridge, StoreSource
from pytrust.trust.client.trusted import Trusted
from pytrust.trust.collection.model import (
    PROFILES,
    RELEASES,
    TARGETS,
    Authority,
    Collection,
    Delegation,
    Target,
    lifetime,
    warn_before,
)
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import (
    BadMetadata,
    BadSignature,
    ExpiredCache,
    NoSuchKey,
    PytrustError,
    Stale,
    Unsigned,
    UsageError,
)
from pytrust.trust.formats import tuf
from pytrust.trust.http import Deadline
from pytrust.trust.image import Platform
from pytrust.trust.limits import PROFILE_MAX_BYTES, PROFILES_LIFETIME
from pytrust.trust.names import Digest, Format, RoleName
from pytrust.trust.publish.online import make_online
from pytrust.trust.publish.proposal import Proposal
from pytrust.trust.publish.proposal import encode as encode_proposal
from pytrust.trust.publish.waiting import versions
from pytrust.trust.server.overview import collection_row
from pytrust.trust.store.interface import RoleFile

V1, V2 = digest("v1"), digest("v2")
SECOND = timedelta(seconds=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    return house


def said(about: Digest, text: str = "a profile") -> Statement:
    return Statement(about, text.encode())


def state(house: House) -> Collection:
    found = house.publisher.load(NAME)
    assert found is not None
    return found.collection


def opened(house: House, cache: str = "cache") -> Trusted:
    return house.client(cache).open(NAME)


def content(house: House, about: Digest, cache: str = "cache") -> bytes | None:
    found = opened(house, cache).statement(PROFILES, about)
    return None if found is None else found.content


def without(house: House, *names: str) -> None:
    """A house of somebody who holds fewer keys."""
    for name in names:
        house.ring.remove(RoleName(name))


# -- saying ------------------------------------------------------------------------------------------------------------


def test_the_first_profile_makes_the_role(house: House) -> None:
    before = state(house)
    assert house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE]).missing == ()
    after = state(house)
    authority = after.authority(PROFILES)
    assert authority is not None
    assert (authority.keys, authority.threshold) == ((public("alice"),), 1)
    assert after.authority(RELEASES) == before.authority(RELEASES)
    assert after.signers == before.signers
    assert after.accepted == before.accepted
    assert content(house, V1) == b"a profile"
    assert content(house, V2) is None


def test_what_is_said_is_believed_with_digest_and_end(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1, '{"format": "é"}\n')], [ALICE])
    found = opened(house).statement(PROFILES, V1)
    assert found is not None
    assert found.content == '{"format": "é"}\n'.encode()
    assert found.digest == digest('{"format": "é"}\n')
    assert found.expires == opened(house).expires(PROFILES) <= house.now + PROFILES_LIFETIME


def test_nothing_is_said_before_the_first(house: House) -> None:
    assert content(house, V1) is None
    assert house.owner().said(NAME, PROFILES) == {}


def test_who_signs_anew_knows_what_was_said_though_nobody_believes_it(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.owner().renew(NAME, [TARGETS], [ALICE])
    end = opened(house).expires(PROFILES)
    house.now = end + SECOND
    with pytest.raises(Stale):
        opened(house).statement(PROFILES, V1)
    assert [one.content for one in house.owner().said(NAME, PROFILES).values()] == [b"a profile"]


def test_a_second_replaces_the_first_of_its_image_alone(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1), said(V2)], [ALICE])
    targets = state(house).targets.version
    house.owner().attach(NAME, PROFILES, [said(V1, "another")], [ALICE])
    assert (content(house, V1), content(house, V2)) == (b"another", b"a profile")
    assert state(house).targets.version == targets  # the owner's key is used once


def test_an_image_that_is_not_signed_has_none(house: House) -> None:
    with pytest.raises(Unsigned, match="is not signed under") as caught:
        house.owner().attach(NAME, PROFILES, [said(digest("v3"))], [ALICE])
    assert "pytrust sign" in caught.value.hint
    assert state(house).authority(PROFILES) is None


def test_of_images_that_no_tag_has_nothing_stays(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1), said(V2)], [ALICE])
    house.owner().revoke(NAME, ["v1"], [ALICE])
    assert content(house, V1) == b"a profile"  # until another is attached
    house.owner().attach(NAME, PROFILES, [said(V2, "new")], [ALICE])
    assert set(state(house).delegated[PROFILES].statements) == {V2}


def test_detached(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1), said(V2)], [ALICE])
    house.owner().detach(NAME, PROFILES, [V1], [ALICE])
    assert (content(house, V1), content(house, V2)) == (None, b"a profile")
    with pytest.raises(Unsigned, match="has no profile"):
        house.owner().detach(NAME, PROFILES, [V1], [ALICE])


def test_detached_where_there_is_no_role(house: House) -> None:
    with pytest.raises(Unsigned, match="has no profile"):
        house.owner().detach(NAME, PROFILES, [V1], [ALICE])


def test_more_than_clients_read_is_refused(house: House) -> None:
    tags = [f"t{number}" for number in range(40)]
    house.owner().sign(NAME, [target(tag) for tag in tags], [ALICE])
    large = [said(digest(tag), "x" * PROFILE_MAX_BYTES) for tag in tags]
    house.owner().attach(NAME, PROFILES, large[:34], [ALICE])
    with pytest.raises(UsageError, match="that clients read") as caught:
        house.owner().attach(NAME, PROFILES, large, [ALICE])
    assert "revoke" in caught.value.hint
    assert content(house, digest("t33")) == large[33].content


def test_the_limit_is_of_what_is_written(house: House) -> None:
    """JSON spells one of these characters with six bytes; eleven such profiles fit, and their file is read."""
    tags = [f"t{number}" for number in range(12)]
    house.owner().sign(NAME, [target(tag) for tag in tags], [ALICE])
    odd = [said(digest(tag), "é" * (PROFILE_MAX_BYTES // 2)) for tag in tags]
    with pytest.raises(UsageError, match="that clients read"):
        house.owner().attach(NAME, PROFILES, odd, [ALICE])
    house.owner().attach(NAME, PROFILES, odd[:11], [ALICE])
    assert content(house, digest("t10")) == odd[0].content


# -- whose keys --------------------------------------------------------------------------------------------------------


def test_a_stranger_is_let_in_by_the_owner(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.owner().attach(NAME, PROFILES, [said(V2)], [BOB])
    authority = state(house).authority(PROFILES)
    assert authority is not None
    assert set(authority.keys) == {public("alice"), public("bob")}
    releases = state(house).authority(RELEASES)
    assert releases is not None
    assert releases.keys == (public("alice"),)  # bob releases nothing by it
    assert (content(house, V1), content(house, V2)) == (b"a profile", b"a profile")


def test_a_stranger_without_the_owner_is_refused(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    without(house, "targets")
    house.owner().attach(NAME, PROFILES, [said(V1, "again")], [ALICE])
    with pytest.raises(UsageError, match="bob may not sign profiles") as caught:
        house.owner().attach(NAME, PROFILES, [said(V2)], [BOB])
    assert "--may bob" in caught.value.hint
    with pytest.raises(UsageError, match="bob may not sign profiles"):
        house.owner().detach(NAME, PROFILES, [V1], [BOB])
    with pytest.raises(NoSuchKey, match="the targets key"):
        house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE], may=[ALICE, BOB])
    assert content(house, V1) == b"again"


def test_the_first_without_the_owner_is_refused(house: House) -> None:
    without(house, "targets")
    with pytest.raises(UsageError, match="alice may not sign profiles"):
        house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    with pytest.raises(Exception, match="no change"):
        house.publisher.proposal(NAME)


def test_exactly_those_who_may(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.owner().attach(NAME, PROFILES, [said(V2)], [BOB], may=[BOB])
    authority = state(house).authority(PROFILES)
    assert authority is not None
    assert authority.keys == (public("bob"),)
    with pytest.raises(UsageError, match="alice may not sign"):
        house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE], may=[BOB])
    assert (content(house, V1), content(house, V2)) == (b"a profile", b"a profile")


@pytest.mark.parametrize("threshold", [0, 3])
def test_a_threshold_that_nobody_reaches(house: House, threshold: int) -> None:
    with pytest.raises(UsageError, match="cannot sign profiles"):
        house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE], may=[ALICE, BOB], threshold=threshold)


def test_two_must_agree(house: House) -> None:
    both = house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE, BOB], threshold=2)
    assert both.missing == ()
    outcome = house.owner().attach(NAME, PROFILES, [said(V1, "weaker")], [ALICE])
    assert [(item.role, item.count) for item in outcome.missing] == [(PROFILES, 1)]
    assert content(house, V1) == b"a profile"
    _, shown, _ = house.publisher.proposal(NAME)
    assert house.owner().approve(NAME, [BOB], shown).missing == ()
    assert content(house, V1) == b"weaker"


def test_renewed_for_its_own_lifetime(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.later(days=100)
    house.owner().renew(NAME, [PROFILES], [ALICE])
    document = state(house).delegated[PROFILES]
    assert (document.version, document.expires) == (2, house.now + PROFILES_LIFETIME)
    assert document.statements == {V1: said(V1)}
    assert lifetime(PROFILES) < lifetime(RELEASES)
    assert warn_before(PROFILES) < lifetime(PROFILES)  # or it would be due from its first day


# -- signers come and go -----------------------------------------------------------------------------------------------


def test_a_signer_who_goes_signs_no_profiles_either(house: House) -> None:
    owner = house.owner()
    owner.add_signer(NAME, BOB, public("bob"), None, [ALICE])
    owner.attach(NAME, PROFILES, [said(V1)], [ALICE], may=[ALICE, BOB])
    owner.remove_signer(NAME, ALICE, None, [BOB])
    authority = state(house).authority(PROFILES)
    assert authority is not None
    assert authority.keys == (public("bob"),)
    assert content(house, V1) == b"a profile"  # bob signed it anew
    assert "alice may sign profiles of docker.io/foo/web no more" in house.told


def test_the_last_who_could_sign_takes_them_along(house: House) -> None:
    owner = house.owner()
    owner.add_signer(NAME, BOB, public("bob"), None, [ALICE])
    owner.sign(NAME, [target("v1")], [BOB])
    owner.attach(NAME, PROFILES, [said(V1)], [ALICE])
    owner.remove_signer(NAME, ALICE, None, [BOB])
    assert state(house).authority(PROFILES) is None
    assert content(house, V1) is None
    assert any("all 1 are withdrawn" in line for line in house.told)
    owner.attach(NAME, PROFILES, [said(V1, "anew")], [BOB])
    assert content(house, V1) == b"anew"
    assert content(house, V1, "a host that saw nothing of it") == b"anew"


def test_a_signers_new_key_signs_profiles(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.ring.add(RoleName("fresh"), private("fresh"), lambda _: PASSPHRASE)
    house.owner().rotate(NAME, ALICE, public("fresh"), [])
    authority = state(house).authority(PROFILES)
    assert authority is not None
    assert authority.keys == (public("fresh"),)
    assert content(house, V1) == b"a profile"


def test_a_new_key_that_is_not_at_hand_is_waited_for(house: House) -> None:
    """The owner has its public half only; until it has signed, the old state stays."""
    house.owner().add_signer(NAME, BOB, public("bob"), None, [ALICE])
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    outcome = house.owner().add_signer(NAME, ALICE, public("fresh"), None, [BOB])
    assert [(item.role, item.count) for item in outcome.missing] == [(PROFILES, 1)]
    assert content(house, V1) == b"a profile"
    house.ring.add(RoleName("fresh"), private("fresh"), lambda _: PASSPHRASE)
    _, shown, _ = house.publisher.proposal(NAME)
    assert house.owner().approve(NAME, [ALICE], shown).missing == ()
    authority = state(house).authority(PROFILES)
    assert authority is not None
    assert authority.keys == (public("fresh"),)
    assert content(house, V1) == b"a profile"


def test_other_changes_leave_them_alone(house: House) -> None:
    owner = house.owner()
    owner.attach(NAME, PROFILES, [said(V1)], [ALICE])
    before = state(house).targets.delegation(PROFILES)
    owner.add_signer(NAME, BOB, public("bob"), 2, [ALICE, BOB])
    owner.sign(NAME, [target("v3")], [ALICE, BOB])
    owner.revoke(NAME, ["v3"], [ALICE, BOB])
    house.ring.add(RoleName("fresh"), private("fresh"), lambda _: PASSPHRASE)
    owner.rotate(NAME, TARGETS, public("fresh"), [ALICE])
    owner.renew(NAME, [RELEASES], [ALICE, BOB])
    assert state(house).targets.delegation(PROFILES) == before
    assert state(house).delegated[PROFILES].version == 1
    assert content(house, V1) == b"a profile"


# -- two formats -------------------------------------------------------------------------------------------------------


def notary_files(house: House) -> dict[RoleName, bytes]:
    with house.store.writing(NAME) as transaction:
        return {role: file.data for role, file in transaction.current(NAME, Format.NOTARY).items()}


def test_the_notary_side_is_as_it_was(tmp_path: Path) -> None:
    house = docker_house(tmp_path)
    owner = house.owner()
    owner.sign(NAME, [target("v1"), target("v2")], [ALICE])
    before = notary_files(house)
    owner.attach(NAME, PROFILES, [said(V1)], [ALICE])
    owner.detach(NAME, PROFILES, [V1], [ALICE])
    owner.attach(NAME, PROFILES, [said(V2)], [ALICE])
    owner.renew(NAME, [PROFILES], [ALICE])
    assert notary_files(house) == before
    owner.add_signer(NAME, BOB, public("bob", "ecdsa-p256"), None, [ALICE])
    house.publisher.refresh(NAME)
    assert not any("profiles" in role or b"profiles" in data for role, data in notary_files(house).items())
    assert content(house, V2) == b"a profile"


def test_notary_alone_has_no_place_for_them(tmp_path: Path) -> None:
    house = docker_house(tmp_path)
    house.forms = (Format.NOTARY,)
    house.owner().sign(NAME, [target("v1")], [ALICE])
    with pytest.raises(UsageError, match="Notary v1 alone") as caught:
        house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    assert "pytrust migrate docker.io/foo/web" in caught.value.hint
    house.owner().add_side(NAME, Format.TUF)
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    assert content(house, V1) == b"a profile"


def test_a_side_that_is_added_later_has_none(tmp_path: Path) -> None:
    house = docker_house(tmp_path)
    house.forms = (Format.TUF,)
    house.owner().sign(NAME, [target("v1")], [ALICE])
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.owner().add_side(NAME, Format.NOTARY)
    assert not any("profiles" in role or b"profiles" in data for role, data in notary_files(house).items())
    house.owner().attach(NAME, PROFILES, [said(V1, "again")], [ALICE])
    assert content(house, V1) == b"again"


@pytest.mark.parametrize("name", ["profiles", "scans", "vex"])
def test_a_role_of_that_name_that_docker_made(tmp_path: Path, name: str) -> None:
    """``targets/profiles`` means nothing here: it stays as it is, and its key does not come to sign profiles."""
    house = docker_house(tmp_path)
    house.forms = (Format.NOTARY,)
    house.owner().sign(NAME, [target("v1")], [ALICE])
    held = house.publisher.load(NAME)
    assert held is not None
    eve = Delegation(RoleName(name), Authority((public("eve", "ecdsa-p256"),), 1))
    delegations = (*held.collection.targets.delegations, eve)
    new = replace(held.collection, targets=replace(held.collection.targets, version=2, delegations=delegations))
    house.publisher.submit(held, {Format.NOTARY: new}, [signer("targets", "ecdsa-p256")])
    house.owner().add_side(NAME, Format.TUF)
    assert state(house).targets.delegation(RoleName(name)) is None
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.owner().add_signer(NAME, BOB, public("bob", "ecdsa-p256"), None, [ALICE])
    assert content(house, V1) == b"a profile"
    notary = house.publisher.load(NAME)
    assert notary is not None
    assert notary.collections[Format.NOTARY].targets.delegation(RoleName(name)) == eve


# -- platforms ---------------------------------------------------------------------------------------------------------


def index(tag: str, *children: str) -> Target:
    platforms = tuple(Platform("linux", name, None, digest(name), 9) for name in children)
    return replace(target(tag), platforms=platforms)


def test_what_is_said_of_an_index_counts_for_its_platforms(house: House) -> None:
    house.owner().sign(NAME, [index("many", "amd64", "arm64")], [ALICE])
    house.owner().attach(NAME, PROFILES, [said(digest("many"))], [ALICE])
    assert content(house, digest("amd64")) == b"a profile"
    house.owner().attach(NAME, PROFILES, [said(digest("arm64"), "its own")], [ALICE])
    assert (content(house, digest("amd64")), content(house, digest("arm64"))) == (b"a profile", b"its own")
    assert content(house, digest("riscv64")) is None


def test_what_is_said_of_a_platform_does_not_count_for_the_index(house: House) -> None:
    house.owner().sign(NAME, [index("many", "amd64")], [ALICE])
    house.owner().attach(NAME, PROFILES, [said(digest("amd64"))], [ALICE])
    assert content(house, digest("many")) is None


def test_a_platform_of_two_indexes_has_one_profile_or_none(house: House) -> None:
    house.owner().sign(NAME, [index("one", "amd64"), index("two", "amd64")], [ALICE])
    one, two, child = digest("one"), digest("two"), digest("amd64")
    house.owner().attach(NAME, PROFILES, [said(one), said(two)], [ALICE])
    assert content(house, child) == b"a profile"
    house.owner().attach(NAME, PROFILES, [said(two, "another")], [ALICE])
    with pytest.raises(BadMetadata, match="different things are said") as caught:
        content(house, child)
    assert "pytrust profile attach" in caught.value.hint
    house.owner().attach(NAME, PROFILES, [said(child, "its own")], [ALICE])
    assert content(house, child) == b"its own"


def test_an_index_that_is_not_signed_any_more_says_nothing_of_its_platforms(house: House) -> None:
    house.owner().sign(NAME, [index("many", "amd64")], [ALICE])
    house.owner().attach(NAME, PROFILES, [said(digest("many"))], [ALICE])
    house.owner().revoke(NAME, ["many"], [ALICE])
    assert content(house, digest("amd64")) is None


# -- time, and hosts that are offline ----------------------------------------------------------------------------------


def test_an_expired_role_stands_in_nobodys_way(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.now += PROFILES_LIFETIME - SECOND
    house.publisher.refresh(NAME)
    last = opened(house).statement(PROFILES, V1)
    assert last is not None
    assert last.expires == house.now + SECOND
    house.now += SECOND
    found = opened(house)
    assert house.client().verify([ref("v1")])[0].digest == V1
    for about in (V1, V2):  # of which nothing was said
        with pytest.raises(Stale, match="profiles of docker.io/foo/web ended") as caught:
            found.statement(PROFILES, about)
        assert caught.value.hint == f"sign it again: pytrust repo renew {NAME} --role profiles"
    house.owner().renew(NAME, [PROFILES], [ALICE])
    assert content(house, V1) == b"a profile"


def test_a_renewed_role_is_seen_at_once_by_who_knows_it_as_expired(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.now += PROFILES_LIFETIME
    house.publisher.refresh(NAME)
    client = house.client()
    with pytest.raises(Stale):
        client.open(NAME).statement(PROFILES, V1)
    house.owner().renew(NAME, [PROFILES], [ALICE])
    assert client.open(NAME).statement(PROFILES, V1) is not None


def test_offline(house: House, tmp_path: Path) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    with pytest.raises(PytrustError):
        house.offline().open(NAME)
    assert content(house, V1) == b"a profile"
    house.later(days=6)
    assert house.offline().open(NAME).statement(PROFILES, V1) is not None
    carried = decode(encode(Cache(tmp_path / "cache").load(NAME)), "what is carried")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    Cache(tmp_path / "elsewhere").save(NAME, carried)
    assert house.offline("elsewhere").open(NAME).statement(PROFILES, V1) is not None


def test_what_lies_in_the_cache_is_not_believed_without_its_signature(house: House, tmp_path: Path) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    assert content(house, V1) == b"a profile"
    cache = Cache(tmp_path / "cache")
    known = cache.load(NAME)
    changed = known.files["profiles.json"].replace(b"a profile", b"a Profile")
    cache.save(NAME, replace(known, files={**known.files, "profiles.json": changed}))
    found = house.offline().open(NAME)
    assert found.find("v1") is not None
    with pytest.raises(BadMetadata):
        found.statement(PROFILES, V1)
    assert content(house, V1) == b"a profile"  # online, it is fetched again


def test_offline_and_expired(house: House) -> None:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    house.now += PROFILES_LIFETIME - timedelta(days=3)
    house.publisher.refresh(NAME)
    assert content(house, V1) == b"a profile"
    house.later(days=4)
    found = house.offline().open(NAME)
    assert found.find("v1") is not None
    with pytest.raises(ExpiredCache, match="ended"):
        found.statement(PROFILES, V1)


# -- who holds the server ----------------------------------------------------------------------------------------------


def newest(house: House) -> RoleFile:
    with house.store.writing(NAME) as transaction:
        return transaction.current(NAME)[PROFILES]


def plant(house: House, data: bytes) -> None:
    """Serve ``data`` as the newest file of profiles, with snapshot and timestamp that fit: a thief of the online keys."""
    with house.store.writing(NAME) as transaction:
        transaction.put(NAME, RoleFile(PROFILES, *tuf.read_header(NAME, PROFILES, data), data))
        make_online(transaction, NAME, house.online, house.now)


def next_of(house: House, *statements: Statement, by: str = "alice") -> bytes:
    document = state(house).delegated[PROFILES]
    later = replace(document, version=document.version + 1, statements={one.about: one for one in statements})
    return tuf.sign(NAME, PROFILES, tuf.write_targets(NAME, PROFILES, later), [signer(by)])


@pytest.fixture
def attached(house: House) -> House:
    house.owner().attach(NAME, PROFILES, [said(V1)], [ALICE])
    return house


def refused(house: House, error: type[PytrustError], cache: str = "cache") -> None:
    """Tags are believed, and of no image is it believed that nothing is said of it."""
    found = opened(house, cache)
    assert found.find("v1") is not None
    for about in (V1, V2):
        with pytest.raises(error):
            found.statement(PROFILES, about)


@pytest.mark.parametrize("known", [True, False])
def test_signed_by_another_key(attached: House, known: bool) -> None:
    if known:
        assert content(attached, V1) == b"a profile"
    plant(attached, next_of(attached, said(V1, "weaker"), by="bob"))
    refused(attached, BadSignature)


def test_signed_by_nobody(attached: House) -> None:
    document = json.loads(next_of(attached, said(V1, "weaker")))
    document["signatures"] = []
    plant(attached, json.dumps(document).encode())
    refused(attached, BadSignature)


def test_content_that_its_hash_does_not_fit(attached: House) -> None:
    """Of the key that may sign it, which must not be able to stop the tags."""
    document = json.loads(next_of(attached, said(V1)))
    document["signed"]["targets"][f"sha256/{V1.hex}/profile"]["custom"]["content"] = "a Profile"
    data = tuf.sign(NAME, PROFILES, json.dumps(document).encode(), [signer("alice")])
    plant(attached, data)
    refused(attached, BadMetadata)


def test_another_images_statement_moved(attached: House) -> None:
    document = json.loads(next_of(attached, said(V1)))
    entries = document["signed"]["targets"]
    entries[f"sha256/{V2.hex}/profile"] = entries.pop(f"sha256/{V1.hex}/profile")
    plant(attached, json.dumps(document).encode())
    refused(attached, BadSignature)


def test_another_collections_file(attached: House) -> None:
    data = next_of(attached, said(V1, "weaker")).replace(b'"docker.io/foo/web"', b'"docker.io/foo/wub"')
    expires = newest(attached).expires
    with attached.store.writing(NAME) as transaction:
        transaction.put(NAME, RoleFile(PROFILES, 2, expires, data))
        make_online(transaction, NAME, attached.online, attached.now)
    refused(attached, BadMetadata)


class Between:
    """A source somebody changes on the way; of the keys he has none."""

    def __init__(self, house: House) -> None:
        self._inner = StoreSource(house.store)
        self.instead: dict[str, bytes | None] = {}

    def fetch(self, name: object, file: str, deadline: Deadline) -> bytes | None:
        return self.instead.get(file, self._inner.fetch(NAME, file, deadline))


@pytest.mark.parametrize("how", ["old", "gone", "empty", "no-json"])
def test_changed_on_the_way(attached: House, how: str) -> None:
    way = Between(attached)
    old = newest(attached).data
    attached.owner().attach(NAME, PROFILES, [said(V1, "stricter")], [ALICE])
    way.instead["2.profiles.json"] = {"old": old, "gone": None, "empty": b"", "no-json": b"{"}[how]
    client = attached.client(source=way)
    found = client.open(NAME)
    assert found.find("v1") is not None
    with pytest.raises(BadMetadata):
        found.statement(PROFILES, V1)
    way.instead.clear()
    later = client.open(NAME).statement(PROFILES, V1)  # the same client, and the same timestamp
    assert later is not None
    assert later.content == b"stricter"


def test_an_older_file_put_back(attached: House) -> None:
    """By somebody with the online keys: the snapshot names an older version, which is a rollback of the collection."""
    old = newest(attached)
    attached.owner().attach(NAME, PROFILES, [said(V1, "stricter")], [ALICE])
    assert content(attached, V1) == b"stricter"
    way = Between(attached)
    with attached.store.writing(NAME) as transaction:
        files = transaction.current(NAME)
    listed = {role: (file.version, file.data) for role, file in files.items() if role in {TARGETS, RELEASES, ALICE}}
    number = files[RoleName("snapshot")].version + 1
    until = attached.now + timedelta(days=9)
    for entries in (listed | {PROFILES: (old.version, old.data)}, listed):
        unsigned = tuf.write_snapshot(NAME, number, until, entries)
        snapshot = tuf.sign(NAME, RoleName("snapshot"), unsigned, [signer("snapshot")])
        stamp = tuf.write_timestamp(NAME, files[RoleName("timestamp")].version + 1, until, number, snapshot)
        way.instead[f"{number}.snapshot.json"] = snapshot
        way.instead["timestamp.json"] = tuf.sign(NAME, RoleName("timestamp"), stamp, [signer("timestamp")])
        with pytest.raises(BadMetadata):
            attached.client(source=way).open(NAME)
    found = attached.client("a host that saw nothing", way).open(NAME)  # here the snapshot says that there are none
    with pytest.raises(BadMetadata, match="not listed in the snapshot"):
        found.statement(PROFILES, V1)


def test_a_damaged_file_is_not_built_upon(attached: House) -> None:
    """Who attached another would sign away, unseen, what stood there."""
    plant(attached, next_of(attached, by="bob"))
    with pytest.raises(BadSignature, match="profiles of docker.io/foo/web"):
        attached.owner().attach(NAME, PROFILES, [said(V2)], [ALICE])
    with pytest.raises(BadSignature, match="profiles of docker.io/foo/web"):
        attached.owner().sign(NAME, [target("v3")], [ALICE])


def test_a_proposal_of_profiles_for_longer_than_they_live(attached: House) -> None:
    """Whoever approves is shown what is said, not until when."""
    held = state(attached).delegated[PROFILES]
    longer = replace(held, version=2, expires=attached.now + lifetime(RELEASES), statements={V1: said(V1, "weaker")})
    data = tuf.write_targets(NAME, PROFILES, longer)
    found = attached.publisher.load(NAME)
    with attached.store.writing(NAME) as transaction:
        transaction.set_proposal(NAME, encode_proposal(Proposal({Format.TUF: {PROFILES: data}}, versions(found))))
    with pytest.raises(BadMetadata, match="profiles in the change to docker.io/foo/web has version 2 and ends"):
        attached.publisher.proposal(NAME)


# -- other clients -----------------------------------------------------------------------------------------------------


def test_the_page_of_a_server_shows_a_role_and_no_signer(attached: House) -> None:
    row = collection_row(attached.store, NAME)
    assert row.signers == ("alice",)
    assert [item.version for item in row.roles if item.role == PROFILES] == [1]


def test_python_tuf_reads_on(attached: House, tmp_path: Path) -> None:
    """The library's own client, with its own settings: it verifies the collection, and can look the profile up."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    bridge = Bridge(StoreSource(attached.store), NAME, Deadline(10))
    root = StoreSource(attached.store).fetch(NAME, "1.root.json", Deadline(5))
    updater = Updater(str(folder), Bridge.BASE_URL, fetcher=bridge, bootstrap=root)
    updater.refresh()
    tag = updater.get_targetinfo("v1")
    assert tag is not None
    assert tag.hashes == {"sha256": V1.hex}
    profile = updater.get_targetinfo(f"sha256/{V1.hex}/profile")
    assert profile is not None
    profile.verify_length_and_hashes(b"a profile")
    assert updater.get_targetinfo(f"sha256/{V2.hex}/profile") is None
