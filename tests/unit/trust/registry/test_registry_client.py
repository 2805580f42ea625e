"""The registry client against a whole other registry, honest and not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    OTHER_DIGEST,
    Auth,
    FakeRegistry,
    Fault,
    Tls,
    make_tls,
    oci_index,
    oci_manifest,
)

from pytrust.trust import errors
from pytrust.trust.http import Deadline
from pytrust.trust.names import Digest, ImageRef
from pytrust.trust.registry import Anonymous, Descriptor, Platform, Registry
from pytrust.trust.registry import session as session_module
from pytrust.trust.registry.dockerconfig import Login

MANIFEST = oci_manifest("v1")
LOGIN = Login("alice", "s3cret-password")
BEARER = Auth("Bearer", "alice", "s3cret-password")
BASIC = Auth("Basic", "alice", "s3cret-password")


class Known:
    """A source of one login that counts how often it is asked."""

    def __init__(self, login: Login | None) -> None:
        self.known = login
        self.asked: list[str] = []

    def login(self, registry: str, deadline: Deadline) -> Login | None:
        self.asked.append(registry)
        return self.known


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        registry.put("foo/web", "v1", MANIFEST)
        yield registry


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return make_tls(tmp_path, "registry.test", "auth.test")


@pytest.fixture
def named_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``*.test`` be this machine, so that a host can be ours and yet not be loopback by name."""
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".test") else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def client(tmp_path: Path, login: Login | None = None, **options: Any) -> Registry:
    return Registry(Known(login), **{"certs_dir": tmp_path / "certs.d", **options})


def trust(tmp_path: Path, host: str, tls: Tls) -> None:
    folder = tmp_path / "certs.d" / host
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(tls.certificate.read_bytes())


def ref(fake: FakeRegistry, rest: str = "foo/web:v1") -> ImageRef:
    return ImageRef.parse(f"{fake.host}/{rest}")


def soon() -> Deadline:
    return Deadline(5)


# -- what an honest registry serves ---------------------------------------------------------------------------------


def test_a_tag_is_resolved_to_the_bytes_hashed_here(fake: FakeRegistry, tmp_path: Path) -> None:
    digest = fake.put("foo/web", "v2", oci_manifest("v2"))
    found = client(tmp_path).resolve(ref(fake, "foo/web:v2"), soon())
    assert found == Descriptor(OCI_MANIFEST, Digest.parse(digest), len(found.data), oci_manifest("v2"), ())


def test_an_index_lists_its_children(fake: FakeRegistry, tmp_path: Path) -> None:
    children = [fake.put("foo/web", None, oci_manifest(arch)) for arch in ("amd64", "arm64", "attestation")]
    fake.put("foo/web", "multi", oci_index([(child, 10 + n) for n, child in enumerate(children)]), OCI_INDEX)
    found = client(tmp_path).resolve(ref(fake, "foo/web:multi"), soon())
    assert found.platforms == (
        Platform("linux", "amd64", None, Digest.parse(children[0]), 10),
        Platform("linux", "arm64", "v8", Digest.parse(children[1]), 11),
        Platform("unknown", "unknown", None, Digest.parse(children[2]), 12),
    )


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_manifest_types(fake: FakeRegistry, tmp_path: Path, media_type: str) -> None:
    fake.put("foo/web", "t", oci_manifest("t", media_type=media_type), media_type)
    assert client(tmp_path).resolve(ref(fake, "foo/web:t"), soon()).media_type == media_type


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_index_types(fake: FakeRegistry, tmp_path: Path, media_type: str) -> None:
    fake.put("foo/web", "t", oci_index([(OTHER_DIGEST, 1)], media_type=media_type), media_type)
    assert client(tmp_path).resolve(ref(fake, "foo/web:t"), soon()).media_type == media_type


def test_all_four_types_are_asked_for_and_no_compression(fake: FakeRegistry, tmp_path: Path) -> None:
    client(tmp_path).resolve(ref(fake), soon())
    headers = fake.asked("/manifests/")[0].headers
    assert set(headers["accept"].split(", ")) == {OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST}
    assert headers["accept-encoding"] == "identity"


def test_the_digest_wins_over_the_tag(fake: FakeRegistry, tmp_path: Path) -> None:
    old = Digest.parse(fake.put("foo/web", None, oci_manifest("old")))
    assert client(tmp_path).resolve(ref(fake).at(old), soon()).digest == old
    assert fake.asked("/manifests/")[0].path.endswith(str(old))


def test_head_is_a_hint(fake: FakeRegistry, tmp_path: Path) -> None:
    registry = client(tmp_path)
    assert registry.head(ref(fake), soon()) == registry.resolve(ref(fake), soon()).digest
    fake.fail(Fault.HEAD_DIFFERS)
    assert registry.head(ref(fake), soon()) == Digest.parse(OTHER_DIGEST)
    assert registry.resolve(ref(fake), soon()).data == MANIFEST  # row 32: the body of GET decides
    for fault in (Fault.NO_DIGEST, Fault.ODD_DIGEST):
        fake.fail(fault)
        assert registry.head(ref(fake), soon()) is None


def test_a_registry_without_digest_header(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.fail(Fault.NO_DIGEST)
    assert client(tmp_path).resolve(ref(fake), soon()).data == MANIFEST


# -- what a bad registry serves -------------------------------------------------------------------------------------

REFUSED = [
    (Fault.WRONG_DIGEST, errors.BadContent, OTHER_DIGEST),
    (Fault.ODD_DIGEST, errors.BadContent, "md5:1234"),
    (Fault.WRONG_TYPE, errors.BadContent, "image.manifest.* as .*image.index"),
    (Fault.NO_TYPE, errors.BadContent, "not an image manifest"),
    (Fault.HTML, errors.BadContent, "text/html"),
    (Fault.SCHEMA1, errors.BadContent, "schema 1"),
    (Fault.GZIP_BOMB, errors.BadContent, "was expected"),
    (Fault.DEEP_JSON, errors.BadContent, "nested deeper"),
    (Fault.TWICE, errors.BadContent, "twice"),
    (Fault.ENDLESS_BODY, errors.BadContent, "larger than 4194304"),
    (Fault.REDIRECT_LOOP, errors.BadContent, "more than 5 times"),
    (Fault.TRUNCATED, errors.Unreachable, "127.0.0.1"),
    (Fault.ENDLESS_HEADERS, errors.Unreachable, "127.0.0.1"),
    (Fault.CLOSE, errors.Unreachable, "127.0.0.1"),
    (Fault.GARBAGE, errors.Unreachable, "127.0.0.1"),
    (Fault.RATE_LIMITED, errors.RateLimited, "17 s"),
    (Fault.SERVER_ERROR, errors.ServerError, "500"),
    (Fault.FORBIDDEN, errors.AccessDenied, "DENIED"),
    (Fault.UNAUTHORIZED, errors.AccessDenied, "denies access"),
]


@pytest.mark.parametrize(("fault", "error", "text"), REFUSED, ids=lambda value: getattr(value, "name", None))
def test_misbehaviour_by_tag(
    fake: FakeRegistry, tmp_path: Path, fault: Fault, error: type[errors.PytrustError], text: str
) -> None:
    fake.fail(fault)
    with pytest.raises(error, match=text) as caught:
        client(tmp_path).resolve(ref(fake), soon())
    assert type(caught.value) is error
    assert str(caught.value).startswith(f"{ref(fake)}: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("fault", [Fault.OTHER_BYTES, Fault.SCHEMA1, Fault.TWICE, Fault.DEEP_JSON, Fault.GZIP_BOMB])
def test_other_bytes_than_the_digest_asked_for(fake: FakeRegistry, tmp_path: Path, fault: Fault) -> None:
    """The header fits the bytes served, as a lying registry would have it; it is the request that counts."""
    wanted = client(tmp_path).resolve(ref(fake), soon()).digest
    fake.fail(fault)
    with pytest.raises(errors.BadContent, match=f"served sha256:.* where {wanted} was expected"):
        client(tmp_path).resolve(ref(fake).at(wanted), soon())


@pytest.mark.parametrize("route", ["ping", "token", "manifest"])
@pytest.mark.parametrize("fault", [Fault.SLOW_DRIP, Fault.SLOW_HEADERS, Fault.HANG])
def test_slow_peers_end_with_the_deadline(fake: FakeRegistry, tmp_path: Path, fault: Fault, route: Any) -> None:
    fake.auth = Auth("Bearer", anonymous=True)
    fake.fail(fault, on=route)
    start = time.monotonic()
    with pytest.raises(errors.TooSlow, match=r"foo/web:v1: .* within 0\.3 s"):
        client(tmp_path).resolve(ref(fake), Deadline(0.3))
    assert time.monotonic() - start < 1


def test_a_slow_peer_that_does_not_tell_the_length(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.fail(Fault.SLOW_DRIP_UNSIZED)
    threading.Timer(1.5, fake.__exit__).start()
    start = time.monotonic()
    with pytest.raises(errors.TooSlow):
        client(tmp_path).resolve(ref(fake), Deadline(0.3))
    assert time.monotonic() - start < 1


def test_an_absent_image(fake: FakeRegistry, tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="MANIFEST_UNKNOWN"):
        client(tmp_path).resolve(ref(fake, "foo/web:v9"), soon())


def test_nobody_listens(tmp_path: Path) -> None:
    with FakeRegistry() as gone:
        name = ref(gone)
    with pytest.raises(errors.Unreachable, match="foo/web:v1"):
        client(tmp_path).resolve(name, soon())


def test_a_port_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(errors.BadContent, match="99999"):
        client(tmp_path).resolve(ImageRef.parse("registry.test:99999/web"), soon())


# -- logins and tokens ----------------------------------------------------------------------------------------------


def test_errors_stay_on_one_line_and_move_no_cursor(fake: FakeRegistry, tmp_path: Path) -> None:
    class Odd:
        def login(self, registry: str, deadline: Deadline) -> Login | None:
            raise errors.Unsound("one\ntwo\x1b[2J", hint="three")

    fake.auth = BASIC
    with pytest.raises(errors.Unsound) as caught:
        Registry(Odd(), certs_dir=tmp_path).resolve(ref(fake), soon())
    assert (str(caught.value), caught.value.hint) == (f"{ref(fake)}: one?two?[2J", "three")


@pytest.mark.parametrize("ping", [True, False])
@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_a_login(fake: FakeRegistry, tmp_path: Path, scheme: Any, ping: bool) -> None:
    fake.auth = Auth(scheme, LOGIN.username, LOGIN.password, ping=ping)
    assert client(tmp_path, LOGIN).resolve(ref(fake), soon()).data == MANIFEST


def test_the_token_is_asked_for_this_repository_and_to_pull_only(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = Auth("Bearer", anonymous=True)
    client(tmp_path).resolve(ref(fake), soon())
    (asked,) = fake.asked("/token")
    assert asked.path == "/token?service=fake&scope=repository%3Afoo%2Fweb%3Apull"
    assert asked.authorization == ""


def test_access_token_is_the_other_name(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = Auth("Bearer", anonymous=True, token_field="access_token")
    assert client(tmp_path).resolve(ref(fake), soon()).data == MANIFEST


def test_an_identity_token_is_posted(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = Auth("Bearer", identity_token="id&token")
    assert client(tmp_path, Login(identity_token="id&token")).resolve(ref(fake), soon()).data == MANIFEST
    (asked,) = fake.asked("/token")
    assert (asked.method, asked.authorization) == ("POST", "")


def test_a_registry_token_is_sent_as_it_is(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = Auth("Bearer")
    login = Login(registry_token="token.foo/web.0")
    assert client(tmp_path, login).resolve(ref(fake), soon()).data == MANIFEST
    assert fake.asked("/token") == []


@pytest.mark.parametrize("login", [None, Login("alice", "wr0ng-password"), Login(identity_token="wr0ng-token")])
@pytest.mark.parametrize("auth", [BASIC, BEARER])
def test_the_wrong_login(fake: FakeRegistry, tmp_path: Path, auth: Auth, login: Login | None) -> None:
    fake.auth = auth
    with pytest.raises(errors.AccessDenied) as caught:
        client(tmp_path, login).resolve(ref(fake), soon())
    assert caught.value.hint == f"docker login {fake.host}"
    assert "wr0ng" not in f"{caught.value!r}{login!r}"


def test_a_fresh_token_that_is_refused_is_not_asked_for_again(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = Auth("Bearer", anonymous=True)
    fake.token_reply = b'{"token": "useless"}'
    registry = client(tmp_path)
    for _ in range(3):
        with pytest.raises(errors.AccessDenied):
            registry.resolve(ref(fake), soon())
    assert len(fake.asked("/token")) == 1


def test_a_revoked_token_is_replaced(fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.auth = Auth("Bearer", anonymous=True)
    registry = client(tmp_path)
    registry.resolve(ref(fake), soon())
    fake.revoke_tokens()
    later = time.monotonic() + session_module.GRANT_MIN_LIFE + 1
    monkeypatch.setattr(session_module, "monotonic", lambda: later)
    assert registry.resolve(ref(fake), soon()).data == MANIFEST
    assert len(fake.asked("/token")) == 2


TOKEN_FAULTS = [
    (Fault.ENDLESS_BODY, errors.BadContent, "larger than 65536"),
    (Fault.HTML, errors.BadContent, "token reply"),
    (Fault.DEEP_JSON, errors.BadContent, "larger than 65536"),
    (Fault.TWICE, errors.BadContent, "twice"),
    (Fault.GZIP_BOMB, errors.BadContent, "token reply"),
    (Fault.RATE_LIMITED, errors.RateLimited, "token service"),
    (Fault.SERVER_ERROR, errors.ServerError, "token service"),
    (Fault.FORBIDDEN, errors.AccessDenied, "token service"),
    (Fault.REDIRECT_LOOP, errors.BadContent, "redirects"),
]


@pytest.mark.parametrize(("fault", "error", "text"), TOKEN_FAULTS, ids=lambda value: getattr(value, "name", None))
def test_a_bad_token_service(
    fake: FakeRegistry, tmp_path: Path, fault: Fault, error: type[errors.PytrustError], text: str
) -> None:
    fake.auth = Auth("Bearer", anonymous=True)
    fake.fail(fault, on="token")
    with pytest.raises(error, match=text) as caught:
        client(tmp_path).resolve(ref(fake), soon())
    assert str(caught.value).startswith(str(ref(fake)))


def test_no_token_service(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = Auth("Bearer", anonymous=True, realm=f"{fake.url}/nothing")
    with pytest.raises(errors.ServerError, match="no token service"):
        client(tmp_path).resolve(ref(fake), soon())


def test_an_identity_token_is_not_sent_along_a_redirect(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = Auth("Bearer", identity_token="id-token")
    with FakeRegistry() as other:
        fake.redirect_to = other.url
        fake.fail(Fault.REDIRECT, on="token")
        with pytest.raises(errors.BadContent, match="carries a secret"):
            client(tmp_path, Login(identity_token="id-token")).resolve(ref(fake), soon())
        assert other.seen == []


@pytest.mark.parametrize(
    "realm", ["http://auth.test/token", "ftp://127.0.0.1/", "https://a@b/", "", "http://127.0.0.1\\@x/"]
)
def test_a_realm_that_is_not_https(fake: FakeRegistry, tmp_path: Path, realm: str) -> None:
    fake.auth = Auth("Bearer", realm=realm or " ")
    with pytest.raises(errors.BadContent, match="https"):
        client(tmp_path, LOGIN).resolve(ref(fake), soon())


# -- where requests go ----------------------------------------------------------------------------------------------


def test_a_redirect_to_another_host_loses_the_login(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = BASIC
    with FakeRegistry() as other:
        other.put("foo/web", "v1", MANIFEST)
        fake.redirect_to = other.url
        fake.fail(Fault.REDIRECT)
        assert client(tmp_path, LOGIN).resolve(ref(fake), soon()).data == MANIFEST
        assert [seen.authorization for seen in other.seen] == [""]
    assert fake.asked("/manifests/")[-1].authorization.startswith("Basic ")


def test_another_host_cannot_ask_for_the_login(fake: FakeRegistry, tmp_path: Path) -> None:
    with FakeRegistry(auth=Auth("Basic")) as other:
        fake.redirect_to = other.url
        fake.fail(Fault.REDIRECT)
        with pytest.raises(errors.AccessDenied):
            client(tmp_path, LOGIN).resolve(ref(fake), soon())
        assert [seen.authorization for seen in other.seen] == [""]


@pytest.mark.parametrize("location", ["http://registry.test", "//[", "ftp://127.0.0.1", "https://user@127.0.0.1"])
def test_a_redirect_that_leads_astray(fake: FakeRegistry, tmp_path: Path, location: str) -> None:
    fake.redirect_to = location
    fake.fail(Fault.REDIRECT)
    with pytest.raises(errors.BadContent, match=r"not https|https URL|nowhere"):
        client(tmp_path).resolve(ref(fake), soon())


def test_loopback_with_tls_and_a_ca_of_its_own(tmp_path: Path, tls: Tls) -> None:
    with FakeRegistry(tls=tls) as fake:
        fake.put("foo/web", "v1", MANIFEST)
        with pytest.raises(errors.Unreachable, match="certificate"):
            client(tmp_path).resolve(ref(fake), soon())
        trust(tmp_path, fake.host, tls)
        assert client(tmp_path).resolve(ref(fake), soon()).data == MANIFEST


@pytest.mark.usefixtures("named_hosts")
class TestHostsThatAreNotLoopback:
    def test_plain_http_is_not_spoken(self, fake: FakeRegistry, tmp_path: Path) -> None:
        with pytest.raises(errors.Unreachable, match=f"https://registry.test:{fake.port}"):
            client(tmp_path).resolve(ImageRef.parse(f"registry.test:{fake.port}/foo/web:v1"), soon())
        assert fake.seen == []

    def test_insecure_is_anonymous(self, fake: FakeRegistry, tmp_path: Path) -> None:
        host = f"registry.test:{fake.port}"
        registry = client(tmp_path, LOGIN, insecure=frozenset({host}))
        name = ImageRef.parse(f"{host}/foo/web:v1")
        assert registry.resolve(name, soon()).data == MANIFEST
        fake.auth = BASIC
        with pytest.raises(errors.AccessDenied, match="none is sent over plain HTTP") as caught:
            client(tmp_path, LOGIN, insecure=frozenset({host})).resolve(name, soon())
        assert caught.value.hint == f"docker login {host}"
        assert {seen.authorization for seen in fake.seen} == {""}

    def test_insecure_prefers_https(self, tmp_path: Path, tls: Tls) -> None:
        with FakeRegistry(tls=tls, auth=BASIC) as fake:
            fake.put("foo/web", "v1", MANIFEST)
            host = f"registry.test:{fake.port}"
            trust(tmp_path, host, tls)
            registry = client(tmp_path, LOGIN, insecure=frozenset({host}))
            assert registry.resolve(ImageRef.parse(f"{host}/foo/web:v1"), soon()).data == MANIFEST

    def test_https_never_leads_to_http(self, fake: FakeRegistry, tmp_path: Path, tls: Tls) -> None:
        with FakeRegistry(tls=tls) as secure:
            trust(tmp_path, f"registry.test:{secure.port}", tls)
            secure.redirect_to = fake.url
            secure.fail(Fault.REDIRECT)
            with pytest.raises(errors.BadContent, match="not https"):
                client(tmp_path).resolve(ImageRef.parse(f"registry.test:{secure.port}/foo/web:v1"), soon())
        assert fake.seen == []

    def test_the_token_service_of_a_secure_registry_is_secure(
        self, fake: FakeRegistry, tmp_path: Path, tls: Tls
    ) -> None:
        with FakeRegistry(tls=tls, auth=Auth("Bearer", realm=f"{fake.url}/token")) as secure:
            trust(tmp_path, f"registry.test:{secure.port}", tls)
            with pytest.raises(errors.BadContent, match="not https"):
                client(tmp_path, LOGIN).resolve(ImageRef.parse(f"registry.test:{secure.port}/foo/web:v1"), soon())
        assert fake.seen == []


def test_a_token_service_elsewhere_over_https(tmp_path: Path, tls: Tls) -> None:
    with FakeRegistry(tls=tls, auth=BEARER) as tokens:
        with FakeRegistry(tls=tls, auth=Auth("Bearer", realm=f"{tokens.url}/token")) as fake:
            fake.put("foo/web", "v1", MANIFEST)
            trust(tmp_path, fake.host, tls)
            assert client(tmp_path, LOGIN).resolve(ref(fake), soon()).data == MANIFEST
        assert tokens.asked("/token")[0].authorization.startswith("Basic ")


def test_a_ca_file_that_is_none(fake: FakeRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "certs.d" / fake.host
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.Unsound, match="CA file"):
        client(tmp_path).resolve(ref(fake), soon())


# -- many at once ---------------------------------------------------------------------------------------------------


def test_resolve_all_keeps_order_and_tells_failures_apart(fake: FakeRegistry, tmp_path: Path) -> None:
    digests = [fake.put("foo/web", f"t{n}", oci_manifest(f"t{n}")) for n in range(40)]
    names = [ref(fake, f"foo/web:t{n}") for n in range(40)]
    names[7] = ref(fake, "foo/web:none")
    results = client(tmp_path).resolve_all(names, soon())
    assert isinstance(results[7], errors.NotFound)
    found = [str(result.digest) for result in results if isinstance(result, Descriptor)]
    assert found == digests[:7] + digests[8:]


@pytest.mark.parametrize("count", [0, 1])
def test_resolve_all_of_few(fake: FakeRegistry, tmp_path: Path, count: int) -> None:
    assert len(client(tmp_path).resolve_all([ref(fake)] * count, soon())) == count


def test_one_token_for_all_and_latency_is_hidden(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.auth = BEARER
    fake.latency = 0.05
    source = Known(LOGIN)
    registry = Registry(source, certs_dir=tmp_path)
    fake.put("foo/api", "v1", MANIFEST)
    names = [ref(fake), ref(fake, "foo/api:v1")] * 16
    start = time.monotonic()
    results = registry.resolve_all(names, soon())
    assert time.monotonic() - start < 32 * fake.latency / 2
    assert all(isinstance(result, Descriptor) for result in results)
    assert sorted(seen.path.rpartition("=")[2] for seen in fake.asked("/token")) == [
        "repository%3Afoo%2Fapi%3Apull",
        "repository%3Afoo%2Fweb%3Apull",
    ]
    assert len(fake.asked("/manifests/")) == 32
    assert source.asked == [fake.host]


def test_a_slow_host_does_not_hold_up_another(fake: FakeRegistry, tmp_path: Path) -> None:
    with FakeRegistry() as slow:
        slow.fail(Fault.HANG, on="ping")
        registry = client(tmp_path)
        waiting = threading.Thread(target=registry.resolve_all, args=([ref(slow)], Deadline(0.5)))
        waiting.start()
        assert registry.resolve(ref(fake), Deadline(0.4)).data == MANIFEST
        waiting.join()


# -- referrers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("native", [True, False])
def test_referrers(fake: FakeRegistry, tmp_path: Path, native: bool) -> None:
    subject = client(tmp_path).resolve(ref(fake), soon()).digest
    wanted = [fake.put("foo/web", None, oci_manifest(f"s{n}", subject=str(subject))) for n in range(5)]
    stranger = fake.put("foo/web", None, oci_manifest("stranger", subject=OTHER_DIGEST))
    for listed in (str(subject), stranger, OTHER_DIGEST):
        fake.list_referrer("foo/web", str(subject), listed)
    entries = [(digest, 1) for digest in [*wanted, str(subject), stranger, OTHER_DIGEST]]
    fake.put("foo/web", f"sha256-{subject.hex}", oci_index(entries), OCI_INDEX)
    fake.native_referrers = native
    fake.page_size = 2
    found = client(tmp_path).referrers(ref(fake), soon())
    assert [str(descriptor.digest) for descriptor in found] == wanted


def test_the_fallback_tag_may_be_the_subject_itself(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.native_referrers = False
    digest = fake.put("foo/web", "v1", MANIFEST)
    fake.put("foo/web", digest.replace(":", "-"), MANIFEST)
    assert client(tmp_path).referrers(ref(fake), soon()) == []


def test_the_fallback_tag_must_be_an_oci_index(fake: FakeRegistry, tmp_path: Path) -> None:
    """A multi-platform image under that tag is the subject itself, not a list of what refers to it."""
    fake.native_referrers = False
    digest = fake.put("foo/web", "v1", MANIFEST)
    signature = fake.put("foo/web", None, oci_manifest("s", subject=digest))
    fallback = oci_index([(signature, 1)], media_type=DOCKER_LIST)
    fake.put("foo/web", digest.replace(":", "-"), fallback, DOCKER_LIST)
    assert client(tmp_path).referrers(ref(fake), soon()) == []


def test_no_referrers(fake: FakeRegistry, tmp_path: Path) -> None:
    assert client(tmp_path).referrers(ref(fake), soon()) == []
    fake.native_referrers = False
    assert client(tmp_path).referrers(ref(fake), soon()) == []


@pytest.mark.parametrize("fault", [Fault.ENDLESS_BODY, Fault.WRONG_TYPE, Fault.HTML])
def test_a_bad_list_of_referrers(fake: FakeRegistry, tmp_path: Path, fault: Fault) -> None:
    fake.fail(fault, on="referrers")
    with pytest.raises(errors.BadContent):
        client(tmp_path).referrers(ref(fake), soon())


def test_endless_pages_of_referrers(fake: FakeRegistry, tmp_path: Path) -> None:
    subject = client(tmp_path).resolve(ref(fake), soon()).digest
    for n in range(20):
        fake.put("foo/web", None, oci_manifest(f"s{n}", subject=str(subject)))
    fake.page_size = 1
    with pytest.raises(errors.BadContent, match="more than 16 pages"):
        client(tmp_path).referrers(ref(fake), soon())


def test_trouble_with_a_referrer_is_not_hidden(fake: FakeRegistry, tmp_path: Path) -> None:
    subject = client(tmp_path).resolve(ref(fake), soon()).digest
    fake.put("foo/web", None, oci_manifest("s", subject=str(subject)))
    fake.fail(Fault.SERVER_ERROR)
    with pytest.raises(errors.ServerError):
        client(tmp_path).referrers(ref(fake).at(subject), soon())


def test_anonymous_knows_nobody() -> None:
    assert Anonymous().login("docker.io", soon()) is None
