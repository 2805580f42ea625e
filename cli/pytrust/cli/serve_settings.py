"""``serve.toml``: settings of ``pytrust serve``, read strictly; options of the command come before them.

[serve]
listen = "0.0.0.0:4443"              an address of this host and a port
tls_cert = "/etc/pytrust/cert.pem"   with what leads to its root; paths are relative to this file
tls_key = "/etc/pytrust/key.pem"
store = "postgresql://db/pytrust"    or sqlite:///PATH; the store of the home where it is missing
workers = 2                          processes
prefixes = ["registry.example.com/"] collections are kept only under these
allow_anonymous_writes = false       without authentication on an address that others reach
insecure_http = false                without TLS on such an address
[auth]                               see docs/serve-auth.md; without it, nobody is asked who they are
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import WORKERS_MAX

if TYPE_CHECKING:
    from pytrust.trust.server.auth import AuthSettings

DEFAULT_LISTEN: Final = "127.0.0.1:4443"
_PORT_MAX: Final = 65535
_KINDS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("listen", "tls_cert", "tls_key", "store"), str),
    "workers": int,
    "prefixes": list,
    **dict.fromkeys(("allow_anonymous_writes", "insecure_http"), bool),
}
_WORDS: Final = {str: "text", int: "a number", list: "a list of texts", bool: "true or false"}


class ServeFile(NamedTuple):
    """What the file says, or the options; None where nothing is said."""

    listen: str | None
    tls_cert: Path | None
    tls_key: Path | None
    store: str | None
    workers: int | None
    prefixes: tuple[str, ...]
    allow_anonymous_writes: bool
    insecure_http: bool
    auth: AuthSettings | None


class Address(NamedTuple):
    """Where the server listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this host reaches it."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def is_any(self) -> bool:
        """Whether it stands for all addresses of this host."""
        return ipaddress.ip_address(self.host).is_unspecified

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_serve(text: str, folder: Path, what: str) -> ServeFile:
    """Read the file.

    Args:
        text: TOML.
        folder: what paths in it are relative to.
        what: names the file in errors.

    Raises:
        UsageError: not TOML, an unknown key, or a value of the wrong kind.
    """
    import tomllib

    from pytrust.trust.server.auth import parse_auth

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what}: {str(error)[:200]}", hint="it is TOML: see docs/serve.md") from error
    if unknown := sorted(set(document) - {"serve", "auth"}):
        raise UsageError(f"{what}: unknown section {unknown[0][:60]}", hint="known: serve, auth")
    table, auth = (_table(document, name, what) for name in ("serve", "auth"))
    _check(table, what)
    return ServeFile(
        listen=table.get("listen"),
        tls_cert=_path(table, "tls_cert", folder),
        tls_key=_path(table, "tls_key", folder),
        store=table.get("store"),
        workers=table.get("workers"),
        prefixes=parse_prefixes(table.get("prefixes", ()), what),
        allow_anonymous_writes=table.get("allow_anonymous_writes", False),
        insecure_http=table.get("insecure_http", False),
        auth=parse_auth(auth, folder, what) if auth else None,
    )


def parse_address(text: str) -> Address:
    """Read HOST:PORT, where HOST is an address of this host or ``localhost``; raises ``UsageError``."""
    host, colon, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        colon = ""
    if not (colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _PORT_MAX):
        raise UsageError(f"{text[:100]!r} is not ADDRESS:PORT", hint=f"for example {DEFAULT_LISTEN} or 0.0.0.0:4443")
    return Address(host, int(port))


def parse_prefixes(found: list[str] | tuple[str, ...], what: str) -> tuple[str, ...]:
    """Beginnings of names, each ending in a slash; raises ``UsageError``."""
    for prefix in found:
        if not prefix.endswith("/") or prefix.startswith("/"):
            raise UsageError(f"{what}: the prefix {prefix[:100]!r} is none", hint="write registry.example.com/, with /")
    return tuple(found)


def has_password(store: str) -> bool:
    """Whether the address of a store contains a password, in either way that libpq reads."""
    parts = urlsplit(store)
    return parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)


def parse_workers(count: int, what: str) -> int:
    """How many processes; raises ``UsageError``."""
    if not 0 < count <= WORKERS_MAX:
        raise UsageError(
            f"{what}: {count} processes cannot be", hint=f"1 to {WORKERS_MAX}; one for each core is enough"
        )
    return count


def _check(table: Mapping[str, Any], what: str) -> None:
    for name, value in table.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise UsageError(f"{what}: unknown key serve.{name[:60]}", hint=f"known: {', '.join(sorted(_KINDS))}")
        if type(value) is not kind or (isinstance(value, list) and not all(isinstance(item, str) for item in value)):
            raise UsageError(f"{what}: serve.{name} is not {_WORDS[kind]}")
    if "workers" in table:
        parse_workers(table["workers"], what)


def _table(document: Mapping[str, Any], name: str, what: str) -> Mapping[str, Any]:
    value = document.get(name, {})
    if not isinstance(value, dict):
        raise UsageError(f"{what}: {name} is not a table", hint=f"write [{name}]")
    return value


def _path(table: Mapping[str, str], name: str, folder: Path) -> Path | None:
    return folder / table[name] if name in table else None
