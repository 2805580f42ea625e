"""Answers dockerd's calls. Whatever goes wrong here is a no."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from pytrust.policy.plugin.messages import ALLOWED, REQUEST, RESPONSE, failure, read_call, refusal
from pytrust.policy.plugin.routes import OK, Kind, Note, Reply
from pytrust.policy.plugin.verdict import Verdict, judge
from pytrust.policy.refusals import Refusals
from pytrust.trust.errors import BadMetadata
from pytrust.trust.pki.clients.standing import ClientTrust


class Guard:
    """The plugin's answers.

    Args:
        trust: gives CAs and lists as they are now.
        now: the clock that certificates are judged by.
        clock: seconds, never going back.
        note: is told of refusals.
    """

    def __init__(
        self, trust: Callable[[], ClientTrust], now: Callable[[], datetime], clock: Callable[[], float], note: Note
    ) -> None:
        self._trust, self._now, self._clock, self._note = trust, now, clock, note
        self._refusals = Refusals()

    def kind(self, look: Callable[[bool], Awaitable[None]]) -> Kind:
        """What dockerd finds; ``look`` sees to the files behind ``trust``."""
        calls = {REQUEST: self.answer, RESPONSE: self.answer}
        return Kind("authz", calls, "the engine refuses every call", self.sweep, look)

    def answer(self, body: bytes) -> Reply:
        """The reply to a call, before the engine does something as after it."""
        return OK, self._judge(body)

    def sweep(self) -> None:
        """Tell of refusals that were only counted."""
        for line in self._refusals.rest(self._clock()):
            self._note("call-refused", line)

    def _judge(self, body: bytes) -> bytes:
        try:
            call = read_call(body)
            verdict = judge(call, self._trust(), self._now())
        except BadMetadata as error:
            self._refuse(Verdict("dockerd", "malformed", str(error)), "a call")
            return failure(str(error))
        except Exception as error:  # noqa: BLE001 - dockerd waits, and only an answer that says no is a safe one
            self._refuse(Verdict("dockerd", "internal", f"internal: {type(error).__name__}"), "a call")
            return failure("internal error of the plugin: see its log")
        if verdict.allowed:
            return ALLOWED
        self._refuse(verdict, call.thing)
        return refusal(verdict.text)

    def _refuse(self, verdict: Verdict, thing: str) -> None:
        line = f"{verdict.who}: {thing} refused: {verdict.text}"
        if told := self._refusals.tell(verdict.who, verdict.code, line, self._clock()):
            self._note("call-refused", told)
