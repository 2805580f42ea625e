"""The pure parts of the registry client: challenges, tokens, manifests, places, statuses."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    OTHER_DIGEST,
    digest_of,
    oci_index,
    oci_manifest,
)

from pytrust.trust import errors
from pytrust.trust.http import Response
from pytrust.trust.names import Digest
from pytrust.trust.registry.answers import check
from pytrust.trust.registry.challenge import Challenge, choose, parse_challenges
from pytrust.trust.registry.manifest import ACCEPTED, describe, subject_of
from pytrust.trust.registry.places import Url, api_urls, is_loopback, redirect, token_service
from pytrust.trust.registry.tokens import Token, parse_token, refresh_form, token_query

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"'
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)

# -- challenges -----------------------------------------------------------------------------------------------------

CHALLENGES = [
    ("", []),
    (" , ,", []),
    (HUB, [("bearer", "https://auth.docker.io/token", "registry.docker.io")]),
    ('Basic realm="a, b=c \\"d\\""', [("basic", 'a, b=c "d"', "")]),
    ("BEARER Realm=https://a/t , service = x", [("bearer", "https://a/t", "x")]),
    ("Basic", [("basic", "", "")]),
    ("Negotiate", [("negotiate", "", "")]),
    ("Bearer realm=", [("bearer", "", "")]),
    ("Negotiate YWJj==, Basic realm=x", [("negotiate", "", ""), ("basic", "x", "")]),
    ("Basic, Bearer realm=x", [("basic", "", ""), ("bearer", "x", "")]),
    ('Basic realm="x", Bearer realm="https://a",service="s"', [("basic", "x", ""), ("bearer", "https://a", "s")]),
]


@pytest.mark.parametrize(("header", "expected"), CHALLENGES)
def test_challenges(header: str, expected: list[tuple[str, str, str]]) -> None:
    assert parse_challenges(header) == tuple(Challenge(*each) for each in expected)


@pytest.mark.parametrize("header", ["=", '"x"', 'Bearer realm="x', 'Bearer realm="x" "y"', "Bearer ü=x"])
def test_challenges_that_cannot_be_read(header: str) -> None:
    with pytest.raises(errors.BadContent, match="challenge"):
        parse_challenges(header)


def test_a_parameter_given_twice_has_two_readings() -> None:
    with pytest.raises(errors.BadContent, match="'realm' twice"):
        parse_challenges('Bearer realm="https://a", Realm="https://b"')


def test_a_token_is_chosen_before_a_password() -> None:
    assert choose(parse_challenges("Basic realm=x, Bearer realm=y")) == Challenge("bearer", "y", "")
    assert choose(parse_challenges("Negotiate, Basic realm=x")) == Challenge("basic", "x", "")
    assert choose(parse_challenges("Negotiate")) is None


@RELAXED
@given(st.text() | st.text('ab=," \\\t', max_size=40) | st.text().map(lambda text: HUB + text))
def test_any_challenge_is_read_or_refused(header: str) -> None:
    with suppress(errors.BadContent):
        parse_challenges(header)


PARAMETER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@RELAXED
@given(PARAMETER, PARAMETER)
def test_a_quoted_challenge_comes_back(realm: str, service: str) -> None:
    quoted = [value.replace("\\", "\\\\").replace('"', '\\"') for value in (realm, service)]
    header = f'Bearer realm="{quoted[0]}",service="{quoted[1]}"'
    assert parse_challenges(header) == (Challenge("bearer", realm, service),)


def test_a_long_challenge_takes_no_long_time() -> None:
    for header in ('Bearer realm="' + "\\" * 60_000, "a" * 60_000 + "=", "a " * 30_000, "a=b," * 15_000):
        with pytest.raises(errors.BadContent):
            parse_challenges(header + "\0")


# -- tokens ---------------------------------------------------------------------------------------------------------

TOKENS = [
    ({"token": "t"}, Token("t", 60)),
    ({"access_token": "t", "expires_in": 300}, Token("t", 300)),
    ({"token": "t", "access_token": "u", "expires_in": 5}, Token("t", 60)),
    ({"token": "", "access_token": "u", "expires_in": "soon"}, Token("u", 60)),
]


@pytest.mark.parametrize(("reply", "token"), TOKENS)
def test_tokens(reply: object, token: Token) -> None:
    assert parse_token(json.dumps(reply).encode()) == token


@pytest.mark.parametrize("reply", [[], {}, {"token": 1}, {"token": "a b"}, {"token": "a\r\nX: y"}, {"token": "ü"}, "x"])
def test_tokens_that_are_none(reply: object) -> None:
    with pytest.raises(errors.BadContent, match="token reply"):
        parse_token(json.dumps(reply).encode())


@RELAXED
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_token_reply_is_read_or_refused(body: bytes) -> None:
    with pytest.raises(errors.BadContent):
        parse_token(body)


def test_a_token_is_not_shown() -> None:
    assert "t0ken" not in repr(Token("t0ken", 60))


def test_token_requests() -> None:
    assert token_query("", "repository:a/b:pull") == "scope=repository%3Aa%2Fb%3Apull"
    assert b"refresh_token=a%26b%3Dc" in refresh_form("s", "x", "a&b=c")


# -- manifests ------------------------------------------------------------------------------------------------------


def manifest(**changes: Any) -> bytes:
    return json.dumps({**json.loads(oci_manifest("x")), **changes}).encode()


def index(**changes: Any) -> bytes:
    return json.dumps({**json.loads(oci_index([(OTHER_DIGEST, 1)])), **changes}).encode()


def child(**changes: Any) -> bytes:
    return index(manifests=[{"mediaType": OCI_MANIFEST, "digest": OTHER_DIGEST, "size": 1, **changes}])


BARE_MANIFEST = json.dumps({"schemaVersion": 2, "config": {}, "layers": []}).encode()
BAD_MANIFESTS = [
    ("no-object", b"[]", OCI_MANIFEST, "not a JSON object"),
    ("no-json", b"{", OCI_MANIFEST, "strict JSON"),
    ("float", manifest(x=1.5), OCI_MANIFEST, "not an integer"),
    ("other-type-inside", manifest(), DOCKER_MANIFEST, re.escape(f"served '{OCI_MANIFEST}' as '{DOCKER_MANIFEST}'")),
    ("type-is-no-text", manifest(mediaType=["x"]), OCI_MANIFEST, r"\['x'\]"),
    ("type-is-null", manifest(mediaType=None), OCI_MANIFEST, "None"),
    ("schema-1-by-field", manifest(schemaVersion=1), OCI_MANIFEST, "schema version 1"),
    ("no-schema-version", b"{}", OCI_MANIFEST, "schema version None"),
    ("schema-1-by-type", b"{}", "application/vnd.docker.distribution.manifest.v1+json", "schema 1"),
    ("json", manifest(), "application/json", "'application/json'"),
    ("no-type", manifest(), "", "''"),
    ("manifest-with-manifests", manifest(manifests=[]), OCI_MANIFEST, "shape"),
    ("index-with-layers", index(layers=[]), OCI_INDEX, "shape"),
    ("index-with-config", index(config={}), OCI_INDEX, "shape"),
    ("bare-manifest-as-index", BARE_MANIFEST, OCI_INDEX, "shape"),
    ("bare-manifest-as-list", BARE_MANIFEST, DOCKER_LIST, "shape"),
    ("manifest-without-layers", b'{"schemaVersion": 2, "config": {}}', OCI_MANIFEST, "shape"),
    ("manifests-is-an-object", index(manifests={}), OCI_INDEX, "shape"),
    ("child-is-no-object", index(manifests=[1]), OCI_INDEX, "child"),
    ("child-size-negative", child(size=-1), OCI_INDEX, "size -1"),
    ("child-size-true", child(size=True), OCI_INDEX, "size True"),
    ("child-digest-md5", child(digest="md5:12"), OCI_INDEX, "md5"),
    ("child-digest-number", child(digest=7), OCI_INDEX, "digest 7"),
    ("child-platform-text", child(platform="linux"), OCI_INDEX, "platform"),
    ("child-os-number", child(platform={"os": 1}), OCI_INDEX, "os of a child"),
    ("child-os-escape", child(platform={"os": "\x1b[2J"}), OCI_INDEX, "os of a child"),
]


@pytest.mark.parametrize(
    ("data", "media_type", "text"), [c[1:] for c in BAD_MANIFESTS], ids=[c[0] for c in BAD_MANIFESTS]
)
def test_manifests_that_are_refused(data: bytes, media_type: str, text: str) -> None:
    with pytest.raises(errors.BadContent, match=text) as caught:
        describe(data, media_type, None)
    assert str(caught.value).isprintable()


def test_the_type_may_carry_parameters_and_the_field_may_be_absent() -> None:
    assert describe(BARE_MANIFEST, f" {OCI_MANIFEST.upper()} ; charset=utf-8", None).media_type == OCI_MANIFEST


def test_hashing_comes_before_parsing() -> None:
    expected = Digest.parse(OTHER_DIGEST)
    with pytest.raises(errors.BadContent, match=f"served {digest_of(b'garbage')} where {OTHER_DIGEST} was expected"):
        describe(b"garbage", "garbage", expected)


@RELAXED
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(ACCEPTED) | st.text())
def test_any_manifest_is_read_or_refused(data: bytes, media_type: str) -> None:
    with pytest.raises(errors.PytrustError):
        describe(data, media_type, None)
    with suppress(errors.BadContent):
        subject_of(data)


KEYS = st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests"])
VALUES = JSON | st.sampled_from([1, 2, [], {}, *ACCEPTED, [{"digest": OTHER_DIGEST, "size": 3}]])


@RELAXED
@given(st.dictionaries(KEYS, VALUES), st.sampled_from(ACCEPTED))
def test_any_near_manifest_has_one_reading(changes: dict[str, Any], media_type: str) -> None:
    """What is accepted as one kind is never accepted as the other."""
    data = json.dumps({"schemaVersion": 2, **changes}).encode()
    try:
        found = describe(data, media_type, None)
    except errors.BadContent:
        return
    swapped = {
        OCI_INDEX: OCI_MANIFEST,
        DOCKER_LIST: DOCKER_MANIFEST,
        OCI_MANIFEST: OCI_INDEX,
        DOCKER_MANIFEST: DOCKER_LIST,
    }
    assert found.size == len(data)
    with pytest.raises(errors.BadContent):
        describe(data, swapped[media_type], None)


def test_subjects() -> None:
    assert subject_of(oci_manifest("x")) is None
    assert subject_of(oci_manifest("x", subject=OTHER_DIGEST)) == Digest.parse(OTHER_DIGEST)
    for subject in ("text", {}, {"digest": "md5:1"}):
        with pytest.raises(errors.BadContent):
            subject_of(manifest(subject=subject))


# -- places ---------------------------------------------------------------------------------------------------------

PLACES = [
    ("docker.io", frozenset(), ["https://registry-1.docker.io/v2/"]),
    ("ghcr.io", frozenset(), ["https://ghcr.io/v2/"]),
    ("host:5000", frozenset({"host:5000"}), ["https://host:5000/v2/", "http://host:5000/v2/"]),
    ("host:5000", frozenset({"host"}), ["https://host:5000/v2/"]),
    ("localhost:5000", frozenset(), ["http://localhost:5000/v2/", "https://localhost:5000/v2/"]),
    ("127.9.9.9", frozenset(), ["http://127.9.9.9/v2/", "https://127.9.9.9/v2/"]),
    ("[::1]:5000", frozenset(), ["http://[::1]:5000/v2/", "https://[::1]:5000/v2/"]),
    ("localhost.evil.com", frozenset(), ["https://localhost.evil.com/v2/"]),
]


@pytest.mark.parametrize(("registry", "insecure", "expected"), PLACES)
def test_addresses(registry: str, insecure: frozenset[str], expected: list[str]) -> None:
    assert [str(url) for url in api_urls(registry, insecure)] == expected


@pytest.mark.parametrize("host", ["127.0.0.1.evil.com", "0.0.0.0", "[::]", "10.0.0.1", "127.1", "2130706433", ""])
def test_hosts_that_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


ODD_URLS = ["https://a@b/", "https://a:b@c/", "https://a\\b/", "https://a/#f", "https://a:99999/", "//a/", "https:///x"]


@pytest.mark.parametrize(
    "text", [*ODD_URLS, "https://a b/", "https://a/\n", "HTTPS://a/", "ftp://a/", "https://ü/", ""]
)
def test_urls_with_two_readings(text: str) -> None:
    with pytest.raises(errors.BadContent):
        Url.parse(text)


@RELAXED
@given(st.text() | st.text("htps:/[]@#?\\.%1a", max_size=30))
def test_any_redirect_is_followed_or_refused(location: str) -> None:
    try:
        target = redirect(Url.parse("https://registry.test/v2/x"), location, frozenset())
    except errors.BadContent:
        return
    assert target.scheme == "https"


REDIRECTS = [
    ("https://a/v2/", "/x?y=z", "https://a/x?y=z"),
    ("https://a/v2/", "https://b:444/x", "https://b:444/x"),
    ("https://a:443/v2/", "//b/x", "https://b/x"),
    ("https://a/", "http://a/", None),
    ("https://a/", "http://127.0.0.1/", None),
    ("https://a/", "http://lan/", None),
    ("http://127.0.0.1/", "http://localhost:1/", "http://localhost:1/"),
    ("http://127.0.0.1/", "http://lan/", "http://lan/"),
    ("http://127.0.0.1/", "http://lan:81/", None),
    ("http://lan/", "https://b/", "https://b/"),
]


@pytest.mark.parametrize(("source", "location", "target"), REDIRECTS)
def test_redirects(source: str, location: str, target: str | None) -> None:
    if target is not None:
        assert str(redirect(Url.parse(source), location, frozenset({"lan"}))) == target
        return
    with pytest.raises(errors.BadContent, match="not https"):
        redirect(Url.parse(source), location, frozenset({"lan"}))


REALMS = [
    ("https://a/", "https://b/token", True),
    ("https://a/", "http://b/token", False),
    ("https://a/", "http://127.0.0.1/token", False),
    ("http://lan/", "https://b/token", True),
    ("http://lan/", "http://127.0.0.1/token", True),
    ("http://lan/", "http://lan/token", False),
    ("http://localhost:5000/", "http://localhost:5001/token", True),
    ("http://localhost:5000/", "http://b/token", False),
]


@pytest.mark.parametrize(("registry", "realm", "allowed"), REALMS)
def test_token_services(registry: str, realm: str, allowed: bool) -> None:
    if allowed:
        assert str(token_service(realm, Url.parse(registry), frozenset({"lan"}))) == realm
        return
    with pytest.raises(errors.BadContent, match="not https"):
        token_service(realm, Url.parse(registry), frozenset({"lan"}))


# -- statuses -------------------------------------------------------------------------------------------------------


def test_errors_repeat_no_text_of_the_peer() -> None:
    body = b'{"errors": [{"code": "DENIED\\u001b[31m", "message": "rm -rf"}]}'
    headers = {"retry-after": "1\x1b[2J"}
    with pytest.raises(errors.RateLimited) as caught:
        check(Response(429, headers, body), "the registry", "a.io")
    assert str(caught.value) == "the registry asks us to wait"


def test_retry_after_as_a_date() -> None:
    with pytest.raises(errors.RateLimited, match="until Wed, 21 Oct 2026 07:28:00 GMT"):
        check(Response(429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b""), "the registry", "a.io")


@RELAXED
@given(st.binary() | JSON.map(lambda value: json.dumps({"errors": value}).encode()), st.integers(201, 599))
def test_any_error_body_is_read_or_left(body: bytes, status: int) -> None:
    with pytest.raises(errors.PytrustError):
        check(Response(status, {}, body), "the registry", "a.io")
