"""Which engine docker would talk to."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pytrust.policy.engine.address import DEFAULT_SOCKET, EngineAddress, TlsFiles, parse_host, resolve
from pytrust.trust.errors import BadPermissions, Damaged, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unix:///var/run/docker.sock", EngineAddress(socket=Path("/var/run/docker.sock"))),
        ("tcp://10.0.0.1:2375", EngineAddress(host="10.0.0.1", port=2375)),
        ("tcp://docker.example.com", EngineAddress(host="docker.example.com", port=2375)),
        ("tcp://docker.example.com:99/", EngineAddress(host="docker.example.com", port=99)),
        ("tcp://[::1]:2376", EngineAddress(host="::1", port=2376)),
    ],
)
def test_addresses(text: str, expected: EngineAddress) -> None:
    assert parse_host(text) == expected
    assert parse_host(str(expected)) == expected


def test_tls_moves_the_default_port(tmp_path: Path) -> None:
    tls = TlsFiles(ca=tmp_path)
    assert parse_host("tcp://host", tls) == EngineAddress(host="host", port=2376, tls=tls)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix://",
        "unix://relative.sock",
        "unix:///a\0b",
        "tcp://",
        "tcp://:2375",
        "tcp://host:0",
        "tcp://host:65536",
        "tcp://host:port",
        "tcp://host:1/path",
        "tcp://host:1?q",
        "tcp://user@host:1",
        "tcp://ho st:1",
        "tcp://host\n:1",
        "tcp://[::1",
        "host:2375",
        "npipe:////./pipe/docker_engine",
        "fd://",
        "http://host:2375",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_host(text)
    assert caught.value.hint.startswith("write unix:")


def test_ssh_is_refused_with_a_way_out() -> None:
    with pytest.raises(UsageError) as caught:
        parse_host("ssh://me@host")
    assert "ssh -nNT -L" in caught.value.hint


@pytest.mark.parametrize("values", [{}, {"socket": Path("/a"), "host": "b"}])
def test_an_address_is_one_place(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a socket or a host"):
        EngineAddress(**values)


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def _context(config: Path, name: str, endpoints: object) -> str:
    folder = hashlib.sha256(name.encode()).hexdigest()
    _write(config / "config.json", {"currentContext": name, "auths": {}})
    _write(config / "contexts" / "meta" / folder / "meta.json", {"Name": name, "Endpoints": endpoints})
    return folder


def test_nothing_set_is_dockers_own_socket(tmp_path: Path) -> None:
    assert resolve(tmp_path / "none") == EngineAddress(socket=DEFAULT_SOCKET)


@pytest.mark.parametrize("settings", ["", {}, {"currentContext": ""}, {"currentContext": "default"}])
def test_no_current_context(tmp_path: Path, settings: object) -> None:
    _write(tmp_path / "config.json", settings)
    assert resolve(tmp_path) == EngineAddress(socket=DEFAULT_SOCKET)


def test_the_current_context(tmp_path: Path) -> None:
    _context(tmp_path, "rootless", {"docker": {"Host": "unix:///run/user/1000/docker.sock", "SkipTLSVerify": False}})
    assert resolve(tmp_path) == EngineAddress(socket=Path("/run/user/1000/docker.sock"))


def test_docker_host_comes_first(tmp_path: Path) -> None:
    _context(tmp_path, "rootless", {"docker": {"Host": "unix:///other"}})
    assert resolve(tmp_path, "unix:///mine") == EngineAddress(socket=Path("/mine"))


def test_a_context_has_tls_files_of_its_own(tmp_path: Path) -> None:
    folder = (
        tmp_path / "contexts" / "tls" / _context(tmp_path, "far", {"docker": {"Host": "tcp://far:2376"}}) / "docker"
    )
    for name in ("ca.pem", "cert.pem", "key.pem"):
        _write(folder / name, "x")
    expected = TlsFiles(ca=folder / "ca.pem", cert=folder / "cert.pem", key=folder / "key.pem")
    assert resolve(tmp_path) == EngineAddress(host="far", port=2376, tls=expected)


def test_a_context_that_checks_nothing_is_refused(tmp_path: Path) -> None:
    _context(tmp_path, "far", {"docker": {"Host": "tcp://far:2376", "SkipTLSVerify": True}})
    with pytest.raises(UsageError, match="does not check"):
        resolve(tmp_path)


@pytest.mark.parametrize("endpoints", [None, {}, {"docker": {}}, {"docker": {"Host": ""}}, {"docker": 7}])
def test_a_context_without_an_engine(tmp_path: Path, endpoints: object) -> None:
    _context(tmp_path, "odd", endpoints)
    with pytest.raises(UsageError, match="'odd' has no engine"):
        resolve(tmp_path)


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    _write(tmp_path / "config.json", {"currentContext": "gone"})
    with pytest.raises(UsageError, match="'gone' has no engine"):
        resolve(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{", '{"currentContext": 7}', '{"a": 1, "a": 2}'])
def test_a_configuration_that_docker_did_not_write(tmp_path: Path, text: str) -> None:
    _write(tmp_path / "config.json", text)
    with pytest.raises(Damaged, match=r"config\.json"):
        resolve(tmp_path)


def test_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(BadPermissions, match="Is a directory"):
        resolve(tmp_path)


def test_tls_files_are_looked_for_where_docker_looks(tmp_path: Path) -> None:
    given = resolve(tmp_path, "tcp://h:1", str(tmp_path / "certs"), "1").tls
    default = resolve(tmp_path, "tcp://h:1", None, "0").tls
    assert given is not None
    assert default is not None
    assert (given.ca, default.ca) == (tmp_path / "certs" / "ca.pem", tmp_path / "ca.pem")
    assert resolve(tmp_path, "tcp://h:1", str(tmp_path / "certs")).tls is None
