"""Denials while containers run: what the kernel tells of is held against each container's profile, counted and kept.

One thread reads all sources. It looks at so many refusals a second and no more: what a container that floods does
beyond that the kernel drops and counts. Losses are kept beside the denials, so that nobody takes silence for an answer.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from pytrust.policy.observe.denials_audit import AuditSource
from pytrust.policy.observe.denials_model import Confined, Denial, Refusal, Source
from pytrust.policy.observe.denials_perf import CallsSource
from pytrust.policy.observe.denials_store import DenialStore, Watch
from pytrust.policy.observe.denials_tally import Pace, Tally
from pytrust.policy.observe.denials_who import Whose, container_in
from pytrust.trust.errors import PytrustError
from pytrust.trust.limits import DENIALS_FLUSH_INTERVAL

Find = Callable[[str], Confined | None]
"""Gives a confined container by its full id, or None."""

_PATIENCE: Final = 0.1  # seconds between two looks: a container that was just made is asked for before it can be gone
_STOP_WITHIN: Final = 5.0
_SAID_MAX: Final = 100
_PUNISHED: Final = "calls that are noted or punished"
_ANSWERED: Final = "calls that a profile answers with an error"


class DenialWatch:
    """Watches on a thread of its own from ``start`` to ``stop``.

    Args:
        sources: what tells of refusals; closed at the end.
        find: asked on the watch's thread, and may raise ``PytrustError`` where it does not know now.
        store: where denials are kept.
        on_denial: called on the watch's thread when a program is refused a call for the first time, and when the
            count reaches ten, a hundred, and so on.
        say: told once why something does not work.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        find: Find,
        store: DenialStore,
        on_denial: Callable[[Denial], None],
        say: Callable[[str], None],
    ) -> None:
        self._sources, self._find, self._store = tuple(sources), find, store
        self._say = say
        self._tally = Tally(on_denial)
        self._began, self._lost = time.time(), dict.fromkeys((source.name for source in sources), 0)
        self._said: set[str] = set()
        self._pace = Pace()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="denials", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, and keep what was seen; also of a watch that never began."""
        self._end.set()
        if self._thread.ident is None:
            self._close()
        else:
            self._thread.join(_STOP_WITHIN)

    def _run(self) -> None:
        whose = Whose()
        try:
            self._watch(whose)
        except Exception as error:  # noqa: BLE001 - nobody else would say that nothing is seen any more
            self._once(f"denials are watched no more: {type(error).__name__}: {error}")
        finally:
            whose.close()
            self._close()

    def _watch(self, whose: Whose) -> None:
        flushed = 0.0
        while not self._end.is_set():
            self._look(whose)
            if time.monotonic() - flushed > DENIALS_FLUSH_INTERVAL:
                self._keep()
                flushed = time.monotonic()
        self._look(whose)
        self._keep()

    def _close(self) -> None:
        for source in self._sources:
            source.close()

    def _look(self, whose: Whose) -> None:
        """Wait a moment, and take what has come."""
        ready = select.poll()
        for file in (file for source in self._sources for file in source.files()):
            ready.register(file, select.POLLIN)
        ready.poll(_PATIENCE * 1000)
        whose.learn()
        for source in self._sources:
            batch = source.read()
            self._lost[source.name] += batch.lost
            for group in batch.groups:
                self._confined(container_in(group))
            containers = [whose.container(refusal) for refusal in batch.refusals]
            for refusal, container in zip(batch.refusals, containers, strict=True):
                self._take(refusal, container or "")
            self._lost[source.name] += containers.count(None) if source.name == AuditSource.name else 0
            self._end.wait(self._pace.spend(len([one for one in containers if one])))

    def _take(self, refusal: Refusal, container: str) -> None:
        confined = self._confined(container)
        if confined is not None:
            self._tally.add(refusal, confined, time.time())

    def _confined(self, container: str) -> Confined | None:
        """Asked for as soon as a container is made, too: it may be gone when its refusals are looked at."""
        try:
            return self._find(container) if container else None
        except PytrustError as error:
            self._once(f"denials: {error}")
            return None

    def _keep(self) -> None:
        """What was seen so far survives us; where it cannot be written, it is counted on and tried again."""
        try:
            if fresh := self._tally.fresh():
                self._store.add(fresh)
                self._tally.kept()
            for name, lost in self._lost.items():
                self._store.watched(Watch(name, self._began, time.time(), lost))
        except PytrustError as error:
            self._once(f"denials: {error}")

    def _once(self, text: str) -> None:
        if text not in self._said and len(self._said) < _SAID_MAX:
            self._said.add(text)
            self._say(text)


def open_sources(*, calls: bool, say: Callable[[str], None]) -> list[Source]:
    """All that can be read here; ``say`` is told of each that cannot, and why.

    Args:
        calls: also what plain errors refuse, whatever the engine is; every call of the host takes longer for it.
        say: told in a sentence.
    """
    wanted: list[tuple[Callable[[], Source], str]] = [(AuditSource, _PUNISHED)]
    wanted += [(CallsSource, _ANSWERED)] if calls else []
    found: list[Source] = []
    for source, blind in wanted:
        try:
            found.append(source())
        except PytrustError as error:
            say(f"{error}: {blind} are not seen")
    return found
