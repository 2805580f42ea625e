"""Against enrolment: with tokens, from the middle, with requests, with keys that were copied, and with force."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.rig import clock
from tests.rig.clock import Clock
from tests.rig.enrolment import PROGRAM, Host, Office, serial, unverified
from tests.rig.needs import need

from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.pki.enrol.token import Token
from pytrust.trust.pki.enrol.words import prove

ALICE = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice")])
NOBODY = x509.Name([])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office.make(tmp_path_factory.mktemp("office"))
    with made.serving():
        yield made


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


def key() -> PrivateKey:
    return generate_private_key(SECP256R1())


def csr(holder: PrivateKey, *extensions: tuple[x509.ExtensionType, bool], subject: x509.Name = NOBODY) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(holder, SHA256()).public_bytes(Encoding.PEM).decode()


def enrol(office: Office, token: str, request: str, *names: str, source: str = "127.0.0.1") -> tuple[int, Any]:
    body = {"secret": Token.parse(token).secret.hex(), "names": names, "csr": request}
    return office.ask("POST", "/v1/enrol", body, source=source)


def leaf_of(answer: dict[str, str]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(answer["certificate"].encode())


def held(folder: Path) -> PrivateKey:
    found = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    assert isinstance(found, PrivateKey)
    return found


def renewal(folder: Path, request: str, *, by: PrivateKey | None = None) -> dict[str, str]:
    certificate = (folder / "cert.pem").read_text()
    return {"certificate": certificate, "csr": request, "proof": prove(by or held(folder), request, certificate)}


# Tokens.


def test_a_used_token_is_over(office: Office, tmp_path: Path) -> None:
    token = office.token("used")
    Host(tmp_path / "first").run("request", office.address, stdin=token)
    again = Host(tmp_path / "second").attempt("request", office.address, stdin=token)
    assert again.returncode == 1
    assert "all uses of the enrolment token are taken" in again.stderr
    assert len(office.listed("used")) == 1


def test_a_cancelled_token_is_over(tmp_path: Path, host: Host) -> None:
    office = Office.make(tmp_path / "office")
    with office.serving():
        token = office.token("late")
        assert office.host.run("token", "--cancel") == "1 token cancelled\n"
        refused = host.attempt("request", office.address, stdin=token)
        assert (refused.returncode, "time is over" in refused.stderr) == (1, True)
        assert office.listed("late") == []


def test_a_mistyped_token_reaches_nobody(host: Host, office: Office) -> None:
    token = office.token("typo")
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    refused = host.attempt("request", "127.0.0.1:1", stdin=wrong)
    assert (refused.returncode, "typing error" in refused.stderr) == (2, True)
    assert not host.home.exists()


def test_another_authority_s_token_is_refused_on_both_sides(tmp_path: Path, host: Host, office: Office) -> None:
    other = Office.make(tmp_path / "other")
    token = other.token("alice")
    refused = host.attempt("request", office.address, stdin=token)
    assert (refused.returncode, "not the authority that made the token" in refused.stderr) == (1, True)
    assert enrol(office, token, csr(key()), "alice", source="127.0.0.3") == (
        401,
        {"code": "unknown-token", "message": "no such enrolment token", "hint": "ask for a new one: pytrust ca token"},
    )


def test_names_that_the_token_does_not_allow(office: Office, host: Host) -> None:
    refused = host.attempt("request", office.address, "root", stdin=office.token("kid-*"))
    assert (refused.returncode, "does not allow root" in refused.stderr) == (1, True)
    server = enrol(office, office.token("--server", "*.example.com"), csr(key()), "d1.example.com", "*.example.com")
    assert server[1]["code"] == "name-not-allowed"
    client = enrol(office, office.token("kid-9"), csr(key()), "kid-9", "d1.example.com")
    assert client[1]["code"] == "invalid-name"


def test_one_use_at_once_by_many(office: Office) -> None:
    token = office.token("race-*")
    with ThreadPoolExecutor(8) as threads:
        asked = [(csr(key()), f"race-{number}") for number in range(8)]
        answers = list(threads.map(lambda pair: enrol(office, token, *pair, source="127.0.0.4"), asked))
    assert sorted(status for status, _ in answers) == [200, *[403] * 7]
    assert sum(len(office.listed(f"race-{number}")) for number in range(8)) == 1


def test_guessing_runs_dry_for_the_guesser_alone(office: Office) -> None:
    guess = {"secret": "0" * 32, "names": [], "csr": csr(key())}
    statuses = [office.ask("POST", "/v1/enrol", guess, source="127.0.0.5")[0] for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert enrol(office, office.token("dry"), csr(key()), source="127.0.0.5")[0] == 429
    assert enrol(office, office.token("honest"), csr(key()), source="127.0.0.6")[0] == 200


def test_a_token_shows_in_no_log(office: Office, host: Host) -> None:
    token = office.token("quiet")
    host.run("request", office.address, stdin=token)
    enrol(office, token, csr(key()))
    secret = token.split("-")[3]
    seen = [path for path in office.host.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert seen == []
    raw = Token.parse(token).secret
    assert not [path for path in office.host.home.rglob("*") if path.is_file() and raw in path.read_bytes()]


# In the middle.


@dataclass
class Impostor:
    """Somebody who answers at the authority's address: with which roots, and what it was told."""

    roots: bytes
    context: ssl.SSLContext
    heard: list[str] = field(default_factory=list)
    port: int = 0


@contextlib.contextmanager
def standing_between(roots: bytes, folder: Path) -> Iterator[Impostor]:
    """An impostor with a certificate of its own making."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    impostor = Impostor(roots, context)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            impostor.heard.append(f"GET {self.path}")
            self.send_response(200)
            self.send_header("Content-Length", str(len(impostor.roots)))
            self.end_headers()
            self.wfile.write(impostor.roots)

        def do_POST(self) -> None:
            impostor.heard.append(f"POST {self.path}")
            self.send_error(500)

        def log_message(self, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        impostor.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield impostor
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server folder of another authority, for localhost."""
    host = Office.make(tmp_path_factory.mktemp("foreign")).host
    host.run("server", "127.0.0.1")
    return host.home / "ca"


def test_whoever_has_other_roots_hears_no_secret(office: Office, host: Host, foreign: Path) -> None:
    root = Office(Host(foreign.parent), 0)
    with standing_between(roots_of(root, foreign), foreign / "servers" / "127.0.0.1") as impostor:
        refused = host.attempt("request", f"127.0.0.1:{impostor.port}", stdin=office.token("victim-1"))
    assert (refused.returncode, "not the authority" in refused.stderr) == (1, True)
    assert impostor.heard == ["GET /v1/roots"]


def roots_of(office: Office, folder: Path) -> bytes:
    from pytrust.trust.pki.authority.index import Index
    from pytrust.trust.pki.enrol.desk import root_bundle

    with Index(folder) as index:
        return root_bundle(index)


@pytest.mark.parametrize("order", ["appended", "put first"])
def test_a_root_that_is_added_to_the_bundle_is_noticed(office: Office, host: Host, foreign: Path, order: str) -> None:
    true, false = office.ask("GET", "/v1/roots")[1], roots_of(office, foreign)
    roots = true + false if order == "appended" else false + true
    with standing_between(roots, foreign / "servers" / "127.0.0.1") as impostor:
        refused = host.attempt("request", f"127.0.0.1:{impostor.port}", stdin=office.token(f"victim-{len(order)}"))
    assert (refused.returncode, "not the authority" in refused.stderr) == (1, True)
    assert impostor.heard == ["GET /v1/roots"]


def test_the_true_roots_alone_help_no_impostor(office: Office, host: Host, foreign: Path) -> None:
    true = office.ask("GET", "/v1/roots")[1]
    with standing_between(true, foreign / "servers" / "127.0.0.1") as impostor:
        refused = host.attempt("request", f"127.0.0.1:{impostor.port}", stdin=office.token("victim-3"))
    assert (refused.returncode, "certificate verify failed" in refused.stderr.lower()) == (3, True)
    assert impostor.heard == ["GET /v1/roots"]


def test_a_client_of_the_authority_cannot_pass_for_it(office: Office, host: Host, tmp_path: Path) -> None:
    """Certificates for clients are none for servers, although they lead to the same root."""
    thief = Host(tmp_path / "thief")
    thief.run("request", office.address, stdin=office.token("thief"))
    with standing_between(office.ask("GET", "/v1/roots")[1], thief.enrolled("thief")) as impostor:
        refused = host.attempt("request", f"127.0.0.1:{impostor.port}", stdin=office.token("victim-4"))
    assert refused.returncode == 3
    assert impostor.heard == ["GET /v1/roots"]


# Requests (CSRs).


def abusive(holder: PrivateKey) -> str:
    return csr(
        holder,
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (x509.SubjectAlternativeName([x509.DNSName("docker1.example.com"), x509.DNSName("evil.example.com")]), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), True),
        (x509.KeyUsage(True, True, True, True, True, True, True, False, False), True),
        subject=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "admin")]),
    )


def test_nothing_but_the_key_is_taken_from_a_request(office: Office) -> None:
    holder = key()
    status, answer = enrol(office, office.token("meek"), abusive(holder))
    assert status == 200
    leaf = leaf_of(answer)
    assert leaf.public_key() == holder.public_key()
    values = {extension.oid: extension.value for extension in leaf.extensions}
    assert values[x509.BasicConstraints.oid] == x509.BasicConstraints(ca=False, path_length=None)
    assert values[x509.ExtendedKeyUsage.oid] == x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    usage = values[x509.KeyUsage.oid]
    assert isinstance(usage, x509.KeyUsage)
    assert (usage.digital_signature, usage.key_cert_sign, usage.crl_sign) == (True, False, False)
    names = values[x509.SubjectAlternativeName.oid]
    assert isinstance(names, x509.SubjectAlternativeName)
    assert [str(name.value) for name in names] == ["pytrust:client:meek"]
    assert "admin" not in leaf.subject.rfc4514_string()


def forged() -> str:
    """One that is signed by another key than its own."""
    good, other = (x509.load_pem_x509_csr(csr(key()).encode()) for _ in range(2))
    swapped = good.public_bytes(Encoding.DER).replace(good.signature, other.signature)
    import base64

    body = base64.encodebytes(swapped).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


def rsa_request(bits: int) -> str:
    holder = rsa.generate_private_key(65537, bits)
    builder = x509.CertificateSigningRequestBuilder().subject_name(ALICE)
    return builder.sign(holder, SHA256()).public_bytes(Encoding.PEM).decode()


REQUESTS: dict[str, Callable[[], str]] = {
    "garbage": lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
    "nothing": lambda: "",
    "two": lambda: csr(key()) * 2,
    "forged": forged,
    "short RSA": lambda: rsa_request(1024),
    "a certificate": lambda: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
}


@pytest.mark.parametrize(("what", "make"), REQUESTS.items())
def test_a_request_that_is_none_costs_no_use(office: Office, what: str, make: Callable[[], str]) -> None:
    name = f"patient-{what.replace(' ', '-')}"
    token = office.token(name)
    status, answer = enrol(office, token, make())
    assert (status, answer["code"]) == (400, "usage")
    assert enrol(office, token, csr(key()))[0] == 200


def test_a_key_that_is_too_long_costs_little(office: Office) -> None:
    """A modulus of 16,384 bits, which is no product of primes, and so cheap to make up."""
    numbers = rsa.RSAPublicNumbers(65537, (1 << 16383) | 1)
    from cryptography.hazmat.primitives.serialization import PublicFormat

    spki = numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    small = x509.load_pem_x509_csr(csr(key()).encode())
    old = small.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = small.tbs_certrequest_bytes
    content = der(0x30, strip(info).replace(old, spki))
    whole = der(0x30, content + strip(small.public_bytes(Encoding.DER))[len(info) :])
    import base64

    text = (
        f"-----BEGIN CERTIFICATE REQUEST-----\n{base64.encodebytes(whole).decode()}-----END CERTIFICATE REQUEST-----\n"
    )
    begun = time.monotonic()
    assert enrol(office, office.token("long-key"), text)[0] == 400
    assert time.monotonic() - begun < 5


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2)
    return bytes([tag]) + length + content


def strip(data: bytes) -> bytes:
    """The content of one DER value."""
    return data[2 + (data[1] & 0x7F if data[1] & 0x80 else 0) :]


# Renewals.


def test_a_revoked_client_renews_no_more(office: Office, host: Host) -> None:
    host.run("request", office.address, stdin=office.token("judas"))
    folder, before = host.enrolled("judas"), serial(host.enrolled("judas"))
    office.host.run("revoke", "judas")
    status, answer = office.ask("POST", "/v1/renew", renewal(folder, csr(key())))
    assert (status, answer["code"]) == (403, "revoked")
    assert serial(folder) == before


def test_a_copied_key_is_found_out_when_both_renew(office: Office, host: Host) -> None:
    """Whoever comes second is told no, whether thief or owner, and the journal says what that means."""
    host.run("request", office.address, stdin=office.token("copied"))
    folder = host.enrolled("copied")
    assert office.ask("POST", "/v1/renew", renewal(folder, csr(key())))[0] == 200
    status, answer = office.ask("POST", "/v1/renew", renewal(folder, csr(key())))
    assert (status, answer["code"]) == (403, "renewed-before")
    assert [event["name"] for event in office.events("key-suspected")] == ["copied"]
    assert len(office.listed("copied")) == 2


def test_a_lost_answer_is_had_again(office: Office, host: Host) -> None:
    host.run("request", office.address, stdin=office.token("lossy"))
    ask = renewal(host.enrolled("lossy"), csr(key()))
    first, second = (office.ask("POST", "/v1/renew", ask)[1] for _ in range(2))
    assert leaf_of(first) == leaf_of(second)


def test_a_renewal_needs_the_old_key(office: Office, host: Host) -> None:
    host.run("request", office.address, stdin=office.token("owner"))
    folder, fresh = host.enrolled("owner"), key()
    by_new = renewal(folder, csr(fresh), by=fresh)
    swapped = {**renewal(folder, csr(fresh)), "csr": csr(key())}
    for ask in (by_new, swapped):
        status, answer = office.ask("POST", "/v1/renew", ask, source="127.0.0.7")
        assert (status, answer["code"]) == (401, "wrong-proof")
    same = renewal(folder, csr(held(folder)))
    assert office.ask("POST", "/v1/renew", same)[1]["code"] == "same-key"


def test_a_renewal_has_the_same_name_whatever_is_asked(office: Office, host: Host) -> None:
    host.run("request", office.address, stdin=office.token("steady"))
    status, answer = office.ask("POST", "/v1/renew", renewal(host.enrolled("steady"), abusive(key())))
    assert (status, answer["name"]) == (200, "steady")
    assert "steady" in leaf_of(answer).subject.rfc4514_string()


def test_certificates_of_others_are_not_renewed(office: Office, foreign: Path, tmp_path: Path) -> None:
    """Another authority's, and one of our own making with a serial that the authority knows."""
    server = foreign / "servers" / "127.0.0.1"
    status, answer = office.ask("POST", "/v1/renew", renewal(server, csr(key())), source="127.0.0.8")
    assert (status, answer["code"]) == (401, "unknown-certificate")
    known, mine = int(office.listed("localhost")[0]["serial"], 16), key()
    leaf = x509.load_pem_x509_certificate((server / "cert.pem").read_bytes())
    builder = x509.CertificateBuilder().issuer_name(leaf.issuer).subject_name(ALICE).serial_number(known)
    builder = builder.not_valid_before(leaf.not_valid_before_utc).not_valid_after(leaf.not_valid_after_utc)
    made = builder.public_key(mine.public_key()).sign(mine, SHA256())
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    status, answer = office.ask("POST", "/v1/renew", renewal(tmp_path, csr(key()), by=mine), source="127.0.0.8")
    assert (status, answer["code"]) == (401, "unknown-certificate")


# Force.


def connect(office: Office, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", office.port), timeout=30, source_address=(source, 0))


def test_slow_and_silent_peers_keep_nobody_out(office: Office) -> None:
    """Silent before the handshake, silent after it, and one byte at a time: all are cut, and meanwhile all is well."""
    with contextlib.ExitStack() as opened:
        silent = [opened.enter_context(connect(office, f"127.0.1.{number % 4}")) for number in range(100)]
        half = opened.enter_context(unverified().wrap_socket(connect(office, "127.0.2.1")))
        half.sendall(b"POST /v1/enrol HTTP/1.1\r\nHost: ca\r\nContent-Length: 1000\r\n\r\n")
        begun = time.monotonic()
        assert office.ask("GET", "/v1/roots")[0] == 200
        assert time.monotonic() - begun < 5
        half.settimeout(20)
        with contextlib.suppress(ssl.SSLError, OSError):
            while time.monotonic() - begun < 9:
                half.sendall(b"x")
                time.sleep(0.5)
        assert b"408" in half.recv(4096)
        for peer in silent:
            peer.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert peer.recv(1) == b""


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (413, b"POST /v1/enrol HTTP/1.1\r\nHost: ca\r\nContent-Length: 1000000000\r\n\r\n"),
        (413, b"GET /v1/roots HTTP/1.1\r\nx: " + b"y" * 100_000),
        (404, b"GET /" + b"y" * 5_000 + b" HTTP/1.1\r\n\r\n"),
        (413, b"POST /v1/enrol HTTP/1.1\r\nHost: ca\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 50_000),
        (400, b"GET / HTTP/1.1\r\nHost: ca\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (400, b"\x00" * 1000),
        (404, b"GET /etc/passwd HTTP/1.1\r\nHost: ca\r\n\r\n"),
        (404, b"DELETE /v1/roots HTTP/1.1\r\nHost: ca\r\n\r\n"),
        (400, b"POST /v1/enrol HTTP/1.1\r\nHost: ca\r\nContent-Length: 60000\r\n\r\n" + b"[" * 60_000),
    ],
)
def test_requests_out_of_shape(office: Office, status: int, data: bytes) -> None:
    with unverified().wrap_socket(connect(office, "127.0.0.9")) as peer:
        with contextlib.suppress(OSError):
            peer.sendall(data)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := peer.recv(65536):
                answer += piece
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"code", "message", "hint"}


def test_killed_at_any_moment_a_use_is_one_key_s_and_one_certificate_s(tmp_path: Path) -> None:
    """kill -9 of the server while it enrols; whoever asks again with the same key gets the one certificate."""
    office = Office.make(tmp_path / "office")
    for delay in (0.0, 0.004, 0.008, 0.012, 0.016, 0.024):
        name = f"unlucky-{int(delay * 1000)}"
        token, request = office.token(name), csr(key())
        with office.serving() as daemon, ThreadPoolExecutor(1) as thread:
            asked = thread.submit(enrol, office, token, request)
            time.sleep(delay)
            daemon.process.kill()
            with contextlib.suppress(OSError, http.client.HTTPException):
                asked.result()
        with office.serving():
            status, answer = enrol(office, token, request)
            assert status == 200
            assert enrol(office, token, csr(key()))[1]["code"] == "used-token"
        assert len(office.listed(name)) == 1
        assert int(office.listed(name)[0]["serial"], 16) == leaf_of(answer).serial_number
    assert office.host.attempt("log", "--verify").returncode == 0


def killed(host: Host, delay: float, *words: str, stdin: str = "") -> None:
    """Run a command, and kill it after a moment, wherever it is by then."""
    command: list[str | Path] = [PROGRAM, "ca", *words]
    with subprocess.Popen(command, env=host.environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(stdin.encode())
            process.stdin.close()
        time.sleep(delay)
        process.kill()


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a pair, or nothing yet; no key is ever anybody else's to read."""
    for path in folder.rglob("key.pem"):
        assert path.stat().st_mode & 0o077 == 0
    if not (folder / "cert.pem").exists():
        return True
    leaf = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    return held(folder).public_key() == leaf.public_key()


def test_a_host_that_is_killed_while_it_asks_goes_on_with_the_same_token(office: Office, tmp_path: Path) -> None:
    for number, delay in enumerate((0.15, 0.2, 0.25, 0.3, 0.35, 0.45)):
        host, token = Host(tmp_path / f"h{number}"), office.token(f"broken-{number}")
        folder = host.enrolled(f"broken-{number}")
        killed(host, delay, "request", office.address, stdin=token)
        assert is_whole(folder)
        if not (folder / "cert.pem").exists():
            host.run("request", office.address, stdin=token)
        assert is_whole(folder)
        assert serial(folder) == int(office.listed(f"broken-{number}")[0]["serial"], 16)


def test_an_agent_that_is_killed_while_it_renews_loses_nothing(tmp_path: Path) -> None:
    need(clock.missing())
    moved = Clock.at(tmp_path / "clock")
    office, host = Office.make(tmp_path / "office", moved), Host(tmp_path / "host", moved.environment)
    with office.serving():
        host.run("request", office.address, stdin=office.token("frail", "--hours", "1"))
        folder = host.enrolled("frail")
        for turn, delay in enumerate((0.2, 0.25, 0.3, 0.35, 0.4), start=1):
            moved.move(turn * 50 / 1440)
            killed(host, delay, "agent", "--once")
            assert is_whole(folder)
            host.run("agent", "--once")
            assert is_whole(folder)
            assert serial(folder) == int(office.listed("frail")[-1]["serial"], 16)
        assert office.events("key-suspected") == []
        assert len(office.listed("frail")) == 6
