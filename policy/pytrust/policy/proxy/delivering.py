"""Secrets of containers over their lives: a folder before they are made, values while they run, nothing afterwards.

    create ──> folder, empty ──> engine makes it ──> let in
    start ───> values of this moment ──> engine starts it ──(ends, for good)──> folder, empty
    remove ──> no folder

Who starts a container and who sees it end take turns, container by container, so that no value is taken from one that
is just started. What this process did not see, because it was not there or the engine was not, is made good when the
engine's events are heard again, and at the next start. Folders that belong to nobody are removed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final
from weakref import WeakValueDictionary

from pytrust.policy.admissions import Admissions
from pytrust.policy.core.facts import Delivery
from pytrust.policy.courier import Courier, token_of
from pytrust.policy.engine import questions
from pytrust.policy.engine.answers import Users, read_present, read_standing, read_users
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.proxy.answers import EngineFailed, Reply
from pytrust.policy.proxy.endings import Endings
from pytrust.policy.proxy.upstream import Engines
from pytrust.trust.errors import PytrustError

RETRY_SECONDS: Final = 1.0  # until an engine that went away is asked for its events again
_OK: Final = 200
_NOT_FOUND: Final = 404
_STARTED: Final = frozenset({204, 304})

Send = Callable[[], Awaitable[Reply]]
"""Sends a request on to the engine; raises ``EngineFailed``."""


class Delivering:
    """The secrets of all containers behind one engine."""

    def __init__(self, engines: Engines, admissions: Admissions, courier: Courier, say: Callable[[str], None]) -> None:
        self._engines, self._admissions, self._courier, self._say = engines, admissions, courier, say
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._fresh: set[str] = set()
        self._watch: asyncio.Task[None] | None = None
        self._looks: set[asyncio.Task[None]] = set()
        self._users: Users | None = None  # an engine that counts otherwise was started anew, and its events broke off
        self._told = ""

    async def begin(self) -> None:
        """Clear away what was left behind; then watch, where there is anything to be watched."""
        try:
            if not self._courier.deliveries.tidy() and not self._admissions.deliveries():
                return
            self._remove_unknown()
            await self._sweep()
        except (EngineFailed, PytrustError) as error:
            self._tell(f"warning: secrets of an earlier time may still lie where they were: {error}")
        self._watched()

    async def end(self) -> None:
        """Look a last time, and watch no longer; containers that run keep what they have."""
        if self._watch is None:
            return
        for task in (self._watch, *self._looks):
            task.cancel()
        with suppress(EngineFailed, PytrustError):
            await self._sweep()

    async def prepare(self, delivery: Delivery) -> None:
        """The folder of a container that is about to be made, which ``settled`` or ``discard`` has to follow.

        Raises:
            EngineFailed: the engine does not say how it counts users.
            PytrustError: no folder can be made.
        """
        self._watched()
        self._fresh.add(token_of(delivery))
        try:
            self._courier.prepare(delivery, await self._find_users())
        except BaseException:
            self._fresh.discard(token_of(delivery))
            raise

    def settled(self, delivery: Delivery) -> None:
        """Its container was let in."""
        self._fresh.discard(token_of(delivery))

    def discard(self, delivery: Delivery) -> None:
        """There is no such container, or no more."""
        self._fresh.discard(token_of(delivery))
        try:
            self._courier.deliveries.remove(token_of(delivery))
        except PytrustError as error:
            self._say(f"error: secrets that nobody needs stay where they are: {error}")

    async def start(self, container: str, delivery: Delivery, send: Send) -> Reply:
        """Put the values where the container finds them, and have it started; gives the engine's answer.

        Raises:
            EngineFailed: the engine does not answer.
            PytrustError: the values cannot be had; nothing was started.
        """
        self._watched()
        async with self._turn(container):
            started = False
            try:
                await self._courier.fill(container, delivery, await self._find_users())
                reply = await send()
                started = reply.status in _STARTED
            finally:
                if not started:
                    with suppress(EngineFailed, PytrustError):  # a sweep follows when the engine is back
                        await self._look(container, delivery)
        return reply

    async def _look(self, container: str, delivery: Delivery) -> None:
        """Take the values away unless the container runs; with its turn held. Raises ``EngineFailed``."""
        answer, body = await self._engines.ask(serialise_head("GET", questions.container(container), [], b""))
        if answer.status == _NOT_FOUND:
            self.discard(delivery)
        elif answer.status != _OK:
            raise EngineFailed(f"it does not tell how {container[:12]} is: {answer.status}")
        elif not read_standing(body):
            self._empty(delivery)

    def _empty(self, delivery: Delivery) -> None:
        try:
            self._courier.deliveries.empty(token_of(delivery))
        except PytrustError as error:
            self._say(f"error: secrets of a container that ended stay where they are: {error}")

    async def _look_in_turn(self, container: str) -> None:
        admission = self._admissions.find(container)
        if admission and admission.delivery:
            async with self._turn(container):
                await self._look(container, admission.delivery)

    async def _look_until_seen(self, container: str) -> None:
        """After an event; an engine that does not answer is asked again."""
        while True:
            try:
                return await self._look_in_turn(container)
            except EngineFailed:
                await asyncio.sleep(RETRY_SECONDS)
            except PytrustError as error:
                return self._say(f"error: {container[:12]} ended, and may have left secrets: {error}")

    # watching

    def _watched(self) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._watch_always())

    async def _watch_always(self) -> None:
        while True:
            try:
                await self._listen()
            except EngineFailed:
                pass  # whoever asks for anything is told
            except PytrustError as error:
                self._tell(f"error: secrets of containers that ended may still lie where they were: {error}")
            except Exception as error:  # noqa: BLE001 - whatever it is, containers go on to end
                self._say(f"error: internal: {type(error).__name__} while watching containers")
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        stream = await Endings.open(self._engines)
        self._users = None
        try:
            await self._sweep()
            async for container in stream:
                task = asyncio.get_running_loop().create_task(self._look_until_seen(container))
                self._looks.add(task)
                task.add_done_callback(self._looks.discard)
        finally:
            stream.close()

    async def _sweep(self) -> None:
        """Look at every container that has values, or should have a folder; raises ``EngineFailed``."""
        deliveries = self._admissions.deliveries()  # first: whatever is among them was made before the list
        present = await self._find_present(deliveries)
        failures = [await self._sweep_one(each, delivery, present) for each, delivery in deliveries.items()]
        self._remove_unknown()
        if failed := next(filter(None, failures), None):
            raise failed

    async def _find_present(self, containers: Iterable[str]) -> Mapping[str, bool]:
        """See ``read_present``; one by one where the list cannot be read: its length is in the hands of clients."""
        with suppress(EngineFailed):  # where the engine is away, the first of them says so
            answer, body = await self._engines.ask(serialise_head("GET", questions.CONTAINERS, [], b""))
            if answer.status == _OK:
                return read_present(body)
        found = {container: await self._find_standing(container) for container in containers}
        return {container: stands for container, stands in found.items() if stands is not None}

    async def _find_standing(self, container: str) -> bool | None:
        """None where it is gone."""
        answer, body = await self._engines.ask(serialise_head("GET", questions.container(container), [], b""))
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise EngineFailed(f"it does not describe {container[:12]}: {answer.status}")
        return read_standing(body)

    async def _sweep_one(self, container: str, delivery: Delivery, present: Mapping[str, bool]) -> EngineFailed | None:
        """Whatever the engine says of one, the others are looked at."""
        token, deliveries = token_of(delivery), self._courier.deliveries
        try:
            if container not in present:
                self.discard(delivery)
            elif not present[container] and deliveries.filled(token):
                await self._look_in_turn(container)
            elif not present[container] and token not in deliveries.tokens():  # somebody may start it
                self._courier.prepare(delivery, await self._find_users())
        except EngineFailed as error:
            return error
        return None

    def _remove_unknown(self) -> None:
        deliveries = self._courier.deliveries
        known = {token_of(delivery) for delivery in self._admissions.deliveries().values()}
        for token in deliveries.tokens() - known - self._fresh:
            deliveries.remove(token)

    async def _find_users(self) -> Users:
        if self._users is None:
            answer, body = await self._engines.ask(serialise_head("GET", questions.INFO, [], b""))
            if answer.status != _OK:
                raise EngineFailed(f"it does not tell about itself: {answer.status}")
            self._users = read_users(body)
        return self._users

    def _tell(self, text: str) -> None:
        """Once, however often it is tried."""
        if text != self._told:
            self._told = text
            self._say(text)

    def _turn(self, container: str) -> asyncio.Lock:
        return self._turns.setdefault(container, asyncio.Lock())
