"""Lines that docker, a shell and Compose read back as what was meant."""

from __future__ import annotations

import csv
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pytrust.policy.engine_setup.compose import compose, engine_command
from pytrust.policy.engine_setup.contexts import context_command, context_name, engine_url, environment_lines

PATHS = st.text(alphabet="abc /,\"'$\\ü;&|", min_size=1, max_size=12).map("/{}".format)
DOCKERS_RULE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.+-]+")


@given(PATHS)
def test_a_context_reads_back(folder: str) -> None:
    words = shlex.split(context_command("tcp://h:2376", folder, name="mine"))
    assert words[:5] == ["docker", "context", "create", "mine", "--docker"]
    (fields,) = csv.reader([words[5]])
    assert dict(field.split("=", 1) for field in fields) == {
        "host": "tcp://h:2376",
        "ca": f"{folder}/ca.pem",
        "cert": f"{folder}/cert.pem",
        "key": f"{folder}/key.pem",
    }


@given(PATHS)
def test_the_environment_reads_back(folder: str) -> None:
    words = [shlex.split(line) for line in environment_lines("tcp://h:2376", folder)]
    assert words == [
        ["export", "DOCKER_HOST=tcp://h:2376"],
        ["export", "DOCKER_TLS_VERIFY=1"],
        ["export", f"DOCKER_CERT_PATH={folder}"],
        ["unset", "DOCKER_CONTEXT"],
    ]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("docker1.example.com", "tcp://docker1.example.com:2376"),
        ("10.0.0.7", "tcp://10.0.0.7:2376"),
        ("2001:db8::1", "tcp://[2001:db8::1]:2376"),
    ],
)
def test_urls(host: str, url: str) -> None:
    assert engine_url(host, 2376) == url


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("docker1.example.com", "docker1.example.com"),
        ("2001:db8::1", "2001-db8-1"),
        ("::1", "engine-1"),
        ("*.example.com", "example.com"),
        ("default", "engine-default"),
        ("x", "engine-x"),
    ],
)
def test_names_of_contexts(host: str, name: str) -> None:
    assert context_name(host) == name


@given(st.text(max_size=20))
def test_docker_takes_every_name(host: str) -> None:
    assert DOCKERS_RULE.fullmatch(context_name(host))


@given(PATHS)
def test_a_compose_file_mounts_the_folders_and_nothing_else(folder: str) -> None:
    document = YAML(typ="safe").load(compose(folder, port=2377, client="/home/me/alice"))
    engine, client = document["services"]["engine"], document["services"]["client"]
    mount, data = engine["volumes"]
    assert mount["source"].replace("$$", "$") == folder
    assert (mount["target"], mount["read_only"]) == ("/certs/server", True)
    assert data == "engine:/var/lib/docker"
    assert engine["command"] == list(engine_command(2377))
    assert engine["environment"] == {"DOCKER_TLS_CERTDIR": ""}
    assert engine["ports"] == ["2377:2377"]
    assert client["volumes"][0]["source"] == "/home/me/alice"
    assert client["environment"]["DOCKER_HOST"] == "tcp://engine:2377"


def test_a_client_is_left_out_where_none_is_named() -> None:
    assert list(YAML(typ="safe").load(compose("/srv/tls", port=2376))["services"]) == ["engine"]
