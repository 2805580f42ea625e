"""Where clients connect: unix sockets, ports with TLS, and loopback ports without.

``unix:///run/pytrust/docker.sock`` is made with mode 0660 and, for root, the group ``docker`` where there is one, as
docker makes its own. ``tls://0.0.0.0:2376`` is for everybody who can show a certificate, ``tcp://127.0.0.1:2375`` for
loopback only: whoever reaches an engine owns the host.
"""

from __future__ import annotations

import errno
import grp
import ipaddress
import os
import re
import socket
import stat
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.engine.address import EngineAddress, parse_host
from pytrust.trust.errors import Busy, UsageError

BACKLOG: Final = 1024  # connections that wait to be accepted; a client of a unix socket fails beyond
_TLS_PORT: Final = 2376
_FORMS: Final = "write unix:///PATH, tls://HOST[:2376] or tcp://127.0.0.1:PORT"
_MODE_GROUP: Final = 0o660
_MODE_OWNER: Final = 0o600


class ListenAddress(NamedTuple):
    """A place to listen at; with ``tls``, whoever connects there has to prove who they are."""

    at: EngineAddress
    tls: bool = False

    def __str__(self) -> str:
        return f"tls{str(self.at).removeprefix('tcp')}" if self.tls else str(self.at)


def parse_listen(text: str) -> ListenAddress:
    """Read ``unix:///PATH``, ``tls://HOST[:2376]`` or ``tcp://LOOPBACK:PORT``.

    Raises:
        UsageError: none of them, or an address without TLS that others could reach.
    """
    tls, rest = text.startswith("tls://"), text.removeprefix("tls")
    port = f":{_TLS_PORT}" if tls and not re.search(r":[0-9]+/?$", rest) else ""
    try:
        address = parse_host(f"tcp{rest.removesuffix('/')}{port}" if tls else text)
    except UsageError as error:
        raise UsageError(f"{text[:200]!r} is no address to listen at", hint=_FORMS) from error
    if tls:
        return ListenAddress(address, tls=True)
    if address.socket is None and not _is_loopback(address.host):
        raise UsageError(
            f"{address} can be reached from other hosts, without TLS",
            hint=f"listen on tls://{address.host}:{_TLS_PORT}, on tcp://127.0.0.1:{address.port}, or on a unix socket",
        )
    return ListenAddress(address)


def listen(place: ListenAddress) -> socket.socket:
    """A listening socket.

    Raises:
        UsageError: an address that cannot be used.
        Busy: somebody listens there already.
    """
    address = place.at
    try:
        return _listen_tcp(address) if address.socket is None else _listen_unix(address.socket)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Busy(f"somebody listens at {place} already", hint="end it, or listen elsewhere") from error
        raise UsageError(f"cannot listen at {place}: {error.strerror}", hint="give another --listen") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen_tcp(address: EngineAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _listen_unix(path: Path) -> socket.socket:
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
        _open_to_group(path)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def _remove_stale(path: Path) -> None:
    """A socket that nobody answers at was left by a process that was killed; anything else is not ours to remove."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise UsageError(f"{path} exists and is no socket", hint="give another path to --listen")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        if trial.connect_ex(str(path)) != errno.ECONNREFUSED:
            raise OSError(errno.EADDRINUSE, "in use")
    path.unlink()


def _open_to_group(path: Path) -> None:
    try:
        group = grp.getgrnam("docker").gr_gid
    except KeyError:
        path.chmod(_MODE_OWNER)
        return
    if os.geteuid() == 0:
        os.chown(path, -1, group)
        path.chmod(_MODE_GROUP)
    else:
        path.chmod(_MODE_OWNER)
