"""The side of a TLS server, with certificate and key from memory: the library reads them from files only."""

from __future__ import annotations

import os
import ssl


def server_context(cert: bytes, key: bytes) -> ssl.SSLContext:
    """TLS 1.2 or later, without renegotiation, which shows a certificate and asks for none.

    Args:
        cert: the certificate, with what leads to its root; PEM.
        key: its private key; PEM, not sealed.

    Raises:
        ssl.SSLError: they are no such things, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    _load_pair(context, cert, key)
    return context


def _load_pair(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    descriptor = os.memfd_create("pytrust", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(cert.rstrip() + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    finally:
        os.close(descriptor)


def _no_password() -> bytes:
    """Without this, OpenSSL would ask for one at the terminal."""
    return b""
