"""Make Notary v1 files that the recorded ones of real servers do not have: other keys, chains, thresholds, spellings.

Run from the root of the repository: ``python tests/vectors/notary/make.py``. Nothing of pytrust is used: canonical JSON
is written here, keys and certificates come from ``cryptography`` and, with SHA-1, from ``openssl``. Keys are thrown
away. ``index.json`` says of each file which role of which collection it is, how many of its listed keys signed it well,
and, of a root, why it is refused (empty: it is not).
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

FOLDER: Final = Path(__file__).parent
NAME: Final = "registry.example.com/foo/web"
BEGIN: Final = datetime(2026, 11, 1, tzinfo=UTC)
END: Final = datetime(2116, 11, 1, tzinfo=UTC)
SHA256: Final = hashes.SHA256()
Json = dict[str, Any]


def canonical(value: Any) -> str:
    """OLPC canonical JSON."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return "null" if value is None else str(value).lower()


class Key:
    """A private key, and how files list it: bare, or with ``pem`` in certificates."""

    def __init__(self, private: Any, pem: bytes | None = None, method: str = "", *, listed_pem: bool = False) -> None:
        self.private = private
        kind = "rsa" if isinstance(private, rsa.RSAPrivateKey) else "ecdsa"
        public = private.public_key()
        if isinstance(private, ed25519.Ed25519PrivateKey):
            kind, raw = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            form = Encoding.PEM if listed_pem else Encoding.DER
            raw = public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
        text = base64.b64encode(pem if pem is not None else raw).decode()
        self.document = {"keytype": kind + ("-x509" if pem else ""), "keyval": {"private": None, "public": text}}
        self.id = hashlib.sha256(canonical(self.document).encode()).hexdigest()
        self.method = method or {"rsa": "rsapss", "ecdsa": "ecdsa", "ed25519": "eddsa"}[kind]

    def sign(self, payload: bytes, salt: int = 32) -> str:
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            made = self.private.sign(payload)
        elif isinstance(self.private, rsa.RSAPrivateKey):
            pss: Any = padding.PSS(padding.MGF1(SHA256), salt)
            made = self.private.sign(payload, padding.PKCS1v15() if self.method == "rsapkcs1v15" else pss, SHA256)
        else:
            size = (self.private.curve.key_size + 7) // 8
            parts = decode_dss_signature(self.private.sign(payload, ec.ECDSA(SHA256)))
            made = b"".join(part.to_bytes(size, "big") for part in parts)
        return base64.b64encode(made).decode()


def p256() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def certified(
    private: Any, common_name: str = NAME, end: datetime = END, *, ca: bool = False, by: tuple[Any, str] | None = None
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by[1])]) if by else subject
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(private.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(BEGIN).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(by[0] if by else private, SHA256).public_bytes(Encoding.PEM)


def certified_with_sha1(private: Any) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        command = ["openssl", "req", "-x509", "-new", "-key", file.name, "-sha1", "-days", "30000", "-subj"]
        command += [f"/CN={NAME.replace('/', chr(92) + '/')}", "-addext", "basicConstraints=critical,CA:FALSE"]
        return subprocess.run(command, check=True, capture_output=True).stdout


def write(name: str, signed: Json, keys: list[Key], salt: int = 32) -> None:
    payload = canonical(signed)
    made = [{"keyid": key.id, "method": key.method, "sig": key.sign(payload.encode(), salt)} for key in keys]
    for char in "&<>\u2028\u2029":
        payload = payload.replace(char, f"\\u{ord(char):04x}")
    signatures = ",".join(f'{{"keyid":"{s["keyid"]}","method":"{s["method"]}","sig":"{s["sig"]}"}}' for s in made)
    (FOLDER / name).write_bytes(f'{{"signed":{payload},"signatures":[{signatures}]}}'.encode())


def root(version: int, root_keys: list[Key], others: list[Key], threshold: int = 1, also: tuple[Key, ...] = ()) -> Json:
    roles = {"root": root_keys, "targets": others, "snapshot": others[:1], "timestamp": others[:1]}
    return {
        "_type": "Root",
        "consistent_snapshot": False,
        "expires": "2116-01-11T16:58:57.119711158-08:00",
        "keys": {key.id: key.document for key in (*root_keys, *others, *also)},
        "roles": {
            role: {"keyids": [key.id for key in keys], "threshold": threshold if role in {"root", "targets"} else 1}
            for role, keys in roles.items()
        },
        "version": version,
    }


def targets(names: Json, delegations: Json | None = None) -> Json:
    return {
        "_type": "Targets",
        "delegations": delegations or {"keys": {}, "roles": []},
        "expires": "2116-11-22T18:30:26.1Z",
        "targets": names,
        "version": 2,
    }


def image(**more: Any) -> Json:
    digest = base64.b64encode(hashlib.sha256(b"image").digest()).decode()
    return {"hashes": {"sha256": digest}, "length": 528, **more}


def main() -> None:
    index: dict[str, Json] = {}
    plain = Key(p256())

    def add_root(
        name: str, signed: Json, keys: list[Key], *, good: int = 1, refused: str = "", before: str = ""
    ) -> None:
        write(f"{name}.root.json", signed, keys)
        index[f"{name}.root.json"] = {"role": "root", "good": good, "refused": refused, "before": before}

    def add_targets(
        name: str, key: Key, *, good: int = 1, names: Json | None = None, salt: int = 32, **more: Any
    ) -> None:
        write(f"{name}.targets.json", targets(names or {"v1": image()}, **more), [key], salt)
        index[f"{name}.targets.json"] = {"role": "targets", "good": good, "key": key.document}

    # Keys of every kind.
    rsa_2048 = rsa.generate_private_key(65537, 2048)
    add_targets("ed25519", Key(ed25519.Ed25519PrivateKey.generate()))
    add_targets("p384", Key(ec.generate_private_key(ec.SECP384R1())))
    add_targets("p521", Key(ec.generate_private_key(ec.SECP521R1())), good=0)
    add_targets("rsapss", Key(rsa_2048))
    add_targets("rsapss-salt-20", Key(rsa_2048), good=0, salt=20)
    add_targets("rsapkcs1v15", Key(rsa_2048, method="rsapkcs1v15"))
    add_targets("pycrypto", Key(rsa_2048, method="pycrypto-pkcs#1 pss", listed_pem=True))
    add_targets("rsa-1024", Key(rsa.generate_private_key(65537, 1024)), good=0)
    add_targets("rsa-x509", Key(rsa_2048, certified(rsa_2048, "anybody")))
    # Spellings.
    add_targets("html", plain, names={'v1&<x>é"\\\u2028\u2029': image()})
    every: list[Any] = [
        None,
        True,
        False,
        0,
        -5,
        2**53,
        "",
        "<&>",
        [],
        {},
        {"b": {"a": [1, {"c": None}]}, "a": "\U0001f600"},
    ]
    add_targets("custom", plain, names={"v1": image(custom=every), "v2": image(custom={"a": every}), "v3": image()})
    nobody = {"keyids": None, "name": "targets/releases", "paths": [""], "threshold": 1}
    add_targets("null-keyids", plain, delegations={"keys": {}, "roles": [nobody]})
    add_targets("null-roles", plain, delegations={"keys": {}, "roles": None})
    # Roots.
    first, second, third = (Key(key, certified(key)) for key in (p256(), p256(), p256()))
    rsa_root = Key(rsa_2048, certified(rsa_2048))
    add_root("one", root(1, [first], [plain]), [first])
    add_root("two", root(2, [second], [plain], also=(first,)), [second, first], before="one.root.json")
    add_root("three", root(3, [rsa_root], [plain], also=(first, second)), [rsa_root, second], before="two.root.json")
    lonely = "by the keys of the root before it"
    add_root("alone", root(2, [second], [plain]), [second], before="one.root.json", refused=lonely)
    add_root("threshold", root(1, [first, second, third], [plain, Key(p256())], 2), [first, third], good=2)
    add_root("below", root(1, [first, second, third], [plain, Key(p256())], 2), [third], refused="has 1 of 2")
    ca, between, leaf = p256(), p256(), p256()
    (FOLDER / "ca.pem").write_bytes(certified(ca, "top", ca=True))
    (FOLDER / "other-ca.pem").write_bytes(certified(p256(), "top", ca=True))
    chain = certified(leaf, by=(between, "between")) + certified(between, "between", ca=True, by=(ca, "top"))
    chained = Key(leaf, chain)
    add_root("chain", root(1, [chained], [plain]), [chained])
    wild = Key(key := p256(), certified(key, "registry.example.com/*"))
    add_root("wildcard", root(1, [wild], [plain]), [wild])
    sha1 = Key(key := p256(), certified_with_sha1(key))
    add_root("sha1", root(1, [sha1], [plain]), [sha1], good=0, refused="signed with SHA-1")
    over = Key(key := p256(), certified(key, end=BEGIN + timedelta(days=1)))
    add_root("expired", root(1, [over], [plain]), [over], good=0, refused="it ended 2026-11-02")
    short = Key(key := rsa.generate_private_key(65537, 1024), certified(key))
    add_root("short", root(1, [short], [plain]), [short], good=0, refused="too short")
    (FOLDER / "index.json").write_text(json.dumps({"name": NAME, "files": index}, indent=1) + "\n")


if __name__ == "__main__":
    main()
