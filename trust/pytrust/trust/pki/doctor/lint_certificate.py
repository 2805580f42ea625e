"""What is wrong with one certificate, of whatever authority. Pure.

Three engines judge certificates for docker, and they disagree: Go (docker, dockerd), OpenSSL, and Python's docker
client, which is as strict as ``openssl verify -x509_strict`` since Python 3.13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from pytrust.trust.pki.doctor.anatomy import Role, is_ca, label, may_serve_as, self_issued
from pytrust.trust.pki.doctor.telling import error, warning
from pytrust.trust.pki.finding import Finding
from pytrust.trust.pki.foreign import extension
from pytrust.trust.pki.model import LEAF_LIFETIME_MAX, moment_text

_RSA_MIN_BITS: Final = 2048
_CURVES: Final = {"secp256r1", "secp384r1", "secp521r1"}  # Go's
_OLD_HASHES: Final = {"sha1", "md5"}
_LONG_LIFE: Final = timedelta(days=397)  # what browsers' authorities were held to until 2026
_SOON_LEAF: Final = timedelta(days=30)
_SOON_CA: Final = timedelta(days=180)
_SOON_SHARE: Final = 5  # a short-lived certificate is not near its end for all of its life
_STRICT: Final = "python >= 3.13 (its docker client) and openssl -x509_strict refuse it, docker itself does not"
_REISSUE: Final = "issue it again, with pytrust: pytrust ca init; pytrust ca server NAME; pytrust ca client NAME"
_NEW_CA: Final = "make a new CA and issue again: pytrust ca init"


@dataclass(frozen=True, slots=True)
class Case:
    """A certificate under examination: ``thing`` as findings name it, ``role`` what it is used as."""

    certificate: x509.Certificate
    thing: str
    role: Role
    now: datetime

    @property
    def name(self) -> str:
        """How texts begin."""
        return f"the {self.role} certificate {label(self.certificate)!r}"

    def error(self, code: str, text: str, hint: str = "") -> Finding:
        """Something that does not work, or is not safe."""
        return error(code, self.thing, f"{self.name} {text}", hint)

    def warning(self, code: str, text: str, hint: str = "") -> Finding:
        """Something that soon will not work, or is not wise."""
        return warning(code, self.thing, f"{self.name} {text}", hint)


def lint_certificate(case: Case) -> Iterator[Finding]:
    """All that is wrong with it alone: dates, names, purpose, key, and what strict verifiers want."""
    for check in _CHECKS:
        yield from check(case)


def key_problem(key: CertificatePublicKeyTypes) -> str:
    """Why a key is too weak, or of a kind that docker's TLS does not know; empty where it is good."""
    match key:
        case rsa.RSAPublicKey():
            return f"rsa of {key.key_size} bits, under {_RSA_MIN_BITS}" if key.key_size < _RSA_MIN_BITS else ""
        case ec.EllipticCurvePublicKey():
            return "" if key.curve.name in _CURVES else f"on the curve {key.curve.name}, which docker does not know"
        case ed25519.Ed25519PublicKey():
            return ""
        case _:
            return "of a kind that docker does not know"


def _dates(case: Case) -> Iterator[Finding]:
    starts, ends = case.certificate.not_valid_before_utc, case.certificate.not_valid_after_utc
    hint = _NEW_CA if case.role is Role.CA else _REISSUE
    if case.now >= ends:
        yield case.error("expired", f"expired {_ago(case.now - ends)} ago, on {moment_text(ends)}", hint)
    elif case.now < starts:
        text = f"is not valid for another {_ago(starts - case.now)}, until {moment_text(starts)}"
        yield case.error("not-yet-valid", text, "check the clocks of this host and of the one that issued it")
    elif ends - case.now < _soon(case):
        yield case.warning("expires-soon", f"expires in {_ago(ends - case.now)}, on {moment_text(ends)}", hint)


def _soon(case: Case) -> timedelta:
    life = case.certificate.not_valid_after_utc - case.certificate.not_valid_before_utc
    return min(_SOON_CA if case.role is Role.CA else _SOON_LEAF, life / _SOON_SHARE)


def _lifetime(case: Case) -> Iterator[Finding]:
    life = case.certificate.not_valid_after_utc - case.certificate.not_valid_before_utc
    if case.role is Role.CA:
        return
    text = f"lives {life.days} days"
    if life > LEAF_LIFETIME_MAX:
        yield case.error(
            "too-long-life", f"{text}: apple's verifier refuses more than {LEAF_LIFETIME_MAX.days}", _REISSUE
        )
    elif life > _LONG_LIFE:
        yield case.warning(
            "long-life", f"{text}, more than {_LONG_LIFE.days}: a stolen key stays good for long", _REISSUE
        )


def _names(case: Case) -> Iterator[Finding]:
    if case.role not in {Role.SERVER, Role.LEAF} or extension(case.certificate, x509.SubjectAlternativeName):
        return
    text = "has no subject alternative names: no client takes it for a server, its common name does not count"
    find = case.error if case.role is Role.SERVER else case.warning
    yield find("no-san", text, "issue it again with the names that clients dial: pytrust ca server NAME --san ADDRESS")


def _purpose(case: Case) -> Iterator[Finding]:
    if may_serve_as(case.certificate, case.role):
        return
    wanted = "serverAuth" if case.role is Role.SERVER else "clientAuth"
    text = f"is not for a {case.role}: its extendedKeyUsage lacks {wanted}"
    yield case.error("wrong-purpose", text, "issue it again for this use, or take the right file")


def _any_purpose(case: Case) -> Iterator[Finding]:
    found = extension(case.certificate, x509.ExtendedKeyUsage)
    named = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    if found is not None and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in found and not named & set(found):
        text = "is for any purpose, and names none: openssl refuses it, docker does not"
        yield case.warning("any-purpose", text, "issue it again with serverAuth or clientAuth")


def _key(case: Case) -> Iterator[Finding]:
    if problem := key_problem(case.certificate.public_key()):
        yield case.error("weak-key", f"has a key {problem}", _REISSUE)


def _signature(case: Case) -> Iterator[Finding]:
    """Nobody checks the signature of a self-signed anchor."""
    used = case.certificate.signature_hash_algorithm
    if used is not None and used.name in _OLD_HASHES and not self_issued(case.certificate):
        yield case.error("weak-signature", f"is signed with {used.name}, which go and openssl refuse", _REISSUE)


def _critical(case: Case) -> Iterator[Finding]:
    for found in case.certificate.extensions:
        if found.critical and isinstance(found.value, x509.UnrecognizedExtension):
            yield case.error(
                "unknown-critical", f"has a critical extension {found.oid.dotted_string} nobody knows", _REISSUE
            )


def _leaf_shape(case: Case) -> Iterator[Finding]:
    if case.role is Role.CA:
        return
    usage = extension(case.certificate, x509.KeyUsage)
    if is_ca(case.certificate):
        yield case.warning("ca-as-leaf", "is a CA itself: whoever gets its key can issue others", _REISSUE)
    if usage is not None and not usage.digital_signature:
        yield case.error(
            "no-digital-signature", "has a keyUsage without digitalSignature: openssl refuses it", _REISSUE
        )


def _ca_shape(case: Case) -> Iterator[Finding]:
    """RFC 5280, 4.2.1: what a CA must have; the guide of docker's manual leaves keyUsage out."""
    if case.role is not Role.CA:
        return
    if not is_ca(case.certificate):
        yield case.error("not-a-ca", "is no CA, so nothing that it issued counts", "put the CA's certificate here")
    elif case.certificate.version is x509.Version.v1:
        yield case.error("ca-version-1", f"is of the first version of x.509: {_STRICT}", _NEW_CA)
    else:
        yield from _strict_ca(case)


def _strict_ca(case: Case) -> Iterator[Finding]:
    usage = extension(case.certificate, x509.KeyUsage)
    if usage is None:
        yield case.error("ca-without-key-usage", f"has no keyUsage: {_STRICT}", _NEW_CA)
    elif not usage.key_cert_sign:
        yield case.error("ca-cannot-sign", "has a keyUsage without keyCertSign: openssl refuses all it issued", _NEW_CA)
    if extension(case.certificate, x509.SubjectKeyIdentifier) is None:
        yield case.error("ca-without-key-id", f"has no subjectKeyIdentifier: {_STRICT}", _NEW_CA)
    if not case.certificate.extensions.get_extension_for_class(x509.BasicConstraints).critical:
        yield case.error("ca-not-critical", f"has basicConstraints that are not critical: {_STRICT}", _NEW_CA)


def _authority_key_id(case: Case) -> Iterator[Finding]:
    modern = case.certificate.version is x509.Version.v3 and not self_issued(case.certificate)
    if modern and extension(case.certificate, x509.AuthorityKeyIdentifier) is None:
        yield case.error("no-authority-key-id", f"has no authorityKeyIdentifier: {_STRICT}", _REISSUE)


_CHECKS: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    _dates,
    _names,
    _purpose,
    _any_purpose,
    _key,
    _signature,
    _critical,
    _ca_shape,
    _leaf_shape,
    _authority_key_id,
    _lifetime,
)


def _ago(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{span.days} days" if span.days > 1 else f"{hours} hours" if hours > 1 else "a moment"
