"""Learning mode lets through what would be refused, says so, and remembers it; it lets nothing through for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.attack.cell import Config, act, create, inspected, made, rule_of
from tests.attack.front import refused
from tests.rig.processes import RigError
from tests.rig.proxy import API, Proxy, Stage

SLEEP: Config = {"Cmd": ["sleep", "1000"]}


@pytest.fixture(scope="module")
def learning(stage: Stage) -> Iterator[Proxy]:
    """The file says enforce, the environment says otherwise; the environment comes first."""
    with stage.proxy(stage.policy("restricted"), env={"DOCKER_CONTENT_TRUST": "0"}) as proxy:
        yield proxy


def journal(stage: Stage, proxy: Proxy) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stage.pytrust("log", "--json", home=proxy.home))
    return found


def test_what_would_be_refused(stage: Stage, learning: Proxy) -> None:
    """It is sent on as it was asked for; the client is told why not, and so is the journal."""
    host: Config = {"UTSMode": "host", "CapAdd": ["NET_ADMIN"]}
    reply = learning.create(f"{stage.evil}:1", **SLEEP, User="0", HostConfig=host)
    warnings = [text for text in reply.json["Warnings"] if text.startswith("pytrust would refuse: ")]
    for word in ("signed", "uts namespace of host", "NET_ADMIN", "the user 0"):
        assert any(word in text for text in warnings), (word, warnings)
    shown = made(stage, reply)
    assert shown["Config"]["Image"] == f"{stage.evil}:1"
    assert (shown["HostConfig"]["PidsLimit"], shown["HostConfig"]["CapDrop"]) == (None, None)
    entry = journal(stage, learning)[-1]
    assert entry["verdict"] == "would deny"
    codes = {reason["code"] for reason in entry["entry"]["decision"]["overruled"]}
    assert codes >= {"uts-mode", "capability"}


def test_the_stock_client_prints_the_warnings(stage: Stage, learning: Proxy) -> None:
    done = stage.client(learning).attempt("run", "--rm", "--uts=host", f"{stage.evil}:1", "cat", "/content")
    assert (done.returncode, done.stdout) == (0, b"evil:1")
    assert b"WARNING: pytrust would refuse: the uts namespace of host may not be joined" in done.stderr


def test_what_would_be_let_through_is_as_ever(stage: Stage, learning: Proxy) -> None:
    shown = made(stage, create(stage, learning, SLEEP))
    assert shown["Config"]["Image"] == f"{stage.good}@{stage.digests['good:1']}"
    assert (shown["HostConfig"]["PidsLimit"], shown["HostConfig"]["CapDrop"]) == (512, ["ALL"])
    assert journal(stage, learning)[-1]["verdict"] == "allowed"


def test_what_is_refused_all_the_same(stage: Stage, learning: Proxy) -> None:
    """What cannot be judged, cannot be found, is guarded, or would outlive this mode."""
    body = {"Image": f"{stage.good}:1", **SLEEP, "Labels": {"io.pytrust.guarded": "true"}}
    stage.direct("POST", "/containers/create?name=warned", body)
    evil = f"{stage.evil}:1"
    calls: list[tuple[int, str, str, str, object]] = [
        (403, "io.pytrust.image", "POST", "containers/create", {"Image": evil, "Labels": {"io.pytrust.image": "x"}}),
        (404, "No such container", "POST", "containers/nobody/exec", {"Cmd": ["id"]}),
        (404, "No such exec instance", "POST", f"exec/{'f' * 64}/start", {}),
        (403, "guarded", "POST", "containers/warned/start", None),
        (403, "guarded", "POST", "containers/warned/rename?name=x", None),
        (403, "guarded", "DELETE", "containers/warned", None),
        (403, "guarded", "POST", "networks/none/disconnect", {"Container": "warned"}),
        (403, "label!", "POST", "containers/prune?filters=%7B%22label!%22:%5B%22x%22%5D%7D", None),
        (403, "not let through", "POST", "build", None),
        (403, "not let through", "POST", "plugins/pull?remote=x", None),
        (403, "no call of the engine", "POST", "frobnicate", None),
        (400, "Privileged", "POST", "containers/create", {"Image": evil, "Privileged": True}),
        (400, "forty", "POST", "containers/create", {"Image": evil, "HostConfig": {"forty": 2}}),
    ]
    for status, word, method, target, sent in calls:
        learning.witness.forget()
        reply = learning.ask(method, f"/{API}/{target}", sent)
        assert (reply.status, word in reply.message) == (status, True), (target, reply)
        assert learning.witness.acted() == [], target
    stage.direct("DELETE", "/containers/warned")


def test_pruning_spares_what_is_guarded_in_this_mode_too(stage: Stage, learning: Proxy) -> None:
    body = {"Image": f"{stage.good}:1", **SLEEP, "Labels": {"io.pytrust.guarded": "true"}}
    kept = stage.direct("POST", "/containers/create", body).json["Id"]
    assert learning.ask("POST", f"/{API}/containers/prune").status == 200
    assert inspected(stage, kept)["Id"] == kept
    stage.direct("DELETE", f"/containers/{kept}")


def test_when_it_ends(stage: Stage) -> None:
    """What was made against a refusal is not let in; what was not, is."""
    with stage.proxy(stage.policy(mode="warn")) as proxy:
        wrong = made(stage, proxy.create(f"{stage.evil}:1", **SLEEP))["Id"]
        loose = made(stage, create(stage, proxy, {**SLEEP, "HostConfig": {"UTSMode": "host"}}))["Id"]
        right = made(stage, create(stage, proxy, SLEEP))["Id"]
        assert [act(proxy, container).status for container in (wrong, loose, right)] == [204] * 3
        proxy.reload(stage.policy())
        for container in (wrong, loose):
            for what, sent in (("restart", None), ("exec", {"Cmd": ["id"]}), ("attach", None)):
                proxy.witness.forget()
                reply = proxy.ask("POST", f"/{API}/containers/{container}/{what}", sent)
                refused(proxy, reply, container, rule="[containers: only what was let in may run]")
        assert act(proxy, right, "restart?t=0").status == 204
        for container in (wrong, loose, right):
            assert proxy.ask("DELETE", f"/{API}/containers/{container}?force=1").status == 204


def test_the_environment_can_enforce(stage: Stage) -> None:
    with stage.proxy(stage.policy(mode="warn"), env={"DOCKER_CONTENT_TRUST": "1"}) as proxy:
        refused(proxy, proxy.create(f"{stage.evil}:1"), "stage/evil")
        reply = create(stage, proxy, {"HostConfig": {"Privileged": True}})
        refused(proxy, reply, rule=rule_of("baseline", "privileged"))


@pytest.mark.parametrize("value", ["nonsense", "yes", "2", " 0", "off"])
def test_an_environment_that_says_neither(stage: Stage, value: str) -> None:
    """What docker's own client would not take either is no reason to guess."""
    with (
        pytest.raises(RigError, match="is neither true nor false"),
        stage.proxy(stage.policy(), env={"DOCKER_CONTENT_TRUST": value}),
    ):
        pass
