"""Mutual TLS as a listener speaks it: whom it asks for, what it shows, and nothing that lets a peer back in unasked."""

from __future__ import annotations

import ssl
from typing import Final

from pytrust.policy.engine.words import one_line
from pytrust.trust.errors import UsageError
from pytrust.trust.pki.tls_context import server_context

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; as current dockerd has them


def make_context(cert: bytes, key: bytes, ca: bytes) -> ssl.SSLContext:
    """TLS 1.2 or later, in which both sides show certificates.

    Resumed sessions are not asked for a certificate again, so TLS 1.3 has none. Those of TLS 1.2 cannot be switched off
    from here: OpenSSL keeps up to 20,000 in the context, with the certificate that each began with, until the context
    goes. Lists of revoked certificates are not given to OpenSSL, which cannot replace one; they are looked at with
    every request, also in a resumed session.

    Args:
        cert: the certificate to show, and what leads from it to its root; PEM, as are the others.
        key: its private key, not encrypted.
        ca: who may vouch for clients; an issuing CA counts without its root.

    Raises:
        UsageError: they are no such things, or do not fit each other.
    """
    try:
        context = server_context(cert, key)
        context.load_verify_locations(cadata=ca.decode("ascii"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise UsageError(
            f"certificate, key and CA do not fit: {one_line(reason).lower().replace('_', ' ')}",
            hint="pytrust ca lint DIR says what is wrong with them",
        ) from error
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    return context
