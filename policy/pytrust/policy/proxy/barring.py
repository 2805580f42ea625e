"""What becomes of a client whose certificate counts no more: it is told so, cut off, and written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytrust.policy.engine.wire import RequestHead
from pytrust.policy.proxy.headers import path_of
from pytrust.policy.proxy.judge import Judge
from pytrust.policy.refusals import Refusals
from pytrust.trust.errors import PytrustError
from pytrust.trust.pki.clients.standing import Bad

if TYPE_CHECKING:
    from pytrust.policy.proxy.client import Client


class Barring:
    """Keeps such clients out.

    Args:
        judge: has the journal.
        say: tells the operator what could not be written there.
    """

    def __init__(self, judge: Judge, say: Callable[[str], None]) -> None:
        self._judge, self._say = judge, say
        self._refusals = Refusals()

    async def refuse(self, client: Client, head: RequestHead, bad: Bad) -> None:
        """Answer a request; raises ``PytrustError`` where that cannot be written down."""
        line = f"{client.caller}: {head.method} {path_of(head.target)} refused: {bad.text}"
        if told := self._refusals.tell(str(client.credentials), bad.code, line, asyncio.get_running_loop().time()):
            self._judge.note("identity-refused", told)
        hint = f" (hint: {bad.hint})" if bad.hint else ""
        client.refuse(403, f"pytrust: {bad.text}{hint}")

    def cut(self, client: Client, bad: Bad) -> None:
        """End its streams."""
        client.abort()
        self._note("stream-cut", f"{client.caller}: {bad.text}")

    def sweep(self) -> None:
        """Tell of refusals that were only counted."""
        for line in self._refusals.rest(asyncio.get_running_loop().time()):
            self._note("identity-refused", line)

    def _note(self, what: str, text: str) -> None:
        """Write down what nobody waits for."""
        try:
            self._judge.note(what, text)
        except PytrustError as error:
            self._say(f"error: {error}")
