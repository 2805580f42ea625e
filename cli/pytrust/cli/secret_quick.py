"""``pytrust secret get NAME``, where an agent holds the vault open: as few imports as there can be.

Scripts ask for a secret at every step, and most of the time of a command goes into imports. So the one message is put
together by hand here, and the answer taken apart (MessagePack; a test compares both with ``agent.wire``). Whatever is
not just so, an error among it, is left to the command itself.
"""

from __future__ import annotations

import _socket  # ``socket`` makes enumerations of its constants, which takes longer than all the rest
import os
import sys

PURPOSE = "pytrust secret get"
"""For the audit: the same as the command's."""

_OWN = "pytrust/"
_TRUSTED = (0,)  # users that may be the agent, besides this one
_SECONDS = 60
_NAME_MAX_CHARS = 200
_FIXSTR_MAX_BYTES = 31
_LENGTH_BYTES = 4
_CREDENTIALS_BYTES = 12  # struct ucred, unix(7): pid, uid, gid
_ANSWER_MAX_BYTES = 2 * 1024 * 1024
_VALUE = b"\x83\xa4type\xa5Value\xa6number"
_NUMBERS = {0xCC: 1, 0xCD: 2, 0xCE: 4}  # uint 8, 16, 32: bytes that follow
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}  # bin 8, 16, 32: bytes of the length


def get(name: str) -> bool:
    """Print the secret ``name``; false where nothing was printed, and the command itself has to."""
    if not name.isascii() or name.startswith(("-", _OWN)) or len(name) > _NAME_MAX_CHARS or os.isatty(1):
        return False
    try:
        value = value_in(_exchange(f"{home()}/vault.sock", request(name)))
    except (OSError, ValueError, LookupError):
        return False
    return value is not None and _print(value)


def home() -> str:
    """As ``home.default_home``; raises ``LookupError`` where that needs a longer look."""
    if given := os.environ.get("PYTRUST_HOME"):
        return given
    if os.geteuid() == 0:
        return "/var/lib/pytrust"
    return (os.environ.get("XDG_DATA_HOME") or f"{os.environ['HOME']}/.local/share") + "/pytrust"


def request(name: str) -> bytes:
    """``Ask(Get(name, purpose))``, with its length."""
    body = (
        b"\x83\xa4type\xa3Ask\xa9operation\x84\xa4type\xa3Get\xa4name"
        + _text(name)
        + b"\xa6number\xc0\xa7purpose"
        + _text(PURPOSE)
        + b"\xa6caller\xc0"
    )
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def value_in(answer: bytes) -> bytes | None:
    """The value, if the answer is ``Value``, as it should be."""
    if not answer.startswith(_VALUE):
        return None
    at = len(_VALUE)
    at += 1 + _NUMBERS.get(answer[at], 0)
    begin = answer[at : at + 7]
    size = _BYTES.get(begin[6], 0) if begin[:6] == b"\xa5value" and len(begin) > 6 else 0  # noqa: PLR2004
    start = at + 7 + size
    value = answer[start:]
    return value if value and size and len(value) == int.from_bytes(answer[at + 7 : start], "big") else None


def _exchange(path: str, message: bytes) -> bytes:
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.settimeout(_SECONDS)
        sock.connect(path)
        sender = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _CREDENTIALS_BYTES)
        if int.from_bytes(sender[4:8], sys.byteorder) not in (*_TRUSTED, os.geteuid()):
            return b""
        sock.sendall(message)
        size = int.from_bytes(_receive(sock, _LENGTH_BYTES), "big")
        return _receive(sock, size) if size <= _ANSWER_MAX_BYTES else b""
    finally:
        sock.close()


def _receive(sock: _socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise LookupError("the agent ended")
        data += more
    return data


def _text(text: str) -> bytes:
    data = text.encode("ascii")
    return (bytes((0xA0 | len(data),)) if len(data) <= _FIXSTR_MAX_BYTES else bytes((0xD9, len(data)))) + data


def _print(value: bytes) -> bool:
    """False where nothing of it got out; raises ``OSError`` in the middle."""
    written = 0
    while written < len(value):
        try:
            written += os.write(1, value[written:])
        except OSError:
            if written:
                raise
            return False
    return True
