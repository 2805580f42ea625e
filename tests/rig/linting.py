"""pkilint, as its own commands call it: what it holds to be an error in a certificate or a revocation list."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import validators  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkilint import loader, pkix, validation  # type: ignore[import-untyped]
from pkilint.pkix import certificate, crl, extension, name  # type: ignore[import-untyped]

_SEVERE: Final = {validation.ValidationFindingSeverity.ERROR, validation.ValidationFindingSeverity.FATAL}
_SYNTAX: Final = re.compile(r'pkix\.invalid_(uri|domain_name)_syntax: .*: "(.*)"')
_CLIENT: Final = re.compile(r"pytrust:client:[A-Za-z0-9._@+-]+")


@cache
def _certificates() -> validation.ValidatorContainer:
    decoding = certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS)
    parts = [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ]
    return certificate.create_pkix_certificate_validator_container(decoding, parts)


@cache
def _lists() -> validation.ValidatorContainer:
    decoding = [
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ]
    parts = [
        crl.create_issuer_validator_container([]),
        crl.create_validity_validator_container([]),
        crl.create_extensions_validator_container([]),
    ]
    return crl.create_pkix_crl_validator_container(decoding, parts)


def certificate_errors(found: x509.Certificate) -> list[str]:
    """Code and text of each error."""
    document = loader.RFC5280CertificateDocumentLoader().load_der_document(found.public_bytes(Encoding.DER), "it")
    return _errors(_certificates().validate(document.root))


def list_errors(found: x509.CertificateRevocationList) -> list[str]:
    """Code and text of each error."""
    document = loader.RFC5280CertificateListDocumentLoader().load_der_document(found.public_bytes(Encoding.DER), "it")
    return _errors(_lists().validate(document.root))


def _errors(results: list[validation.ValidationResult]) -> list[str]:
    found = (
        f"{description.finding.code}: {description.message}"
        for result in results
        for description in result.finding_descriptions
        if description.finding.severity in _SEVERE
    )
    return [text for text in found if not _false_alarm(text)]


def _false_alarm(text: str) -> bool:
    """pkilint takes no URI that is not a URL, and no name with a wildcard, an underscore or without a dot.

    RFC 5280, 4.2.1.6 allows any URI; RFC 9525 wildcards; engines are called ``localhost`` and ``build_1``.
    """
    match _SYNTAX.fullmatch(text):
        case re.Match() as found if found[1] == "uri":
            return bool(_CLIENT.fullmatch(found[2]))
        case re.Match() as found:
            mended = found[2].removeprefix("*.").replace("_", "x") + ("" if "." in found[2] else ".example")
            return mended != found[2] and validators.domain(mended) is True
    return False
