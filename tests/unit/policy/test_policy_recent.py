"""A memory that forgets."""

from __future__ import annotations

from pytrust.policy.recent import Recent


def test_a_value_is_there_until_it_is_too_old() -> None:
    recent: Recent[str, int] = Recent(size=2, age=10)
    recent.put("a", 1, 100)
    assert recent.get("a", 110) == 1
    assert recent.get("a", 110.1) is None
    assert recent.get("b", 100) is None


def test_the_oldest_makes_room_and_a_renewed_one_is_young() -> None:
    recent: Recent[str, int] = Recent(size=2, age=10)
    recent.put("a", 1, 0)
    recent.put("b", 2, 1)
    recent.put("a", 3, 2)
    recent.put("c", 4, 3)
    assert [recent.get(key, 4) for key in "abc"] == [3, None, 4]
