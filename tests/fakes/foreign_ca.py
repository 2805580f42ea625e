"""Authorities that issue whatever they are asked for, right or wrong, and lists of what they have withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ObjectIdentifier
from tests.fakes import certificates
from tests.fakes.certificates import AnyKey, Held, digest, name, new_key, usage

CLIENT: Final = (certificates.CLIENT,)
SERVER: Final = (certificates.SERVER,)
ANY: Final = (certificates.ANY,)
DAY: Final = timedelta(days=1)


@dataclass
class ForeignCa:
    """``now`` is the middle of everything it issues."""

    common_name: str = "some CA"
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    key: AnyKey = field(default_factory=new_key)
    uses: Sequence[ObjectIdentifier] | None = None
    usage: tuple[bool, bool] | None = (True, True)  # may sign certificates, lists
    is_ca: bool = True
    key_id: bool = True
    key_name: bytes = b""  # a key identifier that is not made from the key
    begins: datetime | None = None
    ends: datetime | None = None

    def __post_init__(self) -> None:
        builder = self._builder(
            name(self.common_name), self.begins or self.now - DAY, self.ends or self.now + 365 * DAY
        )
        builder = builder.public_key(self.key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=self.is_ca, path_length=None), critical=True)
        if self.usage:
            signs, lists = self.usage
            builder = builder.add_extension(usage(certificates=signs, lists=lists, anything_else=True), critical=True)
        if self.uses is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.uses), critical=False)
        if self.key_id:
            usual = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
            identifier = x509.SubjectKeyIdentifier(self.key_name) if self.key_name else usual
            builder = builder.add_extension(identifier, critical=False)
        self.certificate = builder.sign(self.key, digest(self.key))

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        common_name: str | None = "alice",
        *,
        serial: int | None = None,
        uses: Sequence[ObjectIdentifier] | None = CLIENT,
        begins: datetime | None = None,
        ends: datetime | None = None,
        ca: bool | None = False,
        uris: Sequence[str] = (),
        dns: Sequence[str] = (),
        authority: bytes | None = b"",
        extra: Iterable[tuple[x509.ExtensionType, bool]] = (),
        subject: x509.Name | None = None,
    ) -> Held:
        """A certificate.

        Args:
            ca: None leaves basic constraints out.
            authority: the key identifier that it names; empty for the right one, None for none.
        """
        key = new_key()
        subject = subject or (name(common_name) if common_name is not None else x509.Name([]))
        builder = self._builder(subject, begins or self.now - DAY, ends or self.now + 30 * DAY, serial)
        builder = builder.public_key(key.public_key())
        for value, critical in (*self._usual(uses, ca, uris, dns, authority), *extra):
            builder = builder.add_extension(value, critical)
        return Held(builder.sign(self.key, digest(self.key)), key)

    def crl(
        self,
        *revoked: int,
        number: int | None = 1,
        since: datetime | None = None,
        until: datetime | None = None,
        authority: bytes | None = b"",
        extra: Iterable[tuple[x509.ExtensionType, bool]] = (),
        key: AnyKey | None = None,
    ) -> bytes:
        """A list in PEM, signed with ``key``, its own by default."""
        since = since or self.now - DAY
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=self.certificate.subject,
            last_update=since,
            next_update=until or self.now + 30 * DAY,
            revoked_certificates=[
                x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=since).build()
                for serial in revoked
            ],
        )
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        for value, critical in (*self._authority(authority), *extra):
            builder = builder.add_extension(value, critical)
        return builder.sign(key or self.key, digest(key or self.key)).public_bytes(Encoding.PEM)

    def _builder(
        self, subject: x509.Name, begins: datetime, ends: datetime, serial: int | None = None
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=name(self.common_name),
            subject_name=subject,
            serial_number=serial or x509.random_serial_number(),
            not_valid_before=begins,
            not_valid_after=ends,
        )

    def _usual(
        self,
        uses: Sequence[ObjectIdentifier] | None,
        ca: bool | None,
        uris: Sequence[str],
        dns: Sequence[str],
        authority: bytes | None,
    ) -> Iterable[tuple[x509.ExtensionType, bool]]:
        if ca is not None:
            yield x509.BasicConstraints(ca=ca, path_length=None), True
        if uses is not None:
            yield x509.ExtendedKeyUsage(uses), False
        if uris or dns:
            names = [*map(x509.UniformResourceIdentifier, uris), *map(x509.DNSName, dns)]
            yield x509.SubjectAlternativeName(names), False
        yield from self._authority(authority)

    def _authority(self, key_id: bytes | None) -> Iterable[tuple[x509.ExtensionType, bool]]:
        if key_id is not None:
            right = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()).digest
            yield x509.AuthorityKeyIdentifier(key_id or right, None, None), False
