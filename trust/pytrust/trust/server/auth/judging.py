"""The gates that ask: of passwords and our own tokens, and of the tokens of somebody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, assert_never

from pytrust.trust.errors import AccessDenied, RateLimited
from pytrust.trust.server.auth.access import Access, Caller, covers
from pytrust.trust.server.auth.challenge import Challenge, make_challenge
from pytrust.trust.server.auth.claims import Granted, check_claims
from pytrust.trust.server.auth.credentials import Bearer, Password, read_authorization
from pytrust.trust.server.auth.issuer_keys import Certificates, KeySet, find_key
from pytrust.trust.server.auth.jws import verify
from pytrust.trust.server.auth.own_tokens import OwnTokens
from pytrust.trust.server.auth.passwords import Passwords
from pytrust.trust.server.auth.permissions import held_by
from pytrust.trust.server.auth.settings import Permission


class Rules(NamedTuple):
    """What is told in a challenge, and who may do what."""

    service: str
    permissions: Sequence[Permission]


class PasswordGate:
    """Users with passwords, or tokens that they got for them: see ``Gate``."""

    def __init__(self, rules: Rules, passwords: Passwords, tokens: OwnTokens, now: Callable[[], datetime]) -> None:
        self._rules, self._passwords, self._tokens, self._now = rules, passwords, tokens, now

    def judge(self, authorization: str | None, access: Access, realm: str, *, peer: str = "") -> Caller | Challenge:
        """See ``Gate.judge``."""
        return _judge(authorization, access, realm, self._rules, lambda given: self._known(given, peer))

    def slow(self, authorization: str | None) -> bool:
        """See ``Gate.slow``."""
        try:
            given = None if authorization is None else read_authorization(authorization)
        except AccessDenied:
            return False
        return isinstance(given, Password) and not self._passwords.remembers(given)

    def _known(self, given: Password | Bearer, peer: str) -> Caller | Granted:
        match given:
            case Bearer(token):
                return self._tokens.read(token, self._now())
            case Password():
                self._passwords.check(given, peer)
                return Caller(given.user)
            case _:
                assert_never(given)


class TokenGate:
    """Tokens of somebody else: see ``Gate``."""

    def __init__(
        self,
        rules: Rules,
        issuer: str,
        trusted: Callable[[], tuple[Certificates | None, KeySet | None]],
        now: Callable[[], datetime],
    ) -> None:
        self._rules, self._issuer, self._trusted, self._now = rules, issuer, trusted, now

    def judge(
        self,
        authorization: str | None,
        access: Access,
        realm: str,
        *,
        peer: str = "",  # noqa: ARG002 - a token cannot be guessed
    ) -> Caller | Challenge:
        """See ``Gate.judge``."""
        return _judge(authorization, access, realm, self._rules, self._known)

    def slow(self, authorization: str | None) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def _known(self, given: Password | Bearer) -> Granted:
        if isinstance(given, Password):
            raise AccessDenied("passwords are for the service that gives the tokens")
        now, (certificates, keys) = self._now(), self._trusted()
        signed = verify(given.token, lambda header: find_key(header, certificates, keys, now))
        return check_claims(signed.claims, self._issuer, self._rules.service, now)


def _judge(
    authorization: str | None,
    access: Access,
    realm: str,
    rules: Rules,
    known: Callable[[Password | Bearer], Caller | Granted],
) -> Caller | Challenge:
    """Bad credentials are challenged even where none are needed: somebody has mistyped, and wants to know."""
    try:
        found = None if authorization is None else known(read_authorization(authorization))
    except (AccessDenied, RateLimited):
        return make_challenge(realm, rules.service, access)
    if _may(found, access, rules.permissions):
        return Caller("" if found is None else found.user)
    return make_challenge(realm, rules.service, access)


def _may(found: Caller | Granted | None, access: Access, permissions: Sequence[Permission]) -> bool:
    """A token is good for what it says and for what everybody may do."""
    match found:
        case None:
            return bool(access.actions) and covers(held_by("", access, permissions), access.actions)
        case Caller(user):
            return covers(held_by(user, access, permissions), access.actions)
        case Granted(_, grants):
            granted = grants.get((access.kind, access.name), frozenset())
            return covers(granted | held_by("", access, permissions), access.actions)
        case _:
            assert_never(found)
