"""TLS between a client's TCP connection and the proxy: records in, bytes out, each direction ended by itself.

asyncio's own TLS ends both directions when one is closed, so that ``docker run -i`` would lose what a container says
after its input ended. OpenSSL itself can go on (SSL_shutdown(3)), so here an ``SSLObject`` works between two memory
buffers. What stands above sees a transport like that of a unix socket; below, a truncated stream is not a closed one.

    TCP connected ──handshake──> open ──close_notify, either way──> half closed ──> closed
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from pytrust.policy.proxy.limits import HANDSHAKE_TIMEOUT

_READ_BYTES: Final = 16 * 1024  # of one record, which is all that one call to OpenSSL gives


class Guest(Protocol):
    """Who is behind the TLS: an ``asyncio.Protocol`` that is told who its peer is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is connected; nothing may be written yet."""

    def introduced(self, leaf: bytes) -> None:
        """The handshake is over, the peer has proved to hold the key of ``leaf`` (DER)."""

    def data_received(self, data: bytes) -> None:
        """Bytes, after ``introduced``."""

    def eof_received(self) -> bool | None:
        """The peer has closed its direction."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""

    def pause_writing(self) -> None:
        """The peer does not keep up."""

    def resume_writing(self) -> None:
        """The peer has kept up."""


class TlsTransport:
    """What a ``Guest`` writes to; the part of ``asyncio.Transport`` that the proxy uses."""

    __slots__ = ("_closing", "_object", "_outgoing", "_raw", "_shut")

    def __init__(self, raw: asyncio.Transport, tls: ssl.SSLObject, outgoing: ssl.MemoryBIO) -> None:
        self._raw, self._object, self._outgoing = raw, tls, outgoing
        self._closing = self._shut = False

    def write(self, data: bytes) -> None:
        """Send, in records; raises nothing, as a connection that broke is told of by ``connection_lost``."""
        if self._shut or self._raw.is_closing():
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._object.write(rest) :]
        except ssl.SSLError:
            self.abort()
        else:
            self.flush()

    def write_eof(self) -> None:
        """Close our direction: a close_notify alert; the peer's may go on."""
        if not self._shut:
            self._shut = True
            with suppress(ssl.SSLError):  # "want read": the peer has not closed its direction yet
                self._object.unwrap()
            self.flush()

    def flush(self) -> None:
        """Hand over what OpenSSL wants to say."""
        if self._outgoing.pending and not self._raw.is_closing():
            self._raw.write(self._outgoing.read())

    def close(self) -> None:
        """Close both directions, once what was written is sent."""
        self._closing = True
        self.write_eof()
        self._raw.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._closing = True
        self._raw.abort()

    def is_closing(self) -> bool:
        """Whether the end has begun."""
        return self._closing or self._raw.is_closing()

    def pause_reading(self) -> None:
        """Let the peer wait; what has arrived already is still delivered."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._raw.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As of the TCP connection."""
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Bytes that are not sent yet."""
        return self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: object = None) -> Any:  # noqa: ANN401 - as asyncio has it
        """As of the TCP connection."""
        return self._raw.get_extra_info(name, default)


class TlsLayer(asyncio.Protocol):
    """One TCP connection of a TLS listener.

    Args:
        guest: told of everything above TLS.
        context: the certificate to show and the authorities to ask for, as of now.
        refused: told why a handshake failed, and of which peer.
    """

    def __init__(
        self, guest: Guest, context: Callable[[], ssl.SSLContext], refused: Callable[[str, str], None]
    ) -> None:
        self._guest, self._refused = guest, refused
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context().wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._transport: TlsTransport
        self._timer: asyncio.TimerHandle | None = None
        self._open = self._ended = self._slow = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is connected: the guest is counted from now on, the handshake has its time."""
        raw = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._transport = TlsTransport(raw, self._object, self._outgoing)
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT, self._too_late)
        self._guest.connection_made(cast(asyncio.Transport, self._transport))

    def data_received(self, data: bytes) -> None:
        """Records, or pieces of them."""
        self._incoming.write(data)
        if not self._open and not self._shake_hands():
            return
        self._read()
        if self._outgoing.pending and self._slow:  # answers to key updates, which nobody reads, would pile up
            self._transport.abort()
        self._transport.flush()

    def eof_received(self) -> bool:
        """TCP's end; without TLS's own before it, somebody cut the stream."""
        if not self._ended:
            self._transport.abort()
        return self._ended

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        if self._timer is not None:
            self._timer.cancel()
        self._guest.connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not keep up."""
        self._slow = True
        self._guest.pause_writing()

    def resume_writing(self) -> None:
        """The peer has kept up."""
        self._slow = False
        self._guest.resume_writing()

    def _shake_hands(self) -> bool:
        """Whether the handshake is over, for good."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._transport.flush()
            return False
        except ssl.SSLError as error:
            self._fail(error)
            return False
        if self._timer is not None:
            self._timer.cancel()
        self._transport.flush()
        self._guest.introduced(self._object.getpeercert(binary_form=True) or b"")
        self._open = True  # not before: whoever was not introduced is not heard
        return True

    def _read(self) -> None:
        """Pass on what is complete."""
        pieces: list[bytes] = []
        ended = self._decrypt(pieces)
        if pieces and not self._transport.is_closing():
            self._guest.data_received(b"".join(pieces))
        if ended and not self._transport.is_closing():
            self._end()

    def _decrypt(self, pieces: list[bytes]) -> bool:
        """Collect all that has arrived; whether the peer has closed its direction behind it.

        All of it, before the guest may close its own: OpenSSL fails for good where that is done over unread records.
        """
        try:
            while data := self._object.read(_READ_BYTES):
                pieces.append(data)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLError:  # a record that is none: nothing more of this peer is believed
            self._transport.abort()
            return False
        return True

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            if not self._guest.eof_received():
                self._transport.close()

    def _fail(self, error: ssl.SSLError) -> None:
        """Say the alert that OpenSSL prepared, and hang up."""
        self._refused(_why(error), _peer(self._transport))
        self._transport.flush()
        self._transport.close()

    def _too_late(self) -> None:
        self._refused("the TLS handshake took too long", _peer(self._transport))
        self._transport.abort()


def _why(error: ssl.SSLError) -> str:
    """A few words: what OpenSSL found wrong with the peer's certificate, or with what it said."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    return f"TLS failed: {(error.reason or 'no reason').lower().replace('_', ' ')}"


def _peer(transport: TlsTransport) -> str:
    peer = transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if peer else "unknown"
