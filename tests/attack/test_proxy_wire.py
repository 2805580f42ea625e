"""Bytes that two readers could understand differently: what is not plain is refused, and nothing of it goes further."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest
from tests.attack.raw import Heard, answers, forwarded, posted, request
from tests.rig.proxy import API, Proxy, Stage, drain

MIB = 1024 * 1024
CREATE = f"/{API}/containers/create"
SMUGGLED = request(f"POST /{API}/containers/smuggled/kill")
PRUNE = f"/{API}/volumes/prune"


def refused(proxy: Proxy, data: bytes) -> Heard:
    """Send ``data`` and a request behind it: one answer, the end, and an engine that has heard nothing."""
    proxy.witness.forget()
    heard = answers(proxy.send(data + SMUGGLED, timeout=10))
    assert len(heard) == 1, heard
    assert heard[0].headers["connection"] == "close"
    assert proxy.witness.raw() == b""
    return heard[0]


def create(body: object, *headers: str) -> bytes:
    return posted(CREATE, body, *headers)


@pytest.fixture(scope="module")
def running(stage: Stage, baseline: Proxy) -> Iterator[str]:
    """A container that was let in, and runs."""
    docker = stage.client(baseline)
    container = docker.run("run", "--detach", "--network", "none", f"{stage.good}:1", "sleep", "1000")
    yield container
    docker.run("rm", "--force", container)


# -- what is asked for ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "GET /debug/pprof",
        "GET /debug/pprof/heap",
        "GET /v1.41/debug/vars",
        "GET /debug/requests",
        "POST /nosuch",
        f"GET {CREATE}",
        f"PUT {CREATE}",
        f"PATCH {CREATE}",
        f"HEAD {CREATE}",
        "OPTIONS /containers/json",
        "CONNECT /containers/json",
        "TRACE /containers/json",
        "PROPFIND /containers/json",
        "GET /containers",
        "GET /v1.41/containers/json/more",
        "POST /session",
        "POST /grpc",
        "POST /v1.41/session",
        "GET /_ping/more",
    ],
)
def test_what_is_in_no_row_of_the_table_is_forbidden(baseline: Proxy, line: str) -> None:
    assert refused(baseline, request(line)).status == 403


@pytest.mark.parametrize(
    "target",
    [
        "//containers/create",
        f"/{API}//containers/create",
        f"/{API}/./containers/create",
        f"/{API}/containers/x/../create",
        "/containers/./create",
        "/containers/..",
        "/..",
        f"/{API}/containers/x%2f..%2fcreate",
        f"/{API}/containers/%2e%2e/create",
        f"/{API}/%63ontainers/create",
        f"/{API}/containers%2Fcreate",
        f"/{API}/containers/create%00",
        f"/{API}/containers/create/",
        f"/{API}/containers/create;x",
        f"/{API}/containers/create\\x",
        f"/{API}/containers/create#x",
        "/v1.41./containers/create",
        "/v01.041/containers/create",
        "/v1.041/containers/create",
        "/v9.99/containers/create",
        "/v1.52/containers/create",
        "/v1.12/containers/create",
        "/v1.23/containers/create",
        "/V1.41/../containers/create",
        "/v1/containers/create",
        "/v1.41.1/containers/create",
        "/v1.41/v1.41/containers/create",
        "http://docker/containers/create",
        "https://docker/v1.41/containers/create",
        "docker:80",
        "*",
        f"{CREATE}?name=a&name=b",
        f"{CREATE}?name=a;name=b",
        f"{CREATE}?nom=a",
        f"{CREATE}?Name=a",
        f"{CREATE}?name=%zz",
        f"{CREATE}?name=%ff",
        f"{CREATE}?name=a%0d%0aX-Y:z",
        "/" + "a" * 9000,
    ],
)
def test_a_target_has_one_spelling(stage: Stage, baseline: Proxy, target: str) -> None:
    """An engine would clean it, decode it, redirect it, or drop what it cannot read."""
    heard = refused(baseline, posted(target, {"Image": f"{stage.good}:1"}))
    assert heard.status in {400, 414}
    assert "location" not in heard.headers


# -- where a request ends ---------------------------------------------------------------------------------------------

JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Length: 2", CHUNKED], b"2\r\n{}\r\n0\r\n\r\n"),
        ([CHUNKED, "Content-Length: 2"], b"{}"),
        (["Content-Length: 2", "Content-Length: 2"], b"{}"),
        (["Content-Length: 2", "Content-Length: 0"], b"{}"),
        (["Content-Length: 2", "content-length: 2"], b"{}"),
        (["Content-Length: 2, 2"], b"{}"),
        (["Content-Length: +2"], b"{}"),
        (["Content-Length: -2"], b"{}"),
        (["Content-Length: 0x2"], b"{}"),
        (["Content-Length: 2_0"], b"{}"),
        (["Content-Length: 2.0"], b"{}"),
        (["Content-Length: 2 2"], b"{}"),
        (["Content-Length:"], b"{}"),
        (["Content-Length: 99999999999999999999"], b"{}"),
        (["Content-Length : 2"], b"{}"),
        ([" Content-Length: 2"], b"{}"),
        (["Content-Length\t: 2"], b"{}"),
        ([CHUNKED, CHUNKED], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Transfer-Encoding: xchunked"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Transfer-Encoding: identity"], b"{}"),
        (["Transfer-Encoding: gzip, chunked"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked, identity"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Transfer-Encoding:\x0bchunked"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Transfer_Encoding: chunked", "Content-Length: 0"], b"2\r\n{}\r\n0\r\n\r\n"),
        (["Content-Length: 2", "Connection: content-length"], b"{}"),
        (["Content-Length: 2", "Connection: close, Content-Length"], b"{}"),
        (["Content-Length: 2", "Connection: X-Registry-Auth"], b"{}"),
        ([CHUNKED, "Connection: transfer-encoding"], b"2\r\n{}\r\n0\r\n\r\n"),
        ([CHUNKED, "Trailer: Content-Length"], b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n"),
    ],
)
def test_a_body_has_one_length(baseline: Proxy, headers: list[str], body: bytes) -> None:
    assert refused(baseline, request(f"POST {CREATE}", JSON, *headers, body=body)).status in {400, 415}


@pytest.mark.parametrize(
    "body",
    [
        b"2\n{}\n0\n\n",
        b"2\r\n{}0\r\n\r\n",
        b"2\r\n{}\r0\r\n\r\n",
        b"2\r\n{}xx\r\n0\r\n\r\n",
        b"1\r\n{}\r\n0\r\n\r\n",
        b"2;a=b\r\n{}\r\n0\r\n\r\n",
        b"2;\r\n{}\r\n0\r\n\r\n",
        b"2 \r\n{}\r\n0\r\n\r\n",
        b" 2\r\n{}\r\n0\r\n\r\n",
        b"02\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"-1\r\n{}\r\n0\r\n\r\n",
        b"\r\n2\r\n{}\r\n0\r\n\r\n",
        b"g\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n00\r\n\r\n",
        b"2\r\n{}\r\n0;x\r\n\r\n",
        b"2\r\n{}\r\n0\r\nContent-Length: 40\r\n\r\n",
        b"2\r\n{}\r\n0\r\nX: y\r\n\r\n",
        b"100000000\r\n{}\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_a_chunk_has_one_size(baseline: Proxy, body: bytes) -> None:
    assert refused(baseline, request(f"POST {CREATE}", JSON, CHUNKED, body=body)).status == 400


def test_a_chunk_of_more_than_the_limit_is_refused_before_it_comes(baseline: Proxy) -> None:
    assert refused(baseline, request(f"POST {CREATE}", JSON, CHUNKED, body=b"ffffffff\r\n{}")).status == 413


def test_what_follows_an_empty_body_is_the_next_request_or_nothing(baseline: Proxy) -> None:
    """Content-Length: 0, and the body all the same."""
    body = b'{"Image": "x"}'
    assert refused(baseline, request(f"POST {CREATE}", JSON, "Content-Length: 0", body=body)).status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("framing", [f"Content-Length: {len(SMUGGLED)}", CHUNKED])
def test_a_request_in_the_body_of_one_that_has_none(baseline: Proxy, method: str, framing: str) -> None:
    assert refused(baseline, request(f"{method} /_ping", JSON, framing, body=SMUGGLED)).status == 400


def test_a_body_where_the_route_has_none_is_read_and_refused(baseline: Proxy) -> None:
    assert refused(baseline, posted(PRUNE, SMUGGLED)).status == 400


@pytest.mark.parametrize("path", ["/containers/x/wait", "/containers/prune", "/images/x/tag"])
def test_a_looking_route_reads_no_body(baseline: Proxy, path: str) -> None:
    assert refused(baseline, posted(f"/{API}{path}", {})).status == 400


# -- heads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"GET /_ping HTTP/1.1\nHost: docker\n\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\nX: y\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\rX: y\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\r\n folded\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\tfolded\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\r\nHost: docker\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\r\nX: \0\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\r\nX: \xff\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\r\nX\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: docker\r\n: x\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost : docker\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\n\r\n",
        b"GET  /_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"GET\t/_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
        b" GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"get /_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"\r\nGET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"GET /_ping\r\nHost: docker\r\n\r\n",
        b"GET /_ping \r\nHost: docker\r\n\r\n",
        b"GET /_ping HTTP/1.1 \r\nHost: docker\r\n\r\n",
        b"GET /_ping http/1.1\r\nHost: docker\r\n\r\n",
        b"GET /_ping HTTP/01.1\r\nHost: docker\r\n\r\n",
        b"GET docker:80 HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"CONNECT docker:80 HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"\0",
    ],
)
def test_a_head_has_one_reading(baseline: Proxy, data: bytes) -> None:
    assert refused(baseline, data).status == 400


@pytest.mark.parametrize(
    "data",
    [
        request("GET /_ping", "X-Long: " + "a" * 65536),
        request("GET /_ping", *(f"X-{n}: y" for n in range(65))),
        b"GET /" + b"a" * 40000,
    ],
)
def test_a_head_has_a_size(baseline: Proxy, data: bytes) -> None:
    assert refused(baseline, data).status == 431


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "2", "3"])
def test_other_versions_are_not_spoken(baseline: Proxy, version: str) -> None:
    assert refused(baseline, f"GET /_ping HTTP/{version}\r\nHost: docker\r\n\r\n".encode()).status == 505


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 505),
        (request("GET /_ping", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), 400),
        (request("GET /_ping", "Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), 400),
        (request("GET /_ping", "Connection: Upgrade", "Upgrade: h2c"), 400),
        (request("GET /_ping", "Connection: Upgrade", "Upgrade: tcp, h2c"), 400),
    ],
)
def test_http_2_is_not_spoken(baseline: Proxy, data: bytes, status: int) -> None:
    assert refused(baseline, data).status == status


def test_tls_on_a_plain_port_does_not_find_http_2(baseline: Proxy) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", baseline.port), timeout=5) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw)


@pytest.mark.parametrize("value", ["200-ok", "100-continue, 100-continue"])
def test_only_one_thing_can_be_expected(baseline: Proxy, value: str) -> None:
    assert refused(baseline, create({}, f"Expect: {value}")).status == 417


def test_whoever_waits_to_send_a_body_is_told_at_once(stage: Stage, baseline: Proxy) -> None:
    head, _, body = create({"Image": f"{stage.good}:1"}, "Expect: 100-continue").partition(b"\r\n\r\n")
    with baseline.connect(10) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(12) == b"HTTP/1.1 201"


def test_whoever_waits_to_send_what_is_forbidden_is_not_asked_for_it(baseline: Proxy) -> None:
    data = request("POST /build", "Content-Type: application/x-tar", "Content-Length: 99999", "Expect: 100-continue")
    heard = baseline.send(data, timeout=10)
    assert heard.startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("port", [False, True], ids=["socket", "port"])
def test_a_refusal_reaches_whoever_still_sends(baseline: Proxy, port: bool) -> None:
    """An image to load, refused by its first line."""
    size = 30 * MIB
    host = f"Host: 127.0.0.1:{baseline.port}"
    data = request("POST /images/load", "Content-Type: application/x-tar", f"Content-Length: {size}", body=bytes(size))
    connection = socket.create_connection(("127.0.0.1", baseline.port)) if port else baseline.connect()
    with connection:
        connection.sendall(data.replace(b"Host: docker", host.encode()))
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(5)
        assert [answer.status for answer in answers(drain(connection))] == [403]


# -- bodies -----------------------------------------------------------------------------------------------------------

CAP = 4 * MIB


@pytest.mark.parametrize(
    "framed",
    [
        lambda body: posted(CREATE, body),
        lambda body: request(f"POST {CREATE}", JSON, CHUNKED, body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
    ],
    ids=["length", "chunks"],
)
@pytest.mark.parametrize(
    "body",
    [b"{" + b" " * CAP, b'{"Labels": {"a": "' + b"x" * (CAP - 20) + b'"}}'],
    ids=["padded", "a giant label"],
)
def test_one_byte_too_many(baseline: Proxy, framed: Callable[[bytes], bytes], body: bytes) -> None:
    assert len(body) == CAP + 1
    assert refused(baseline, framed(body)).status == 413


@pytest.mark.parametrize("filler", [b" " * MIB, b'"Labels": {"a": "%s"},' % (b"x" * MIB)], ids=["padded", "label"])
def test_all_of_a_large_body_is_judged(stage: Stage, baseline: Proxy, filler: bytes) -> None:
    """Authorization plugins of an engine are shown the first MiB."""
    image = f"{stage.good}:1".encode()
    body = b'{"Image": "%s", %s "HostConfig": {"Privileged": true}}' % (image, filler)
    baseline.witness.forget()
    heard = answers(baseline.send(create(body), timeout=10, end=True))
    assert [answer.status for answer in heard] == [403]
    assert "rivileged" in heard[0].message
    assert baseline.witness.acted() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{}{}",
        b"{}}",
        b'{"Image": "x"} trailing',
        b"\xef\xbb\xbf{}",
        '{"Image": "x"}'.encode("utf-16"),
        '{"Image": "x"}'.encode("utf-16-le"),
        b'{"Image": "\xff"}',
        b'{"Image": "\xc0\xae"}',
        b'{"Image": "\\ud800"}',
        b'{"Image": "x", "Tty": NaN}',
        b'{"Image": "x", "HostConfig": {"Memory": Infinity}}',
        b'{"Image": "x", "HostConfig": {"Memory": 1e3}}',
        b'{"Image": "x", "HostConfig": {"Memory": 1.0}}',
        b'{"Image": "x", "HostConfig": {"Memory": %s}}' % (b"9" * 5000),
        b'{"Image": "x", "Cmd": %s}' % (b"[" * 10_000 + b"]" * 10_000),
        b'{"Image": "x", "Volumes": %s}' % (b'{"a":' * 10_000 + b"{}" + b"}" * 10_000),
        b'{"Image": "x", "Image": "y"}',
        b'{"Image": "x", "image": "y"}',
        b"{'Image': 'x'}",
        b'{"Image": "x",}',
        b'{"Image": "x" /* y */}',
        b'{"Image": "a\nb"}',
    ],
)
def test_a_body_is_one_json_object(baseline: Proxy, body: bytes) -> None:
    heard = refused(baseline, create(body))
    assert heard.status == 400
    assert "Traceback" not in heard.message
    assert baseline.daemon.alive


@pytest.mark.parametrize(
    "kind",
    [
        (),
        ("Content-Type: text/plain",),
        ("Content-Type: application/x-www-form-urlencoded",),
        ("Content-Type: multipart/form-data; boundary=x",),
        ("Content-Type: application/json;charset=utf-16",),
        ("Content-Type: application/json; charset=utf-8; charset=utf-16",),
        ("Content-Type: application/json, text/plain",),
        ("Content-Type: application/jsonp",),
        ("Content-Type: application/json", "Content-Encoding: gzip"),
        ("Content-Type: application/json", "Content-Encoding: identity"),
    ],
)
def test_a_body_is_plain_json(baseline: Proxy, kind: tuple[str, ...]) -> None:
    body = json.dumps({"Image": "x"}).encode()
    data = request(f"POST {CREATE}", *kind, f"Content-Length: {len(body)}", body=body)
    assert refused(baseline, data).status == 415


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_does_not_overrule_a_query(stage: Stage, baseline: Proxy, kind: str) -> None:
    body = f"fromImage={stage.evil}&tag=1".encode()
    target = f"/{API}/images/create?fromImage={stage.good}&tag=1"
    data = request(f"POST {target}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", body=body)
    assert refused(baseline, data).status == 415


# -- several requests on one connection -------------------------------------------------------------------------------


def test_pipelined_requests_are_judged_one_by_one(stage: Stage, baseline: Proxy) -> None:
    good, evil = create({"Image": f"{stage.good}:1"}), create({"Image": f"{stage.evil}:1"})
    baseline.witness.forget()
    heard = answers(baseline.send(good + evil + request("GET /_ping") + evil + good, timeout=20, end=True))
    assert [answer.status for answer in heard] == [201, 403, 200, 403, 201]
    assert [seen.json["Image"] for seen in baseline.witness.acted()] == [f"{stage.good}@{stage.digests['good:1']}"] * 2
    assert len(forwarded(baseline.witness.raw())) == len(baseline.witness.seen())


def test_nothing_is_read_behind_a_fault(stage: Stage, baseline: Proxy) -> None:
    good = create({"Image": f"{stage.good}:1"})
    baseline.witness.forget()
    heard = answers(baseline.send(request("GET /_ping") + b"GET /_ping HTTP/1.1\n\n" + good, timeout=10))
    assert [answer.status for answer in heard] == [200, 400]
    assert baseline.witness.acted() == []


def test_many_pipelined_requests_are_answered_in_order(baseline: Proxy) -> None:
    """Short way, refusal and long way in turn; more bytes than are read ahead."""
    padding = "X-Padding: " + "a" * 1000
    round_ = [request(f"GET {path}", padding) for path in ("/_ping", "/version", "/containers/nosuch/json")]
    heard = answers(baseline.send(b"".join(round_ * 200), timeout=20, end=True))
    assert [answer.status for answer in heard] == [200, 200, 404] * 200


def test_http_1_0_is_one_request(baseline: Proxy) -> None:
    baseline.witness.forget()
    data = b"GET /_ping HTTP/1.0\r\n\r\n"
    heard = answers(baseline.send(data + SMUGGLED, timeout=10))
    assert [answer.status for answer in heard] == [200]
    assert baseline.witness.acted() == []


# -- upgrades that are not given --------------------------------------------------------------------------------------

UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")


def test_an_upgrade_of_an_unknown_exec_ends_the_connection(baseline: Proxy) -> None:
    start = posted(f"/{API}/exec/{'0' * 64}/start", {"Detach": False}, *UPGRADE)
    baseline.witness.forget()
    heard = answers(baseline.send(start + SMUGGLED, timeout=10))
    assert [answer.status for answer in heard] == [404]
    assert baseline.witness.raw() == b""


def test_an_upgrade_with_nothing_to_upgrade_ends_the_connection(baseline: Proxy, running: str) -> None:
    """A detached exec is started and not attached to."""
    made = baseline.ask("POST", f"/{API}/containers/{running}/exec", {"Cmd": ["true"]}).json["Id"]
    baseline.witness.forget()
    start = posted(f"/{API}/exec/{made}/start", {"Detach": True}, *UPGRADE)
    heard = answers(baseline.send(start + SMUGGLED, timeout=10))
    assert [answer.status for answer in heard] == [200]
    assert [str(seen) for seen in baseline.witness.acted()] == [f"POST /{API}/exec/{made}/start"]


@pytest.mark.parametrize(
    ("line", "upgrade"),
    [
        (f"POST {CREATE}", "tcp"),
        ("GET /_ping", "tcp"),
        ("GET /events", "websocket"),
        (f"POST /{API}/containers/x/attach", "websocket"),
        (f"GET /{API}/containers/x/attach/ws", "tcp"),
        (f"POST /{API}/exec/x/resize", "tcp"),
    ],
)
def test_an_upgrade_of_what_is_no_stream(baseline: Proxy, line: str, upgrade: str) -> None:
    data = request(line, "Connection: Upgrade", f"Upgrade: {upgrade}")
    assert refused(baseline, data).status == 400


def test_an_upgrade_without_connection_upgrade(baseline: Proxy) -> None:
    assert refused(baseline, request("GET /_ping", "Upgrade: tcp")).status == 400
