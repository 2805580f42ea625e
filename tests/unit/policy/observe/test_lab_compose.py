"""Services of Compose files as options of a trial; what would make another service of it is refused."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from pytrust.policy.observe.compose import options_of, service_of
from pytrust.policy.observe.compose_services import Service, read_services
from pytrust.policy.observe.trial import RunOptions
from pytrust.trust.errors import UsageError

FOLDER = PurePath("/srv/shop")


def service(text: str) -> Service:
    (found,) = read_services(f"services:\n  web:\n    image: foo/web:v2\n{text}".encode(), "compose.yaml", FOLDER)
    return found


SHORT = """
    entrypoint: /entry --flag 'two words'
    command: ["serve", "--port", "80"]
    environment: [A=1, "B=x=$$y"]
    volumes: ["./html:/www:ro", "/srv/data:/data", "cache:/cache", "/anonymous"]
    tmpfs: /run
    ports: ["127.0.0.1:8080:80", 443]
    network_mode: bridge
    user: "1000:1000"
    hostname: web
    restart: always
    cap_drop: [ALL]
"""
LONG = """
    entrypoint: null
    command:
      - serve
    environment:
      A: "1"
      B: true
    volumes:
      - {type: bind, source: /srv/shop/html, target: /www, read_only: true, bind: {create_host_path: true}}
      - {type: volume, source: cache, target: /cache, volume: {}}
    ports:
      - {mode: ingress, target: 80, published: "8080", protocol: tcp}
      - {target: 53, protocol: udp, host_ip: 127.0.0.1, published: "53"}
    networks: {default: null}
    privileged: false
    x-more: {anything: goes}
"""


def test_short_forms() -> None:
    found = service(SHORT)
    assert (found.name, found.image) == ("web", "foo/web:v2")
    assert found.options == RunOptions(
        entrypoint=("/entry", "--flag", "two words"),
        command=("serve", "--port", "80"),
        environment=("A=1", "B=x=$y"),
        mounts=("/srv/shop/html:/www:ro", "/srv/data:/data"),
        tmpfs=("/run",),
        publish=("127.0.0.1:8080:80", "443"),
        network="bridge",
        user="1000:1000",
        hostname="web",
    )
    assert found.notes == (
        "web: restart is left out: a single container does without",
        "web: cap_drop is left out: a profile says it",
        "web: no volume is mounted at /cache",
        "web: no volume is mounted at /anonymous",
    )


def test_long_forms() -> None:
    assert service(LONG).options == RunOptions(
        command=("serve",),
        environment=("A=1", "B=true"),
        mounts=("/srv/shop/html:/www:ro",),
        publish=("8080:80/tcp", "127.0.0.1:53:53/udp"),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("    privileged: true", "has privileged"),
        ("    env_file: .env", "has env_file"),
        ("    secrets: [a]", "has secrets"),
        ("    pid: host", "has pid"),
        ("    working_dir: /x", "has working_dir"),
        ("    extends: {file: a, service: b}", "has extends"),
        ("    nosuch: 1", "has nosuch"),
        ("    network_mode: service:db", "has the network service:db"),
        ("    environment: {A: }", "takes A from whoever runs it"),
        ("    environment: ['A=${B}']", "a variable"),
        ("    command: run $HOME", "a variable"),
        ("    command: 'it''s'", "an open quote"),
        ("    command: [{a: b}]", "no text"),
        ("    volumes: [{type: tmpfs, target: /x}]", "type tmpfs"),
        ("    <<: {command: x}", "merged in"),
    ],
)
def test_what_would_be_another_service(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=r"compose.yaml:[0-9]+: the service web") as refused:
        service(text)
    assert reason in str(refused.value)


def test_aliases_are_what_they_stand_for() -> None:
    text = "x-env: &env\n  A: 1\nservices:\n  web:\n    image: a\n    environment: *env\n  other: {build: .}\n"
    (found,) = read_services(text.encode(), "c", FOLDER)
    assert found.options.environment == ("A=1",)


def test_the_service_is_found_by_its_image(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text("services:\n  a: {image: foo/web, hostname: a}\n  b: {image: 'docker.io/foo/db:1'}\n")
    assert options_of(str(file), "docker.io/foo/web:latest").hostname == "a"
    assert service_of(str(file), "foo/db:1").name == "b"


@pytest.mark.parametrize(
    ("text", "image", "reason"),
    [
        ("services:\n  a: {image: x}\n", "y", "no service runs y"),
        ("services:\n  a: {image: x}\n  b: {image: x}\n", "x", "several services run x"),
        ("a: 1\n", "x", "has no services"),
        ("services: [a]\n", "x", "has no services"),
    ],
)
def test_no_service_or_two(tmp_path: Path, text: str, image: str, reason: str) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=reason):
        options_of(str(file), image)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: no such file"):
        options_of(str(tmp_path / "none"), "x")
