"""What is on the engine? Questions put to it, and its answers as facts; nothing is believed about their shape."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

import msgspec

from pytrust.policy.core.facts import Admission, Container, EngineInfo, HeldImage, Missing, Volume
from pytrust.policy.engine import questions
from pytrust.policy.engine.answers import read_any, read_container, read_image, read_info, read_parts, read_volume
from pytrust.policy.engine.words import ANSWER_MAX_BYTES, engine_message, failure
from pytrust.policy.profiles.parts import EngineParts
from pytrust.policy.recent import Recent
from pytrust.trust.errors import BadContent, TooSlow, Unreachable

QUESTION_TIMEOUT: Final = 5.0  # seconds; the engine answers all of these from its own memory
QUESTIONS_MAX: Final = 16  # at once, for all requests together
INFO_AGE: Final = 30.0  # seconds; what kind of engine it is changes when it is restarted
IMAGE_AGE: Final = 10.0  # seconds; content under a digest never changes, but it may be removed
IMAGES_KEPT: Final = 256

T = TypeVar("T")


Ask = Callable[[str], Awaitable[tuple[int, bytes]]]
"""``GET`` of a path on the engine: status and bounded body; raises ``OSError``."""


class Admissions(Protocol):
    """The containers that were let in."""

    async def find(self, container: str, /) -> Admission | None:
        """By full id, once it is decided."""


class EngineFacts:
    """Answers of the engine behind ``ask``.

    Every question raises ``Unreachable`` or ``TooSlow`` where the engine does not answer, ``BadContent`` where the
    answer is none of an engine's, ``InvalidName`` where the name is none, and what ``words.failure`` makes of a
    failure.
    """

    def __init__(self, ask: Ask, admissions: Admissions) -> None:
        self._ask, self._admissions = ask, admissions
        self._slots = asyncio.Semaphore(QUESTIONS_MAX)
        self._info: Recent[str, EngineInfo] = Recent(size=1, age=INFO_AGE)
        self._parts: Recent[str, EngineParts] = Recent(size=1, age=INFO_AGE)
        self._pinned: Recent[str, HeldImage] = Recent(size=IMAGES_KEPT, age=IMAGE_AGE)

    async def image(self, name: str) -> HeldImage | Missing:
        """An image by reference or id; one by digest as it was at most ``IMAGE_AGE`` seconds ago."""
        if (held := self.kept_image(name)) is not None:
            return held
        found = await self._get(questions.image(name), read_image)
        if found is None:
            return Missing()
        return self._pinned.put(name, found, _now()) if "@" in name else found

    def kept_image(self, name: str) -> HeldImage | None:
        """The same, where nobody has to be asked."""
        return self._pinned.get(name, _now())

    async def container(self, name: str) -> Container | Missing:
        """A container by name or id."""
        found = await self._get(questions.container(name), read_container)
        if found is None:
            return Missing()
        return msgspec.structs.replace(found, admission=await self._admissions.find(found.id))

    async def volume(self, name: str) -> Volume | Missing:
        """A volume by name."""
        found = await self._get(questions.volume(name), read_volume)
        if found is None:
            return Missing()
        guarded = await self._get(questions.guards_of(name), read_any)
        return msgspec.structs.replace(found, guarded=guarded is not False)  # no answer is no reason to believe it free

    async def info(self) -> EngineInfo:
        """The engine itself, as it was at most ``INFO_AGE`` seconds ago."""
        if (known := self.kept_info()) is not None:
            return known
        found = await self._get(questions.INFO, read_info)
        if found is None:
            raise BadContent("the engine knows nothing of itself", hint="try: docker info")
        return self._info.put(questions.INFO, found, _now())

    async def parts(self) -> EngineParts:
        """What the engine is made of, as it was at most ``INFO_AGE`` seconds ago."""
        if (known := self.kept_parts()) is not None:
            return known
        version, info = await asyncio.gather(self._get(questions.VERSION, bytes), self._get(questions.INFO, bytes))
        if version is None or info is None:
            raise BadContent("the engine does not say what it is made of", hint="try: docker version")
        return self._parts.put(questions.VERSION, read_parts(version, info), _now())

    def kept_parts(self) -> EngineParts | None:
        """The same, where nobody has to be asked."""
        return self._parts.get(questions.VERSION, _now())

    def kept_info(self) -> EngineInfo | None:
        """The same, where nobody has to be asked."""
        return self._info.get(questions.INFO, _now())

    async def _get(self, path: str, read: Callable[[bytes], T]) -> T | None:
        """The answer, read; None where there is no such thing."""
        try:
            async with asyncio.timeout(QUESTION_TIMEOUT), self._slots:
                status, body = await self._ask(path)
        except TimeoutError as error:
            raise TooSlow(f"the engine does not answer {path} in time", hint="try: docker info") from error
        except OSError as error:
            raise Unreachable(
                f"the engine cannot be asked: {error.strerror or error}", hint="try: docker info"
            ) from error
        if len(body) > ANSWER_MAX_BYTES:
            raise BadContent(f"the engine's answer to {path} is larger than {ANSWER_MAX_BYTES} bytes")
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise failure(status, engine_message(body))
        return read(body)


def _now() -> float:
    return asyncio.get_running_loop().time()
