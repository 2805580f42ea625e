"""``pytrust serve`` from outside: hostile bytes, slow and many peers, processes that are killed.

Nothing here knows how the server is made. Every test ends by asking an honest question.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from tests.rig.notary_repository import Repository, multipart
from tests.rig.processes import Running
from tests.rig.throwaway import ServerFiles, mint
from tests.rig.trust_server import TrustServer, connect, pytrust_server, well

GUN = "registry.example.com/foo/web"
BASE = f"/v2/{GUN}/_trust/tuf/"
PATIENCE = 30.0  # seconds; longer than any limit of the server


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ServerFiles:
    return mint(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, files: ServerFiles) -> Iterator[TrustServer]:
    with pytrust_server(tmp_path_factory.mktemp("server"), files) as found:
        with closing(connect(found.port, files)) as connection:
            Repository(GUN).found(connection, ["v1"])
        yield found


@pytest.fixture(autouse=True)
def _still_well(server: TrustServer) -> Iterator[None]:
    yield
    with closing(connect(server.port, server.files, timeout=5)) as connection:
        connection.request("GET", f"{BASE}root.json")
        assert connection.getresponse().status == 200


@contextmanager
def raw(server: TrustServer) -> Iterator[ssl.SSLSocket]:
    """A connection that says what it likes."""
    context = ssl.create_default_context(cafile=str(server.files.ca))
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        yield connection


def said(connection: ssl.SSLSocket) -> bytes:
    """All that comes back until the other side ends."""
    found = b""
    with suppress(ssl.SSLEOFError, ConnectionError):
        while data := connection.recv(65536):
            found += data
    return found


def exchange(server: TrustServer, *pieces: bytes) -> bytes:
    with raw(server) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return said(connection)


def statuses(answer: bytes) -> list[int]:
    """The status of each response in it; their bodies never begin so."""
    return [int(line[9:12]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


_ASK = b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n"
_END = b"Connection: close\r\n\r\n"
_POST = f"POST {BASE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n".encode()
_HIDDEN = b"DELETE " + BASE.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"

MALFORMED = [
    b"\r\n\r\n\x00",
    b"GET\r\n\r\n",
    b"GET /v2/ HTTP/9.9\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost localhost\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
    b"GET /v2/\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nHost: local\x00host\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\nX\x01: y\r\n\r\n",
    _POST + b"Content-Length: -1\r\n\r\n",
    _POST + b"Content-Length: 1, 2\r\n\r\n",
    _POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    _POST + b"Transfer-Encoding: gzip, chunked, identity\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x00\x05hello",
]


@pytest.mark.parametrize("data", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_no_request_is_not_answered_as_one(server: TrustServer, data: bytes) -> None:
    answer = exchange(server, data)
    assert all(status >= 400 for status in statuses(answer))


SMUGGLED = [
    _POST + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(_HIDDEN)) + _HIDDEN,
    _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + _HIDDEN,
    _POST + b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n\r\n" % len(_HIDDEN) + _HIDDEN,
    _POST + b"Transfer-Encoding: xchunked\r\nContent-Length: %d\r\n\r\n" % len(_HIDDEN) + _HIDDEN,
    _POST + b"Transfer-Encoding: chunked\r\n\r\n0;x=\n\r\n\r\n" + _HIDDEN,
]


@pytest.mark.parametrize("data", SMUGGLED, ids=range(len(SMUGGLED)))
def test_nothing_is_smuggled_behind_a_body(server: TrustServer, data: bytes) -> None:
    """Whoever counts the body otherwise than we do must not find a request of ours in it."""
    answer = exchange(server, data)
    assert len(statuses(answer)) <= 1
    assert all(status >= 400 for status in statuses(answer))


def test_a_head_without_end(server: TrustServer) -> None:
    with raw(server) as connection:
        with suppress(OSError):
            for _ in range(200):
                connection.sendall(b"GET / HTTP/1.1\r\n" if not _ else b"X: " + b"a" * 1000 + b"\r\n")
        assert statuses(said(connection)) in ([431], [])


def test_a_path_without_end(server: TrustServer) -> None:
    assert statuses(exchange(server, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n" + _END)) == [404]


def _silence(server: TrustServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain:
        plain.recv(1)


def _half_a_handshake(server: TrustServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain:
        plain.sendall(b"\x16\x03\x01\x02\x00\x01")
        plain.recv(1)


def _dripping_head(server: TrustServer) -> None:
    with raw(server) as connection:
        connection.sendall(_ASK)
        with suppress(OSError):
            for _ in range(int(PATIENCE)):
                connection.sendall(b"X: y\r\n")
                time.sleep(1)
            raise AssertionError("nobody ended it")
        said(connection)


def _idle(server: TrustServer) -> None:
    with raw(server) as connection:
        connection.sendall(_ASK + b"\r\n")
        assert statuses(said(connection)) == [200]


def _dripping_body(server: TrustServer) -> None:
    with raw(server) as connection:
        connection.sendall(_POST + b"Content-Length: 1000000\r\n\r\n--x\r\n")
        with suppress(OSError):
            for _ in range(int(PATIENCE)):
                connection.sendall(b"A")
                time.sleep(0.5)
        assert statuses(said(connection)) in ([408], [])


SLOW = [_silence, _half_a_handshake, _dripping_head, _idle, _dripping_body]


def test_slow_peers_are_ended_and_keep_nobody_out(server: TrustServer) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(30) as pool:
        slow = [pool.submit(kind, server) for kind in SLOW for _ in range(6)]
        time.sleep(1)
        with closing(connect(server.port, server.files, timeout=5)) as connection:
            connection.request("GET", f"{BASE}timestamp.json")
            assert connection.getresponse().status == 200
        for one in slow:
            one.result()
    assert time.monotonic() - began < PATIENCE


def test_many_silent_peers_keep_nobody_out(server: TrustServer) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) for _ in range(400)]
    try:
        with closing(connect(server.port, server.files, timeout=5)) as connection:
            connection.request("GET", f"{BASE}timestamp.json")
            assert connection.getresponse().status == 200
    finally:
        for one in silent:
            one.close()


def test_peers_that_read_nothing_hold_little_and_are_ended(tmp_path: Path, files: ServerFiles) -> None:
    owner = Repository(GUN)
    with pytrust_server(tmp_path, files) as server:
        with closing(connect(server.port, files)) as connection:
            owner.found(connection, [f"v{number}" for number in range(20_000)])
        with ExitStack() as stack:
            readers = [stack.enter_context(_unread(server)) for _ in range(40)]
            time.sleep(2)
            assert _memory(server.daemon) < 150_000_000
            with closing(connect(server.port, files, timeout=5)) as connection:
                connection.request("GET", f"{BASE}targets.json")
                assert len(connection.getresponse().read()) > 1_500_000
            held = _connections(server)
            assert held >= len(readers)
            _until(lambda: _connections(server) <= held - len(readers), within=60)


def _connections(server: TrustServer) -> int:
    """As the kernel sees them, on the server's side."""
    local = f"0100007F:{server.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1] == local and row[3] == "01" for row in rows)


@contextmanager
def _unread(server: TrustServer) -> Iterator[socket.socket]:
    """A connection that asks for much, and takes no answer."""
    context = ssl.create_default_context(cafile=str(server.files.ca))
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(PATIENCE)
    plain.connect(("127.0.0.1", server.port))
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        for _ in range(4):
            connection.sendall(f"GET {BASE}targets.json HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield connection


def _memory(daemon: Running) -> int:
    """Bytes that the largest of its processes holds."""
    kilobytes = [re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in _workers(daemon)]
    return max(int(found[1]) for found in kilobytes if found) * 1024


@pytest.mark.parametrize("chunked", [True, False])
def test_an_upload_that_is_too_large_hears_why(server: TrustServer, chunked: bool) -> None:
    """As a Go client would: it writes all of it before it reads the answer."""
    body, kind = multipart([(f"targets/{name}", b"x" * 4_900_000) for name in "abcdef"])
    with closing(connect(server.port, server.files)) as connection:
        data = iter([body[start : start + 65536] for start in range(0, len(body), 65536)]) if chunked else body
        connection.request("POST", BASE, data, {"Content-Type": kind}, encode_chunked=chunked)
        answer = connection.getresponse()
        error = json.loads(answer.read())["errors"][0]
    assert (answer.status, error["code"]) == (400, "MALFORMED_UPLOAD")
    assert "larger than" in error["detail"]["Error"]["Msg"]


def test_many_at_once_are_all_answered(server: TrustServer) -> None:
    body, kind = multipart([("targets", b"x" * 4_000_000)])

    def one(_: int) -> int:
        with closing(connect(server.port, server.files)) as connection:
            connection.request("POST", BASE, body, {"Content-Type": kind})
            return connection.getresponse().status

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(one, range(48)))
    assert set(found) <= {400, 503}


VERBS = [
    ("HEAD", 404, f"{BASE}root.json"),
    ("PATCH", 405, BASE),
    ("OPTIONS", 405, "*"),
    ("TRACE", 405, "/v2/"),
    ("PUT", 404, BASE),
]


@pytest.mark.parametrize(("verb", "status", "target"), VERBS)
def test_verbs(server: TrustServer, verb: str, status: int, target: str) -> None:
    answer = exchange(server, f"{verb} {target} HTTP/1.1\r\nHost: localhost\r\n".encode() + _END)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert statuses(head + b"\r\n") == [status]
    assert body == b"" or verb == "PUT"


def test_a_name_by_the_whole_url_is_the_same(server: TrustServer) -> None:
    assert statuses(exchange(server, b"GET https://evil.example/v2/ HTTP/1.1\r\nHost: localhost\r\n" + _END)) == [200]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_two_versions_of_tls_and_one_of_http(server: TrustServer, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(server.files.ca))
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.maximum_version = version
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        assert connection.selected_alpn_protocol() in {None, "http/1.1"}
        assert connection.version() == version.name.replace("_", ".")


def test_plain_http_gets_nothing(server: TrustServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain:
        plain.sendall(_ASK + b"\r\n")
        assert not statuses(plain.recv(1000))


# Processes.


@pytest.fixture
def own(tmp_path: Path, files: ServerFiles) -> Iterator[TrustServer]:
    """A server of two processes that may be killed."""
    with pytrust_server(tmp_path, files, "--workers", "2") as found:
        yield found


def _children(pid: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = stat.read_text().rpartition(")")[2].split()
            if int(words[1]) == pid:
                found.add(int(stat.parent.name))
    return found


def _workers(daemon: Running) -> set[int]:
    """Those of its processes that serve: multiprocessing's own helper is not one."""
    found = set()
    for pid in _children(daemon.pid):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            found |= {pid} if command and b"resource_tracker" not in command else set()
    return found


def _until(check: Callable[[], bool], within: float = 20) -> None:
    end = time.monotonic() + within
    while not check():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_processes_end_with_their_parent(own: TrustServer) -> None:
    children = _children(own.daemon.pid)
    assert len(_workers(own.daemon)) == 2
    os.kill(own.daemon.pid, signal.SIGKILL)
    _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def test_a_killed_process_is_replaced(own: TrustServer) -> None:
    time.sleep(6)  # granian takes a death within 5.5 s of the last for a loop
    before = _workers(own.daemon)
    os.kill(min(before), signal.SIGKILL)
    _until(lambda: len(_workers(own.daemon) - before) == 1)
    _until(lambda: well(own.port, own.files))
    assert own.daemon.alive


def _shown(server: TrustServer) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as connection:
        return connection.getpeercert(binary_form=True) or b""


def test_a_new_certificate_is_shown_and_no_pair_is_not(tmp_path: Path) -> None:
    files, fresh = mint(tmp_path / "old"), mint(tmp_path / "new")
    with pytrust_server(tmp_path, files) as server:
        old = _shown(server)
        files.cert.write_bytes(fresh.cert.read_bytes())  # the key does not belong to it
        os.kill(server.daemon.pid, signal.SIGHUP)
        _until(lambda: "the certificate stays as it is" in server.daemon.log.read_text())
        assert _shown(server) == old
        files.key.write_bytes(fresh.key.read_bytes())
        os.kill(server.daemon.pid, signal.SIGHUP)
        _until(lambda: _shown(server) != old)


def test_an_end_in_the_middle_of_publishes_loses_none_that_was_acknowledged(tmp_path: Path, files: ServerFiles) -> None:
    acknowledged: dict[str, int] = {}

    def write(server: TrustServer, gun: str) -> None:
        owner = Repository(gun)
        with suppress(OSError, http.client.HTTPException), closing(connect(server.port, files)) as connection:
            owner.found(connection, ["v1"])
            for version in range(3, 10_000):
                owner.upload(connection, {"targets": owner.targets(version, ["v1"])})
                acknowledged[gun] = version

    with ThreadPoolExecutor(6) as pool:
        with pytrust_server(tmp_path, files) as server:
            writing = [pool.submit(write, server, f"registry.example.com/{number}") for number in range(6)]
            _until(lambda: len(acknowledged) == 6)
            os.kill(server.daemon.pid, signal.SIGTERM)
            assert server.daemon.process.wait(30) == 0
        for one in writing:
            with suppress(Exception):
                one.result()
    with pytrust_server(tmp_path, files) as server, closing(connect(server.port, files)) as connection:
        for gun, version in acknowledged.items():
            connection.request("GET", f"/v2/{gun}/_trust/tuf/{version}.targets.json")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, (gun, version)


def test_a_second_server_at_the_same_port_is_refused(server: TrustServer, tmp_path: Path) -> None:
    command: list[str | Path] = [Path(sys.executable).with_name("pytrust"), "--home", tmp_path / "home", "serve"]
    command += ["--listen", f"127.0.0.1:{server.port}", "--tls-cert", server.files.cert, "--tls-key", server.files.key]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 4
    assert "cannot listen at" in ended.stderr


def test_the_log_has_writes_and_no_reads(server: TrustServer) -> None:
    lines = server.daemon.log.read_text().splitlines()
    assert f"publish {GUN} by somebody from 127.0.0.1: done" in lines
    assert not [line for line in lines if "GET" in line or "Traceback" in line]
