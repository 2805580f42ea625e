"""The label that asks for secrets: one meaning or none, and what stands in the way of its files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.core.request import SecretAsk
from pytrust.policy.engine.body import decode
from pytrust.policy.engine.call import Body, Malformed
from pytrust.policy.engine.models import ContainerCreate
from pytrust.policy.engine.secret_label import SECRETS_LABEL, parse_secrets
from pytrust.policy.engine.secret_mount import read_secrets
from pytrust.trust.limits import DELIVERED_LABEL_MAX_CHARS, DELIVERED_SECRETS_MAX
from pytrust.trust.vault.names import SecretName

_part = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9_.-]{0,10}[A-Za-z0-9])?\Z").filter(lambda part: part != "pytrust")
_names = st.lists(_part, min_size=1, max_size=3).map("/".join)
_ids = st.integers(0, 2**31 - 1)
_asks = st.builds(
    SecretAsk, name=_names.map(SecretName), file=_part, uid=_ids, gid=_ids, mode=st.integers(0, 0o777)
)  # fmt: skip


def spelled(ask: SecretAsk) -> str:
    return f"{ask.name}:mode={ask.mode:04o}:gid={ask.gid}:file={ask.file}:uid={ask.uid}"


def read(label: str | None = "db", **config: Any) -> tuple[SecretAsk, ...]:
    labels = {} if label is None else {"Labels": {SECRETS_LABEL: label}}
    model = decode(Body.CONTAINER, json.dumps({"Image": "foo/web", **labels, **config}).encode())
    assert isinstance(model, ContainerCreate)
    return read_secrets(model)


@given(st.lists(_asks, min_size=1, max_size=DELIVERED_SECRETS_MAX, unique_by=lambda ask: ask.file))
def test_what_is_written_is_read(asks: list[SecretAsk]) -> None:
    assert parse_secrets(",".join(map(spelled, asks))) == tuple(asks)


@given(st.text(alphabet="db/key:=,file uidgmo0123479-\n\0\x1b", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    """And every list has one meaning: written out, it is read as the same."""
    try:
        asks = parse_secrets(text)
    except Malformed as error:
        assert error.status == 400
        assert SECRETS_LABEL in str(error)
        assert str(error).isprintable()
    else:
        assert parse_secrets(",".join(map(spelled, asks))) == asks


def test_what_is_left_open_is_as_in_swarm() -> None:
    assert parse_secrets("a, shop/b") == (
        SecretAsk(name=SecretName("a"), file="a", uid=0, gid=0, mode=0o444),
        SecretAsk(name=SecretName("shop/b"), file="b", uid=0, gid=0, mode=0o444),
    )


@pytest.mark.parametrize(
    "text",
    [
        "", ",", "a,", "a,,b", "a,a", "x/a,y/a", "a:file=b,b", "pytrust/key/signing/alice", "a b", "../a", "a/", "/a",
        "a:", "a:file", "a:file=", "a:file=b/c", "a:file=..", "a:file=.", "a:file=b:file=c", "a:user=0", "a:UID=0",
        "a:uid=", "a:uid=-1", "a:uid=01", "a:uid=1.0", "a:uid=2147483648", "a:uid=99999999999", "a:uid=\u0661", "a:gid=root",
        "a:mode=", "a:mode=44", "a:mode=0888", "a:mode=4755", "a:mode=01777", "a:mode=0o444", "a:mode=-444", "a:mode= 444",
        "a\n", "a\0", "a:file=b\n", "a;b", "\u00e4", "a:uid = 1",
    ],
)  # fmt: skip
def test_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_secrets(text)
    assert caught.value.status == 400


def test_not_too_many_and_not_too_long() -> None:
    names = [f"a{number}" for number in range(DELIVERED_SECRETS_MAX + 1)]
    assert len(parse_secrets(",".join(names[:-1]))) == DELIVERED_SECRETS_MAX
    with pytest.raises(Malformed, match="more than 32"):
        parse_secrets(",".join(names))
    with pytest.raises(Malformed, match="longer than"):
        parse_secrets("a" + " " * DELIVERED_LABEL_MAX_CHARS)


def test_who_does_not_ask_gets_none() -> None:
    assert read(None) == ()
    assert read(None, Labels={"pytrust.secret": "db", "PYTRUST.SECRETS": "db"}) == ()
    assert read(None, HostConfig={"Binds": ["data:/run/secrets"], "VolumesFrom": ["a"]}) == ()


@pytest.mark.parametrize("path", ["/run/secrets", "/run/secrets/", "//run/./secrets", "/x/../run/secrets/db", "/var/run",
                                  "/var/run/", "/var/run/secrets", "/var/run/secrets/a/b", "/run/secrets/a\nb"])  # fmt: skip
def test_nothing_else_is_mounted_there(path: str) -> None:
    configs: list[dict[str, Any]] = [
        {"Volumes": {path: {}}},
        {"HostConfig": {"Binds": [f"data:{path}"]}},
        {"HostConfig": {"Binds": [f"/srv:{path}:ro"]}},
        {"HostConfig": {"Binds": [path]}},
        {"HostConfig": {"Tmpfs": {path: "size=1m"}}},
        {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": path}]}},
        {"HostConfig": {"Mounts": [{"Type": "image", "Source": "foo/web", "Target": path}]}},
    ]
    for config in configs:
        with pytest.raises(Malformed, match=r"cannot be mounted over"):
            read(**config)


@pytest.mark.parametrize("path", ["/run", "/run/secretsx", "/srv/run/secrets", "/var", "/run/secret", "/var/runs"])
def test_beside_it_may_be_what_will(path: str) -> None:
    assert read(HostConfig={"Binds": [f"data:{path}"], "Tmpfs": {f"{path}2": ""}})


def test_not_with_the_volumes_of_another_container() -> None:
    with pytest.raises(Malformed, match="do not go together"):
        read(HostConfig={"VolumesFrom": ["web:ro"]})
    assert read(HostConfig={"VolumesFrom": []})
    assert read(HostConfig={"VolumesFrom": None})


def test_not_among_the_processes_of_another_container() -> None:
    """Whoever is there as well sees its files: below /proc/PID/root."""
    with pytest.raises(Malformed, match="do not go together"):
        read(HostConfig={"PidMode": "container:web"})
    assert read(HostConfig={"PidMode": "", "IpcMode": "container:web", "NetworkMode": "container:web"})
