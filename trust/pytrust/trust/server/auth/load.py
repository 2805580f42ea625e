"""From settings to what the server asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from pytrust.trust.keys.vaulted_keys import Opening
from pytrust.trust.limits import HTPASSWD_MAX_BYTES, ISSUER_FILE_MAX_BYTES
from pytrust.trust.server.auth.gate import Gate, OpenGate, TokenService
from pytrust.trust.server.auth.htpasswd import parse_htpasswd
from pytrust.trust.server.auth.issuer_keys import Certificates, KeySet, parse_bundle, parse_key_set
from pytrust.trust.server.auth.judging import PasswordGate, Rules, TokenGate
from pytrust.trust.server.auth.own_tokens import OwnTokens
from pytrust.trust.server.auth.passwords import Passwords
from pytrust.trust.server.auth.permissions import DEFAULT
from pytrust.trust.server.auth.service import PasswordTokens
from pytrust.trust.server.auth.settings import AuthSettings, HtpasswdAuth, NoAuth, TokenAuth
from pytrust.trust.server.auth.signing_key import signing_key
from pytrust.trust.server.auth.watched import Watched


def load_gate(
    settings: AuthSettings, now: Callable[[], datetime], vault: Opening | None = None
) -> tuple[Gate, TokenService | None]:
    """Read the files that ``settings`` name, and make the signing key of tokens where there is none yet.

    ``vault`` is where that key lies if its file says so.

    The token service is None where somebody else gives the tokens, or nobody needs any.

    Raises:
        PytrustError: a file is missing, broken, or open to others.
    """
    match settings:
        case NoAuth():
            return OpenGate(), None
        case HtpasswdAuth():
            return _passwords(settings, now, vault)
        case TokenAuth():
            return _tokens(settings, now), None
        case _:
            assert_never(settings)


def _passwords(settings: HtpasswdAuth, now: Callable[[], datetime], vault: Opening | None) -> tuple[Gate, TokenService]:
    accounts = Watched(settings.htpasswd, HTPASSWD_MAX_BYTES, parse_htpasswd)
    accounts.get()
    passwords = Passwords(accounts.get)
    tokens = OwnTokens(signing_key(settings.key, vault), settings.service)
    rules = Rules(settings.service, DEFAULT if settings.permissions is None else settings.permissions)
    return PasswordGate(rules, passwords, tokens, now), PasswordTokens(rules, passwords, tokens, now)


def _tokens(settings: TokenAuth, now: Callable[[], datetime]) -> Gate:
    bundle, key_set = settings.certificates, settings.jwks
    certificates = Watched(bundle, ISSUER_FILE_MAX_BYTES, parse_bundle) if bundle else None
    keys = Watched(key_set, ISSUER_FILE_MAX_BYTES, parse_key_set) if key_set else None

    def trusted() -> tuple[Certificates | None, KeySet | None]:
        return certificates.get() if certificates else None, keys.get() if keys else None

    trusted()
    return TokenGate(Rules(settings.service, settings.permissions), settings.issuer, trusted, now)
