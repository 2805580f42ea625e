"""Against hosts that were enrolled, by whoever has stolen the key of the enrolment server and stands in its place."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.rig.enrolment import Host, Office

Page = tuple[int, bytes]


@dataclass
class Thief:
    """What it answers, by method and place; all else is 404."""

    pages: dict[str, Page]
    heard: list[str] = field(default_factory=list)
    port: int = 0


@contextlib.contextmanager
def thief(keys: Path, pages: dict[str, Page]) -> Iterator[Thief]:
    """Serve with the key and certificate in ``keys``."""
    made, context = Thief(pages), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "cert.pem", keys / "key.pem")

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            what = f"{self.command} {self.path}"
            made.heard.append(what)
            status, body = made.pages.get(what, (404, b""))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"https://localhost:{made.port}/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@dataclass
class Site:
    """An authority, another one, a host of the first, and what the true server says."""

    office: Office
    other: Office
    host: Host
    true: dict[str, Page]
    foreign: dict[str, Page]

    @property
    def stolen(self) -> Path:
        return self.office.host.home / "ca" / "servers" / "localhost"

    def folder(self, name: str) -> Path:
        return self.host.enrolled(name)


def pages_of(office: Office) -> dict[str, Page]:
    places = ("/v1/roots", "/v1/bundle/clients", "/v1/crl", "/v1/issuers")
    found: dict[str, Page] = {}
    for place in places:
        status, body = office.ask("GET", place)
        found[f"GET {place}"] = status, body if isinstance(body, bytes) else json.dumps(body).encode()
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    office, other = (Office.make(tmp_path_factory.mktemp(name)) for name in ("ours", "theirs"))
    host = Host(tmp_path_factory.mktemp("host") / "home")
    with other.serving():
        foreign = pages_of(other)
    with office.serving():
        host.run("request", office.address, stdin=office.token("alice"))
        host.run("request", office.address, stdin=office.token("--server", "docker2"))
        before = pages_of(office)
        office.host.run("client", "mallory")
        office.host.run("revoke", "mallory")
        host.run("agent", "--once")
        return Site(office, other, host, pages_of(office) | {"OLD": before["GET /v1/crl"]}, foreign)


def state(folder: Path) -> dict[str, bytes]:
    """All that counts in a folder; a key that waits for its certificate may stay."""
    names = ("ca.pem", "cert.pem", "key.pem", "crl.pem", "enrolment.json")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def look(site: Site, name: str, pages: dict[str, Page]) -> tuple[int, str, bool]:
    """Let the agent look at a folder once, at the thief: its exit code and words, and whether anything is another."""
    folder = site.folder(name)
    record = json.loads((folder / "enrolment.json").read_text())
    with thief(site.stolen, site.true | pages) as liar:
        (folder / "enrolment.json").write_text(json.dumps(record | {"server": f"localhost:{liar.port}"}))
        before = state(folder)
        done = site.host.attempt("agent", "--once", str(folder))
        changed = state(folder) != before
        assert "GET /elsewhere" not in liar.heard
    (folder / "enrolment.json").write_text(json.dumps(record))
    return done.returncode, done.stderr, changed


def test_the_thief_passes_for_the_server(site: Site) -> None:
    """Else the tests below would show nothing."""
    assert look(site, "alice", {}) == (0, "", False)
    assert look(site, "docker2", {}) == (0, "", False)


LIES: list[tuple[str, str, Page | str]] = [
    ("alice", "GET /v1/roots", "foreign"),
    ("alice", "GET /v1/roots", (200, b"")),
    ("alice", "GET /v1/roots", (200, b"\xff\xfe")),
    ("alice", "GET /v1/roots", (200, b"<html>come back later</html>")),
    ("alice", "GET /v1/roots", (302, b"")),
    ("alice", "GET /v1/issuers", (200, b"[" * 100_000)),
    ("alice", "GET /v1/issuers", (200, b"x" * 1_000_000)),
    ("docker2", "GET /v1/roots", "foreign"),
    ("docker2", "GET /v1/bundle/clients", "foreign"),
    ("docker2", "GET /v1/bundle/clients", (200, b"")),
    ("docker2", "GET /v1/crl", "foreign"),
    ("docker2", "GET /v1/crl", "old"),
    ("docker2", "GET /v1/crl", (200, b"")),
    ("docker2", "GET /v1/crl", (307, b"")),
    ("docker2", "GET /v1/crl", (204, b"")),
]


@pytest.mark.parametrize(("name", "what", "lie"), LIES)
def test_a_lie_changes_nothing(site: Site, name: str, what: str, lie: Page | str) -> None:
    page = site.foreign[what] if lie == "foreign" else site.true["OLD"] if lie == "old" else lie
    assert isinstance(page, tuple)
    code, said, changed = look(site, name, {what: page})
    assert code in {1, 3, 4}
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert not changed
    assert look(site, name, {}) == (0, "", False), "the next look is as if nothing had been"


def renewed(site: Site, name: str, **lies: Any) -> Page:
    """An answer to a renewal with parts of somebody else."""
    files = state(site.folder(name))
    record = json.loads(files["enrolment.json"])
    said = {
        "kind": record["kind"],
        "name": record["name"],
        "certificate": files["cert.pem"].decode(),
        "ca": files["ca.pem"].decode(),
        "crl": files.get("crl.pem", b"").decode(),
        "roots": record["roots"],
        "renew_at": 0,
    }
    return 200, json.dumps(said | lies).encode()


@pytest.mark.parametrize("name", ["alice", "docker2"])
def test_a_renewal_that_is_none(site: Site, name: str) -> None:
    """The certificate there was is sent again, for the new key: nothing but half a pair could come of it."""
    due = {"GET /v1/issuers": (200, b'{"client": "another", "server": "another"}')}
    code, said, changed = look(site, name, due | {"POST /v1/renew": renewed(site, name)})
    assert (code, "for another key" in said, changed) == (1, True, False)
    code, said, changed = look(site, name, due | {"POST /v1/renew": renewed(site, name, crl="-" * 9_000_000)})
    assert (code, "for another key" in said, changed) == (1, True, False), "long lists are read like short ones"
    roots = site.foreign["GET /v1/roots"][1].decode()
    code, said, changed = look(site, name, due | {"POST /v1/renew": renewed(site, name, roots=roots, ca=roots)})
    assert (code, "known before" in said, changed) == (1, True, False)


@pytest.mark.parametrize("name", ["../../../escaped", "/tmp/pytrust-escaped", "..", "alice/../../escaped"])
def test_the_authority_does_not_say_where_files_go(site: Site, tmp_path: Path, name: str) -> None:
    host = Host(tmp_path / "a" / "b" / "home")
    says = json.dumps({"kind": "client", "names": [name], "exact": True}).encode()
    with thief(site.stolen, site.true | {"POST /v1/token": (200, says)}) as liar:
        done = host.attempt("request", f"localhost:{liar.port}", stdin=site.office.token(f"x{len(name)}"))
    assert (done.returncode, "is not a client name" in done.stderr) == (2, True)
    assert not [path for path in tmp_path.rglob("*") if path.name in {"key.pem", ".next", "escaped"}]
    assert not Path("/tmp/pytrust-escaped").exists()
