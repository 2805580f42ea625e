"""Whose container is it? Cases 85 to 92 and 96 of the adversarial cases: what is done with containers that exist.

``foreign`` ones were made on the engine directly, from the very image that is signed; ``guarded`` ones carry their
operator's label. What the proxy refuses never reaches the engine; what it lets through names containers by full id.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest
from tests.attack.cell import LEVELS, Config, act, create, inspected, made, rule_of
from tests.attack.front import refused
from tests.rig.proxy import API, Proxy, Reply, Stage

LET_IN: Final = "[containers: only what was let in may run]"
GUARDED: Final = "[containers: what is guarded is not touched]"
CLOSED: Final = "[routes: what is not open is closed]"
SLEEP: Final[Config] = {"Cmd": ["sleep", "1000"]}


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(request: pytest.FixtureRequest, level: str) -> Proxy:
    """The shared proxy of that level, with a witness that has seen nothing yet."""
    found: Proxy = request.getfixturevalue(level)
    found.witness.forget()
    return found


@pytest.fixture(scope="module")
def own(stage: Stage, baseline: Proxy, restricted: Proxy) -> Iterator[dict[str, str]]:
    """By level, the id of a container that was let in there, and runs."""
    proxies = {"baseline": baseline, "restricted": restricted}
    found = {level: made(stage, create(stage, proxy, SLEEP))["Id"] for level, proxy in proxies.items()}
    for level, proxy in proxies.items():
        assert act(proxy, found[level]).status == 204
    yield found
    for container in found.values():
        remove(stage, container)


@pytest.fixture(scope="module")
def foreign(stage: Stage) -> Iterator[str]:
    """The id of a running container that no proxy has let in."""
    container = direct(stage, "foreign")
    yield container
    remove(stage, container)


@pytest.fixture(scope="module")
def guarded(stage: Stage) -> Iterator[str]:
    container = direct(stage, "guard", Labels={"io.pytrust.guarded": "true"})
    yield container
    remove(stage, container)


def direct(stage: Stage, name: str, *, start: bool = True, **config: Any) -> str:
    """Make a container past every proxy; gives its id."""
    body = {"Image": f"{stage.good}:1", **SLEEP, **config}
    reply = stage.direct("POST", f"/containers/create?name={name}", body)
    assert reply.status == 201, reply
    if start:
        assert stage.direct("POST", f"/containers/{name}/start").status == 204
    return str(reply.json["Id"])


def remove(stage: Stage, container: str) -> None:
    stage.direct("DELETE", f"/containers/{container}?force=1&v=1")


def is_running(stage: Stage, container: str) -> bool:
    state = inspected(stage, container)["State"]
    return bool(state["Running"]) and not state["Paused"]


def missing(proxy: Proxy, reply: Reply, text: str) -> None:
    """Docker's own words for what is not there, and nothing reached the engine but questions."""
    assert (reply.status, reply.message) == (404, text)
    assert proxy.witness.acted() == []


# -- containers that were not let in ----------------------------------------------------------------------------------

USES: Final = [
    pytest.param("POST", "start", None, id="start"),
    pytest.param("POST", "restart?t=0", None, id="restart"),
    pytest.param("POST", "unpause", None, id="unpause"),
    pytest.param("POST", "exec", {"Cmd": ["id"]}, id="87-exec"),
    pytest.param("POST", "attach?stream=1&stdin=1", None, id="87-attach"),
    pytest.param("GET", "attach/ws?stream=1&stdin=1", None, id="87-websocket"),
    pytest.param("POST", "update", {"PidsLimit": 100}, id="update"),
]


@pytest.mark.parametrize(("method", "what", "body"), USES)
def test_a_foreign_container_is_not_used(
    stage: Stage, proxy: Proxy, foreign: str, method: str, what: str, body: Config | None
) -> None:
    for name in ("foreign", foreign, foreign[:12]):
        reply = proxy.ask(method, f"/{API}/containers/{name}/{what}", body)
        refused(proxy, reply, name, "was not created through pytrust", rule=LET_IN)
    assert is_running(stage, foreign)


def test_what_another_proxy_has_let_in(baseline: Proxy, own: dict[str, str]) -> None:
    """Each has its own memory, and its own policy."""
    baseline.witness.forget()
    refused(baseline, act(baseline, own["restricted"], "restart"), rule=LET_IN)


def test_a_foreign_container_under_a_name_that_was_let_in(stage: Stage, baseline: Proxy) -> None:
    """What is remembered is the id."""
    container = made(stage, create(stage, baseline, SLEEP, "namesake"))["Id"]
    assert act(baseline, "namesake").status == 204
    remove(stage, container)
    other = direct(stage, "namesake", start=False)
    baseline.witness.forget()
    refused(baseline, act(baseline, "namesake"), "namesake", rule=LET_IN)
    assert not is_running(stage, other)
    assert baseline.ask("DELETE", f"/{API}/containers/namesake").status == 204


@pytest.mark.parametrize(("method", "what", "body"), USES)
def test_no_such_container(proxy: Proxy, method: str, what: str, body: Config | None) -> None:
    reply = proxy.ask(method, f"/{API}/containers/nobody/{what}", body)
    missing(proxy, reply, "No such container: nobody")


# -- trust that has ended ---------------------------------------------------------------------------------------------


def test_after_a_revocation(stage: Stage) -> None:
    """16: what stands still stays so; what runs can be stopped and removed."""
    with stage.proxy(stage.policy()) as proxy:
        for name in ("stopped", "running", "paused"):
            create(stage, proxy, SLEEP, name)
        assert [act(proxy, name).status for name in ("running", "paused")] == [204, 204]
        assert act(proxy, "paused", "pause").status == 204
        stage.pytrust("revoke", f"{stage.good}:1", home=proxy.home)
        for name, what in (("stopped", "start"), ("running", "restart"), ("paused", "unpause")):
            proxy.witness.forget()
            refused(
                proxy, act(proxy, name, what), "is not signed", "remove the container", rule="[images ** (policy.yaml:"
            )
        proxy.witness.forget()
        refused(proxy, create(stage, proxy, SLEEP), "is not signed", rule="[images ** (policy.yaml:")
        for name in ("stopped", "running", "paused"):
            assert proxy.ask("DELETE", f"/{API}/containers/{name}?force=1").status == 204


def test_after_the_rule_on_an_image_has_gone(stage: Stage) -> None:
    with stage.proxy(stage.policy()) as proxy:
        container = made(stage, create(stage, proxy, SLEEP))["Id"]
        assert act(proxy, container).status == 204
        proxy.reload(stage.policy().replace("'**'", "registry.example.com/other"))
        for what, body in (("restart", None), ("exec", {"Cmd": ["id"]}), ("update", {"PidsLimit": 9})):
            proxy.witness.forget()
            reply = proxy.ask("POST", f"/{API}/containers/{container}/{what}", body)
            refused(proxy, reply, stage.good, rule="[images: what fits no rule is denied]")
        assert proxy.ask("DELETE", f"/{API}/containers/{container}?force=1").status == 204


# -- what a process in a container may have ---------------------------------------------------------------------------

EXECS = [
    pytest.param({"Privileged": True}, "privileged", LEVELS, id="86-privileged"),
    pytest.param({"WorkingDir": "/proc/self/fd/8"}, "working-dir", LEVELS, id="86-workdir"),
    pytest.param({"WorkingDir": "/../proc//self/./fd/8"}, "working-dir", LEVELS, id="86-workdir-unclean"),
    pytest.param({"WorkingDir": "/dev/fd/8"}, "working-dir", LEVELS, id="86-workdir-by-dev"),
    pytest.param({"User": "0"}, "user", ("restricted",), id="86-root"),
    pytest.param({"User": "root"}, "user", ("restricted",), id="86-root-by-name"),
    pytest.param({"User": "-0:1000"}, "user", ("restricted",), id="86-root-by-another-number"),
    pytest.param({"User": ":1000"}, "user", ("restricted",), id="86-a-group-alone"),
    pytest.param({"User": ":"}, "user", ("restricted",), id="86-a-colon-alone"),
    pytest.param({"User": "1000:0"}, "group", ("restricted",), id="86-root-group"),
]


@pytest.mark.parametrize(("body", "rule", "levels"), EXECS)
def test_exec(proxy: Proxy, level: str, own: dict[str, str], body: Config, rule: str, levels: tuple[str, ...]) -> None:
    reply = proxy.ask("POST", f"/{API}/containers/{own[level]}/exec", {"Cmd": ["id"], **body})
    if level in levels:
        refused(proxy, reply, rule=rule_of(level, rule))
    else:
        assert reply.status == 201, reply


def test_exec_from_inside(stage: Stage, proxy: Proxy, level: str, own: dict[str, str]) -> None:
    client = stage.client(proxy)
    assert client.run("exec", own[level], "id", "-u") == "1000"
    status = client.run("exec", "--user", "1001", own[level], "cat", "/proc/self/status")
    assert "NoNewPrivs:\t" + ("1" if level == "restricted" else "0") in status
    assert "Seccomp:\t2" in status


# -- exec ids ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def exec_ids(stage: Stage, restricted: Proxy, own: dict[str, str]) -> dict[str, str]:
    """Of processes that ``baseline`` has not let in."""
    body = {"Cmd": ["id"]}
    on_engine = stage.direct("POST", f"/containers/{own['baseline']}/exec", body)
    on_other = restricted.ask("POST", f"/{API}/containers/{own['restricted']}/exec", body)
    return {
        "made on the engine": on_engine.json["Id"],
        "made through another proxy": on_other.json["Id"],
        "made up": "f" * 64,
        "short": "f" * 12,
        "a container": own["baseline"],
    }


@pytest.mark.parametrize(
    "kind", ["made on the engine", "made through another proxy", "made up", "short", "a container"]
)
def test_exec_ids_that_were_not_given_out(baseline: Proxy, exec_ids: dict[str, str], kind: str) -> None:
    """88."""
    exec_id = exec_ids[kind]
    calls = (("POST", "start", {"Detach": True}), ("POST", "resize?h=1&w=1", None), ("GET", "json", None))
    for method, what, body in calls:
        baseline.witness.forget()
        missing(
            baseline, baseline.ask(method, f"/{API}/exec/{exec_id}/{what}", body), f"No such exec instance: {exec_id}"
        )


def test_the_beginning_of_an_exec_id(baseline: Proxy, own: dict[str, str]) -> None:
    reply = baseline.ask("POST", f"/{API}/containers/{own['baseline']}/exec", {"Cmd": ["true"]})
    exec_id = reply.json["Id"]
    baseline.witness.forget()
    reply = baseline.ask("POST", f"/{API}/exec/{exec_id[:12]}/start", {"Detach": True})
    missing(baseline, reply, f"No such exec instance: {exec_id[:12]}")
    assert baseline.ask("POST", f"/{API}/exec/{exec_id}/start", {"Detach": True}).status == 200


# -- other ways into a container --------------------------------------------------------------------------------------


def test_starting_from_a_checkpoint(proxy: Proxy, level: str, own: dict[str, str]) -> None:
    """89: its folder is a path of the host."""
    reply = act(proxy, own[level], "start?checkpoint=c&checkpoint-dir=/")
    refused(proxy, reply, "the checkpoint c ", "the checkpoint / ", rule=rule_of(level, "checkpoint"))


@pytest.mark.parametrize(
    ("version", "word"), [("v1.23", "too old"), (API, "takes no body"), ("v1.24", "takes no body")]
)
def test_starting_with_a_body(baseline: Proxy, own: dict[str, str], version: str, word: str) -> None:
    """89: engines once took a HostConfig there."""
    baseline.witness.forget()
    reply = baseline.ask("POST", f"/{version}/containers/{own['baseline']}/start", {"Privileged": True})
    assert reply.status == 400
    assert word in reply.message
    assert baseline.witness.seen() == []


@pytest.mark.parametrize(
    ("method", "what"),
    [
        pytest.param("PUT", "archive?path=/", id="90"),
        pytest.param("GET", "archive?path=/etc/shadow", id="90-get"),
        pytest.param("POST", "copy", id="90-old"),
        pytest.param("GET", "export", id="export"),
        pytest.param("POST", "checkpoints", id="checkpoints"),
    ],
)
def test_closed(baseline: Proxy, own: dict[str, str], method: str, what: str) -> None:
    baseline.witness.forget()
    reply = baseline.ask(method, f"/{API}/containers/{own['baseline']}/{what}", b"x" if method == "PUT" else None)
    refused(baseline, reply, "is not let through", rule=CLOSED)
    assert baseline.witness.seen() == []


# -- new limits -------------------------------------------------------------------------------------------------------

UPDATES = [
    pytest.param({"Devices": [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda"}]}, "device", LEVELS, id="85"),
    pytest.param({"DeviceCgroupRules": ["a *:* rwm"]}, "device-rule", LEVELS, id="85-rule"),
    pytest.param({"DeviceRequests": [{"Driver": "cdi"}]}, "device-request", LEVELS, id="85-request"),
    pytest.param({"CgroupParent": "/"}, "cgroup-parent", LEVELS, id="85-cgroup"),
    pytest.param({"OomKillDisable": True}, "oom", LEVELS, id="85-oom"),
    pytest.param({"CpuRealtimeRuntime": 1}, "cpu-realtime", LEVELS, id="85-realtime"),
    pytest.param({"RestartPolicy": {"Name": "always"}}, "restart", ("restricted",), id="85-restart"),
    pytest.param({"PidsLimit": 10**6}, "pids", ("restricted",), id="85-pids"),
    pytest.param({"Memory": 2**40, "MemorySwap": 2**40}, "memory", ("restricted",), id="85-memory"),
    pytest.param({"MemorySwap": -1}, "swap", ("restricted",), id="85-swap"),
    pytest.param({"MemorySwap": 2**50}, "swap", ("restricted",), id="85-swap-without-end"),
]


@pytest.mark.parametrize(("body", "rule", "levels"), UPDATES)
def test_update(
    proxy: Proxy, level: str, own: dict[str, str], body: Config, rule: str, levels: tuple[str, ...]
) -> None:
    reply = proxy.ask("POST", f"/{API}/containers/{own[level]}/update", body)
    if level in levels:
        refused(proxy, reply, rule=rule_of(level, rule))
    else:
        assert len(proxy.witness.acted()) == 1


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_cannot_be_taken_away(stage: Stage, proxy: Proxy, level: str, own: dict[str, str], limit: int) -> None:
    assert proxy.ask("POST", f"/{API}/containers/{own[level]}/update", {"PidsLimit": limit}).status == 200
    assert inspected(stage, own[level])["HostConfig"]["PidsLimit"] == 512
    proxy.ask(
        "POST", f"/{API}/containers/{own[level]}/update", {"Memory": -1}
    )  # what engines make of it is their affair
    assert inspected(stage, own[level])["HostConfig"]["Memory"] >= 0
    assert (inspected(stage, own[level])["HostConfig"]["Memory"] > 0) >= (level == "restricted")


# -- what its operator guards -----------------------------------------------------------------------------------------

TOUCHES = [
    *USES,
    *(pytest.param("POST", what, None, id=f"92-{what.partition('?')[0]}") for what in
      ("kill", "stop?t=0", "pause", "resize?h=1&w=1", "rename?name=away")),
    pytest.param("DELETE", "?force=1", None, id="92-rm"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "what", "body"), TOUCHES)
def test_a_guarded_container_is_not_touched(
    stage: Stage, proxy: Proxy, guarded: str, method: str, what: str, body: Config | None
) -> None:
    for name in ("guard", guarded, guarded[:12]):
        target = f"/{API}/containers/{name}/{what}".replace("/?", "?")
        refused(proxy, proxy.ask(method, target, body), name, "guarded by its operator", rule=GUARDED)
    assert is_running(stage, guarded)
    assert inspected(stage, guarded)["Name"] == "/guard"


@pytest.mark.parametrize("what", ["connect", "disconnect"])
def test_a_guarded_container_stays_in_its_networks(stage: Stage, proxy: Proxy, guarded: str, what: str) -> None:
    """92."""
    stage.direct("POST", "/networks/create", {"Name": "moat"})
    if what == "disconnect":
        assert stage.direct("POST", "/networks/moat/connect", {"Container": "guard"}).status == 200
    before = inspected(stage, guarded)["NetworkSettings"]["Networks"].keys()
    for name in ("guard", "/guard", guarded[:12]):
        body = {"Container": name, **({"Force": True} if what == "disconnect" else {})}
        reply = proxy.ask("POST", f"/{API}/networks/moat/{what}", body)
        refused(proxy, reply, "guarded by its operator", rule=GUARDED)
    assert inspected(stage, guarded)["NetworkSettings"]["Networks"].keys() == before
    stage.direct("POST", "/networks/moat/disconnect", {"Container": "guard"})
    stage.direct("DELETE", "/networks/moat")


def test_pruning_spares_what_is_guarded(stage: Stage, baseline: Proxy) -> None:
    """92: also where other filters come with it."""
    kept = direct(stage, "kept", start=False, Labels={"io.pytrust.guarded": "true", "a": "b"})
    for filters in ("", '{"label":["a"]}', '{"label":{"a=b":true}}', '{"until":["2100-01-01T00:00:00"]}', "{}"):
        gone = direct(stage, "gone", start=False, Labels={"a": "b", "io.pytrust.guarded": "false"})
        reply = baseline.ask("POST", f"/{API}/containers/prune?filters={quote(filters)}")
        assert gone in reply.json["ContainersDeleted"], filters
        assert kept not in reply.json["ContainersDeleted"], filters
    baseline.witness.forget()
    filters = '{"label!":["x"]}'
    reply = baseline.ask("POST", f"/{API}/containers/prune?filters={quote(filters)}")
    refused(baseline, reply, "label!", rule=CLOSED)
    remove(stage, kept)


@pytest.fixture(scope="module")
def sociable(stage: Stage) -> Iterator[Proxy]:
    """Baseline, but containers may join others, and mount volumes of every kind."""
    rules = ("pid-mode", "ipc-mode", "network-mode", "volumes-from", "volume")
    with stage.proxy(stage.policy(more=f"  allow: [{', '.join(f'{{rule: {rule}}}' for rule in rules)}]\n")) as proxy:
        yield proxy


JOINS = [
    pytest.param({"PidMode": "container:NAME"}, id="92-pid"),
    pytest.param({"IpcMode": "container:NAME"}, id="92-ipc"),
    pytest.param({"NetworkMode": "container:NAME"}, id="92-network"),
    pytest.param({"VolumesFrom": ["NAME:ro"]}, id="92-volumes-from"),
]


@pytest.mark.parametrize("config", JOINS)
def test_no_exception_lets_a_guarded_container_be_joined(
    stage: Stage, sociable: Proxy, guarded: str, foreign: str, config: Config
) -> None:
    def asked(name: str) -> Reply:
        sociable.witness.forget()
        return create(stage, sociable, {"HostConfig": json.loads(json.dumps(config).replace("NAME", name))})

    for name in ("guard", guarded, guarded[:12]):
        refused(sociable, asked(name), "guarded by its operator", rule=GUARDED)
    remove(stage, made(stage, asked("foreign"))["Id"])


@pytest.mark.parametrize("start", [True, False])
def test_volumes_of_a_guarded_container(stage: Stage, proxy: Proxy, sociable: Proxy, level: str, start: bool) -> None:
    """The home of a proxy that runs in a container is in one: whoever can write there makes the rules."""
    keeper = direct(
        stage, "keeper", start=start, Labels={"io.pytrust.guarded": "true"}, HostConfig={"Binds": ["home:/h"]}
    )
    for config in ({"Binds": ["home:/x:ro"]}, {"Mounts": [{"Type": "volume", "Source": "home", "Target": "/x"}]}):
        for judge, where in ((proxy, level), (sociable, "baseline")):
            judge.witness.forget()
            reply = create(stage, judge, {"HostConfig": config})
            refused(judge, reply, "the volume home", "guarded", rule=rule_of(where, "guarded-volume"))
    remove(stage, keeper)
    remove(stage, made(stage, create(stage, proxy, {"HostConfig": {"Binds": ["home:/x"]}}))["Id"])
    stage.direct("DELETE", "/volumes/home")


# -- names and ids ----------------------------------------------------------------------------------------------------


def test_a_name_that_is_the_beginning_of_an_id(stage: Stage, baseline: Proxy, guarded: str) -> None:
    """The engine takes names before beginnings of ids; whatever it means, it is told by full id."""
    mine = made(stage, create(stage, baseline, SLEEP, guarded[:12]))["Id"]
    baseline.witness.forget()
    assert act(baseline, guarded[:12]).status == 204
    assert [request.target for request in baseline.witness.acted()] == [f"/{API}/containers/{mine}/start"]
    assert baseline.ask("DELETE", f"/{API}/containers/{guarded[:12]}?force=1").status == 204
    baseline.witness.forget()
    refused(baseline, act(baseline, guarded[:12], "kill"), "guarded", rule=GUARDED)
    assert is_running(stage, guarded)


def test_a_name_that_is_a_whole_id(stage: Stage, baseline: Proxy, guarded: str) -> None:
    """Of another container, which the engine then means; when that has gone, this one."""
    baseline.witness.forget()
    reply = create(stage, baseline, SLEEP, guarded)
    assert (reply.status, "reads like the id" in reply.message) == (400, True), reply
    assert baseline.witness.seen() == []
    namesake = direct(stage, guarded, start=False)
    refused(baseline, act(baseline, guarded, "kill"), "guarded", rule=GUARDED)
    remove(stage, namesake)


def test_the_beginning_of_two_ids(stage: Stage, baseline: Proxy, own: dict[str, str]) -> None:
    made_here = [made(stage, create(stage, baseline, {}))["Id"] for _ in range(17)]
    digit, _ = Counter(container[0] for container in made_here).most_common()[0]
    baseline.witness.forget()
    reply = act(baseline, digit, "kill")
    assert reply.status == 403, reply
    assert "cannot be judged" in reply.message
    assert baseline.witness.acted() == []
    for container in made_here:
        remove(stage, container)


@pytest.mark.parametrize(
    ("method", "what", "body"),
    [
        ("POST", "restart?t=0", None),
        ("POST", "pause", None),
        ("POST", "unpause", None),
        ("POST", "exec", {"Cmd": ["true"]}),
        ("POST", "update", {"CpuShares": 512}),
        ("POST", "rename?name=renamed", None),
        ("POST", "rename?name=/own", None),
        ("POST", "resize?h=1&w=1", None),
        ("POST", "stop?t=0", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("length", [64, 12])
def test_what_reaches_the_engine_names_the_full_id(
    stage: Stage, baseline: Proxy, own: dict[str, str], length: int, method: str, what: str, body: Config | None
) -> None:
    container = own["baseline"]
    baseline.witness.forget()
    baseline.ask(method, f"/{API}/containers/{container[:length]}/{what}", body)
    (request,) = baseline.witness.acted()
    assert request.target.startswith(f"/{API}/containers/{container}/{what.partition('?')[0]}")
    act(baseline, container)


@pytest.mark.parametrize("name", ["a/b", "..", "a%2Fb", "a%20b", "a%0Ab", "%2Fa%2F..", "a%00"])
def test_names_that_are_none(baseline: Proxy, own: dict[str, str], name: str) -> None:
    """91: for a new container, and for an old one."""
    baseline.witness.forget()
    for target in (f"/{API}/containers/create?name={name}", f"/{API}/containers/{own['baseline']}/rename?name={name}"):
        reply = baseline.ask("POST", target, {"Image": "x"} if "create" in target else None)
        assert reply.status == 400, reply
    assert baseline.witness.seen() == []


# -- images that are named like ids -----------------------------------------------------------------------------------


def test_a_tag_made_past_the_proxy_that_reads_like_an_id(stage: Stage, baseline: Proxy) -> None:
    """11: one of its own, and one that is the beginning of the signed image's id."""
    good = stage.docker.run("image", "inspect", "--format", "{{.Id}}", f"{stage.good}:1").removeprefix("sha256:")
    for name in ("6bade", good[:12]):
        stage.docker.tag(f"{stage.evil}:1", name)
        baseline.witness.forget()
        reply = baseline.create(name)
        assert reply.status == 403, reply
        assert "stage/evil" in reply.message
        assert baseline.witness.acted() == []
        stage.docker.run("rmi", f"{name}:latest")


# -- networks ---------------------------------------------------------------------------------------------------------

NETWORKS = [
    pytest.param({"Driver": "macvlan", "Options": {"parent": "eth0"}}, "network-driver", "macvlan", id="96"),
    pytest.param({"Driver": "ipvlan"}, "network-driver", "ipvlan", id="96-ipvlan"),
    pytest.param({"Driver": "host"}, "network-driver", "host", id="96-host"),
    pytest.param({"Driver": "overlay"}, "network-driver", "overlay", id="96-overlay"),
    pytest.param({"Driver": "Bridge"}, "network-driver", "Bridge", id="96-other-case"),
    pytest.param({"Options": {"parent": "eth0"}}, "network-option", "parent=eth0", id="96-option"),
    pytest.param({"Options": {"com.docker.network.bridge.name": "docker0"}}, "network-option", "bridge.name", id="96-bridge"),
    pytest.param({"Options": {"com.docker.network.bridge.host_binding_ipv4": "0.0.0.0"}}, "network-option", "host_binding", id="96-binding"),
    pytest.param({"Scope": "swarm"}, "network-scope", "swarm", id="96-scope"),
    pytest.param({"Ingress": True}, "network-scope", "ingress", id="96-ingress"),
    pytest.param({"ConfigOnly": True}, "network-scope", "config-only", id="96-config-only"),
    pytest.param({"ConfigFrom": {"Network": "x"}}, "network-scope", "config-from", id="96-config-from"),
    pytest.param({"IPAM": {"Driver": "remote"}}, "network-option", "ipam-driver=remote", id="96-ipam"),
    pytest.param({"IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}]}}, "network-option", "subnet=10.0.0.0/8", id="96-subnet"),
    pytest.param({"Labels": {"io.pytrust.guarded": "true"}}, "label", "io.pytrust.guarded", id="96-label"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "rule", "word"), NETWORKS)
def test_a_network_that_reaches_the_host(proxy: Proxy, level: str, body: Config, rule: str, word: str) -> None:
    reply = proxy.ask("POST", f"/{API}/networks/create", {"Name": "n", **body})
    refused(proxy, reply, word, rule=rule_of(level, rule))


def test_an_ordinary_network(stage: Stage, proxy: Proxy, level: str, own: dict[str, str]) -> None:
    name = f"plain-{level}"
    options = {"com.docker.network.driver.mtu": "1400"}
    assert proxy.ask("POST", f"/{API}/networks/create", {"Name": name, "Options": options}).status == 201
    assert proxy.ask("POST", f"/{API}/networks/{name}/connect", {"Container": own[level][:12]}).status == 200
    assert proxy.witness.acted()[-1].json == {"Container": own[level]}
    assert proxy.ask("POST", f"/{API}/networks/{name}/disconnect", {"Container": own[level][:12]}).status == 200
    assert proxy.witness.acted()[-1].json == {"Container": own[level]}
    assert proxy.ask("DELETE", f"/{API}/networks/{name}").status == 204


def test_connecting_to_the_network_of_the_host(stage: Stage, proxy: Proxy, level: str, own: dict[str, str]) -> None:
    reply = proxy.ask("POST", f"/{API}/networks/host/connect", {"Container": own[level]})
    refused(proxy, reply, "host", rule=rule_of(level, "network-mode"))
    by_id = stage.direct("GET", "/networks/host").json["Id"]
    assert proxy.ask("POST", f"/{API}/networks/{by_id}/connect", {"Container": own[level]}).status in {400, 403}
    assert "host" not in inspected(stage, own[level])["NetworkSettings"]["Networks"]


def test_connecting_with_options_of_the_endpoint(proxy: Proxy, level: str, own: dict[str, str]) -> None:
    body = {"Container": own[level], "EndpointConfig": {"DriverOpts": {"com.docker.network.endpoint.sysctls": "x"}}}
    reply = proxy.ask("POST", f"/{API}/networks/none/connect", body)
    refused(proxy, reply, "com.docker.network.endpoint.sysctls", rule=rule_of(level, "endpoint-option"))


@pytest.mark.parametrize("what", ["connect", "disconnect"])
@pytest.mark.parametrize("body", [{}, {"Container": ""}, {"Container": "a/b"}, {"Container": None}])
def test_a_network_and_nobody(baseline: Proxy, what: str, body: Config) -> None:
    baseline.witness.forget()
    assert baseline.ask("POST", f"/{API}/networks/none/{what}", body).status == 400
    missing(
        baseline,
        baseline.ask("POST", f"/{API}/networks/none/{what}", {"Container": "nobody"}),
        "No such container: nobody",
    )
