"""Enrolment with real parts: an authority that serves, hosts that ask it, the agent, dockerd and the docker client."""

from __future__ import annotations

import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from tests.rig import clock, dockerd
from tests.rig.clock import Clock
from tests.rig.dockerd import private_engine
from tests.rig.enrolment import PROGRAM, Host, Office, serial
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.ports import answers, free_port
from tests.rig.processes import Running, running

MINUTES = 1 / 1440  # of a day


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An authority that serves, for all tests that leave it as it is."""
    made = Office.make(tmp_path_factory.mktemp("office"))
    with made.serving():
        yield made


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that nothing was done to yet."""
    return Host(tmp_path / "host")


def until(holds: object, within: float = 20.0) -> None:
    """Wait until ``holds()``."""
    assert callable(holds)
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.1)


@contextmanager
def agent(host: Host, *words: str) -> Iterator[Running]:
    """``pytrust ca agent`` in the background."""
    log = host.home / "agent.log"
    log.touch()
    with running([PROGRAM, "ca", "agent", *words], log=log, ready=lambda: True, env=host.environment) as daemon:
        yield daemon


def test_a_host_gets_what_its_token_allows(office: Office, host: Host) -> None:
    token = office.token("alice", "--hours", "8")
    assert f"client alice\nfolder: {host.enrolled('alice')}\n" in host.run("request", office.address, stdin=token)
    folder = host.enrolled("alice")
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in ("ca.pem", "cert.pem", "key.pem")}
    assert modes == {"ca.pem": 0o644, "cert.pem": 0o644, "key.pem": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    leaf = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    assert 8 < (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() / 3600 < 9.1
    assert int(office.listed("alice")[0]["serial"], 16) == leaf.serial_number
    assert (folder / "ca.pem").read_bytes() == office.ask("GET", "/v1/roots")[1]


def test_the_key_never_leaves_the_host(office: Office, host: Host) -> None:
    host.run("request", office.address, stdin=office.token("keeper"))
    key = (host.enrolled("keeper") / "key.pem").read_bytes()
    line = key.splitlines()[1]
    assert not [path for path in office.host.home.rglob("*") if path.is_file() and line in path.read_bytes()]
    attempt = office.host.attempt("renew", "keeper")
    assert attempt.returncode == 2
    assert "held elsewhere" in attempt.stderr


def test_a_token_from_a_file_that_others_can_read_is_refused(office: Office, host: Host, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(office.token("filed"))
    file.chmod(0o644)
    assert host.attempt("request", office.address, "--token-file", str(file)).returncode == 4
    file.chmod(0o600)
    host.run("request", office.address, "--token-file", str(file))


def test_a_pattern_serves_a_fleet(office: Office, tmp_path: Path) -> None:
    token = office.token("ci-*", "--uses", "2")
    first, second, third = (Host(tmp_path / name) for name in "abc")
    unnamed = first.attempt("request", office.address, stdin=token)
    assert (unnamed.returncode, "ci-*" in unnamed.stderr) == (2, True)
    first.run("request", office.address, "ci-1", stdin=token)
    taken = second.attempt("request", office.address, "ci-1", stdin=token)
    assert (taken.returncode, "for another key" in taken.stderr) == (1, True)
    second.run("request", office.address, "ci-2", stdin=token)  # what was refused was no use
    over = third.attempt("request", office.address, "ci-3", stdin=token)
    assert (over.returncode, "all uses" in over.stderr) == (1, True)


def test_the_stock_client_reaches_a_stock_engine_and_both_came_by_token(office: Office, tmp_path: Path) -> None:
    need(dockerd.missing())
    engine_host, client_host = Host(tmp_path / "e"), Host(tmp_path / "c")
    engine_host.run("request", office.address, stdin=office.token("--server", "localhost.example.com", "127.0.0.1"))
    client_host.run("request", office.address, stdin=office.token("carol"))
    tls, port = engine_host.enrolled("localhost.example.com"), free_port()
    flags = [
        f"--tls{word}={tls / file}" for word, file in (("cacert", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem"))
    ]
    with private_engine(tmp_path / "d", "--tlsverify", *flags, f"--host=tcp://127.0.0.1:{port}"):
        until(lambda: answers(port))
        docker = Docker(f"tcp://127.0.0.1:{port}", tmp_path / "config")
        shown = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(client_host.enrolled("carol"))}
        assert docker.run("version", "--format", "{{.Server.Version}}", env=shown)
        serve_files = {**shown, "DOCKER_CERT_PATH": str(tls)}
        assert docker.attempt("version", env=serve_files).returncode != 0


def test_an_agent_renews_certificates_that_live_for_an_hour(tmp_path: Path) -> None:
    """Each turn of the clock is most of one certificate's time, and none is ever over."""
    need(clock.missing())
    moved = Clock.at(tmp_path / "clock")
    office, host = Office.make(tmp_path / "office", moved), Host(tmp_path / "host", moved.environment)
    with office.serving():
        host.run("request", office.address, stdin=office.token("short", "--hours", "1"))
        folder, seen = host.enrolled("short"), []
        for turn in range(1, 4):
            seen.append(serial(folder))
            host.run("agent", "--once")
            assert serial(folder) == seen[-1], "it is not due yet"
            moved.move(turn * 51 * MINUTES)
            host.run("agent", "--once")
            assert serial(folder) != seen[-1], "it is due now"
        moved.move(4 * 51 * MINUTES)
        last = serial(folder)
        with agent(host):
            until(lambda: serial(folder) != last)
    leaf = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() == 2 * 3600  # one is backdated
    assert len(office.listed("short")) == 5


def test_a_host_that_slept_through_the_end_needs_a_new_token(tmp_path: Path) -> None:
    need(clock.missing())
    moved = Clock.at(tmp_path / "clock")
    office, host = Office.make(tmp_path / "office", moved), Host(tmp_path / "host", moved.environment)
    with office.serving():
        host.run("request", office.address, stdin=office.token("sleepy", "--hours", "1"))
        moved.move(61 * MINUTES)
        late = host.attempt("agent", "--once")
        assert (late.returncode, "pytrust ca token" in late.stderr) == (1, True)
        host.run("request", office.address, stdin=office.token("sleepy", "--hours", "1"))
        host.run("agent", "--once")


def test_a_running_agent_brings_revocations_to_an_engine_s_host(office: Office, tmp_path: Path) -> None:
    engine_host, client_host = Host(tmp_path / "e"), Host(tmp_path / "c")
    engine_host.run("request", office.address, stdin=office.token("--server", "d7.example.com"))
    client_host.run("request", office.address, stdin=office.token("mallory"))
    folder = engine_host.enrolled("d7.example.com")
    office.host.run("revoke", "mallory")
    with agent(engine_host) as daemon:
        gone = serial(client_host.enrolled("mallory"))
        until(lambda: gone in revoked(folder))
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(10) == 0


def revoked(folder: Path) -> set[int]:
    """The serials on the lists in a folder."""
    return {entry.serial_number for entry in x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())}


def test_a_rotation_of_the_client_ca_reaches_hosts_by_their_agents(tmp_path: Path) -> None:
    office = Office.make(tmp_path / "office")
    client, engine = Host(tmp_path / "c"), Host(tmp_path / "e")
    with office.serving():
        client.run("request", office.address, stdin=office.token("dave"))
        engine.run("request", office.address, stdin=office.token("--server", "d1.example.com"))
        folder, before = client.enrolled("dave"), serial(client.enrolled("dave"))
        cas = engine.enrolled("d1.example.com") / "ca.pem"
        office.host.attempt("rotate", "client-ca", "--yes")
        assert "restart" in engine.attempt("agent", "--once").stderr
        assert len(x509.load_pem_x509_certificates(cas.read_bytes())) == 2
        office.host.attempt("rotate", "--continue", "--yes", "--confirm", "d1.example.com", "--confirm", "localhost")
        client.run("agent", "--once")
        assert serial(folder) != before
        issuer = x509.load_pem_x509_certificates((folder / "cert.pem").read_bytes())[1]
        assert "client CA G2" in issuer.subject.rfc4514_string()


def test_a_rotation_of_the_root_reaches_hosts_and_new_tokens_know_it(tmp_path: Path) -> None:
    """Twice a client has to come by itself, and the rotation waits for that; the old root is gone in the end."""
    office = Office.make(tmp_path / "office")
    client, late = Host(tmp_path / "c"), Host(tmp_path / "l")
    with office.serving():
        client.run("request", office.address, stdin=office.token("dave"))
        folder, old = client.enrolled("dave"), office.token("late")
        before = (folder / "ca.pem").read_bytes()
        assert "has not come" in office.host.attempt("rotate", "root", "--yes").stdout
        client.run("agent", "--once")
        assert before in (folder / "ca.pem").read_bytes(), "both roots count for a while"
        office.host.attempt("rotate", "--continue", "--yes")
        ours = f"localhost={office.address}"
        assert "has not come since" in office.host.attempt("rotate", "--continue", "--yes", "--endpoint", ours).stdout
        client.run("agent", "--once")
        office.host.run("rotate", "--continue", "--yes")
        assert before not in (folder / "ca.pem").read_bytes()
        refused = late.attempt("request", office.address, stdin=old)
        assert (refused.returncode, "its roots have changed since" in refused.stderr) == (1, True)
        late.run("request", office.address, stdin=office.token("late"))
    assert len(office.listed("dave")) == 3


def test_the_server_ends_when_told_and_its_certificate_is_its_authority_s(tmp_path: Path) -> None:
    office, host = Office.make(tmp_path / "office"), Host(tmp_path / "host")
    token = office.token("erin")
    with office.serving() as daemon:
        first = office.listed("localhost")[0]["serial"]
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(10) == 0
        assert daemon.log.read_text().endswith("stopped\n")
    down = host.attempt("request", office.address, stdin=token)
    assert (down.returncode, "Traceback" in down.stderr) == (3, False)
    with office.serving():
        assert [found["serial"] for found in office.listed("localhost")] == [first]
        host.run("request", office.address, stdin=token)


def test_the_agent_of_a_cut_off_host_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    office, host = Office.make(tmp_path / "office"), Host(tmp_path / "host")
    with office.serving():
        host.run("request", office.address, stdin=office.token("frank"))
    before = (host.enrolled("frank") / "cert.pem").read_bytes()
    alone = host.attempt("agent", "--once")
    assert alone.returncode == 3
    assert "127.0.0.1" in alone.stderr
    assert (host.enrolled("frank") / "cert.pem").read_bytes() == before


def test_the_journal_says_which_token_made_which_certificate(office: Office, host: Host) -> None:
    host.run("request", office.address, stdin=office.token("grace"))
    made, used = (
        [event for event in office.events(what) if event["name"] == "grace"] for what in ("token-made", "token-used")
    )
    assert made[0]["details"]["token"] == used[0]["details"]["token"]
    assert int(used[0]["serial"], 16) == serial(host.enrolled("grace"))
    assert "chain" not in office.host.attempt("log", "--verify").stderr
