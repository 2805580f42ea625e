"""The vault in the agent's hands, as every other process sees it."""

from __future__ import annotations

import os
import socket
import struct
import threading
from pathlib import Path
from typing import Final

from pytrust.trust.errors import AccessDenied, BadMetadata, BadPermissions, PytrustError, TooSlow, VaultLocked
from pytrust.trust.limits import AGENT_ANSWER_MAX_BYTES, AGENT_CLIENT_TIMEOUT
from pytrust.trust.socket_file import short
from pytrust.trust.vault.agent.wire import (
    LENGTH_BYTES,
    Ask,
    Lock,
    Reply,
    Request,
    Standing,
    Status,
    Unlock,
    decode_reply,
    encode_request,
    raised,
    spoken,
)
from pytrust.trust.vault.callers import Caller
from pytrust.trust.vault.operations import Done, Failure, Find, Get, Operation, Page, Trail, Value

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred, unix(7): pid, uid, gid
_TIMEOUT: Final = struct.pack("ll", AGENT_CLIENT_TIMEOUT, 0)


class AgentVault:
    """Speaks to the agent at ``path``; may be used by several threads, and in a process that was forked.

    The connection is made when it is needed, and made again when the agent was started anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._connected: socket.socket | None = None

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        """See ``asking.Vaulted``."""
        answer = self._exchange(Ask(operation, spoken(caller)))
        if isinstance(answer, Standing):
            raise _nonsense()
        return answer

    def status(self) -> Standing | None:
        """How things are; None where no agent runs."""
        try:
            return self._standing(Status())
        except VaultLocked:
            return None

    def unlock(self, master: bytes, idle: int | None = None) -> Standing:
        """Give the agent the vault's key; see ``wire.Unlock``.

        Raises:
            VaultLocked: no agent runs.
            PytrustError: it cannot open the vault.
        """
        return self._standing(Unlock(master, idle))

    def lock(self) -> Standing:
        """Let the agent forget it; raises ``VaultLocked`` where none runs."""
        return self._standing(Lock())

    def close(self) -> None:
        """Close the connection."""
        connected, self._connected = self._connected, None
        if connected is not None:
            connected.close()

    def __del__(self) -> None:
        self.close()

    def _standing(self, request: Request) -> Standing:
        answer = self._exchange(request)
        if not isinstance(answer, Standing):
            raise _nonsense()
        return answer

    def _exchange(self, request: Request) -> Done | Value | Page | Trail | Standing:
        data = encode_request(request)
        if self._process != os.getpid():  # forked, perhaps while another thread was in the middle of something
            self._process, self._lock = os.getpid(), threading.Lock()
            self.close()
        with self._lock:
            sock = self._usable()
            _check_other_end(sock, self._path, secret=_has_secret(request))
            try:
                reply = _talk(sock, data)
            except BaseException:  # half a conversation must not be taken up again
                self.close()
                raise
        if isinstance(reply, Failure):
            raise raised(reply)
        return reply

    def _usable(self) -> socket.socket:
        """The connection there is, or a new one."""
        if self._connected is None or _ended(self._connected):
            self.close()
            self._connected = _connect(self._path)
        return self._connected


def _connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):  # a connection with these waits its turn to be accepted
        sock.setsockopt(socket.SOL_SOCKET, option, _TIMEOUT)
    try:
        with short(path) as address:
            sock.connect(address)
    except PermissionError as error:
        sock.close()
        raise AccessDenied(f"{path} is not for this user", hint="run it as the vault's owner") from error
    except BlockingIOError as error:
        sock.close()
        raise _slow() from error
    except OSError as error:
        sock.close()
        raise VaultLocked("nobody holds the vault open") from error
    return sock


def _ended(sock: socket.socket) -> bool:
    """Whether the agent has gone since; nothing is ever waiting between an answer and the next request."""
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _check_other_end(sock: socket.socket, path: Path, *, secret: bool) -> None:
    """Whoever listens must be this user, root, or (for root, and for what is no secret) the owner of the folder."""
    _, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if uid in {0, os.geteuid()}:
        return
    if (os.geteuid() == 0 or not secret) and uid == path.parent.lstat().st_uid:
        return
    raise BadPermissions(f"user {uid} listens at {path}", hint="find out what runs there, and remove it")


def _talk(sock: socket.socket, data: bytes) -> Reply:
    try:
        sock.sendall(data)
        size = int.from_bytes(_receive(sock, LENGTH_BYTES), "big")
        if size > AGENT_ANSWER_MAX_BYTES:
            raise _nonsense()
        return decode_reply(_receive(sock, size))
    except BlockingIOError as error:
        raise _slow() from error
    except OSError as error:
        raise _gone() from error


def _receive(sock: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = sock.recv_into(rest)
        if not count:
            raise _gone()
        rest = rest[count:]
    return bytes(data)


def _has_secret(request: Request) -> bool:
    match request:
        case Status() | Lock() | Ask(operation=Get() | Find()):
            return False
        case _:
            return True


def _slow() -> PytrustError:
    return TooSlow("the agent does not answer", hint="try again, or end it and: pytrust vault unlock")


def _gone() -> PytrustError:
    return VaultLocked("the agent ended before it answered", hint="pytrust vault unlock, and look whether it was done")


def _nonsense() -> BadMetadata:
    return BadMetadata("the agent's answer cannot be understood", hint="is it of another version?")
