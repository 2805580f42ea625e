"""From options, ``serve.toml`` and the home to the plan of a server.

What others could misuse (no TLS, no authentication) is refused unless it is said aloud.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytrust.cli import voice
from pytrust.cli.serve_backend import open_backend
from pytrust.cli.serve_keys import take_keys
from pytrust.cli.serve_settings import (
    DEFAULT_LISTEN,
    Address,
    ServeFile,
    has_password,
    parse_address,
    parse_prefixes,
    parse_serve,
    parse_workers,
)
from pytrust.cli.settings import DEFAULT_URL
from pytrust.trust.errors import UsageError
from pytrust.trust.files import check_owned, read_bounded

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.server.auth import AuthSettings
    from pytrust.trust.server.pair import TlsFiles
    from pytrust.trust.server.workers import Plan

_FILE: Final = "serve.toml"
_FILE_MAX_BYTES: Final = 1024 * 1024
_SQLITE: Final = "sqlite:///"
_NOTHING: Final = ServeFile(
    None, None, None, None, None, (), allow_anonymous_writes=False, insecure_http=False, auth=None
)


def make_plan(workspace: Workspace, given: ServeFile, htpasswd: Path | None, config: Path | None) -> Plan:
    """What to serve, and how; makes the keys of a store where there are none, and has those in the vault at hand.

    Args:
        workspace: gives the home.
        given: what the options say; ``auth`` is not among them.
        htpasswd: a file of passwords.
        config: the settings; None is ``serve.toml`` in the home, which may be missing.

    Raises:
        PytrustError: something contradicts itself, is unsafe, or cannot be read.
    """
    from pytrust.trust.server.workers import Plan

    said = _read(workspace, config)
    address = parse_address(given.listen or said.listen or DEFAULT_LISTEN)
    tls, auth = _tls(given, said), _auth(workspace, said, htpasswd)
    _check_open(address, tls, auth, given, said)
    workers = said.workers or 1 if given.workers is None else parse_workers(given.workers, "--workers")
    prefixes = parse_prefixes(given.prefixes, "--prefix") or said.prefixes
    store = _store(workspace, given, said)
    keys = take_keys(workspace, auth)
    return Plan(
        host=address.host,
        port=address.port,
        tls=tls,
        workers=workers,
        auth=auth,
        prefixes=prefixes,
        open_backend=partial(open_backend, store, workspace.home.online, keys),
        note=voice.try_note,
        vault=keys,
    )


def store_of(workspace: Workspace, store: str | None, config: Path | None) -> str:
    """The address of the store that would be served, as ``make_plan`` finds it."""
    return _store(workspace, _NOTHING._replace(store=store), _read(workspace, config))


def auth_of(workspace: Workspace) -> AuthSettings:
    """How a server of this home asks who somebody is, without options."""
    from pytrust.trust.server.auth import NoAuth

    return _read(workspace, None).auth or NoAuth()


def store_file(url: str) -> Path | None:
    """Where a store of one file is."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def _read(workspace: Workspace, config: Path | None) -> ServeFile:
    file = config or workspace.home.path / _FILE
    if config is None and not file.exists():
        return _NOTHING
    check_owned(file, missing="give --config FILE")
    said = parse_serve(
        read_bounded(file, _FILE_MAX_BYTES).decode("utf-8", "replace"), file.parent.absolute(), str(file)
    )
    if said.store and has_password(said.store):
        check_owned(file, forbidden=0o077)
    return said


def _tls(given: ServeFile, said: ServeFile) -> TlsFiles | None:
    from pytrust.trust.server.pair import TlsFiles

    cert, key = given.tls_cert or said.tls_cert, given.tls_key or said.tls_key
    if cert and key:
        return TlsFiles(cert.absolute(), key.absolute())
    if cert or key:
        raise UsageError("a certificate and its key belong together", hint="give --tls-cert and --tls-key")
    return None


def _auth(workspace: Workspace, said: ServeFile, htpasswd: Path | None) -> AuthSettings:
    from pytrust.trust.server.auth import NoAuth, parse_auth

    if htpasswd is None:
        return said.auth or NoAuth()
    if said.auth is not None:
        raise UsageError("--htpasswd and the [auth] of serve.toml contradict each other", hint="leave one of them out")
    table = {"kind": "htpasswd", "htpasswd": str(htpasswd.absolute())}
    return parse_auth(table, workspace.home.path.absolute(), "--htpasswd")


def _check_open(address: Address, tls: TlsFiles | None, auth: AuthSettings, given: ServeFile, said: ServeFile) -> None:
    """On addresses that others reach: TLS, and authentication."""
    from pytrust.trust.server.auth import NoAuth

    if address.is_loopback:
        return
    if tls is None and not (given.insecure_http or said.insecure_http):
        raise UsageError(
            f"{address} is reached by others, and there is no TLS",
            hint="give --tls-cert and --tls-key (pytrust ca server makes them), or --insecure-http",
        )
    if isinstance(auth, NoAuth) and not (given.allow_anonymous_writes or said.allow_anonymous_writes):
        raise UsageError(
            f"{address} is reached by others, who could all publish and delete",
            hint="give --htpasswd FILE or [auth] in serve.toml, or --allow-anonymous-writes",
        )


def _store(workspace: Workspace, given: ServeFile, said: ServeFile) -> str:
    """The address of the store, whatever folder a process is in."""
    if given.store and has_password(given.store):
        raise UsageError(
            "a password in an option is seen by everybody on this host",
            hint="put it in ~/.pgpass, or the URL in serve.toml (mode 0600)",
        )
    url = given.store or said.store or (workspace.settings.url if workspace.home.config.exists() else DEFAULT_URL)
    if url.startswith(("https:", "http:")):
        raise UsageError(f"trust data of this home comes from {url}", hint="give --store sqlite:///PATH")
    file = store_file(url)
    return f"{_SQLITE}{workspace.home.path.absolute() / file}" if file else url
