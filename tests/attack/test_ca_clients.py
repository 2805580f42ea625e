"""Client certificates of every shape before a real dockerd, OpenSSL and ``cryptography``: they disagree, and the table
says how. The doctor has to name a cause for each that dockerd refuses.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from tests.fakes.certificates import ANY, CLIENT, SERVER, Held, authority, client, server, write_folder
from tests.rig import dockerd
from tests.rig.needs import need
from tests.rig.ports import free_port

from pytrust.trust.pki.doctor.diagnose import diagnose
from pytrust.trust.pki.doctor.reading import read, read_identity
from pytrust.trust.pki.finding import Severity
from pytrust.trust.pki.probe.probe import probe

GO, OPENSSL, CRYPTOGRAPHY = "go (dockerd)", "openssl -x509_strict", "cryptography"
ALL: Final = {GO, OPENSSL, CRYPTOGRAPHY}
NOBODY: Final[set[str]] = set()
SAN: Final = ["uri:alice"]
ROOT = authority("root")
FOREIGN = authority("foreign root")
ANCHOR = authority("an intermediate as anchor", FOREIGN)
PLAIN = authority("clients", ROOT)
FOR_CLIENTS = authority("for clients", ROOT, purposes=[CLIENT])
FOR_SERVERS = authority("for servers", ROOT, purposes=[SERVER])
FOR_ANY = authority("for any", ROOT, purposes=[ANY])
DNS_ONLY = authority("dns", ROOT, permitted=["acme.example"])
IPV4_ONLY = authority("ipv4", ROOT, permitted=["10.1.2.0/24"])
IPV6_ONLY = authority("ipv6", ROOT, permitted=["2001:db8::/64"])
NO_DNS = authority("no dns at all", ROOT, excluded=[""])
EXCLUDED = authority("excluded", ROOT, permitted=["acme.example"], excluded=["evil.acme.example"])
ENDED = authority("ended", ROOT, starts=timedelta(days=-10), days=9)
FLAT = authority("flat", ROOT, path_length=0)
DEEP = authority("deep", FLAT)
LEAF = client(ROOT, "leaf", san=SAN)
ROGUE = authority("root")


def of(
    issuer: Held, name: str = "alice", *, sends: bool = True, between: tuple[Held, ...] = (), **shape: object
) -> Held:
    """A client certificate, sent with the chain up to the root, or without."""
    made = client(issuer, name, **{"san": SAN, **shape})
    links = tuple(held.certificate for held in (issuer, *between)) if sends else ()
    return Held(made.certificate, made.key, links)


@dataclass(frozen=True)
class Row:
    """A certificate, and who takes it; ``cause`` is what the doctor says where dockerd does not."""

    name: str
    held: Held
    takers: set[str]
    cause: str = ""


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


# fmt: off
ROWS = [
    Row("plain", client(ROOT, san=SAN), ALL),
    Row("no san", client(ROOT), {GO, OPENSSL}),
    Row("no eku", client(ROOT, san=SAN, purposes=None), ALL),
    Row("no eku, no san", client(ROOT, purposes=None), {GO, OPENSSL}),
    Row("no ku, no bc", client(ROOT, san=SAN, usage=False, ca=None), ALL),
    Row("server only", client(ROOT, san=SAN, purposes=[SERVER]), NOBODY, "wrong-purpose"),
    Row("both ekus", client(ROOT, san=SAN, purposes=[SERVER, CLIENT]), ALL),
    Row("any eku", client(ROOT, san=SAN, purposes=[ANY]), {GO}),
    Row("ed25519", client(ROOT, san=SAN, key=ed25519.Ed25519PrivateKey.generate()), ALL),
    Row("rsa 2048", client(ROOT, san=SAN, key=rsa_key(2048)), ALL),
    Row("rsa 1024", client(ROOT, san=SAN, key=rsa_key(1024)), ALL),
    Row("expired", client(ROOT, san=SAN, starts=timedelta(days=-9), days=8), NOBODY, "expired"),
    Row("future", client(ROOT, san=SAN, starts=timedelta(hours=1)), NOBODY, "not-yet-valid"),
    Row("backdated", client(ROOT, san=SAN, starts=timedelta(minutes=-1)), ALL),
    Row("outlives its ca", client(ROOT, san=SAN, days=5000), ALL),
    Row("rogue of the same name", client(ROGUE, san=SAN), NOBODY, "ca-was-replaced"),
    Row("stranger", client(authority("stranger"), san=SAN), NOBODY, "client-ca-not-accepted"),
    Row("intermediate", of(PLAIN), ALL),
    Row("intermediate not sent", of(PLAIN, sends=False), NOBODY, "chain-missing"),
    Row("intermediate for clients", of(FOR_CLIENTS), ALL),
    Row("intermediate for servers", of(FOR_SERVERS), NOBODY, "wrong-purpose"),
    Row("intermediate for any", of(FOR_ANY), {GO, CRYPTOGRAPHY}),
    Row("intermediate ended", of(ENDED), NOBODY, "expired"),
    Row("intermediate as anchor", of(ANCHOR, sends=False), ALL),
    Row("root above that anchor", client(FOREIGN, san=SAN), NOBODY, "client-ca-not-accepted"),
    Row("path too long", of(DEEP, between=(FLAT,)), NOBODY, "openssl-refuses"),
    Row("leaf as issuer", of(LEAF), NOBODY, "not-a-ca"),
    Row("dns within", of(DNS_ONLY, san=["ci.acme.example"]), ALL),
    Row("dns outside", of(DNS_ONLY, san=["ci.evil.example"]), NOBODY, "openssl-refuses"),
    Row("dns, cn outside", of(DNS_ONLY, "ci.evil.example", san=[]), {GO}),
    Row("ipv4 first", of(IPV4_ONLY, san=["10.1.2.0"]), ALL),
    Row("ipv4 last", of(IPV4_ONLY, san=["10.1.2.255"]), ALL),
    Row("ipv4 below", of(IPV4_ONLY, san=["10.1.1.255"]), NOBODY, "openssl-refuses"),
    Row("ipv4 above", of(IPV4_ONLY, san=["10.1.3.0"]), NOBODY, "openssl-refuses"),
    Row("ipv6 last", of(IPV6_ONLY, san=["2001:db8::ffff:ffff:ffff:ffff"]), ALL),
    Row("ipv6 above", of(IPV6_ONLY, san=["2001:db8:0:1::"]), NOBODY, "openssl-refuses"),
    Row("every name excluded", of(NO_DNS, san=["ci.acme.example"]), NOBODY, "openssl-refuses"),
    Row("excluded wins", of(EXCLUDED, san=["ci.evil.acme.example"]), NOBODY, "openssl-refuses"),
]
# fmt: on


@dataclass(frozen=True)
class Bench:
    """The three verifiers."""

    port: int
    anchors: Path

    def openssl(self, held: Held, folder: Path) -> bool:
        (folder / "leaf.pem").write_bytes(held.certificate.public_bytes(Encoding.PEM))
        (folder / "links.pem").write_bytes(b"".join(link.public_bytes(Encoding.PEM) for link in held.chain))
        words = ["-x509_strict", "-partial_chain", "-purpose", "sslclient", "-CAfile", str(self.anchors)]
        words += ["-untrusted", str(folder / "links.pem")] if held.chain else []
        done = subprocess.run(["openssl", "verify", *words, str(folder / "leaf.pem")], capture_output=True)
        return done.returncode == 0

    def cryptography(self, held: Held) -> bool:
        builder = PolicyBuilder().store(Store([ROOT.certificate, ANCHOR.certificate])).time(datetime.now(UTC))
        try:
            builder.build_client_verifier().verify(held.certificate, list(held.chain))
        except VerificationError:
            return False
        return True


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    need(dockerd.missing())
    folder = tmp_path_factory.mktemp("m")
    files, port = write_folder(folder / "tls", ROOT.pem + ANCHOR.pem, server(ROOT, "127.0.0.1")), free_port()
    flags = [f"--tlscacert={files}/ca.pem", f"--tlscert={files}/cert.pem", f"--tlskey={files}/key.pem"]
    with dockerd.private_engine(folder / "e", "--tlsverify", f"--host=tcp://127.0.0.1:{port}", *flags):
        yield Bench(port, files / "ca.pem")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_who_takes_it(bench: Bench, tmp_path: Path, row: Row) -> None:
    folder = write_folder(tmp_path / "c", ROOT, row.held)
    for number, link in enumerate((PLAIN, LEAF)):
        (folder / f"known{number}.pem").write_bytes(link.pem)
    found = read(folder)
    seen = probe("127.0.0.1", bench.port, identity=read_identity(folder, found))
    verdicts = {
        GO: seen.admitted,
        OPENSSL: bench.openssl(row.held, tmp_path),
        CRYPTOGRAPHY: bench.cryptography(row.held),
    }
    assert {name for name, good in verdicts.items() if good} == row.takers
    errors = [f.code for f in diagnose(seen, found, datetime.now(UTC)) if f.severity is Severity.ERROR]
    assert GO in row.takers or errors[0] == row.cause


def test_the_table_has_its_rows() -> None:
    assert len(ROWS) >= 21
    assert sum(GO in row.takers for row in ROWS) >= 15
    assert sum(GO not in row.takers for row in ROWS) >= 15
