"""What an approver sees of a change to profiles, and what ``inspect`` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from tests.fakes.keys import ALICE, BOB, NAME, NOW, digest, public, target, top_keys

from pytrust.cli.documents import collection_json, profile_of
from pytrust.cli.render import change_lines, key_names
from pytrust.trust.client.trusted import Trusted
from pytrust.trust.collection.attach import attach, detach, let_state
from pytrust.trust.collection.edit import create, release, remove_signer
from pytrust.trust.collection.model import PROFILES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Collection
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import BadMetadata, PytrustError, Stale
from pytrust.trust.names import RoleName

V1, V2 = digest("v1"), digest("v2")
PEOPLE = {ALICE: public("alice"), BOB: public("bob")}
PLAIN = release(create(NAME, top_keys(), PEOPLE, threshold=1, now=NOW), [target("v1"), target("v2")], now=NOW)
BASE = attach(
    let_state(PLAIN, PROFILES, [public("alice")], threshold=None, now=NOW), PROFILES, [Statement(V1, b"one")], now=NOW
)


def lines(old: Collection | None, new: Collection) -> list[str]:
    return list(change_lines(old, new))


def test_the_first_profile() -> None:
    assert lines(PLAIN, BASE) == [
        f"+ profiles are signed by 1 of 1: {public('alice').id}",
        f"+ profile of {V1}: {digest('one')}",
    ]


def test_others_in_its_place() -> None:
    new = attach(BASE, PROFILES, [Statement(V1, b"two"), Statement(V2, b"one")], now=NOW)
    assert lines(BASE, new) == [
        f"~ profile of {V1}: {digest('one')} -> {digest('two')}",
        f"+ profile of {V2}: {digest('one')}",
    ]
    assert lines(BASE, detach(BASE, PROFILES, [V1], now=NOW)) == [f"- profile of {V1}: {digest('one')}"]


@pytest.mark.parametrize("key", ["bob", "eve"])
def test_whose_keys(key: str) -> None:
    """A signer's key is named too: it did not speak here before."""
    new = let_state(BASE, PROFILES, [public("alice"), public(key)], threshold=None, now=NOW)
    assert lines(BASE, new) == [f"~ profiles are signed by 1 of 2: {public('alice').id}, {public(key).id} (now 1 of 1)"]


def test_nobody_any_more() -> None:
    new, _ = remove_signer(BASE, ALICE, threshold=None, now=NOW, kept=["v1", "v2"])
    assert f"- profile of {V1}: {digest('one')}" in lines(BASE, new)
    assert "- profiles is delegated to no more" in lines(BASE, new)


def test_keys_of_nobody_have_the_name_of_their_role() -> None:
    new = let_state(BASE, PROFILES, [public("alice"), public("eve")], threshold=None, now=NOW)
    names = key_names(new)
    assert (names[public("alice").id], names[public("eve").id]) == ("alice", f"profiles ({public('eve').id[:8]})")


def trusted(silent: Mapping[RoleName, PytrustError]) -> Trusted:
    chain = dict.fromkeys([ROOT, TARGETS, SNAPSHOT, TIMESTAMP], NOW)
    roles = chain if silent else chain | {PROFILES: NOW + timedelta(days=1)}
    return Trusted(BASE, dict.fromkeys(roles, 1), roles, NOW, False, silent=silent)


def test_inspect_says_which_tags_have_one() -> None:
    said = collection_json(trusted({}))
    assert [tag["profile"] for tag in said["tags"]] == [str(digest("one")), None]
    assert said["disbelieved"] == []


@pytest.mark.parametrize("error", [Stale("profiles ended", hint="renew"), BadMetadata("forged", hint="no")])
def test_inspect_says_why_none_is_believed(error: PytrustError) -> None:
    said = collection_json(trusted({PROFILES: error}))
    assert [tag["profile"] for tag in said["tags"]] == [None, None]
    assert said["disbelieved"] == [{"role": PROFILES, "code": error.code, "message": str(error), "hint": error.hint}]
    assert profile_of(trusted({PROFILES: error}), target("v1")) is None
