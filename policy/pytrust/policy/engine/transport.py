"""Connections to an engine: unix socket, TCP, TLS."""

from __future__ import annotations

import http.client
import socket
import ssl

from pytrust.policy.engine.address import EngineAddress, TlsFiles
from pytrust.policy.engine.words import one_line
from pytrust.trust.errors import (
    UsageError,
)
from pytrust.trust.limits import CONNECT_TIMEOUT


def open_connection(address: EngineAddress, idle: float) -> http.client.HTTPConnection:
    """A connection that is open already: what goes wrong here happened before anything was sent."""
    wire = _socket(address)
    try:
        if address.tls is not None:
            wire = _tls_context(address.tls).wrap_socket(wire, server_hostname=address.host)
        wire.settimeout(idle)
    except BaseException:
        wire.close()
        raise
    connection = http.client.HTTPConnection(address.host or "docker", address.port or None)
    connection.sock = wire
    return connection


def _socket(address: EngineAddress) -> socket.socket:
    if address.socket is None:
        return socket.create_connection((address.host, address.port), timeout=CONNECT_TIMEOUT)
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    wire.settimeout(CONNECT_TIMEOUT)
    try:
        wire.connect(str(address.socket))
    except BaseException:
        wire.close()
        raise
    return wire


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if files.cert is not None and files.key is not None:
            context.load_cert_chain(files.cert, files.key)
    except OSError as error:
        hint = "DOCKER_CERT_PATH holds ca.pem, cert.pem and key.pem"
        raise UsageError(f"TLS files in {files.ca.parent}: {reason_of(error)}", hint=hint) from error
    return context


def reason_of(error: Exception) -> str:
    """A few words for what went wrong on the way."""
    if isinstance(error, http.client.HTTPException):
        return "the answer breaks off" if isinstance(error, http.client.IncompleteRead) else "the answer is not HTTP"
    if isinstance(error, ssl.SSLError):
        return one_line(f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}").lower()
    return one_line(getattr(error, "strerror", "") or str(error)).lower() or type(error).__name__
