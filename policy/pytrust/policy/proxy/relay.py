"""Passing one answer of the engine on to a client, piece by piece, as it comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from pytrust.policy.proxy.answers import Answer, EngineFailed, Framing
from pytrust.policy.proxy.connection import EngineConnection
from pytrust.policy.proxy.tunnel import Tunnel
from pytrust.policy.proxy.words import LAST_CHUNK, head, switching

if TYPE_CHECKING:
    from pytrust.policy.proxy.client import Client

_ERROR: Final = b'"errorDetail"'  # in a line of progress; within a text its quotes would be escaped

Finish = Callable[[bool], Awaitable[bytes]]
"""Work between the last piece of a chunked answer and its end; is told whether the engine reported an error in the
stream, and gives what is still to be said."""


class Relay:
    """A sink for one answer.

    Args:
        client: who asked.
        connection: where the answer comes from; it is given back at the end.
        close: the client's connection ends with this answer.
        wants_switch: the client itself asked for the 101.
        finish: see ``Finish``.
    """

    __slots__ = (
        "_begun",
        "_client",
        "_close",
        "_connection",
        "_erred",
        "_finish",
        "_how",
        "_out",
        "_tail",
        "_wants_switch",
    )

    def __init__(
        self,
        client: Client,
        connection: EngineConnection,
        *,
        close: bool,
        wants_switch: bool = False,
        finish: Finish | None = None,
    ) -> None:
        self._client = client
        self._connection: EngineConnection | None = connection
        self._close, self._wants_switch, self._finish = close, wants_switch, finish
        self._how: Framing | None = None
        self._begun = self._erred = False
        self._out: list[bytes] = []
        self._tail = b""

    def answered(self, answer: Answer) -> None:
        """Send the head."""
        self._how = answer.framing
        self._close = self._close or self._how is Framing.CLOSE
        if self._finish is not None and not (answer.status == 200 and self._how is Framing.CHUNKED):  # noqa: PLR2004
            self._finish = None
        self._out.append(head(answer, close=self._close))

    def body(self, data: bytes) -> None:
        """Send a piece, as a chunk of its own where the answer is chunked."""
        if self._finish is not None:
            self._look_for_error(data)
        if self._how is Framing.CHUNKED:
            self._out += (b"%x\r\n" % len(data), data, b"\r\n")
        elif self._how is not Framing.NONE:
            self._out.append(data)

    def ended(self) -> None:
        """Send the end, and take the next request."""
        if self._finish is None and self._how is Framing.CHUNKED:
            self._out.append(LAST_CHUNK)
        self.flush()
        self._give_back()
        if self._finish is not None:
            self._client.spawn(self._wind_up(self._finish))
        else:
            self._client.done(close=self._close)

    def switched(self, answer: Answer, connection: EngineConnection, rest: bytes) -> None:
        """From here on, bytes."""
        self._client.write(switching(answer, asked=self._wants_switch))
        self._client.become(Tunnel(self._client.transport, connection), rest)

    def failed(self, error: EngineFailed) -> None:
        """A whole answer says so if none has begun; else the client sees its answer cut short."""
        if not self._begun:
            self._client.refuse(502, f"pytrust: the engine failed: {error}")
        else:
            self._client.abort()

    def flush(self) -> None:
        """Hand over what has gathered."""
        if self._out:
            self._begun = True
            self._client.write(b"".join(self._out))
            self._out.clear()

    def pause(self, slow: bool) -> None:
        """The client does not keep up, or has kept up."""
        if self._connection is None or self._connection.closed:
            return
        if slow:
            self._connection.transport.pause_reading()
        else:
            self._connection.transport.resume_reading()

    def cancel(self) -> None:
        """The client has gone: hang up, which ends pulls and streams at the engine too."""
        if self._connection is not None:
            self._connection.abort()

    def _look_for_error(self, data: bytes) -> None:
        """Pieces end anywhere, also in the middle of the word."""
        seen = self._tail + data
        self._erred = self._erred or _ERROR in seen
        self._tail = seen[-len(_ERROR) :]

    def _give_back(self) -> None:
        """From now on the connection serves others: it must not stop because this client is slow, or end with it."""
        self.pause(False)
        connection, self._connection = self._connection, None
        if connection is not None:
            self._client.engines.release(connection)

    async def _wind_up(self, finish: Finish) -> None:
        more = await finish(self._erred)
        if more:
            self._out += (b"%x\r\n" % len(more), more, b"\r\n")
        self._out.append(LAST_CHUNK)
        self.flush()
        self._client.done(close=self._close)
