"""Answers to the core's questions, all at once, in bounded time; a failure is an answer, too.

answer(queries) ─┬─ TrustQuery ──────────────────────> trust_facts (threads, one verification a collection)
                 ├─ Image-, Container-, VolumeQuery,
                 │  EngineQuery ─────────────────────> engine_facts (the engine's API)
                 ├─ PathQuery ───────────────────────> host (a thread)
                 ├─ SecretsQuery ────────────────────> secret_facts (threads; the vault)
                 ├─ ProfileQuery ────────────────────> profile_facts (trust_facts, and what the engine is made of)
                 ├─ ScanQuery ───────────────────────> scan_facts (the same)
                 └─ ExecQuery ───────────────────────> execs
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, assert_never

from pytrust.policy.core.facts import (
    ContainerQuery,
    EngineQuery,
    ExecQuery,
    Fact,
    ImageQuery,
    Missing,
    NotDeliverable,
    PathQuery,
    ProfileQuery,
    Query,
    ScanQuery,
    SecretsQuery,
    TrustQuery,
    Unavailable,
    VolumeQuery,
)
from pytrust.policy.engine.words import one_line
from pytrust.policy.engine_facts import Admissions, Ask, EngineFacts
from pytrust.policy.execs import Execs
from pytrust.policy.host import look_up
from pytrust.policy.profile_facts import ProfileFacts
from pytrust.policy.scan_facts import ScanFacts
from pytrust.policy.secret_facts import SecretFacts
from pytrust.policy.threads import Threads
from pytrust.policy.trust_facts import TrustFacts
from pytrust.trust.errors import PytrustError
from pytrust.trust.limits import DEADLINE

QUERIES_MAX: Final = 512  # of one request; an honest one raises a few dozen
PATHS_AT_ONCE: Final = 4  # threads that a dead network drive can hold

_TOO_MANY = Unavailable(
    code="too-many", why=f"the request raises more than {QUERIES_MAX} questions", hint="ask for less in one request"
)
_FAR = NotDeliverable(
    code="engine-elsewhere",
    why="the engine is behind a port, perhaps on another host, where secrets cannot be put",
    hint="let the proxy speak to the engine's unix socket: pytrust proxy --engine unix:///var/run/docker.sock",
)
_TOO_SLOW = Unavailable(code="too-slow", why=f"no answer within {DEADLINE:g} s", hint="try again")


class Gatherer:
    """Finds things out; ``guarded`` are absolute paths on this host, see ``host.look_up``.

    ``secrets`` stays None where the engine is not on this host, and so cannot be given any; ``profiles`` is told there
    how AppArmor profiles are loaded, and which floors were measured.
    """

    def __init__(
        self,
        ask: Ask,
        trust: TrustFacts,
        admissions: Admissions,
        execs: Execs,
        guarded: Sequence[str | os.PathLike[str]],
    ) -> None:
        self.secrets: SecretFacts | None = None
        self._engine = EngineFacts(ask, admissions)
        self._trust, self._execs = trust, execs
        self.profiles = ProfileFacts(trust, self._engine)
        self._scans = ScanFacts(trust, self._engine)
        self._guarded = [os.path.abspath(place) for place in guarded]  # noqa: PTH100 - links are the answer's business
        self._paths = Threads(PATHS_AT_ONCE)

    async def answer(self, queries: Iterable[Query]) -> dict[Query, Fact]:
        """One fact for each query, within ``DEADLINE`` seconds."""
        wanted = set(queries)
        if not 0 < len(wanted) <= QUERIES_MAX:
            return dict.fromkeys(wanted, _TOO_MANY)
        known = {query: fact for query in wanted if (fact := self._at_once(query)) is not None}
        return known | await self._look_up(wanted - known.keys())

    async def _look_up(self, wanted: set[Query]) -> dict[Query, Fact]:
        if not wanted:
            return {}
        tasks = {query: asyncio.create_task(self._answer(query)) for query in wanted}
        try:
            done, _ = await asyncio.wait(tasks.values(), timeout=DEADLINE)
        finally:
            for task in tasks.values():
                task.cancel()
        return {query: task.result() if task in done else _TOO_SLOW for query, task in tasks.items()}

    def _at_once(self, query: Query) -> Fact | None:
        """What is known already; None where it has to be looked up."""
        match query:
            case TrustQuery():
                return self._trust.at_once(query)
            case ImageQuery(name=name):
                return self._engine.kept_image(name)
            case EngineQuery():
                return self._engine.kept_info()
            case ProfileQuery():
                return self.profiles.at_once(query)
            case ScanQuery():
                return self._scans.at_once(query)
            case _:
                return None

    async def _answer(self, query: Query) -> Fact:
        try:
            return await self._find_out(query)
        except PytrustError as error:
            return Unavailable(code=error.code, why=one_line(str(error)), hint=error.hint)
        except Exception as error:  # noqa: BLE001 - whatever breaks, there is a decision; the text may hold anything
            return Unavailable(code="internal", why=f"{type(error).__name__} while finding it out", hint="report it")

    async def _find_out(self, query: Query) -> Fact:  # noqa: C901 - one line for each member of the union
        fact: Fact
        match query:
            case TrustQuery():
                fact = await self._trust.answer(query)
            case ImageQuery(name=name):
                fact = await self._engine.image(name)
            case ContainerQuery(name=name):
                fact = await self._engine.container(name)
            case VolumeQuery(name=name):
                fact = await self._engine.volume(name)
            case EngineQuery():
                fact = await self._engine.info()
            case PathQuery(path=path):
                fact = await self._paths.run(partial(look_up, path, self._guarded))
            case SecretsQuery():
                fact = await self.secrets.answer(query) if self.secrets else _FAR
            case ProfileQuery():
                fact = await self.profiles.answer(query)
            case ScanQuery():
                fact = await self._scans.answer(query)
            case ExecQuery(exec_id=exec_id):
                fact = self._execs.find(exec_id) or Missing()
            case _:
                assert_never(query)
        return fact
