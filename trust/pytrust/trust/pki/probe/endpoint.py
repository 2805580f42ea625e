"""Where an engine listens, as people write it. Pure."""

from __future__ import annotations

from typing import NamedTuple, Self
from urllib.parse import urlsplit

from pytrust.trust.errors import UsageError
from pytrust.trust.pki.names import parse_server_name

_SCHEMES = {"tcp", "https"}  # docker's for an engine on the network


class Endpoint(NamedTuple):
    """A host without brackets, and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``HOST:PORT``, ``[V6]:PORT`` or ``tcp://HOST:PORT``; raises ``UsageError`` and ``InvalidName``."""
        scheme, mark, rest = text.rpartition("://")
        try:
            parts = urlsplit(f"//{rest}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        plain = (mark == "" or scheme in _SCHEMES) and rest.count("/") == 0 and "@" not in rest
        if not plain or not host or not port:
            raise UsageError(f"{text[:80]!r} is not HOST:PORT", hint="such as docker1.example.com:2376")
        return cls(str(parse_server_name(host)), port)
