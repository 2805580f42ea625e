"""What only the host tells: files, settings, audit rules; and flags as dockerd reads them."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.policy.audit.engine_said import INFO, inventory, marks, outcomes

from pytrust.policy.audit import host_reading
from pytrust.policy.audit.checks_host import AUDITED, FILES, PATHS
from pytrust.policy.audit.daemon_settings import read_arguments, read_file
from pytrust.policy.audit.host_reading import elsewhere, read_host
from pytrust.policy.audit.inventory import File, Host, Inventory
from pytrust.policy.audit.said import Info
from pytrust.trust.errors import BadContent

UNSETTLED = "several run here"


def on(host: Host) -> Inventory:
    return replace(inventory(), host=host)


def settled(**settings: Any) -> Inventory:
    return on(Host(settings={key.replace("_", "-"): value for key, value in settings.items()}))


@pytest.mark.parametrize("rule", FILES, ids=lambda rule: rule.key)
def test_owner_and_mode_of_a_file(rule: Any) -> None:
    good = File("/place", "root", rule.group, rule.most)
    for file, owner, mode in [
        (good, "pass", "pass"),
        (replace(good, owner="alice"), "fail", "pass"),
        (replace(good, group="users"), "fail", "pass"),
        (replace(good, mode=0o777), "pass", "fail"),
        (replace(good, mode=rule.most | 0o4000), "pass", "fail"),
        (replace(good, mode=0o002), "pass", "fail"),
        (replace(good, mode=0), "pass", "pass"),
    ]:
        seen = on(Host(files={rule.key: file}, certificates=(file,) if rule.key == "certs.d" else (), settings={}))
        assert (marks(rule.owner, seen), marks(rule.mode, seen)) == ([owner], [mode])


@pytest.mark.parametrize("rule", FILES, ids=lambda rule: rule.key)
def test_a_file_that_is_not_there_or_may_not_be_looked_at_never_passes(rule: Any) -> None:
    for host in (Host(), Host(files={rule.key: None}), Host(locked=frozenset({rule.key})), Host(unsettled=UNSETTLED)):
        assert (marks(rule.owner, on(host)), marks(rule.mode, on(host))) == (["skipped"], ["skipped"])


def test_why_a_file_was_not_looked_at() -> None:
    (locked,) = outcomes("3.1", on(Host(locked=frozenset({"docker.service"}))))
    assert "as root" in locked.why
    (unknown,) = outcomes("3.9", on(Host(unsettled=UNSETTLED)))
    assert unknown.why == UNSETTLED


@pytest.mark.parametrize(("number", "name"), AUDITED)
def test_what_the_kernel_watches(number: str, name: str) -> None:
    path = name if name.startswith("/") else f"/lib/systemd/system/{name}"
    files = {name: File(path, "root", "root", 0o644)}
    there = Host(files=files, audited=frozenset({path}))
    assert marks(number, on(there)) == ["pass"]
    assert marks(number, on(replace(there, audited=frozenset({str(Path(path).parent)})))) == ["pass"]
    assert marks(number, on(replace(there, audited=frozenset({f"{path}x", "/nowhere"})))) == ["warn"]
    assert marks(number, on(replace(there, audited=None))) == ["skipped"]
    assert marks(number, on(Host(audited=frozenset({path})))) == ["skipped"]


@pytest.mark.parametrize(
    ("number", "settings", "mark"),
    [
        ("2.3", {}, "pass"),
        ("2.3", {"log_level": "debug"}, "warn"),
        ("2.4", {}, "pass"),
        ("2.4", {"iptables": False}, "fail"),
        ("2.4", {"iptables": "no"}, "fail"),
        ("2.8", {}, "warn"),
        ("2.8", {"default_ulimits": {"nofile": {}}}, "pass"),
        ("2.10", {}, "pass"),
        ("2.10", {"cgroup_parent": "/x"}, "warn"),
        ("2.11", {}, "pass"),
        ("2.11", {"storage_opts": ["dm.basesize=20G"]}, "warn"),
        ("2.16", {}, "warn"),
        ("2.16", {"userland_proxy": False}, "pass"),
    ],
)
def test_settings(number: str, settings: dict[str, Any], mark: str) -> None:
    assert marks(number, settled(**settings)) == [mark]


@pytest.mark.parametrize("number", ["2.3", "2.4", "2.8", "2.10", "2.11", "2.16"])
def test_settings_that_are_not_known_have_no_defaults(number: str) -> None:
    (outcome,) = outcomes(number, on(Host(unsettled=UNSETTLED)))
    assert (outcome.mark, outcome.why) == ("skipped", UNSETTLED)
    (outcome,) = outcomes(number, replace(inventory(), hidden="not asked for"))
    assert (outcome.mark, outcome.why) == ("skipped", "not asked for")


@pytest.mark.parametrize(("members", "mark"), [((), "pass"), (("alice",), "manual"), (None, "skipped")])
def test_who_is_as_good_as_root(members: tuple[str, ...] | None, mark: str) -> None:
    assert marks("1.1.2", on(Host(members=members))) == [mark]


@pytest.mark.parametrize(("separate", "mark"), [(True, "pass"), (False, "warn"), (None, "skipped")])
def test_a_file_system_of_its_own(separate: bool | None, mark: str) -> None:
    assert marks("1.1.1", on(Host(separate=separate))) == [mark]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", {}),
        ("-D --tlsverify -H fd://", {"debug": True, "tlsverify": True, "hosts": ["fd://"]}),
        ("-DH tcp://0.0.0.0:2375", {"debug": True, "hosts": ["tcp://0.0.0.0:2375"]}),
        ("-H=unix:///a --host tcp://b -Hfd://", {"hosts": ["unix:///a", "tcp://b", "fd://"]}),
        ("--iptables=false --icc=0 --userland-proxy=F", {"iptables": False, "icc": False, "userland-proxy": False}),
        ("--tls false", {"tls": True}),
        ("--log-level debug -l info", {"log-level": "info"}),
        ("--config-file /x/daemon.json", {"config-file": "/x/daemon.json"}),
        ("--default-ulimit nofile=1:2", {"default-ulimits": ["nofile=1:2"]}),
        ("--iptables=maybe", {"iptables": "maybe"}),
        ("--host", {"hosts": [""]}),
    ],
)
def test_arguments_as_dockerd_reads_them(words: str, found: dict[str, Any]) -> None:
    assert read_arguments(words.split()) == found


@given(st.lists(st.text()))
def test_any_arguments_are_read(words: list[str]) -> None:
    assert all(isinstance(name, str) for name in read_arguments(words))


def test_daemon_json() -> None:
    assert read_file(b'{"icc": false}', "x") == {"icc": False}
    assert read_file(b" \n", "x") == {}
    for data in (b"[]", b"{", b"\xff", b'{"a":' * 100_000, b"null"):
        with pytest.raises(BadContent, match="daemon.json cannot be read"):
            read_file(data, "daemon.json")


def test_an_engine_that_calls_itself_otherwise_is_elsewhere() -> None:
    here = os.uname()
    assert elsewhere(Info(name=here.nodename, kernel_version=here.release)) == ""
    assert "calls itself" in elsewhere(Info(name="other", kernel_version=here.release))
    assert "calls itself" in elsewhere(Info(name=here.nodename, kernel_version="0.1"))
    assert "does not say" in elsewhere(Info())
    assert INFO["Name"] != here.nodename


def test_a_socket_that_no_daemon_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that listens is this test: what no dockerd of this host says is not guessed."""
    monkeypatch.setattr(host_reading, "_is_daemon", lambda _: False)
    with socket.socket(socket.AF_UNIX) as wire:
        wire.bind(str(tmp_path / "s"))
        wire.listen()
        seen = read_host(str(tmp_path), tmp_path / "s")
    assert (seen.settings, seen.separate) == (None, False)
    assert "not seen here" in seen.unsettled
    assert not any(seen.files[key] for key in PATHS)


def test_settings_of_the_daemon_behind_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "daemon.json"
    config.write_text('{"icc": false, "tlskey": "%s"}' % (tmp_path / "key.pem"))
    (tmp_path / "key.pem").touch(0o640)
    words = ["/usr/sbin/dockerd", f"--config-file={config}", "--log-level=warn"]
    monkeypatch.setattr(host_reading, "_words", lambda pid: words if pid == os.getpid() else [])
    with socket.socket(socket.AF_UNIX) as wire:
        wire.bind(str(tmp_path / "s"))
        wire.listen()
        seen = read_host(None, tmp_path / "s")
        config.write_text("{")
        assert "cannot be read" in read_host(None, tmp_path / "s").unsettled
        config.unlink()
        assert "may not be read" in read_host(None, tmp_path / "s").unsettled
    assert seen.settings is not None
    assert (seen.settings["icc"], seen.settings["log-level"]) == (False, "warn")
    key = seen.files["tlskey"]
    assert key is not None
    assert key.path == str(tmp_path / "key.pem")


def test_who_listens_on_a_port() -> None:
    with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
        four.bind(("127.0.0.1", 0))
        four.listen()
        port = four.getsockname()[1]
        assert list(host_reading._listening(port)) == ["127.0.0.1"]
        try:
            six.bind(("::1", 0))
        except OSError:
            return  # no IPv6 here
        six.listen()
        assert list(host_reading._listening(six.getsockname()[1])) == ["::1"]
