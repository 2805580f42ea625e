"""Every set-up that people break, built for real, and the cause that ``pytrust ca doctor`` names."""

from __future__ import annotations

import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.fakes.certificates import (
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
from tests.rig import dockerd
from tests.rig.needs import need
from tests.rig.ports import answers, free_port
from tests.rig.processes import environment, running
from tests.rig.tls import serving

from pytrust.trust.pki.probe.probe import probe
from pytrust.trust.pki.probe.probed import Identity

_PYTRUST: Final = Path(sys.executable).with_name("pytrust")
CA = authority("CA")
SERVED = server(CA, "localhost", "127.0.0.1")
ALICE = client(CA)


@dataclass(frozen=True)
class Diagnosis:
    """What the command printed and how it ended."""

    exit_code: int
    document: dict[str, Any]

    @property
    def findings(self) -> list[str]:
        """``severity code`` of each."""
        return [f"{found['severity']} {found['code']}" for found in self.document["findings"]]

    @property
    def cause(self) -> str:
        """The code of the first error; empty without one."""
        return next((text.partition(" ")[2] for text in self.findings if text.startswith("error ")), "")


def ask(*words: str | Path, env: dict[str, str] | None = None) -> Diagnosis:
    """Run ``pytrust ca WORDS --json``."""
    command = [str(_PYTRUST), "ca", *map(str, words), "--json"]
    done = subprocess.run(command, env=environment(env), capture_output=True, text=True, timeout=60)
    assert not done.stderr or done.stderr.startswith("knocking"), done.stderr
    return Diagnosis(done.returncode, json.loads(done.stdout))


def doctor(port: int, folder: Path, host: str = "127.0.0.1") -> Diagnosis:
    return ask("doctor", f"{host}:{port}", "--tls", folder)


@contextmanager
def engine(folder: Path, held: Held = SERVED, ca: Held | bytes = CA, *, verify: bool = True) -> Iterator[int]:
    """A real dockerd with these files; gives its port."""
    need(dockerd.missing())
    files, port = write_folder(folder / "tls", ca, held), free_port()
    flags = [f"--tlscert={files}/cert.pem", f"--tlskey={files}/key.pem", f"--tlscacert={files}/ca.pem"]
    flags += ["--tlsverify" if verify else "--tlsverify=false", f"--host=tcp://127.0.0.1:{port}"]
    with dockerd.private_engine(folder / "e", *flags):
        yield port


@pytest.fixture(scope="module")
def good_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One engine of ``CA``, for the tests in which the client is broken."""
    with engine(tmp_path_factory.mktemp("e")) as port:
        yield port


@contextmanager
def openssl_server(folder: Path, held: Held, *words: str | Path, env: dict[str, str] | None = None) -> Iterator[int]:
    """``openssl s_server`` with a certificate; gives its port."""
    folder.mkdir(exist_ok=True)
    (folder / "c.pem").write_bytes(held.pem)
    (folder / "k.pem").write_bytes(held.key_pem)
    port = free_port()
    command: list[str | Path] = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", folder / "c.pem"]
    command += ["-key", folder / "k.pem", "-www", *words]
    with running(command, log=folder / "log", ready=lambda: answers(port), env=env):
        yield port


class _Ping(http.server.BaseHTTPRequestHandler):
    """An engine whose clock is off."""

    ahead = timedelta()

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Date", format_datetime(datetime.now(UTC) + self.ahead, usegmt=True))
        self.send_header("Api-Version", "1.41")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Quietly."""


class _QuietServer(http.server.HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A knock that breaks off is no news."""


@contextmanager
def python_engine(folder: Path, held: Held = SERVED, ca: Held = CA, ahead: timedelta = timedelta()) -> Iterator[int]:
    """Mutual TLS by Python, up in no time, with a Date of its own."""
    files = write_folder(folder, ca, held)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(files / "cert.pem", files / "key.pem")
    context.load_verify_locations(files / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = _QuietServer(("127.0.0.1", 0), type("Ping", (_Ping,), {"ahead": ahead}))
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield listener.server_address[1]
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def test_nothing_is_wrong(good_engine: int, tmp_path: Path) -> None:
    found = doctor(good_engine, write_folder(tmp_path / "c", CA, ALICE))
    assert (found.exit_code, found.findings) == (0, [])
    assert found.document["admitted"] is True
    assert found.document["tls"] == ["1.2", "1.3"]
    assert found.document["accepted_cas"] == ["CA"]
    assert _strict_python_takes(good_engine, tmp_path / "c")


CLIENTS: dict[str, Callable[[], Held]] = {
    "client-ca-not-accepted": lambda: client(authority("mine")),
    "wrong-purpose": lambda: client(CA, purposes=[SERVER], san=["x"]),
    "expired": lambda: client(CA, starts=timedelta(days=-9), days=8),
    "not-yet-valid": lambda: client(CA, starts=timedelta(days=1)),
    "ca-was-replaced": lambda: client(authority("CA")),
}


@pytest.mark.parametrize("code", CLIENTS)
def test_the_engine_refuses_the_client(good_engine: int, tmp_path: Path, code: str) -> None:
    found = doctor(good_engine, write_folder(tmp_path / "c", CA, CLIENTS[code]()))
    assert (found.exit_code, found.cause) == (1, code)
    assert found.document["admitted"] is False


def test_a_client_that_does_not_send_its_authority(good_engine: int, tmp_path: Path) -> None:
    between = authority("between", CA)
    folder = write_folder(tmp_path / "c", CA, client(between))
    (folder / "between.pem").write_bytes(between.pem)
    assert doctor(good_engine, folder).cause == "chain-missing"
    leaf = client(between)
    whole = write_folder(tmp_path / "d", CA, Held(leaf.certificate, leaf.key, (between.certificate,)))
    assert doctor(good_engine, whole).findings == []


def test_the_wrong_authority(good_engine: int, tmp_path: Path) -> None:
    found = doctor(good_engine, write_folder(tmp_path / "c", authority("other"), ALICE))
    assert (found.exit_code, found.cause) == (1, "wrong-ca")


def test_keys_that_docker_cannot_use(good_engine: int, tmp_path: Path) -> None:
    locked = write_folder(tmp_path / "locked", CA, ALICE, key_pem=ALICE.encrypted_key_pem)
    assert doctor(good_engine, locked).cause == "encrypted-key"
    crossed = write_folder(tmp_path / "crossed", CA, ALICE, key_pem=SERVED.key_pem)
    assert doctor(good_engine, crossed).cause == "key-mismatch"
    lone = write_folder(tmp_path / "lone", CA, ALICE)
    (lone / "key.pem").unlink()
    assert doctor(good_engine, lone).cause == "missing-file"


def test_a_key_that_others_may_read(good_engine: int, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "c", CA, ALICE)
    (folder / "key.pem").chmod(0o644)
    assert doctor(good_engine, folder).findings == ["error open-key"]
    assert ask("lint", folder).findings == ["error open-key"]
    assert ask("lint", folder / "key.pem").findings == ["error open-key"]


def test_an_address_that_is_not_listed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "c", CA, ALICE)
    with python_engine(tmp_path / "x", server(CA, "docker1.example.com")) as port:
        found = doctor(port, folder)
    assert (found.exit_code, found.cause) == (1, "name-not-listed")
    assert "docker1.example.com" in found.document["findings"][0]["text"]


SERVERS: dict[str, tuple[Held, Held]] = {
    "no-san": (CA, server(CA)),
    "expired": (CA, server(CA, "127.0.0.1", starts=timedelta(days=-9), days=8)),
    "not-yet-valid": (CA, server(CA, "127.0.0.1", starts=timedelta(days=1))),
    "wrong-purpose": (CA, server(CA, "127.0.0.1", purposes=[CLIENT])),
    "too-long-life": (CA, server(CA, "127.0.0.1", days=1080)),
    "weak-key": (CA, server(CA, "127.0.0.1", key=rsa.generate_private_key(65537, 1024))),
}


@pytest.mark.parametrize("code", SERVERS)
def test_a_fault_of_the_server(tmp_path: Path, code: str) -> None:
    ca, held = SERVERS[code]
    with python_engine(tmp_path / "x", held, ca) as port:
        found = doctor(port, write_folder(tmp_path / "c", ca, client(ca)))
        assert (found.exit_code, found.cause) == (1, code)
        assert ask("lint", f"127.0.0.1:{port}").cause == code


def test_the_guide_s_authority_works_for_docker_and_is_named(tmp_path: Path) -> None:
    ca = guide_authority()
    with engine(tmp_path / "x", server(ca, "127.0.0.1"), ca) as port:
        found = doctor(port, folder := write_folder(tmp_path / "c", ca, client(ca)))
        assert not _strict_python_takes(port, folder)
    assert (found.exit_code, found.findings[0]) == (1, "error ca-without-key-usage")
    assert found.document["admitted"] is True
    assert "python >= 3.13" in found.document["findings"][0]["text"]


def _strict_python_takes(port: int, folder: Path) -> bool:
    """What Python >= 3.13 does without being told."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with socket.create_connection(("127.0.0.1", port)) as plain:
        try:
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_an_authority_that_expired(tmp_path: Path) -> None:
    ca = authority("old", starts=timedelta(days=-10), days=9)
    with python_engine(tmp_path / "x", server(ca, "127.0.0.1"), ca) as port:
        found = doctor(port, write_folder(tmp_path / "c", ca, client(ca)))
    assert found.cause == "expired"
    assert "CA" in found.document["findings"][0]["text"]


@pytest.mark.parametrize("sends", [False, True], ids=["leaf-alone", "whole-chain"])
def test_a_server_that_does_not_send_its_chain(tmp_path: Path, sends: bool) -> None:
    root = authority("root", organization="acme")
    between = authority("between", root, organization="acme")
    leaf = server(between, "127.0.0.1")
    held = Held(leaf.certificate, leaf.key, (between.certificate,) if sends else ())
    with python_engine(tmp_path / "x", held, root) as port:
        found = doctor(port, write_folder(tmp_path / "c", root, client(root)))
    assert found.cause == ("" if sends else "chain-missing")


def test_anyone_is_root(tmp_path: Path) -> None:
    with engine(tmp_path / "x", verify=False) as port:
        found = doctor(port, write_folder(tmp_path / "c", CA, ALICE))
        assert (found.exit_code, found.findings) == (1, ["error anyone-is-root"])
        assert found.document["client_certificate"] == "none"
        assert ask("lint", f"127.0.0.1:{port}").cause == "anyone-is-root"


def test_an_engine_without_tls(tmp_path: Path) -> None:
    need(dockerd.missing())
    port = free_port()
    with dockerd.private_engine(tmp_path / "e", f"--host=tcp://127.0.0.1:{port}", "--tls=false"):
        found = ask("doctor", f"127.0.0.1:{port}")
    assert (found.exit_code, found.cause) == (1, "plain-http")
    assert "root" in found.document["findings"][0]["text"]


def test_only_old_tls(tmp_path: Path) -> None:
    with openssl_server(tmp_path / "s", SERVED, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as port:
        found = doctor(port, write_folder(tmp_path / "c", CA, ALICE))
    assert (found.exit_code, found.cause, found.document["tls"]) == (1, "old-tls-only", ["1.1"])


def test_old_tls_beside_new(tmp_path: Path) -> None:
    with openssl_server(tmp_path / "s", SERVED, "-cipher", "ALL:@SECLEVEL=0") as port:
        found = doctor(port, write_folder(tmp_path / "c", CA, ALICE))
    assert found.document["tls"] == ["1.0", "1.1", "1.2", "1.3"]
    assert "warning old-tls" in found.findings


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_certificate_that_is_asked_for_and_not_insisted_on(tmp_path: Path, version: str) -> None:
    words: list[str | Path] = [version, "-verify", "1", "-CAfile", tmp_path / "s" / "c.pem"]
    with openssl_server(tmp_path / "s", SERVED, *words) as port:
        assert ask("doctor", f"127.0.0.1:{port}").document["client_certificate"] == "asked"
    words[1] = "-Verify"
    with openssl_server(tmp_path / "s", SERVED, *words) as port:
        assert ask("doctor", f"127.0.0.1:{port}").document["client_certificate"] == "insisted"


def test_an_engine_whose_clock_is_ahead(tmp_path: Path) -> None:
    """It says that our certificate expired, which is not so: its clock is 100 days ahead."""
    preload = next(
        (str(p) for f in ("/usr/lib", "/usr/lib64", "/usr/local/lib") for p in Path(f).rglob("libfaketime.so.1")), ""
    )
    need("" if preload else "a moved clock needs libfaketime: scripts/install-packages")
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    words: list[str | Path] = ["-Verify", "1", "-verify_return_error", "-CAfile", tmp_path / "ca.pem"]
    held = server(CA, "127.0.0.1", days=300)
    clock = {"LD_PRELOAD": preload, "FAKETIME": "+100d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with openssl_server(tmp_path / "s", held, *words, env=clock) as port:
        found = doctor(port, write_folder(tmp_path / "c", CA, ALICE))
    assert (found.exit_code, found.cause) == (1, "clock-off")


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_is_off_by_a_day(tmp_path: Path, days: int) -> None:
    with python_engine(tmp_path / "s", ahead=timedelta(days=days)) as port:
        found = doctor(port, write_folder(tmp_path / "c", CA, ALICE))
    assert (found.exit_code, found.findings) == (1, ["error clock-off"])


@contextmanager
def talker(answer: bytes, *, hang: bool = False) -> Iterator[int]:
    """Says ``answer`` to whoever connects, then hangs up, or does not."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                taken, _ = listener.accept()
                kept.append(taken)
                with suppress(OSError):
                    taken.sendall(answer)
                    if not hang:
                        taken.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for taken in kept:
            taken.close()


def test_nobody_answers(tmp_path: Path) -> None:
    assert (found := ask("doctor", f"127.0.0.1:{free_port()}")).cause == "refused"
    assert found.exit_code == 3
    assert (found := ask("doctor", "no-such-host.invalid:2376")).cause == "unknown-host"
    assert found.exit_code == 3
    with talker(b"", hang=True) as port:
        began = time.monotonic()
        found = ask("doctor", f"127.0.0.1:{port}")
        assert (found.exit_code, found.cause) == (3, "silent")
        assert time.monotonic() - began < 20


def test_something_else_listens(tmp_path: Path) -> None:
    with talker(b"SSH-2.0-OpenSSH_9.2p1\r\n") as port:
        found = ask("doctor", f"127.0.0.1:{port}")
    assert (found.exit_code, found.cause) == (1, "no-tls")


def test_a_server_that_never_stops_talking() -> None:
    """What it may cost is bounded in bytes, whatever comes and however fast."""
    sent: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pour() -> None:
            while len(sent) < 3:  # the first look, TLS, plain HTTP
                taken, _ = listener.accept()
                sent.append(0)
                with taken, suppress(OSError):
                    taken.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while True:
                        sent[-1] += taken.send(b"x" * 65536)

        thread = threading.Thread(target=pour)
        thread.start()
        found = ask("doctor", f"127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert found.cause == "no-tls"
    assert sum(sent) < 16 * 1024 * 1024  # most of it the kernels' buffers


@contextmanager
def tls_talker(folder: Path, held: Held, answer: bytes) -> Iterator[int]:
    """Shakes hands with whoever comes, asks for no certificate, says ``answer``, and hangs up."""
    files = write_folder(folder / "tls", CA, held)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(files / "cert.pem", files / "key.pem")
    with serving(context, answer) as port:
        yield port


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "broken-off"),
        (b"220 mail.example.com ESMTP\r\n", "broken-off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 600_000, "broken-off"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000, "broken-off"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "engine-error"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 7\r\n\r\n\x1b[31mE\r", "engine-error"),
    ],
    ids=["nothing", "smtp", "endless-line", "endless-head", "redirect", "escapes"],
)
def test_what_speaks_tls_and_is_no_engine(tmp_path: Path, answer: bytes, code: str) -> None:
    """It asks for no certificate and lets nobody in: that must not read as "nothing wrong was found"."""
    with tls_talker(tmp_path, SERVED, answer) as port:
        found = ask("doctor", f"127.0.0.1:{port}")
    assert (found.exit_code, found.cause) == (1, code)


def test_names_in_a_certificate_move_no_cursor_and_are_no_command(tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;x\x07$(id);x"
    with tls_talker(tmp_path, server(CA, evil), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK") as port:
        command = [str(_PYTRUST), "ca", "doctor", f"127.0.0.1:{port}"]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    assert "pytrust ca server '" in done.stderr


def test_folders_that_are_traps(tmp_path: Path) -> None:
    """FIFOs, devices, loops, links to nothing, files without end: each is a line, and none of them hangs."""
    os.mkfifo(tmp_path / "fifo.pem")
    (tmp_path / "ca.pem").symlink_to("/dev/zero")
    (tmp_path / "cert.pem").symlink_to("cert.pem")
    (tmp_path / "key.pem").symlink_to("nowhere")
    with (tmp_path / "huge.crl").open("wb") as file:
        file.truncate(1 << 40)
    found = ask("lint", tmp_path)
    assert found.exit_code == 1
    assert {finding["thing"] for finding in found.document["findings"]} == {path.name for path in tmp_path.iterdir()}
    assert set(found.findings) == {"error unreadable"}


def test_a_refusal_is_heard_though_the_server_hangs_up_at_once(tmp_path: Path) -> None:
    """In TLS 1.3 it comes after the handshake, while a request is under way."""
    expired = client(CA, starts=timedelta(days=-9), days=8)
    identity = Identity(cert_pem=expired.pem, key_pem=expired.key_pem)
    with python_engine(tmp_path / "s") as port:
        talks = [probe("127.0.0.1", port, identity=identity).ours for _ in range(20)]
    assert {talk.broke for talk in talks if talk} == {"tls alert certificate expired"}


def test_lists(tmp_path: Path) -> None:
    stale = revocation_list(CA, starts=timedelta(days=-40))
    for name, crl, expected in [
        ("stale", stale, ["error crl-stale"]),
        ("other", revocation_list(authority("other")), ["error crl-of-another-ca", "error crl-missing"]),
        ("good", revocation_list(CA), []),
        ("out", revocation_list(CA, ALICE), ["error revoked"]),
    ]:
        assert ask("lint", write_folder(tmp_path / name, CA, ALICE, crl=crl)).findings == expected


def test_docker_s_variables(good_engine: int, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "c", CA, ALICE)
    found = ask("doctor", f"127.0.0.1:{good_engine}", env={"DOCKER_CERT_PATH": str(folder)})
    assert (found.exit_code, found.findings) == (0, ["warning server-not-verified"])
    assert found.document["admitted"] is True
    more = {"DOCKER_CERT_PATH": str(folder), "DOCKER_TLS_VERIFY": "0"}
    found = ask("doctor", f"127.0.0.1:{good_engine}", env=more)
    assert found.findings == ["warning tls-verify-word", "note system-authorities"]


def _openssl(folder: Path, *lines: str) -> None:
    for line in lines:
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)


def test_files_made_by_the_guide_with_openssl(tmp_path: Path) -> None:
    """RSA, one authority, its key left where it was made."""
    folder = tmp_path / "guide"
    folder.mkdir(mode=0o700)
    (folder / "ext.cnf").write_text("subjectAltName = IP:127.0.0.1\nextendedKeyUsage = serverAuth\n")
    (folder / "client.cnf").write_text("extendedKeyUsage = clientAuth\n")
    (folder / "ca.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\nbasicConstraints=critical,CA:true\nsubjectKeyIdentifier=hash\n"
    )
    _openssl(
        folder,
        "req -new -x509 -days 365 -newkey rsa:2048 -nodes -keyout ca-key.pem -sha256 -subj /CN=guide -config ca.cnf -out ca.pem",
        "req -newkey rsa:2048 -nodes -keyout server-key.pem -subj /CN=host -new -out server.csr",
        "x509 -req -days 365 -sha256 -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out server-cert.pem -extfile ext.cnf",
        "req -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=client -new -out client.csr",
        "x509 -req -days 365 -sha256 -in client.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out cert.pem -extfile client.cnf",
    )
    for key in folder.glob("*key.pem"):
        key.chmod(0o400)
    found = ask("lint", folder)
    assert found.exit_code == 1
    assert found.findings[0] == "error ca-without-key-usage"
    assert "warning ca-key-here" in found.findings
    assert {text for text in found.findings if text.startswith("error")} <= {
        "error ca-without-key-usage",
        "error no-authority-key-id",  # OpenSSL before 3.2 leaves it out
    }


def test_what_people_see(good_engine: int, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "c", CA, CLIENTS["expired"]())
    command: Sequence[str | Path] = [_PYTRUST, "ca", "doctor", f"127.0.0.1:{good_engine}", "--tls", folder]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    summary, _, row = done.stdout.splitlines()
    assert "client certificate: insisted, and refuses ours" in summary
    assert row.split()[:3] == ["error", "expired", "cert.pem"]
    assert done.stderr.startswith("hint: expired: ")
    assert ALICE.key_pem.decode()[40:80] not in done.stdout + done.stderr


def test_words_that_do_not_fit(tmp_path: Path) -> None:
    for words in (["lint", "nowhere"], ["doctor", "nowhere"], ["doctor", "unix:///x.sock"], ["lint", tmp_path]):
        done = subprocess.run([_PYTRUST, "ca", *words], env=environment(), capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 2


def test_a_certificate_that_a_library_warns_of_gets_one_sentence(tmp_path: Path) -> None:
    der, serial = bytearray(CA.der), CA.certificate.serial_number
    der[bytes(der).index(serial.to_bytes((serial.bit_length() + 8) // 8))] |= 0x80
    (tmp_path / "ca.pem").write_text(ssl.DER_cert_to_PEM_cert(bytes(der)))
    done = subprocess.run(
        [_PYTRUST, "ca", "lint", tmp_path / "ca.pem"], env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "hint: unreadable: make it again\n")
    assert "its serial number is not positive" in done.stdout
