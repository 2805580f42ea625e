"""What an engine is asked for, and what is not asked: everything with two readings."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.observe.frames import last_words, output_of
from pytrust.policy.observe.making import LABEL, create_body
from pytrust.policy.observe.trial import Confinement, RunOptions
from pytrust.policy.profiles.names import Capability
from pytrust.trust.errors import UsageError

PLAIN, LOOSE = RunOptions(), Confinement()


def host(options: RunOptions = PLAIN, confinement: Confinement = LOOSE) -> dict[str, object]:
    found = create_body("image", options, confinement)["HostConfig"]
    assert isinstance(found, dict)
    return found


def test_nothing_asked_leaves_what_is_the_images() -> None:
    body = create_body("image", RunOptions(), Confinement())
    assert body["Labels"] == {LABEL: "true"}
    assert not {"Entrypoint", "Cmd", "User", "Hostname"} & body.keys()
    assert "NetworkMode" not in body["HostConfig"]
    assert not {"CapAdd", "CapDrop"} & body["HostConfig"].keys()


def test_how_it_is_confined() -> None:
    asked = host(confinement=Confinement('{"defaultAction": "x"}', (Capability("CHOWN"),), True, True, "mine"))
    assert asked["SecurityOpt"] == ['seccomp={"defaultAction": "x"}', "apparmor=mine", "no-new-privileges"]
    assert (asked["CapDrop"], asked["CapAdd"], asked["ReadonlyRootfs"]) == (["ALL"], ["CHOWN"], True)


def test_no_capability_is_none_and_not_dockers() -> None:
    asked = host(confinement=Confinement(capabilities=(), no_new_privileges=False))
    assert (asked["CapDrop"], asked["CapAdd"], asked["SecurityOpt"]) == (["ALL"], [], [])


def test_options_of_a_user() -> None:
    options = RunOptions(
        ("/e",), ("c",), ("A=b", "C"), ("/a:/b:ro",), ("/t:size=1m", "/u"), ("8080:80",), "host", "1:2", "h"
    )
    body = create_body("image", options, Confinement())
    assert (body["Entrypoint"], body["Cmd"], body["Env"]) == (["/e"], ["c"], ["A=b", "C"])
    assert (body["User"], body["Hostname"], body["ExposedPorts"]) == ("1:2", "h", {"80/tcp": {}})
    asked = body["HostConfig"]
    assert (asked["Binds"], asked["Tmpfs"]) == (["/a:/b:ro"], {"/t": "size=1m", "/u": ""})
    assert asked["NetworkMode"] == "host"


@pytest.mark.parametrize(
    ("text", "port", "binding"),
    [
        ("80", "80/tcp", ("", "")),
        ("8080:80", "80/tcp", ("", "8080")),
        ("127.0.0.1:8080:80/udp", "80/udp", ("127.0.0.1", "8080")),
        ("127.0.0.1::80", "80/tcp", ("127.0.0.1", "")),
        ("[::1]:53:53/sctp", "53/sctp", ("::1", "53")),
        ("65535:65", "65/tcp", ("", "65535")),
    ],
)
def test_published_ports(text: str, port: str, binding: tuple[str, str]) -> None:
    asked = host(RunOptions(publish=(text,)))
    assert asked["PortBindings"] == {port: [{"HostIp": binding[0], "HostPort": binding[1]}]}


@pytest.mark.parametrize(
    "options",
    [
        RunOptions(publish=("8080-8090:80",)),
        RunOptions(publish=("65536:80",)),
        RunOptions(publish=("80:99999",)),
        RunOptions(publish=("",)),
        RunOptions(publish=("080",)),
        RunOptions(publish=(":80:80",)),
        RunOptions(publish=("a:80",)),
        RunOptions(publish=("1:2:80",)),
        RunOptions(publish=("80/icmp",)),
        RunOptions(mounts=("volume:/data",)),
        RunOptions(mounts=("/data",)),
        RunOptions(mounts=("/a:/b:rw,shared",)),
        RunOptions(mounts=("/a:/b:ro:z",)),
        RunOptions(mounts=("/a:b",)),
        RunOptions(tmpfs=("tmp",)),
        RunOptions(tmpfs=("/tmp:size=1m:exec",)),
        RunOptions(environment=("=x",)),
        RunOptions(environment=("A=\0",)),
    ],
)
def test_what_is_no_option(options: RunOptions) -> None:
    with pytest.raises(UsageError):
        create_body("image", options, Confinement())


def frames(*said: bytes) -> bytes:
    return b"".join(struct.pack(">BxxxL", 1, len(data)) + data for data in said)


@given(st.lists(st.binary(max_size=20)), st.integers(min_value=0))
def test_output_is_what_was_said_as_far_as_it_goes(said: list[bytes], cut: int) -> None:
    whole = frames(*said)
    assert output_of(whole) == b"".join(said).decode("utf-8", "replace")
    part = output_of(whole[: cut % (len(whole) + 1)]).rstrip("\N{REPLACEMENT CHARACTER}")
    assert output_of(whole).startswith(part)


@pytest.mark.parametrize(
    ("said", "last"),
    [("one\ntwo\n\n  \n", "two"), ("", ""), ("\x1b[31mred\x1b[0m\r\n", "[31mred [0m"), ("x" * 3000, "x" * 500)],
)
def test_last_words(said: str, last: str) -> None:
    assert last_words(said) == last
