"""What is wrong with files: each fault alone, and nothing where nothing is wrong."""

from __future__ import annotations

import subprocess
import warnings
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.certificates import (
    ANY,
    CLIENT,
    SERVER,
    Held,
    authority,
    client,
    guide_authority,
    revocation_list,
    server,
    write_folder,
)

from pytrust.trust.errors import UsageError
from pytrust.trust.pki.doctor.environment import lint_environment
from pytrust.trust.pki.doctor.lint_folder import lint_folder
from pytrust.trust.pki.doctor.material import Folder, Material, parse
from pytrust.trust.pki.doctor.reading import read, read_identity
from pytrust.trust.pki.finding import Severity

NOW = datetime.now(UTC)
ROOT = authority("root")
FULL = authority("full", purposes=[SERVER], san=["a.example", "192.0.2.1"], permitted=["b.example", "10.0.0.0/8"]).der
LIST = b64decode(b"".join(revocation_list(ROOT, ROOT).splitlines()[1:-1]))
OLD_KEY = rsa.generate_private_key(65537, 1024)


def folder(**files: bytes | tuple[bytes, int]) -> Folder:
    """``ca=..., cert=...`` become ca.pem, cert.pem, ...; a key is 0600 unless its mode is given."""
    found = []
    for name, given_data in files.items():
        usual = 0o600 if "key" in name else 0o644
        data, file_mode = given_data if isinstance(given_data, tuple) else (given_data, usual)
        found.append(parse(f"{name.replace('_', '-')}.pem", file_mode, data))
    return Folder(name="tls", mode=0o700, files=tuple(found))


def held(ca: Held, leaf: Held, /, **more: bytes | tuple[bytes, int]) -> Folder:
    return folder(**{"ca": ca.pem, "cert": leaf.pem, "key": leaf.key_pem, **more})


def codes(found: Folder, severity: Severity | None = None, now: datetime = NOW) -> list[str]:
    return [f"{f.thing}: {f.code}" for f in lint_folder(found, now) if severity is None or f.severity is severity]


def errors(found: Folder, now: datetime = NOW) -> list[str]:
    return codes(found, Severity.ERROR, now)


def soon() -> datetime:
    """For what openssl has made just now, long after this file was read."""
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p256", "p384", "ed25519", "rsa"],
)
def test_nothing_is_wrong_with_good_files(key: object) -> None:
    ca = authority(key=key)
    assert codes(held(ca, client(ca, key=key))) == []
    assert codes(held(ca, server(ca, "docker1", "192.0.2.7", key=key), crl=revocation_list(ca))) == []


LEAVES = {
    "expired": client(ROOT, starts=timedelta(days=-9), days=8),
    "not-yet-valid": client(ROOT, starts=timedelta(days=1)),
    "no-san": server(ROOT),
    "too-long-life": client(ROOT, days=826),
    "weak-key": client(ROOT, key=OLD_KEY),
    "no-authority-key-id": client(ROOT, key_ids=False),
}


@pytest.mark.parametrize("code", LEAVES)
def test_a_fault_of_a_leaf(code: str) -> None:
    assert errors(held(ROOT, LEAVES[code])) == [f"cert.pem: {code}"]


@pytest.mark.parametrize(
    ("code", "leaf"),
    [
        ("long-life", client(ROOT, days=398)),
        ("no-san", client(ROOT, purposes=None)),
        ("any-purpose", client(ROOT, purposes=[ANY], san=["a.example"])),
        ("expires-soon", client(ROOT, starts=timedelta(days=-85), days=90)),
        ("expires-soon", client(ROOT, starts=timedelta(hours=-9), days=10 / 24)),
        ("outlives-ca", client(authority("short", days=5), days=90)),
    ],
)
def test_a_warning_about_a_leaf(code: str, leaf: Held) -> None:
    ca = authority("short", days=5) if code == "outlives-ca" else ROOT
    if code == "outlives-ca":
        leaf = client(ca, days=90)
    assert (f"cert.pem: {code}", errors(held(ca, leaf))) == (codes(held(ca, leaf))[0], [])


def test_a_short_life_is_not_always_near_its_end() -> None:
    assert codes(held(ROOT, client(ROOT, days=1))) == []


CAS = {
    "ca-without-key-usage": guide_authority(),
    "ca-without-key-id": authority(key_ids=False),
    "ca-not-critical": authority(ca_critical=False),
    "expired": authority(starts=timedelta(days=-9), days=8),
    "weak-key": authority(key=OLD_KEY),
}


@pytest.mark.parametrize("code", CAS)
def test_a_fault_of_an_authority(code: str) -> None:
    leaf = client(CAS[code], days=1, starts=timedelta(days=-8.5) if code == "expired" else timedelta(hours=-1))
    assert f"ca.pem: {code}" in errors(held(CAS[code], leaf))


def test_the_guide_s_authority_names_who_refuses_it() -> None:
    (found,) = lint_folder(folder(ca=guide_authority().pem), NOW)
    assert "python >= 3.13" in found.text
    assert "openssl -x509_strict" in found.text


def test_a_leaf_in_place_of_an_authority() -> None:
    leaf = client(ROOT)
    assert "ca.pem: not-a-ca" in errors(folder(ca=leaf.pem))


def test_an_authority_of_the_first_version(tmp_path: Path) -> None:
    key, request, made = tmp_path / "k.pem", tmp_path / "r.pem", tmp_path / "c.pem"
    words = f"req -new -newkey rsa:2048 -nodes -keyout {key} -subj /CN=old -out {request}"
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    words = f"x509 -req -in {request} -signkey {key} -out {made}"
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    assert errors(folder(ca=made.read_bytes()), soon()) == ["ca.pem: ca-version-1"]


def test_sha1_is_refused_but_not_on_an_anchor(tmp_path: Path) -> None:
    ca = authority("old", key=rsa.generate_private_key(65537, 2048))
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    (tmp_path / "ca.key").write_bytes(ca.key_pem)
    words = f"req -new -newkey rsa:2048 -nodes -keyout {tmp_path}/k.pem -subj /CN=x -out {tmp_path}/r.pem"
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    words = f"x509 -req -sha1 -in {tmp_path}/r.pem -CA {tmp_path}/ca.pem -CAkey {tmp_path}/ca.key -out {tmp_path}/c.pem"
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    found = folder(ca=ca.pem, cert=(tmp_path / "c.pem").read_bytes())
    assert errors(found, soon()) == ["cert.pem: weak-signature"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660])
def test_a_key_that_others_may_read(mode: int) -> None:
    leaf = client(ROOT)
    assert errors(held(ROOT, leaf, key=(leaf.key_pem, mode))) == ["key.pem: open-key"]


def test_files_that_others_may_change() -> None:
    leaf = client(ROOT)
    assert errors(held(ROOT, leaf, ca=(ROOT.pem, 0o664))) == ["ca.pem: open-file"]
    assert errors(replace(folder(ca=ROOT.pem), mode=0o777)) == ["tls: open-folder"]


def test_keys_that_do_not_fit() -> None:
    leaf, other = client(ROOT), client(ROOT, "bob")
    assert errors(held(ROOT, leaf, key=other.key_pem)) == ["key.pem: key-mismatch"]
    assert errors(held(ROOT, leaf, key=leaf.encrypted_key_pem)) == ["key.pem: encrypted-key"]


def test_keys_are_paired_by_the_names_of_the_guide() -> None:
    one, two = server(ROOT, "docker1"), client(ROOT)
    good: dict[str, bytes | tuple[bytes, int]] = {
        "ca": ROOT.pem,
        "server_cert": one.pem,
        "server_key": one.key_pem,
        "cert": two.pem,
        "key": two.key_pem,
    }
    assert codes(folder(**good)) == ["tls: no-crl"]
    crossed = {**good, "server_key": two.key_pem, "key": one.key_pem}
    assert errors(folder(**crossed)) == ["server-key.pem: key-mismatch", "key.pem: key-mismatch"]


def test_old_forms_of_encrypted_keys_are_seen() -> None:
    leaf = client(ROOT, key=rsa.generate_private_key(65537, 2048))
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    old = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x" * 8))
    plain = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert errors(held(ROOT, leaf, key=old)) == ["key.pem: encrypted-key"]
    assert codes(held(ROOT, leaf, key=plain)) == []


@pytest.mark.parametrize("pem", [ROOT.key_pem, ROOT.encrypted_key_pem], ids=["plain", "encrypted"])
def test_the_key_of_the_authority_beside_the_server_s(pem: bytes) -> None:
    leaf = server(ROOT, "docker1")
    assert codes(held(ROOT, leaf, ca_key=pem)) == ["ca-key.pem: ca-key-here", "tls: no-crl"]


def test_what_does_not_belong_into_the_bundle() -> None:
    assert "ca.pem: key-in-bundle" in errors(folder(ca=ROOT.pem + ROOT.key_pem))
    assert codes(folder(ca=ROOT.pem + revocation_list(ROOT))) == ["ca.pem: crl-in-bundle"]
    assert codes(folder(ca=ROOT.pem + authority("root").pem)) == ["ca.pem: same-name-cas"]
    assert codes(folder(ca=ROOT.pem + authority("other").pem)) == []


def test_an_authority_that_was_made_anew() -> None:
    assert errors(held(authority("root"), client(ROOT))) == ["cert.pem: ca-was-replaced"]


def test_lists() -> None:
    leaf, another = client(ROOT), authority("another")
    stale = revocation_list(ROOT, starts=timedelta(days=-40))
    early = revocation_list(ROOT, starts=timedelta(days=1))
    assert errors(held(ROOT, leaf, crl=stale)) == ["crl.pem: crl-stale"]
    assert errors(held(ROOT, leaf, crl=early)) == ["crl.pem: crl-not-yet-valid"]
    expected = ["crl.pem: crl-of-another-ca", "ca.pem: crl-missing"]
    assert errors(held(ROOT, leaf, crl=revocation_list(another))) == expected
    assert errors(held(ROOT, leaf, crl=revocation_list(authority("root")))) == expected
    assert errors(held(ROOT, leaf, crl=revocation_list(ROOT, client(ROOT), leaf))) == ["cert.pem: revoked"]


def test_one_authority_of_two_has_no_list() -> None:
    two = authority("two")
    found = folder(ca=ROOT.pem + two.pem, crl=revocation_list(ROOT))
    assert errors(found) == ["ca.pem: crl-missing"]
    only_servers = authority("servers", purposes=[SERVER])
    assert errors(folder(ca=ROOT.pem + only_servers.pem, crl=revocation_list(ROOT))) == []


def test_the_same_serial_of_another_authority_is_not_revoked() -> None:
    leaf, other = client(ROOT), authority("other")
    assert "cert.pem: revoked" not in errors(held(ROOT, leaf, crl=revocation_list(other, leaf)))


def test_files_that_are_not_pem() -> None:
    der = folder(ca=ROOT.der)
    (found,) = lint_folder(der, NOW)
    assert (found.code, found.hint) == ("not-pem", "openssl x509 -inform DER -in ca.pem -out ca.pem")
    assert errors(folder(ca=b"")) == ["ca.pem: not-pem"]
    assert errors(folder(ca=ROOT.pem[:-10])) == ["ca.pem: not-pem"]
    assert errors(folder(ca=ROOT.pem.replace(b"MII", b"AAA", 1))) == ["ca.pem: unreadable"]


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: ROOT.pem[:400] + b + ROOT.pem[400:] + b))
@settings(max_examples=200, deadline=None)
def test_no_content_is_too_strange(data: bytes) -> None:
    found = parse("x.pem", 0o644, data)
    assert isinstance(found, Material)
    lint_folder(Folder(name="tls", mode=0o700, files=(found,)), NOW)


@given(st.sampled_from([("CERTIFICATE", FULL), ("X509 CRL", LIST)]), st.integers(0), st.integers(0, 7))
@settings(max_examples=500, deadline=None)
def test_no_flipped_bit_is_too_strange(what: tuple[str, bytes], byte: int, bit: int) -> None:
    """What parses late must not raise late."""
    label, der = what
    changed = bytearray(der)
    changed[byte % len(der)] ^= 1 << bit
    pem = f"-----BEGIN {label}-----\n{b64encode(changed).decode()}\n-----END {label}-----\n"
    lint_folder(held(ROOT, LEAVES["no-san"], crl=pem.encode()), NOW)


@pytest.mark.parametrize("action", ["ignore", "error"])
def test_a_serial_that_is_none_is_a_finding_and_no_warning_of_a_library(action: Literal["ignore", "error"]) -> None:
    """``cryptography`` warns of it, and will refuse it one day; what it warns of is for no operator's eyes."""
    der, serial = bytearray(ROOT.der), ROOT.certificate.serial_number
    der[bytes(der).index(serial.to_bytes((serial.bit_length() + 8) // 8))] |= 0x80
    pem = f"-----BEGIN CERTIFICATE-----\n{b64encode(der).decode()}\n-----END CERTIFICATE-----\n"
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        assert errors(folder(ca=pem.encode())) == ["ca.pem: unreadable"]


def test_many_blocks_are_refused() -> None:
    assert errors(folder(ca=ROOT.pem * 1001)) == ["ca.pem: not-pem"]


def test_reading_a_folder_keeps_modes_and_its_own_files_alone(tmp_path: Path) -> None:
    leaf = client(ROOT)
    path = write_folder(tmp_path / "tls", ROOT, leaf)
    (path / "notes.txt").write_text("no")
    (path / "key.pem").chmod(0o644)
    found = read(path)
    assert [(file.name, oct(file.mode)) for file in found.files] == [
        ("ca.pem", "0o644"),
        ("cert.pem", "0o644"),
        ("key.pem", "0o644"),
    ]
    assert errors(found) == ["key.pem: open-key"]


def test_only_a_pair_that_fits_is_knocked_with(tmp_path: Path) -> None:
    leaf = client(ROOT)
    good = write_folder(tmp_path / "good", ROOT, leaf)
    assert read_identity(good, read(good)) is not None
    for name, key in (("other", client(ROOT).key_pem), ("locked", leaf.encrypted_key_pem)):
        path = write_folder(tmp_path / name, ROOT, leaf, key_pem=key)
        assert read_identity(path, read(path)) is None


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read(tmp_path / "nothing")
    with pytest.raises(UsageError, match="no certificates"):
        read(tmp_path)


def test_a_device_is_not_read(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "ca.pem")
    assert errors(read(tmp_path)) == ["ca.pem: unreadable"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, []),
        ({"DOCKER_TLS_VERIFY": "1"}, []),
        ({"DOCKER_TLS_VERIFY": "0"}, ["tls-verify-word"]),
        ({"DOCKER_TLS_VERIFY": "False"}, ["tls-verify-word"]),
        ({"DOCKER_CERT_PATH": "/x"}, ["server-not-verified"]),
        ({"DOCKER_CERT_PATH": "/x", "DOCKER_TLS_VERIFY": ""}, ["server-not-verified"]),
        ({"DOCKER_CERT_PATH": "/x", "DOCKER_TLS_VERIFY": "1"}, ["system-authorities"]),
        ({"DOCKER_CERT_PATH": "/x", "DOCKER_TLS_VERIFY": "no"}, ["tls-verify-word", "system-authorities"]),
    ],
)
def test_docker_s_variables(variables: dict[str, str], expected: list[str]) -> None:
    assert [finding.code for finding in lint_environment(variables)] == expected


def test_both_purposes_are_no_fault() -> None:
    assert codes(held(ROOT, server(ROOT, "docker1", purposes=[SERVER, CLIENT]))) == []
