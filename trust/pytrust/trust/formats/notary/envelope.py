"""The signed file of Notary v1: ``{"signed":..,"signatures":[{"keyid":..,"method":..,"sig":..}]}``.

Stock servers and clients hash what they write again after reading. So a file is kept as the bytes that came, and what
is written here is what Go would write, byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pytrust.trust.canonical import parse_json
from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP
from pytrust.trust.errors import BadMetadata
from pytrust.trust.formats.notary import canonical, signatures
from pytrust.trust.formats.notary.keys import WireId, WireKey
from pytrust.trust.keys.signers import Signer
from pytrust.trust.limits import (
    ROOT_MAX_BYTES,
    SIGNATURES_MAX,
    SNAPSHOT_MAX_BYTES,
    TARGETS_MAX_BYTES,
    TIMESTAMP_MAX_BYTES,
)
from pytrust.trust.names import KeyId

MAX_BYTES: Final[Mapping[str, int]] = {
    ROOT: ROOT_MAX_BYTES,
    SNAPSHOT: SNAPSHOT_MAX_BYTES,
    TIMESTAMP: TIMESTAMP_MAX_BYTES,
}
_FIELDS: Final = {"keyid", "method", "sig"}
_KEY_ID: Final = re.compile(r"[0-9A-Za-z]+")
_METHOD: Final = re.compile(r"[0-9A-Za-z#. _-]+")  # pycrypto-pkcs#1 pss
_CONTROL: Final = re.compile(rb"[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature under the id that the file gives its key."""

    keyid: WireId
    method: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """``signed`` is the JSON object, ``payload`` its canonical form, which the signatures are over."""

    signed: Mapping[str, Any]
    signatures: tuple[Signature, ...]
    payload: bytes


def max_bytes(role: str) -> int:
    """The largest file that is read for ``role``."""
    return MAX_BYTES.get(role, TARGETS_MAX_BYTES)


def read_envelope(role: str, data: bytes) -> Envelope:
    """Read a file strictly, whatever its role's fields; raises ``BadMetadata``."""
    what = f"{role}.json"
    document = parse_json(data, what=what, max_bytes=max_bytes(role))
    try:
        found = _read_signatures(document)
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as error:
        raise BadMetadata(f"{what} is malformed: {str(error)[:200]}") from error
    payload = canonical.encode(document["signed"])
    if _CONTROL.search(payload):  # canonical JSON does not escape them, so that Go cannot put them into a file
        raise BadMetadata(f"{what} has control characters")
    return Envelope(document["signed"], found, payload)


def unsigned(signed: Mapping[str, Any]) -> Envelope:
    """A file to be signed."""
    return Envelope(signed, (), canonical.encode(signed))


def write_envelope(envelope: Envelope) -> bytes:
    """The file as Go writes it."""
    made = ",".join(
        f'{{"keyid":"{item.keyid}","method":"{item.method}","sig":"{base64.b64encode(item.sig).decode()}"}}'
        for item in envelope.signatures
    )
    return b'{"signed":' + canonical.as_go_writes(envelope.payload) + b',"signatures":[' + made.encode() + b"]}"


def sign(envelope: Envelope, signer: Signer, keyid: WireId) -> Envelope:
    """Add a signature under ``keyid``; one that is there already is replaced."""
    method, made = signatures.make(signer, envelope.payload)
    others = tuple(item for item in envelope.signatures if item.keyid != keyid)
    return replace(envelope, signatures=(*others, Signature(keyid, method, made)))


def signed_by(envelope: Envelope, keys: Iterable[WireKey]) -> frozenset[KeyId]:
    """The distinct keys of ``keys``, by material, that have a valid signature under their own id."""
    by_id = {key.id: key for key in keys}
    valid: set[KeyId] = set()
    for item in envelope.signatures:
        key = by_id.get(item.keyid)
        if key is None or key.material.id in valid:
            continue
        if signatures.verifies(key.material, item.method, item.sig, envelope.payload):
            valid.add(key.material.id)
    return frozenset(valid)


def _read_signatures(document: Mapping[str, Any]) -> tuple[Signature, ...]:
    found = tuple(map(_read_signature, _listed(document)))
    if len({item.keyid for item in found}) != len(found):
        raise ValueError("one key signed it twice")
    return found


def _listed(document: Mapping[str, Any]) -> list[Any]:
    if document.keys() != {"signed", "signatures"} or not isinstance(document["signed"], dict):
        raise ValueError("it is not an object of signed and signatures")
    listed = document["signatures"]
    if listed is None:
        return []
    if not isinstance(listed, list) or len(listed) > SIGNATURES_MAX:
        raise ValueError(f"its signatures are no list, or more than {SIGNATURES_MAX}")
    return listed


def _read_signature(item: Mapping[str, Any]) -> Signature:
    if item.keys() != _FIELDS or not all(isinstance(value, str) for value in item.values()):
        raise ValueError("a signature has other fields than keyid, method and sig")
    if not _KEY_ID.fullmatch(item["keyid"]) or not _METHOD.fullmatch(item["method"]):
        raise ValueError("a signature has a key id or method that is none")
    return Signature(WireId(item["keyid"]), item["method"], canonical.decode_base64(item["sig"]))
