"""Whether a client's certificate is good at this moment: issued by a CA that counts, in its time, not withdrawn. Pure.

dockerd never asks the last question, and neither do most servers, so the proxy and the authorization plugin do, at
every request. No list, or one whose time is over, means no: revocation that cannot be checked is not enforced.

The handshake came first: it checked that the peer holds the key, and name constraints. The issuer must be in ``ca.pem``
itself; a CA that is only vouched for by one that is there has no list that anybody would have put beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from pytrust.trust.pki.clients.cas import ClientCa, for_clients, give_lists, is_ca, read_cas
from pytrust.trust.pki.finding import Finding
from pytrust.trust.pki.foreign import UNREADABLE, extension, read_certificate, reason_of
from pytrust.trust.pki.mint.crl import RevocationList
from pytrust.trust.pki.model import Revocation, serial_text

SKEW: Final = timedelta(minutes=5)  # by which the clock of a list's maker may be ahead of ours
LEAF_MAX_BYTES: Final = 64 * 1024  # of a client's certificate; honest ones have 1 KiB
KNOWN_MAX: Final = 4096  # certificates remembered with their verdict; a megabyte or four

_MOMENT: Final = "%Y-%m-%d %H:%M:%S UTC"
_REVOKED: Final = "revoked"
_STALE: Final = "stale-revocation-list"
_CLOCK: Final = "compare this host's clock with that of the CA"
_RENEW: Final = "renew it: pytrust ca renew NAME, or ask whoever runs the CA"
_NEW_LIST: Final = "renew the list and give it to this host: pytrust ca crl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a certificate says its holder is; ``common_name`` and ``uris`` as they stand in it, of any authority."""

    common_name: str
    uris: tuple[str, ...]
    serial: int

    def __str__(self) -> str:
        return self.common_name or next(iter(self.uris), "") or "unnamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """It counts, until ``until`` at the latest (its end, its CA's end, or the end of the list's time)."""

    identity: Identity
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """It does not count; ``text`` and ``hint`` say why and what to do, ``code`` is stable: ``revoked``, ``expired``,
    ``not-yet-valid``, ``unknown-issuer``, ``wrong-purpose``, ``no-revocation-list``, ``stale-revocation-list``,
    ``malformed``.
    """

    code: str
    text: str
    hint: str
    identity: Identity | None = None


Standing = Good | Bad


class _Span(NamedTuple):
    """A time in which something counts, and what is to be said before and after it."""

    begins: datetime
    ends: datetime
    early: Bad
    late: Bad


class _Passing(NamedTuple):
    """A certificate with which nothing is wrong but, perhaps, the moment."""

    good: Good
    spans: tuple[_Span, ...]

    def at(self, now: datetime) -> Standing:
        for span in self.spans:
            if now < span.begins:
                return span.early
            if now >= span.ends:
                return span.late
        return self.good


@dataclass(frozen=True, slots=True, eq=False)
class ClientTrust:
    """CAs and lists of one moment; ``findings`` tell what is wrong with them as a whole."""

    cas: tuple[ClientCa, ...]
    findings: tuple[Finding, ...]
    _known: dict[bytes, tuple[_Passing | Bad, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, ca_pem: bytes, crl_pem: bytes) -> Self:
        """Read ``ca.pem`` and ``crl.pem`` (concatenated PEM; the lists may be none).

        Raises:
            Damaged: ``ca.pem`` is no PEM file of certificates, or too large.
            BadMetadata: the same of ``crl.pem``, and for a list that leaves things out.
            BadSignature: a list was not made by the CA that it names.
            UsageError: no certificate is that of a CA for clients.
        """
        return cls(*give_lists(read_cas(ca_pem), crl_pem))

    def judge(self, leaf_der: bytes, now: datetime) -> Standing:
        """Whether a client that has proved to hold the key of ``leaf_der`` may come in at ``now`` (aware).

        A certificate is examined once; after that, only the moment is looked at.
        """
        verdicts = self._known.get(leaf_der) or self._examine(leaf_der)
        standings = [each if isinstance(each, Bad) else each.at(now) for each in verdicts]
        return next((each for each in standings if isinstance(each, Good)), standings[0])

    def _examine(self, leaf_der: bytes) -> tuple[_Passing | Bad, ...]:
        """A verdict for each CA that may have issued it; at least one. Also remembers them."""
        try:
            verdicts = self._verdicts(_parse(leaf_der))
        except UNREADABLE as error:
            text = f"the client's certificate cannot be read: {reason_of(error)}"
            verdicts = (Bad(code="malformed", text=text, hint="ask whoever runs the CA for another"),)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[leaf_der] = verdicts
        return verdicts

    def _verdicts(self, leaf: x509.Certificate) -> tuple[_Passing | Bad, ...]:
        who = _identify(leaf)
        issuers = [ca for ca in self.cas if ca.issued(leaf)]
        if not issuers:
            return (_unknown_issuer(leaf, who),)
        if is_ca(leaf) or not for_clients(leaf):
            return (_wrong_purpose(who),)
        found = tuple(_under(ca, leaf, who) for ca in issuers)
        withdrawn = tuple(each for each in found if isinstance(each, Bad) and each.code == _REVOKED)
        return withdrawn or found  # all have one name and key: whichever of their lists it stands in


def _parse(leaf_der: bytes) -> x509.Certificate:
    if len(leaf_der) > LEAF_MAX_BYTES:
        raise ValueError(f"it has more than {LEAF_MAX_BYTES} bytes")
    return read_certificate(leaf_der)


def _identify(leaf: x509.Certificate) -> Identity:
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) > 1:
        raise ValueError("it has two common names")
    common_name = str(names[0].value) if names else ""
    alternatives = extension(leaf, x509.SubjectAlternativeName)
    uris = alternatives.get_values_for_type(x509.UniformResourceIdentifier) if alternatives else ()
    return Identity(common_name=common_name, uris=tuple(uris), serial=leaf.serial_number)


def _under(ca: ClientCa, leaf: x509.Certificate, who: Identity) -> _Passing | Bad:
    if ca.revoked is None:
        return _no_list(ca, who)
    if leaf.serial_number in ca.revoked.revoked:
        return _revoked(ca.revoked.revoked[leaf.serial_number], who)
    spans = (_life_of_leaf(leaf, who), _life_of_ca(ca, who), _life_of_list(ca, ca.revoked, who))
    return _Passing(Good(identity=who, until=min(span.ends for span in spans)), spans)


def _life_of_leaf(leaf: x509.Certificate, who: Identity) -> _Span:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return _Span(
        begins,
        ends,
        Bad(
            code="not-yet-valid",
            text=f"the certificate of {who} counts from {begins:{_MOMENT}} on",
            hint=_CLOCK,
            identity=who,
        ),
        Bad(code="expired", text=f"the certificate of {who} ended on {ends:{_MOMENT}}", hint=_RENEW, identity=who),
    )


def _life_of_ca(ca: ClientCa, who: Identity) -> _Span:
    begins, ends = ca.certificate.not_valid_before_utc, ca.certificate.not_valid_after_utc
    issuer = f"the issuer of {who}, {ca.name},"
    return _Span(
        begins,
        ends,
        Bad(code="not-yet-valid", text=f"{issuer} counts from {begins:{_MOMENT}} on", hint=_CLOCK, identity=who),
        Bad(
            code="expired",
            text=f"{issuer} ended on {ends:{_MOMENT}}",
            hint="its clients need certificates of a new one: pytrust ca rotate client-ca",
            identity=who,
        ),
    )


def _life_of_list(ca: ClientCa, revocations: RevocationList, who: Identity) -> _Span:
    begins, ends = revocations.this_update - SKEW, revocations.next_update
    thing = f"the revocation list of {ca.name}"
    stale = Bad(code=_STALE, text=f"{thing} ended on {ends:{_MOMENT}}", hint=_NEW_LIST, identity=who)
    text = f"{thing} is of the future: {revocations.this_update:{_MOMENT}}"
    return _Span(begins, ends, Bad(code=_STALE, text=text, hint=_CLOCK, identity=who), stale)


def _unknown_issuer(leaf: x509.Certificate, who: Identity) -> Bad:
    return Bad(
        code="unknown-issuer",
        text=f"the certificate of {who} is issued by {leaf.issuer.rfc4514_string()}, by no CA of ca.pem",
        hint="ask for one of a CA that this host trusts: pytrust ca client NAME",
        identity=who,
    )


def _wrong_purpose(who: Identity) -> Bad:
    return Bad(
        code="wrong-purpose",
        text=f"the certificate of {who} is not made for clients",
        hint="ask for one that is: pytrust ca client NAME",
        identity=who,
    )


def _no_list(ca: ClientCa, who: Identity) -> Bad:
    return Bad(
        code="no-revocation-list",
        text=f"crl.pem has no list of {ca.name}, so nobody knows whether {who} was locked out",
        hint=_NEW_LIST,
        identity=who,
    )


def _revoked(revocation: Revocation, who: Identity) -> Bad:
    return Bad(
        code=_REVOKED,
        text=f"the certificate of {who} ({serial_text(who.serial)}) was revoked on {revocation.at:{_MOMENT}}, "
        f"reason: {revocation.reason}",
        hint="ask whoever runs the CA for another: pytrust ca client NAME",
        identity=who,
    )
