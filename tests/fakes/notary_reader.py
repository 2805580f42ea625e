"""A strict reader of Notary v1 files that shares no code with pytrust's: what a stock client would insist on.

Canonical JSON is securesystemslib's, signatures are checked with ``cryptography`` alone. Only P-256 keys are known.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256, sha512
from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from securesystemslib.formats import encode_canonical

_RELEASES: Final = "targets/releases"
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
Json = dict[str, Any]


def check(files: Mapping[str, bytes], roots: Sequence[bytes] = ()) -> set[str]:
    """Assert that ``files``, as a server serves them by role, are one whole; the delegations whose word counts.

    Args:
        files: the newest file of every role that the snapshot lists, snapshot and timestamp.
        roots: every root that was published, oldest first.
    """
    read = {role: json.loads(data) for role, data in files.items()}
    root = read["root"]["signed"]
    for role in ("root", "targets", "snapshot", "timestamp"):
        assert is_signed(read[role], root["keys"], root["roles"][role]), f"{role} is not signed"
    assert _is(files["snapshot"], read["timestamp"]["signed"]["meta"]["snapshot"])
    meta = read["snapshot"]["signed"]["meta"]
    assert meta.keys() == files.keys() - {"snapshot", "timestamp"}
    for role, item in meta.items():
        assert _is(files[role], item), f"{role} is not what the snapshot lists"
    _check_chain([json.loads(data) for data in roots])
    return set(_believed("targets", read))


def accepted(files: Mapping[str, bytes]) -> dict[str, str]:
    """Tag to hash, as docker takes them: of releases, where somebody vouches for it, before those of targets."""
    targets, releases = (
        json.loads(files[role])["signed"] if role in files else None for role in ("targets", _RELEASES)
    )
    assert targets is not None
    rule = next((role for role in targets["delegations"]["roles"] or () if role["name"] == _RELEASES), None)
    said = _hashes(targets)
    if rule is not None and releases is not None and _RELEASES in check(files):
        prefixes = tuple(rule.get("paths") or ())
        said |= {tag: text for tag, text in _hashes(releases).items() if tag.startswith(prefixes)}
    return said


def _hashes(signed: Json) -> dict[str, str]:
    return {tag: item["hashes"]["sha256"] for tag, item in (signed["targets"] or {}).items()}


def is_signed(file: Json, keys: Mapping[str, Json], role: Json) -> bool:
    """Whether enough different keys of ``role`` signed ``file``."""
    payload = str(encode_canonical(file["signed"])).encode()
    good = {
        _spki(keys[item["keyid"]])
        for item in file["signatures"]
        if item["keyid"] in (role["keyids"] or ()) and _verifies(keys[item["keyid"]], item, payload)
    }
    return bool(len(good) >= role["threshold"])


def _check_chain(roots: Sequence[Json]) -> None:
    for before, after in pairwise(roots):
        assert after["signed"]["version"] == before["signed"]["version"] + 1
        for root in (before["signed"], after["signed"]):
            assert is_signed(after, root["keys"], root["roles"]["root"])


def _believed(above: str, read: Mapping[str, Json]) -> Iterable[str]:
    delegated = read[above]["signed"]["delegations"]
    for role in delegated["roles"] or ():
        name = role["name"]
        if name in read and is_signed(read[name], delegated["keys"] or {}, role):
            yield name
            yield from _believed(name, read)


def _is(data: bytes, meta: Json) -> bool:
    made = {"sha256": sha256(data).digest(), "sha512": sha512(data).digest()}
    found = {name: base64.b64decode(text) for name, text in meta["hashes"].items()}
    return meta["length"] == len(data) and found == made


def _verifies(key: Json, item: Json, payload: bytes) -> bool:
    raw = base64.b64decode(item["sig"])
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    loaded = load_der_public_key(_spki(key))
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    try:
        loaded.verify(der, payload, _ECDSA)
    except InvalidSignature:
        return False
    return True


def _spki(key: Json) -> bytes:
    raw = base64.b64decode(key["keyval"]["public"])
    if key["keytype"] == "ecdsa":
        return raw
    assert key["keytype"] == "ecdsa-x509"
    public = x509.load_pem_x509_certificate(raw).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
