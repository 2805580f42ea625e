"""The Engine API client against a whole fake engine."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.fakes.engine import FakeEngine, Scripted, answer, serve, serve_tcp, stream

from pytrust.policy.engine import client
from pytrust.policy.engine.address import EngineAddress, TlsFiles
from pytrust.policy.engine.client import Engine, ImageInfo
from pytrust.policy.engine.words import ANSWER_MAX_BYTES
from pytrust.trust import errors
from pytrust.trust.names import ImageRef
from pytrust.trust.registry.dockerconfig import Login, encode_engine_auth

ID = "sha256:" + "1" * 64
DIGEST = "sha256:" + "a" * 64
REF = ImageRef.parse(f"foo/web:v2@{DIGEST}")
TAGGED = ImageRef.parse("foo/web:v2")


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    with serve(FakeEngine(remote={f"docker.io/foo/web@{DIGEST}": ID}), tmp_path / "d.sock") as engine:
        yield engine


@pytest.fixture
def engine(fake: FakeEngine, tmp_path: Path) -> Engine:
    return Engine(EngineAddress(socket=tmp_path / "d.sock"))


def silent(line: str) -> None:
    """Take progress and say nothing."""


def test_ping_gives_the_api_version(engine: Engine) -> None:
    assert engine.ping() == "1.41"


def test_something_else_than_an_engine_is_noticed(engine: Engine, fake: FakeEngine) -> None:
    fake.api_version = "no-version"
    with pytest.raises(errors.BadContent, match="does not answer like a Docker engine"):
        engine.ping()


def test_pull_asks_for_the_canonical_name_and_the_digest(engine: Engine, fake: FakeEngine) -> None:
    lines: list[str] = []
    engine.pull(REF, None, lines.append)
    assert fake.asked[0].query == {"fromImage": "docker.io/foo/web", "tag": DIGEST}
    assert "x-registry-auth" not in fake.asked[0].headers
    assert lines == [f"{DIGEST}: Pulling from docker.io/foo/web", "a1: Downloading [=> ] 1B/2B", f"Digest: {DIGEST}"]


def test_a_pulled_image_is_tagged_and_inspected(engine: Engine) -> None:
    engine.pull(REF, None, silent)
    engine.tag(f"docker.io/foo/web@{DIGEST}", REF)
    found = engine.inspect("docker.io/foo/web:v2")
    assert found == ImageInfo(id=ID, repo_digests=(f"docker.io/foo/web@{DIGEST}",), repo_tags=("docker.io/foo/web:v2",))


def test_an_image_without_names_is_inspected(engine: Engine, fake: FakeEngine) -> None:
    fake.images[ID] = set()
    assert engine.inspect(ID) == ImageInfo(id=ID, repo_digests=(), repo_tags=())


def test_an_image_that_is_not_there_is_none(engine: Engine) -> None:
    assert engine.inspect("foo/web") is None


def test_push_gives_the_digest_that_the_engine_pushed(engine: Engine, fake: FakeEngine) -> None:
    fake.images[ID] = {"docker.io/foo/web:v2"}
    lines: list[str] = []
    assert str(engine.push(TAGGED, None, lines.append)) == ID
    assert lines == ["a1: Pushed"]


def test_push_of_what_is_not_there(engine: Engine) -> None:
    with pytest.raises(errors.NotFound, match="An image does not exist locally"):
        engine.push(TAGGED, None, silent)


@pytest.mark.parametrize("digest", ["sha512:00", "nonsense"])
def test_a_digest_of_another_kind_is_no_digest(engine: Engine, fake: FakeEngine, digest: str) -> None:
    fake.script["/images/docker.io/foo/web/push"] = Scripted(stream({"aux": {"Digest": digest}}))
    assert engine.push(TAGGED, None, silent) is None


def test_logins_reach_the_engine_as_it_documents_them(engine: Engine, fake: FakeEngine) -> None:
    engine.pull(REF, encode_engine_auth(Login(username="alice", password="pä??>>ss"), "registry.example.com"), silent)
    sent = json.loads(base64.urlsafe_b64decode(fake.asked[0].headers["x-registry-auth"]))
    assert sent == {"username": "alice", "password": "pä??>>ss", "serveraddress": "registry.example.com"}


def test_an_error_in_the_stream_is_a_failure(engine: Engine, fake: FakeEngine) -> None:
    lines: list[str] = []
    message = "received unexpected HTTP status: 500 Internal Server Error"
    fake.script["/images/create"] = Scripted(
        stream({"status": "Pulling", "id": "v2"}, {"errorDetail": {"message": message}, "error": message})
    )
    with pytest.raises(errors.ServerError, match="the engine says: received unexpected HTTP status"):
        engine.pull(REF, None, lines.append)
    assert lines == ["v2: Pulling"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"error": f"manifest verification failed for digest {DIGEST}"}, errors.DigestMismatch),
        ({"error": f"filesystem layer verification failed for digest {DIGEST}"}, errors.DigestMismatch),
        ({"error": "unauthorized: authentication required"}, errors.AccessDenied),
        ({"error": "no basic auth credentials"}, errors.AccessDenied),
        ({"error": "denied", "errorDetail": {"code": 403, "message": "denied"}}, errors.AccessDenied),
        ({"error": "pull access denied for x, repository does not exist or may require"}, errors.AccessDenied),
        ({"error": "manifest unknown"}, errors.NotFound),
        ({"error": None, "errorDetail": {}}, None),
        ({"error": {"odd": 1}, "errorDetail": 7}, errors.ServerError),
    ],
)
def test_errors_in_the_stream_are_told_apart(
    engine: Engine, fake: FakeEngine, line: dict[str, object], expected: type[errors.PytrustError] | None
) -> None:
    fake.script["/images/create"] = Scripted(stream(line))
    if expected is None:
        engine.pull(REF, None, silent)
        return
    with pytest.raises(expected) as caught:
        engine.pull(REF, None, silent)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("status", "body", "expected", "text"),
    [
        (404, {"message": "manifest for x not found"}, errors.NotFound, "the engine says: manifest for x not found"),
        (403, {"message": "denied:\n unsigned\x1b[2J"}, errors.AccessDenied, "the engine says: denied: unsigned [2J"),
        (401, {"message": "who are you"}, errors.AccessDenied, "the engine says: who are you"),
        (400, {"message": "bad tag"}, errors.Refused, "the engine says: bad tag"),
        (500, {"message": "disk full"}, errors.ServerError, "the engine says: disk full"),
        (500, {"message": 'Get "https://r/v2/": unauthorized'}, errors.AccessDenied, "the engine says: Get"),
        (502, ["odd"], errors.ServerError, 'the engine says: ["odd"]'),
        (500, {"message": ""}, errors.ServerError, "the engine says: no reason given"),
        (500, {"message": "x" * 9000}, errors.ServerError, "the engine says: xxx"),
    ],
)
def test_error_answers(
    engine: Engine,
    fake: FakeEngine,
    status: int,
    body: object,
    expected: type[errors.PytrustError],
    text: str,
) -> None:
    fake.script["/images/create"] = Scripted(answer(status, body))
    with pytest.raises(expected) as caught:
        engine.pull(REF, None, silent)
    assert type(caught.value) is expected
    assert str(caught.value).startswith(text)
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (stream({"status": "Pulling"}, end=False), errors.Unreachable),
        (stream({"status": "Pulling"})[:-20], errors.Unreachable),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"status": "Pulling"}', errors.Unreachable),
        (stream(b"not json\r\n"), errors.BadContent),
        (stream(["a list"]), errors.BadContent),
        (stream(b"[" * 60_000), errors.BadContent),
        (stream({"status": "x" * 2 * client.LINE_MAX_BYTES}), errors.BadContent),
        (answer(204, ""), errors.BadContent),
        (b"SSH-2.0-OpenSSH_9.2\r\n", errors.Unreachable),
        (b"", errors.Unreachable),
    ],
)
def test_streams_that_are_not_ones(
    engine: Engine, fake: FakeEngine, raw: bytes, expected: type[errors.PytrustError]
) -> None:
    fake.script["/images/create"] = Scripted(raw)
    with pytest.raises(expected):
        engine.pull(REF, None, silent)


@pytest.mark.parametrize("cut", [1, 2, 20])
def test_lines_and_chunks_are_not_the_same(engine: Engine, fake: FakeEngine, cut: int) -> None:
    lines: list[str] = []
    text = b'{"status": "one"}\r\n{"status": "two"}\n{"status": "three"}'
    fake.script["/images/create"] = Scripted(stream(*(text[i : i + cut] for i in range(0, len(text), cut))))
    engine.pull(REF, None, lines.append)
    assert lines == ["one", "two", "three"]


def test_progress_is_safe_to_print(engine: Engine, fake: FakeEngine) -> None:
    lines: list[str] = []
    fake.script["/images/create"] = Scripted(stream(b"\r\n", {"status": "a\x1b]0;b\x07\nc", "id": "i\rd"}, {"id": "x"}))
    engine.pull(REF, None, lines.append)
    assert lines == ["i d: a ]0;b c"]


def test_a_callers_own_error_stays_its_own(engine: Engine) -> None:
    def broken(line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        engine.pull(REF, None, broken)


def test_silence_has_an_end(engine: Engine, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "IDLE_TIMEOUT", 0.05)
    fake.script["/images/create"] = Scripted(stream({"status": "Pulling"}, end=False), hold=True)
    with pytest.raises(errors.TooSlow):
        engine.pull(REF, None, silent)


def test_a_description_is_bounded(engine: Engine, fake: FakeEngine) -> None:
    fake.script["/images/web/json"] = Scripted(answer(200, "x" * ANSWER_MAX_BYTES))
    with pytest.raises(errors.BadContent, match="larger than"):
        engine.inspect("web")


@pytest.mark.parametrize("body", [[], {"Id": 7}, {}])
def test_a_description_is_checked(engine: Engine, fake: FakeEngine, body: object) -> None:
    fake.script["/images/web/json"] = Scripted(answer(200, body))
    with pytest.raises(errors.BadContent):
        engine.inspect("web")


@pytest.mark.parametrize("name", ["", "..", "../containers/x", "a/../b", "a//b", "/a", "a b", "a?b", "a\r\nX: y", "a/"])
def test_names_do_not_lead_to_other_routes(engine: Engine, fake: FakeEngine, name: str) -> None:
    with pytest.raises(errors.InvalidName):
        engine.inspect(name)
    assert not fake.asked


def test_a_pull_is_by_digest_and_a_push_is_by_tag(engine: Engine) -> None:
    with pytest.raises(errors.UsageError, match="no digest"):
        engine.pull(TAGGED, None, silent)
    for_digest = ImageRef.parse(f"foo/web@{DIGEST}")
    with pytest.raises(errors.UsageError, match="no tag"):
        engine.push(for_digest, None, silent)
    with pytest.raises(errors.UsageError, match="no tag"):
        engine.tag(ID, for_digest)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(errors.Unreachable, match="no engine answers at unix://") as caught:
        Engine(EngineAddress(socket=tmp_path / "none")).ping()
    assert f"docker -H unix://{tmp_path}/none info" in caught.value.hint


def test_a_socket_path_that_is_too_long() -> None:
    with pytest.raises(errors.Unreachable, match="path too long"):
        Engine(EngineAddress(socket=Path("/" + "x" * 200))).ping()


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(errors.Unreachable, match=f"tcp://127.0.0.1:{port}: connection refused"):
        Engine(EngineAddress(host="127.0.0.1", port=port)).ping()


def test_a_socket_of_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(client, "open_connection", refuse)
    with pytest.raises(errors.AccessDenied, match="no permission") as caught:
        Engine(EngineAddress(socket=tmp_path / "d.sock")).ping()
    assert "group docker" in caught.value.hint


def test_tcp() -> None:
    with serve_tcp(FakeEngine()) as port:
        assert Engine(EngineAddress(host="127.0.0.1", port=port)).ping() == "1.41"


def _certificate(folder: Path) -> None:
    """A self-signed certificate that serves as authority, server and client."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "engine")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    for file in ("ca.pem", "cert.pem"):
        (folder / file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _server_context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_tls_on_both_sides(tmp_path: Path) -> None:
    _certificate(tmp_path)
    with serve_tcp(FakeEngine(), _server_context(tmp_path)) as port:
        address = EngineAddress(host="127.0.0.1", port=port, tls=TlsFiles.in_folder(tmp_path))
        assert Engine(address).ping() == "1.41"


def test_tls_without_our_certificate(tmp_path: Path) -> None:
    _certificate(tmp_path)
    with serve_tcp(FakeEngine(), _server_context(tmp_path)) as port:
        address = EngineAddress(host="127.0.0.1", port=port, tls=TlsFiles(ca=tmp_path / "ca.pem"))
        with pytest.raises(errors.Unreachable, match=r"tls|connection reset|broken pipe"):
            Engine(address).ping()


def test_tls_with_another_authority(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
        _certificate(folder)
    with serve_tcp(FakeEngine(), _server_context(theirs)) as port:
        address = EngineAddress(host="127.0.0.1", port=port, tls=TlsFiles.in_folder(ours))
        with pytest.raises(errors.Unreachable, match="tls:"):
            Engine(address).ping()


def test_tls_files_that_are_missing(tmp_path: Path) -> None:
    with serve_tcp(FakeEngine()) as port:
        address = EngineAddress(host="127.0.0.1", port=port, tls=TlsFiles.in_folder(tmp_path))
        with pytest.raises(errors.UsageError, match=r"TLS files in .*no such file") as caught:
            Engine(address).ping()
    assert "ca.pem" in caught.value.hint
