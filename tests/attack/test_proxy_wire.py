"""Bytes that two readers could understand differently: what is not plain is refused, and nothing of it goes further."""

from __future__ import annotations

import json
import ssl

import pytest
from tests.attack.raw import Heard, answers, forwarded, posted, request
from tests.rig.proxy import API, Proxy, Stage

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
        f"{CREATE}?",
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
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_target_has_one_spelling(baseline: Proxy, target: str, method: str) -> None:
    """An engine would clean it, decode it, redirect it, or drop what it cannot read."""
    if method == "GET" and target in {f"{CREATE}?", "/V1.41/../containers/create"}:
        pytest.skip("the same as for POST")
    heard = refused(baseline, posted(target, {}) if method == "POST" else request(f"GET {target}"))
    assert heard.status in ({400, 403, 404, 414} if method == "GET" else {400, 414}), heard
    assert "location" not in heard.headers
