"""Passwords checked by several threads, remembered for some minutes, and not guessed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.password_house import line

from pytrust.trust.errors import AccessDenied, RateLimited
from pytrust.trust.limits import BUCKETS_MAX, PASSWORD_CHECKS, PASSWORDS_REMEMBERED
from pytrust.trust.server.auth.credentials import Password
from pytrust.trust.server.auth.htpasswd import Account, Accounts, parse_htpasswd
from pytrust.trust.server.auth.memory import Memory
from pytrust.trust.server.auth.passwords import Passwords
from pytrust.trust.server.auth.rate import Buckets, neighbourhood

ALICE = Password("alice", "wonderland")
FILE = line("alice", "wonderland") + line("bob", "builder")


@dataclass
class Ticks:
    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Side:
    accounts: Accounts = field(default_factory=lambda: parse_htpasswd(FILE, "users"))
    ticks: Ticks = field(default_factory=Ticks)

    def open(self) -> Passwords:
        return Passwords(lambda: self.accounts, self.ticks)


def fails(passwords: Passwords, given_: Password, peer: str) -> type[Exception] | None:
    try:
        passwords.check(given_, peer)
    except (AccessDenied, RateLimited) as error:
        return type(error)
    return None


def test_remembered_for_five_minutes() -> None:
    side = Side()
    passwords = side.open()
    assert not passwords.remembers(ALICE)
    passwords.check(ALICE, "")
    side.ticks.at += 299
    assert passwords.remembers(ALICE)
    side.ticks.at += 2
    assert not passwords.remembers(ALICE)
    passwords.check(ALICE, "")
    assert passwords.remembers(ALICE)


def test_a_wrong_password_is_not_remembered_nor_is_it_right_later() -> None:
    passwords = Side().open()
    wrong = Password("alice", "x")
    passwords.check(ALICE, "")
    assert fails(passwords, wrong, "") is fails(passwords, wrong, "") is AccessDenied
    assert not passwords.remembers(wrong)
    assert not passwords.remembers(Password("bob", "wonderland"))


def test_what_was_remembered_is_forgotten_with_the_line() -> None:
    side = Side()
    passwords = side.open()
    passwords.check(ALICE, "")
    side.accounts = parse_htpasswd(line("alice", "wonderland"), "users")
    assert not passwords.remembers(ALICE)
    side.accounts = parse_htpasswd(line("bob", "builder"), "users")
    assert fails(passwords, ALICE, "") is AccessDenied
    assert passwords.mark("alice") is None
    assert passwords.mark("bob")


def test_ten_guesses_then_one_in_ten_seconds() -> None:
    side = Side()
    passwords = side.open()
    wrong = Password("alice", "x")
    assert [fails(passwords, wrong, "192.0.2.1") for _ in range(11)] == [AccessDenied] * 10 + [RateLimited]
    side.ticks.at += 9.9
    assert fails(passwords, ALICE, "192.0.2.1") is RateLimited
    side.ticks.at += 0.2
    assert fails(passwords, wrong, "192.0.2.1") is AccessDenied
    assert fails(passwords, ALICE, "192.0.2.1") is RateLimited
    side.ticks.at += 100
    assert fails(passwords, ALICE, "192.0.2.1") is None


def test_right_passwords_use_nothing_up() -> None:
    side = Side()
    passwords = side.open()
    for _ in range(12):
        side.accounts = parse_htpasswd(line("alice", "wonderland"), "users")  # another salt: it is checked again
        assert not passwords.remembers(ALICE)
        assert fails(passwords, ALICE, "192.0.2.1") is None
    side.accounts = parse_htpasswd(b"", "users")
    outcomes = [fails(passwords, ALICE, "192.0.2.1") for _ in range(11)]
    assert outcomes == [AccessDenied] * 10 + [RateLimited]


def test_one_password_for_many_users_is_guessing_too() -> None:
    passwords = Side().open()
    outcomes = [fails(passwords, Password(f"user{each}", "x"), "192.0.2.1") for each in range(102)]
    assert outcomes == [AccessDenied] * 100 + [RateLimited] * 2
    assert fails(passwords, ALICE, "192.0.2.2") is None


def test_what_can_be_no_name_costs_nothing() -> None:
    passwords = Side().open()
    assert {fails(passwords, Password("x" * 10_000, "x"), "192.0.2.1") for _ in range(200)} == {AccessDenied}
    assert fails(passwords, ALICE, "192.0.2.1") is None


@dataclass(frozen=True)
class _Meter:
    """An account that notes how many look at it at once, and how often."""

    inside: list[int]
    lock: threading.Lock

    def account(self, real: Account) -> Account:
        meter = self

        class Metered(Account):
            def fits(self, password: str) -> bool:
                with meter.lock:
                    meter.inside.append(meter.inside[-1] + 1)
                try:
                    return bcrypt.checkpw(password.encode(), self.hash)
                finally:
                    with meter.lock:
                        meter.inside.append(meter.inside[-1] - 1)

        return Metered(real.mark, real.hash)


def _at_once(work: Callable[[int], object], count: int) -> list[object]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def test_no_more_than_four_are_checked_at_once() -> None:
    meter = _Meter([0], threading.Lock())
    side = Side()
    slow = parse_htpasswd(b"alice:" + bcrypt.hashpw(b"wonderland", bcrypt.gensalt(8)), "users").users["alice"]
    side.accounts = replace(side.accounts, users={f"user{each}": meter.account(slow) for each in range(24)})
    passwords = side.open()
    _at_once(lambda each: passwords.check(Password(f"user{each}", "wonderland"), ""), 24)
    assert 1 < max(meter.inside) <= PASSWORD_CHECKS
    assert len(meter.inside) == 1 + 2 * 24


def test_one_password_is_not_checked_by_everybody_who_brings_it_at_once() -> None:
    meter = _Meter([0], threading.Lock())
    side = Side()
    slow = parse_htpasswd(b"alice:" + bcrypt.hashpw(b"wonderland", bcrypt.gensalt(8)), "users").users["alice"]
    side.accounts = replace(side.accounts, users={"alice": meter.account(slow)})
    passwords = side.open()
    _at_once(lambda _: passwords.check(ALICE, ""), 8)
    assert (len(meter.inside) - 1) // 2 <= PASSWORD_CHECKS


def test_a_hundred_guesses_at_once_are_counted() -> None:
    passwords = Side().open()
    outcomes = _at_once(lambda each: fails(passwords, Password("alice", str(each)), "192.0.2.1"), 40)
    assert outcomes.count(AccessDenied) == 10
    assert outcomes.count(RateLimited) == 30


# The parts.


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=60), st.integers(1, 5))
def test_in_no_time_more_than_the_bucket_and_what_ran_in(steps: list[tuple[float, bool]], burst: int) -> None:
    buckets, now, taken = Buckets(burst, 0.5), 100.0, list[float]()
    for pause, wants in steps:
        now += pause
        if wants and not buckets.wait("a", now):
            buckets.take("a", now)
            taken.append(now)
    for first, start in enumerate(taken):
        for last, end in enumerate(taken[first:], start=1):
            assert last <= burst + (end - start) * 0.5 + 1e-6


@given(st.integers(1, 20), st.floats(0, 100))
def test_after_the_wait_there_is_one(burst: int, pause: float) -> None:
    buckets = Buckets(burst, 0.1)
    for _ in range(burst):
        assert buckets.wait("a", 50.0) == 0
        buckets.take("a", 50.0)
    wait = buckets.wait("a", 50.0 + pause)
    assert buckets.wait("a", 50.0 + pause + wait + 1e-6) == 0
    assert buckets.wait("b", 50.0) == 0


def test_buckets_and_memory_are_bounded() -> None:
    buckets = Buckets(1, 0.1)
    for each in range(BUCKETS_MAX + 1):
        buckets.take(str(each), 0.0)
    assert buckets.wait("0", 0.0) == 0, "quiet longest, and forgotten"
    assert buckets.wait("1", 0.0) > 0
    memory = Memory(b"secret")
    traces = [memory.trace("alice", str(each), "mark") for each in range(PASSWORDS_REMEMBERED + 1)]
    for trace in traces:
        memory.keep(trace, 0.0)
    assert not memory.holds(traces[0], 0.0)
    assert memory.holds(traces[1], 0.0)


@given(st.tuples(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9)), st.tuples(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9)))  # fmt: skip
def test_no_two_are_remembered_as_one(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    memory = Memory(b"secret")
    assert (memory.trace(*one) == memory.trace(*other)) == (one == other)
    assert Memory(b"other").trace(*one) != memory.trace(*one)
    joined = "".join(one)
    assert (memory.trace(joined, "", "") == memory.trace(*one)) == (one == (joined, "", ""))


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("x" * 1000, "x" * 100),
    ],
)
def test_neighbourhood(address: str, peer: str) -> None:
    assert neighbourhood(address) == peer
