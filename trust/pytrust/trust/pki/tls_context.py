"""TLS with what is in memory: the library reads certificates and keys from files only."""

from __future__ import annotations

import os
import ssl


def load_pair(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    """Let ``context`` show a certificate (PEM, with what leads to its root) and use its private key (PEM, not sealed).

    Raises ``ssl.SSLError`` where they are no such things or do not belong together.
    """
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
