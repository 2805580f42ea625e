"""What the engine is sent: pinned, hardened, in one spelling, and nothing that was not understood."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.core.decision import Allow, Injection, Mutation, Pin, Reason
from pytrust.policy.core.facts import Delivery
from pytrust.policy.core.request import Held, Image, Named
from pytrust.policy.engine.body import decode
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.models import ContainerCreate
from pytrust.policy.engine.normalise import normalise
from pytrust.policy.engine.rewrite import Outgoing, rewrite
from pytrust.policy.engine.routes import match
from pytrust.policy.engine.routes_open import OPEN_ROUTES
from pytrust.trust.names import Digest, ImageRef

ID = "c" * 64
D1 = Digest("1" * 64)
D2 = Digest("2" * 64)
LEARNING = (Reason(code="unsigned", text="would be refused"),)


def send(method: str, target: str, body: str = "", allow: Allow | None = None) -> Outgoing:
    call = match(method, target)
    assert call is not None
    model = decode(call.route.body, body.encode())
    return rewrite(call, model, normalise(call, model), allow or Allow(), "1.41")


def pin(text: str, digest: Digest | None = D1, image: Image | None = None) -> Pin:
    ref = ImageRef.parse(text)
    return Pin(image=image or Named(ref=ref), ref=ref.at(digest) if digest else ref)


def create(config: dict[str, Any], *injections: Injection, pins: tuple[Pin, ...] = ()) -> dict[str, Any]:
    allow = Allow(
        pins=pins or (pin("foo/web:v1"),), mutations=tuple(Mutation(injection=item, value=7) for item in injections)
    )
    sent = send("POST", "/containers/create", json.dumps({"Image": "foo/web:v1", **config}), allow)
    assert sent.body is not None
    assert decode_again(sent.body) == sent.model
    return dict(json.loads(sent.body))


def host(config: dict[str, Any], *injections: Injection) -> dict[str, Any]:
    return dict(create({"HostConfig": config}, *injections)["HostConfig"])


def decode_again(data: bytes) -> ContainerCreate:
    from pytrust.policy.engine.call import Body

    model = decode(Body.CONTAINER, data)
    assert isinstance(model, ContainerCreate)
    return model


# -- targets ----------------------------------------------------------------------------------------------------------

TARGETS = [
    ("GET", "/_ping", "/v1.41/_ping"),
    ("GET", "/v1.24/info", "/v1.41/info"),
    ("GET", "/containers/json?size=false&all=yes", "/v1.41/containers/json?all=1&size=0"),
    ("GET", "/containers/web/logs?stdout=1", f"/v1.41/containers/{ID}/logs?stdout=1"),
    ("POST", "/containers/web/start?detachKeys=ctrl-x,q", f"/v1.41/containers/{ID}/start?detachKeys=ctrl-x%2Cq"),
    ("POST", "/containers/web/rename?name=/db", f"/v1.41/containers/{ID}/rename?name=db"),
    ("GET", "/containers/web/attach/ws?stream=1", f"/v1.41/containers/{ID}/attach/ws?stream=1"),
    ("DELETE", "/containers/web?v=1&force=1", f"/v1.41/containers/{ID}?force=1&v=1"),
    ("POST", "/exec/abc/resize?h=1&w=2", "/v1.41/exec/abc/resize?h=1&w=2"),
    ("GET", "/images/foo/web:v1/json", "/v1.41/images/foo/web:v1/json"),
    ("GET", "/images/foo%2Fweb%3Av1/json", "/v1.41/images/foo/web:v1/json"),
    ("DELETE", "/images/[::1]:5000/a@sha256:12", "/v1.41/images/%5B::1%5D:5000/a@sha256:12"),
    ("POST", "/images/feed/tag?repo=mine", "/v1.41/images/feed/tag?repo=docker.io/library/mine&tag=latest"),
    ("GET", "/volumes/data", "/v1.41/volumes/data"),
    ("DELETE", "/networks/back", "/v1.41/networks/back"),
]


@pytest.mark.parametrize(("method", "target", "expected"), TARGETS)
def test_targets_are_written_anew(method: str, target: str, expected: str) -> None:
    sent = send(method, target, allow=Allow(container=ID))
    assert sent == Outgoing(method, expected, None, None)


def test_without_a_container_in_the_decision_the_name_stays() -> None:
    assert send("GET", "/containers/web/json").target == "/v1.41/containers/web/json"


@pytest.mark.parametrize("route", OPEN_ROUTES, ids=lambda route: f"{route.method} {'/'.join(route.template)}")
def test_every_open_route_keeps_its_shape(route: Any) -> None:
    path = "/" + "/".join(route.template).replace("{id}", "abc").replace("{image}", "abc")
    query = {"image pull": "?fromImage=a&tag=b", "image tag": "?repo=a&tag=b", "container rename": "?name=abc"}
    body = {
        "container create": '{"Image":"a"}',
        "container update": "{}",
        "container exec": "{}",
        "network create": "{}",
        "network connect": '{"Container":"abc"}',
        "network disconnect": '{"Container":"abc"}',
    }
    allow = Allow(pins=(pin("a:b"),))
    sent = send(route.method, path + query.get(route.what, ""), body.get(route.what, ""), allow)
    assert sent.method == route.method
    assert sent.target.partition("?")[0] == f"/v1.41{path}"
    assert (sent.body is None) == (sent.model is None)


# -- pulls ------------------------------------------------------------------------------------------------------------


def test_a_pull_is_by_digest() -> None:
    sent = send(
        "POST", "/images/create?fromImage=foo/web:v1&platform=linux/arm64", allow=Allow(pins=(pin("foo/web:v1"),))
    )
    query = f"fromImage=docker.io/foo/web&tag={D1}&platform=linux/arm64"
    assert sent == Outgoing("POST", f"/v1.41/images/create?{query}", None, None)


def test_an_unsigned_pull_that_is_allowed_is_by_tag() -> None:
    sent = send("POST", "/images/create?fromImage=foo/web&tag=v1", allow=Allow(pins=(pin("foo/web:v1", None),)))
    assert sent.target == "/v1.41/images/create?fromImage=docker.io/foo/web&tag=v1"


@pytest.mark.parametrize(("query", "expected"), [("fromImage=foo&tag=v1", "&tag=v1"), ("fromImage=foo", "")])
def test_learning_mode_pulls_what_was_asked_for(query: str, expected: str) -> None:
    sent = send("POST", f"/images/create?{query}", allow=Allow(overruled=LEARNING))
    assert sent.target == f"/v1.41/images/create?fromImage=docker.io/library/foo{expected}"


def test_an_image_without_a_pin_is_not_sent() -> None:
    with pytest.raises(ValueError, match="without a pin"):
        send("POST", "/images/create?fromImage=foo&tag=v1")
    with pytest.raises(ValueError, match="without a pin"):
        send("POST", "/containers/create", '{"Image":"foo"}')
    mounting = '{"Image":"foo","HostConfig":{"Mounts":[{"Type":"image","Source":"bar"}]}}'
    with pytest.raises(ValueError, match="without a pin"):
        send("POST", "/containers/create", mounting, Allow(pins=(pin("foo"),)))


# -- new containers: images -------------------------------------------------------------------------------------------


def test_the_image_is_sent_by_digest_and_noted_with_its_tag() -> None:
    sent = create({"Labels": {"a": "b"}})
    assert sent["Image"] == f"docker.io/foo/web@{D1}"
    assert sent["Labels"] == {"a": "b", "io.pytrust.image": f"docker.io/foo/web:v1@{D1}"}


def test_a_forged_label_does_not_survive() -> None:
    assert create({"Labels": {"io.pytrust.image": "forged"}})["Labels"] == {
        "io.pytrust.image": f"docker.io/foo/web:v1@{D1}"
    }


def test_an_unsigned_image_that_is_allowed_is_sent_by_its_whole_name() -> None:
    """``sha256:feed`` alone would be an id."""
    assert create({}, pins=(pin("sha256:feed", None),))["Image"] == "docker.io/library/sha256:feed"
    assert create({}, pins=(pin("foo/web:v1", None),))["Image"] == "docker.io/foo/web:v1"


def test_an_id_is_never_sent() -> None:
    pins = (pin("foo/web:v1", image=Held(text="feed")),)
    assert create({"Image": "feed"}, pins=pins)["Image"] == f"docker.io/foo/web@{D1}"


def test_mounted_images_are_pinned_by_their_places() -> None:
    mounts = [
        {"Type": "image", "Source": "foo/web:v1", "Target": "/a"},
        {"Type": "tmpfs", "Target": "/b"},
        {"Type": "image", "Source": "feed", "Target": "/c"},
    ]
    pins = (pin("foo/web:v1"), pin("foo/web:v1", D2), pin("foo/other", image=Held(text="feed")))
    sent = create({"HostConfig": {"Mounts": mounts}}, pins=pins)
    assert [mount.get("Source") for mount in sent["HostConfig"]["Mounts"]] == [
        f"docker.io/foo/web@{D2}",
        None,
        f"docker.io/foo/other@{D1}",
    ]


def test_learning_mode_sends_images_as_they_were_asked_for() -> None:
    body = '{"Image":"feed","HostConfig":{"Mounts":[{"Type":"image","Source":"bar"}]}}'
    sent = json.loads(send("POST", "/containers/create", body, Allow(overruled=LEARNING)).body or b"")
    assert (sent["Image"], sent["HostConfig"]["Mounts"][0]["Source"]) == ("feed", "docker.io/library/bar:latest")
    assert "Labels" not in sent


# -- new containers: one spelling -------------------------------------------------------------------------------------


def test_defaults_that_hang_on_the_version_are_written_out() -> None:
    """Before 1.40, an empty mode is a shareable one."""
    assert create({})["HostConfig"] == {"IpcMode": "private"}
    assert create({"HostConfig": None})["HostConfig"] == {"IpcMode": "private"}
    assert host({"IpcMode": ""})["IpcMode"] == "private"
    assert host({"IpcMode": "none"})["IpcMode"] == "none"


def test_paths_are_sent_clean() -> None:
    sent = host({
        "Binds": ["/allowed/../etc:/h:ro", "//:/r", "data:/d", "/new"],
        "Mounts": [{"Type": "bind", "Source": "/a/../b/", "Target": "/x"}, {"Type": "volume", "Source": "data"}],
        "Devices": [{"PathOnHost": "/dev/../dev//sda", "PathInContainer": "/dev/x"}],
    })  # fmt: skip
    assert sent["Binds"] == ["/etc:/h:ro", "/:/r", "data:/d", "/new"]
    assert [mount["Source"] for mount in sent["Mounts"]] == ["/b", "data"]
    assert sent["Devices"] == [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/x"}]


def test_security_options_are_sent_once() -> None:
    options = ["seccomp:unconfined", "disable", "seccomp=builtin", "no-new-privileges:1", "label=level:s0"]
    assert host({"SecurityOpt": options})["SecurityOpt"] == [
        "label=disable", "label=level:s0", "seccomp=builtin", "no-new-privileges",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["SecurityOpt", "Binds", "Mounts", "Devices", "MaskedPaths", "Tmpfs"])
def test_absent_null_and_empty_stay_apart(key: str) -> None:
    empty: Any = {} if key == "Tmpfs" else []
    assert key not in host({}, Injection.TMPFS_FLAGS)
    assert host({key: None}, Injection.TMPFS_FLAGS)[key] is None
    assert host({key: empty}, Injection.TMPFS_FLAGS)[key] == empty


def test_everything_else_is_sent_as_it_was() -> None:
    config: dict[str, Any] = {
        "Env": ["A=1"],
        "Cmd": None,
        "Volumes": {"/x": {}},
        "StopTimeout": 3,
        "ExposedPorts": {"80/tcp": {}},
    }
    assert create(config).items() >= config.items()


# -- new containers: mutations ----------------------------------------------------------------------------------------

MUTATIONS: list[tuple[Injection, dict[str, Any], dict[str, Any]]] = [
    (
        Injection.DROP_CAPABILITIES,
        {"CapDrop": ["NET_RAW"], "CapAdd": ["KILL"]},
        {"CapDrop": ["ALL"], "CapAdd": ["KILL"]},
    ),
    (Injection.NO_NEW_PRIVILEGES, {}, {"SecurityOpt": ["no-new-privileges"]}),
    (Injection.NO_NEW_PRIVILEGES, {"SecurityOpt": None}, {"SecurityOpt": ["no-new-privileges"]}),
    (
        Injection.NO_NEW_PRIVILEGES,
        {"SecurityOpt": ["no-new-privileges=false", "seccomp=builtin"]},
        {"SecurityOpt": ["no-new-privileges", "seccomp=builtin"]},
    ),
    (Injection.PIDS, {"PidsLimit": -1}, {"PidsLimit": 7}),
    (Injection.MEMORY, {"Memory": 0}, {"Memory": 7}),
    (Injection.PRIVATE_IPC, {}, {"IpcMode": "private"}),
    (Injection.PRIVATE_CGROUPNS, {}, {"CgroupnsMode": "private"}),
    (Injection.PRIVATE_CGROUPNS, {"CgroupnsMode": "host"}, {"CgroupnsMode": "host"}),
    (
        Injection.TMPFS_FLAGS,
        {"Tmpfs": {"/x": "exec,suid,size=1m", "/y": "", "/z": "noexec,dev"}},
        {
            "Tmpfs": {
                "/x": "size=1m,noexec,nosuid,nodev",
                "/y": "noexec,nosuid,nodev",
                "/z": "noexec,nosuid,nodev",
            }
        },
    ),
    (
        Injection.TMPFS_FLAGS,
        {
            "Mounts": [
                {"Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 1, "Options": [["exec"], ["noexec"], ["dev", ""]]}}
            ]
        },
        {"Mounts": [{"Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 1, "Options": [["noexec"]]}}]},
    ),
]


@pytest.mark.parametrize(("injection", "config", "expected"), MUTATIONS, ids=str)
def test_mutations(injection: Injection, config: dict[str, Any], expected: dict[str, Any]) -> None:
    assert host(config, injection).items() >= expected.items()


def test_every_mutation_is_tried() -> None:
    assert {injection for injection, _, _ in MUTATIONS} == set(Injection)


# -- other bodies -----------------------------------------------------------------------------------------------------


def other(target: str, body: str, allow: Allow) -> dict[str, Any]:
    return dict(json.loads(send("POST", target, body, allow).body or b""))


PIDS = Allow(container=ID, mutations=(Mutation(injection=Injection.PIDS, value=7),))


@pytest.mark.parametrize(
    ("given", "sent"),
    [('{"PidsLimit":-1}', 7), ('{"PidsLimit":0}', 7), ('{"PidsLimit":3}', 3), ('{"PidsLimit":null}', None)],
)
def test_an_update_cannot_take_the_limit_on_processes_away(given: str, sent: int | None) -> None:
    assert other("/containers/web/update", given, PIDS) == {"PidsLimit": sent}
    assert other("/containers/web/update", '{"CpuShares":5}', PIDS) == {"CpuShares": 5}


def test_a_container_stands_in_bodies_by_its_id() -> None:
    assert other("/networks/back/connect", '{"Container":"web"}', Allow(container=ID)) == {"Container": ID}
    assert other("/networks/back/disconnect", '{"Container":"/web","Force":true}', Allow(container=ID)) == {
        "Container": ID,
        "Force": True,
    }


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (None, {}),
        ("", {}),
        ("{}", {}),
        ('{"label":["a","b=c"]}', {"label": {"a": True, "b=c": True}}),
        ('{"label":{"a":true},"until":["1h"]}', {"label": {"a": True}, "until": {"1h": True}}),
    ],
)
def test_pruning_leaves_guarded_containers_out(asked: str | None, sent: dict[str, Any]) -> None:
    query = "" if asked is None else f"?filters={quote(asked)}"
    target = send("POST", f"/containers/prune{query}").target
    path, _, filters = target.partition("?filters=")
    assert path == "/v1.41/containers/prune"
    assert json.loads(unquote(filters)) == {**sent, "label!": {"io.pytrust.guarded=true": True}}


def test_a_process_is_sent_without_what_engines_pass_over() -> None:
    sent = send("POST", "/containers/web/exec", '{"Container":"other","Cmd":["sh"]}', Allow(container=ID))
    assert sent.target == f"/v1.41/containers/{ID}/exec"
    assert sent.body == b'{"Cmd":["sh"]}'


def test_a_start_has_no_body() -> None:
    with pytest.raises(Malformed, match="no body"):
        send("POST", "/v1.24/containers/web/start", '{"Privileged":true}')
    assert send("POST", "/exec/abc/start").body == b"{}"


# -- properties -------------------------------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["exec", "noexec", "suid", "dev", "nosuid", "size=1m", "rw", ""]), max_size=5)


@given(WORDS)
def test_files_in_memory_can_never_be_run(words: list[str]) -> None:
    sent = host({"Tmpfs": {"/x": ",".join(words)}}, Injection.TMPFS_FLAGS)["Tmpfs"]["/x"].split(",")
    assert not {"exec", "suid", "dev"} & set(sent)
    assert sent[-3:] == ["noexec", "nosuid", "nodev"]
    assert ("size=1m" in words) == ("size=1m" in sent)


@given(
    st.lists(
        st.sampled_from(["no-new-privileges=false", "no-new-privileges", "seccomp=builtin", "disable"]), max_size=4
    )
)
def test_new_privileges_stay_off(options: list[str]) -> None:
    sent = host({"SecurityOpt": options}, Injection.NO_NEW_PRIVILEGES)["SecurityOpt"]
    assert sent.count("no-new-privileges") == 1
    assert "no-new-privileges=false" not in sent


# -- secrets -----------------------------------------------------------------------------------------------------------

FOLDER = f"/run/pytrust/secrets/{'0' * 32}"
SECRET_MOUNT = {
    "Type": "bind",
    "Source": FOLDER,
    "Target": "/run/secrets",
    "ReadOnly": True,
    "BindOptions": {"Propagation": "rprivate", "NonRecursive": True},
}


@pytest.mark.parametrize("mounts", [None, [], [{"Type": "image", "Source": "foo/web:v1", "Target": "/i"}]])
def test_secrets_are_one_more_mount_behind_those_of_the_client(mounts: list[dict[str, Any]] | None) -> None:
    images = (pin("foo/web:v1"),) * (1 + len(mounts or ()))
    allow = Allow(pins=images, delivery=Delivery(folder=FOLDER, ref=images[0].ref, secrets=()))
    body = {"Image": "foo/web:v1", "Labels": {"pytrust.secrets": "db"}, "HostConfig": {"Mounts": mounts}}
    sent = send("POST", "/containers/create", json.dumps(body), allow)
    assert sent.body is not None
    assert decode_again(sent.body) == sent.model
    *before, last = json.loads(sent.body)["HostConfig"]["Mounts"]
    assert last == SECRET_MOUNT
    assert [mount["Target"] for mount in before] == [mount["Target"] for mount in mounts or ()]


def test_without_a_delivery_there_is_no_mount() -> None:
    assert not create({"Labels": {"pytrust.secrets": "db"}})["HostConfig"].get("Mounts")
