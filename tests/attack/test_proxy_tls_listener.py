"""The TLS listener of the proxy: who comes in, until when, and what changes without a connection being dropped.

A real proxy and engine, certificates made by the real command, the stock docker client where a client is honest.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import pytest
from cryptography import x509
from tests.rig import tls
from tests.rig.clock import Clock
from tests.rig.processes import RigError
from tests.rig.proxy import API, Proxy, Stage
from tests.rig.tls import Authority, Caller, context, eventually, tls_env


class Scene(NamedTuple):
    """A proxy with a TLS port, and the authority of its home."""

    stage: Stage
    proxy: Proxy
    ca: Authority

    def caller(self, name: str) -> Caller:
        return Caller(self.proxy.tls_port, context(self.ca.client(name)))

    def docker(self, name: str, *words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        client = tls.docker(self.stage, self.proxy.tls_port, self.ca.client(name))
        return client.attempt(*words, stdin=stdin, env=tls_env(self.ca.client(name)))

    @property
    def log(self) -> str:
        return self.proxy.daemon.log.read_text()

    def events(self) -> list[str]:
        """What the journal says happened, besides decisions."""
        entries = json.loads(self.stage.pytrust("log", "--json", home=self.proxy.home))
        return [str(entry) for entry in entries if "identity-refused" in str(entry) or "stream-cut" in str(entry)]


@pytest.fixture(scope="module")
def made(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority with a server and three clients, to be copied."""
    home = tmp_path_factory.mktemp("made") / "home"
    shutil.copytree(stage.home, home)
    ca = Authority.make(stage, home)
    for name in ("alice", "bob", "mallory"):
        ca.client(name)
    return ca


@pytest.fixture(scope="module")
def authority(made: Authority, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return made.copy(tmp_path_factory.mktemp("ca") / "home")


@pytest.fixture(scope="module")
def scene(stage: Stage, authority: Authority) -> Iterator[Scene]:
    """Shared by tests that change nothing of the server's folder but what a revocation changes."""
    with stage.proxy(home=authority.home, tls=authority.server) as proxy:
        yield (scene := Scene(stage, proxy, authority))
        sound(scene)


@pytest.fixture
def own(stage: Stage, made: Authority, tmp_path: Path) -> Iterator[Scene]:
    """A scene of a test's own, to be spoiled."""
    ca = made.copy(tmp_path / "home")
    with stage.proxy(home=ca.home, tls=ca.server) as proxy:
        yield (scene := Scene(stage, proxy, ca))
        sound(scene)


def sound(scene: Scene) -> None:
    """Whatever was tried, nothing went wrong inside."""
    assert not [line for line in scene.log.splitlines() if "xception" in line or "internal" in line]


def test_the_stock_client_runs_what_is_signed(scene: Scene) -> None:
    done = scene.docker("alice", "run", "--rm", "--network", "none", f"{scene.stage.good}:1", "echo", "hello")
    assert (done.stdout, done.stderr) == (b"hello\n", b"")
    done = scene.docker("alice", "run", "--rm", f"{scene.stage.evil}:1", "true")
    assert done.returncode == 125
    assert b"pytrust" in done.stderr


def test_output_after_the_end_of_the_input_arrives(scene: Scene) -> None:
    words = ("run", "-i", "--rm", f"{scene.stage.good}:1", "sh", "-c", "cat; sleep 0.3; echo last")
    done = scene.docker("alice", *words, stdin=b"first\n")
    assert done.stdout == b"first\nlast\n"


def test_bulk_data_is_whole(scene: Scene) -> None:
    words = ("run", "-i", "--rm", f"{scene.stage.good}:1", "cat")
    data = bytes(range(256)) * 20_000
    assert scene.docker("alice", *words, stdin=data).stdout == data


def test_the_journal_knows_who_asked(scene: Scene) -> None:
    caller = scene.caller("alice")
    assert caller.ask("POST", f"/{API}/containers/create", {"Image": f"{scene.stage.evil}:1"}).status == 403
    entries = scene.stage.pytrust("log", "--json", home=scene.proxy.home)
    assert "alice at 127.0.0.1:" in entries


def test_who_is_not_let_in(scene: Scene, stage: Stage, tmp_path: Path) -> None:
    port, trusted = scene.proxy.tls_port, scene.ca.client("alice") / "ca.pem"
    stranger = Authority.make(stage, tmp_path / "elsewhere").client("alice")
    server = scene.ca.server
    for made in (context(None, ca=trusted), context(stranger, ca=trusted), context(server, ca=trusted)):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Caller(port, made).ask()
    assert eventually("said", lambda: scene.log.count("is not let in") >= 3)


def test_old_versions_of_tls_and_plain_http_are_refused(scene: Scene) -> None:
    old = context(scene.ca.client("alice"))
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Caller(scene.proxy.tls_port, old).ask()
    with socket.create_connection(("127.0.0.1", scene.proxy.tls_port), timeout=10) as plain:
        plain.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in plain.recv(4096)


def test_tls_1_2_is_enough(scene: Scene) -> None:
    made = context(scene.ca.client("alice"))
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    assert Caller(scene.proxy.tls_port, made).ask().status == 200


def test_a_revoked_client_is_refused_at_its_next_request_and_others_go_on(scene: Scene) -> None:
    mallory, bob = scene.caller("mallory"), scene.caller("bob")
    assert (mallory.ask().status, bob.ask().status) == (200, 200)
    scene.ca.run("revoke", "mallory", "--reason", "key-compromise")
    eventually("loaded", lambda: "loaded certificate" in scene.log)
    refused = mallory.ask()
    assert refused.status == 403
    assert "revoked" in refused.message
    assert "mallory" in refused.message
    assert bob.ask().status == 200
    assert scene.caller("mallory").ask().status == 403
    assert any("mallory" in line for line in scene.events())


def test_a_client_that_is_revoked_in_the_middle_of_its_request_gets_nothing(own: Scene) -> None:
    """The head was good; its body takes its time."""
    mallory, body = own.caller("mallory"), json.dumps({"Image": f"{own.stage.good}:1"}).encode()
    head = f"POST /{API}/containers/create?name=late HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    mallory.wire.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body[:-1])
    own.ca.run("revoke", "mallory")
    eventually("loaded", lambda: "loaded certificate" in own.log)
    mallory.wire.sendall(body[-1:])
    answer = mallory.wire.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"revoked" in answer
    assert own.caller("bob").ask("GET", f"/{API}/containers/late/json").status == 404


def test_requests_that_a_revoked_client_sent_ahead_are_refused(own: Scene) -> None:
    """The first is a stream; those behind it were in the buffer before anything was revoked."""
    mallory = own.caller("mallory")
    request = b"GET /events?since=0&until=%d HTTP/1.1\r\nHost: x\r\n\r\n" % (int(time.time()) + 8)
    mallory.wire.sendall(request + b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
    assert b"200 OK" in mallory.wire.recv(4096)
    own.ca.run("revoke", "mallory")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        while mallory.wire.recv(65536):
            pass
        raise ConnectionResetError
    assert any("stream-cut" in line for line in own.events())


def test_a_revoked_client_does_not_fill_the_journal(own: Scene) -> None:
    own.ca.client("mallory")
    own.ca.run("revoke", "mallory")
    eventually("refused", lambda: own.caller("mallory").ask().status == 403)
    for _ in range(100):
        assert own.caller("mallory").ask().status == 403
    assert len([line for line in own.events() if "identity-refused" in line]) == 1


def test_a_refusal_is_read_by_a_client_that_still_sends(scene: Scene) -> None:
    alice = scene.caller("alice")
    alice.wire.sendall(b"GET /info HTTP/1.1\r\nHost: x\r\nBad header\r\n\r\n" + b"x" * 200_000)
    answer = b""
    while data := alice.wire.recv(65536):
        answer += data
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_records_of_one_byte_each_are_one_request(scene: Scene) -> None:
    alice = scene.caller("alice")
    for byte in b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n":
        alice.wire.sendall(bytes([byte]))
    assert alice.wire.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_much_data_past_a_slow_reader_is_whole(scene: Scene) -> None:
    """More than any buffer holds, in both directions at once; the container hears of the end and says the rest."""
    words = ["docker", "-H", f"tcp://127.0.0.1:{scene.proxy.tls_port}", "run", "-i", "--rm", f"{scene.stage.good}:1"]
    folder, block = scene.ca.client("alice"), random.Random(3).randbytes(1024 * 1024)
    env = {"PATH": "/usr/bin:/bin", "DOCKER_CONFIG": str(scene.stage.docker.config), **tls_env(folder)}
    sent, got, size = hashlib.sha256(), hashlib.sha256(), 0
    with subprocess.Popen([*words, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as run:
        assert run.stdin is not None
        assert run.stdout is not None

        def send(into: IO[bytes]) -> None:
            for _ in range(50):
                into.write(block)
                sent.update(block)
            into.close()

        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send, run.stdin)
            time.sleep(2)  # all buffers are full by then
            while data := run.stdout.read(1 << 20):
                got.update(data)
                size += len(data)
                time.sleep(0.01)
            sending.result()
        assert run.wait(10) == 0
    assert (size, got.hexdigest()) == (50 * len(block), sent.hexdigest())


def test_lists_that_are_written_over_by_hand_again_and_again(own: Scene) -> None:
    """In place, cut off, half, foreign, whole again: who is revoked is never let in, whoever is not comes back."""
    crl = own.ca.server / "crl.pem"
    own.caller("mallory")
    own.ca.run("revoke", "mallory")
    eventually("refused", lambda: own.caller("mallory").ask().status == 403)
    good = crl.read_bytes()
    for content in (b"", good[:100], good + good[:50], b"\0" * 5000, good + good, good[::-1], good):
        for _ in range(20):
            crl.write_bytes(content)
            time.sleep(0.01)
        assert own.caller("mallory").ask().status == 403
    eventually("let in", lambda: own.caller("bob").ask().status == 200)
    assert own.caller("mallory").ask().status == 403


def test_a_stream_of_a_revoked_client_is_cut_and_others_go_on(own: Scene) -> None:
    mallory, bob = own.caller("mallory"), own.caller("bob")
    for caller in (mallory, bob):
        caller.wire.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in caller.wire.recv(4096)
    own.ca.run("revoke", "mallory")
    mallory.wire.settimeout(10)
    with pytest.raises((ssl.SSLError, ConnectionError)):  # cut, not ended: nobody takes it for the last event
        assert mallory.wire.recv(4096) == b""
        raise ConnectionResetError
    bob.wire.settimeout(1)
    with pytest.raises(TimeoutError):
        bob.wire.recv(4096)
    own.docker("bob", "rm", "-f", own.docker("bob", "create", f"{own.stage.good}:1").stdout.decode().strip())
    assert b"create" in bob.wire.recv(65536)
    assert any("stream-cut" in line and "mallory" in line for line in own.events())


def test_an_attached_container_of_a_revoked_client_is_cut(own: Scene) -> None:
    words = ["docker", "-H", f"tcp://127.0.0.1:{own.proxy.tls_port}", "run", "-i", "--rm", f"{own.stage.good}:1", "cat"]
    folder = own.ca.client("mallory")
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "DOCKER_CONFIG": str(own.stage.docker.config),
        **tls_env(folder),
    }
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        run.stdin.write(b"there\n")
        run.stdin.flush()
        assert run.stdout.readline() == b"there\n"
        own.ca.run("revoke", "mallory")
        run.wait(15)
        run.stdin.close()


def test_a_list_that_is_rolled_back_is_not_used(own: Scene) -> None:
    before = {path.name: path.read_bytes() for path in own.ca.server.iterdir() if path.suffix == ".pem"}
    mallory = own.caller("mallory")
    own.ca.run("revoke", "mallory")
    eventually("refused", lambda: own.caller("mallory").ask().status == 403)
    put(own.ca.server, "crl.pem", before["crl.pem"])
    eventually("said", lambda: "was seen before" in own.log)
    assert mallory.ask().status == 403
    assert own.caller("mallory").ask().status == 403


def test_a_web_page_cannot_use_the_certificate_of_a_browser(scene: Scene) -> None:
    alice = scene.caller("alice")
    alice.wire.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker1.example.com\r\nOrigin: https://evil.example\r\n\r\n")
    assert b"403" in alice.wire.recv(4096)


def test_without_a_list_nobody_comes_in(own: Scene) -> None:
    assert own.caller("alice").ask().status == 200
    put(own.ca.server, "crl.pem", None)
    refused = eventually("refused", lambda: (answer := own.caller("alice").ask()).status == 403 and answer)
    assert "list" in refused.message


def test_a_stale_list_lets_nobody_in(stage: Stage, tmp_path: Path) -> None:
    home, clock = tmp_path / "home", Clock.at(tmp_path / "clock")
    shutil.copytree(stage.home, home)
    ca = Authority.make(stage, home)
    stage.pytrust("ca", "client", "alice", "--days", "90", home=home)
    with stage.proxy(home=home, tls=ca.server, env=clock.environment) as proxy:
        scene = Scene(stage, proxy, ca)
        alice = scene.caller("alice")
        assert alice.ask().status == 200
        watching = scene.caller("alice")
        watching.wire.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in watching.wire.recv(4096)
        clock.move(31)
        refused = alice.ask()
        assert refused.status == 403
        assert "list" in refused.message
        with pytest.raises((ssl.SSLError, ConnectionError)):
            assert watching.wire.recv(4096) == b""
            raise ConnectionResetError
        assert any("stream-cut" in line for line in scene.events())
        clock.move(0)
        back = scene.caller("alice")
        assert back.ask().status == 200
        clock.move(-1)
        assert back.ask().status == 403
        sound(scene)


def test_a_new_certificate_is_shown_and_nobody_is_dropped(own: Scene) -> None:
    early = own.caller("alice")
    assert early.ask().status == 200
    own.ca.run("renew", "localhost")
    eventually("shown", lambda: own.caller("alice").serial() != early.serial())
    assert early.ask().status == 200


def test_files_that_do_not_fit_change_nothing(own: Scene) -> None:
    serial = own.caller("alice").serial()
    other = own.ca.client("alice")
    put(own.ca.server, "key.pem", (other / "key.pem").read_bytes())
    eventually("said", lambda: "the old ones stay" in own.log)
    caller = own.caller("alice")
    assert (caller.serial(), caller.ask().status) == (serial, 200)


def test_a_folder_that_others_can_write_to_is_not_used(stage: Stage, authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    shutil.copytree(authority.server, folder, symlinks=True)
    folder.chmod(0o777)
    with pytest.raises(RigError, match="open to others"), stage.proxy(home=copied(stage, tmp_path), tls=folder):
        pass


def test_a_listener_without_certificates_says_what_is_missing(stage: Stage, tmp_path: Path) -> None:
    home = copied(stage, tmp_path)
    (home / "policy.yaml").write_text(stage.policy())
    done = stage.attempt("proxy", "--listen", "tls://127.0.0.1:1", "--engine", "unix:///nowhere", home=home)
    assert done.returncode == 2
    assert "pytrust ca server" in done.stderr


def test_handshakes_that_never_end_keep_nobody_out(scene: Scene) -> None:
    """More of them than the kernel's queue holds; each is counted, and cut when its time is over."""
    with ExitStack() as opened:
        for _ in range(1500):
            raw = opened.enter_context(socket.create_connection(("127.0.0.1", scene.proxy.tls_port), timeout=10))
            raw.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert scene.caller("alice").ask().status == 200


def test_a_client_whose_ca_is_dropped_is_refused_on_an_open_connection(
    own: Scene, stage: Stage, tmp_path: Path
) -> None:
    alice = own.caller("alice")
    assert alice.ask().status == 200
    other = Authority.make(stage, tmp_path / "other")
    for name in ("ca.pem", "crl.pem"):
        put(own.ca.server, name, (other.server / name).read_bytes())
    refused = eventually("refused", lambda: (answer := alice.ask()).status == 403 and answer)
    assert "no CA" in refused.message or "issuer" in refused.message or "not issued" in refused.message


def test_the_certificates_folder_cannot_be_mounted(scene: Scene) -> None:
    body = {"Image": f"{scene.stage.good}:1", "HostConfig": {"Binds": [f"{scene.ca.server}:/x"]}}
    assert scene.caller("alice").ask("POST", f"/{API}/containers/create", body).status == 403


def copied(stage: Stage, folder: Path) -> Path:
    home = folder / "copy"
    shutil.copytree(stage.home, home)
    return home


def put(folder: Path, name: str, data: bytes | None) -> None:
    """Change one file of a folder of ours as an intruder, or a backup, would: in place of the link."""
    path = folder / name
    live = folder / ".live"
    target = live / name
    if data is None:
        target.unlink()
    else:
        fresh = live / f"{name}.new"
        fresh.write_bytes(data)
        fresh.chmod(0o600 if name == "key.pem" else 0o644)
        fresh.replace(target)
    assert path.is_symlink()


def test_serials_shown_are_those_issued(scene: Scene) -> None:
    issued = x509.load_pem_x509_certificate((scene.ca.server / "cert.pem").read_bytes())
    assert scene.caller("alice").serial() == issued.serial_number
