"""Edits: whatever is done in whatever order, versions only rise and nothing is released that nobody may release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.fakes.keys import ALICE, BOB, CAROL, NAME, NOW, public, target, top_keys

from pytrust.trust.collection.edit import (
    changed_roles,
    create,
    release,
    remove_signer,
    renew,
    revoke,
    rotate_top,
    set_signer,
    vouch,
)
from pytrust.trust.collection.model import RELEASES, RESERVED, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Collection, Targets
from pytrust.trust.errors import Unsigned, UsageError
from pytrust.trust.image import Platform
from pytrust.trust.limits import ROOT_LIFETIME, TARGETS_LIFETIME
from pytrust.trust.names import RoleName

SIGNERS = st.sampled_from([ALICE, BOB, CAROL, RoleName("dave")])
TAGS = st.sampled_from(["v1", "v2", "v3", "latest"])
CONTENTS = st.sampled_from(["", "a", "b"])
KEYS = st.sampled_from(["alice", "bob", "carol", "dave", "eve", "fred"])


def fresh(*signers: RoleName, threshold: int = 1) -> Collection:
    return create(NAME, top_keys(), {who: public(who) for who in signers}, threshold=threshold, now=NOW)


def versions(collection: Collection) -> dict[RoleName, int]:
    return {role: document.version for role, document in collection.documents().items()}


class Edits(RuleBasedStateMachine):
    """Any sequence of edits; each step is compared with the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW

    @initialize(count=st.integers(1, 3), data=st.data())
    def start(self, count: int, data: Any) -> None:
        signers = [ALICE, BOB, CAROL][:count]
        self.now = NOW
        self.collection = fresh(*signers, threshold=data.draw(st.integers(1, count)))

    def step(self, new: Collection) -> None:
        old, self.collection = self.collection, new
        before, after = versions(old), versions(new)
        assert all(after[role] >= version for role, version in before.items()), "a version fell"
        assert all(version - before.get(role, 0) in range(3) for role, version in after.items())
        changed = {role for role, version in after.items() if before.get(role) != version}
        assert set(changed_roles(old, new)) == changed
        for role, document in new.documents().items():
            if role in changed:
                span = ROOT_LIFETIME if role == ROOT else TARGETS_LIFETIME
                assert document.expires == self.now + span
            else:
                assert self.unchanged(old, new, role)
        self.now += timedelta(hours=1)

    @staticmethod
    def unchanged(old: Collection, new: Collection, role: RoleName) -> bool:
        """The same document, but for a removed signer, whose words are forgotten while the version stays."""
        one, other = old.documents()[role], new.documents()[role]
        silenced = new.targets.delegation(role) is None and isinstance(other, Targets) and not other.targets
        return one == other or silenced

    @rule(tags=st.lists(TAGS, min_size=1, max_size=3, unique=True), content=CONTENTS)
    def release(self, tags: list[str], content: str) -> None:
        before = dict(self.collection.releases)
        self.step(release(self.collection, [target(tag, content) for tag in tags], now=self.now))
        for tag in tags:
            new, old = self.collection.releases[tag], before.get(tag)
            assert replace(new, previous=None) == target(tag, content)
            assert new.previous != new.digest
            assert old is None or new.digest == old.digest or new.previous == old.digest

    @rule(who=SIGNERS, tag=TAGS, content=CONTENTS)
    def vouch(self, who: RoleName, tag: str, content: str) -> None:
        held = dict(self.collection.releases)
        if who not in {item.name for item in self.collection.signers}:
            with pytest.raises(UsageError):
                vouch(self.collection, who, [target(tag, content)], now=self.now)
            return
        self.step(vouch(self.collection, who, [target(tag, content)], now=self.now))
        assert who in self.collection.vouchers(target(tag, content))
        assert self.collection.releases == held

    @rule(tag=TAGS, who=st.lists(SIGNERS, max_size=2))
    def revoke(self, tag: str, who: list[RoleName]) -> None:
        if tag not in self.collection.releases:
            with pytest.raises(Unsigned):
                revoke(self.collection, [tag], who, now=self.now)
            return
        self.step(revoke(self.collection, [tag], who, now=self.now))
        assert tag not in self.collection.releases
        assert not any(tag in self.collection.delegated[one].targets for one in who if one in self.collection.delegated)

    @rule()
    def revoke_all(self) -> None:
        if not self.collection.releases:
            with pytest.raises(Unsigned, match="nothing in"):
                revoke(self.collection, None, [], now=self.now)
            return
        self.step(revoke(self.collection, None, [], now=self.now))
        assert not self.collection.releases

    @rule(who=SIGNERS, key=KEYS, threshold=st.none() | st.integers(1, 5))
    def set_signer(self, who: RoleName, key: str, threshold: int | None) -> None:
        before = self.collection
        try:
            new = set_signer(before, who, public(key), threshold=threshold, now=self.now)
        except UsageError:
            return
        self.step(new)
        authority = new.authority(who)
        assert authority is not None
        assert authority.keys == (public(key),)

    @rule(who=SIGNERS, threshold=st.none() | st.integers(1, 5))
    def remove_signer(self, who: RoleName, threshold: int | None) -> None:
        before = self.collection
        try:
            new, orphans = remove_signer(before, who, threshold=threshold, now=self.now)
        except UsageError:
            return
        self.step(new)
        assert new.authority(who) is None
        assert set(orphans) == set(before.releases) - set(new.releases)
        assert all(set(before.vouchers(before.releases[tag])) <= {who} for tag in orphans)

    @rule(role=st.sampled_from([ROOT, TARGETS, SNAPSHOT, TIMESTAMP]), key=KEYS)
    def rotate(self, role: RoleName, key: str) -> None:
        before = self.collection
        self.step(rotate_top(before, role, public(key), now=self.now))
        assert self.collection.root.authorities[role].keys == (public(key),)
        assert self.collection.root.version == before.root.version + 1

    @precondition(lambda self: len(self.collection.delegated) > 1)
    @rule(data=st.data())
    def renew(self, data: Any) -> None:
        role = data.draw(st.sampled_from(sorted(self.collection.documents())))
        self.step(renew(self.collection, role, now=self.now))

    @invariant()
    def who_releases_are_the_signers(self) -> None:
        authority = self.collection.authority(RELEASES)
        assert authority is not None
        assert 1 <= authority.threshold <= len(authority.keys)
        people = self.collection.signers
        assert {key.id for key in authority.keys} == {key.id for item in people for key in item.authority.keys}
        assert all(item.authority.threshold == 1 and len(item.authority.keys) == 1 for item in people)

    @invariant()
    def the_start_is_untouched(self) -> None:
        assert self.collection.name == NAME
        assert self.collection.targets.targets == {}


Edits.TestCase.settings = settings(
    max_examples=60, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEdits = Edits.TestCase


def test_old_values_are_untouched() -> None:
    old = release(fresh(ALICE, BOB), [target("v1")], now=NOW)
    copy: Mapping[str, object] = dict(old.releases)
    release(old, [target("v2")], now=NOW)
    revoke(old, ["v1"], [ALICE], now=NOW)
    remove_signer(old, BOB, threshold=None, now=NOW)
    rotate_top(old, ROOT, public("eve"), now=NOW)
    assert old.releases == copy
    assert versions(old) == {ROOT: 1, TARGETS: 1, RELEASES: 2}


def test_a_new_collection_is_all_new() -> None:
    new = fresh(ALICE, BOB, threshold=2)
    assert set(changed_roles(None, new)) == {ROOT, TARGETS, RELEASES}
    assert [item.name for item in new.targets.delegations] == [RELEASES, ALICE, BOB]


def test_one_person_one_key() -> None:
    with pytest.raises(UsageError, match="alice signs with that key already"):
        set_signer(fresh(ALICE), BOB, public("alice"), threshold=None, now=NOW)


@pytest.mark.parametrize("threshold", [0, -1, 3])
def test_thresholds_out_of_range(threshold: int) -> None:
    with pytest.raises(UsageError, match="cannot release"):
        set_signer(fresh(ALICE), BOB, public("bob"), threshold=threshold, now=NOW)
    with pytest.raises(UsageError, match="cannot release"):
        remove_signer(fresh(ALICE, BOB, CAROL), BOB, threshold=threshold, now=NOW)


def test_the_last_signer_stays() -> None:
    with pytest.raises(UsageError, match="last signer"):
        remove_signer(fresh(ALICE), ALICE, threshold=None, now=NOW)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_roles_that_mean_something_else_are_no_signers(name: str) -> None:
    """Removing ``releases`` like a person would withdraw every tag."""
    held = release(vouch(fresh(ALICE, BOB), ALICE, [target("v1")], now=NOW), [target("v1")], now=NOW)
    with pytest.raises(UsageError):
        remove_signer(held, RoleName(name), threshold=None, now=NOW)
    with pytest.raises(UsageError):
        set_signer(held, RoleName(name), public("eve"), threshold=None, now=NOW)


def test_removing_a_signer_withdraws_what_nobody_else_vouches_for() -> None:
    held = fresh(ALICE, BOB)
    held = vouch(held, ALICE, [target("both"), target("own"), target("moved", "a")], now=NOW)
    held = vouch(held, BOB, [target("both"), target("moved", "b")], now=NOW)
    held = release(held, [target("both"), target("own"), target("moved", "a"), target("unvouched")], now=NOW)
    new, orphans = remove_signer(held, ALICE, threshold=None, now=NOW)
    assert orphans == ("moved", "own", "unvouched")
    assert set(new.releases) == {"both"}


def test_the_threshold_follows_the_number_of_signers_down() -> None:
    new, _ = remove_signer(fresh(ALICE, BOB, threshold=2), BOB, threshold=None, now=NOW)
    authority = new.authority(RELEASES)
    assert authority is not None
    assert authority.threshold == 1


def test_other_delegations_survive_a_change_of_signers() -> None:

    from pytrust.trust.collection.model import Authority, Delegation

    scans = Delegation(RoleName("scans"), Authority((public("scanner"),), 1))
    held = fresh(ALICE)
    held = replace(held, targets=replace(held.targets, delegations=(*held.targets.delegations, scans)))
    assert scans in set_signer(held, BOB, public("bob"), threshold=None, now=NOW).targets.delegations


def test_a_vouch_is_for_the_platforms_too() -> None:
    """Else a thief of one key adds a platform, and it counts as vouched for by everybody."""
    child = Platform("linux", "amd64", None, target("evil").digest, 1)
    held = release(vouch(fresh(ALICE, BOB), ALICE, [target("v1")], now=NOW), [target("v1")], now=NOW)
    poisoned = release(held, [replace(target("v1"), platforms=(child,))], now=NOW)
    assert held.vouchers(held.releases["v1"]) == (ALICE,)
    assert poisoned.vouchers(poisoned.releases["v1"]) == ()
    assert remove_signer(poisoned, BOB, threshold=None, now=NOW)[1] == ("v1",)
