"""Who floods is left out for a while, and nobody else is."""

from __future__ import annotations

from pytrust.policy.observe.denials_loud import Loud
from pytrust.trust.limits import DENIALS_LOUD, DENIALS_MUTED_FOR, DENIALS_MUTED_MAX


def hear(loud: Loud, tid: int, count: int) -> None:
    for _ in range(count):
        loud.hear(tid)


def test_who_floods_is_left_out_and_heard_again() -> None:
    loud = Loud()
    hear(loud, 1, DENIALS_LOUD)
    hear(loud, 2, DENIALS_LOUD - 1)
    assert loud.muted(0.5) == {1}
    assert loud.muted(0.5 + DENIALS_MUTED_FOR / 2) == {1}
    assert loud.muted(1.0 + DENIALS_MUTED_FOR) == frozenset()


def test_a_little_in_each_second_is_no_flood() -> None:
    loud = Loud()
    for second in range(20):
        hear(loud, 1, DENIALS_LOUD - 1)
        assert loud.muted(10.0 + second) == frozenset()


def test_no_more_are_left_out_than_the_filter_can_name() -> None:
    loud = Loud()
    for tid in range(DENIALS_MUTED_MAX * 3):
        hear(loud, tid, DENIALS_LOUD)
    assert len(loud.muted(0.5)) == DENIALS_MUTED_MAX
