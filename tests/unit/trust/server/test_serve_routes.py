"""Which route a path is: a table of spellings, and that one place has one spelling."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytrust.trust.server.needs import access_of
from pytrust.trust.server.routes import (
    OPERATIONS,
    BadName,
    ByChecksum,
    ByVersion,
    Current,
    Delete,
    Feed,
    GetKey,
    Health,
    Metrics,
    Moved,
    NoSuchMethod,
    Nowhere,
    Page,
    Ping,
    Publish,
    RotateKey,
    Route,
    Token,
    TufFile,
    match,
)

GUN = "docker.io/foo/web"
BASE = f"/v2/{GUN}/_trust/tuf/"
SHA = "0123456789abcdef" * 4

FOUND: dict[tuple[str, str], Route] = {
    ("GET", "/v2/"): Ping(),
    ("GET", "/"): Page(),
    ("HEAD", "/"): Page(),
    ("GET", "/metrics"): Metrics(),
    ("GET", "/_notary_server/health"): Health(),
    ("GET", "/auth/token"): Token(),
    ("POST", "/auth/token"): Token(),
    ("GET", "/v2/_trust/changefeed"): Feed(None),
    ("GET", f"/v2/{GUN}/_trust/changefeed"): Feed(GUN),
    ("POST", BASE): Publish(GUN),
    ("DELETE", BASE): Delete(GUN),
    ("GET", f"{BASE}root.json"): Current(GUN, "root"),
    ("GET", f"{BASE}timestamp.json"): Current(GUN, "timestamp"),
    ("GET", f"{BASE}targets/releases.json"): Current(GUN, "targets/releases"),
    ("GET", f"{BASE}targets/a/b_c-1.json"): Current(GUN, "targets/a/b_c-1"),
    ("GET", f"{BASE}12.root.json"): ByVersion(GUN, "root", 12),
    ("GET", f"{BASE}3.targets/releases.json"): ByVersion(GUN, "targets/releases", 3),
    ("GET", f"{BASE}snapshot.{SHA}.json"): ByChecksum(GUN, "snapshot", SHA),
    ("GET", f"{BASE}targets/releases.{SHA}.json"): ByChecksum(GUN, "targets/releases", SHA),
    ("GET", f"{BASE}timestamp.key"): GetKey(GUN, "timestamp"),
    ("POST", f"{BASE}snapshot.key"): RotateKey(GUN, "snapshot"),
    ("GET", "/v2/127.0.0.1:5000/a:b/c.d/_trust/tuf/root.json"): Current("127.0.0.1:5000/a:b/c.d", "root"),
    ("GET", "/v2/An%20odd/G%C3%BCn/_trust/tuf/root.json"): Current("An odd/Gün", "root"),
    ("GET", "/v2/docker.io%2Ffoo%2Fweb/_trust%2Ftuf/root.json"): Current(GUN, "root"),
    ("GET", f"/v2/{GUN}/tuf/_trust/tuf/root.json"): Current(f"{GUN}/tuf", "root"),
    ("GET", f"/tuf/{GUN}/timestamp.json"): TufFile(GUN, "timestamp.json"),
    ("HEAD", f"/tuf/{GUN}/3.root.json"): TufFile(GUN, "3.root.json"),
    # Moved, as Go's router does it.
    ("GET", "//v2/"): Moved("/v2/"),
    ("GET", "/v2//a/_trust/tuf/root.json"): Moved("/v2/a/_trust/tuf/root.json"),
    ("GET", "/v2/a%2F%2Fb/_trust/tuf/root.json"): Moved("/v2/a/b/_trust/tuf/root.json"),
    ("GET", "/v2/x/../a/_trust/tuf/root.json"): Moved("/v2/a/_trust/tuf/root.json"),
    ("GET", "//evil.example/%0d%0ax"): Moved("/evil.example/%0D%0Ax"),
    ("GET", "/%5Cevil.example//"): Moved("/%5Cevil.example/"),
    ("POST", "/v2/a/_trust/tuf//"): Moved("/v2/a/_trust/tuf/"),
    # Nobody can have such a name.
    ("GET", "/v2/a%2Ab/_trust/tuf/root.json"): BadName(publish=False),
    ("POST", "/v2/a*b/_trust/tuf/"): BadName(publish=True),
    ("DELETE", "/v2/a%0Ab/_trust/tuf/"): BadName(publish=False),
    ("GET", "/v2/a%E2%80%AEb/_trust/changefeed"): BadName(publish=False),
    ("GET", f"/v2/{'a' * 256}/_trust/tuf/root.json"): BadName(publish=False),
    ("GET", f"/v2/{quote('é' * 128)}/_trust/tuf/root.json"): BadName(publish=False),
    ("GET", f"/v2/{'a' * 255}/_trust/tuf/root.json"): Current("a" * 255, "root"),
}

NOWHERE = [
    ("GET", "/v2"),
    ("GET", "/v2/_trust/tuf/root.json"),
    ("GET", "/v2/_trust/changefeed/"),
    ("GET", f"/v2/{GUN}/_trust/tuf"),
    ("POST", f"/v2/{GUN}/_trust/tuf"),
    ("PUT", BASE),
    ("GET", BASE),
    ("HEAD", f"{BASE}root.json"),
    ("POST", f"{BASE}root.json"),
    ("GET", f"{BASE}root.key"),
    ("GET", f"{BASE}targets.key"),
    ("POST", f"{BASE}targets.key"),
    ("DELETE", f"{BASE}snapshot.key"),
    ("GET", f"{BASE}root.json/"),
    ("GET", f"{BASE}targets/.json"),
    ("GET", f"{BASE}targets/A.json"),
    ("GET", f"{BASE}targets/a%20b.json"),
    ("GET", f"{BASE}targets/a%0A.json"),
    ("GET", f"{BASE}root.json%0A"),
    ("GET", f"{BASE}targets/{'a' * 248}.json"),
    ("GET", f"{BASE}mirrors.json"),
    ("GET", f"{BASE}0.root.json"),
    ("GET", f"{BASE}01.root.json"),
    ("GET", f"{BASE}1e3.root.json"),
    ("GET", f"{BASE}{'9' * 19}.root.json"),
    ("GET", f"{BASE}%D9%A1.root.json"),
    ("GET", f"{BASE}root.{SHA.upper()}.json"),
    ("GET", f"{BASE}root.{SHA}{SHA}.json"),
    ("GET", f"{BASE}root.{SHA[:-1]}.json"),
    ("GET", f"{BASE}1.root.{SHA}.json"),
    ("GET", f"/v2/{GUN}/_trust/tuf/x/_trust/tuf/root.json"),
    ("GET", "/v2/a/_trust/changefeed/x"),
    ("POST", "/v2/a/_trust/changefeed"),
    ("POST", "/metrics"),
    ("HEAD", "/v2/"),
    ("POST", "/v2/"),
    ("POST", "/_notary_server/health"),
    ("PUT", "/auth/token"),
    ("POST", f"/tuf/{GUN}/timestamp.json"),
    ("GET", "/tuf/timestamp.json"),
    ("GET", f"/tuf/{GUN}/"),
    ("GET", "/favicon.ico"),
    ("GET", "/v2/a%zz/_trust/tuf/root.json"),
    ("GET", "/v2/a%ff/_trust/tuf/root.json"),
    ("GET", "/v2/a%c0%af/_trust/tuf/root.json"),
    ("GET", "/v2/é/_trust/tuf/root.json"),
    ("GET", ""),
    ("GET", "*"),
    ("GET", "v2/"),
    ("GET", "/v2/" + "a" * 2100),
    ("GET", "/" * 2100 + "v2/"),
]


@pytest.mark.parametrize("asked", FOUND, ids=" ".join)
def test_found(asked: tuple[str, str]) -> None:
    method, path = asked
    assert match(method, path.encode()) == FOUND[asked]


@pytest.mark.parametrize("asked", NOWHERE, ids=" ".join)
def test_nowhere(asked: tuple[str, str]) -> None:
    method, path = asked
    assert match(method, path.encode()) == Nowhere()


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "", "PROPFIND"])
@pytest.mark.parametrize("path", ["/v2/", BASE, "/nowhere", "*"])
def test_verbs_that_are_never_answered(method: str, path: str) -> None:
    assert match(method, path.encode()) == NoSuchMethod()


def test_every_operation_is_counted() -> None:
    assert {route.operation for route in FOUND.values()} | {"Other"} == set(OPERATIONS)


_SEGMENT = st.text(alphabet="ab.:_-é *%\\\n\u202e", min_size=0, max_size=4) | st.sampled_from(
    ["..", ".", "_trust", "tuf"]
)
_FILES = st.sampled_from(
    ["", "root.json", "1.root.json", f"root.{SHA}.json", "targets/a.json", "timestamp.key", "x", "/"]
)


def _spell(text: str, choices: list[bool]) -> bytes:
    """One spelling of a path: every character that may stand as it is, does so or does not."""
    spelled = ""
    for index, char in enumerate(text):
        plain = (choices[index % len(choices)] and char.isascii() and char.isalnum()) or char in "/._:-"
        spelled += (
            char if plain and choices[(index * 7) % len(choices)] else "".join(f"%{byte:02X}" for byte in char.encode())
        )
    return spelled.encode()


@given(
    st.sampled_from(["GET", "POST", "DELETE", "HEAD"]),
    st.lists(_SEGMENT, max_size=4),
    st.sampled_from(["/_trust/tuf/", "/_trust/changefeed", "/tuf/", "//_trust/tuf/"]),
    _FILES,
    st.lists(st.booleans(), min_size=1, max_size=9),
)
@example("GET", ["a"], "/_trust/tuf/", "root.json", [False])
def test_all_spellings_of_a_path_are_one_route(
    method: str, segments: list[str], middle: str, file: str, choices: list[bool]
) -> None:
    path = "/v2/" + "/".join(segments) + middle + file
    plain, other = _spell(path, [True]), _spell(path, choices)
    assert match(method, plain) == match(method, other)


@given(st.binary(max_size=60), st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PUT"]))
def test_any_bytes_have_an_answer(path: bytes, method: str) -> None:
    route = match(method, path)
    assert route.operation in OPERATIONS
    access_of(route)


@given(st.lists(_SEGMENT, max_size=4), _FILES)
def test_what_was_moved_stays_there(segments: list[str], file: str) -> None:
    moved = match("GET", _spell("//" + "/".join(segments) + "/" + file, [True]))
    if isinstance(moved, Moved):
        assert moved.location.startswith("/")
        assert not moved.location.startswith("//")
        assert moved.location.isascii()
        assert not isinstance(match("GET", moved.location.encode()), Moved)


def test_a_role_and_a_name_never_overlap() -> None:
    """A name that looks like the rest of a route is refused, not cut somewhere."""
    for name in ("a/_trust", "_trust/a", "a/_trust/tuf", "_trust"):
        found = match("GET", f"/v2/{name}/_trust/tuf/root.json".encode())
        assert isinstance(found, Nowhere | BadName), name


NEEDS = [
    (Ping(), "registry:catalog:*"),
    (Feed(None), "registry:catalog:*"),
    (Page(), "registry:catalog:*"),
    (Nowhere(), "registry:catalog:*"),
    (Feed(GUN), f"repository:{GUN}:pull"),
    (Current(GUN, "root"), f"repository:{GUN}:pull"),
    (ByVersion(GUN, "root", 1), f"repository:{GUN}:pull"),
    (ByChecksum(GUN, "root", SHA), f"repository:{GUN}:pull"),
    (TufFile(GUN, "timestamp.json"), f"repository:{GUN}:pull"),
    (Publish(GUN), f"repository:{GUN}:push,pull"),
    (GetKey(GUN, "timestamp"), f"repository:{GUN}:push,pull"),
    (RotateKey(GUN, "timestamp"), f"repository:{GUN}:*"),
    (Delete(GUN), f"repository:{GUN}:*"),
]


@pytest.mark.parametrize(("route", "scope"), NEEDS)
def test_what_a_route_needs(route: Route, scope: str) -> None:
    access = access_of(route)
    assert access is not None
    assert access.scope == scope


@pytest.mark.parametrize("route", [Health(), Metrics(), Token(), Moved("/"), NoSuchMethod(), BadName(publish=True)])
def test_where_nobody_is_asked(route: Route) -> None:
    assert access_of(route) is None
