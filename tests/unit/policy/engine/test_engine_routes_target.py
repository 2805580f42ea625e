"""One spelling of every path and query; every other is refused."""

from __future__ import annotations

import pytest

from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.routes import match
from pytrust.policy.engine.target import (
    QUERY_PAIRS_MAX,
    TARGET_MAX_CHARS,
    Target,
    read_query,
    read_reference,
    read_target,
)

KEYS = frozenset({"a", "b", "t"})


def query(text: str) -> dict[str, tuple[str, ...]]:
    return dict(read_query(text, KEYS, frozenset({"t"})))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/_ping", Target("", ("_ping",), "")),
        ("/v1.41/containers/json", Target("1.41", ("containers", "json"), "")),
        ("/v1.24/containers/json?", Target("1.24", ("containers", "json"), "")),
        ("/v1.51/a/b:c@d/e%2Ff?x=y?z", Target("1.51", ("a", "b:c@d", "e%2Ff"), "x=y?z")),
        ("/v1.41", Target("", ("v1.41",), "")),
        ("/vol/v1.41", Target("", ("vol", "v1.41"), "")),
    ],
)
def test_targets(text: str, expected: Target) -> None:
    assert read_target(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "containers/json",
        "http://docker/containers/json",
        "docker:2375",
        "//containers/create",
        "/",
        "/v1.41/",
        "/v1.41//containers/create",
        "/containers/create/",
        "/containers/create//",
        "/./containers/create",
        "/v1.41/./containers/create",
        "/containers/x/../create",
        "/containers/..",
        "/containers/.",
        "/containers/.web/json",
        "/containers\\create",
        "/containers/a\\b/json",
        "/containers/a;b/json",
        "/containers/a,b/json",
        "/containers/a b/json",
        "/containers/a\tb/json",
        "/containers/a\x00/json",
        "/containers/ä/json",
        "/containers/json#a",
        "/containers/json?a=b#c",
        "/containers/json?a=b c",
        "/containers/json?a=ä",
        "/containers/json\n",
        "/%63ontainers/create",
        "/containers/create%00",
        "/containers/create%20",
        "/containers/%2e%2e/create",
        "/containers/%zz/json",
        "/containers/%2/json",
        "/containers/%/json",
        "/images/foo%252Fweb/json",
        "/images/foo%41/json",
        # versions: the engine takes any digits and dots, and compares them in ways of its own
        "/v1.41./containers/json",
        "/v01.041/containers/json",
        "/v1.041/containers/json",
        "/v1/containers/json",
        "/v1.41.0/containers/json",
        "/v.1/containers/json",
        "/v1..41/containers/json",
        "/v1.410/containers/json",
        "/v1.41/v1.41/containers/json",
        "/v9.99/containers/json",
        "/v2.0/containers/json",
        "/v1.12/containers/json",
        "/v1.23/containers/json",
        "/v1.52/containers/json",
        "/v1.٤/containers/json",
    ],
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_target(text)
    assert caught.value.status == 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/containers%2Fcreate"),
        ("GET", "/v1.41%2F_ping"),
        ("POST", "/containers/x%2f..%2fcreate"),
        ("POST", "/containers/x%2f..%2fy/start"),
        ("GET", "/containers/web%2Fjson"),
        ("GET", "/containers/foo%2Fweb/json"),
        ("GET", "/images/foo%2Fjson"),
        ("GET", "/images/foo%2F..%2Fweb/json"),
        ("GET", "/images/foo%2F%2Fweb/json"),
        ("GET", "/images/%2Ffoo/json"),
        ("GET", "/images/foo%2F/json"),
        ("DELETE", "/images/%3Afoo"),
        ("DELETE", "/images/[::1]"),
        ("DELETE", "/images/" + "a" * 513),
    ],
)
def test_escapes_reach_no_other_route(method: str, target: str) -> None:
    with pytest.raises(Malformed) as caught:
        match(method, target)
    assert caught.value.status == 400


def test_versions_are_refused_in_the_words_of_the_engine() -> None:
    with pytest.raises(
        Malformed, match=r"client version 1.12 is too old. Minimum supported API version is 1.24, please"
    ):
        read_target("/v1.12/info")
    with pytest.raises(Malformed, match=r"client version 1.52 is too new. Maximum supported API version is 1.51"):
        read_target("/v1.52/info")


def test_the_length_of_a_target_is_bounded() -> None:
    assert read_target("/info?" + "a" * (TARGET_MAX_CHARS - 6))
    with pytest.raises(Malformed) as caught:
        read_target("/info?" + "a" * (TARGET_MAX_CHARS - 5))
    assert caught.value.status == 414


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a", {"a": ("",)}),
        ("a=", {"a": ("",)}),
        ("a=b=c", {"a": ("b=c",)}),
        ("a=1&b=2", {"a": ("1",), "b": ("2",)}),
        ("t=1&a=x&t=2", {"t": ("1", "2"), "a": ("x",)}),
        ("a=x+y%20z%2B", {"a": ("x y z+",)}),
        ("a=%c3%A4%3B%26", {"a": ("ä;&",)}),
        ("a=/?:@!$'()*,", {"a": ("/?:@!$'()*,",)}),
    ],
)
def test_queries(text: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert query(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "c=1",
        "A=1",
        "%61=1",
        "a+=1",
        "=1",
        "&",
        "a=1&",
        "&a=1",
        "a=1&&b=2",
        "a=1&a=1",
        "a=1;b=2",
        "a=%",
        "a=%2",
        "a=%zz",
        "a=1%2&b=2",
        "a=%00",
        "a=%0a",
        "a=%7f",
        "a=%c2%85",
        "a=%e2%80%a8",
        "a=%ff",
        "a=%c3",
        "a=%ed%a0%80",
        "a=%c0%af",
        "&".join(f"t={number}" for number in range(QUERY_PAIRS_MAX + 1)),
    ],
)
def test_what_is_no_query(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        query(text)
    assert caught.value.status == 400
    assert str(caught.value).isprintable()


def test_the_number_of_pairs_is_bounded() -> None:
    assert len(query("&".join(["t=1"] * QUERY_PAIRS_MAX))["t"]) == QUERY_PAIRS_MAX


@pytest.mark.parametrize("text", ["-a", "a//b", "a/-b", "a/.b", "a/", "a b", "a%20b", "[::1]foo", "[x]/a", "a[b", "ä"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(Malformed):
        read_reference(text)
