"""The engine, or somebody before it, makes another container than was allowed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from tests.rig.proxy import API, Proxy, Stage

PIDS = b'"PidsLimit":512'


@pytest.fixture
def meddled(stage: Stage) -> Iterator[Proxy]:
    with stage.proxy() as proxy:
        proxy.witness.meddle = lambda data: data.replace(PIDS, b'"PidsLimit":-1 ')
        yield proxy


def events(stage: Stage, proxy: Proxy, what: str) -> list[str]:
    """The texts of such events in the journal, which is waited for."""
    for _ in range(50):
        said = json.loads(stage.pytrust("log", "--json", home=proxy.home))
        if found := [item["entry"]["text"] for item in said if item["summary"] == what]:
            return found
        time.sleep(0.1)
    return []


def test_it_is_removed_and_never_starts(stage: Stage, meddled: Proxy) -> None:
    made = meddled.create(f"{stage.good}:1")
    assert made.status == 201
    started = meddled.ask("POST", f"/{API}/containers/{made.json['Id']}/start")
    assert started.status in {403, 404}
    (text,) = events(stage, meddled, "container-removed")
    assert made.json["Id"][:12] in text
    assert "PidsLimit" in text
    assert stage.direct("GET", f"/containers/{made.json['Id']}/json").status == 404


def test_a_container_that_cannot_be_looked_at_is_not_let_in(stage: Stage) -> None:
    """The engine goes away between the creation and the look at its result."""
    with stage.proxy() as proxy:
        witness = proxy.witness

        def break_off(data: bytes) -> bytes:
            if data.startswith(b"GET /containers/"):
                witness.cut()
            return data

        witness.meddle = break_off
        made = proxy.create(f"{stage.good}:1")
        assert made.status == 201
        assert events(stage, proxy, "container-not-admitted")
        witness.meddle = bytes
        witness.heal()
        started = proxy.ask("POST", f"/{API}/containers/{made.json['Id']}/start")
        assert started.status == 403
        assert "was not created through pytrust" in started.message
        stage.direct("DELETE", f"/containers/{made.json['Id']}")


def test_starting_at_once_waits_for_the_comparison(stage: Stage, baseline: Proxy) -> None:
    for _ in range(20):
        container = baseline.create(f"{stage.good}:1").json["Id"]
        assert baseline.ask("POST", f"/{API}/containers/{container}/start").status == 204
        stage.direct("DELETE", f"/containers/{container}?force=1")
