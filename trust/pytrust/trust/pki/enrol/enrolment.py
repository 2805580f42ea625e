"""Certificates for hosts that ask: tokens and renewals, decided by grants.py, signed by the authority."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Self, assert_never

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.errors import RateLimited, Refused, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import KeyId
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.making import names_of, wish_again
from pytrust.trust.pki.enrol.grants import (
    Denied,
    ForClient,
    ForServer,
    Grant,
    decide,
    key_of,
    refuse_renewal,
    refuse_token,
)
from pytrust.trust.pki.enrol.rate import Rate
from pytrust.trust.pki.enrol.store import EnrolStore
from pytrust.trust.pki.enrol.token import SecretHash, hash_secret
from pytrust.trust.pki.enrol.words import AskEnrol, AskRenew, proves
from pytrust.trust.pki.foreign import UNREADABLE
from pytrust.trust.pki.mint.csr import SigningRequest
from pytrust.trust.pki.mint.profile import CertPublicKey
from pytrust.trust.pki.model import ISSUER_OF, Issued, Kind, LeafKind, Serial, leaf_kind
from pytrust.trust.pki.names import ServerNames

SIGNED_MAX: Final = 60  # certificates for one holder in an hour; one of five minutes is renewed twenty times
_HOUR: Final = 3600.0
_USED: Final = Denied(
    code="used-token", text="all uses of the enrolment token are taken", hint="ask for a new one: pytrust ca token"
)
_OVER: Final = Denied(
    code="used-token", text="the certificate that came of this token is revoked or over", hint=_USED.hint
)
_UNPROVED: Final = Denied(
    code="wrong-proof", text="the renewal is not signed with the key of the certificate", hint="renew from its own host"
)


class Denial(Refused):
    """Whoever asked gets no certificate; why stands in ``denied``."""

    code = "enrolment-refused"
    denied: Denied

    @classmethod
    def of(cls, denied: Denied) -> Self:
        """The error for a decision."""
        error = cls(denied.text, hint=denied.hint)
        error.denied = denied
        return error


class Enrolment:
    """An authority, and the tokens it gave out; for one thread.

    Args:
        authority: signs.
        store: its tokens.
        now: the clock, aware.
    """

    def __init__(self, authority: Authority, store: EnrolStore, now: Callable[[], datetime]) -> None:
        self._authority, self._store, self._now = authority, store, now
        self._signed = Rate(SIGNED_MAX, _HOUR)

    def grant(self, secret: str) -> Grant:
        """What a token (its secret, in hexadecimal) is good for; raises ``Denial``."""
        return self._good(_known_by(secret))

    def enrol(self, ask: AskEnrol) -> Issued:
        """A first certificate, or the same again for whoever asks again with the same key and token.

        Raises:
            Denial: see ``refuse_token`` and ``decide``.
            Refused: the name belongs to somebody, or is none that the CA may sign.
            UsageError: the CSR is none.
        """
        known_by = _known_by(ask.secret)
        grant = self._good(known_by)
        wanted = decide(grant, ask.names)
        if isinstance(wanted, Denied):
            raise Denial.of(wanted)
        if isinstance(wanted, ForServer) and not grant.exact:
            self._check_free(wanted.names)
        key = SigningRequest.read(ask.csr.encode()).public_key
        return self._use(known_by, grant, wanted, key)

    def renew(self, ask: AskRenew) -> Issued:
        """The next certificate, with the same names and the same span; raises ``Denial``, and what ``enrol`` does."""
        issued = self._recorded(_leaf(ask.certificate))
        if issued is not None and not proves(ask.proof, issued.certificate.public_key(), ask.csr, ask.certificate):
            raise Denial.of(_UNPROVED)
        key = SigningRequest.read(ask.csr.encode()).public_key
        follower = self._by_serial(issued.replaced_by) if issued else None
        if denied := refuse_renewal(issued, follower, PublicKey.of(key).id, self._now()):
            self._note_theft(denied, issued, key)
            raise Denial.of(denied)
        assert issued is not None  # refuse_renewal said so
        return follower or self._sign_next(issued, key)

    def _check_free(self, wanted: ServerNames) -> None:
        """A pattern lets nobody have a name of another server, such as the one that this authority is asked at."""
        for holder in self._authority.index.servers():
            if holder.name == wanted.first or not holder.issued.live(self._now()):
                continue
            theirs = names_of(holder.issued)
            if isinstance(theirs, ServerNames) and (shared := set(theirs.names) & set(wanted.names)):
                names = ", ".join(map(str, shared))
                raise Refused(f"{names} belongs to the server {holder.name}", hint="ask for names that nobody has")

    def _use(self, known_by: SecretHash, grant: Grant, wanted: ForClient | ForServer, key: CertPublicKey) -> Issued:
        name = PublicKey.of(key).id
        claim = self._store.claim(known_by, name)
        if claim is None:
            raise Denial.of(_USED)
        if claim.serial is not None:
            return self._again(claim.serial)
        issued = None if claim.fresh else self._cut_short(wanted, name)
        issued = issued or self._sign_for(known_by, name, grant, wanted, key)
        self._store.settle(known_by, name, issued, self._now())
        return issued

    def _again(self, serial: Serial) -> Issued:
        """What came of a use, for whoever did not get the answer; unless it was revoked since."""
        found = self._by_serial(serial)
        if found is None or not found.live(self._now()):
            raise Denial.of(_OVER)
        return found

    def _cut_short(self, wanted: ForClient | ForServer, key: KeyId) -> Issued | None:
        """What was signed for a use before this process was killed, and never written down as such."""
        holder = self._authority.index.holder(*_holder(wanted))
        found = holder and holder.issued
        return found if found and key_of(found) == key and found.live(self._now()) else None

    def _sign_for(
        self, known_by: SecretHash, name: KeyId, grant: Grant, wanted: ForClient | ForServer, key: CertPublicKey
    ) -> Issued:
        try:
            return self._sign(wanted, key, grant)
        except (Refused, UsageError, RateLimited):
            self._store.release(known_by, name)
            raise

    def _sign(self, wanted: ForClient | ForServer, key: CertPublicKey, grant: Grant) -> Issued:
        self._count("/".join(_holder(wanted)))
        match wanted:
            case ForClient(name):
                return self._authority.sign_client(name, key, lifetime=grant.lifetime)
            case ForServer(names):
                return self._authority.sign_server(names, key, lifetime=grant.lifetime)
            case _:
                assert_never(wanted)

    def _sign_next(self, issued: Issued, key: CertPublicKey) -> Issued:
        kind = leaf_kind(issued.kind)
        self._count(f"{kind}/{issued.holder}")
        end = self._authority.index.current(ISSUER_OF[kind]).not_after
        wish = wish_again(issued, end, self._now())
        if isinstance(wish.names, ServerNames):
            return self._authority.sign_server(wish.names, key, lifetime=wish.lifetime, replaces=issued)
        return self._authority.sign_client(wish.names, key, lifetime=wish.lifetime, replaces=issued)

    def _note_theft(self, denied: Denied, issued: Issued | None, key: CertPublicKey) -> None:
        """Counted apart from what is signed: whoever has an old key must not use up its holder's renewals."""
        if denied.code == "renewed-before" and issued is not None:
            self._count(f"suspected/{issued.kind}/{issued.holder}")
            self._store.suspect(issued, PublicKey.of(key).id, self._now())

    def _good(self, known_by: SecretHash) -> Grant:
        grant = self._store.find(known_by)
        if denied := refuse_token(grant, self._now()):
            raise Denial.of(denied)
        assert grant is not None  # refuse_token said so
        return grant

    def _count(self, holder: str) -> None:
        """What is signed stays in the index for ever, so nobody gets it filled."""
        now = time.monotonic()
        if wait := self._signed.wait(holder, now):
            raise RateLimited(f"{SIGNED_MAX} certificates for {holder} in an hour", hint=f"try in {wait:.0f} s again")
        self._signed.count(holder, now)

    def _recorded(self, shown: x509.Certificate) -> Issued | None:
        """The very certificate, not one with the same serial."""
        found = self._by_serial(Serial(shown.serial_number))
        return found if found and found.der == shown.public_bytes(Encoding.DER) else None

    def _by_serial(self, serial: Serial | None) -> Issued | None:
        return None if serial is None else self._authority.index.by_serial(serial)


def _known_by(secret: str) -> SecretHash:
    return hash_secret(bytes.fromhex(secret))


def _holder(wanted: ForClient | ForServer) -> tuple[LeafKind, str]:
    match wanted:
        case ForClient(name):
            return Kind.CLIENT, name
        case ForServer(names):
            return Kind.SERVER, names.first
        case _:
            assert_never(wanted)


def _leaf(pem: str) -> x509.Certificate:
    """The first certificate of a chain; raises ``UsageError``."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except UNREADABLE as error:
        raise UsageError("the certificate to be renewed cannot be read", hint="send what stands in cert.pem") from error
