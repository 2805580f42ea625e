"""Calls of dockerd: read strictly, judged by the certificate alone, answered with a no whatever goes wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.certificates import Held
from tests.fakes.foreign_ca import DAY, ForeignCa

from pytrust.policy import refusals
from pytrust.policy.plugin import limits
from pytrust.policy.plugin.guard import Guard
from pytrust.policy.plugin.messages import REQUEST, RESPONSE, read_call
from pytrust.policy.plugin.routes import ACTIVATE, Routes
from pytrust.policy.plugin.wire import Message, MessageReader
from pytrust.trust.errors import BadMetadata
from pytrust.trust.pki.clients.standing import ClientTrust

CA = ForeignCa("client CA")
ALICE, BOB = CA.issue("alice"), CA.issue("bob")
TRUST = ClientTrust.read(CA.pem, CA.crl(BOB.certificate.serial_number))


class Scene:
    """A guard, its clock, and what it noted."""

    def __init__(self, trust: ClientTrust | None = TRUST) -> None:
        self.notes: list[str] = []
        self.seconds = 0.0
        self.guard = Guard(
            lambda: trust,  # type: ignore[arg-type,return-value]
            lambda: CA.now,
            lambda: self.seconds,
            lambda what, text: self.notes.append(f"{what}: {text}"),
        )

    def post(self, body: bytes, path: str = REQUEST, method: bytes = b"POST") -> tuple[int, Any]:
        reply = Routes([self.guard.kind(nothing)]).answer(Message(method, path, body, keep_alive=True))
        assert isinstance(reply, tuple)
        return reply[0], json.loads(reply[1])

    def ask(self, **fields: object) -> Any:
        return self.post(call(**fields))[1]


async def nothing(anew: bool) -> None:
    """There are no files to look at."""


def call(**fields: object) -> bytes:
    return json.dumps({"RequestMethod": "GET", "RequestUri": "/_ping?x=1", **fields}).encode()


def shown(*holders: Held, user: str | None = None) -> dict[str, object]:
    """As dockerd writes it (seen with 20.10.24)."""
    name = holders[0].certificate.subject.rfc4514_string().removeprefix("CN=")
    return {
        "User": name if user is None else user,
        "UserAuthNMethod": "TLS",
        "RequestPeerCertificates": [base64.b64encode(holder.pem).decode() for holder in holders],
    }


def test_activation() -> None:
    assert Scene().post(b"", ACTIVATE) == (200, {"Implements": ["authz"]})


def test_who_may() -> None:
    scene = Scene()
    assert scene.ask(**shown(ALICE)) == {"Allow": True}
    assert scene.ask() == {"Allow": True}  # the unix socket
    assert scene.post(call(**shown(ALICE)), RESPONSE) == (200, {"Allow": True})
    assert not scene.notes


def test_what_else_dockerd_sends_makes_no_difference() -> None:
    fields = {"RequestBody": "e30=", "RequestHeaders": {"A": "b"}, "ResponseBody": None, "ResponseStatusCode": 200}
    assert Scene().ask(**fields, **shown(ALICE, BOB)) == {"Allow": True}  # the rest of the chain does not count
    assert not Scene().ask(**fields, **shown(BOB, ALICE))["Allow"]


@pytest.mark.parametrize("path", [REQUEST, RESPONSE])
def test_a_revoked_client_may_not(path: str) -> None:
    scene = Scene()
    status, answer = scene.post(call(**shown(BOB)), path)
    assert (status, answer["Allow"]) == (200, False)
    assert "bob" in answer["Msg"]
    assert "revoked" in answer["Msg"]
    assert "hint:" in answer["Msg"]
    assert scene.notes[0].startswith("call-refused: bob: GET /_ping refused: the certificate of bob (")


@pytest.mark.parametrize(
    "fields",
    [
        {"User": "alice"},
        {"UserAuthNMethod": "TLS"},
        {"User": "alice", "UserAuthNMethod": "TLS"},
        {"User": "alice", "UserAuthNMethod": "TLS", "RequestPeerCertificates": []},
        {**shown(ALICE), "UserAuthNMethod": ""},
        {**shown(ALICE), "UserAuthNMethod": "Basic"},
        {"RequestPeerCertificates": shown(ALICE)["RequestPeerCertificates"]},
        shown(ALICE, user="bob"),
        shown(ALICE, user=""),
        {**shown(ALICE), "RequestPeerCertificates": [base64.b64encode(ALICE.der).decode()]},
        {**shown(ALICE), "RequestPeerCertificates": [base64.b64encode(ALICE.pem + BOB.pem).decode()]},
        {**shown(ALICE), "RequestPeerCertificates": [""]},
        {**shown(ALICE), "RequestPeerCertificates": ["not base64!"]},
        {**shown(ALICE), "RequestPeerCertificates": [ALICE.pem.decode()]},
        {**shown(ALICE), "RequestPeerCertificates": "x"},
        {**shown(ALICE), "RequestPeerCertificates": None},
        {**shown(ALICE), "User": None},
        {**shown(ALICE), "User": 7},
        {"RequestMethod": None},
        {"RequestUri": []},
        shown(ForeignCa("client CA").issue("alice")),
        shown(CA.issue("alice", ends=CA.now - DAY / 2)),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(fields: dict[str, object]) -> None:
    scene = Scene()
    assert scene.ask(**fields)["Allow"] is False
    assert len(scene.notes) == 1


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"{", b'{"RequestMethod":"GET"}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_call_is_refused(body: bytes) -> None:
    answer = Scene().post(body)[1]
    assert answer["Allow"] is False
    assert answer["Err"]


def test_a_fault_of_our_own_is_a_refusal() -> None:
    scene = Scene(trust=None)
    assert scene.ask(**shown(ALICE)) == {"Allow": False, "Err": "internal error of the plugin: see its log"}
    assert "AttributeError" in scene.notes[0]


def test_other_paths_and_methods() -> None:
    scene = Scene()
    assert scene.post(call(), "/VolumeDriver.Create")[0] == 404
    assert scene.post(call(), REQUEST + "/")[0] == 404
    assert scene.post(call(), REQUEST, b"GET")[0] == 405


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(lambda each: json.dumps(each).encode())
)
def test_noise_is_no_call(body: bytes) -> None:
    with pytest.raises(BadMetadata):
        read_call(body)


# notes


def test_refusals_are_all_counted_and_seldom_told() -> None:
    scene = Scene()
    for scene.seconds in range(150):
        scene.ask(**shown(BOB))
    assert len(scene.notes) == 3  # after 0, 60 and 120 seconds
    assert "and 59 times more since the last note" in scene.notes[1]
    scene.seconds = 150 + refusals.INTERVAL
    scene.guard.sweep()
    assert scene.notes[3] == "call-refused: bob: refused 29 times more (revoked)"
    scene.guard.sweep()
    assert len(scene.notes) == 4


def test_a_crowd_of_refused_clients_is_bounded() -> None:
    counted = refusals.Refusals()
    told = [counted.tell(f"client {number}", "revoked", "text", 0) for number in range(5000)]
    assert len([line for line in told if line]) == refusals.KNOWN_MAX + 1
    assert counted.rest(refusals.INTERVAL) == [
        f"others: refused {5000 - refusals.KNOWN_MAX - 1} times more (various reasons)"
    ]


# HTTP

HEAD = "POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\n"


def http(body: bytes, head: str = HEAD) -> bytes:
    return f"{head}Content-Length: {len(body)}\r\nAccept: application/json\r\n\r\n".encode() + body


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=4), st.lists(st.integers(0, 800), max_size=8))
def test_how_bytes_are_cut_makes_no_difference(bodies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(map(http, bodies))
    reader, found, begin = MessageReader(limits.AUTHZ_MAX_BYTES), [], 0
    for cut in [*sorted(cuts), len(data)]:
        found += reader.feed(data[begin:cut])
        begin = max(begin, cut)
    assert [message.body for message in found] == bodies
    assert not reader.begun


def test_a_chunked_call() -> None:
    data = (HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n").encode()
    assert MessageReader(limits.AUTHZ_MAX_BYTES).feed(data) == [Message(b"POST", REQUEST, b"{}", keep_alive=True)]


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n",
        HEAD.encode() + b"X: " + b"x" * limits.HEAD_MAX_BYTES,
        b"POST /" + b"x" * (limits.HEAD_MAX_BYTES + 10),
        b"X" * 100_000,
        HEAD.encode() + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD.encode() + b"Content-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_what_is_not_http(data: bytes) -> None:
    with pytest.raises(BadMetadata):
        MessageReader(limits.AUTHZ_MAX_BYTES).feed(data)


def test_a_head_that_comes_bit_by_bit_has_a_size() -> None:
    reader = MessageReader(limits.AUTHZ_MAX_BYTES)
    reader.feed(HEAD.encode())
    with pytest.raises(BadMetadata, match="the head of a call is larger"):
        for _ in range(limits.HEAD_MAX_BYTES // 10):
            reader.feed(b"Xyz: abcd\r\n")


def test_a_body_has_a_size() -> None:
    reader = MessageReader(limits.AUTHZ_MAX_BYTES)
    reader.feed(f"{HEAD}Content-Length: {limits.AUTHZ_MAX_BYTES + 1}\r\n\r\n".encode())
    piece = b"x" * (1024 * 1024)
    for _ in range(limits.AUTHZ_MAX_BYTES // len(piece)):
        reader.feed(piece)
    with pytest.raises(BadMetadata, match="the body of a call is larger"):
        reader.feed(b"x")
