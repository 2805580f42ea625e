"""Regions against brute force: on few bits, every value can be looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.compare.region_words import region_words
from pytrust.policy.profiles.compare.regions import Budget, cases, values
from pytrust.policy.profiles.model import Arg
from pytrust.policy.profiles.names import Op
from pytrust.policy.profiles.seccomp.runc import holds

BITS = 7
NUMBERS = st.integers(0, 2**BITS - 1)
ONE = st.builds(Arg, index=st.just(0), op=st.sampled_from(Op), value=NUMBERS, second=NUMBERS)
EQ = Arg(index=0, op=Op.EQ, value=40)
FLAGS = Arg(index=0, op=Op.MASKED_EQ, value=0x7E020000, second=0)


def regions(conditions: Collection[Arg], bits: int) -> tuple[int, ...]:
    found = values(conditions, bits, Budget(10**6))
    assert found is not None
    return found


def together(*conditions: Arg) -> tuple[tuple[int, ...], ...]:
    found = cases(conditions, 64, Budget(10**6))
    assert found is not None
    return found


def truths(conditions: Iterable[Arg], numbers: Iterable[int], *, wide: bool = True) -> set[tuple[bool, ...]]:
    return {tuple(holds(arg, (number, 0, 0, 0, 0, 0), wide=wide) for arg in conditions) for number in numbers}


@given(st.lists(ONE, max_size=6))
@settings(max_examples=400)
def test_every_region_of_a_small_domain_has_a_value_and_no_more(conditions: list[Arg]) -> None:
    found = regions(conditions, BITS)
    assert truths(conditions, found) == truths(conditions, range(2**BITS))
    assert max(found) < 2**BITS


@given(st.lists(ONE, max_size=4), st.integers(0, 57))
@settings(max_examples=200)
def test_it_holds_wherever_in_64_bits_the_conditions_lie(conditions: list[Arg], shift: int) -> None:
    """Moved up, the conditions look at a window; what is outside of it is all nought or all ones."""
    moved = [Arg(index=0, op=arg.op, value=arg.value << shift, second=arg.second << shift) for arg in conditions]
    window = [number << shift | rest for number in range(2**BITS) for rest in {0, (1 << shift) - 1}]
    above = [number | 1 << 63 for number in window] if shift + BITS < 64 else []
    found = regions(moved, 64)
    assert truths(moved, found) == truths(moved, [*window, *above])


@given(st.lists(ONE, max_size=4), st.integers(0, 2**32 - 1))
def test_on_32_bits_the_upper_half_of_a_condition_makes_no_difference(conditions: list[Arg], upper: int) -> None:
    raised = [
        Arg(index=0, op=arg.op, value=arg.value | upper << 32, second=arg.second | upper << 32) for arg in conditions
    ]
    found = regions(raised, 32)
    assert max(found) < 2**32
    assert truths(raised, found, wide=False) == truths(raised, range(2 ** (BITS + 1)), wide=False)


def test_masks_are_met_and_missed_in_the_whole_domain_and_in_narrow_intervals() -> None:
    narrow = (Arg(index=0, op=Op.GE, value=0x20000), Arg(index=0, op=Op.LT, value=0x20010), FLAGS)
    for number in regions(narrow, 64):
        if 0x20000 <= number < 0x20010:
            assert number & 0x20000
    assert {number & 0x7E020000 == 0 for number in regions([FLAGS], 64)} == {True, False}


def test_arguments_are_combined() -> None:
    other = Arg(index=3, op=Op.LT, value=5)
    found = together(EQ, other)
    assert {(args[0], args[3]) for args in found} == set(product((0, 40, 41), (0, 5, 6)))
    assert all(args[place] == 0 for args in found for place in (1, 2, 4, 5))


def test_more_than_can_be_looked_at_is_said() -> None:
    crowd = [Arg(index=0, op=Op.EQ, value=3 * number) for number in range(3000)]
    assert values(crowd, 64, Budget(10**6)) is None
    assert cases([Arg(index=index, op=Op.EQ, value=7) for index in range(6)] + [EQ], 64, Budget(10**6))
    assert (
        cases([Arg(index=index, op=Op.EQ, value=value) for index in range(6) for value in (7, 9)], 64, Budget(10**6))
        is None
    )
    bits = [Arg(index=0, op=Op.MASKED_EQ, value=1 << bit, second=1 << bit) for bit in range(64)]
    assert values(bits, 64, Budget(10**5)) is None


def test_regions_are_told_as_people_read_them() -> None:
    socket = (Arg(index=0, op=Op.LT, value=38), Arg(index=0, op=Op.EQ, value=39), Arg(index=0, op=Op.GT, value=40))
    everywhere = together(*socket)
    for start, words in ((38, "= 38"), (41, "from 41"), (0, "from 0 to 37")):
        assert (
            region_words([args for args in everywhere if args[0] == start], everywhere, socket, 64)
            == f", argument 0 {words}"
        )
    joined = [args for args in everywhere if args[0] in (38, 39, 41)]
    assert region_words(joined, everywhere, socket, 64) == ", argument 0 from 38 to 39 or from 41"
    both = together(FLAGS)
    told = {region_words([args], both, (FLAGS,), 64) for args in both}
    assert told == {", argument 0 & 0x7e020000 = 0", ", argument 0 & 0x7e020000 is not 0"}
