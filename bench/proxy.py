"""The proxy before a real engine: beside HAProxy with the rules usual in docker socket proxies, and beside no proxy."""

from __future__ import annotations

import http.client
import json
import re
import socket
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from tests.rig.dockerd import private_engine
from tests.rig.images import Docker
from tests.rig.ports import answers, free_port
from tests.rig.processes import environment, find, running
from tests.rig.proxy import API, Proxy, Stage, make_stage
from tests.rig.registry import private_registry

from bench.harness import alternate, report

_CONNECTIONS: Final = 16
_ROUNDS: Final = 5
_SECONDS: Final = 2
_DOWNLOAD_BYTES: Final = 200_000_000
_STREAMS: Final = 1000
_MEMORY_GOAL: Final = 80.0  # MB
_PLAIN: Final = json.loads(Path("tests/vectors/engine_bodies/container-plain.json").read_text())
_UNITS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}

# The rules of the docker socket proxies that are built on HAProxy: methods, and paths by regular expression.
_HAPROXY: Final = """
global
    maxconn 4000
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 10m
    timeout server 10m
    option http-server-close
backend engine
    server engine unix@{engine}
frontend docker
    bind 127.0.0.1:{port}
    http-request deny unless METH_GET or {{ method POST }} or {{ method HEAD }}
    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/_ping }}
    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/version }}
    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/events }}
    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/containers }}
    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/exec }}
    http-request deny
    default_backend engine
"""


def requests() -> None:
    """Small answers, keep-alive, 16 connections: requests a second, and the 99th percentile of the time."""
    with bench_stage() as stage, stage.proxy(witnessed=False) as proxy, _haproxy(stage) as peer:
        for bench, path in (("proxy.ping", "/_ping"), ("proxy.containers_json", f"/{API}/containers/json")):
            ours, theirs = _in_turns(partial(_load, path), proxy.port, peer)
            rate, peer_rate = (statistics.median(rate for rate, _ in runs) for runs in (ours, theirs))
            late, peer_late = (statistics.median(late for _, late in runs) for runs in (ours, theirs))
            name = _haproxy_version()
            report(bench, "req/s", rate, 1.0, peer=peer_rate, peer_name=name, ratio=rate / peer_rate)
            report(f"{bench}.p99", "ms", late, 1.0, peer=peer_late, peer_name=name, ratio=peer_late / late)


def download() -> None:
    """200 MB out of a container, as a stream after 101."""
    with bench_stage() as stage, stage.proxy(witnessed=False) as proxy, _haproxy(stage) as peer:
        container = _sleeper(stage, proxy)
        ours, theirs = alternate(
            lambda: _stream(proxy.port, container), lambda: _stream(peer, container), rounds=_ROUNDS
        )
    rates = [_DOWNLOAD_BYTES / seconds / 1e6 for seconds in (ours, theirs)]
    report("proxy.download", "MB/s", rates[0], 0.7, peer=rates[1], peer_name=_haproxy_version(), ratio=theirs / ours)


def create() -> None:
    """Creating a container with warm trust, beside the engine itself; the body is that of ``docker create``."""
    with bench_stage() as stage, stage.proxy(witnessed=False) as proxy:
        digest = f"{stage.good}@{stage.digests['good:1']}"
        made: list[str] = []
        ours, theirs = alternate(
            lambda: made.append(create_container(proxy.path, f"{stage.good}:1")),
            lambda: made.append(create_container(stage.engine.socket, digest)),
            rounds=101,
            pause=0.01,
        )
        for container in made:
            stage.docker.run("rm", container)
    report("proxy.create", "ms", ours * 1e3, 1 / 1.15, peer=theirs * 1e3, peer_name="engine", ratio=theirs / ours)


def memory() -> None:
    """A thousand streams on which nothing happens."""
    with bench_stage() as stage, stage.proxy(witnessed=False) as proxy, ExitStack() as opened:
        for _ in range(_STREAMS):
            stream = opened.enter_context(proxy.connect())
            stream.sendall(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
            assert b" 200 OK" in stream.recv(4096)
        used = _resident(proxy.daemon.pid) / 1e6
    report("proxy.memory", "MB", used, 1.0, ratio=_MEMORY_GOAL / used)


BENCHES: Final[dict[str, Callable[[], None]]] = {
    "proxy.requests": requests,
    "proxy.download": download,
    "proxy.create": create,
    "proxy.memory": memory,
}


@contextmanager
def bench_stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name:
        folder = Path(name)
        with private_engine(folder / "engine") as engine, private_registry(folder / "registry") as registry:
            yield make_stage(folder, engine, registry, Docker(engine.host, folder / "docker"))


@contextmanager
def _haproxy(stage: Stage) -> Iterator[int]:
    """HAProxy before the same engine; gives its port."""
    port, config = free_port(), stage.folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(engine=stage.engine.socket, port=port))
    with running(["haproxy", "-db", "-f", config], log=stage.folder / "haproxy.log", ready=lambda: answers(port)):
        yield port


def _in_turns(
    load: Callable[[int], tuple[float, float]], ours: int, peer: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    results: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for number in range(_ROUNDS + 1):
        for runs, port in zip(results, (ours, peer), strict=True):
            result = load(port)
            if number:
                runs.append(result)
    return results


def _load(path: str, port: int) -> tuple[float, float]:
    """Requests a second, and the 99th percentile in ms."""
    words = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}", "--latency", f"http://127.0.0.1:{port}{path}"]
    said = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True).stdout
    rate, late = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    assert rate is not None, said
    assert late is not None, said
    assert "Non-2xx" not in said, said
    return float(rate[1]), float(late[1]) * _UNITS[late[2]]


def _sleeper(stage: Stage, proxy: Proxy) -> str:
    return stage.client(proxy).run("run", "-d", f"{stage.good}:1", "sleep", "1000")


def _stream(port: int, container: str) -> None:
    """Run a program that writes, and read all it writes."""
    command = ["sh", "-c", f"busybox head -c {_DOWNLOAD_BYTES} /dev/zero"]
    exec_id = _post(port, f"/{API}/containers/{container}/exec", {"AttachStdout": True, "Tty": True, "Cmd": command})
    body = json.dumps({"Detach": False, "Tty": True}).encode()
    head = (
        f"POST /{API}/exec/{exec_id}/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    buffer, count = bytearray(1 << 20), 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + body)
        while got := connection.recv_into(buffer):
            count += got
    assert count >= _DOWNLOAD_BYTES, f"{count} bytes came"


def _post(port: int, path: str, body: object) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "Host": "localhost"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return str(answer["Id"])


def create_container(path: Path, image: str) -> str:
    body = json.dumps(_PLAIN | {"Image": image, "Cmd": ["true"]}).encode()
    head = f"POST /{API}/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return str(json.loads(answer.read())["Id"])


def _resident(pid: int) -> float:
    """Bytes of memory that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return float(found[1]) * 1024


def _haproxy_version() -> str:
    program = find("haproxy")
    assert program is not None, "proxy benchmarks need haproxy and wrk: scripts/install-packages --bench"
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+\.\d+)", said)
    return f"haproxy {found[1] if found else ''}".strip()
