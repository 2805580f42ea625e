"""Find out what really listens at a host and port. Bounded in size and in total time; what it sees is a ``Probe``.

A few short connections, one after the other: one without and one with our certificate, one for each TLS version, and a
plain HTTP request where TLS gets no answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pytrust.trust.errors import UsageError
from pytrust.trust.pki.foreign import read_certificate
from pytrust.trust.pki.names import parse_server_name
from pytrust.trust.pki.probe.opinion import judge_server
from pytrust.trust.pki.probe.probed import Answer, Ending, Identity, Probe, Reach, Talk, TlsVersion, Verdict
from pytrust.trust.pki.probe.reaching import Address, Unreached, connect, reach

if TYPE_CHECKING:
    from OpenSSL import SSL

    from pytrust.trust.pki.probe.knock import Wire

T = TypeVar("T")

PROBE_TIMEOUT: Final = 15.0  # seconds for all of it
_ONE_TALK: Final = 5.0  # seconds for one connection; a silent server must not use up the time of the others
_PLAIN: Final = 2.0  # seconds for plain http: tried where TLS failed, often because nothing is said at all
_EVERYTHING: Final = b"ALL:@SECLEVEL=0"  # a doctor also looks at what is too weak to be used


def probe(  # noqa: PLR0913 - where, whom to trust, who we are, how long
    host: str,
    port: int,
    *,
    ca: bytes | None = None,
    identity: Identity | None = None,
    server_name: str = "",
    timeout: float = PROBE_TIMEOUT,
) -> Probe:
    """Knock at ``host:port``; whatever is found wrong is in the ``Probe``, network failures included.

    Args:
        host: DNS name or IP address, without brackets.
        port: 1 to 65535.
        ca: PEM bundle to judge the served chain by.
        identity: our client certificate and key to try; its key must not be encrypted.
        server_name: what the certificate must be for, and SNI says; empty: ``host``.
        timeout: seconds for all of it.

    Raises:
        UsageError: ``ca`` or ``identity`` cannot be read as PEM, or do not belong together.
        InvalidName: ``server_name`` (or ``host``) is no name and no address.
    """
    anchors = _certificates(ca, "the ca bundle") if ca is not None else []
    context = _context(identity) if identity else None
    dialled = server_name or host
    sni = str(name) if isinstance(name := parse_server_name(dialled), str) else ""
    seen = Probe(host=host, port=port, server_name=dialled, at=datetime.now(UTC), reach=Reach.OPEN)
    end = time.monotonic() + timeout
    try:
        address, first = reach(host, port, end)
        first.close()
        seen = _knock(_Door(address, sni, seen.thing, end), seen, context)
    except Unreached as unreached:
        return replace(seen, reach=unreached.reach, reach_text=str(unreached))
    return replace(seen, verdict=_verdict(seen, anchors)) if ca is not None else seen


@dataclass(frozen=True, slots=True)
class _Door:
    """An address that takes connections, until ``end`` (monotonic seconds)."""

    address: Address
    sni: str
    host: str
    end: float

    def talk(self, context: SSL.Context, *, ping: bool = True) -> Talk:
        from pytrust.trust.pki.probe.knock import talk

        return self._open(_ONE_TALK, lambda wire: talk(wire, context, self.sni, self.host, ping=ping))

    def plain(self) -> Answer | None:
        from pytrust.trust.pki.probe.knock import plain_ping

        return self._open(_PLAIN, lambda wire: plain_ping(wire, self.host))

    def _open(self, seconds: float, use: Callable[[Wire], T]) -> T:
        from pytrust.trust.pki.probe.knock import Wire

        end = min(self.end, time.monotonic() + seconds)
        with closing(connect(self.address, end)) as connected:
            return use(Wire(connected, end))


def _knock(door: _Door, seen: Probe, ours: SSL.Context | None) -> Probe:
    anonymous = door.talk(_context())
    if anonymous.version is None and anonymous.ending is not Ending.ALERT:
        return replace(seen, anonymous=anonymous, plain=door.plain())
    with_ours = door.talk(ours) if ours else None
    taken = tuple(version for version in TlsVersion if _takes(door, version, anonymous))
    return replace(seen, anonymous=anonymous, ours=with_ours, versions=taken)


def _takes(door: _Door, version: TlsVersion, anonymous: Talk) -> bool:
    """A server that wants a certificate breaks off after its own has come: it took the version all the same."""
    return version is anonymous.version or bool(door.talk(_context(only=version), ping=False).chain)


def _verdict(seen: Probe, anchors: list[x509.Certificate]) -> Verdict | None:
    if not seen.chain:
        return None
    try:
        chain = [read_certificate(der) for der in seen.chain]
    except ValueError as error:
        return Verdict(good=False, text=f"a served certificate cannot be read: {error}")
    return judge_server(chain, anchors, seen.server_name, seen.at)


def _context(identity: Identity | None = None, only: TlsVersion | None = None) -> SSL.Context:
    from OpenSSL import SSL

    numbers = {
        TlsVersion.TLS_1_0: SSL.TLS1_VERSION,
        TlsVersion.TLS_1_1: SSL.TLS1_1_VERSION,
        TlsVersion.TLS_1_2: SSL.TLS1_2_VERSION,
        TlsVersion.TLS_1_3: SSL.TLS1_3_VERSION,
    }
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(numbers[only or TlsVersion.TLS_1_0])
    context.set_max_proto_version(numbers[only or TlsVersion.TLS_1_3])
    context.set_cipher_list(_EVERYTHING)
    if identity:
        _show(context, identity)
    return context


def _show(context: SSL.Context, identity: Identity) -> None:
    from OpenSSL import SSL

    leaf, *links = _certificates(identity.cert_pem, "the client certificate")
    try:
        context.use_certificate(leaf)
        for link in links:
            context.add_extra_chain_cert(link)
        context.use_privatekey(load_pem_private_key(identity.key_pem, None))  # type: ignore[arg-type]
        context.check_privatekey()
    except (ValueError, TypeError, UnsupportedAlgorithm, SSL.Error) as error:
        raise UsageError(
            "the client's key cannot be used: it is no unencrypted pem key, or not the certificate's",
            hint="find out which: pytrust ca lint DIR",
        ) from error


def _certificates(pem: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise UsageError(f"{what} holds no certificate that can be read", hint="it must be pem") from error
