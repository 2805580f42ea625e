"""Slow clients, many clients, engines that misbehave or go away, bad policies, full disks: nothing gets through, and
the proxy is there afterwards."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from tests.attack.raw import answers, posted, request
from tests.fakes.raw_engine import RawEngine, Says, Then, plain, raw_engine
from tests.rig.images import Docker
from tests.rig.processes import running
from tests.rig.proxy import API, Proxy, Stage, answers_ping, drain, installed
from tests.rig.recorder import Recorder

from pytrust.policy.journal import Event, JournalReader

LIST = f"/{API}/containers/json"
PRUNE = f"/{API}/networks/prune"


def events(proxy: Proxy, what: str) -> list[str]:
    """The texts of what is in the journal under ``what``."""
    entries = JournalReader(proxy.home / "proxy" / "journal").entries()
    return [stored.entry.text for stored in entries if isinstance(stored.entry, Event) and stored.entry.what == what]


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not (so := happens()) and time.monotonic() < end:
        time.sleep(0.02)
    return so


# -- slow clients -----------------------------------------------------------------------------------------------------

Outcome = tuple[bytes, float]
"""What was heard, and after how many seconds."""


@pytest.fixture(scope="module", autouse=True)
def dawdlers(stage: Stage) -> Iterator[dict[str, Future[Outcome]]]:
    """They begin with the first test, and the last ones look at what became of them."""
    head, body = request("GET /_ping"), posted(PRUNE, {"a": "b" * 100})
    with stage.proxy() as proxy, ThreadPoolExecutor() as pool:
        yield {
            "head": pool.submit(dawdle, proxy, head, 1, 1.0),
            "head, all but the end": pool.submit(dawdle, proxy, head, len(head) - 2, 60),
            "second head": pool.submit(dawdle, proxy, head * 2, len(head) + 9, 60),
            "body": pool.submit(dawdle, proxy, body, len(body) - 60, 1.0),
            "body, but for five bytes": pool.submit(dawdle, proxy, body, len(body) - 5, 60),
            "nothing": pool.submit(dawdle, proxy, b"", 0, 32),
        }


def dawdle(proxy: Proxy, data: bytes, at_once: int, pause: float) -> Outcome:
    """Send the first bytes at once and the others one by one with a ``pause`` before each."""
    begun, heard = time.monotonic(), b""
    with proxy.connect(pause) as connection:
        connection.sendall(data[:at_once])
        for at in range(at_once, len(data) + 1):
            with suppress(TimeoutError):
                while piece := connection.recv(4096):
                    heard += piece
                return heard, time.monotonic() - begun
            connection.sendall(data[at : at + 1])
    return heard, time.monotonic() - begun


# -- many clients -----------------------------------------------------------------------------------------------------


PLACES = 40
ROOM = ("prlimit", f"--nofile={256 + 2 * PLACES}")


def files(proxy: Proxy) -> int:
    return len(list(Path(f"/proc/{proxy.daemon.pid}/fd").iterdir()))


def test_thousands_of_idle_connections(stage: Stage) -> None:
    """The longest idle one makes room, however many come at once."""
    with stage.proxy() as proxy, ExitStack() as opened:
        crowd = [opened.enter_context(proxy.connect(5)) for _ in range(5000)]
        begun = time.monotonic()
        assert proxy.ask("GET", "/_ping").status == 200
        assert time.monotonic() - begun < 1.0
        assert files(proxy) < 4096 + 256
        assert undisturbed(proxy)
        crowd[-1].sendall(request("GET /_ping"))
        assert crowd[-1].recv(12) == b"HTTP/1.1 200"
        assert not still_there(crowd[0])
        assert sum(map(still_there, crowd)) <= 4096


def test_a_burst_waits_until_it_is_accepted(stage: Stage) -> None:
    with stage.proxy() as proxy, ExitStack() as opened:
        os.kill(proxy.daemon.pid, signal.SIGSTOP)
        crowd = [opened.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(500)]
        for connection in crowd:
            connection.setblocking(False)
            connection.connect(str(proxy.path))
            connection.sendall(request("GET /_ping"))
        os.kill(proxy.daemon.pid, signal.SIGCONT)
        for connection in crowd:
            connection.settimeout(5)
            assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_burst_is_held_to_the_limit(stage: Stage) -> None:
    """All are accepted in one go."""
    with started(stage, stage.engine.socket, prefix=ROOM) as proxy, ExitStack() as opened:
        os.kill(proxy.daemon.pid, signal.SIGSTOP)
        crowd = [opened.enter_context(proxy.connect(5)) for _ in range(5 * PLACES)]
        os.kill(proxy.daemon.pid, signal.SIGCONT)
        assert answers_ping(proxy.path)
        assert sum(map(still_there, crowd)) <= PLACES


def test_where_everybody_is_at_work_the_newcomer_is_turned_away(stage: Stage) -> None:
    with started(stage, stage.engine.socket, prefix=ROOM) as proxy, ExitStack() as opened:
        crowd = [opened.enter_context(proxy.connect(5)) for _ in range(PLACES)]
        for connection in crowd:
            connection.sendall(request(f"GET /{API}/events"))
            assert connection.recv(12) == b"HTTP/1.1 200"
        for _ in range(3 * PLACES):
            with proxy.connect(5) as newcomer:
                assert newcomer.recv(1) == b""
        assert files(proxy) < 256 + 2 * PLACES
        crowd.pop().close()
        assert within(2, lambda: answers_ping(proxy.path))
        assert all(still_there(connection) for connection in crowd)
        assert undisturbed(proxy)


def still_there(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return True
    return False


def test_many_streams_begin_at_once(stage: Stage) -> None:
    """More connections to the engine than it takes at a time are waited for."""
    with stage.proxy() as proxy, ExitStack() as opened:
        crowd = [opened.enter_context(proxy.connect(20)) for _ in range(600)]
        for connection in crowd:
            connection.sendall(request(f"GET /{API}/events"))
        heard = [connection.recv(12) for connection in crowd]
        assert heard == [b"HTTP/1.1 200"] * len(crowd)


@contextmanager
def started(
    stage: Stage, engine: Path, *, prefix: tuple[str, ...] = (), home: Path | None = None, listen: Path | None = None
) -> Iterator[Proxy]:
    """A proxy with no witness before the engine, which need not be there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listen = listen or folder / "docker.sock"
        if home is None:
            home = folder / "home"
            shutil.copytree(stage.home, home)
            (home / "policy.yaml").write_text(stage.policy())
        command: list[str | Path] = [
            *prefix,
            installed(),
            "proxy",
            "--listen",
            f"unix://{listen}",
            "--engine",
            f"unix://{engine}",
        ]
        env = stage._settings(home)
        with running(command, log=folder / "proxy.log", ready=lambda: accepts(listen), env=env) as daemon:
            yield Proxy(listen, 0, home, daemon, Recorder(engine, engine))


def accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(str(path)) == 0


# -- engines that misbehave -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def odd(stage: Stage) -> Iterator[RawEngine]:
    with raw_engine(stage.folder / "odd.sock") as engine:
        yield engine


@pytest.fixture(scope="module")
def before_odd(stage: Stage, odd: RawEngine) -> Iterator[Proxy]:
    with started(stage, stage.folder / "odd.sock") as proxy:
        yield proxy


NO_ANSWER = {
    "hangs up": Says(b"", Then.HANG_UP),
    "garbage": Says(b"\0\1\2\r\n\r\n"),
    "another protocol": Says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Then.HOLD),
    "HTTP/2": Says(b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x64\0\4\0\1\0\0\r\n\r\n"),
    "half a head": Says(b"HTTP/1.1 200 OK\r\nContent-Le", Then.HANG_UP),
    "an endless head": Says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, Then.HOLD),
    "an endless line": Says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, Then.HOLD),
    "101": Says(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw", Then.HOLD),
    "100": Says(b"HTTP/1.1 100 Continue\r\n\r\n" + plain(b"[]")),
    "103": Says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + plain(b"[]")),
    "both framings": Says(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
    ),
    "two lengths": Says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n[]"),
    "a length that is none": Says(b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n[]"),
    "a negative length": Says(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n[]"),
    "a huge length": Says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n[]"),
    "another coding": Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n[]"),
    "two codings": Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "two coding headers": Says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "more than it said": Says(plain(b"[]") + b"x"),
    "two answers": Says(plain(b"[]") * 2),
    "two chunked answers": Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n" * 2),
    "a body where none can be": Says(b"HTTP/1.1 204 No Content\r\n\r\n[]"),
    "a chunk with no size": Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
    "a huge chunk": Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
}


@pytest.mark.parametrize("call", [f"GET {LIST}", f"POST {PRUNE}"], ids=["short way", "long way"])
@pytest.mark.parametrize("case", NO_ANSWER)
def test_what_is_no_answer_is_a_502(before_odd: Proxy, odd: RawEngine, case: str, call: str) -> None:
    assert before_odd.ask("GET", LIST).status == 200
    plainly = call.replace(f"/{API}", "")
    odd.script[plainly] = NO_ANSWER[case]
    odd.heard.clear()
    try:
        heard = answers(before_odd.send(request(call) + request("GET /_ping"), timeout=5))
    finally:
        del odd.script[plainly]
    assert [answer.status for answer in heard] == [502]
    assert heard[0].message.startswith("pytrust: the engine failed: ")
    assert odd.heard == [plainly], "asked once, and not again"
    assert before_odd.ask("GET", LIST).json == []


CUT = {
    "less than it said": Says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1,", Then.HANG_UP),
    "no last chunk": Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n", Then.HANG_UP),
    "half a chunk": Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[1,", Then.HANG_UP),
}


@pytest.mark.parametrize("call", [f"GET {LIST}", f"POST {PRUNE}"], ids=["short way", "long way"])
@pytest.mark.parametrize("case", CUT)
def test_an_answer_that_is_cut_short_is_not_made_whole(before_odd: Proxy, odd: RawEngine, case: str, call: str) -> None:
    plainly = call.replace(f"/{API}", "")
    odd.script[plainly] = CUT[case]
    try:
        heard = before_odd.send(request(call), timeout=5)
    finally:
        del odd.script[plainly]
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"[1," in heard
    assert not heard.endswith(b"0\r\n\r\n")
    assert heard.partition(b"\r\n\r\n")[2] in {b"[1,", b"3\r\n[1,\r\n"}
    assert before_odd.ask("GET", LIST).json == []


WHOLE = {
    "byte by byte": Says(plain(b"[1]"), pause=0.01, piece=1),
    "chunked, byte by byte": Says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n2;x=y\r\n1]\r\n0\r\n\r\n", pause=0.01, piece=1
    ),
    "until the end": Says(b"HTTP/1.1 200 OK\r\n\r\n[1]", Then.HANG_UP),
    "HTTP/1.0": Says(b"HTTP/1.0 200 OK\r\n\r\n[1]", Then.HANG_UP),
    "closing": Says(plain(b"[1]", "Connection: close"), Then.HANG_UP),
}


@pytest.mark.parametrize("call", [f"GET {LIST}", f"POST {PRUNE}"], ids=["short way", "long way"])
@pytest.mark.parametrize("case", WHOLE)
def test_an_answer_that_is_unusual_but_whole(before_odd: Proxy, odd: RawEngine, case: str, call: str) -> None:
    plainly, (method, target) = call.replace(f"/{API}", ""), call.split(" ")
    odd.script[plainly] = WHOLE[case]
    try:
        assert before_odd.ask(method, target).json == [1]
    finally:
        del odd.script[plainly]
    assert before_odd.ask("GET", LIST).json == []


@pytest.mark.parametrize("kib", range(400, 701, 50))
def test_an_engine_s_connection_does_not_sleep_with_its_client(before_odd: Proxy, odd: RawEngine, kib: int) -> None:
    """A client is slow to read the last of an answer; whoever gets the connection next is not."""
    body = b"[" + b" " * kib * 1024 + b"]"
    odd.script["GET /volumes"] = Says(plain(body))
    with before_odd.connect(5) as slow:
        slow.sendall(request(f"GET /{API}/volumes"))
        time.sleep(0.1)
        with before_odd.connect(5) as other:
            for _ in range(3):
                other.sendall(request(f"GET {LIST}"))
                assert other.recv(4096).endswith(b"[]")
        slow.shutdown(socket.SHUT_WR)
        assert answers(drain(slow))[0].body == body


def test_answers_that_nobody_reads_cost_no_memory(before_odd: Proxy, odd: RawEngine) -> None:
    """They are not even asked for."""
    odd.script["GET /networks"] = Says(plain(b" " * 100_000))
    odd.heard.clear()
    with before_odd.connect(5) as connection:
        connection.sendall(request(f"GET /{API}/networks") * 300)
        time.sleep(1.0)
        assert len(odd.heard) < 20
        connection.shutdown(socket.SHUT_WR)
        assert [len(answer.body) for answer in answers(drain(connection))] == [100_000] * 300


def test_a_request_without_an_answer_is_not_made_again(before_odd: Proxy, odd: RawEngine) -> None:
    """The connection was kept from an earlier request, and breaks with this one."""
    odd.script["POST /volumes/prune"] = Says(b"", Then.HANG_UP)
    for _ in range(5):
        assert before_odd.ask("GET", LIST).status == 200
        odd.heard.clear()
        assert before_odd.ask("POST", f"/{API}/volumes/prune").status == 502
        assert odd.heard == ["POST /volumes/prune"]


# -- pulls ------------------------------------------------------------------------------------------------------------

PROGRESS = b'{"status":"Downloading"}\r\n'
PULLING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b"%x\r\n%s\r\n" % (len(PROGRESS), PROGRESS)


def pull(stage: Stage) -> bytes:
    return request(f"POST /{API}/images/create?fromImage={stage.good}&tag=1", "Content-Length: 0")


def test_a_client_that_vanishes_ends_its_pull(stage: Stage, before_odd: Proxy, odd: RawEngine) -> None:
    odd.script["POST /images/create"] = Says(PULLING + PIECE, Then.HOLD)
    with before_odd.connect(5) as connection:
        connection.sendall(pull(stage))
        assert PROGRESS in heard_until(connection, PROGRESS)
    assert within(1.0, lambda: "POST /images/create" in odd.vanished)


def heard_until(connection: socket.socket, end: bytes) -> bytes:
    heard = b""
    while end not in heard and (piece := connection.recv(4096)):
        heard += piece
    return heard


def test_a_pull_that_failed_gives_no_tag(stage: Stage, before_odd: Proxy, odd: RawEngine) -> None:
    """However the engine's report of it is cut into pieces."""
    error = b'{"errorDetail":{"message":"no space left"},"error":"no space left"}\r\n'
    chunk = b"%x\r\n%s\r\n" % (len(error), error)
    odd.script["POST /images/create"] = Says(PULLING + chunk + b"0\r\n\r\n", pause=0.002, piece=7)
    odd.heard.clear()
    heard = answers(before_odd.send(pull(stage), timeout=5, end=True))
    assert heard[0].body == error
    assert odd.heard == ["POST /images/create"]


def test_a_client_that_vanishes_when_its_pull_is_done_disturbs_nobody(
    stage: Stage, before_odd: Proxy, odd: RawEngine
) -> None:
    """The image gets its tag, on a connection that is not the client's any more."""
    tag = f"POST /images/{stage.good}@{stage.digests['good:1']}/tag"
    odd.script["POST /images/create"] = Says(PULLING + PIECE + b"0\r\n\r\n")
    odd.script[tag] = Says(plain(b"", status="201 Created"), pause=0.5)
    odd.heard.clear()
    with before_odd.connect(5) as connection:
        connection.sendall(pull(stage))
        assert within(2, lambda: tag in odd.heard)
    time.sleep(1.0)
    assert tag not in odd.vanished
    assert undisturbed(before_odd)


def test_clients_that_do_not_wait_for_answers(stage: Stage) -> None:
    """Refusals, a creation and short ways for nobody: they disturb nothing, and take no places."""
    good, evil = (posted(f"/{API}/containers/create", {"Image": f"{name}:1"}) for name in (stage.good, stage.evil))
    with started(stage, stage.engine.socket, prefix=ROOM) as proxy, ExitStack() as opened:
        for data in [good, evil, request("POST /build"), request(f"GET {LIST}"), request("GET /version")] * PLACES:
            with proxy.connect(5) as connection:
                connection.sendall(data)
        crowd = [opened.enter_context(proxy.connect(5)) for _ in range(3 * PLACES)]
        assert within(5, lambda: answers_ping(proxy.path))
        assert sum(map(still_there, crowd)) <= PLACES
        assert undisturbed(proxy)


def test_clients_that_have_gone_before_their_answers_take_no_places(stage: Stage, odd: RawEngine) -> None:
    odd.script["GET /containers/slow/json"] = Says(plain(b"{}", status="404 Not Found"), pause=1.2)
    with started(stage, stage.folder / "odd.sock", prefix=ROOM) as proxy, ExitStack() as opened:
        for _ in range(10):
            with proxy.connect(5) as connection:
                connection.sendall(request(f"POST /{API}/containers/slow/start"))
        time.sleep(1.6)
        crowd = [opened.enter_context(proxy.connect(5)) for _ in range(3 * PLACES)]
        assert answers_ping(proxy.path)
        assert sum(map(still_there, crowd)) <= PLACES
        assert undisturbed(proxy)


def undisturbed(proxy: Proxy) -> bool:
    log = proxy.daemon.log.read_text()
    return proxy.daemon.alive and "Traceback" not in log and "internal" not in log


# -- engines that go away ---------------------------------------------------------------------------------------------


def test_an_engine_that_restarts_while_it_works(stage: Stage) -> None:
    with (
        raw_engine(stage.folder / "restarts.sock") as engine,
        stage.proxy(engine=stage.folder / "restarts.sock") as proxy,
    ):
        engine.script["POST /networks/prune"] = Says(b"", Then.HOLD)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(proxy.ask, "POST", PRUNE)
            assert within(2, lambda: engine.count("POST /networks/prune") == 1)
            proxy.witness.cut()
            answer = waiting.result(5)
        assert answer.status == 502
        assert answer.message
        assert proxy.ask("GET", LIST).status == 502
        assert proxy.ask("POST", PRUNE).status == 502
        assert engine.count("POST /networks/prune") == 1
        proxy.witness.heal()
        assert proxy.ask("GET", LIST).status == 200
        assert engine.count("POST /networks/prune") == 1


def test_an_engine_that_comes_later(stage: Stage) -> None:
    path = stage.folder / "later.sock"
    with started(stage, path) as proxy:
        assert within(5, lambda: "warning: no engine answers" in proxy.daemon.log.read_text())
        for method, target in (("GET", "/_ping"), ("GET", LIST), ("GET", "/containers/json"), ("POST", PRUNE)):
            assert proxy.ask(method, target).status == 502
        assert proxy.create(f"{stage.good}:1").status in {403, 502, 503}
        with raw_engine(path):
            assert undisturbed(proxy)
            assert proxy.ask("GET", "/containers/json").status == 200
            assert proxy.ask("GET", "/_ping").status == 200
            assert proxy.ask("POST", PRUNE).status == 404, "as that engine says"


# -- policies ---------------------------------------------------------------------------------------------------------

BAD: dict[str, str | bytes] = {
    "no yaml": "version: [",
    "another version": "version: 99\n",
    "unknown key": "version: 1\nimages:\n  - match: '**'\nmode: enforce\nevery: thing\n",
    "empty": "",
    "deep": "[" * 100_000,
    "not utf-8": b"\xff\xfe",
}


@pytest.fixture(scope="module")
def ruled(stage: Stage) -> Iterator[Proxy]:
    with stage.proxy() as proxy:
        yield proxy


def privileged(stage: Stage, proxy: Proxy) -> int:
    return proxy.create(f"{stage.good}:1", HostConfig={"Privileged": True}).status


def replace(proxy: Proxy, text: str | bytes) -> None:
    fresh = proxy.home / "policy.new"
    fresh.write_bytes(text if isinstance(text, bytes) else text.encode())
    fresh.replace(proxy.home / "policy.yaml")


@pytest.mark.parametrize("case", BAD)
def test_a_bad_policy_changes_nothing_and_is_told(stage: Stage, ruled: Proxy, case: str) -> None:
    before = len(events(ruled, "policy-refused"))
    replace(ruled, BAD[case])
    assert within(3, lambda: len(events(ruled, "policy-refused")) == before + 1)
    assert "the new policy is not used, the old one stays" in ruled.daemon.log.read_text()
    assert ruled.create(f"{stage.evil}:1").status == 403
    assert ruled.create(f"{stage.good}:1").status == 201
    assert privileged(stage, ruled) == 403


@pytest.mark.parametrize("how", ["gone", "a folder"])
def test_a_policy_that_cannot_be_read_is_a_bad_one(stage: Stage, ruled: Proxy, how: str) -> None:
    path, before = ruled.home / "policy.yaml", len(events(ruled, "policy-refused"))
    path.unlink()
    if how == "a folder":
        path.mkdir()
    assert within(3, lambda: len(events(ruled, "policy-refused")) == before + 1)
    assert ruled.create(f"{stage.evil}:1").status == 403
    if how == "a folder":
        path.rmdir()
    replace(ruled, stage.policy())


def test_a_good_policy_is_used(stage: Stage, ruled: Proxy) -> None:
    loaded = len(events(ruled, "policy-loaded"))
    replace(ruled, stage.policy("privileged"))
    assert within(3, lambda: len(events(ruled, "policy-loaded")) == loaded + 1)
    assert privileged(stage, ruled) == 201
    replace(ruled, stage.policy("baseline"))
    assert within(3, lambda: len(events(ruled, "policy-loaded")) == loaded + 2)
    assert privileged(stage, ruled) == 403


def test_sighup_loads_the_policy_anew(ruled: Proxy) -> None:
    loaded = len(events(ruled, "policy-loaded"))
    os.kill(ruled.daemon.pid, signal.SIGHUP)
    assert within(3, lambda: len(events(ruled, "policy-loaded")) == loaded + 1)


# -- the end ----------------------------------------------------------------------------------------------------------


def test_sigterm_lets_requests_finish_and_nothing_begin(stage: Stage) -> None:
    engine_path = stage.folder / "term.sock"
    with raw_engine(engine_path) as engine, started(stage, engine_path) as proxy, ExitStack() as opened:
        engine.script["POST /networks/prune"] = Says(plain(b"{}"), pause=1.0)
        sizes = {"networks": 350_000, "volumes": 700_000}  # one is out of the engine, and one is not
        slow = [opened.enter_context(proxy.connect(5)) for _ in sizes]
        for connection, (path, size) in zip(slow, sizes.items(), strict=True):
            engine.script[f"GET /{path}"] = Says(plain(b" " * size))
            connection.sendall(request(f"GET /{API}/{path}"))
        with proxy.connect(5) as idle, ThreadPoolExecutor() as pool:
            waiting = pool.submit(proxy.ask, "POST", PRUNE)
            assert within(2, lambda: engine.count("POST /networks/prune") == 1)
            time.sleep(0.1)
            os.kill(proxy.daemon.pid, signal.SIGTERM)
            assert idle.recv(1) == b""
            assert within(1, lambda: not accepts(proxy.path))
            assert waiting.result(5).status == 200
            assert [len(answers(drain(connection))[0].body) for connection in slow] == list(sizes.values())
        assert proxy.daemon.process.wait(6) == 0
        assert not proxy.path.exists()
        assert events(proxy, "stopped")


def test_sigterm_does_not_wait_for_ever(stage: Stage) -> None:
    """Nor does the end of a proxy disturb the one that has taken its place."""
    path = stage.folder / "place.sock"
    with started(stage, stage.engine.socket, listen=path) as proxy, proxy.connect(20) as connection:
        connection.sendall(request(f"GET /{API}/events"))
        assert connection.recv(12) == b"HTTP/1.1 200"
        begun = time.monotonic()
        os.kill(proxy.daemon.pid, signal.SIGTERM)
        assert within(2, lambda: not accepts(path))
        with started(stage, stage.engine.socket, listen=path):
            assert proxy.daemon.process.wait(15) == 0
            assert 4 < time.monotonic() - begun < 8
            assert answers_ping(path)


# -- where it listens -------------------------------------------------------------------------------------------------


def refusal(stage: Stage, home: Path, *words: str) -> str:
    done = stage.attempt("proxy", *words, "--engine", stage.engine.host, home=home)
    assert done.returncode not in {0, 70}, done
    assert "Traceback" not in done.stderr
    return done.stderr


def test_two_proxies_do_not_share_a_home(stage: Stage, ruled: Proxy, tmp_path: Path) -> None:
    assert "error:" in refusal(stage, ruled.home, "--listen", f"unix://{tmp_path}/x.sock")
    assert answers_ping(ruled.path)


def test_two_proxies_do_not_share_a_socket(stage: Stage, ruled: Proxy, tmp_path: Path) -> None:
    shutil.copytree(stage.home, tmp_path / "home")
    (tmp_path / "home" / "policy.yaml").write_text(stage.policy())
    assert "somebody listens" in refusal(stage, tmp_path / "home", "--listen", f"unix://{ruled.path}")
    assert "somebody listens" in refusal(stage, tmp_path / "home", "--listen", f"tcp://127.0.0.1:{ruled.port}")
    assert answers_ping(ruled.path)


def test_a_socket_that_a_killed_proxy_left_is_replaced(stage: Stage) -> None:
    path = stage.folder / "left.sock"
    with started(stage, stage.engine.socket, listen=path) as killed:
        os.kill(killed.daemon.pid, signal.SIGKILL)
        killed.daemon.process.wait(5)
        assert path.is_socket()
        with started(stage, stage.engine.socket, listen=path, home=killed.home) as proxy:
            assert answers_ping(proxy.path)
    assert not path.exists()


def test_a_file_that_is_no_socket_is_left_alone(stage: Stage, ruled: Proxy, tmp_path: Path) -> None:
    shutil.copytree(stage.home, tmp_path / "home")
    (tmp_path / "home" / "policy.yaml").write_text(stage.policy())
    (tmp_path / "precious").write_text("precious")
    assert "no socket" in refusal(stage, tmp_path / "home", "--listen", f"unix://{tmp_path}/precious")
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize(
    "address", ["tcp://0.0.0.0:2375", "tcp://[::]:2375", "tcp://10.0.0.1:2375", "tcp://example.com:1"]
)
def test_only_this_host_is_listened_to(stage: Stage, tmp_path: Path, address: str) -> None:
    shutil.copytree(stage.home, tmp_path / "home")
    (tmp_path / "home" / "policy.yaml").write_text(stage.policy())
    assert "without TLS" in refusal(stage, tmp_path / "home", "--listen", address)


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.example",),
        ("Host: evil.example:2375",),
        ("Host: 127.0.0.1.evil.example",),
        ("Host: docker",),
        ("Host: 127.0.0.1", "Origin: http://evil.example"),
        ("Host: 127.0.0.1", "Origin: null"),
        ("Host: 127.0.0.1", "Origin: http://127.0.0.1:3000"),
        (
            "Host: 127.0.0.1",
            "Origin: http://localhost:3000",
            "Connection: Upgrade",
            "Upgrade: websocket",
        ),
    ],
)
def test_a_web_page_does_not_reach_the_port(baseline: Proxy, headers: tuple[str, ...]) -> None:
    baseline.witness.forget()
    data = "\r\n".join((f"GET {LIST} HTTP/1.1", *headers, "", "")).encode()
    with socket.create_connection(("127.0.0.1", baseline.port), timeout=5) as connection:
        connection.sendall(data)
        assert [answer.status for answer in answers(drain(connection))] == [403]
    assert baseline.witness.raw() == b""


def test_docker_reaches_the_port(stage: Stage, baseline: Proxy) -> None:
    docker = Docker(f"tcp://127.0.0.1:{baseline.port}", stage.docker.config)
    words = ("run", "--rm", "--interactive", "--network", "none", f"{stage.good}:1", "cat")
    assert docker.run(*words, stdin=b"told") == "told"


# -- full disks -------------------------------------------------------------------------------------------------------


def test_what_cannot_be_written_down_is_not_done(stage: Stage) -> None:
    """Nothing can be written at all: not the journal, and not the log."""
    with stage.proxy() as proxy:
        container = proxy.create(f"{stage.good}:1").json["Id"]
        proxy.witness.forget()
        before = resource.prlimit(proxy.daemon.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        asked = [
            proxy.create(f"{stage.good}:1"),
            proxy.ask("POST", f"/{API}/containers/{container}/start"),
            proxy.ask("POST", f"/{API}/images/create?fromImage={stage.good}&tag=1"),
            proxy.ask("POST", PRUNE),
            proxy.ask("POST", "/build"),
        ]
        assert [answer.status for answer in asked] == [503] * len(asked)
        assert proxy.witness.acted() == []
        assert proxy.ask("GET", LIST).status == 200
        replace(proxy, stage.policy("restricted"))
        time.sleep(1.2)
        assert proxy.ask("GET", LIST).status == 200
        resource.prlimit(proxy.daemon.pid, resource.RLIMIT_FSIZE, before)
        replace(proxy, stage.policy("privileged"))
        assert within(3, lambda: privileged(stage, proxy) == 201)


# -- slow clients, at last --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "limit"),
    [
        ("head", 10),
        ("head, all but the end", 10),
        ("second head", 10),
        ("body", 30),
        ("body, but for five bytes", 30),
    ],
)
def test_what_does_not_come_in_time_is_not_waited_for(
    dawdlers: dict[str, Future[Outcome]], who: str, limit: int
) -> None:
    heard, seconds = dawdlers[who].result(60)
    assert answers(heard)[-1].status == 408
    assert answers(heard)[-1].headers["connection"] == "close"
    assert limit - 0.5 < seconds < limit + 3


def test_whoever_says_nothing_is_not_hurried(dawdlers: dict[str, Future[Outcome]]) -> None:
    heard, seconds = dawdlers["nothing"].result(60)
    assert heard == b""
    assert seconds > 30
