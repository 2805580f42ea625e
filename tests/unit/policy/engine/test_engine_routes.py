"""The route table, and the way to its rows."""

from __future__ import annotations

import re
from itertools import product

import pytest

from pytrust.policy.engine.call import Body, Malformed, Route, Upgrade, Verdict
from pytrust.policy.engine.routes import ROUTES, match
from pytrust.policy.engine.routes_closed import CLOSED_ROUTES
from pytrust.policy.engine.routes_open import OPEN_ROUTES

EXAMPLES = {
    "{checkpoint}": ["one"],
    "{image}": ["web", "foo/web:v1", "localhost:5000/foo/web/get", "a@sha256:" + "0" * 64],
    "{id}": ["web", "create"],
}


def paths(route: Route) -> list[str]:
    """Every path of a route, with each example for each parameter."""
    return ["/" + "/".join(parts) for parts in product(*(EXAMPLES.get(part, [part]) for part in route.template))]


def named(route: Route) -> str:
    return f"{route.method} /{'/'.join(route.template)}"


def refused(method: str, target: str) -> int:
    with pytest.raises(Malformed) as caught:
        match(method, target)
    message = str(caught.value)
    assert message.isprintable()
    assert not message.endswith(".")
    return caught.value.status


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_every_row_is_found_by_its_paths(route: Route) -> None:
    for path in paths(route):
        call = match(route.method, path)
        assert call is not None
        assert call.route is route
        call = match(route.method, f"/v1.41{path}")
        assert call is not None
        assert (call.route, call.version) == (route, "1.41")


def test_no_path_belongs_to_two_rows() -> None:
    shapes = [(route.method, *(None if part[0] == "{" else part for part in route.template)) for route in ROUTES]
    assert len(set(shapes)) == len(shapes)


def test_the_table_is_whole() -> None:
    """A number to be changed by hand, after a look at every row that came or went."""
    assert (len(OPEN_ROUTES), len(CLOSED_ROUTES)) == (51, 70)
    assert len({named(route) for route in ROUTES}) == 121


@pytest.mark.parametrize("route", CLOSED_ROUTES, ids=named)
def test_closed_rows_say_what_to_do_instead(route: Route) -> None:
    assert route.verdict is Verdict.CLOSED
    assert route.body is Body.CLOSED
    assert route.upgrade is Upgrade.NEVER
    assert re.fullmatch(r"[a-z]\S.*[^.]", route.hint)
    assert not route.query


@pytest.mark.parametrize("route", OPEN_ROUTES, ids=named)
def test_open_rows_fit_together(route: Route) -> None:
    assert route.verdict is not Verdict.CLOSED
    assert route.body is not Body.CLOSED
    assert route.repeatable <= route.query
    assert (route.body is not Body.NONE) <= (route.method == "POST")
    assert (route.upgrade is Upgrade.WEBSOCKET) <= (route.method == "GET")
    assert (route.verdict is Verdict.LOOK) <= (route.method in {"GET", "HEAD"} or route.what == "container wait")


def test_what_runs_is_no_look() -> None:
    """Everything that starts, changes or feeds a process."""
    verdicts = {route.what: route.verdict for route in OPEN_ROUTES}
    assert {what for what, verdict in verdicts.items() if verdict is Verdict.LOOK} == {
        "ping", "version", "info", "events", "system df",
        "container list", "container inspect", "container top", "container logs", "container stats", "container diff",
        "container wait", "image list", "image inspect", "image history", "network list", "network inspect",
        "volume list", "volume inspect",
    }  # fmt: skip
    assert {what for what, verdict in verdicts.items() if verdict is Verdict.CHANGE} == {
        "container prune", "image rm", "image prune", "network rm", "network prune", "volume rm", "volume prune",
        "build prune",
    }  # fmt: skip
    assert {what for what, verdict in verdicts.items() if verdict is Verdict.START} == {
        "container start", "container restart", "container unpause"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "target", "what", "params"),
    [
        ("GET", "/_ping", "ping", {}),
        ("POST", "/containers/create", "container create", {}),
        ("POST", "/containers/create/exec", "container exec", {"id": "create"}),
        ("POST", "/containers/prune/start", "container start", {"id": "prune"}),
        ("DELETE", "/containers/json", "container rm", {"id": "json"}),
        ("GET", "/containers/web/attach/ws", "container attach over a websocket", {"id": "web"}),
        ("GET", "/images/json", "image list", {}),
        ("GET", "/images/json/json", "image inspect", {"image": "json"}),
        ("GET", "/images/get/json", "image inspect", {"image": "get"}),
        ("GET", "/images/foo/get/json", "image inspect", {"image": "foo/get"}),
        ("GET", "/images/foo/json/json", "image inspect", {"image": "foo/json"}),
        ("GET", "/images/foo/json/history", "image history", {"image": "foo/json"}),
        ("GET", "/images/localhost:5000/foo/web:v1/json", "image inspect", {"image": "localhost:5000/foo/web:v1"}),
        (
            "GET",
            "/images/localhost%3a5000%2Ffoo%2fweb%3Av1/json",
            "image inspect",
            {"image": "localhost:5000/foo/web:v1"},
        ),
        ("GET", "/images/foo/web%40sha256:ab/json", "image inspect", {"image": "foo/web@sha256:ab"}),
        ("GET", "/images/%5B::1%5D:5000/foo/json", "image inspect", {"image": "[::1]:5000/foo"}),
        ("DELETE", "/images/foo/bar/web:v1", "image rm", {"image": "foo/bar/web:v1"}),
        ("POST", "/images/foo/push/tag", "image tag", {"image": "foo/push"}),
        ("GET", "/networks/create", "network inspect", {"id": "create"}),
        ("POST", "/exec/0a/start", "exec start", {"id": "0a"}),
    ],
)
def test_paths_that_could_be_taken_for_others(method: str, target: str, what: str, params: dict[str, str]) -> None:
    call = match(method, target)
    assert call is not None
    assert (call.route.what, call.params) == (what, params)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/containers"),
        ("GET", "/containers/create"),
        ("POST", "/containers/json"),
        ("GET", "/containers/web"),
        ("HEAD", "/containers/json"),
        ("PUT", "/containers/create"),
        ("PATCH", "/containers/create"),
        ("OPTIONS", "/containers/json"),
        ("TRACE", "/_ping"),
        ("POST", "/_ping"),
        ("GET", "/v1.41"),
        ("GET", "/v/containers/json"),
        ("GET", "/V1.41/containers/json"),
        ("GET", "/Containers/json"),
        ("GET", "/containers/attach/ws"),
        ("POST", "/containers/start"),
        ("GET", "/images"),
        ("POST", "/images/tag"),
        ("POST", "/extension"),
        ("GET", "/metrics"),
        ("POST", "/exec/0a/kill"),
    ],
)
def test_what_is_in_no_row(method: str, target: str) -> None:
    assert match(method, target) is None


@pytest.mark.parametrize("name", ["foo/web", "foo/web:v1", "web@sha256:0", "web:v1", "_web", "a" * 256])
def test_a_name_that_nothing_can_have_is_not_found(name: str) -> None:
    for path in ("/containers/{}/json", "/networks/{}", "/volumes/{}", "/exec/{}/json"):
        assert refused("GET", path.format(name)) == 404


def test_of_a_closed_route_nothing_else_is_read() -> None:
    call = match("POST", "/v1.41/build?t=a&t=b&%zz;=1")
    assert call is not None
    assert (call.params, call.query) == ({}, {})
    assert match("POST", "/plugins/foo/web@sha256:0/enable") is not None


def test_the_query_is_that_of_the_route() -> None:
    call = match("GET", "/v1.41/containers/json?all=1&filters=%7B%22name%22%3A%7B%22a+b%22%3Atrue%7D%7D")
    assert call is not None
    assert call.query == {"all": ("1",), "filters": ('{"name":{"a b":true}}',)}
    call = match("GET", "/system/df?type=image&type=volume")
    assert call is not None
    assert call.query == {"type": ("image", "volume")}
    assert refused("GET", "/containers/json?name=a") == 400
    assert refused("GET", "/info?all=1") == 400
    assert refused("POST", "/images/create?fromImage=a&fromImage=b") == 400
    assert refused("POST", "/images/create?FromImage=a") == 400
