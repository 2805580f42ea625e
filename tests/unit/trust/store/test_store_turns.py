"""Turns: whoever has waited longest is next."""

from __future__ import annotations

import threading
import time

from pytrust.trust.store.turns import Turns


def test_turns_go_to_whoever_waited_longest() -> None:
    turns, order = Turns(), list[int]()
    assert turns.take(1)
    assert not turns.hand_on()

    def take(number: int) -> None:
        assert turns.take(5)
        order.append(number)
        turns.give_back()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        while len(turns._waiting) < number:
            time.sleep(0.001)
    turns.give_back()
    for thread in threads:
        thread.join()
    assert order == list(range(5))


def test_whoever_gives_a_place_back_comes_after_those_who_wait() -> None:
    turns, taken = Turns(2), list[bool]()
    assert [turns.take(0) for _ in range(3)] == [True, True, False]
    thread = threading.Thread(target=lambda: taken.append(turns.take(5)))
    thread.start()
    while not turns._waiting:
        time.sleep(0.001)
    turns.give_back()
    assert not turns.take(0)
    thread.join()
    assert taken == [True]
    turns.give_back()
    assert [turns.take(0) for _ in range(2)] == [True, False]
