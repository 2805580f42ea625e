"""Our own token service: a password or a refresh token in, a token out (Docker's token and OAuth2 specifications)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from pytrust.trust.canonical import encode_json
from pytrust.trust.errors import AccessDenied, Busy, RateLimited, UsageError
from pytrust.trust.limits import TOKEN_LIFETIME
from pytrust.trust.server.auth.access import ACTIONS, ALL
from pytrust.trust.server.auth.challenge import error_body
from pytrust.trust.server.auth.credentials import Password
from pytrust.trust.server.auth.form import Refresh, TokenQuestion, read_get, read_post
from pytrust.trust.server.auth.judging import Rules
from pytrust.trust.server.auth.own_tokens import OwnTokens
from pytrust.trust.server.auth.passwords import Passwords
from pytrust.trust.server.auth.permissions import held_by
from pytrust.trust.server.auth.scopes import Scope

Answer = tuple[int, dict[str, str], bytes]
_HEADERS: Final = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
_RETRY: Final = {"Retry-After": "10"}


class PasswordTokens:
    """See ``TokenService``."""

    def __init__(self, rules: Rules, passwords: Passwords, tokens: OwnTokens, now: Callable[[], datetime]) -> None:
        self._rules, self._passwords, self._tokens, self._now = rules, passwords, tokens, now

    def answer(self, method: str, query: bytes, body: bytes, authorization: str | None, peer: str) -> Answer:
        """See ``TokenService.answer``."""
        if method not in {"GET", "POST"}:
            return _refusal(405, "UNSUPPORTED", "only GET and POST are answered", {"Allow": "GET, POST"})
        try:
            question = read_get(query, authorization) if method == "GET" else read_post(body, authorization)
            return self._give(question, peer)
        except UsageError as error:
            return _refusal(400, "INVALID_PARAMETERS", str(error))
        except AccessDenied:
            basic = {"WWW-Authenticate": f'Basic realm="{self._rules.service}", charset="UTF-8"'}
            return _refusal(401, "UNAUTHORIZED", "incorrect user name, password or login", basic)
        except RateLimited as error:
            return _refusal(429, "TOOMANYREQUESTS", str(error), _RETRY)
        except Busy as error:
            return _refusal(503, "UNAVAILABLE", str(error), _RETRY)

    def _give(self, question: TokenQuestion, peer: str) -> Answer:
        if question.service not in {"", self._rules.service}:
            raise UsageError("that service is not here", hint=f"tokens are given for {self._rules.service}")
        now = self._now().astimezone(UTC).replace(microsecond=0)
        user = self._user(question.who, peer, now)
        scopes = [granted for scope in question.scopes if (granted := self._granted(user, scope)).access.actions]
        token = self._tokens.make(user, scopes, now)
        said = {
            "token": token,
            "access_token": token,
            "scope": " ".join(map(str, scopes)),
            "expires_in": int(TOKEN_LIFETIME.total_seconds()),
            "issued_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return 200, dict(_HEADERS), encode_json(said | self._login(question, user, now))

    def _user(self, who: Password | Refresh | None, peer: str, now: datetime) -> str:
        match who:
            case None:
                return ""
            case Password(user):
                self._passwords.check(who, peer)
                return user
            case Refresh(token):
                remembered = self._tokens.read_refresh(token, now)
                if self._passwords.mark(remembered.user) != remembered.mark:
                    raise AccessDenied("the password has changed since")
                return remembered.user

    def _granted(self, user: str, scope: Scope) -> Scope:
        held = held_by(user, scope.access, self._rules.permissions)
        return scope.narrowed([one for one in scope.access.actions if one in ACTIONS and (one in held or ALL in held)])

    def _login(self, question: TokenQuestion, user: str, now: datetime) -> dict[str, str]:
        """What `docker login` keeps in place of a password: the same again for who has one already."""
        if isinstance(question.who, Refresh):
            return {"refresh_token": question.who.token}
        mark = self._passwords.mark(user) if question.offline else None
        return {"refresh_token": self._tokens.make_refresh(user, mark, now)} if mark else {}


def _refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    return status, _HEADERS | (headers or {}), error_body(code, message)
