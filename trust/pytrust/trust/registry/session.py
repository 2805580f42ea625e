"""Authenticated exchanges with registries: addresses, tokens and redirects (distribution specification, "Workflows").

What is learned about a host is shared by all threads: its address and challenge, its login, one token a repository.

A secret goes only to the registry it belongs to (or to the trust server that this host pins for its images, as docker
sends it there) and to the token service which that one names, and only when it cannot be read on the way
(``Url.is_private``). A redirect to another origin loses it, and what that origin
answers is not asked for a challenge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from pytrust.trust.errors import BadContent, ServerError, Unreachable, Unsound
from pytrust.trust.http import Deadline, HttpClient, Response
from pytrust.trust.limits import ERROR_BODY_MAX_BYTES, MANIFEST_MAX_BYTES, REDIRECTS_MAX, TOKEN_MAX_BYTES
from pytrust.trust.names import CollectionName, ImageRef
from pytrust.trust.registry.answers import check, denied
from pytrust.trust.registry.once import Once
from pytrust.trust.registry.places import Url, api_urls, redirect, token_service

if TYPE_CHECKING:
    from pytrust.trust.registry.challenge import Challenge
    from pytrust.trust.registry.credentials import CredentialSource
    from pytrust.trust.registry.dockerconfig import Login
    from pytrust.trust.registry.tokens import Token

SITE_LIFE: Final = 300.0  # seconds until a host's scheme, challenge and CA files are looked at again
LOGIN_LIFE: Final = 60.0  # seconds a login is kept, so that a helper runs once for many repositories
GRANT_MIN_LIFE: Final = 5.0  # seconds within which a refused token is not worth asking for again
_FOREVER: Final = 86_400.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_NOT_FOUND = 404


class _Site(NamedTuple):
    """A registry host: where its API is, over which connections, and what it asked for."""

    registry: str
    api: Url
    http: HttpClient
    challenge: Challenge | None


class _Want(NamedTuple):
    """What a token must be good for."""

    repository: str
    actions: str = "pull"


@dataclass(frozen=True, slots=True)
class _Grant:
    """An ``Authorization`` header, empty where none is needed, and when we got it (seconds, monotonic)."""

    header: str = field(repr=False)
    born: float


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: Url
    headers: Mapping[str, str] = field(repr=False)
    max_bytes: int = MANIFEST_MAX_BYTES
    body: bytes | None = field(default=None, repr=False)
    follow: bool = True


class Session:
    """See ``Registry`` for the arguments; ``server``, if given, is spoken to instead of any registry.

    A trust server is such a one: it takes the logins of registries, for scopes that name an image in full.
    """

    def __init__(
        self, credentials: CredentialSource, insecure: frozenset[str], certs_dir: Path, *, server: str = ""
    ) -> None:
        self._credentials = credentials
        self._insecure = insecure
        self._certs_dir = certs_dir
        self._server = Url.parse(f"{server.rstrip('/')}/v2/") if server else None
        self._http = HttpClient()
        self._sites: Once[str, _Site] = Once()
        self._logins: Once[str, Login | None] = Once()
        self._grants: Once[tuple[str, _Want], _Grant] = Once()

    def exchange(self, method: str, ref: ImageRef, path: str, accept: str, deadline: Deadline) -> Response:
        """One request for ``/v2/<repository>/<path>``, authenticated if the registry asks for it.

        Returns:
            the answer, whatever its status; after redirects, and with at most ``MANIFEST_MAX_BYTES``.

        Raises:
            PytrustError: no answer, or one that must not be followed.
        """
        site = self._sites.get(ref.registry, lambda: (self._reach(ref.registry, deadline), SITE_LIFE), deadline)
        request = _Request(method, site.api._replace(rest=f"/v2/{ref.repository}/{path}"), {"Accept": accept})
        return self._exchange(site, _Want(ref.repository), request, deadline)

    def ask(
        self, name: CollectionName, url: str, max_bytes: int, deadline: Deadline, *, writes: bool = False
    ) -> Response:
        """GET ``url`` at the server, with what the registry of ``name`` was logged in to; raises as ``exchange``.

        ``writes`` asks as somebody who may publish. Redirects are not followed.
        """
        request = _Request("GET", Url.parse(url), {}, max_bytes, follow=False)
        return self._at_server(name, request, deadline, writes=writes)

    def post(self, name: CollectionName, url: str, body: bytes, kind: str, deadline: Deadline) -> Response:
        """POST ``body`` of the media type ``kind`` to ``url`` at the server, as somebody who may publish."""
        request = _Request("POST", Url.parse(url), {"Content-Type": kind}, ERROR_BODY_MAX_BYTES, body)
        return self._at_server(name, request, deadline, writes=True)

    def _at_server(self, name: CollectionName, request: _Request, deadline: Deadline, *, writes: bool) -> Response:
        registry = name.partition("/")[0]
        site = self._sites.get(registry, lambda: (self._reach(registry, deadline), SITE_LIFE), deadline)
        return self._exchange(site, _Want(name, "push,pull" if writes else "pull"), request, deadline)

    def _exchange(self, site: _Site, scope: _Want, request: _Request, deadline: Deadline) -> Response:
        """Send with what ``site`` asked for; once more, where it asks for something else now."""
        grant = self._grant(site, scope, deadline)
        answer, end = self._send(site, _authorized(request, grant), deadline)
        stale = not grant.header or monotonic() - grant.born > GRANT_MIN_LIFE
        if answer.status != _UNAUTHORIZED or end.origin != site.api.origin or not stale:
            return answer
        challenge = _challenge(answer)
        if challenge is None:
            return answer
        self._grants.forget((site.registry, scope), grant)
        grant = self._grant(site._replace(challenge=challenge), scope, deadline)
        return self._send(site, _authorized(request, grant), deadline)[0]

    def _reach(self, registry: str, deadline: Deadline) -> _Site:
        """Find the address that answers, and what it asks for ("Determining Support": ``GET /v2/``)."""
        http = self.http(registry)
        failures: list[Unreachable] = []
        found: _Site | None = None
        for url in (self._server,) if self._server else api_urls(registry, self._insecure):
            try:
                answer = http.request("GET", str(url), deadline=deadline, max_bytes=MANIFEST_MAX_BYTES)
            except Unreachable as error:
                failures.append(error)
                continue
            deadline.remaining(str(url))
            challenge = _challenge(answer) if answer.status == _UNAUTHORIZED else None
            found = _Site(registry, url, http, challenge)
            if url.scheme == "https" or answer.status != _BAD_REQUEST:  # 400: a TLS server that was spoken plainly to
                return found
        if found is None:
            host = self._server.origin if self._server else registry
            raise Unreachable(
                "; ".join(str(error) for error in failures), hint=f"is {host} the right host, and is it running?"
            )
        return found

    def http(self, registry: str = "") -> HttpClient:
        """The shared client, or one that also trusts ``certs_dir/<host>/*.crt`` as docker does."""
        folder = self._certs_dir / (self._server.origin.partition("://")[2] if self._server else registry)
        try:
            files = tuple(sorted(path for path in folder.iterdir() if path.suffix == ".crt"))
            return HttpClient(files) if files else self._http
        except (FileNotFoundError, NotADirectoryError):
            return self._http
        except (OSError, ValueError) as error:
            raise Unsound(f"{folder}: a CA file cannot be read", hint="PEM files, readable by this user") from error

    def _send(self, site: _Site, request: _Request, deadline: Deadline) -> tuple[Response, Url]:
        """Send, follow redirects, and tell which URL answered in the end."""
        url, headers = request.url, {"Accept-Encoding": "identity", "User-Agent": "pytrust", **request.headers}
        for _ in range(REDIRECTS_MAX + 1):
            answer = site.http.request(
                request.method,
                str(url),
                deadline=deadline,
                max_bytes=request.max_bytes,
                headers=headers,
                body=request.body,
            )
            deadline.remaining(str(url))  # what was cut off by the deadline can look like a whole answer
            if answer.status not in _REDIRECTS or not request.follow:
                return answer, url
            if request.body is not None:
                raise BadContent(f"{url.origin} redirects a request that carries a secret; not followed")
            target = redirect(url, answer.headers.get("location", ""), self._insecure)
            if target.origin != url.origin:
                headers.pop("Authorization", None)
            url = target
        raise BadContent(f"{request.url.origin} redirects more than {REDIRECTS_MAX} times")

    def _grant(self, site: _Site, want: _Want, deadline: Deadline) -> _Grant:
        def make() -> tuple[_Grant, float]:
            header, seconds = self._authorize(site, want, deadline)
            return _Grant(header, monotonic()), seconds

        return self._grants.get((site.registry, want), make, deadline)

    def _authorize(self, site: _Site, want: _Want, deadline: Deadline) -> tuple[str, float]:
        """Answer the challenge of ``site``: a header and its lifetime in seconds."""
        if site.challenge is None:
            return "", _FOREVER
        login = self._login(site, deadline)
        if login is not None and login.registry_token:
            return f"Bearer {login.registry_token}", LOGIN_LIFE
        if site.challenge.scheme == "basic":
            if login is None or not login.username:
                raise denied("the registry asks for a login" + _why_none(site), site.registry)
            return login.basic(), LOGIN_LIFE
        token = self._token(site, site.challenge, login, want, deadline)
        return f"Bearer {token.value}", float(token.seconds)

    def _login(self, site: _Site, deadline: Deadline) -> Login | None:
        if not site.api.is_private:
            return None
        key = site.registry
        return self._logins.get(key, lambda: (self._credentials.login(key, deadline), LOGIN_LIFE), deadline)

    def _token(self, site: _Site, challenge: Challenge, login: Login | None, want: _Want, deadline: Deadline) -> Token:
        from pytrust.trust.registry.tokens import parse_token, repository_scope

        url = token_service(challenge.realm, site.api, self._insecure)
        request = _token_request(url, challenge.service, repository_scope(want.repository, want.actions), login)
        answer, _ = self._send(site, request, deadline)
        if answer.status == _NOT_FOUND:
            raise ServerError(f"there is no token service at {url.origin}", hint="the registry is set up wrongly")
        check(answer, f"the token service {url.origin}", site.registry)
        return parse_token(answer.body)


def _token_request(url: Url, service: str, scope: str, login: Login | None) -> _Request:
    from pytrust.trust.registry.tokens import refresh_form, token_query

    if login is not None and login.identity_token:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return _Request("POST", url, headers, TOKEN_MAX_BYTES, refresh_form(service, scope, login.identity_token))
    separator = "&" if "?" in url.rest else "?"
    target = url._replace(rest=f"{url.rest}{separator}{token_query(service, scope)}")
    headers = {} if login is None else {"Authorization": login.basic()}
    return _Request("GET", target, headers, TOKEN_MAX_BYTES)


def _authorized(request: _Request, grant: _Grant) -> _Request:
    if not grant.header:
        return request
    return replace(request, headers={**request.headers, "Authorization": grant.header})


def _challenge(answer: Response) -> Challenge | None:
    from pytrust.trust.registry.challenge import choose, parse_challenges

    return choose(parse_challenges(answer.headers.get("www-authenticate", "")))


def _why_none(site: _Site) -> str:
    return "" if site.api.is_private else f", and none is sent over plain HTTP to {site.api.host}"
