"""The other side of enrolment: a host that asks an authority, and believes nobody else.

Only the root bundle is ever fetched from somebody unknown, and it is held against the token before anything is said.
From then on TLS ends at a server whose certificate leads to those roots. Secrets and keys are on this side.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import msgspec
import urllib3

from pytrust.trust.errors import (
    AccessDenied,
    BadContent,
    PytrustError,
    RateLimited,
    Refused,
    ServerError,
    UntrustedRoot,
    UsageError,
)
from pytrust.trust.http import Deadline, HttpClient, Response
from pytrust.trust.pki.enrol import words
from pytrust.trust.pki.enrol.token import Token
from pytrust.trust.pki.enrol.words import Answered, AskEnrol, AskRenew, AskToken, Issuers, Refusal, TokenSays, Words

PORT: Final = 2378  # beside docker's 2375 to 2377
DEADLINE: Final = 30.0  # seconds for one question; an authority with a slow disk signs one after the other
_SMALL_MAX_BYTES: Final = words.REQUEST_MAX_BYTES * 4  # a chain and some roots; not the lists of a server
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_PORT_MAX: Final = 65535
_HOST_MAX: Final = 255
_Words = TypeVar("_Words", bound=Words)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where an enrolment server is; ``str()`` is ``HOST:PORT``."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``HOST[:PORT]``, also ``[::1]:2378`` and with ``https://`` in front; raises ``UsageError``."""
        bare = text.removeprefix("https://").removesuffix("/")
        try:
            found = urllib3.util.parse_url(f"https://{bare}")
        except urllib3.exceptions.LocationParseError:
            found = urllib3.util.Url()
        port = PORT if found.port is None else found.port
        strange = found.path or found.query or found.auth or found.fragment
        if not found.host or strange or len(found.host) > _HOST_MAX or not 0 < port <= _PORT_MAX:
            raise UsageError(f"{text[:200]!r} is not an address", hint=f"write HOST or HOST:PORT [default: {PORT}]")
        return cls(found.host.strip("[]"), port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def fetch_roots(address: ServerAddress, token: Token) -> bytes:
    """The root bundle that the token was made for, from whoever says to have it.

    Raises:
        UntrustedRoot: it is another: somebody stands in between, or the authority has changed its roots since.
        Unreachable, TooSlow: see ``HttpClient``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the digest in the token is what counts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        roots = _Connection(address, context).get(words.ROOTS)
    if not token.fits(roots):
        raise UntrustedRoot(
            f"{address} is not the authority that made the token, or its roots have changed since",
            hint="do not go on before its operator has told you which; then ask for a new token: pytrust ca token",
        )
    return roots


class EnrolClient:
    """Asks one authority.

    Every method raises, besides what ``HttpClient`` does:
        Refused (AccessDenied, RateLimited): the authority says no; its words are the message.
        ServerError: the authority cannot answer.
        BadContent: what it says is no answer.

    Args:
        address: where it is.
        roots: its root certificates, PEM; no other is believed.
    """

    def __init__(self, address: ServerAddress, roots: bytes) -> None:
        self.address = address
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=roots.decode("ascii", "replace"))
        except (ssl.SSLError, ValueError) as error:
            raise BadContent(f"the roots of {address} cannot be read", hint="enrol again, with a new token") from error
        self._connection = _Connection(address, context)

    def token(self, token: Token) -> TokenSays:
        """What a token is good for."""
        return self._connection.post(words.TOKEN, AskToken(secret=token.secret.hex()), TokenSays)

    def enrol(self, token: Token, names: list[str], csr: str) -> Answered:
        """A first certificate; asking again with the same key gives the same use of the token."""
        return self._connection.post(words.ENROL, AskEnrol(secret=token.secret.hex(), names=names, csr=csr), Answered)

    def renew(self, certificate: str, csr: str, proof: str) -> Answered:
        """The next certificate."""
        return self._connection.post(words.RENEW, AskRenew(certificate=certificate, csr=csr, proof=proof), Answered)

    def issuers(self) -> Issuers:
        """Which CAs sign now."""
        return self._connection.read(self._connection.get(words.ISSUERS), Issuers)

    def fresh(self, place: str, known: bytes) -> bytes:
        """A bundle or a list, PEM, as it is now; ``known`` where that is what it still is."""
        return self._connection.get_unless(place, known)


class _Connection:
    def __init__(self, address: ServerAddress, context: ssl.SSLContext) -> None:
        self._address, self._http = address, HttpClient(context=context)

    def get(self, place: str) -> bytes:
        """Something small."""
        return self._ask("GET", place, None, _SMALL_MAX_BYTES).body

    def get_unless(self, place: str, known: bytes) -> bytes:
        """Something that may be large; ``known`` where that is what it still is."""
        answer = self._ask("GET", place, None, words.ANSWER_MAX_BYTES, {"if-none-match": words.etag(known)})
        return known if answer.status == _NOT_MODIFIED else answer.body

    def post(self, place: str, ask: Words, answer: type[_Words]) -> _Words:
        """What is asked for may come with the lists of a server."""
        return self.read(self._ask("POST", place, msgspec.json.encode(ask), words.ANSWER_MAX_BYTES).body, answer)

    def read(self, body: bytes, answer: type[_Words]) -> _Words:
        try:
            return msgspec.json.decode(body, type=answer)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadContent(f"{self._address} does not speak as an enrolment server does: {error}") from error

    def _ask(
        self, method: str, place: str, body: bytes | None, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> Response:
        url, deadline = f"https://{self._address}{place}", Deadline(DEADLINE)
        answer = self._http.request(method, url, deadline=deadline, max_bytes=max_bytes, headers=headers, body=body)
        if answer.status == _OK or (answer.status == _NOT_MODIFIED and headers):
            return answer
        raise _refusal(self._address, answer)


def _refusal(address: ServerAddress, answer: Response) -> PytrustError:
    try:
        said = msgspec.json.decode(answer.body, type=Refusal)
    except msgspec.DecodeError:
        return ServerError(f"{address} answers {answer.status}", hint="is that an enrolment server? pytrust ca serve")
    kind: type[PytrustError] = Refused
    match answer.status:
        case 401 | 403:
            kind = AccessDenied
        case 429:
            kind = RateLimited
        case 408 | 500 | 503:
            kind = ServerError
    return kind(f"{address}: {said.message}", hint=said.hint)
