"""Keeping web pages away from a port. Pure.

A page can make a browser send requests to 127.0.0.1, and with a DNS name of its own that points there it can read the
answers. Such a request carries that name in ``Host``, and its page in ``Origin``; docker's clients send neither. On a
port with TLS any name may be dialled, and the certificate that a browser may hold is no page's to use.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit


def from_elsewhere(headers: Mapping[str, str], *, tls: bool) -> str:
    """Why a request on a port (loopback's, if without TLS) is not one of a docker client; empty if it may be."""
    origin = headers.get("origin")
    if tls:
        return "" if origin is None else _page(origin)
    return _fault(headers.get("host", ""), origin)


@lru_cache(maxsize=64)  # every request of a connection carries the same
def _fault(host: str, origin: str | None) -> str:
    name = _host(f"//{host}")
    if name is None or not _is_local(name):
        return f"the port is for this host, not for {host[:100]!r}"
    if origin is not None and origin != f"http://{host}":  # another port of this host serves pages, too
        return _page(origin)
    return ""


def _page(origin: str) -> str:
    return f"it comes from a web page of {origin[:100]!r}"


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_local(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
