"""Units, drop-ins and command lines as systemd and dockerd read them."""

from __future__ import annotations

import pytest

from pytrust.policy.engine_setup.flags import Flags, by_socket, read_flags
from pytrust.policy.engine_setup.units import command_line, command_words, environment, environment_files, values
from pytrust.trust.errors import Damaged

DEBIAN = """\
[Service]
Type=notify
# a comment that goes on \\
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS
"""
UPSTREAM = "[Service]\nExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n"
OVERRIDE = "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd\n"


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        ((DEBIAN,), "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"),
        ((UPSTREAM, OVERRIDE), "/usr/bin/dockerd"),
        ((UPSTREAM, "[Service]\nExecStart=\n"), ""),
        (
            (UPSTREAM, OVERRIDE, "[Service]\nExecStart =\n ExecStart = /x/dockerd -H unix:// \n"),
            "/x/dockerd -H unix://",
        ),
        ((UPSTREAM, "[Unit]\nExecStart=\n"), "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock"),
        (("[Service]\nExecStart=/usr/bin/dockerd \\\n  -H fd:// \\\n# not this \\\n; nor this\n  --debug\n",), None),
        (("[Service]\nExecStart=/usr/bin/dockerd -D \\",), "/usr/bin/dockerd -D"),
        ((), ""),
    ],
)
def test_the_command_that_counts(unit: tuple[str, ...], line: str | None) -> None:
    found = command_line(unit)
    if line is None:
        assert found.split() == ["/usr/bin/dockerd", "-H", "fd://", "--debug"]
    else:
        assert found == line


def test_an_empty_value_takes_back_those_before() -> None:
    unit = (
        "[Socket]\nListenStream=/run/docker.sock\nListenStream=2375\n",
        "[Socket]\nListenStream=\nListenStream=2376\n",
    )
    assert values(unit, "Socket", "ListenStream") == ("2376",)
    assert values(unit[:1], "Socket", "ListenStream") == ("/run/docker.sock", "2375")


def test_environment() -> None:
    unit = (DEBIAN, "[Service]\nEnvironment=\"A=one two\" B=3 C\nEnvironment=A=four\nEnvironment='DOCKER_OPTS=-D'\n")
    files = {"/etc/default/docker": "# DOCKER_OPTS=no\nDOCKER_OPTS=\"-H tcp://0.0.0.0:2375 --dns '8.8.8.8'\"\n\n"}
    assert environment_files(unit) == ("/etc/default/docker",)
    assert environment(unit, {}) == {"A": "four", "B": "3", "DOCKER_OPTS": "-D"}
    assert environment(unit, files)["DOCKER_OPTS"] == "-H tcp://0.0.0.0:2375 --dns '8.8.8.8'"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-/usr/bin/dockerd -H fd://", ["/usr/bin/dockerd", "-H", "fd://"]),
        ("/usr/bin/dockerd $OPTS", ["/usr/bin/dockerd", "-H", "tcp://x:1"]),
        ("/usr/bin/dockerd $NONE", ["/usr/bin/dockerd"]),
        ("/usr/bin/dockerd ${OPTS} x$OPTS $$", ["/usr/bin/dockerd", "-H tcp://x:1", "x$OPTS", "$"]),
        ("/usr/bin/dockerd --label 'a b' \"-H\" fd://", ["/usr/bin/dockerd", "--label", "a b", "-H", "fd://"]),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert list(command_words(line, {"OPTS": "-H tcp://x:1"})) == words


def test_a_quote_without_end_is_refused() -> None:
    with pytest.raises(Damaged, match="a quote does not end"):
        command_words("/usr/bin/dockerd --label 'a", {})


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        ("-H fd://", ["fd://"]),
        ("-Hfd://", ["fd://"]),
        ("-H=fd://", ["fd://"]),
        ("--host fd://", ["fd://"]),
        ("--host=fd://", ["fd://"]),
        ("-DH fd://", ["fd://"]),
        ("-D -H unix:///x --host=tcp://0.0.0.0:2376 --debug", ["unix:///x", "tcp://0.0.0.0:2376"]),
        ("--hostname x --host-gateway-ip 1.2.3.4 -G docker -l debug", []),
        ("--data-root /H -s overlay2", []),
    ],
)
def test_hosts_in_every_spelling(words: str, hosts: list[str]) -> None:
    assert list(read_flags(["dockerd", *words.split()]).hosts) == hosts


def test_other_flags() -> None:
    words = "dockerd --tlsverify --tlscert=/a --tlscert /b --config-file /x.json --tls=false --config-file=/y.json"
    assert read_flags(words.split()) == Flags(config_file="/y.json", tls=("tlsverify", "tlscert", "tls"))


def test_activation() -> None:
    assert by_socket(["unix:///x", "fd://"])
    assert by_socket(["fd://docker.socket"])
    assert not by_socket(["unix:///x", "tcp://fd:1"])
