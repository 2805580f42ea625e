"""Streams through the proxy: every byte, in both directions, and nothing left behind when one side goes."""

from __future__ import annotations

import base64
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha1
from pathlib import Path

import pytest
from tests.attack.raw import answers, posted, request
from tests.rig.proxy import API, Proxy, Stage, drain
from tests.rig.terminal import typed

UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def running(stage: Stage, baseline: Proxy) -> Iterator[str]:
    """A container that was let in, and runs."""
    docker = stage.client(baseline)
    container = docker.run("run", "--detach", "--network", "none", f"{stage.good}:1", "sleep", "1000")
    yield container
    docker.run("rm", "--force", container)


@pytest.fixture
def listening(stage: Stage, baseline: Proxy) -> Iterator[str]:
    """A container that repeats what it is told."""
    docker = stage.client(baseline)
    container = docker.run("run", "--detach", "--interactive", "--network", "none", f"{stage.good}:1", "cat")
    yield container
    docker.run("rm", "--force", container)


def made(proxy: Proxy, container: str, *command: str, tty: bool = False) -> str:
    """An exec instance that takes input."""
    body = {"Cmd": command, "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": tty}
    answer = proxy.ask("POST", f"/{API}/containers/{container}/exec", body)
    assert answer.status == 201, answer
    return str(answer.json["Id"])


def starting(instance: str) -> bytes:
    return posted(f"/{API}/exec/{instance}/start", {"Detach": False, "Tty": False}, *UPGRADE)


def begun(proxy: Proxy, container: str, *command: str) -> socket.socket:
    """A connection on which ``command`` runs, behind the 101."""
    connection = proxy.connect(30)
    connection.sendall(starting(made(proxy, container, *command)))
    assert head_of(connection).startswith(b"HTTP/1.1 101 ")
    return connection


def head_of(connection: socket.socket) -> bytes:
    """The head of an answer, and no byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = connection.recv(1)
        assert piece, head
        head += piece
    return head


def whole(connection: socket.socket) -> bytes:
    """Everything up to the end, which has to come in time."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def output(frames: bytes) -> bytes:
    """What a process without a terminal wrote: docker puts eight bytes before each piece."""
    found = bytearray()
    while frames:
        kind, size = struct.unpack(">BxxxI", frames[:8])
        assert kind in {1, 2}
        assert len(frames) >= 8 + size, "cut short"
        found += frames[8 : 8 + size]
        frames = frames[8 + size :]
    return bytes(found)


def joined(frames: bytes) -> bytes:
    """The same for much of it."""
    view, at, found = memoryview(frames), 0, []
    while at < len(view):
        _, size = struct.unpack(">BxxxI", view[at : at + 8])
        found.append(view[at + 8 : at + 8 + size])
        at += 8 + size
    assert at == len(view), "cut short"
    return b"".join(found)


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not (so := happens()) and time.monotonic() < end:
        time.sleep(0.02)
    return so


def memory(proxy: Proxy) -> int:
    """What the proxy holds, in bytes."""
    status = Path(f"/proc/{proxy.daemon.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


# -- the beginning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [14, MIB], ids=["a line", "more than is read ahead"])
def test_what_is_sent_before_the_101_is_input(baseline: Proxy, running: str, size: int) -> None:
    """An engine would lose it; a proxy could take it for the next request."""
    early = (b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n" * size)[:size]
    instance = made(baseline, running, "cat")
    baseline.witness.forget()
    with baseline.connect(20) as connection:
        sender = threading.Thread(target=send_all, args=(connection, starting(instance) + early))
        sender.start()
        assert head_of(connection).startswith(b"HTTP/1.1 101 ")
        assert joined(whole(connection)) == early
        sender.join()
    assert "GET /_ping" not in map(str, baseline.witness.seen())


def send_all(connection: socket.socket, data: bytes) -> None:
    """Send and end the input."""
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def test_a_client_that_asks_for_no_upgrade_gets_docker_s_200(baseline: Proxy, listening: str) -> None:
    target = f"/{API}/containers/{listening}/attach?stream=1&stdin=1&stdout=1"
    with baseline.connect(10) as connection:
        connection.sendall(request(f"POST {target}", "Content-Length: 0"))
        head = head_of(connection)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"application/vnd.docker.raw-stream" in head
        assert b"ength" not in head
        assert b"ncoding" not in head
        connection.sendall(b"told\n")
        assert output(connection.recv(13, socket.MSG_WAITALL)) == b"told\n"


def test_an_attach_to_what_was_not_let_in_is_no_stream(stage: Stage, baseline: Proxy) -> None:
    name = stage.docker.run("run", "--detach", "--interactive", "--network", "none", f"{stage.evil}:1", "cat")
    target = f"/{API}/containers/{name}/attach?stream=1&stdin=1&stdout=1"
    baseline.witness.forget()
    heard = answers(baseline.send(request(f"POST {target}", *UPGRADE) + b"input", timeout=5))
    assert [answer.status for answer in heard] == [403]
    assert heard[0].headers["connection"] == "close"
    assert baseline.witness.acted() == []
    stage.docker.run("rm", "--force", name)


# -- websockets -------------------------------------------------------------------------------------------------------

KEY = base64.b64encode(b"0123456789abcdef").decode()
ACCEPT = base64.b64encode(sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()  # RFC 6455
GOOD = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}")


def ws(container: str) -> str:
    return f"GET /{API}/containers/{container}/attach/ws?stream=1&stdin=1&stdout=1"


def test_a_websocket_is_passed_on(baseline: Proxy, listening: str) -> None:
    with baseline.connect(10) as connection:
        connection.sendall(request(ws(listening), *GOOD, "Origin: http://docker"))
        head = head_of(connection).decode().lower()
        assert head.startswith("http/1.1 101 ")
        assert "upgrade: websocket" in head
        assert f"sec-websocket-accept: {ACCEPT.lower()}" in head
        text = b"told\n"
        connection.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
        frame = connection.recv(2, socket.MSG_WAITALL)
        assert connection.recv(frame[1], socket.MSG_WAITALL) == text


@pytest.mark.parametrize(
    "headers",
    [
        (*GOOD[:2], "Sec-WebSocket-Version: 99", GOOD[3]),
        (*GOOD[:2], GOOD[2]),
        (*GOOD[:2],),
        (),
    ],
    ids=["version", "no key", "neither", "no upgrade"],
)
def test_an_engine_that_refuses_a_websocket_is_heard(baseline: Proxy, listening: str, headers: tuple[str, ...]) -> None:
    smuggled = request(f"POST /{API}/containers/{listening}/kill")
    baseline.witness.forget()
    heard = answers(
        baseline.send(request(ws(listening), *headers) + (smuggled if headers else b""), timeout=5, end=True)
    )
    assert len(heard) == 1
    assert heard[0].status in {400, 500}
    assert baseline.witness.acted() == []


# -- every byte -------------------------------------------------------------------------------------------------------


def test_ten_megabytes_each_way(baseline: Proxy, running: str) -> None:
    data = os.urandom(10 * MIB)
    with begun(baseline, running, "cat") as connection:
        sender = threading.Thread(target=send_all, args=(connection, data))
        sender.start()
        assert joined(whole(connection)) == data
        sender.join()


def test_ten_megabytes_through_docker(stage: Stage, baseline: Proxy, running: str) -> None:
    data = os.urandom(10 * MIB)
    assert stage.client(baseline).attempt("exec", "--interactive", running, "cat", stdin=data).stdout == data


LINES = b"".join(b"%d\n" % number for number in range(1, 400_001))


def test_a_reader_that_rests_misses_nothing(baseline: Proxy, running: str) -> None:
    """2.7 MB, most of which waits in the proxy and before it while nobody reads."""
    with begun(baseline, running, "/bin/busybox", "seq", "1", "400000") as connection:
        time.sleep(1.5)
        assert joined(whole(connection)) == LINES


def test_the_last_of_the_output_waits_for_its_reader(baseline: Proxy, running: str) -> None:
    """The engine is done, and part of what it said is still in the proxy when clocks are looked at."""
    few = LINES[: 380 * 1024].rpartition(b"\n")[0] + b"\n"
    last = few.count(b"\n")
    with begun(baseline, running, "/bin/busybox", "seq", "1", str(last)) as connection:
        time.sleep(1.5)
        assert joined(whole(connection)) == few


@pytest.mark.parametrize("direction", ["output", "input"])
def test_whoever_does_not_keep_up_costs_no_memory(baseline: Proxy, running: str, direction: str) -> None:
    command = ("cat", "/dev/zero") if direction == "output" else ("sleep", "1000")
    before = memory(baseline)
    with begun(baseline, running, *command) as connection:
        if direction == "input":
            fill(connection, 30 * MIB)
        time.sleep(1.0)
        assert memory(baseline) - before < 16 * MIB


def test_input_ahead_of_the_101_that_nobody_takes_costs_no_memory(baseline: Proxy, running: str) -> None:
    instance = made(baseline, running, "sleep", "1000")
    before = memory(baseline)
    with baseline.connect(5) as connection:
        assert fill(connection, 30 * MIB, ahead=starting(instance)) < 3 * MIB
        assert memory(baseline) - before < 16 * MIB


def fill(connection: socket.socket, size: int, ahead: bytes = b"") -> int:
    """Send as much as is taken, up to ``size`` bytes; how much it was."""
    connection.settimeout(1.0)
    sent, data = 0, ahead + bytes(512 * 1024 - len(ahead))
    try:
        while sent < size:
            sent += connection.send(data[sent:] if sent < len(ahead) else data)
    except TimeoutError:
        return sent
    return sent


def test_a_connection_of_the_engine_is_not_left_asleep(stage: Stage, baseline: Proxy, running: str) -> None:
    """A client is slow to read the last of an answer; whoever gets the engine's connection next is not."""
    docker = stage.client(baseline)
    name = docker.run("run", "--detach", "--network", "none", f"{stage.good}:1", "/bin/busybox", "seq", "1", "60000")
    docker.run("wait", name)
    target = f"/{API}/containers/{name}/logs?stdout=1"
    whole = answers(baseline.send(request(f"GET {target}", "Connection: close")))[0].body
    assert len(whole) > 512 * 1024
    slow = [baseline.connect(5) for _ in range(3)]
    for connection in slow:
        connection.sendall(request(f"GET {target}"))
    time.sleep(0.7)
    for connection in slow:
        connection.settimeout(0.2)
        drain(connection)
        connection.settimeout(5)
    for connection in slow:
        connection.sendall(request("GET /version"))
        assert connection.recv(12) == b"HTTP/1.1 200"
        connection.close()
    docker.run("rm", name)


def test_whoever_asks_and_does_not_read_costs_no_memory(baseline: Proxy, running: str) -> None:
    """Pipelined requests wait until their answers are taken."""
    before = memory(baseline)
    asked = request(f"GET /{API}/containers/{running}/json") * 100
    with baseline.connect(2) as connection, pytest.raises(TimeoutError):
        for _ in range(1000):
            connection.sendall(asked)
    assert memory(baseline) - before < 16 * MIB


def test_answers_that_waited_are_all_there(baseline: Proxy, running: str) -> None:
    count = 500
    with baseline.connect(10) as connection:
        connection.sendall(request(f"GET /{API}/containers/{running}/json") * count)
        time.sleep(1.0)
        connection.shutdown(socket.SHUT_WR)
        assert [answer.status for answer in answers(whole(connection))] == [200] * count


# -- the end ----------------------------------------------------------------------------------------------------------


def test_the_end_of_the_input_is_not_the_end_of_the_output(stage: Stage, baseline: Proxy) -> None:
    script = "cat > /tmp/in; sleep 1; cat /tmp/in; echo done; exit 7"
    words = ("run", "--rm", "--interactive", "--network", "none", f"{stage.good}:1", "sh", "-c", script)
    done = stage.client(baseline).attempt(*words, stdin=b"one\ntwo\n")
    assert done.stdout == b"one\ntwo\ndone\n", done
    assert done.returncode == 7


@pytest.mark.parametrize("code", [0, 1, 125, 255])
def test_exit_codes(stage: Stage, baseline: Proxy, running: str, code: int) -> None:
    docker = stage.client(baseline)
    assert docker.attempt("exec", "--interactive", running, "sh", "-c", f"exit {code}").returncode == code


def test_input_that_nobody_reads(stage: Stage, baseline: Proxy, running: str) -> None:
    done = stage.client(baseline).attempt("exec", "--interactive", running, "true", stdin=os.urandom(5 * MIB))
    assert done.returncode == 0


def test_a_command_that_ends_ends_the_stream(baseline: Proxy, running: str) -> None:
    """Also for a client that would go on talking."""
    with begun(baseline, running, "echo", "hello") as connection:
        assert output(whole(connection)) == b"hello\n"
        assert within(2, lambda: gone(connection))


def gone(connection: socket.socket) -> bool:
    try:
        connection.send(b"more")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


STREAMS: dict[str, Callable[[Proxy, str], bytes]] = {
    "exec": lambda proxy, running: starting(made(proxy, running, "sleep", "1000")),
    "attach": lambda _, running: request(f"POST /{API}/containers/{running}/attach?stream=1&stdout=1", *UPGRADE),
    "events": lambda _, __: request(f"GET /{API}/events"),
    "logs": lambda _, running: request(f"GET /{API}/containers/{running}/logs?follow=1&stdout=1"),
    "stats": lambda _, running: request(f"GET /{API}/containers/{running}/stats?stream=1"),
    "wait": lambda _, running: request(f"POST /{API}/containers/{running}/wait"),
}


TWO_WAYS = {"exec", "attach"}


@pytest.mark.parametrize("port", [False, True], ids=["socket", "port"])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_client_that_vanishes_takes_its_stream_along(baseline: Proxy, running: str, kind: str, port: bool) -> None:
    data = STREAMS[kind](baseline, running)
    connection = on_port(baseline) if port else baseline.connect()
    with closing(connection):
        connection.sendall(data if not port else data.replace(b"Host: docker", b"Host: 127.0.0.1"))
        if kind not in TWO_WAYS:
            connection.settimeout(0.3)
            drain(connection)  # with nothing unread, the end looks like that of one direction
        else:
            time.sleep(0.3)
        during = baseline.witness.open_connections()
    assert within(1.0, lambda: baseline.witness.open_connections() < during)


def on_port(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=20)


@pytest.mark.parametrize("kind", ["exec", "events", "wait"])
def test_a_client_that_ended_its_input_can_still_vanish(baseline: Proxy, running: str, kind: str) -> None:
    with baseline.connect() as connection:
        connection.sendall(STREAMS[kind](baseline, running))
        time.sleep(0.3)
        connection.shutdown(socket.SHUT_WR)
        during = baseline.witness.open_connections()
        time.sleep(0.3)
        assert baseline.witness.open_connections() >= during - 1
    assert within(1.0, lambda: baseline.witness.open_connections() < during)


@pytest.mark.parametrize("kind", ["exec", "events"])
def test_a_client_whose_input_is_not_read_can_still_vanish(baseline: Proxy, running: str, kind: str) -> None:
    with baseline.connect() as connection:
        fill(connection, 30 * MIB, ahead=STREAMS[kind](baseline, running))
        during = baseline.witness.open_connections()
    assert within(1.0, lambda: baseline.witness.open_connections() < during)


# -- terminals --------------------------------------------------------------------------------------------------------


def test_a_shell_at_a_terminal(stage: Stage, baseline: Proxy) -> None:
    words = ["docker", "--host", baseline.host, "run", "--rm", "--interactive", "--tty", "--network", "none"]
    lines = [("/ #", "echo $((40+2))"), ("42", "exit 3")]
    code, screen = typed([*words, f"{stage.good}:1", "sh"], lines, env={"DOCKER_CONFIG": str(stage.docker.config)})
    assert code == 3, screen


def test_a_terminal_changes_its_size(baseline: Proxy, running: str) -> None:
    instance = made(baseline, running, "sh", tty=True)
    with baseline.connect(10) as connection:
        connection.sendall(posted(f"/{API}/exec/{instance}/start", {"Detach": False, "Tty": True}, *UPGRADE))
        assert head_of(connection).startswith(b"HTTP/1.1 101 ")
        assert baseline.ask("POST", f"/{API}/exec/{instance}/resize?h=33&w=77").status in {200, 201}
        connection.sendall(b"/bin/busybox stty size; exit\n")
        assert b"33 77" in whole(connection)
