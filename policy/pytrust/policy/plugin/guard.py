"""Answers dockerd's calls. Whatever goes wrong here is a no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from pytrust.policy.plugin.messages import ACTIVATE, ACTIVATED, ALLOWED, REQUEST, RESPONSE, failure, read_call, refusal
from pytrust.policy.plugin.verdict import Verdict, judge
from pytrust.policy.plugin.watch import Note
from pytrust.policy.plugin.wire import Message
from pytrust.policy.refusals import Refusals
from pytrust.trust.errors import BadMetadata
from pytrust.trust.pki.clients.standing import ClientTrust

_OK: Final = 200
_NOT_FOUND: Final = 404
_METHOD: Final = 405


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

    def answer(self, message: Message) -> tuple[int, bytes]:
        """Status and body."""
        if message.path not in {ACTIVATE, REQUEST, RESPONSE}:
            return _NOT_FOUND, failure("an authorization plugin knows no such call")
        if message.method != b"POST":
            return _METHOD, failure("calls are made with POST")
        if message.path == ACTIVATE:
            return _OK, ACTIVATED
        return _OK, self._judge(message.body)

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
