"""Who may do what on the trust server: nobody asked, a file of passwords, or the tokens of somebody else.

settings = parse_auth(document["auth"], folder, "serve.toml")
gate, tokens = load_gate(settings, now)
realm = realm_of(settings, scheme, host)
outcome = gate.judge(authorization, Access("repository", name, ("push", "pull")), realm, peer=address)
"""

from __future__ import annotations

from pytrust.trust.server.auth.access import CATALOG, PING, Access, Caller
from pytrust.trust.server.auth.challenge import TOKEN_PATH, Challenge
from pytrust.trust.server.auth.gate import Gate, TokenService
from pytrust.trust.server.auth.load import load_gate
from pytrust.trust.server.auth.settings import AuthSettings, HtpasswdAuth, NoAuth, TokenAuth, parse_auth, realm_of

__all__ = [
    "CATALOG",
    "PING",
    "TOKEN_PATH",
    "Access",
    "AuthSettings",
    "Caller",
    "Challenge",
    "Gate",
    "HtpasswdAuth",
    "NoAuth",
    "TokenAuth",
    "TokenService",
    "load_gate",
    "parse_auth",
    "realm_of",
]
