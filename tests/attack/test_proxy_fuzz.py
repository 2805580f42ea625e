"""Honest requests, spoiled at random: the proxy goes on, and the engine only ever hears what the proxy itself wrote."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.attack.raw import answers, forwarded, posted, request
from tests.rig.proxy import API, Proxy, Stage, drain

from pytrust.policy.engine.call import Verdict
from pytrust.policy.engine.routes import match

TOKENS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"%2f",
    b"%00",
    b"..",
    b"//",
    b"?",
    b"&",
    b";",
    b"{",
    b"}",
    b'"',
    b"0",
    b"-1",
    b"\xff",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.0",
    b"POST /v1.41/containers/smuggled/kill HTTP/1.1\r\nHost: x\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Connection: Upgrade\r\nUpgrade: tcp\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b'"HostConfig":{"Privileged":true},',
    b'"image":"x",',
)


def honest(stage: Stage) -> list[bytes]:
    """What clients send; the first one is the longest."""
    host = {"Binds": [], "NetworkMode": "none", "Memory": 10_000_000, "CapAdd": ["CHOWN"]}
    good = {"Image": f"{stage.good}:1", "Cmd": ["true"], "Env": ["A=b"], "Labels": {"a": "b"}, "HostConfig": host}
    create = f"/{API}/containers/create"
    chunk = b'3\r\n{"I\r\n8\r\nmage":"x\r\n2\r\n"}\r\n0\r\n\r\n'
    return [
        posted(f"{create}?platform=", good),
        posted(create, {"Image": f"{stage.evil}:1"}),
        request(f"POST {create}", "Content-Type: application/json", "Transfer-Encoding: chunked", body=chunk),
        request("GET /_ping"),
        request("HEAD /_ping"),
        request(f"GET /{API}/version", "User-Agent: docker", "Accept: */*"),
        request(f"GET /{API}/images/{stage.good}@{stage.digests['good:1']}/json"),
        request(f"GET /{API}/containers/json?all=1&filters=%7B%22label%22%3A%7B%22a%22%3Atrue%7D%7D"),
        request(f"POST /{API}/containers/nosuch/start", "Content-Length: 0"),
        request(f"DELETE /{API}/containers/nosuch?force=1"),
        posted(f"/{API}/exec/{'0' * 64}/start", {"Detach": False}, "Connection: Upgrade", "Upgrade: tcp"),
        posted(f"/{API}/volumes/create", {"Name": "fuzz", "Driver": "local"}),
        request("POST /build", "Content-Type: application/x-tar", "Content-Length: 4", body=b"tars"),
    ]


def delete(data: bytes, at: int, size: int, token: bytes) -> bytes:
    return data[:at] + data[at + size :]


def insert(data: bytes, at: int, size: int, token: bytes) -> bytes:
    return data[:at] + token + data[at:]


def overwrite(data: bytes, at: int, size: int, token: bytes) -> bytes:
    return data[:at] + token + data[at + len(token) :]


def double(data: bytes, at: int, size: int, token: bytes) -> bytes:
    return data[: at + size] + data[at:]


def move(data: bytes, at: int, size: int, token: bytes) -> bytes:
    rest = data[:at] + data[at + size :]
    to = (at * 31 + size) % (len(rest) + 1)
    return rest[:to] + data[at : at + size] + rest[to:]


def swap_case(data: bytes, at: int, size: int, token: bytes) -> bytes:
    return data[:at] + data[at : at + size].swapcase() + data[at + size :]


Mutation = Callable[[bytes, int, int, bytes], bytes]
MUTATIONS: tuple[Mutation, ...] = (delete, insert, overwrite, double, move, swap_case)


Step = tuple[Mutation, float, int, bytes]
"""What is done, where (0 is the beginning, 1 the end), to how many bytes, and with which."""

STEPS = st.tuples(
    st.sampled_from(MUTATIONS), st.floats(0, 1), st.sampled_from((1, 2, 5, 20, 60)), st.sampled_from(TOKENS)
)


def spoiled(data: bytes, steps: list[Step]) -> bytes:
    for mutation, place, size, token in steps:
        data = mutation(data, int(place * len(data)), size, token)
    return data


def sent(proxy: Proxy, data: bytes, cut: int) -> bytes:
    """What comes back for ``data``, in two pieces, and the end."""
    with proxy.connect(10) as connection, suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(data[:cut])
        connection.sendall(data[cut:])
        connection.shutdown(socket.SHUT_WR)
        return drain(connection)
    return b""


@settings(deadline=None, max_examples=2500, suppress_health_check=list(HealthCheck))
@given(
    chosen=st.lists(st.integers(0, 12), min_size=1, max_size=4), steps=st.lists(STEPS, max_size=4), cut=st.floats(0, 1)
)
def test_spoiled_requests(stage: Stage, baseline: Proxy, chosen: list[int], steps: list[Step], cut: float) -> None:
    requests = honest(stage)
    data = spoiled(b"".join(requests[number] for number in chosen), steps)
    baseline.witness.forget()
    for answer in answers(sent(baseline, data, int(cut * len(data)))):
        assert answer.status < 500 or answer.status == 505 or b"pytrust" not in answer.body, answer
    assert baseline.daemon.alive
    for method, target in forwarded(baseline.witness.raw()):
        call = match(method, target)
        assert call is not None
        assert call.route.verdict is not Verdict.CLOSED
    for seen in baseline.witness.acted():
        assert "smuggled" not in seen.target
        if "containers/create" in seen.target:
            assert seen.json["Image"] == f"{stage.good}@{stage.digests['good:1']}"
            assert not seen.json["HostConfig"].get("Privileged")
    for wrong in ("Traceback", "internal"):
        assert wrong not in baseline.daemon.log.read_text()
