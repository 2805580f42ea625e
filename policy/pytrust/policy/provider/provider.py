"""Asks the vault on behalf of services. Whatever goes wrong here is an answer without a value, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pytrust.policy.plugin.routes import BAD, OK, Kind, Note, Reply, failure
from pytrust.policy.provider.limits import ANSWER_TIMEOUT, SWARM_VALUE_MAX_BYTES, THREADS
from pytrust.policy.provider.messages import GET, Request, answer, explain, read_request, refusal
from pytrust.policy.refusals import Refusals
from pytrust.trust.errors import BadMetadata, PytrustError, TooSlow, UsageError
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import ServiceCaller
from pytrust.trust.vault.names import parse_secret_name
from pytrust.trust.vault.operations import Get, Value


class Provider:
    """The plugin's answers.

    Args:
        vault: is asked in several threads at once.
        clock: seconds, never going back.
        note: is told of services that got nothing; what was read stands in the vault's audit.
        patience: seconds that the vault has.
    """

    def __init__(
        self, vault: Vaulted, clock: Callable[[], float], note: Note, *, patience: float = ANSWER_TIMEOUT
    ) -> None:
        self._vault, self._clock, self._note, self._patience = vault, clock, note, patience
        self._refusals = Refusals()
        self._threads = ThreadPoolExecutor(THREADS, "vault")

    def kind(self) -> Kind:
        """What dockerd finds."""
        return Kind("secretprovider", {GET: self.answer}, "no new task gets its secrets", self.sweep)

    async def answer(self, body: bytes) -> Reply:
        """The reply to one call."""
        try:
            request = read_request(body)
        except BadMetadata as error:
            self._refuse("dockerd", error.code, f"a call of dockerd was refused: {error}")
            return BAD, failure(str(error))
        try:
            return OK, answer(await self._value(request))
        except PytrustError as error:
            return OK, self._without(request, error.code, explain(request, error))
        except Exception as error:  # noqa: BLE001 - dockerd waits, and whatever went wrong may name a value
            text = f"internal error of pytrust: {type(error).__name__}"
            return OK, self._without(request, "internal", text)

    def sweep(self) -> None:
        """Tell of refusals that were only counted."""
        for line in self._refusals.rest(self._clock()):
            self._note("secret-refused", line)

    def close(self) -> None:
        """No more calls; who waits for the vault waits in vain."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _value(self, request: Request) -> bytes:
        asked = asyncio.get_running_loop().run_in_executor(self._threads, self._get, request)
        try:
            value = await asyncio.wait_for(asked, self._patience)
        except TimeoutError as error:
            text = f"the vault gave no answer within {self._patience:g} seconds"
            raise TooSlow(text, hint="pytrust vault status") from error
        if not 1 <= len(value) <= SWARM_VALUE_MAX_BYTES:
            text = f"{request.wanted} has {len(value)} bytes, and swarm takes 1 to {SWARM_VALUE_MAX_BYTES}"
            raise UsageError(text, hint="split it, or let the service fetch it elsewhere")
        return value

    def _get(self, request: Request) -> bytes:
        get = Get(name=parse_secret_name(request.wanted), purpose=request.purpose)
        found = self._vault.ask(get, caller=ServiceCaller(request.service_name))
        if not isinstance(found, Value):
            raise TypeError("a vault that answers Get with something else")
        return found.value

    def _without(self, request: Request, code: str, text: str) -> bytes:
        who = f"service {request.service_name}, secret {request.secret_name}"
        self._refuse(who, code, f"{request.purpose}, secret {request.secret_name}: {text}")
        return refusal(text)

    def _refuse(self, who: str, code: str, line: str) -> None:
        if told := self._refusals.tell(who, code, line, self._clock()):
            self._note("secret-refused", told)
