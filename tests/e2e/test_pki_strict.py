"""OpenSSL at its strictest takes every certificate and revocation list, of every kind of key and shape of name.

It answers for many certificates in one run, so that a pair of kinds costs one process.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.fakes.pki import KINDS, NOW, Authorities, authorities, public, stamp
from tests.rig.needs import need

from pytrust.trust.pki.mint.build import make_client, make_server, resign
from pytrust.trust.pki.mint.constraints import Permitted
from pytrust.trust.pki.mint.crl import make_crl
from pytrust.trust.pki.model import CertKeyKind, Reason, Revocation, Serial
from pytrust.trust.pki.names import ClientName, ServerNames


@pytest.fixture(scope="module", autouse=True)
def _openssl() -> None:
    need("" if shutil.which("openssl") else "openssl is not installed")


SHAPES = [
    ["engine.example.com"],
    ["localhost"],
    ["10.1.2.3"],
    ["fd00::1"],
    ["10.1.2.3", "fd00::1", "engine.example.com", "localhost", "*.example.com"],
    ["*.example.com"],
    ["bücher.example.com"],
    ["build_1.example.com"],
    ["h" * 52 + ".example.com"],  # a common name of 64 bytes
    ["h" * 53 + ".example.com"],  # and one too many
    [".".join(["x" * 63] * 3 + ["y" * 49, "example.com"])],  # 253 bytes
    [f"d{number}.example.com" for number in range(100)],
]
CLIENTS = ["a", "alice", "ci-7@build", "x" * 64, "host.evil.test", "10.0.0.1", "A_b+c"]
PERMITTED = Permitted.parse(["example.com", "localhost", "10.0.0.0/8", "fd00::/8"])
KIND_PAIRS = [(ca, leaf) for ca in KINDS for leaf in KINDS if "rsa-4096" not in {ca, leaf} or ca == leaf]


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def verify(
    folder: Path, anchors: bytes, chain: bytes, leaves: Sequence[x509.Certificate], *words: str
) -> tuple[int, str]:
    """``openssl verify`` of all leaves at once; how many it takes, and what it says."""
    (folder / "anchors.pem").write_bytes(anchors)
    (folder / "chain.pem").write_bytes(chain or anchors)  # openssl takes no empty file
    files = [folder / f"leaf-{number}.pem" for number in range(len(leaves))]
    for file, leaf in zip(files, leaves, strict=True):
        file.write_bytes(pem(leaf))
    command = ["openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", str(folder / "anchors.pem")]
    done = subprocess.run(
        [*command, "-untrusted", str(folder / "chain.pem"), *words, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.count(": OK\n"), done.stdout + done.stderr


def dialled(names: ServerNames) -> list[str]:
    """OpenSSL's options for the last DNS name, or else for the address."""
    if names.dns:
        return ["-verify_hostname", names.dns[-1].replace("*", "any")]
    return ["-verify_ip", str(names.addresses[0])]


@pytest.mark.parametrize(("ca_kind", "kind"), KIND_PAIRS)
def test_every_kind_of_key(tmp_path: Path, ca_kind: CertKeyKind, kind: CertKeyKind) -> None:
    made = authorities(ca_kind, PERMITTED)
    servers = [make_server(made.server, ServerNames.parse(shape), public("leaf", kind), stamp()) for shape in SHAPES]
    clients = [make_client(made.client, ClientName(name), public("leaf", kind), stamp()) for name in CLIENTS]
    root = pem(made.root.certificate)
    for leaves, ca, purpose in ((servers, made.server, "sslserver"), (clients, made.client, "sslclient")):
        count, said = verify(tmp_path, root, pem(ca.certificate), leaves, "-purpose", purpose)
        assert count == len(leaves), said
        wrong = "sslclient" if purpose == "sslserver" else "sslserver"
        assert verify(tmp_path, root, pem(ca.certificate), leaves, "-purpose", wrong)[0] == 0


@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
def test_every_shape_of_name(tmp_path: Path, shape: list[str]) -> None:
    made, names = authorities(permitted=PERMITTED), ServerNames.parse(shape)
    leaf = make_server(made.server, names, public("leaf"), stamp())
    chain = pem(made.server.certificate)
    count, said = verify(tmp_path, pem(made.root.certificate), chain, [leaf], "-purpose", "sslserver", *dialled(names))
    assert count == 1, said
    another = (
        ["-verify_hostname", "another.example.com"] if "*.example.com" not in shape else ["-verify_ip", "10.9.9.9"]
    )
    assert verify(tmp_path, pem(made.root.certificate), chain, [leaf], *another)[0] == 0


@pytest.mark.parametrize(
    ("permitted", "inside", "outside"),
    [
        (
            "example.com",
            ["a.example.com", "example.com", "*.example.com"],
            ["a.test", "notexample.com", "10.0.0.1", "::1"],
        ),
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0", "a.example.com", "::a00:1"]),
        ("fd00::/8", ["fd00::", "fdff::1"], ["fe00::", "10.0.0.1", "a.example.com"]),
    ],
)
def test_constraints(tmp_path: Path, permitted: str, inside: list[str], outside: list[str]) -> None:
    """What a CA without constraints and with the same key signed is judged below the one that has them."""
    unbound, bound = authorities(), authorities(permitted=Permitted.parse([permitted]))
    for names, count in ((inside, len(inside)), (outside, 0)):
        leaves = [make_server(unbound.server, ServerNames.parse([name]), public("leaf"), stamp()) for name in names]
        found, said = verify(tmp_path, pem(bound.root.certificate), pem(bound.server.certificate), leaves)
        assert found == count, said


def test_a_client_ca_alone_is_an_anchor(tmp_path: Path) -> None:
    """As an engine has it: the client CA without its root."""
    made = authorities()
    client = make_client(made.client, ClientName("alice"), public("leaf"), stamp())
    server = make_server(made.server, ServerNames.parse(["a.example"]), public("leaf"), stamp())
    anchor = pem(made.client.certificate)
    assert verify(tmp_path, anchor, b"", [client], "-partial_chain", "-purpose", "sslclient")[0] == 1
    assert verify(tmp_path, anchor, pem(made.server.certificate), [server], "-partial_chain")[0] == 0


def test_a_resigned_ca(tmp_path: Path) -> None:
    """OpenSSL follows one of two certificates of a CA, the first: clients need both roots before servers change."""
    old, new = authorities(), authorities(generation=2)
    again = resign(new.root, old.server.certificate, stamp())
    leaf = make_server(old.server, ServerNames.parse(["a.example"]), public("leaf"), stamp())
    roots = {"old": old.root.certificate, "new": new.root.certificate}
    links = {"old": old.server.certificate, "new": again}

    def takes(anchors: list[str], chain: list[str]) -> bool:
        anchor_pem, chain_pem = pem(*(roots[each] for each in anchors)), pem(*(links[each] for each in chain))
        return verify(tmp_path, anchor_pem, chain_pem, [leaf], "-purpose", "sslserver")[0] == 1

    assert takes(["old"], ["old"])
    assert takes(["new"], ["new"])
    assert not takes(["old"], ["new"])
    assert takes(["old", "new"], ["old"])
    assert takes(["old", "new"], ["new"])
    assert takes(["old"], ["old", "new"])
    assert not takes(["new"], ["old", "new"])


def listed(made: Authorities, folder: Path) -> Path:
    revoked = {Serial(number): Revocation(NOW, reason) for number, reason in enumerate(Reason, 1)}
    (folder / "crl.pem").write_bytes(make_crl(made.client, revoked, number=3, now=NOW).public_bytes(Encoding.PEM))
    return folder / "crl.pem"


@pytest.mark.parametrize("kind", KINDS)
def test_revocation_lists(tmp_path: Path, kind: CertKeyKind) -> None:
    made = authorities(kind)
    crl = listed(made, tmp_path)
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(pem(made.root.certificate, made.client.certificate))
    command = ["openssl", "crl", "-in", str(crl), "-noout", "-text", "-verify", "-CAfile", str(anchors)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "verify OK" in done.stderr
    assert "Version 2" in done.stdout
    assert done.stdout.count("Serial Number: ") == len(Reason)


def test_openssl_finds_who_was_revoked(tmp_path: Path) -> None:
    made = authorities()
    alice, bob = (make_client(made.client, ClientName(name), public("leaf"), stamp()) for name in ("alice", "bob"))
    revoked = {Serial(bob.serial_number): Revocation(NOW, Reason.KEY_COMPROMISE)}
    crl = tmp_path / "crl.pem"
    crl.write_bytes(make_crl(made.client, revoked, number=1, now=NOW).public_bytes(Encoding.PEM))
    words = ["-crl_check", "-CRLfile", str(crl)]
    chain, root = pem(made.client.certificate), pem(made.root.certificate)
    assert verify(tmp_path, root, chain, [alice], *words)[0] == 1
    count, said = verify(tmp_path, root, chain, [bob], *words)
    assert count == 0
    assert "certificate revoked" in said
