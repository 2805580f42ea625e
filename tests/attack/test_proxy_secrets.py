"""What is written down, and what is not. Cases 128 and 129 of the adversarial cases.

A proxy of its own is told secrets wherever a client can put one, in requests that are let through and in others that are
not. Then everything it has written is searched for them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from tests.attack.cell import Config, create, made
from tests.rig.proxy import API, Proxy, Stage

_SECRET: Final = "hunter2"  # in every text below that nobody but the engine may see
_AUTH: Final = base64.urlsafe_b64encode(json.dumps({"username": "u", "password": _SECRET}).encode()).decode()

_INSIDE: Final[Config] = {
    "Env": [f"PASSWORD={_SECRET}"],
    "Cmd": ["sleep", "1000", _SECRET],
    "Entrypoint": ["env", f"A={_SECRET}"],
    "Healthcheck": {"Test": ["CMD-SHELL", f"check {_SECRET}"]},
    "Labels": {"token": _SECRET},
}
_HOST: Final[Config] = {
    "LogConfig": {"Type": "splunk", "Config": {"splunk-token": _SECRET}},
    "SecurityOpt": [f'seccomp={{"names":["{_SECRET}"]}}'],
    "Sysctls": {"kernel.domainname": _SECRET},
    "Annotations": {"key": _SECRET},
    "Mounts": [
        {
            "Type": "volume",
            "Target": "/x",
            "VolumeOptions": {
                "DriverConfig": {"Name": "local", "Options": {"type": "cifs", "o": f"password={_SECRET}"}}
            },
        }
    ],
}


class Told(NamedTuple):
    """What the proxy was told, and what it made of it: the verdict and the summary of its journal."""

    method: str
    target: str
    body: object
    verdict: str
    summary: str


@pytest.fixture(scope="module")
def proxy(stage: Stage) -> Iterator[Proxy]:
    with stage.proxy(stage.policy()) as found:
        yield found


@pytest.fixture(scope="module")
def told(stage: Stage, proxy: Proxy) -> list[Told]:
    """All of it, told."""
    good = f"{stage.good}:1"
    container = made(stage, create(stage, proxy, {"Cmd": ["sleep", "1000"]}))["Id"]
    assert proxy.ask("POST", f"/{API}/containers/{container}/start").status == 204
    options = {"type": "cifs", "o": f"username=u,password={_SECRET}", "device": ":/x"}
    rows = [
        Told("POST", "containers/create", {"Image": good, **_INSIDE}, "allowed", f"container create {good}"),
        Told("POST", "containers/create", {"Image": good, **_INSIDE, "HostConfig": _HOST}, "denied", f"container create {good}"),
        Told("POST", f"containers/{container}/exec", {"Cmd": ["sh", "-c", _SECRET], "Env": [f"A={_SECRET}"]}, "allowed",
             f"container exec {container}: sh"),
        Told("POST", f"containers/{container}/exec", {"Cmd": [f"mysql -p{_SECRET}"], "Privileged": True}, "denied",
             f"container exec {container}: mysql"),
        Told("POST", f"containers/{container}/exec", {"Cmd": [f"PASSWORD={_SECRET} mysql"]}, "allowed",
             f"container exec {container}: PASSWORD"),
        Told("POST", f"images/create?fromImage={stage.good}&tag=1", None, "allowed", f"image pull {good}"),
        Told("POST", f"images/create?fromImage={stage.evil}&tag=1", None, "denied", f"image pull {stage.evil}:1"),
        Told("POST", "volumes/create", {"Name": "v", "DriverOpts": options}, "denied", "volume create v"),
        Told("POST", f"auth?x={_SECRET}", {"password": _SECRET}, "denied", "login"),
        Told("POST", f"build?buildargs=%7B%22A%22:%22{_SECRET}%22%7D", None, "denied", "image build"),
        Told("POST", "secrets/create", {"Name": "s", "Data": _SECRET}, "denied", "secret create"),
        Told("POST", f"frobnicate?token={_SECRET}", {"x": _SECRET}, "denied", f"POST /{API}/frobnicate"),
        Told("POST", "networks/create", {"Name": "a\nallowed b\r\x1b[2J"}, "allowed", "network create a\nallowed b\r\x1b[2J"),
    ]  # fmt: skip
    headers = {"X-Registry-Auth": _AUTH, "X-Registry-Config": _AUTH}
    for row in rows:
        reply = proxy.ask(row.method, f"/{API}/{row.target}", row.body, headers)
        assert (reply.status == 403) == (row.verdict == "denied"), (row, reply)
    return rows


@pytest.fixture(scope="module")
def journal(stage: Stage, proxy: Proxy, told: list[Told]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stage.pytrust("log", "--json", home=proxy.home))
    return found[-len(told) :]


def test_every_request_is_written_down(told: list[Told], journal: list[dict[str, Any]]) -> None:
    assert [(entry["verdict"], entry["summary"]) for entry in journal] == [(row.verdict, row.summary) for row in told]


def test_who_asked_and_why_not(journal: list[dict[str, Any]]) -> None:
    for entry in journal:
        assert entry["entry"]["caller"] == "uid 0"
        if entry["verdict"] == "denied":
            assert all(reason["text"] and reason["rule"] for reason in entry["entry"]["decision"]["reasons"])


def test_no_secret_is_written_down(stage: Stage, proxy: Proxy, told: list[Told]) -> None:
    """128: neither in the journal, as bytes and as it is shown, nor in what the proxy says of itself."""
    files = [path for path in (proxy.home / "proxy").rglob("*") if path.is_file()]
    assert any(path.parent.name == "journal" for path in files)
    wholes = [*map(Path.read_bytes, [*files, proxy.daemon.log])]
    wholes += [stage.pytrust("log", *words, home=proxy.home).encode() for words in ([], ["--json"], ["--denied"])]
    assert any(b"splunk" in whole for whole in wholes)  # what was refused is named
    for whole in wholes:
        for secret in (_SECRET, _AUTH, base64.b64encode(_SECRET.encode()).decode().rstrip("=")):
            assert secret.encode() not in whole


def test_a_name_is_one_line(stage: Stage, proxy: Proxy, told: list[Told]) -> None:
    """129."""
    shown = stage.pytrust("log", home=proxy.home)
    (line,) = (line for line in shown.splitlines() if "network create" in line)
    assert "allowed b" in line
    assert not {"\r", "\x1b"} & set(shown)
    assert "\x1b" not in stage.pytrust("log", "--json", home=proxy.home)


def test_what_is_too_much_to_write_down_is_not_done(stage: Stage, proxy: Proxy) -> None:
    """A megabyte of paths: no entry, no answer but a refusal, and the next request is served."""
    proxy.witness.forget()
    reply = create(stage, proxy, {"HostConfig": {"Binds": [f"/{'a' * 2000}{number}:/x" for number in range(1000)]}})
    assert reply.status in {403, 413, 503}, reply
    assert reply.message.startswith("pytrust: ")
    assert proxy.witness.acted() == []
    assert create(stage, proxy, {}).status == 201


def test_the_journal_is_whole(stage: Stage, proxy: Proxy, told: list[Told]) -> None:
    assert "entries: " in stage.pytrust("log", "--verify", home=proxy.home)
