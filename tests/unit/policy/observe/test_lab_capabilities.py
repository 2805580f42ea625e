"""The search for capabilities: 1-minimal, proven, bounded; and what calls point to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.laboratory import GOOD, FakeLaboratory

from pytrust.policy.observe.candidates import candidates, likely_first
from pytrust.policy.observe.capabilities import MinimalCaps, host_capabilities, minimal
from pytrust.policy.observe.trial import Confinement, Outcome, RunOptions
from pytrust.policy.profiles.names import CAPABILITIES, DEFAULT_CAPABILITIES, Capability, Syscall
from pytrust.trust.errors import Refused

DEFAULT = sorted(DEFAULT_CAPABILITIES)
Works = Callable[[frozenset[str]], bool]


def search(
    works: Works, possible: list[Capability] = DEFAULT, good: Outcome = GOOD
) -> tuple[MinimalCaps, FakeLaboratory]:
    def behaves(confinement: Confinement) -> Outcome:
        held = frozenset(confinement.capabilities or ())
        return good if works(held) else Outcome(True, 1, 1, f"lacks with {len(held)}")

    laboratory = FakeLaboratory(behaves)
    told: list[str] = []
    found = minimal(laboratory, "image", RunOptions(), Confinement(), possible, lambda live: 0, told.append)
    assert len(told) == len(laboratory.trials) == found.trials
    assert len(set(laboratory.trials)) == found.trials, "the same trial twice"
    return found, laboratory


def test_an_image_that_needs_none_is_tried_once() -> None:
    found, laboratory = search(lambda held: True)
    assert found == ((), (), 1)
    assert laboratory.trials[0].capabilities == ()


def test_each_that_is_needed_has_its_proof() -> None:
    found, _ = search(lambda held: {"CHOWN", "SETUID", "SETGID"} <= held)
    assert found.needed == ("CHOWN", "SETGID", "SETUID")
    assert [name for name, _ in found.proofs] == list(found.needed)
    assert dict(found.proofs)[Capability("CHOWN")] == "the workload ended with 1, the container with 1: lacks with 2"
    assert found.trials <= 14 + 4


@given(st.sets(st.sampled_from(DEFAULT)))
def test_what_is_needed_is_found(needed: set[Capability]) -> None:
    found, _ = search(lambda held: needed <= held)
    assert set(found.needed) == needed
    assert found.trials <= 14 + 4 + len(needed)


@given(st.lists(st.sets(st.sampled_from(DEFAULT), max_size=4), min_size=1, max_size=4))
def test_one_of_several_ways_is_found_and_is_minimal(ways: list[set[Capability]]) -> None:
    def works(held: frozenset[str]) -> bool:
        return any(way <= held for way in ways)

    found, _ = search(works)
    held = frozenset(found.needed)
    assert works(held)
    assert not any(works(held - {one}) for one in held)


@given(st.sets(st.frozensets(st.sampled_from(DEFAULT[:5])), min_size=1))
def test_minimal_even_where_more_rights_do_harm(good: set[frozenset[str]]) -> None:
    """A program may fail because it may do more; then at least no single one can be left out."""
    everything = frozenset(DEFAULT[:5])

    def works(held: frozenset[str]) -> bool:
        return held in good | {everything}

    found, _ = search(works, DEFAULT[:5])
    held = frozenset(found.needed)
    assert works(held)
    assert not any(works(held - {one}) for one in held)


def test_one_that_was_needed_beside_another_is_tried_again_without_it() -> None:
    good = [{"SETUID", "SETGID", "CHOWN"}, {"SETUID", "CHOWN"}, {"CHOWN"}]
    found, _ = search(lambda held: held in good, [Capability("SETUID"), Capability("SETGID"), Capability("CHOWN")])
    assert found.needed == ("CHOWN",)


def test_the_order_of_trials_is_always_the_same() -> None:
    _, one = search(lambda held: {"KILL", "MKNOD"} <= held)
    _, other = search(lambda held: {"KILL", "MKNOD"} <= held, DEFAULT[::-1])
    assert one.trials == other.trials


def test_a_workload_that_never_works_is_no_basis() -> None:
    with pytest.raises(Refused, match="fails with all capabilities.*the workload ended with 1"):
        search(lambda held: False)


def test_an_image_that_never_stops_by_itself_is_compared_with_itself() -> None:
    found, _ = search(lambda held: "CHOWN" in held, good=Outcome(True, 0, None))
    assert found.needed == ("CHOWN",)


def test_another_end_of_the_container_is_a_failure() -> None:
    def behaves(confinement: Confinement) -> Outcome:
        return GOOD if "KILL" in (confinement.capabilities or ()) else Outcome(True, 0, 137)

    found = minimal(
        FakeLaboratory(behaves), "image", RunOptions(), Confinement(), DEFAULT, lambda live: 0, lambda line: None
    )
    assert found.proofs == (("KILL", "the container ended with 137, not with 0"),)


def test_calls_point_to_capabilities() -> None:
    calls = [Syscall(name) for name in ("setuid", "bind", "mount", "ioctl", "read")]
    assert candidates(calls) == ("SETUID", "DAC_OVERRIDE", "NET_BIND_SERVICE", "SYS_ADMIN")
    assert candidates([]) == ("DAC_OVERRIDE",)


def test_likely_ones_come_first() -> None:
    assert likely_first(DEFAULT_CAPABILITIES)[:3] == ("SETUID", "SETGID", "CHOWN")
    assert set(likely_first(CAPABILITIES)) == set(CAPABILITIES)


def test_what_this_host_can_give_is_known() -> None:
    assert host_capabilities() <= set(CAPABILITIES)
