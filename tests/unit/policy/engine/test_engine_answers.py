"""What an engine says, read as facts; and the paths by which it is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.core.facts import Container, EngineInfo, RepoDigest, Volume
from pytrust.policy.core.request import Ask, Field
from pytrust.policy.engine import questions
from pytrust.policy.engine.answers import (
    GUARDED_LABEL,
    Users,
    read_any,
    read_container,
    read_ended,
    read_image,
    read_info,
    read_present,
    read_standing,
    read_users,
    read_volume,
)
from pytrust.trust.errors import BadContent, InvalidName, Unsound
from pytrust.trust.names import CollectionName, Digest, ImageRef

ONE, TWO = "1" * 64, "2" * 64
IMAGE: dict[str, Any] = {"Id": f"sha256:{ONE}"}
CONTAINER: dict[str, Any] = {"Id": TWO, "Image": f"sha256:{ONE}", "Config": {"Labels": {}}}
READERS: list[Callable[[bytes], object]] = [
    read_image, read_container, read_any, read_volume, read_info, read_users, read_standing, read_present, read_ended,
]  # fmt: skip


def said(value: object) -> bytes:
    return json.dumps(value).encode()


def image(**more: object) -> bytes:
    return said(IMAGE | more)


def container(**more: object) -> bytes:
    return said(CONTAINER | more)


# -- images -----------------------------------------------------------------------------------------------------------


def test_familiar_names_become_canonical() -> None:
    held = read_image(image(RepoDigests=[f"foo/web@sha256:{TWO}", f"busybox@sha256:{ONE}"], RepoTags=["busybox:1"]))
    assert held.repo_digests == (
        RepoDigest(collection=CollectionName("docker.io/foo/web"), digest=Digest(TWO)),
        RepoDigest(collection=CollectionName("docker.io/library/busybox"), digest=Digest(ONE)),
    )
    assert held.tags == (ImageRef.parse("docker.io/library/busybox:1"),)


def test_what_is_no_name_is_left_out() -> None:
    held = read_image(
        image(
            RepoDigests=["<none>@<none>", f"<none>@sha256:{ONE}", "foo/web@sha512:12", f"Foo/web@sha256:{ONE}", "foo"],
            RepoTags=["<none>:<none>", "", "foo/web:", f"foo/web@sha256:{ONE}", "foo/web:v1"],
        )
    )
    assert held.repo_digests == ()
    assert held.tags == (ImageRef.parse("foo/web:v1"),)


def test_one_digest_counts_once() -> None:
    twice = [f"foo/web@sha256:{TWO}", f"docker.io/foo/web@sha256:{TWO}"]
    assert len(read_image(image(RepoDigests=twice)).repo_digests) == 1


@pytest.mark.parametrize(
    ("config", "user"),
    [({"User": "1000:1000"}, "1000:1000"), ({"User": ""}, ""), ({"User": None}, ""), ({}, ""), (None, "")],
)
def test_user_of_an_image(config: object, user: str) -> None:
    assert read_image(image(Config=config)).user == user


def test_null_is_empty() -> None:
    held = read_image(image(RepoDigests=None, RepoTags=None))
    assert (held.repo_digests, held.tags) == ((), ())


# -- containers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "guarded"),
    [
        ({GUARDED_LABEL: "true"}, True),
        ({GUARDED_LABEL: "true", "other": "x"}, True),
        ({GUARDED_LABEL: "false"}, False),
        ({GUARDED_LABEL: ""}, False),
        ({"other": "true"}, False),
        (None, False),
    ],
)
def test_guarded_container(labels: object, guarded: bool) -> None:
    expected = Container(id=TWO, image_id=f"sha256:{ONE}", guarded=guarded)
    assert read_container(container(Config={"Labels": labels, "Env": ["TOKEN=secret"]})) == expected


def test_paths_of_the_host_in_a_container() -> None:
    mounts = [
        {"Type": "bind", "Source": "/srv/a", "Destination": "/a", "Mode": "ro", "RW": False},
        {"Type": "bind", "Source": "/srv/b", "Destination": "/b", "Mode": "", "RW": True},
        {"Type": "volume", "Name": "data", "Source": "/var/lib/docker/volumes/data/_data", "RW": True},
    ]
    assert read_container(container(Mounts=mounts)).binds == (
        Ask(field=Field.BIND, value="/srv/a"),
        Ask(field=Field.BIND, value="/srv/b"),
        Ask(field=Field.WRITABLE_BIND, value="/srv/b"),
    )
    assert read_container(container(Mounts=None)).binds == ()


def test_containers_whose_namespaces_a_container_shares() -> None:
    host = {"PidMode": f"container:{ONE}", "IpcMode": "private", "NetworkMode": f"container:{TWO}", "Binds": None}
    assert read_container(container(HostConfig=host)).joins == (
        Ask(field=Field.PID_MODE, value=f"container:{ONE}"),
        Ask(field=Field.NETWORK_MODE, value=f"container:{TWO}"),
    )
    for plain in ({}, {"PidMode": "host", "IpcMode": None, "NetworkMode": "default"}, None):
        assert read_container(container(HostConfig=plain)).joins == ()


# -- volumes and the engine -------------------------------------------------------------------------------------------


def test_options_of_a_volume_show_no_password() -> None:
    options = {"type": "cifs", "o": "username=me,password=secret", "device": "//nas/share", "x": "y"}
    volume = read_volume(said({"Driver": "local", "Options": options}))
    assert volume == Volume(driver="local", options=(("device", "//nas/share"), ("o", ""), ("type", "cifs"), ("x", "")))


def test_whether_there_is_any_container() -> None:
    assert read_any(said([{"Id": TWO, "Names": ["/web"]}])) is True
    assert read_any(said([])) is False


@pytest.mark.parametrize("options", [None, {}])
def test_plain_volume(options: object) -> None:
    assert read_volume(said({"Driver": "local", "Options": options})) == Volume(driver="local")


@pytest.mark.parametrize(
    ("options", "confined"),
    [
        (["name=seccomp,profile=default"], True),
        (["name=apparmor", "name=seccomp,profile=builtin", "name=rootless"], True),
        (["name=seccomp,profile=/etc/docker/seccomp.json"], True),
        (["name=seccomp,profile=unconfined"], False),
        (["name=seccomp,profile=unconfined", "name=seccomp,profile=default"], False),
        (["name=seccomp"], False),
        (["name=seccomp,profile="], False),
        (["seccomp"], False),
        (["name=apparmor,profile=default"], False),
        (["name=xseccomp,profile=default"], False),
        ([], False),
        (None, False),
    ],
)
def test_seccomp_of_an_engine(options: object, confined: bool) -> None:
    assert read_info(said({"SecurityOptions": options})) == EngineInfo(seccomp=confined)


# -- other shapes -----------------------------------------------------------------------------------------------------

WRONG_IMAGES: list[dict[str, object]] = [
    {"Id": ONE}, {"Id": f"sha256:{ONE}\n"}, {"Id": f"sha256:{'A' * 64}"}, {"Id": None}, {"RepoDigests": "foo"},
    {"RepoDigests": [1]}, {"RepoTags": {}}, {"Config": []}, {"Config": {"User": 0}},
]  # fmt: skip
WRONG_CONTAINERS: list[dict[str, object]] = [
    {"Id": ONE[:12]}, {"Id": f"{ONE}\n"}, {"Image": "web"}, {"Image": ""}, {"Config": None},
    {"Config": {"Labels": []}}, {"Config": {"Labels": {GUARDED_LABEL: True}}},
]  # fmt: skip
WRONG: list[tuple[Callable[[bytes], object], object]] = [
    *((read_image, IMAGE | more) for more in WRONG_IMAGES),
    *((read_container, CONTAINER | more) for more in WRONG_CONTAINERS),
    (read_container, {"Id": TWO, "Image": f"sha256:{ONE}"}),
    (read_volume, {}), (read_volume, {"Driver": None}), (read_volume, {"Driver": "local", "Options": {"o": 1}}),
    (read_info, {"SecurityOptions": "name=seccomp,profile=default"}), (read_info, []), (read_info, None),
]  # fmt: skip


@pytest.mark.parametrize(("read", "value"), WRONG)
def test_wrong_shape(read: Callable[[bytes], object], value: object) -> None:
    with pytest.raises(BadContent, match="no answer of a Docker engine"):
        read(said(value))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
KEYS = ("Id", "Image", "Config", "Labels", "User", "Driver", "Options", "RepoTags", "RepoDigests", "SecurityOptions")
ODD = st.dictionaries(st.sampled_from(KEYS), JSON)


@pytest.mark.parametrize("read", READERS)
@given(data=st.binary() | JSON.map(said) | ODD.map(said))
def test_anything_is_a_fact_or_bad_content(read: Callable[[bytes], object], data: bytes) -> None:
    with suppress(BadContent):
        read(data)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("data", [b'{"Config":' * 100_000, b"[" * 10**6, b'{"X":' + b"[" * 10**5 + b"]" * 10**5 + b"}"])
def test_deep_nesting(read: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(BadContent) as caught:
        read(data)
    assert len(str(caught.value)) < 500


def test_a_complaint_quotes_nothing() -> None:
    """A description holds the environment."""
    with pytest.raises(BadContent) as caught:
        read_container(said(CONTAINER | {"Config": {"Labels": "hunter2", "Env": ["hunter2"]}}))
    assert "hunter2" not in str(caught.value)


# -- questions --------------------------------------------------------------------------------------------------------


def test_questions() -> None:
    assert questions.image(f"127.0.0.1:5000/foo/web:v1@sha256:{ONE}") == (
        f"/images/127.0.0.1:5000/foo/web:v1@sha256:{ONE}/json"
    )
    assert questions.image("6bade") == "/images/6bade/json"
    assert questions.container("web-1_a.b") == "/containers/web-1_a.b/json"
    assert questions.volume("data") == "/volumes/data"
    path, _, filters = unquote(questions.guards_of("data")).partition("?all=1&filters=")
    assert path == "/containers/json"
    assert json.loads(filters) == {"label": [f"{GUARDED_LABEL}=true"], "volume": ["data"]}


@pytest.mark.parametrize("ask", [questions.image, questions.container, questions.volume, questions.guards_of])
@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../info", "a/../b", "a//b", "/a", "a/", "a?x=1", "a#b", "a%2fb", "a b", "a\n", "a\r\nX: y", "\0",
     "é", "-a", "a\\b"],
)  # fmt: skip
def test_a_name_cannot_lead_to_another_route(ask: Callable[[str], str], name: str) -> None:
    with pytest.raises(InvalidName):
        ask(name)


@pytest.mark.parametrize("ask", [questions.container, questions.volume, questions.guards_of])
def test_names_without_slashes(ask: Callable[[str], str]) -> None:
    for name in ("a/b", "a:b", "a@b", "a" * 256):
        with pytest.raises(InvalidName):
            ask(name)


@given(st.text(st.sampled_from("aZ0._:@-/%?#\\ \n")))
def test_every_question_has_the_shape_of_one_route(name: str) -> None:
    try:
        path = questions.image(name)
    except InvalidName:
        return
    assert re.fullmatch(r"/images/[\w.:@/-]+/json", path)
    assert not {"", ".", ".."} & set(path.split("/")[1:])


# -- who is who, and who runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "folder", "users"),
    [
        (None, None, Users()),
        (["name=seccomp,profile=default"], "/var/lib/docker/100000.100000", Users()),
        (["name=seccomp,profile=userns", "name=userns"], "/var/lib/docker/231072.231073", Users(231072, 231073, 65536)),
        (["name=userns"], "/srv/1.2/3.4", Users(3, 4, 65536)),
    ],
)
def test_how_containers_count_users(options: list[str] | None, folder: str | None, users: Users) -> None:
    assert read_users(said({"SecurityOptions": options, "DockerRootDir": folder})) == users


@pytest.mark.parametrize("folder", [None, "", "/var/lib/docker", "/var/lib/docker/1", "/x/1.2/", "1.2", "/x/1.2\n"])
def test_an_engine_that_counts_in_a_way_of_its_own_has_to_say_how(folder: str | None) -> None:
    with pytest.raises(BadContent, match="how its containers count"):
        read_users(said({"SecurityOptions": ["name=userns"], "DockerRootDir": folder}))


def test_an_engine_without_root() -> None:
    with pytest.raises(Unsound, match="without root"):
        read_users(said({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}))


@pytest.mark.parametrize(
    ("status", "stands"),
    [("running", True), ("paused", True), ("restarting", True), ("created", False), ("exited", False), ("dead", False),
     ("removing", False), ("Running", False), ("", False)],
)  # fmt: skip
def test_whether_a_container_runs(status: str, stands: bool) -> None:
    """An unknown word is no reason to leave secrets where they are."""
    assert read_standing(container(State={"Status": status})) is stands
    assert read_present(said([{"Id": ONE, "State": status}, {"Id": TWO, "State": "running"}])) == {
        ONE: stands,
        TWO: True,
    }


def test_which_container_an_event_is_about() -> None:
    event = {"Type": "container", "Action": "die", "Actor": {"ID": ONE, "Attributes": {"exitCode": "1"}}, "id": TWO}
    assert read_ended(said(event)) == ONE
    assert unquote(questions.endings()) == '/events?filters={"type": ["container"], "event": ["die", "destroy"]}'
