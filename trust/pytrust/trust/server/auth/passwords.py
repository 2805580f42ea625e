"""Checks passwords: slowly once, from memory for some minutes, and not as often as somebody who guesses would like."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Final

from pytrust.trust.errors import AccessDenied, Busy, RateLimited
from pytrust.trust.limits import (
    FAILURES_BURST,
    FAILURES_PER_SECOND,
    PASSWORD_CHECKS,
    PASSWORD_WAIT,
    SPRAY_BURST,
    SPRAY_PER_SECOND,
)
from pytrust.trust.server.auth.credentials import Password, is_user_name
from pytrust.trust.server.auth.htpasswd import Account, Accounts
from pytrust.trust.server.auth.memory import Memory, Trace
from pytrust.trust.server.auth.rate import Buckets, neighbourhood

_SECRET_BYTES: Final = 32


class Passwords:
    """Safe to use from several threads. ``accounts`` gives the newest users; ``ticks``: seconds, monotonic."""

    def __init__(self, accounts: Callable[[], Accounts], ticks: Callable[[], float] = time.monotonic) -> None:
        self._accounts, self._ticks = accounts, ticks
        self._memory = Memory(secrets.token_bytes(_SECRET_BYTES))
        self._by_user = Buckets(FAILURES_BURST, FAILURES_PER_SECOND)
        self._by_peer = Buckets(SPRAY_BURST, SPRAY_PER_SECOND)
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(PASSWORD_CHECKS)

    def mark(self, user: str) -> str | None:
        """The mark of an account that exists."""
        account = self._accounts().find(user)
        return account.mark if account.known else None

    def remembers(self, given: Password) -> bool:
        """Whether ``check`` will say yes at once."""
        return self._holds(self._trace(given, self._accounts().find(given.user)))

    def check(self, given: Password, peer: str) -> None:
        """Let a user in, or not.

        Args:
            given: name and password.
            peer: the address by which failures are counted.

        Raises:
            AccessDenied: nobody has this name with this password.
            RateLimited: too many failures came from there; the message tells the seconds to wait.
            Busy: too many others are being checked.
        """
        if not is_user_name(given.user):
            raise AccessDenied("that cannot be the name of a user")
        account = self._accounts().find(given.user)
        trace = self._trace(given, account)
        if self._holds(trace):
            return
        with self._try(neighbourhood(peer), given.user), self._place():
            if not self._holds(trace) and not account.fits(given.value):
                raise AccessDenied("incorrect user name or password")
            self._keep(trace)

    @contextmanager
    def _try(self, peer: str, user: str) -> Iterator[None]:
        """Counted as a failure until it is none, so that a hundred at once are counted too."""
        buckets = ((self._by_user, f"{peer} {user}"), (self._by_peer, peer))
        with self._lock:
            now = self._ticks()
            if wait := max(bucket.wait(key, now) for bucket, key in buckets):
                raise RateLimited(f"too many wrong passwords: try again in {ceil(wait)} seconds")
            for bucket, key in buckets:
                bucket.take(key, now)
        denied = False
        try:
            yield
        except AccessDenied:
            denied = True
            raise
        finally:
            if not denied:
                self._give_back(buckets)

    def _give_back(self, buckets: tuple[tuple[Buckets, str], ...]) -> None:
        with self._lock:
            for bucket, key in buckets:
                bucket.give_back(key, self._ticks())

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=PASSWORD_WAIT):
            raise Busy("too many passwords are being checked", hint="try again")
        try:
            yield
        finally:
            self._places.release()

    def _trace(self, given: Password, account: Account) -> Trace:
        return self._memory.trace(given.user, given.value, account.mark)

    def _holds(self, trace: Trace) -> bool:
        with self._lock:
            return self._memory.holds(trace, self._ticks())

    def _keep(self, trace: Trace) -> None:
        with self._lock:
            self._memory.keep(trace, self._ticks())
