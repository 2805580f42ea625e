"""The answer 401, as notary-server gives it: docker and notary read realm and service from it. Pure.

Source: Docker Registry v2 token authentication; RFC 9110, 11.6.1; RFC 6750, 3.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from pytrust.trust.server.auth.access import ALL, Access

TOKEN_PATH: Final = "/auth/token"  # noqa: S105 - a path
_UNSAFE: Final = re.compile(r"[^\x20-\x7e]")
_QUOTE: Final = re.compile(r'(["\\])')
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_AUTHORITY: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL}){{0,20}}|\[[0-9a-fA-F:.]{{2,45}}\])(?::[0-9]{{1,5}})?")


class Challenge(NamedTuple):
    """Answer 401 with ``header`` as ``WWW-Authenticate`` and ``body``, which is JSON."""

    header: str
    body: bytes


def make_challenge(realm: str, service: str, access: Access) -> Challenge:
    """The challenge for ``access``: a token from ``realm`` would do."""
    said = {"realm": realm, "service": service, "scope": access.scope}
    header = "Bearer " + ",".join(f'{name}="{_quoted(value)}"' for name, value in said.items())
    needed = [
        {"Type": access.kind, "Class": "", "Name": access.name, "Action": action} for action in access.actions or (ALL,)
    ]
    return Challenge(header, error_body("UNAUTHORIZED", "authentication required", needed))


def error_body(code: str, message: str, detail: object = None) -> bytes:
    """One error, as Docker's clients read it; ``detail`` is left out where it is None."""
    error = {"code": code, "message": message} | ({} if detail is None else {"detail": detail})
    return msgspec.json.encode({"errors": [error]}) + b"\n"


def own_realm(scheme: str, host: str) -> str | None:
    """The address of our own token service, as the client called us; None where ``host`` is no authority.

    ``host``: the Host header, or HTTP/2's ``:authority``. It only ever comes back to whoever sent it.
    """
    return f"{scheme}://{host}{TOKEN_PATH}" if _AUTHORITY.fullmatch(host) else None


def _quoted(value: str) -> str:
    return _QUOTE.sub(r"\\\1", _UNSAFE.sub("?", value))
