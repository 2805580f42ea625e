"""Plans: as few changes as possible, TLS before any port, and contradictions refused before anything is written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.engine_setup.conflict import Conflicting
from pytrust.policy.engine_setup.diff import diff_lines
from pytrust.policy.engine_setup.found import Change, File, Found, Plan, State, Way
from pytrust.policy.engine_setup.plan import make_plan
from pytrust.trust.errors import Damaged

JSON = "/etc/docker/daemon.json"
SERVICE = "/etc/systemd/system/docker.service.d/zz-pytrust.conf"
SOCKET = "/etc/systemd/system/docker.socket.d/zz-pytrust.conf"
UNIT = "[Service]\nExecStart=/usr/bin/dockerd -H fd:// --containerd=/x\n"
PLAIN_UNIT = "[Service]\nExecStart=/usr/bin/dockerd --containerd=/x\n"
UNIX_UNIT = "[Service]\nEnvironmentFile=/e\nExecStart=/usr/bin/dockerd -H unix:// $OPTS\n"
SOCKET_UNIT = "[Socket]\nListenStream=/run/docker.sock\n"


def found(text: str | None, service: str = "", socket: str = "", variables: str = "") -> Found:
    return Found(
        daemon_json=File(JSON, State(text.encode(), 0o600) if text is not None else None),
        service=(service,) if service else (),
        socket=(socket,) if socket else (),
        environment_files={"/e": variables},
        service_drop_in=File(SERVICE, None),
        socket_drop_in=File(SOCKET, None),
    )


def plan(host: Found, port: int = 2376) -> Plan:
    return make_plan(host, "/srv/tls", port)


def after(change: Change) -> str:
    assert change.after is not None
    return change.after.data.decode()


def carried_out(host: Found, done: Plan) -> Found:
    """The host as it is then."""
    states = {change.path: change.after for change in done.changes}

    def texts(unit: tuple[str, ...], drop_in: File) -> tuple[tuple[str, ...], File]:
        state = states.get(drop_in.path, drop_in.state)
        return ((*unit, state.data.decode()) if state else unit), File(drop_in.path, state)

    service, service_drop_in = texts(host.service, host.service_drop_in)
    socket, socket_drop_in = texts(host.socket, host.socket_drop_in)
    return replace(
        host,
        daemon_json=File(JSON, states.get(JSON, host.daemon_json.state)),
        service=service,
        socket=socket,
        service_drop_in=service_drop_in,
        socket_drop_in=socket_drop_in,
    )


HOSTS = {
    "packaged": found(None, UNIT, SOCKET_UNIT),
    "packaged, with settings": found('{\n    "debug": true\n}\n', UNIT, SOCKET_UNIT),
    "no flags": found(None, PLAIN_UNIT, SOCKET_UNIT),
    "no systemd": found('{"hosts": ["unix:///x.sock"]}'),
    "unix flag": found(None, UNIX_UNIT, SOCKET_UNIT),
    "flags in a file": found(None, UNIX_UNIT, "", 'OPTS="-H tcp://0.0.0.0:2375"'),
    "activated without a socket unit": found(None, UNIT),
    "activated by daemon.json": found('{"hosts": ["fd://"]}', PLAIN_UNIT, SOCKET_UNIT),
}


def test_the_packaged_unit_gets_a_socket() -> None:
    done = plan(HOSTS["packaged, with settings"])
    assert done.way is Way.SOCKET
    settings, socket = done.changes
    assert json.loads(after(settings)) == {
        "debug": True,
        "tlsverify": True,
        "tlscacert": "/srv/tls/ca.pem",
        "tlscert": "/srv/tls/cert.pem",
        "tlskey": "/srv/tls/key.pem",
    }
    assert socket.path == SOCKET
    assert after(socket).splitlines()[1:] == ["[Socket]", "ListenStream=2376"]
    assert done.commands == (
        "systemctl daemon-reload",
        "systemctl stop docker.service docker.socket",
        "systemctl start docker.socket docker.service",
        "pytrust engine check",
    )


def test_without_flags_hosts_is_written_with_the_unix_socket() -> None:
    done = plan(HOSTS["no flags"], 2377)
    assert done.way is Way.HOSTS
    assert json.loads(after(done.changes[0]))["hosts"] == ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2377"]
    assert done.commands[0] == "systemctl restart docker.service"


def test_hosts_that_are_there_are_kept() -> None:
    done = plan(HOSTS["no systemd"])
    assert json.loads(after(done.changes[0]))["hosts"] == ["unix:///x.sock", "tcp://0.0.0.0:2376"]
    assert any("no docker.service" in note for note in done.notes)


def test_other_flags_get_one_more() -> None:
    done = plan(HOSTS["unix flag"])
    assert done.way is Way.SERVICE
    settings, drop_in = done.changes
    assert "hosts" not in json.loads(after(settings))
    assert after(drop_in).splitlines()[1:] == [
        "[Service]",
        "ExecStart=",
        "ExecStart=/usr/bin/dockerd -H unix:// $OPTS -H tcp://0.0.0.0:2376",
    ]


def test_a_plain_port_is_told_of() -> None:
    assert any("tcp://0.0.0.0:2375 will speak TLS" in note for note in plan(HOSTS["flags in a file"]).notes)


def test_hosts_in_daemon_json_may_activate() -> None:
    assert plan(HOSTS["activated by daemon.json"]).way is Way.SOCKET
    assert plan(HOSTS["activated without a socket unit"]).way is Way.SERVICE


@pytest.mark.parametrize(
    "host",
    [
        found(None, UNIT, SOCKET_UNIT + "ListenStream=2376\n"),
        found(None, UNIT, SOCKET_UNIT + "ListenStream=[::]:2376\n"),
        found(None, "[Service]\nExecStart=/usr/bin/dockerd -H fd:// -H tcp://10.0.0.1:2376\n", SOCKET_UNIT),
        found('{"hosts": ["tcp://[::]:2376/"]}', PLAIN_UNIT),
    ],
)
def test_a_port_that_is_open_already_gets_tls_alone(host: Found) -> None:
    done = plan(host)
    assert done.way is Way.ALREADY
    assert [change.path for change in done.changes] == [JSON]


@pytest.mark.parametrize("place", ["12376", "/run/2376", "tcp://10.0.0.1:12376", "tcp://2376", "unix:///x:2376"])
def test_a_port_that_only_looks_like_it(place: str) -> None:
    if place.startswith(("tcp", "unix")):
        host = found(None, f"[Service]\nExecStart=/usr/bin/dockerd -H {place}\n")
        assert plan(host).way is Way.SERVICE
    else:
        assert plan(found(None, UNIT, f"{SOCKET_UNIT}ListenStream={place}\n")).way is Way.SOCKET


@pytest.mark.parametrize("name", HOSTS)
def test_tls_comes_before_the_port(name: str) -> None:
    done = plan(HOSTS[name])
    assert done.changes[0].path == JSON
    assert '"tlsverify": true' in after(done.changes[0])


@given(st.sampled_from(sorted(HOSTS)), st.integers(1, 65535))
def test_a_second_set_up_finds_nothing_to_do(name: str, port: int) -> None:
    done = plan(HOSTS[name], port)
    again = plan(carried_out(HOSTS[name], done), port)
    assert again.changes == ()
    assert again.commands == ()


def test_modes_are_kept() -> None:
    changes = plan(HOSTS["packaged, with settings"]).changes
    assert [change.after and change.after.mode for change in changes] == [0o600, 0o644]


@pytest.mark.parametrize(
    ("host", "why", "way_out"),
    [
        (found('{"hosts": ["unix:///x"]}', UNIT, SOCKET_UNIT), "with both, dockerd does not start", "take hosts out"),
        (found('{"hosts": []}', UNIX_UNIT), "with both, dockerd does not start", "take hosts out"),
        (found('{"hosts": ["fd://"]}', UNIX_UNIT, "", "OPTS=-Hfd://"), "with both", "take hosts out"),
        (found(None, "[Service]\nExecStart=/usr/bin/dockerd --tlsverify\n"), "--tlsverify", "take the TLS flags out"),
        (found(None, UNIX_UNIT, "", "OPTS=--tlscert=/x"), "--tlscert", "take the TLS flags out"),
        (found(None, "[Service]\nExecStart=/opt/run.sh\n"), "starts /opt/run.sh", "by hand"),
        (found('{"tlsverify": false}', UNIT), "lets everybody in", "take it out"),
        (found('{"tlskey": "/k"}', UNIT), 'tlskey is "/k" already', "rollback"),
    ],
)
def test_contradictions_are_refused(host: Found, why: str, way_out: str) -> None:
    with pytest.raises(Conflicting, match=why) as raised:
        plan(host)
    assert way_out in raised.value.hint


def test_a_daemon_json_that_is_none_is_refused() -> None:
    with pytest.raises(Damaged):
        plan(found("{", UNIT))


@pytest.mark.parametrize(
    ("text", "told"), [("{}", True), ('{"live-restore": false}', True), ('{"live-restore": true}', False)]
)
def test_live_restore_is_recommended_where_it_is_off(text: str, told: bool) -> None:
    notes = plan(found(text, UNIT, SOCKET_UNIT)).notes
    assert any("live-restore" in note for note in notes) is told
    assert any("at its start only" in note for note in notes)


def test_a_diff() -> None:
    lines = list(diff_lines(plan(found('{\n\t"a": 1\n}\n', UNIT, SOCKET_UNIT)).changes[0]))
    assert lines[:3] == [f"--- {JSON}", f"+++ {JSON}", "@@ -1,3 +1,7 @@"]
    assert lines[4:7] == ['-   "a": 1', '+   "a": 1,', '+   "tlsverify": true,']
    assert next(diff_lines(plan(HOSTS["packaged"]).changes[1])) == "--- /dev/null"
