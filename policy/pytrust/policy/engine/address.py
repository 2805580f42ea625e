"""Where the engine listens: ``DOCKER_HOST``, docker's contexts and the TLS files that go with them.

The environment is not read here: the caller hands its values in. The order is docker's: ``DOCKER_HOST`` if it is set,
else the current context of the configuration directory, else the socket that docker itself takes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadMetadata, BadPermissions, Damaged, UsageError
from pytrust.trust.limits import CREDENTIALS_MAX_BYTES

DEFAULT_SOCKET: Final = Path("/var/run/docker.sock")
_DEFAULT_CONTEXT: Final = "default"  # docker's name for "no context"
_PLAIN_PORT: Final = 2375
_TLS_PORT: Final = 2376
_PORT_MAX: Final = 65535
_FORMS = "write unix:///path/to/docker.sock or tcp://HOST:PORT"
_FORWARD = (
    "forward its socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST, then use unix:///tmp/docker.sock"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The authority the engine is checked against, and the certificate shown to it (both or neither)."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> TlsFiles:
        """``ca.pem``, ``cert.pem`` and ``key.pem``, as in ``DOCKER_CERT_PATH``; the last two may be missing."""
        cert, key = folder / "cert.pem", folder / "key.pem"
        both = cert.is_file() and key.is_file()
        return cls(ca=folder / "ca.pem", cert=cert if both else None, key=key if both else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """One engine: a unix ``socket``, or ``host`` and ``port`` with or without TLS; ``str()`` is docker's spelling."""

    socket: Path | None = None
    host: str = ""
    port: int = 0
    tls: TlsFiles | None = None

    def __post_init__(self) -> None:
        if (self.socket is None) == (not self.host):
            raise ValueError("an engine address is a socket or a host, not both")

    def __str__(self) -> str:
        if self.socket is not None:
            return f"unix://{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


def parse_host(text: str, tls: TlsFiles | None = None) -> EngineAddress:
    """Read a ``DOCKER_HOST`` value.

    Args:
        text: ``unix:///path`` or ``tcp://host[:port]``; the port defaults to 2375, with TLS to 2376.
        tls: how a ``tcp`` address is spoken to; a socket needs none.

    Raises:
        UsageError: another scheme, or no address at all.
    """
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "unix":
        return _unix(rest, text)
    if separator and scheme == "tcp":
        return _tcp(text, tls)
    hint = _FORWARD if scheme == "ssh" else _FORMS
    raise UsageError(f"{text[:200]!r} is not an engine address that pytrust can use", hint=hint)


def resolve(
    config: Path, host: str | None = None, cert_path: str | None = None, tls_verify: str | None = None
) -> EngineAddress:
    """The engine that docker would talk to.

    Args:
        config: docker's configuration directory (``DOCKER_CONFIG``, or ``~/.docker``); it may be missing.
        host: the value of ``DOCKER_HOST``.
        cert_path: the value of ``DOCKER_CERT_PATH``; without it TLS files are looked for in ``config``, as docker does.
        tls_verify: the value of ``DOCKER_TLS_VERIFY``: any text, even ``0``, asks for TLS, as in docker.

    Raises:
        UsageError: an address or a context that cannot be used.
        BadPermissions: docker's configuration may not be read.
        Damaged: docker's configuration is not what docker writes.
    """
    tls = TlsFiles.in_folder(Path(cert_path) if cert_path else config) if tls_verify else None
    if host:
        return parse_host(host, tls)
    context = _current_context(config)
    if context == _DEFAULT_CONTEXT:
        return EngineAddress(socket=DEFAULT_SOCKET)
    return _context(config / "contexts", context)


def _unix(path: str, text: str) -> EngineAddress:
    if not path.startswith("/") or "\0" in path:
        raise UsageError(f"{text[:200]!r} names no socket", hint=_FORMS)
    return EngineAddress(socket=Path(path))


def _tcp(text: str, tls: TlsFiles | None) -> EngineAddress:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    more = parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc
    if not host or more or any(not mark.isprintable() or mark.isspace() for mark in text):
        raise UsageError(f"{text[:200]!r} is not HOST:PORT", hint=_FORMS)
    if port is None:
        port = _PLAIN_PORT if tls is None else _TLS_PORT
    if not 0 < port <= _PORT_MAX:
        raise UsageError(f"{text[:200]!r} has no port that can be connected to", hint=_FORMS)
    return EngineAddress(host=host, port=port, tls=tls)


def _current_context(config: Path) -> str:
    path = config / "config.json"
    settings = _read(path)
    name = settings.get("currentContext") or _DEFAULT_CONTEXT
    if not isinstance(name, str):
        raise _damaged(path)
    return name


def _context(contexts: Path, name: str) -> EngineAddress:
    """Docker files a context under the sha256 of its name."""
    folder = hashlib.sha256(name.encode()).hexdigest()
    path = contexts / "meta" / folder / "meta.json"
    match _read(path):
        case {"Endpoints": {"docker": {"Host": str(host)} as endpoint}} if host:
            return parse_host(host, _context_tls(contexts / "tls" / folder / "docker", name, endpoint))
    raise UsageError(f"docker's context {name[:100]!r} has no engine", hint="see: docker context ls")


def _context_tls(folder: Path, name: str, endpoint: dict[str, Any]) -> TlsFiles | None:
    if endpoint.get("SkipTLSVerify"):
        raise UsageError(
            f"docker's context {name[:100]!r} does not check the engine's certificate",
            hint=f"give it the authority: docker context update {name[:100]} --docker host=...,ca=ca.pem",
        )
    return TlsFiles.in_folder(folder) if folder.is_dir() else None


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; a missing file is an empty one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadPermissions(f"{path}: {error.strerror}", hint="docker itself cannot work like this") from error
    try:
        value = parse_json(data or b"{}", what=str(path), max_bytes=CREDENTIALS_MAX_BYTES)
    except BadMetadata as error:
        raise Damaged(str(error), hint="docker itself cannot work like this") from error
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


def _damaged(path: Path) -> Damaged:
    return Damaged(f"{path} is not what docker writes", hint="see: docker context ls")
