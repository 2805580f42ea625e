"""The TLS layer between an in-memory peer (OpenSSL's client) and a guest that writes down what it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import NameOID
from tests.fakes.transport import FakeTransport

from pytrust.policy.proxy import tls as tls_room
from pytrust.policy.proxy.context import make_context
from pytrust.policy.proxy.tls import TlsLayer, TlsTransport

LARGE = b"x" * 300_000


class Told:
    """A guest that remembers."""

    def __init__(self, *, stays: bool = True) -> None:
        self.transport: TlsTransport
        self.heard = bytearray()
        self.leaf: bytes | None = None
        self.events: list[str] = []
        self._stays = stays

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(Any, transport)

    def introduced(self, leaf: bytes) -> None:
        self.leaf = leaf

    def data_received(self, data: bytes) -> None:
        assert self.leaf is not None
        self.heard += data

    def eof_received(self) -> bool:
        self.events.append("eof")
        return self._stays

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")

    def pause_writing(self) -> None:
        self.events.append("slow")

    def resume_writing(self) -> None:
        self.events.append("kept up")


class Peer:
    """A client in memory."""

    def __init__(self, layer: TlsLayer, raw: FakeTransport, context: ssl.SSLContext) -> None:
        self.layer, self.raw = layer, raw
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self._in, self._out, server_side=False, server_hostname="engine.test")

    def exchange(self) -> None:
        """Carry what is under way in both directions."""
        self._in.write(bytes(self.raw.sent))
        self.raw.sent.clear()
        while data := self._out.read(1000):
            self.layer.data_received(data)
            self._in.write(bytes(self.raw.sent))
            self.raw.sent.clear()

    def take(self) -> bytes:
        """What it has to say, which then is not sent."""
        return self._out.read()

    def shake_hands(self) -> None:
        for _ in range(4):
            with suppress(ssl.SSLWantReadError):
                self.object.do_handshake()
            self.exchange()

    def send(self, data: bytes) -> None:
        self.object.write(data)
        self.exchange()

    def read(self) -> bytes:
        """All there is; ends with ``<end>`` where the other side has closed its direction."""
        self.exchange()
        pieces = []
        with suppress(ssl.SSLWantReadError):
            try:
                while piece := self.object.read(65536):
                    pieces.append(piece)
                pieces.append(b"<end>")
            except ssl.SSLZeroReturnError:
                pieces.append(b"<end>")
        return b"".join(pieces)

    def close_direction(self) -> None:
        with suppress(ssl.SSLWantReadError):
            self.object.unwrap()
        self.exchange()


class Pair:
    """Two certificates of one authority, and contexts for both sides."""

    def __init__(self) -> None:
        key = generate_private_key(SECP256R1())
        self.ca = _certificate("ca", key, "ca", key)
        self.server, self.server_key = self._leaf("engine.test", key)
        self.client, self.client_key = self._leaf("alice", key)

    def _leaf(self, name: str, ca_key: EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
        key = generate_private_key(SECP256R1())
        return _certificate(name, key, "ca", ca_key), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def _certificate(name: str, key: EllipticCurvePrivateKey, issuer: str, issuer_key: EllipticCurvePrivateKey) -> bytes:
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    chosen: ssl.TLSVersion = request.param
    return chosen


@pytest.fixture
def client_context(version: ssl.TLSVersion, pair: Pair, tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pair.ca.decode())
    context.minimum_version = context.maximum_version = version
    (tmp_path / "both.pem").write_bytes(pair.client + pair.client_key)
    context.load_cert_chain(tmp_path / "both.pem")
    return context


class Scene:
    """One connection."""

    def __init__(
        self, pair: Pair, context: ssl.SSLContext, guest: Told, *, served: ssl.SSLContext | None = None
    ) -> None:
        self.guest, self.raw, self.refusals = guest, FakeTransport(), list[tuple[str, str]]()
        self.served = served or make_context(pair.server, pair.server_key, pair.ca)
        self.layer = TlsLayer(guest, lambda: self.served, lambda *words: self.refusals.append(words))
        self.peer = Peer(self.layer, self.raw, context)
        self.layer.connection_made(cast(Any, self.raw))


def played(play: Callable[[], None]) -> None:
    """The layer needs a running loop for its timer."""

    async def inside() -> None:
        play()

    asyncio.run(inside())


def test_a_client_is_introduced_and_heard(pair: Pair, client_context: ssl.SSLContext) -> None:
    def play() -> None:
        scene = Scene(pair, client_context, Told())
        scene.peer.shake_hands()
        scene.peer.send(LARGE)
        assert scene.guest.leaf == x509.load_pem_x509_certificate(pair.client).public_bytes(serialization.Encoding.DER)
        assert scene.guest.heard == LARGE
        scene.guest.transport.write(LARGE)
        assert scene.peer.read() == LARGE

    played(play)


def test_output_goes_on_after_the_input_ended(pair: Pair, client_context: ssl.SSLContext) -> None:
    def play() -> None:
        scene = Scene(pair, client_context, Told())
        scene.peer.shake_hands()
        scene.peer.send(b"in")
        scene.peer.close_direction()
        assert (scene.guest.events, scene.raw.is_closing()) == (["eof"], False)
        scene.guest.transport.write(b"out")
        scene.guest.transport.close()
        assert scene.peer.read() == b"out<end>"
        assert scene.raw.closed

    played(play)


def test_input_goes_on_after_the_output_ended(pair: Pair, client_context: ssl.SSLContext) -> None:
    def play() -> None:
        scene = Scene(pair, client_context, Told())
        scene.peer.shake_hands()
        scene.guest.transport.write(b"last")
        scene.guest.transport.write_eof()
        scene.guest.transport.write(b"never")
        assert scene.peer.read() == b"last<end>"
        scene.peer.send(b"more")
        assert scene.guest.heard == b"more"
        assert not scene.raw.is_closing()

    played(play)


def test_a_guest_that_has_nothing_more_to_say_closes(pair: Pair, client_context: ssl.SSLContext) -> None:
    def play() -> None:
        scene = Scene(pair, client_context, Told(stays=False))
        scene.peer.shake_hands()
        scene.peer.close_direction()
        assert scene.raw.closed

    played(play)


def test_a_stream_cut_by_the_network_is_no_end(pair: Pair, client_context: ssl.SSLContext) -> None:
    """TCP's end can be forged by whoever sits on the wire; TLS's own cannot."""

    def play() -> None:
        scene = Scene(pair, client_context, Told())
        scene.peer.shake_hands()
        assert scene.layer.eof_received() is False
        assert (scene.raw.aborted, scene.guest.events) == (True, [])

    played(play)


def test_no_certificate_is_told_and_not_let_in(pair: Pair) -> None:
    def play() -> None:
        bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        bare.load_verify_locations(cadata=pair.ca.decode())
        scene = Scene(pair, bare, Told())
        scene.peer.shake_hands()
        assert scene.guest.leaf is None
        assert scene.refusals == [("TLS failed: peer did not return a certificate", "192.0.2.1:5")]
        assert scene.raw.closed
        with pytest.raises(ssl.SSLError, match="(?i)certificate"):
            scene.peer.object.read(1)

    played(play)


def test_plain_http_is_no_tls(pair: Pair, client_context: ssl.SSLContext) -> None:
    def play() -> None:
        scene = Scene(pair, client_context, Told())
        scene.layer.data_received(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert scene.refusals == [("TLS failed: http request", "192.0.2.1:5")]
        assert scene.raw.closed

    played(play)


def test_a_forged_record_ends_everything(pair: Pair, client_context: ssl.SSLContext) -> None:
    def play() -> None:
        scene = Scene(pair, client_context, Told())
        scene.peer.shake_hands()
        scene.layer.data_received(b"\x17\x03\x03\x00\x20" + bytes(32))
        assert scene.raw.aborted
        assert scene.guest.heard == b""

    played(play)


def test_a_resumed_session_has_the_certificate_that_it_began_with(
    pair: Pair, client_context: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    """It is not asked for again, but judged with each request; TLS 1.3 has no such sessions, none has tickets."""

    def play() -> None:
        first = Scene(pair, client_context, Told())
        first.peer.shake_hands()
        first.guest.transport.write(b"x")
        first.peer.read()
        session = first.peer.object.session
        assert session is not None
        assert not session.has_ticket
        second = Scene(pair, client_context, Told(), served=first.served)
        second.peer.object.session = session
        second.peer.shake_hands()
        assert second.peer.object.session_reused is (version is ssl.TLSVersion.TLSv1_2)
        assert second.guest.leaf == first.guest.leaf

    played(play)


def test_a_refusal_over_a_body_on_its_way_is_not_lost(pair: Pair, client_context: ssl.SSLContext) -> None:
    """Records that arrived with those that were refused are read before the direction is closed, and no end."""

    class Refusing(Told):
        def data_received(self, data: bytes) -> None:
            if not self.heard:
                self.transport.write(b"no")
                self.transport.write_eof()
            super().data_received(data)

    def play() -> None:
        scene = Scene(pair, client_context, Refusing())
        scene.peer.shake_hands()
        scene.peer.object.write(LARGE)
        scene.layer.data_received(scene.peer.take())
        assert not scene.raw.aborted
        assert scene.guest.heard == LARGE
        assert scene.peer.read() == b"no<end>"
        scene.peer.send(b"more")
        assert scene.guest.heard == LARGE + b"more"

    played(play)


def test_a_direction_may_be_closed_in_the_middle_of_a_record(pair: Pair, client_context: ssl.SSLContext) -> None:
    def play() -> None:
        scene = Scene(pair, client_context, Told())
        scene.peer.shake_hands()
        scene.peer.object.write(b"whole")
        record = scene.peer.take()
        scene.layer.data_received(record[:9])
        scene.guest.transport.write_eof()
        scene.layer.data_received(record[9:])
        assert not scene.raw.aborted
        assert scene.guest.heard == b"whole"

    played(play)


def test_who_cannot_be_introduced_is_not_heard(pair: Pair, client_context: ssl.SSLContext) -> None:
    class Puzzled(Told):
        def introduced(self, leaf: bytes) -> None:
            raise RuntimeError("no such certificate was ever seen")

        def data_received(self, data: bytes) -> None:
            pytest.fail("heard")

    def play() -> None:
        scene = Scene(pair, client_context, Puzzled())
        with pytest.raises(RuntimeError):
            scene.peer.shake_hands()
        scene.peer.exchange()
        scene.peer.object.do_handshake()
        scene.peer.object.write(b"GET")
        with pytest.raises(RuntimeError):
            scene.layer.data_received(scene.peer.take())

    played(play)


@pytest.mark.parametrize("early", [b"", b"x"])
def test_an_end_before_the_handshake_is_an_end(pair: Pair, client_context: ssl.SSLContext, early: bytes) -> None:
    def play() -> None:
        scene = Scene(pair, client_context, Told())
        if early:
            scene.guest.transport.write(early)
        scene.guest.transport.close()
        assert scene.raw.is_closing()

    played(play)


def test_a_handshake_has_its_time(pair: Pair, client_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_room, "HANDSHAKE_TIMEOUT", 0.01)

    async def inside() -> Scene:
        scene = Scene(pair, client_context, Told())
        await asyncio.sleep(0.05)
        return scene

    scene = asyncio.run(inside())
    assert scene.raw.aborted
    assert scene.refusals[0][0] == "the TLS handshake took too long"


def test_chatter_that_is_not_read_does_not_pile_up(pair: Pair, client_context: ssl.SSLContext) -> None:
    """Every key update that a peer asks for is answered; a piece of a record alone is nothing bad."""

    def play() -> None:
        scene = Scene(pair, client_context, Told())
        scene.peer.shake_hands()
        scene.layer.pause_writing()
        scene.layer.data_received(b"\x17\x03\x03")
        assert not scene.raw.aborted
        scene.layer._outgoing.write(b"an answer")
        scene.layer.data_received(b"\x00")
        assert scene.raw.aborted

    played(play)
