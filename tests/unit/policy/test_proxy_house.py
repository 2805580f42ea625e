"""Who has to go when the house is full."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pytrust.policy.proxy.house import House


class Visitor:
    """As much of a client as the house knows."""

    def __init__(self, *, stranger: bool = False) -> None:
        self.stranger = stranger
        self.aborted = False
        self.transport = self

    def get_extra_info(self, _: str) -> None:
        return None

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
def house() -> House:
    return House(lambda: 0.0, limit=3)


def admitted(house: House, *visitors: Visitor) -> None:
    for visitor in visitors:
        house.admit(cast(Any, visitor))


def test_who_has_not_shown_a_certificate_goes_first(house: House) -> None:
    idle, first, second = Visitor(), Visitor(stranger=True), Visitor(stranger=True)
    admitted(house, idle, first, second, *(crowd := [Visitor(stranger=True) for _ in range(50)]))
    assert not idle.aborted
    assert (first.aborted, second.aborted, crowd[-1].aborted, len(house)) == (True, True, False, 3)


def test_who_was_introduced_is_no_stranger(house: House) -> None:
    known = Visitor(stranger=True)
    admitted(house, known)
    known.stranger = False
    house.rest(cast(Any, known))
    admitted(house, *(Visitor(stranger=True) for _ in range(50)))
    assert not known.aborted


def test_the_longest_idle_one_goes_where_nobody_is_a_stranger(house: House) -> None:
    old, busy, late, fresh = (Visitor() for _ in range(4))
    admitted(house, old, busy, late)
    house.wake(cast(Any, busy))
    house.rest(cast(Any, old))
    admitted(house, fresh)
    assert [each.aborted for each in (old, busy, late, fresh)] == [False, False, True, False]
