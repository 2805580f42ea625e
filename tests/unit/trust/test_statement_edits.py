"""Edits of what is said about images, in whatever order with all others: nobody who went still speaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.fakes.keys import ALICE, BOB, CAROL, NAME, NOW, digest, public, target, top_keys

from pytrust.trust.collection.attach import attach, detach, let_state
from pytrust.trust.collection.edit import changed_roles, copy, create, release, remove_signer, renew, revoke, set_signer
from pytrust.trust.collection.model import PROFILES, RELEASES, TARGETS, Collection
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import Unsigned, UsageError
from pytrust.trust.limits import PROFILES_LIFETIME, SIGNERS_MAX
from pytrust.trust.names import RoleName

SIGNERS = st.sampled_from([ALICE, BOB, CAROL, RoleName("dave")])
KEYS = st.sampled_from(["alice", "bob", "carol", "dave", "eve", "team"])
TAGS = st.sampled_from(["v1", "v2", "v3"])
TEXTS = st.sampled_from([b"a", b"b"])


class Stating(RuleBasedStateMachine):
    """Any sequence; ``gone`` are keys that a signer had and lost."""

    @initialize(count=st.integers(1, 3))
    def start(self, count: int) -> None:
        people = {who: public(who) for who in [ALICE, BOB, CAROL][:count]}
        self.collection = create(NAME, top_keys(), people, threshold=1, now=NOW)
        self.now = NOW
        self.newest: dict[RoleName, int] = {}

    def step(self, new: Collection) -> None:
        old, self.collection = self.collection, new
        self.now += timedelta(hours=1)
        for role in changed_roles(old, new):
            if role == PROFILES:
                assert new.delegated[role].expires == self.now - timedelta(hours=1) + PROFILES_LIFETIME

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3), threshold=st.none() | st.integers(1, 3))
    def let(self, keys: list[str], threshold: int | None) -> None:
        try:
            new = let_state(self.collection, PROFILES, map(public, keys), threshold=threshold, now=self.now)
        except UsageError:
            assert threshold is not None
            assert threshold > len(set(keys))
            return
        assert (new is self.collection) == (new.authority(PROFILES) == self.collection.authority(PROFILES))
        releases = self.collection.authority(RELEASES)
        self.step(new)
        assert new.authority(RELEASES) == releases

    @rule(tag=TAGS, content=TEXTS, text=TEXTS)
    def attach(self, tag: str, content: bytes, text: bytes) -> None:
        about = digest(content.decode())
        signed = {one.digest for one in self.collection.accepted.values()}
        if about not in signed:
            with pytest.raises(Unsigned):
                attach(self.collection, PROFILES, [Statement(about, text)], now=self.now)
            return
        before = dict(self.collection.releases)
        self.step(attach(self.collection, PROFILES, [Statement(about, text)], now=self.now))
        said = self.collection.delegated[PROFILES].statements
        assert said[about].content == text
        assert said.keys() <= signed
        assert self.collection.releases == before

    @rule(content=TEXTS)
    def detach(self, content: bytes) -> None:
        about, held = digest(content.decode()), self.collection.delegated.get(PROFILES)
        if held is None or about not in held.statements:
            with pytest.raises(Unsigned):
                detach(self.collection, PROFILES, [about], now=self.now)
            return
        self.step(detach(self.collection, PROFILES, [about], now=self.now))
        assert about not in self.collection.delegated[PROFILES].statements

    @rule(tag=TAGS, content=TEXTS)
    def release(self, tag: str, content: bytes) -> None:
        self.step(release(self.collection, [target(tag, content.decode())], now=self.now))

    @rule(tag=TAGS)
    def revoke(self, tag: str) -> None:
        if tag in self.collection.releases:
            self.step(revoke(self.collection, [tag], [], now=self.now))

    @rule(who=SIGNERS, key=KEYS)
    def set_signer(self, who: RoleName, key: str) -> None:
        old = self.collection.authority(who)
        try:
            new = set_signer(self.collection, who, public(key), threshold=None, now=self.now)
        except UsageError:
            return
        spoke = self.collection.authority(PROFILES)
        self.step(new)
        speaks = new.authority(PROFILES)
        if spoke is None or old is None or old.keys[0] not in spoke.keys:
            assert speaks == spoke
            return
        assert speaks is not None
        assert public(key) in speaks.keys
        assert old.keys == (public(key),) or old.keys[0] not in speaks.keys

    @rule(who=SIGNERS)
    def remove_signer(self, who: RoleName) -> None:
        old, spoke = self.collection.authority(who), self.collection.authority(PROFILES)
        try:
            new, _ = remove_signer(self.collection, who, threshold=None, now=self.now)
        except UsageError:
            return
        self.step(new)
        assert old is not None
        speaks = new.authority(PROFILES)
        assert set(speaks.keys if speaks else ()) == set(spoke.keys if spoke else ()) - set(old.keys)
        if speaks is None and PROFILES in new.delegated:
            assert not new.delegated[PROFILES].statements

    @rule(data=st.data())
    def renew(self, data: Any) -> None:
        role = data.draw(st.sampled_from(sorted(self.collection.documents())))
        self.step(renew(self.collection, role, now=self.now))

    @invariant()
    def versions_only_rise(self) -> None:
        now = {role: document.version for role, document in self.collection.documents().items()}
        assert all(now.get(role, 0) >= version for role, version in self.newest.items())
        self.newest = now

    @invariant()
    def it_releases_nothing(self) -> None:
        people = {key for item in self.collection.signers for key in item.authority.keys}
        releases = self.collection.authority(RELEASES)
        assert releases is not None
        assert set(releases.keys) == people

    @invariant()
    def another_format_knows_nothing_of_it(self) -> None:
        made = copy(self.collection, public("snapshot"), public("timestamp"), now=self.now)
        assert made.authority(PROFILES) is None
        assert PROFILES not in made.delegated
        assert made.signers == self.collection.signers


Stating.TestCase.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStating = Stating.TestCase


def test_as_many_keys_as_there_may_be_signers() -> None:
    held = create(NAME, top_keys(), {ALICE: public("alice")}, threshold=1, now=NOW)
    many = [public(f"key{number}") for number in range(SIGNERS_MAX + 1)]
    assert let_state(held, PROFILES, many[1:], threshold=None, now=NOW).authority(PROFILES) is not None
    with pytest.raises(UsageError):
        let_state(held, PROFILES, many, threshold=None, now=NOW)


def test_the_same_keys_in_another_order_change_nothing() -> None:
    held = create(NAME, top_keys(), {ALICE: public("alice")}, threshold=1, now=NOW)
    made = let_state(held, PROFILES, [public("alice"), public("bob")], threshold=2, now=NOW)
    assert made.targets.version == held.targets.version + 1
    assert let_state(made, PROFILES, [public("bob"), public("alice")], threshold=None, now=NOW) is made


def test_a_role_of_that_name_from_elsewhere_is_not_copied() -> None:
    """In Notary v1 ``targets/profiles`` is a delegation like any other, and its keys must not come to speak here."""
    held = create(NAME, top_keys(), {ALICE: public("alice")}, threshold=1, now=NOW)
    foreign = let_state(held, PROFILES, [public("eve")], threshold=None, now=NOW)
    tags = replace(foreign, delegated={**foreign.delegated, PROFILES: replace(foreign.targets, delegations=())})
    made = copy(tags, public("snapshot"), public("timestamp"), now=NOW)
    assert [item.name for item in made.targets.delegations] == [RELEASES, ALICE]
    assert TARGETS not in made.delegated
