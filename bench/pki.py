"""Certificates: how fast clients get one, and how fast a long revocation list counts."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.fakes.authority import Clock, create

from bench.harness import alternate, report
from pytrust.trust.keys.private import generate
from pytrust.trust.pki.mint.build import SigningCa, Stamp, make_client, make_client_ca, make_root
from pytrust.trust.pki.mint.crl import make_crl, read_crls
from pytrust.trust.pki.mint.profile import check_public_key
from pytrust.trust.pki.model import Reason, Revocation, Serial
from pytrust.trust.pki.names import CaName, ClientName

_CLIENTS: Final = 10_000
_CLIENTS_OF_OPENSSL: Final = 20
_REVOKED: Final = 100_000
_GOAL: Final = 300  # certificates a second on one core
_CRL_GOAL: Final = 2.0  # seconds
_NOW: Final = datetime.now(UTC)
_FIRST_HOUR_GOAL: Final = 1.0  # seconds
_FIRST_HOUR: Final = """
import sys, tempfile
from datetime import UTC, datetime
from pathlib import Path
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.names import CaName, ClientName, ServerNames
from pytrust.trust.pki.authority.plan import Plan
secret = lambda name: b"a passphrase for benchmarks"
home = Path(tempfile.mkdtemp(dir=sys.argv[1])) / "ca"
made = Authority.create(home, Plan(name=CaName("bench")), secret, secret, lambda: datetime.now(UTC), rounds=1)
made.issue_server(ServerNames.parse(["localhost", "127.0.0.1"]))
made.issue_client(ClientName("alice"))
"""


def mint() -> None:
    """Ten thousand clients' keys and certificates in memory, beside ``openssl req``, which is a process for each."""
    ca = _client_ca()
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as folder:
        ours, peer = alternate(lambda: _issue_all(ca), _issue_with_openssl(ca, Path(folder)), rounds=3)
    ours, peer = _CLIENTS / ours, _CLIENTS_OF_OPENSSL / peer
    report("ca.mint", "1/s", ours, _GOAL, peer=peer, peer_name="openssl req", ratio=ours / peer)


def issue() -> None:
    """The same number through an authority: recorded, journalled, each with a folder, all flushed to the disk."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as folder:
        authority = create(Path(folder) / "ca", Clock(_NOW))
        names = [ClientName(f"client-{number}") for number in range(_CLIENTS)]
        started = time.perf_counter()
        authority.issue_clients(names)
        ours = _CLIENTS / (time.perf_counter() - started)
        authority.close()
    report("ca.issue", "1/s", ours, _GOAL, ratio=ours / _GOAL)


def load_crl() -> None:
    """A ``crl.pem`` with 100,000 entries until it can be asked, its signature checked; beside ``openssl crl``."""
    ca = _client_ca()
    revoked = {_serial(): Revocation(_NOW, Reason.SUPERSEDED) for _ in range(_REVOKED)}
    pem = make_crl(ca, revoked, number=1, now=_NOW).public_bytes(Encoding.PEM)
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as folder:
        crl, anchor = Path(folder, "crl.pem"), Path(folder, "ca.pem")
        crl.write_bytes(pem)
        anchor.write_bytes(ca.certificate.public_bytes(Encoding.PEM))
        words = ["openssl", "crl", "-in", str(crl), "-noout", "-CAfile", str(anchor)]
        ours, peer = alternate(lambda: read_crls(crl.read_bytes(), [ca.certificate]), lambda: _run(words), rounds=7)
    report("crl.load", "s", ours, _CRL_GOAL, peer=peer, peer_name="openssl crl", ratio=peer / ours)


def first_hour() -> None:
    """``ca init``, a server and a client in one fresh process, flushed to the disk, with a KDF of next to no cost."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as folder:
        words = [sys.executable, "-c", _FIRST_HOUR, folder]
        (ours,) = alternate(lambda: _run(words), rounds=15)
    report("ca.first_hour", "s", ours, _FIRST_HOUR_GOAL, ratio=_FIRST_HOUR_GOAL / ours)


BENCHES: Final = {"ca.mint": mint, "ca.issue": issue, "crl.load": load_crl, "ca.first_hour": first_hour}


def _run(words: list[str]) -> None:
    """Both peers say on their error output that all is well."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _serial() -> Serial:
    return Serial(x509.random_serial_number())


def _client_ca() -> SigningCa:
    root_key, key = generate("ecdsa-p256"), generate("ecdsa-p256")
    root = SigningCa(make_root(CaName("bench"), 1, root_key, Stamp(_serial(), _NOW)), root_key)
    return SigningCa(make_client_ca(root, 1, check_public_key(key.public_key()), Stamp(_serial(), _NOW)), key)


def _issue_all(ca: SigningCa) -> None:
    for number in range(_CLIENTS):
        public_key = check_public_key(generate("ecdsa-p256").public_key())
        made = make_client(ca, ClientName(f"client-{number}"), public_key, Stamp(_serial(), _NOW))
        made.public_bytes(Encoding.PEM)


def _issue_with_openssl(ca: SigningCa, folder: Path) -> Callable[[], None]:
    (folder / "ca.pem").write_bytes(ca.certificate.public_bytes(Encoding.PEM))
    (folder / "ca.key").write_bytes(ca.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    words = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -CA {folder}/ca.pem "
    words += f"-CAkey {folder}/ca.key -keyout {folder}/key.pem -out {folder}/cert.pem -subj /CN=client"

    def issue() -> None:
        for _ in range(_CLIENTS_OF_OPENSSL):
            _run(words.split())

    return issue
