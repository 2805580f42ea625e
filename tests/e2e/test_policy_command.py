"""``pytrust policy test`` and ``explain``, beside a proxy that decides about the same requests for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.proxy import Proxy, Stage, make_stage
from tests.rig.registry import Registry

EXCEPTIONS = "  allow:\n    - {rule: bind, values: [/srv, /srv/**]}\n    - {rule: network-mode, values: [host]}\n"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, engine: PrivateEngine, registry: Registry, docker: Docker) -> Stage:
    return make_stage(tmp_path_factory.mktemp("pol"), engine, registry, docker)


@pytest.fixture(scope="module")
def proxy(stage: Stage) -> Iterator[Proxy]:
    with stage.proxy(stage.policy(more=EXCEPTIONS)) as running:
        stage.client(running).run("pull", f"{stage.good}:1")
        yield running


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("good:1", {}, True),
    ("good:2", {}, False),
    ("evil:1", {}, False),
    ("good:1", {"HostConfig": {"Privileged": True}}, False),
    ("good:1", {"HostConfig": {"CapAdd": ["CHOWN"]}}, True),
    ("good:1", {"HostConfig": {"CapAdd": ["SYS_ADMIN"]}}, False),
    ("good:1", {"HostConfig": {"Binds": ["/srv:/x:ro"]}}, True),
    ("good:1", {"HostConfig": {"Binds": ["/srv:/x"]}}, False),
    ("good:1", {"HostConfig": {"Binds": ["/etc:/x:ro"]}}, False),
    ("good:1", {"HostConfig": {"Binds": ["fresh-volume:/x"]}}, True),
    ("good:1", {"HostConfig": {"NetworkMode": "host"}}, True),
    ("good:1", {"HostConfig": {"PidMode": "host"}}, False),
]


@pytest.mark.parametrize(("image", "body", "allowed"), CASES, ids=json.dumps)
def test_what_is_tried_is_what_happens(
    stage: Stage, proxy: Proxy, tmp_path: Path, image: str, body: dict[str, Any], allowed: bool
) -> None:
    name = f"{stage.registry.host}/stage/{image}"
    reply = proxy.create(name, **body)
    (tmp_path / "body").write_text(json.dumps(body))
    tried = stage.attempt(
        "policy", "test", name, "--body", str(tmp_path / "body"), "--image-user", "0", "--json", home=proxy.home
    )
    decision = json.loads(tried.stdout)["decision"]
    assert (reply.status, tried.returncode) == ((201, 0) if allowed else (403, 1)), (reply.message, tried.stdout)
    for reason in decision.get("reasons", ()):
        assert reason["text"] in reply.message


def test_a_real_denial_is_explained(stage: Stage, proxy: Proxy) -> None:
    proxy.create(f"{stage.evil}:1")
    seq = json.loads(stage.attempt("log", "--json", "--denied", "-n", "1", home=proxy.home).stdout)[0]["seq"]
    lines = stage.attempt("policy", "explain", str(seq), home=proxy.home).stdout.splitlines()
    assert f"container create {stage.evil}:1" in lines
    assert "denied" in lines
    assert any(line.startswith("    rule: images ** (policy.yaml:") for line in lines)
    assert lines[-1] == "today, by the same policy: the same"


def test_learning_mode_makes_it_a_yes_today(stage: Stage, proxy: Proxy) -> None:
    proxy.create(f"{stage.good}:2")
    seq = json.loads(stage.attempt("log", "--json", "--denied", "-n", "1", home=proxy.home).stdout)[0]["seq"]
    rules = proxy.home / "policy.yaml"
    before = rules.read_text()
    try:
        rules.write_text(stage.policy(mode="warn", more=EXCEPTIONS))
        lines = stage.attempt("policy", "explain", str(seq), home=proxy.home).stdout.splitlines()
    finally:
        rules.write_text(before)
    assert "denied" in lines
    assert "allowed in learning mode, denied otherwise" in lines[lines.index("denied") :]
