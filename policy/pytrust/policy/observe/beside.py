"""Work beside a block: a thread that runs for as long as the block does, and whose failure is the block's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from threading import Event

from pytrust.policy.threads import start
from pytrust.trust.errors import NotSetUp


@contextmanager
def beside(work: Callable[[Event], None]) -> Iterator[None]:
    """Run ``work`` while the block runs; it ends soon after the event is set.

    Raises:
        NotSetUp: the system does not let it do what it has to.
        PytrustError: what ``work`` raises.
    """
    over = Event()
    future = start(lambda: work(over))
    try:
        yield
    finally:
        over.set()
        wait([future])
    try:
        future.result()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotSetUp(
            f"containers cannot be watched here: {reason}", hint="run as root, outside of containers"
        ) from error
