"""Where a request may go: which schemes, which redirects, which token services. Pure.

Plain HTTP is for loopback and for hosts named insecure; nothing a peer says leads from HTTPS to HTTP.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urljoin

from pytrust.trust.errors import BadContent
from pytrust.trust.names import DEFAULT_REGISTRY

HUB_API_HOST: Final = "registry-1.docker.io"
_PORT_MAX = 65535

# Narrower than RFC 3986 on purpose: no user, no fragment, no backslash, so that every parser sees the same host.
_URL = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(/[!-\[\]-~]*)?(\?[!-\[\]-~]*)?")


class Url(NamedTuple):
    """A URL with one reading; ``rest`` is path and query, and starts with ``/``."""

    scheme: str
    host: str
    port: int
    rest: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """Read an absolute URL; raises ``BadContent``, since only peers hand us URLs."""
        match = _URL.fullmatch(text)
        if match is None or "#" in text or int(match[3] or 0) > _PORT_MAX:
            raise BadContent(f"{text[:200]!r} is not an https URL")
        port = int(match[3]) if match[3] else _default_port(match[1])
        return cls(match[1], match[2].lower(), port, (match[4] or "/") + (match[5] or ""))

    @property
    def origin(self) -> str:
        """Scheme, host and port: to whom a secret may be sent again."""
        port = "" if self.port == _default_port(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def is_private(self) -> bool:
        """Whether secrets may travel: encrypted, or never leaving this machine."""
        return self.scheme == "https" or is_loopback(self.host)

    def __str__(self) -> str:
        return f"{self.origin}{self.rest}"


def is_loopback(host: str) -> bool:
    """Whether ``host``, without port, is this machine by its very name."""
    if host in {"localhost", "127.0.0.1", "[::1]"}:
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def api_urls(registry: str, insecure: frozenset[str]) -> tuple[Url, ...]:
    """The addresses to try for a registry host, in order; as docker does, but HTTP first on loopback.

    Raises:
        BadContent: the port is out of range.
    """
    host = HUB_API_HOST if registry == DEFAULT_REGISTRY else registry
    secure, plain = Url.parse(f"https://{host}/v2/"), Url.parse(f"http://{host}/v2/")
    if is_loopback(plain.host):
        return plain, secure
    return (secure, plain) if registry in insecure else (secure,)


def redirect(source: Url, location: str, insecure: frozenset[str]) -> Url:
    """Where a redirect from ``source`` leads.

    Raises:
        BadContent: no URL, or plain HTTP where it is not allowed.
    """
    try:
        target = Url.parse(urljoin(str(source), location))
    except ValueError as error:
        raise BadContent(f"the redirect to {location[:200]!r} leads nowhere") from error
    plain = is_loopback(target.host) or target.origin.removeprefix("http://") in insecure
    if target.scheme == "http" and not (source.scheme == "http" and plain):
        raise BadContent(f"the redirect from {source.origin} to {target.origin} is refused: not https")
    return target


def token_service(realm: str, registry: Url, insecure: frozenset[str]) -> Url:
    """Check the realm that ``registry`` named.

    Raises:
        BadContent: not https; plain HTTP is for a loopback realm of a loopback or insecure registry.
    """
    target = Url.parse(realm)
    host = registry.origin.partition("://")[2]
    lenient = is_loopback(registry.host) or host in insecure
    if target.scheme == "http" and not (lenient and is_loopback(target.host)):
        raise BadContent(f"the token service {target.origin} is not https, so nothing was sent there")
    return target


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
