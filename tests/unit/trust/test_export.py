"""Collections as plain files, over HTTP too: python-tuf's own client reads them."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.fakes.keys import ALICE, NAME, OTHER, House, digest, public, ref, target
from tuf.ngclient import Updater

from pytrust.trust.client.source import HttpSource
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import Damaged, NotFound
from pytrust.trust.http import HttpClient
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.publish.export import export_files
from pytrust.trust.server.static import StaticServer, look_up
from pytrust.trust.store.memory import MemoryStore


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    return house


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=partial(server.serve_forever, 0.01))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def from_store(house: House, folder: Path) -> Iterator[str]:
    with serving(StaticServer(("127.0.0.1", 0), house.store)) as place:
        yield place


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def from_files(house: House, folder: Path) -> Iterator[str]:
    export_files(house.store, NAME, folder)
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))) as place:
        yield place


@pytest.mark.parametrize("place", [from_store, from_files])
def test_python_tuf_reads_it(house: House, tmp_path: Path, place: object) -> None:
    assert callable(place)
    house.ring.promote(RoleName("bob"), ROOT)
    house.owner().rotate(NAME, ROOT, public("bob"), [])
    first = house.store.read(NAME, ROOT, 1)
    with place(house, tmp_path / "www") as server:
        (tmp_path / "plain").mkdir()
        updater = Updater(str(tmp_path / "plain"), f"http://{server}/tuf/{NAME}/", bootstrap=first)
        updater.refresh()
        found = updater.get_targetinfo("v2")
        assert found is not None
        assert found.hashes == {"sha256": digest("v2").hex}
        assert updater.get_targetinfo("v3") is None


@pytest.mark.parametrize("place", [from_store, from_files])
def test_our_own_client_reads_it(house: House, tmp_path: Path, place: object) -> None:
    assert callable(place)
    with place(house, tmp_path / "www") as server:
        source = HttpSource(f"http://{server}/", HttpClient())
        assert house.client(source=source).verify([ref("v2")])[0].digest == digest("v2")


def test_the_layout(house: House, tmp_path: Path) -> None:
    house.owner().sign(NAME, [target("v3")], [ALICE])
    export_files(house.store, NAME, tmp_path / "www")
    folder = tmp_path / "www" / "tuf" / "docker.io" / "foo" / "web"
    assert sorted(path.name for path in folder.iterdir()) == [
        "1.root.json", "1.targets.json", "2.alice.json", "2.snapshot.json", "3.releases.json", "timestamp.json",
    ]  # fmt: skip
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    assert (folder / "3.releases.json").read_bytes() == house.store.read(NAME, RoleName("releases"), 3)


def test_exporting_again_writes_only_what_is_new(house: House, tmp_path: Path) -> None:
    export_files(house.store, NAME, tmp_path / "www")
    folder = tmp_path / "www" / "tuf" / NAME
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    house.owner().sign(NAME, [target("v3")], [ALICE])
    export_files(house.store, NAME, tmp_path / "www")
    after = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert {name for name, number in before.items() if after[name] != number} == {"timestamp.json"}
    assert before.keys() < after.keys()


def test_the_timestamp_is_written_last(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytrust.trust.publish import export

    order: list[str] = []
    monkeypatch.setattr(export, "write_atomic", lambda path, data, mode: order.append(path.name))
    export_files(house.store, NAME, tmp_path / "www")
    assert order[-2:] == ["1.snapshot.json", "timestamp.json"]


def test_nothing_to_export(house: House, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        export_files(house.store, OTHER, tmp_path)
    assert not (tmp_path / "tuf").exists()


class Holey(MemoryStore):
    """A store that lost a file."""

    def read(
        self, name: CollectionName, role: RoleName, version: int | None = None, *, form: Format = Format.TUF
    ) -> bytes | None:
        return None if role == "releases" else super().read(name, role, version, form=form)


def test_a_store_that_lost_a_file(tmp_path: Path) -> None:
    house = House(tmp_path, Holey())
    house.owner().sign(NAME, [target("v1")], [ALICE])
    with pytest.raises(Damaged, match="lacks releases version 2"):
        export_files(house.store, NAME, tmp_path / "www")
    assert not (tmp_path / "www" / "tuf" / NAME / "timestamp.json").exists()


# -- the static server ----------------------------------------------------------------------------------------------

BASE = f"/tuf/{NAME}"
FOUND = [
    (f"{BASE}/timestamp.json", False),
    (f"{BASE}/1.root.json", True),
    (f"{BASE}/1.timestamp.json", True),
    (f"{BASE}/2.releases.json", True),
    (f"{BASE}/1.alice.json", True),
    ("/tuf/docker.io%2Ffoo%2Fweb/timestamp.json", False),
]
ABSENT = [
    "", "/", "/tuf", "/tuf/", "tuf/x", "/tuf/timestamp.json", BASE, f"{BASE}/", f"{BASE}/root.json",
    f"{BASE}/releases.json",
    f"{BASE}/2.root.json", f"{BASE}/0.root.json", f"{BASE}/01.root.json", f"{BASE}/-1.root.json", f"{BASE}/1.root",
    f"{BASE}/1.root.json/", f"{BASE}/1.root.json%00", f"{BASE}/%001.root.json", f"{BASE}/1.root.json%0a",
    f"{BASE}//timestamp.json", f"/{BASE}/timestamp.json", f"{BASE}/./timestamp.json", f"{BASE}/../web/timestamp.json",
    f"{BASE}/..%2fweb/timestamp.json", "/tuf/../../etc/passwd", "/tuf/..%2f..%2fetc/passwd.json",
    f"/TUF/{NAME}/timestamp.json",
    "/tuf/foo/web/timestamp.json", "/tuf/index.docker.io/foo/web/timestamp.json",
    "/tuf/DOCKER.IO/foo/web/timestamp.json",
    f"/tuf/{NAME}:latest/timestamp.json", f"/tuf/{NAME}@sha256:{'0' * 64}/timestamp.json",
    f"/tuf/{OTHER}/timestamp.json",
    f"{BASE}/{'9' * 18}.root.json", f"{BASE}/{'9' * 400}.root.json", f"{BASE}/1.{'x' * 10_000}.json",
    f"/tuf/{'a/' * 30_000}timestamp.json", f"{BASE}/1.ro%FFot.json", f"{BASE}/%31.root.json%2f",
    f"{BASE}/\u0661.root.json",
    f"/tuf{BASE}/timestamp.json",
]  # fmt: skip


@pytest.mark.parametrize(("path", "immutable"), FOUND)
def test_paths_that_name_a_file(house: House, path: str, immutable: bool) -> None:
    found = look_up(house.store, path)
    assert found is not None
    assert found[1] is immutable
    assert found[0].startswith(b'{"sig')


@pytest.mark.parametrize("path", ABSENT, ids=lambda path: path[:60])
def test_paths_that_name_nothing(house: House, path: str) -> None:
    assert look_up(house.store, path) is None


@pytest.fixture
def server(house: House) -> Iterator[http.client.HTTPConnection]:
    with serving(StaticServer(("127.0.0.1", 0), house.store)) as place:
        connection = http.client.HTTPConnection(place, timeout=5)
        yield connection
        connection.close()


def test_a_connection_is_kept(house: House, server: http.client.HTTPConnection) -> None:
    sockets = set()
    for _ in range(3):
        server.request("GET", f"{BASE}/1.root.json?x=y")
        answer = server.getresponse()
        assert (answer.status, answer.read()) == (200, house.store.read(NAME, ROOT, 1))
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        sockets.add(server.sock)
    assert len(sockets) == 1


def test_head_has_no_body(house: House, server: http.client.HTTPConnection) -> None:
    server.request("HEAD", f"{BASE}/timestamp.json")
    answer = server.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(house.store.read(NAME, RoleName("timestamp")) or b"")
    assert answer.headers["Cache-Control"] == "no-cache"
    server.request("GET", f"{BASE}/timestamp.json")
    assert server.getresponse().read()


def test_what_is_not_there(server: http.client.HTTPConnection) -> None:
    for _ in range(2):
        server.request("GET", "/etc/passwd")
        answer = server.getresponse()
        assert (answer.status, answer.read()) == (404, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "FOO"])
def test_other_methods(server: http.client.HTTPConnection, method: str) -> None:
    server.request(method, f"{BASE}/timestamp.json")
    assert server.getresponse().status == 501


def test_an_endless_request_line(server: http.client.HTTPConnection) -> None:
    server.request("GET", "/" + "x" * 70_000)
    assert server.getresponse().status == 414


class Broken(MemoryStore):
    """A store that cannot be read."""

    def read(
        self, name: CollectionName, role: RoleName, version: int | None = None, *, form: Format = Format.TUF
    ) -> bytes | None:
        raise Damaged("the store is damaged")


def test_a_store_that_cannot_be_read_is_our_fault_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StaticServer(("127.0.0.1", 0), Broken())) as place:
        connection = http.client.HTTPConnection(place, timeout=5)
        connection.request("GET", f"{BASE}/timestamp.json")
        assert connection.getresponse().status == 503
        connection.close()
    assert "Traceback" not in capsys.readouterr().err


def test_a_peer_that_hangs_up_is_no_traceback(capsys: pytest.CaptureFixture[str], house: House) -> None:
    import socket
    import struct
    import time

    with serving(StaticServer(("127.0.0.1", 0), house.store)) as place:
        host, port = place.split(":")
        for _ in range(5):
            peer = socket.create_connection((host, int(port)))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.sendall(f"GET {BASE}/timestamp.json HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            peer.close()
        time.sleep(0.1)
    assert "Traceback" not in capsys.readouterr().err
