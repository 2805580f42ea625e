"""``docker-credential-pytrust``: registry logins in the vault, for docker and all that keep theirs as it does.

The protocol is that of docker/docker-credential-helpers: one argument, the question on stdin; the answer, and every
error, on stdout; exit code 0 or 1. docker calls this for every pull, so what is not needed is not imported.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pytrust.cli.version import __version__
from pytrust.trust.errors import NoSuchSecret, NotSetUp, PytrustError, Unsound, UsageError, VaultLocked

if TYPE_CHECKING:
    from pytrust.trust.vault.asking import Vaulted
    from pytrust.trust.vault.logins import Login

_NAME: Final = "docker-credential-pytrust"
_USAGE: Final = f"Usage: {_NAME} <store|get|erase|list|version>"
_PURPOSE: Final = "docker login"
_STDIN, _STDOUT = 0, 1
_CHUNK: Final = 64 * 1024  # bytes; what a pipe holds

Opening = Callable[[], "Vaulted | None"]
"""How the vault is opened once it is needed; None: it is locked. Raises ``NotSetUp`` where there is none."""


def main() -> None:
    """Run one action, and exit."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a password must not end in a core file
    gc.disable()  # the process lives for a moment
    sys.exit(serve(sys.argv[1:], _read_stdin, _open, _write))


def serve(words: list[str], read: Callable[[], bytes], opening: Opening, write: Callable[[bytes], None]) -> int:
    """Answer one call; every failure is one line where the answer would be, and exit code 1, as docker reads it."""
    try:
        answer, code = _answer(words, read, opening), 0
    except PytrustError as error:
        answer, code = _sentence(error).encode() + b"\n", 1
    except (OSError, KeyboardInterrupt) as error:
        answer, code = f"{_NAME}: {getattr(error, 'strerror', '') or 'interrupted'}\n".encode(), 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: docker shows what is said here
        answer, code = f"{_NAME}: internal error: {type(error).__name__}\n".encode(), 1
    try:
        write(answer)
    except OSError:
        return 1  # nobody reads
    return code


def _answer(words: list[str], read: Callable[[], bytes], opening: Opening) -> bytes:
    match words:
        case ["store"]:
            return _store(read(), opening)
        case ["get"]:
            return _get(read(), opening)
        case ["erase"]:
            return _erase(read(), opening)
        case ["list"]:
            return _list(opening)
        case ["version" | "--version" | "-v"]:
            return f"{_NAME} (pytrust) {__version__}\n".encode()
        case ["--help" | "-h"]:
            return f"{_USAGE}\n".encode()
        case [other]:
            raise UsageError(f"{_NAME}: unknown action: {ascii(other[:60])[1:-1]}")
    raise UsageError(_USAGE)


def _store(data: bytes, opening: Opening) -> bytes:
    from pytrust.trust.vault.logins import encode_value, labels, parse_login, secret_name
    from pytrust.trust.vault.operations import Put

    login = parse_login(data)
    _vault(opening).ask(Put(name=secret_name(login.server), value=encode_value(login), labels=labels(login), keep=1))
    return b""


def _get(data: bytes, opening: Opening) -> bytes:
    from pytrust.trust.vault.asking import listed
    from pytrust.trust.vault.logins import NOT_FOUND, PREFIX, encode_login, find_server, known, parse_server

    server = parse_server(data)
    try:
        vault = _vault(opening)
    except NotSetUp:
        raise NoSuchSecret(NOT_FOUND) from None  # docker goes on without a login
    kept = server if _is_kept(vault, server) else find_server(server, known(listed(vault, PREFIX)))
    login = _kept(vault, kept, server) if kept else None
    if login is None:
        raise NoSuchSecret(NOT_FOUND)
    return encode_login(login)


def _is_kept(vault: Vaulted, server: str) -> bool:
    """Without a read: most pulls need no login, and the audit need not tell of them."""
    from pytrust.trust.vault.logins import secret_name
    from pytrust.trust.vault.operations import Find

    try:
        vault.ask(Find(name=secret_name(server)))
    except NoSuchSecret:
        return False
    return True


def _kept(vault: Vaulted, server: str, asked: str) -> Login | None:
    """The login kept for exactly ``server``, as one for the address that was ``asked`` for."""
    from pytrust.trust.vault.logins import decode_value, secret_name
    from pytrust.trust.vault.operations import Get, Value

    try:
        found = vault.ask(Get(name=secret_name(server), purpose=_PURPOSE))
    except NoSuchSecret:  # erased since a moment ago
        return None
    assert isinstance(found, Value)
    return decode_value(found.value, asked)


def _erase(data: bytes, opening: Opening) -> bytes:
    """What is not there is erased already, as with the helpers for Linux: docker asks for three spellings of each."""
    from pytrust.trust.vault.logins import parse_server, secret_name
    from pytrust.trust.vault.operations import Remove

    server = parse_server(data)
    with suppress(NoSuchSecret, NotSetUp):
        _vault(opening).ask(Remove(name=secret_name(server)))
    return b""


def _list(opening: Opening) -> bytes:
    from pytrust.trust.canonical import encode_json
    from pytrust.trust.vault.asking import listed
    from pytrust.trust.vault.logins import PREFIX, known

    try:
        found = known(listed(_vault(opening), PREFIX))
    except NotSetUp:
        found = {}
    return encode_json(found) + b"\n"


def _vault(opening: Opening) -> Vaulted:
    vault = opening()
    if vault is None:
        raise VaultLocked("the vault is locked")
    return vault


def _open() -> Vaulted | None:
    from pytrust.cli.vault_room import try_vaulted
    from pytrust.cli.workspace import Workspace

    workspace = Workspace(None, None, None)
    vault = try_vaulted(workspace)
    if vault is None and not workspace.home.vault.exists():
        raise NotSetUp("there is no vault yet", hint="pytrust vault init")
    return vault


def _sentence(error: PytrustError) -> str:
    """One line; the hint belongs to it where something on this machine is to be done."""
    text = f"{error}: {error.hint}" if isinstance(error, Unsound) and error.hint else str(error)
    return text.replace("\n", " ")


def _read_stdin() -> bytes:
    """All of it, or so much that it is too much."""
    from pytrust.trust.limits import LOGIN_MAX_BYTES

    data = b""
    while len(data) <= LOGIN_MAX_BYTES and (chunk := os.read(_STDIN, _CHUNK)):
        data += chunk
    return data


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(_STDOUT, data) :]


if __name__ == "__main__":
    main()
