"""One connection to somebody who may be hostile: bounded in bytes and in time, TLS fed by hand from memory.

No certificate is verified here, since a doctor looks at bad ones; nothing secret is sent either: the key of a client
certificate signs the handshake, and stays.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, X509Name, dump_certificate

from pytrust.trust.limits import CHUNK_BYTES
from pytrust.trust.pki.probe.ping import PingReader, ping_request
from pytrust.trust.pki.probe.probed import Answer, Ending, Talk, TlsVersion

T = TypeVar("T")

_TALK_MAX_BYTES: Final = 512 * 1024  # a server's hello with a hundred CA names is 20 KiB
_ASKING: Final = b"read server certificate request"  # how OpenSSL calls the state
_VERSIONS: Final = {
    "TLSv1": TlsVersion.TLS_1_0,
    "TLSv1.1": TlsVersion.TLS_1_1,
    "TLSv1.2": TlsVersion.TLS_1_2,
    "TLSv1.3": TlsVersion.TLS_1_3,
}


class Broken(Exception):
    """A talk that ended before its answer."""

    def __init__(self, ending: Ending, text: str) -> None:
        super().__init__(text)
        self.ending = ending


class Wire:
    """A connected socket that gives up at ``end`` (monotonic seconds) and after too many bytes."""

    def __init__(self, connected: socket.socket, end: float) -> None:
        self._socket = connected
        self._end = end
        self._received = 0

    def send(self, data: bytes) -> None:
        """Send all of it; a peer that has gone is noticed at the next ``receive``."""
        self._wait()
        with suppress(OSError):
            self._socket.sendall(data)

    def receive(self) -> bytes:
        """The next bytes; raises ``Broken`` at the end, and when nothing comes in time."""
        self._wait()
        try:
            data = self._socket.recv(CHUNK_BYTES)
        except TimeoutError as error:
            raise Broken(Ending.SILENT, "no answer in time") from error
        except OSError as error:
            raise Broken(Ending.CLOSED, "the connection was reset") from error
        self._received += len(data)
        if not data:
            raise Broken(Ending.CLOSED, "the connection was closed")
        if self._received > _TALK_MAX_BYTES:
            raise Broken(Ending.GARBLED, f"more than {_TALK_MAX_BYTES} bytes came")
        return data

    def _wait(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise Broken(Ending.SILENT, "no answer in time")
        self._socket.settimeout(left)


@dataclass(slots=True)
class _Tls:
    """TLS over a wire: every step is tried until it no longer wants bytes."""

    wire: Wire
    connection: SSL.Connection
    states: set[bytes]

    @property
    def asked(self) -> bool:
        return any(_ASKING in state for state in self.states)

    def run(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except SSL.WantReadError:
                self._flush()
                self.connection.bio_write(self.wire.receive())
            except SSL.Error as error:
                raise _broken(error) from error
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        with suppress(SSL.WantReadError):
            while True:
                self.wire.send(self.connection.bio_read(CHUNK_BYTES))


def talk(wire: Wire, context: SSL.Context, server_name: str, host: str, *, ping: bool) -> Talk:
    """Shake hands, and ask for ``/_ping`` where ``ping``; never raises for what the peer does.

    ``server_name`` is for SNI, empty where an address is dialled (RFC 6066, 3); ``host`` for the Host header. The
    information callback of ``context`` is taken.
    """
    states: set[bytes] = set()
    context.set_info_callback(lambda connection, _where, _result: states.add(connection.get_state_string()))
    tls = _Tls(wire, SSL.Connection(context, None), states)
    tls.connection.set_connect_state()
    if server_name:
        tls.connection.set_tlsext_host_name(server_name.encode("ascii"))
    try:
        tls.run(tls.connection.do_handshake)
        answer = _ping(tls, host) if ping else None
    except Broken as broken:
        return _talk(tls, broken.ending, str(broken))
    return _talk(tls, Ending.ANSWERED, answer=answer)


def plain_ping(wire: Wire, host: str) -> Answer | None:
    """Ask for ``/_ping`` without TLS; None where no HTTP answer came."""
    try:
        wire.send(ping_request(host))
        return _read_answer(wire.receive)
    except Broken:
        return None


def _ping(tls: _Tls, host: str) -> Answer:
    tls.run(lambda: tls.connection.sendall(ping_request(host)))
    return _read_answer(lambda: tls.run(lambda: tls.connection.recv(CHUNK_BYTES)))


def _read_answer(receive: Callable[[], bytes]) -> Answer:
    reader = PingReader()
    try:
        while reader.answer is None:
            reader.feed(receive())
    except ValueError as error:
        raise Broken(Ending.GARBLED, str(error)) from error
    except Broken:
        if (answer := reader.at_end()) is None:
            raise
        return answer
    return reader.answer


def _broken(error: SSL.Error) -> Broken:
    if isinstance(error, SSL.ZeroReturnError | SSL.SysCallError):
        return Broken(Ending.CLOSED, "the connection was closed")
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    text = reasons[-1][2] if reasons else "tls failed"
    return Broken(Ending.ALERT if " alert " in text else Ending.GARBLED, text)


def _talk(tls: _Tls, ending: Ending, broke: str = "", answer: Answer | None = None) -> Talk:
    chain = tls.connection.get_peer_cert_chain() or ()
    names = tls.connection.get_client_ca_list()
    return Talk(
        ending=ending,
        version=_VERSIONS.get(tls.connection.get_protocol_version_name()) if chain else None,
        chain=tuple(dump_certificate(FILETYPE_ASN1, certificate) for certificate in chain),
        asked=tls.asked,
        accepted=tuple(name.der() for name in names),
        accepted_labels=tuple(map(_label, names)),
        answer=answer,
        broke=broke,
    )


def _label(name: X509Name) -> str:
    parts = name.get_components()
    common = [value for kind, value in parts if kind == b"CN"] or [value for _, value in parts]
    return (common[0] if common else b"without a name").decode("utf-8", "replace")
