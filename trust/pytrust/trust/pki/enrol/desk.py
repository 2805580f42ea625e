"""What the enrolment server answers, and to whom it stops answering: HTTP in front of an ``Enrolment``."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from typing import Final, Literal, TypeVar

import msgspec

from pytrust.trust.errors import PytrustError, RateLimited, Refused, UsageError
from pytrust.trust.pki.authority.delivery import Supplies, supplies
from pytrust.trust.pki.authority.index import Index
from pytrust.trust.pki.enrol import words
from pytrust.trust.pki.enrol.enrolment import Denial, Enrolment
from pytrust.trust.pki.enrol.grants import Grant
from pytrust.trust.pki.enrol.http import Answer, Request
from pytrust.trust.pki.enrol.rate import Rate, neighbourhood
from pytrust.trust.pki.enrol.words import (
    Answered,
    AskEnrol,
    AskRenew,
    AskToken,
    Issuers,
    Refusal,
    TokenSays,
    Words,
    etag,
)
from pytrust.trust.pki.model import ISSUER_OF, Issued, Kind, LeafKind, leaf_kind, serial_text

WRONG_MAX: Final = 10  # tokens and proofs of one address that are none, in a minute; typing errors never get here
_MINUTE: Final = 60.0
_NO_SUCH: Final = frozenset({"unknown-token", "unknown-certificate", "wrong-proof"})
_Words = TypeVar("_Words", bound=Words)
_Place = Callable[[bytes], Answer]


def root_bundle(index: Index) -> bytes:
    """The roots that clients are to trust now, PEM: the very bytes that tokens are made for."""
    return supplies(index, Kind.CLIENT).ca


class Desk:
    """Answers requests; for one thread.

    Args:
        index: what the authority knows.
        enrolment: what it signs.
        say: tells the operator, one line at a time.
    """

    def __init__(self, index: Index, enrolment: Enrolment, say: Callable[[str], None]) -> None:
        self._index, self._enrolment, self._say = index, enrolment, say
        self._wrong = Rate(WRONG_MAX, _MINUTE)
        self._kept: dict[LeafKind, tuple[int, Supplies]] = {}
        self._places: dict[tuple[str, str], _Place] = {
            ("GET", words.ROOTS): lambda _: _pem(self._supplies(Kind.CLIENT).ca),
            ("GET", words.CLIENT_CAS): lambda _: _pem(self._supplies(Kind.SERVER).ca),
            ("GET", words.CRL): lambda _: _pem(self._supplies(Kind.SERVER).crl),
            ("GET", words.ISSUERS): lambda _: _json(self._issuers()),
            ("POST", words.TOKEN): lambda body: _json(_told(enrolment.grant(_read(body, AskToken).secret))),
            ("POST", words.ENROL): lambda body: self._signed("enrolled", enrolment.enrol(_read(body, AskEnrol))),
            ("POST", words.RENEW): lambda body: self._signed("renewed", enrolment.renew(_read(body, AskRenew))),
        }

    def answer(self, request: Request, peer: str) -> Answer:
        """Answer one request from the address ``peer``; raises nothing."""
        place = self._places.get((request.method, request.target))
        if place is None:
            return _refuse(404, "not-found", f"there is no {request.method} {request.target} here")
        try:
            answer = self._unless_wrong_before(place, request, peer)
        except PytrustError as error:
            return self._explain(error, peer)
        except Exception as error:  # noqa: BLE001 - one request must not end the server
            self._say(f"error: internal: {type(error).__name__} while answering {request.target}")
            return _refuse(500, "internal", "the authority failed", "ask its operator: the log of pytrust ca serve")
        return answer.unless(request.etag)

    def _unless_wrong_before(self, place: _Place, request: Request, peer: str) -> Answer:
        """Whoever comes with wrong tokens is not even listened to for a while."""
        key, now = neighbourhood(peer), time.monotonic()
        if request.method == "POST" and (wait := self._wrong.wait(key, now)):
            text = f"too many wrong tokens from this address: not before {ceil(wait)} s have passed"
            return _refuse(429, RateLimited.code, text, "look whether the token is the right one meanwhile")
        try:
            return place(request.body)
        except Denial as denial:
            if denial.denied.code in _NO_SUCH:
                self._wrong.count(key, now)
            raise

    def _explain(self, error: PytrustError, peer: str) -> Answer:
        match error:
            case Denial():
                status = 401 if error.denied.code in _NO_SUCH else 403
                code = error.denied.code
            case UsageError():
                status, code = 400, error.code
            case Refused():
                status, code = 409, error.code
            case RateLimited():
                status, code = 429, error.code
            case _:
                self._say(f"error: {error}")
                return _refuse(503, error.code, "the authority cannot answer now", "try again, or ask its operator")
        self._say(f"refused {peer}: {error}")
        return _refuse(status, code, str(error), error.hint)

    def _signed(self, done: str, issued: Issued) -> Answer:
        kind = leaf_kind(issued.kind)
        found = self._supplies(kind)
        self._say(
            f"{done} {kind} {issued.holder}, serial {serial_text(issued.serial)}, until {issued.not_after:%F %T}Z"
        )
        return _json(
            Answered(
                kind=_word(issued.kind),
                name=issued.holder,
                certificate=found.chain(issued).decode(),
                ca=found.ca.decode(),
                crl=found.crl.decode(),
                roots=self._supplies(Kind.CLIENT).ca.decode(),
                renew_at=int(issued.renew_at.timestamp()),
            )
        )

    def _supplies(self, kind: LeafKind) -> Supplies:
        """Put together once for each state of the index: a list may have megabytes, and everybody asks for it."""
        epoch = self._index.epoch(kind)
        if kind not in self._kept or self._kept[kind][0] != epoch:
            self._kept[kind] = epoch, supplies(self._index, kind)
        return self._kept[kind][1]

    def _issuers(self) -> Issuers:
        return Issuers(client=self._chain_id(Kind.CLIENT), server=self._chain_id(Kind.SERVER))

    def _chain_id(self, kind: LeafKind) -> str:
        return etag(self._supplies(kind).links[self._index.current(ISSUER_OF[kind]).generation])


def _told(grant: Grant) -> TokenSays:
    return TokenSays(kind=_word(grant.kind), names=list(grant.allowed), exact=bool(grant.exact))


def _word(kind: Kind) -> Literal["client", "server"]:
    return "server" if kind == Kind.SERVER else "client"


def _read(body: bytes, kind: type[_Words]) -> _Words:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"the body of the request is none: {error}", hint="ask with: pytrust ca request") from error


def _pem(data: bytes) -> Answer:
    return Answer(200, data, "application/x-pem-file", etag=etag(data))


def _json(said: Words) -> Answer:
    return Answer(200, msgspec.json.encode(said))


def _refuse(status: int, code: str, text: str, hint: str = "") -> Answer:
    return Answer(status, msgspec.json.encode(Refusal(code=code, message=text, hint=hint)))
