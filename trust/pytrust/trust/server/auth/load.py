"""From settings to what the server asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pytrust.trust.errors import UsageError
from pytrust.trust.server.auth.gate import Gate, OpenGate, TokenService
from pytrust.trust.server.auth.settings import AuthSettings, HtpasswdAuth, NoAuth, TokenAuth


def load_gate(settings: AuthSettings, now: Callable[[], datetime]) -> tuple[Gate, TokenService | None]:
    """Read the files that ``settings`` name, and make the signing key of tokens where there is none yet.

    The token service is None where somebody else gives the tokens, or nobody needs any.

    Raises:
        PytrustError: a file is missing, broken, or open to others.
    """
    match settings:
        case NoAuth():
            return OpenGate(), None
        case HtpasswdAuth() | TokenAuth():
            raise UsageError(f"authentication is not there yet ({now()})")
