"""A source of trust metadata that may be gone: asked with patience, and left alone for a while when it was in vain.

    asked ──no answer──> gone for ``REST`` seconds: refused at once ──> one asks again, the others are still refused
      └─────────────── any answer, an error included ───────────────────┘

The time limits of a source do not cover everything (a name server that is silent, a dead network drive), so each
question has a thread of its own, and whoever asks leaves in time. While one such thread hangs, no other is started.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock
from time import monotonic
from typing import Final

from pytrust.policy.threads import start
from pytrust.trust.client.source import Source
from pytrust.trust.errors import PytrustError, TooSlow, Unreachable
from pytrust.trust.http import Deadline
from pytrust.trust.names import CollectionName

REST: Final = 5.0  # seconds without a question; as long as one may take, so that only one asker at a time is held up


class Sentinel:
    """A ``Source`` around ``source``; safe to share between threads.

    Only silence counts as an outage. An answer of failure is one collection's: whoever can ask for odd names could
    otherwise keep the news of every other collection from this host.
    """

    def __init__(self, source: Source, clock: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._clock = clock
        self._lock = Lock()
        self._trouble: Unreachable | TooSlow | None = None
        self._until = 0.0
        self._hanging: set[Future[bytes | None]] = set()

    def outage(self) -> PytrustError | None:
        """Why there is no sense in asking now; None where there is."""
        with self._lock:
            return self._outage()

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``Source``."""
        left = deadline.remaining(f"metadata of {name}")
        self._pass()
        attempt = start(partial(self._source.fetch, name, file, deadline))
        try:
            data = attempt.result(left)
        except TimeoutError as error:
            raise self._gone(TooSlow(f"metadata of {name}: no answer in time"), attempt) from error
        except (Unreachable, TooSlow) as error:
            raise self._gone(error) from error
        except BaseException:
            self._trouble = None
            raise
        self._trouble = None
        return data

    def _pass(self) -> None:
        """Refuse in an outage; after a rest let one through, and take it for now that it finds no change."""
        with self._lock:
            if (trouble := self._outage()) is not None:
                raise type(trouble)(str(trouble), hint=trouble.hint)
            self._until = self._clock() + REST

    def _outage(self) -> Unreachable | TooSlow | None:
        self._hanging = {attempt for attempt in self._hanging if not attempt.done()}
        return self._trouble if self._hanging or self._clock() < self._until else None

    def _gone(self, trouble: Unreachable | TooSlow, *hanging: Future[bytes | None]) -> Unreachable | TooSlow:
        with self._lock:
            self._trouble, self._until = trouble, self._clock() + REST
            self._hanging.update(hanging)
        return trouble
