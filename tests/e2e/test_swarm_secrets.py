"""A real swarm of one manager whose services get their secrets from the vault, and whose keys are kept there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from tests.rig import swarm as rig
from tests.rig.authz import TlsStage
from tests.rig.needs import need
from tests.rig.processes import Running
from tests.rig.proxy import ask
from tests.rig.swarm import Swarm

CANARY = "canary-91f3c2e7"
PATH = "/run/secrets/db_password"
CALL = {"SecretName": "db_password", "ServiceName": "web", "TaskID": "t", "NodeID": "n"}


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swarm]:
    need(rig.missing())
    made = Swarm(tmp_path_factory.mktemp("swarm"))
    with made.engine_running():
        made.begin()
        yield made
    made.close()


@pytest.fixture(scope="module")
def agent(swarm: Swarm) -> Iterator[Running]:
    with swarm.agent() as running:
        yield running


@pytest.fixture(scope="module")
def provider(swarm: Swarm, agent: Running) -> Iterator[Running]:
    """The provider, with two secrets in the vault, of which docker knows."""
    with swarm.provider() as running:
        swarm.put("db_password", CANARY.encode(), "service:web*")
        swarm.put("shop/api_key", b"key of the shop", "service:shop_*", "service:labelled")
        swarm.secret("db_password")
        swarm.secret("api_key", "pytrust.secret=shop/api_key")
        yield running


def test_a_service_finds_the_value(swarm: Swarm, provider: Running) -> None:
    swarm.service("web", "db_password")
    assert swarm.read("web", PATH) == CANARY
    mounts = swarm.read("web", "/proc/mounts")
    assert f"tmpfs {PATH} tmpfs ro," in mounts
    container = swarm.docker.run("ps", "--quiet", "--filter", "label=com.docker.swarm.service.name=web")
    assert CANARY not in swarm.docker.run("inspect", container)
    assert CANARY not in swarm.docker.run("secret", "inspect", "db_password")
    assert CANARY not in provider.log.read_text()


def test_nothing_of_it_lies_about(swarm: Swarm, agent: Running, provider: Running) -> None:
    swarm.service("web-disk", "db_password")
    assert swarm.read("web-disk", PATH) == CANARY
    search: list[str | Path] = ["grep", "-rlsa", CANARY, "--devices=skip", swarm.folder]  # data, raft, logs, vault
    assert subprocess.run(search, capture_output=True, check=False).stdout == b""
    for process in (agent, provider, swarm.engine.daemon):
        for name in ("cmdline", "environ"):
            assert CANARY.encode() not in Path(f"/proc/{process.pid}/{name}").read_bytes()
    assert "Max core file size        0                    0 " in Path(f"/proc/{provider.pid}/limits").read_text()


def test_a_label_names_the_vaults_secret(swarm: Swarm, provider: Running) -> None:
    swarm.service("labelled", "source=api_key,target=shop.key,mode=0400,uid=7")
    assert swarm.read("labelled", "/run/secrets/shop.key") == "key of the shop"
    assert swarm.inside("labelled", "ls", "-ln", "/run/secrets/shop.key").startswith("-r--------    1 7        0 ")


def test_a_rotated_value_reaches_the_next_task(swarm: Swarm, provider: Running) -> None:
    swarm.put("rotating", b"one", "service:rotating")
    swarm.secret("rotating")
    swarm.service("rotating", "rotating")
    assert swarm.read("rotating", "/run/secrets/rotating") == "one"
    before = swarm.tasks("rotating")[0]["ID"]
    swarm.put("rotating", b"two")
    swarm.docker.run("service", "update", "--detach", "--force", "rotating")
    rig.wait(lambda: next((t for t in swarm.tasks("rotating")[:1] if t["ID"] != before), None), 20)
    swarm.wait_for("rotating", "Running")
    rig.wait(lambda: {} if len(swarm.docker.run("ps", "-q", "--filter", "name=rotating").split()) == 1 else None, 20)
    assert swarm.read("rotating", "/run/secrets/rotating") == "two"


def test_reads_stand_in_the_audit(swarm: Swarm, provider: Running) -> None:
    swarm.service("web-audited", "db_password")
    task = swarm.wait_for("web-audited", "Running")["ID"]
    done = swarm.pytrust("secret", "audit", "db_password", "--json")
    assert done.returncode == 0, done.stderr
    node = swarm.api("/info")["Swarm"]["NodeID"]
    assert f"service web-audited task {task} node {node}" in done.stdout.decode()


def test_a_service_that_is_no_reader_gets_nothing(swarm: Swarm, provider: Running) -> None:
    swarm.secret("absent")
    for service, secret in (("stranger", "db_password"), ("web-two", "absent")):
        swarm.service(service, secret)
        task = swarm.wait_for(service, "Failed")
        assert "unable to get secret from secret store" in task["Error"]
        assert not swarm.docker.run("ps", "-q", "--filter", f"label=com.docker.swarm.service.name={service}")
        said = (
            f"secret {secret}: the vault has no secret '{secret}' for the service {service} (hint: pytrust secret put"
        )
        assert said in provider.log.read_text()


def test_while_the_vault_is_locked_tasks_fail_and_then_they_do_not(swarm: Swarm, provider: Running) -> None:
    assert swarm.pytrust("vault", "lock").returncode == 0
    swarm.service("web-locked", "db_password", restart="any")
    swarm.wait_for("web-locked", "Ready")  # the second task, after the first has failed
    assert "hint: pytrust vault unlock" in provider.log.read_text()
    done = swarm.pytrust("--unlock-file", str(swarm.key), "vault", "unlock")
    assert done.returncode == 0, done.stderr
    assert swarm.read("web-locked", PATH) == CANARY


def test_a_provider_that_comes_later_is_waited_for(swarm: Swarm, provider: Running) -> None:
    os.kill(provider.pid, signal.SIGSTOP)
    try:
        swarm.service("web-late", "db_password")
        time.sleep(1)
        assert not swarm.docker.run("ps", "-q", "--filter", "label=com.docker.swarm.service.name=web-late")
    finally:
        os.kill(provider.pid, signal.SIGCONT)
    assert swarm.read("web-late", PATH) == CANARY


# who else calls


def test_a_hundred_calls_at_once(swarm: Swarm, provider: Running) -> None:
    bodies = [json.dumps({**CALL, "ServiceName": "web" if n % 2 else "stranger"}).encode() for n in range(100)]
    with ThreadPoolExecutor(100) as threads:
        replies = list(threads.map(swarm.post, bodies))
    assert [reply.status for reply in replies] == [200] * 100
    assert ["Value" in reply.json for reply in replies] == [False, True] * 50


def test_a_client_that_hangs_holds_up_nobody(swarm: Swarm, provider: Running) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            wire = stack.enter_context(socket.socket(socket.AF_UNIX))
            wire.connect(str(swarm.socket))
            wire.sendall(b"POST /SecretProvider.GetSecret HTTP/1.1\r\nHost: \r\nContent-Length: 100\r\n\r\n{")
        begun = time.monotonic()
        assert "Value" in swarm.post(json.dumps(CALL).encode()).json
        assert time.monotonic() - begun < 2


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"a":1,"a":1}'])
def test_what_is_no_call(swarm: Swarm, provider: Running, body: bytes) -> None:
    reply = swarm.post(body)
    assert reply.status == 400
    assert reply.json["Err"]
    assert swarm.post(json.dumps(CALL).encode()).status == 200


def test_a_call_without_end(swarm: Swarm, provider: Running) -> None:
    with suppress(ConnectionError):  # it is answered, and cut, before the client has sent it all
        assert swarm.post(b"x" * 4_000_000).status == 400
    assert swarm.post(json.dumps(CALL).encode()).status == 200


def test_the_same_for_all_who_may_not_and_in_the_same_time(swarm: Swarm, provider: Running) -> None:
    times: dict[str, list[float]] = {"db_password": [], "never_heard": []}
    for turn in range(400):
        name = ("db_password", "never_heard")[turn % 2]
        body = json.dumps({**CALL, "ServiceName": "stranger", "SecretName": name}).encode()
        begun = time.perf_counter()
        answer = swarm.post(body).body
        times[name].append(time.perf_counter() - begun)
        assert answer.replace(name.encode(), b"NAME") == (
            b'{"Err":"the vault has no secret \'NAME\' for the service stranger '
            b'(hint: pytrust secret put NAME, pytrust secret allow NAME service:stranger)","DoNotReuse":true}'
        )
    there, absent = (sorted(each)[len(each) // 2] for each in times.values())
    assert abs(there - absent) < 0.5 * min(there, absent)


def test_a_second_one_does_not_take_its_place(swarm: Swarm, provider: Running) -> None:
    done = swarm.pytrust("swarm", "provider", "--socket", str(swarm.socket))
    assert done.returncode == 2
    assert b"another process answers at" in done.stderr
    assert b"pytrust authz-plugin --secrets" in done.stderr
    assert swarm.post(json.dumps(CALL).encode()).status == 200


def test_one_process_is_both_plugins(tmp_path_factory: pytest.TempPathFactory) -> None:
    need(rig.missing())
    swarm = Swarm(tmp_path_factory.mktemp("both"))
    stage = TlsStage(swarm.folder)
    both = ("authz-plugin", "--secrets", "--tls", stage.tls)
    with swarm.agent(), swarm.provider(*both), swarm.engine_running("--authorization-plugin=pytrust"):
        swarm.begin()
        swarm.put("db_password", CANARY.encode(), "service:web")
        swarm.secret("db_password")
        swarm.service("web", "db_password")
        assert swarm.read("web", PATH) == CANARY
        asked = {"RequestMethod": "GET", "RequestUri": "/_ping", "User": "nobody", "UserAuthNMethod": "TLS"}
        reply = ask(swarm.socket, "POST", "/AuthZPlugin.AuthZReq", asked).json
        assert reply["Allow"] is False
    swarm.close()


# the swarm's own keys


def tokens(swarm: Swarm) -> list[str]:
    """What must not be printed."""
    found = [*swarm.api("/swarm")["JoinTokens"].values(), swarm.api("/swarm/unlockkey")["UnlockKey"]]
    return [key for key in found if key]


def test_autolock_is_off_on_renewed_and_survives_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    need(rig.missing())
    swarm = Swarm(tmp_path_factory.mktemp("locked"))
    said = []

    def pytrust(*words: str, code: int = 0) -> str:
        done = swarm.pytrust("--unlock-file", str(swarm.key), "swarm", *words)
        text = (done.stdout + done.stderr).decode()
        assert done.returncode == code, text
        said.append(text)
        return text

    with swarm.agent(), swarm.provider(), swarm.engine_running():
        assert "is in no swarm" in pytrust("check", code=3)
        swarm.begin()
        swarm.put("db_password", CANARY.encode(), "service:survivor")
        swarm.secret("db_password")
        swarm.docker.run("secret", "create", "plain", "-", stdin=b"in the swarm")
        secrets = set(tokens(swarm))
        off = pytrust("check", code=1)
        assert "autolock is off" in off
        assert "1 secret in the swarm itself: plain" in off
        assert "join-manager (version 1, new)" in off
        assert "join-worker (version 1)" in pytrust("check", code=1)

        assert "unlock-key (version 1, new)" in pytrust("autolock")
        secrets |= set(tokens(swarm))
        old = swarm.api("/swarm/unlockkey")["UnlockKey"]
        assert "was on already" in pytrust("autolock")
        assert "autolock is on" in pytrust("check")

        assert "unlock-key (version 2, new)" in pytrust("autolock", "--rotate")
        assert not secrets & set(tokens(swarm))
        secrets |= set(tokens(swarm))
        assert old != swarm.api("/swarm/unlockkey")["UnlockKey"]
        assert "it is not locked" in pytrust("unlock")
        swarm.service("survivor", "db_password", restart="any")
        assert swarm.read("survivor", PATH) == CANARY

    with swarm.agent(), swarm.provider(), swarm.engine_running():
        swarm.put("db_password", b"a new one")
        assert swarm.api("/info")["Swarm"]["LocalNodeState"] == "locked"
        assert "is locked, so autolock is on" in pytrust("check")
        assert "is locked" in pytrust("autolock", code=3)
        assert "is unlocked, with version 2 of its key" in pytrust("unlock")
        assert swarm.api("/info")["Swarm"]["LocalNodeState"] == "active"
        rig.wait(lambda: {} if swarm.docker.run("ps", "-q", "--filter", "name=survivor") else None, 20)
        assert swarm.read("survivor", PATH) == "a new one"
        document = json.loads(pytrust("check", "--json"))
        assert document["autolock"] is True
        assert [each["new"] for each in document["kept"]] == [False, False, False]
    swarm.close()

    assert not [key for key in secrets for text in said if key in text]
    assert not _on_disk(swarm.home, secrets)


def _on_disk(folder: Path, keys: set[str]) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(key.encode() in path.read_bytes() for key in keys)]


def test_a_vault_that_cannot_be_opened_switches_nothing_on(swarm: Swarm, agent: Running) -> None:
    assert swarm.pytrust("vault", "lock").returncode == 0
    try:
        done = swarm.pytrust("swarm", "autolock")
        assert done.returncode == 4, done.stderr
        assert swarm.api("/swarm/unlockkey") == {"UnlockKey": ""}
        checked = swarm.pytrust("swarm", "check", "--json")
        assert checked.returncode == 1
        document = json.loads(checked.stdout)
        assert (document["autolock"], document["kept"]) == (False, [])
        assert document["error"]["code"] == "vault-locked"
    finally:
        assert swarm.pytrust("--unlock-file", str(swarm.key), "vault", "unlock").returncode == 0
