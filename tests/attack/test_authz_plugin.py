"""A real dockerd with ``--tlsverify`` and the plugin: who is locked out stays out, whoever breaks what.

The clients are the stock docker client and Python's, with certificates of a CA of their own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from random import Random

import pytest
from tests.fakes.certificates import Held
from tests.fakes.certificates import name as subject_name
from tests.fakes.foreign_ca import DAY, SERVER, ForeignCa
from tests.rig import dockerd, images
from tests.rig.authz import Plugin, TlsStage, ping
from tests.rig.needs import need
from tests.rig.processes import RigError, environment, wait_ready
from tests.rig.proxy import ask, installed

ACTIVE = "--authorization-plugin=pytrust"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TlsStage:
    need(dockerd.missing() or images.missing())
    return TlsStage(tmp_path_factory.mktemp("authz"))


@pytest.fixture(scope="module")
def plugin(site: TlsStage) -> Iterator[Plugin]:
    """A plugin and an engine that asks it, shared: each test leaves an empty list behind."""
    with site.plugin() as plugin, site.running(ACTIVE):
        yield plugin


@pytest.fixture
def calm(site: TlsStage, plugin: Plugin) -> Iterator[Plugin]:
    yield plugin
    site.hang_up()
    site.cas = site.cas[:1]
    revoke(site, plugin)


def revoke(site: TlsStage, plugin: Plugin, *holders: Held) -> None:
    """Publish a list of exactly these, and wait until it counts."""
    site.revoke(*holders)
    os.kill(plugin.process.pid, signal.SIGHUP)  # at once; by itself it looks twice a second
    plugin.wait_for(f"list number {site.number}, {len(holders)} revoked")


def refused(answer: tuple[int, str], text: str) -> bool:
    return answer[0] == 403 and "authorization denied by plugin pytrust" in answer[1] and text in answer[1]


def test_a_revoked_client_is_out_with_its_next_request(site: TlsStage, calm: Plugin) -> None:
    alice, bob = site.ca.issue("alice"), site.ca.issue("bob")
    assert site.docker(alice, "ps")[0] == site.docker(bob, "ps")[0] == 0
    kept = site.connect(alice)
    assert ping(kept) == (200, "OK")
    site.revoke(alice)
    calm.wait_for(f"list number {site.number}, 1 revoked")  # it notices by itself
    assert refused(ping(kept), "was revoked")  # on the connection that it had
    code, said = site.docker(alice, "ps")
    assert code == 1
    assert "authorization denied by plugin pytrust: the certificate of alice" in said
    assert site.docker(bob, "ps")[0] == 0
    assert ask(site.engine.socket, "GET", "/_ping").status == 200
    assert "call-refused: alice: GET /_ping refused" in calm.log
    command: list[str | Path] = [installed(), "--home", site.folder / "home", "log", "--authz-plugin"]
    shown = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
    assert "alice: GET /_ping refused" in shown
    subprocess.run([*command, "--verify"], env=environment(), capture_output=True, check=True)


def test_every_route_is_closed_to_it(site: TlsStage, calm: Plugin) -> None:
    mallory = site.ca.issue("mallory")
    revoke(site, calm, mallory)
    for method, target in (
        ("GET", "/_ping"),
        ("HEAD", "/_ping"),
        ("GET", "/v1.41/containers/json"),
        ("GET", "//containers/json"),
        ("POST", "/v1.41/containers/create"),
        ("POST", "/session"),
        ("POST", "/grpc"),
        ("OPTIONS", "/v1.41/info"),
        ("GET", "/nowhere"),
        ("DELETE", "/v1.41/volumes/x"),
    ):
        connection = site.connect(mallory)
        connection.request(method, target)
        status = connection.getresponse().status
        assert status in {301, 403, 404}, (method, target, status)  # never the engine's own work
        assert status == 403 or target in {"//containers/json", "/nowhere"}, (method, target)
        connection.close()


def test_certificates_that_a_revoked_client_sends_along_do_not_help(site: TlsStage, calm: Plugin) -> None:
    """A handshake may carry any number of certificates; only the first is one whose key was used."""
    mallory, alice = site.ca.issue("mallory"), site.ca.issue("alice")
    revoke(site, calm, mallory)
    crowded = Held(mallory.certificate, mallory.key, chain=(alice.certificate, site.ca.certificate))
    assert refused(ping(site.connect(crowded)), "was revoked")
    borrowed = Held(alice.certificate, alice.key, chain=(mallory.certificate,))
    assert ping(site.connect(borrowed)) == (200, "OK")


@pytest.mark.parametrize("common_name", ["alice\0", "alice\nAllow", "", "\u202eecila", "a" * 64])
def test_odd_names_change_no_verdict(site: TlsStage, calm: Plugin, common_name: str) -> None:
    odd = site.ca.issue(subject=subject_name(common_name)) if common_name else site.ca.issue(None)
    assert ping(site.connect(odd)) == (200, "OK")
    revoke(site, calm, odd)
    assert refused(ping(site.connect(odd)), "was revoked")
    assert len([line for line in calm.log.splitlines() if line.startswith("Allow")]) == 0


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "0"}, b""),
        ({"Content-Length": "0"}, b'{"Image":"x","HostConfig":{"Privileged":true}}'),
        ({"Content-Length": str(3 * 1024 * 1024)}, b" " * (3 * 1024 * 1024)),
        ({"Content-Length": str(9 * 1024 * 1024)}, b" " * (9 * 1024 * 1024)),
        ({"Transfer-Encoding": "chunked"}, b"2\r\n{}\r\n0\r\n\r\n"),
    ],
)
def test_no_body_hides_the_caller(site: TlsStage, calm: Plugin, headers: dict[str, str], body: bytes) -> None:
    """What dockerd shows of a body has differed from what it runs (CVE-2024-41110); the verdict never needs it."""
    mallory = site.ca.issue("mallory")
    revoke(site, calm, mallory)
    connection = site.connect(mallory)
    connection.putrequest("POST", "/v1.41/containers/create")
    for name, value in {"Content-Type": "application/json", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    with suppress(OSError):  # refused before all of it was sent
        connection.send(body)
    with suppress(OSError, HTTPException):
        answer = connection.getresponse()
        assert refused((answer.status, answer.read().decode()), "was revoked")
    assert ask(site.engine.socket, "GET", "/v1.41/containers/json?all=1").body == b"[]\n"


def test_a_good_client_with_such_bodies_is_served(site: TlsStage, calm: Plugin) -> None:
    alice = site.ca.issue("alice")
    connection = site.connect(alice)
    connection.request("POST", "/v1.41/containers/create", b" " * 6_000_000, {"Content-Type": "application/json"})
    assert connection.getresponse().status in {400, 500}  # by the engine: it is no container
    assert "call-refused: alice" not in calm.log.rpartition("trust-loaded")[2]


def test_a_list_whose_time_is_over_lets_nobody_in(site: TlsStage, calm: Plugin) -> None:
    alice = site.ca.issue("alice")
    site.number += 1
    end = site.ca.now + timedelta(seconds=time.time() - site.ca.now.timestamp() + 3)
    site.write(site.ca.crl(number=site.number, until=end))
    calm.wait_for(f"list number {site.number}, 0 revoked")
    kept = site.connect(alice)
    assert ping(kept) == (200, "OK")
    time.sleep(4)
    assert refused(ping(kept), "the revocation list of client CA ended on")
    assert ask(site.engine.socket, "GET", "/_ping").status == 200


def test_no_list_lets_nobody_in(site: TlsStage, calm: Plugin) -> None:
    site.write(ForeignCa("somebody else").crl())
    calm.wait_for("no revocation list, none may come")
    assert refused(ping(site.connect(site.ca.issue("alice"))), "crl.pem has no list of client CA")


def test_the_serial_in_the_list_of_another_issuer(site: TlsStage, calm: Plugin) -> None:
    alice = site.ca.issue("alice")
    other = ForeignCa("another CA")
    site.cas.append(other)
    site.number += 1
    site.write(site.ca.crl(number=site.number), other.crl(alice.certificate.serial_number, number=site.number))
    calm.wait_for(f"clients of another CA: list number {site.number}, 1 revoked")
    assert ping(site.connect(alice)) == (200, "OK")


def test_an_older_list_is_not_taken(site: TlsStage, calm: Plugin) -> None:
    alice = site.ca.issue("alice")
    old, before = site.ca.crl(number=site.number), calm.log.count("trust-refused")
    revoke(site, calm, alice)
    site.write(old)
    calm.wait_for("are not used, the old ones stay: the revocation list of client CA has number")
    assert refused(ping(site.connect(alice)), "was revoked")
    time.sleep(1.2)
    assert calm.log.count("trust-refused") == before + 1  # said once


@pytest.mark.parametrize("crl", [b"junk", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_broken_files_change_nothing(site: TlsStage, calm: Plugin, crl: bytes) -> None:
    alice, bob = site.ca.issue("alice"), site.ca.issue("bob")
    revoke(site, calm, alice)
    before = calm.log.count("trust-refused")
    site.write(crl)
    calm.wait_for("trust-refused", before + 1)
    assert ping(site.connect(bob)) == (200, "OK")
    assert ping(site.connect(alice))[0] == 403


def test_wrong_clients_do_not_even_reach_the_plugin(site: TlsStage, calm: Plugin) -> None:
    for wrong in (
        site.ca.issue("server", uses=SERVER),
        site.ca.issue("old", ends=site.ca.now - DAY / 2),
        ForeignCa("client CA").issue("rogue"),
    ):
        with pytest.raises((OSError, HTTPException)):
            ping(site.connect(wrong))


def test_a_list_is_swapped_while_a_hundred_connections_call(site: TlsStage, calm: Plugin) -> None:
    """100,000 entries; nobody who may come is refused or cut, and the revoked one is refused from then on."""
    alice, bob = site.ca.issue("alice"), site.ca.issue("bob")
    holders = [alice] * 10 + [bob] * 90
    connections = [site.connect(holder) for holder in holders]
    for connection in connections:
        assert ping(connection) == (200, "OK")
    over, loaded = threading.Event(), threading.Event()

    def poll(lane: int) -> list[tuple[bool, bool, int, float]]:
        """Whether it was alice, whether the list was loaded before, the status, and how long it took."""
        seen = []
        while not over.is_set():
            for index in range(lane, 100, 10):
                begin, known = time.monotonic(), loaded.is_set()
                status = ping(connections[index])[0]
                seen.append((holders[index] is alice, known, status, time.monotonic() - begin))
        return seen

    random = Random(7)
    serials = [random.getrandbits(159) for _ in range(100_000)]
    site.number += 1
    swapped = site.ca.crl(*serials, alice.certificate.serial_number, number=site.number)
    with ThreadPoolExecutor(10) as pool:
        lanes = [pool.submit(poll, lane) for lane in range(10)]
        time.sleep(0.5)
        site.write(swapped)
        begin = time.monotonic()
        calm.wait_for(f"list number {site.number}, 100001 revoked")
        took = time.monotonic() - begin
        loaded.set()
        time.sleep(0.5)
        over.set()
        seen = [each for lane in lanes for each in lane.result()]
    assert {status for was_alice, _, status, _ in seen if not was_alice} == {200}
    assert {status for was_alice, known, status, _ in seen if was_alice and known} == {403}
    assert took < 4
    assert max(wait for *_, wait in seen) < 2


# the plugin itself


def test_a_hostile_client_of_the_socket_does_no_harm(site: TlsStage, calm: Plugin) -> None:
    alice = site.connect(site.ca.issue("alice"))
    hung = []
    for data in (b"", b"POST /AuthZ", b"POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nHost: \r\nContent-Length: 99\r\n\r\n{"):
        for _ in range(100):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(calm.socket))
            client.sendall(data)
            hung.append(client)
    begin = time.monotonic()
    assert ping(alice) == (200, "OK")
    assert time.monotonic() - begin < 2
    for client in hung:
        client.close()
    assert calm.socket.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"\xff\xfe",
        b"[" * 50_000,
        json.dumps({"User": "alice", "RequestMethod": 1}).encode(),
        json.dumps({"RequestMethod": "GET", "RequestUri": "/", "User": "alice"}).encode(),
        json.dumps({"RequestMethod": "GET", "RequestUri": "/", "UserAuthNMethod": "TLS"}).encode(),
        json.dumps({"RequestMethod": "GET", "RequestUri": "/", "RequestPeerCertificates": ["AAAA"]}).encode(),
        b'{"RequestMethod":"GET","RequestUri":"/","RequestPeerCertificates":["AAAA"],"RequestPeerCertificates":[""]}',
    ],
)
def test_a_malformed_call_is_a_no(calm: Plugin, body: bytes) -> None:
    for path in ("/AuthZPlugin.AuthZReq", "/AuthZPlugin.AuthZRes"):
        answer = json.loads(calm.post(path, body).body)
        assert answer["Allow"] is False
        assert answer.get("Err") or answer["Msg"]


def test_a_hundred_calls_at_once(calm: Plugin) -> None:
    body = json.dumps({"RequestMethod": "GET", "RequestUri": "/_ping"}).encode()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: calm.post("/AuthZPlugin.AuthZReq", body).body, range(500)))
    assert set(answers) == {b'{"Allow":true}'}


def test_it_is_switched_on_without_a_restart_and_fails_closed(tmp_path_factory: pytest.TempPathFactory) -> None:
    need(dockerd.missing() or images.missing())
    site = TlsStage(tmp_path_factory.mktemp("hup"))
    alice = site.ca.issue("alice")
    site.revoke(alice)
    with site.running() as engine:
        assert site.docker(alice, "ps")[0] == 0  # dockerd does not look at lists
        with site.plugin() as plugin:
            (engine.folder / "empty.json").write_text('{"authorization-plugins": ["pytrust"]}')
            os.kill(engine.daemon.pid, signal.SIGHUP)
            wait_ready(engine.daemon, lambda: site.docker(alice, "ps")[0] == 1, 10)
            assert "was revoked" in site.docker(alice, "ps")[1]
            assert ask(engine.socket, "GET", "/_ping").status == 200
            os.kill(plugin.process.pid, signal.SIGKILL)
            bob = site.connect(site.ca.issue("bob"))
            bob.timeout = 3
            with pytest.raises(TimeoutError):  # dockerd asks for half a minute, and then says no
                ping(bob)
        with site.plugin():  # takes the place of the socket that was left
            assert ping(site.connect(site.ca.issue("bob"))) == (200, "OK")
            assert ping(site.connect(alice))[0] == 403


def test_a_second_start_remembers_what_the_first_has_seen(tmp_path: Path) -> None:
    other = TlsStage(tmp_path, cas=[ForeignCa("c")])
    old = other.ca.crl(number=1)
    other.revoke(other.ca.issue())
    with other.plugin():
        pass
    other.write(old)
    with pytest.raises(RigError, match="has number 1, and 2 was seen before"), other.plugin():
        pass
