"""Single flight, under threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytrust.trust import errors
from pytrust.trust.http import Deadline
from pytrust.trust.registry import once as once_module
from pytrust.trust.registry.once import KEPT_MAX, Once


class Maker:
    """Makes 1, 2, 3, ... once it is let go."""

    def __init__(self, *failures: BaseException, seconds: float = 60) -> None:
        self.failures = list(failures)
        self.made = 0
        self.seconds = seconds
        self.started = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> tuple[int, float]:
        self.started.set()
        assert self.go.wait(5)
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.made, self.seconds


def race(
    once: Once[str, int], maker: Callable[[], tuple[int, float]], go: threading.Event
) -> list[int | BaseException]:
    def run(_: int) -> int | BaseException:
        try:
            return once.get("k", maker, Deadline(5))
        except (errors.PytrustError, KeyboardInterrupt) as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        results = pool.map(run, range(8))
        threading.Timer(0.1, go.set).start()
        return list(results)


def test_one_makes_for_all() -> None:
    maker = Maker()
    assert race(Once(), maker, maker.go) == [1] * 8


def test_those_who_wait_share_the_failure_and_later_ones_try_again() -> None:
    once: Once[str, int] = Once()
    maker = Maker(errors.Unreachable("gone"))
    assert {str(result) for result in race(once, maker, maker.go)} == {"gone"}
    assert once.get("k", maker, Deadline(5)) == 2


@pytest.mark.parametrize("failure", [errors.TooSlow("late"), KeyboardInterrupt()])
def test_the_deadline_of_one_is_not_that_of_all(failure: BaseException) -> None:
    maker = Maker(failure)
    results = race(Once(), maker, maker.go)
    assert sorted(results, key=str) == sorted([failure, *[2] * 7], key=str)


def test_waiting_ends_with_the_own_deadline() -> None:
    once: Once[str, int] = Once()
    maker = Maker()
    first = threading.Thread(target=once.get, args=("k", maker, Deadline(5)))
    first.start()
    maker.started.wait(5)
    with pytest.raises(errors.TooSlow):
        once.get("k", maker, Deadline(0.05))
    maker.go.set()
    first.join()


def test_values_end(monkeypatch: pytest.MonkeyPatch) -> None:
    once: Once[str, int] = Once()
    maker = Maker()
    maker.go.set()
    now = 1000.0
    monkeypatch.setattr(once_module, "monotonic", lambda: now)
    assert once.get("k", maker, Deadline(5)) == 1
    now += 59
    assert once.get("k", maker, Deadline(5)) == 1
    now += 1
    assert once.get("k", maker, Deadline(5)) == 2


def test_only_the_value_meant_is_forgotten() -> None:
    once: Once[str, int] = Once()
    maker = Maker()
    maker.go.set()
    once.get("k", maker, Deadline(5))
    once.forget("k", 7)
    assert once.get("k", maker, Deadline(5)) == 1
    once.forget("k", 1)
    assert once.get("k", maker, Deadline(5)) == 2


def test_memory_is_bounded_and_the_latest_stays() -> None:
    once: Once[int, int] = Once()
    for key in range(KEPT_MAX + 10):
        once.get(key, lambda: (key, 60.0), Deadline(5))  # noqa: B023
        once.get(0, lambda: (-1, 60.0), Deadline(5))
    assert len(once._flights) == KEPT_MAX
    assert once.get(0, lambda: (-2, 60.0), Deadline(5)) == 0
