"""The application upon a backend in memory: routes to answers, headers, who may, and what is logged."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path

import pytest
from starlette.types import ASGIApp
from tests.fakes.asgi_client import Answer, Client, living
from tests.fakes.password_house import House
from tests.fakes.trust_backend import Broken, FakeBackend, first_upload, metadata

from pytrust.trust.limits import UPLOAD_MAX_BYTES
from pytrust.trust.server.app import Door, make_app
from pytrust.trust.server.auth import NoAuth, load_gate, parse_auth
from pytrust.trust.server.desk import Parts
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.server.rows import Rows, make_rows

GUN = "docker.io/foo/web"
BASE = f"/v2/{GUN}/_trust/tuf/"
FORM = ("Content-Type", "multipart/form-data; boundary=x")


def form(files: dict[str, bytes]) -> list[bytes]:
    """A body, in pieces that end anywhere."""
    whole = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="files"; filename="{role}"\r\n\r\n'.encode() + data + b"\r\n"
        for role, data in files.items()
    )
    whole += b"--x--\r\n"
    return [whole[start : start + 50] for start in range(0, len(whole), 50)]


@dataclass
class Scene:
    """One server, begun anew each time upon the same backend; ``lines`` is its log."""

    backend: FakeBackend
    make: Callable[[], ASGIApp]
    lines: list[str] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)

    def run(self, play: Callable[[Client], Awaitable[None]]) -> None:
        """Let something happen while the server lives."""

        async def whole() -> None:
            client = Client(self.make())
            async with living(client.app):
                await play(client)

        asyncio.run(asyncio.wait_for(whole(), 30))

    def ask(self, method: str, target: str, *body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """One request."""
        found: list[Answer] = []

        async def play(client: Client) -> None:
            found.append(await client.ask(method, target, body, headers))

        self.run(play)
        return found[0]


def build(folder: Path, house: House | None = None, prefixes: tuple[str, ...] = ()) -> Scene:
    settings = parse_auth(house.table, house.folder, "serve.toml") if house else NoAuth()
    gate, tokens = load_gate(settings, house.clock if house else now)
    make_rows(folder / "counters")
    scene = Scene(FakeBackend(), lambda: make_app(door, parts, lambda: scene.closed.append(len(scene.backend.users))))
    parts = Parts(scene.backend, tokens, Rows(folder / "counters"), scene.lines.append, now)
    door = Door(settings, gate, prefixes)
    return scene


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    found = build(tmp_path)
    found.backend.publish(GUN, first_upload(), "somebody")
    return found


def test_files_by_every_name_are_the_bytes_that_were_published(scene: Scene) -> None:
    root = first_upload()["root"]
    digest = sha256(root).hexdigest()
    for name in ("root.json", "1.root.json", f"root.{digest}.json"):
        answer = scene.ask("GET", BASE + name)
        assert (answer.status, answer.body) == (200, root), name
    assert scene.ask("GET", f"/tuf/{GUN}/1.root.json").body == root


def test_headers_of_files(scene: Scene) -> None:
    current = scene.ask("GET", f"{BASE}timestamp.json").headers
    assert current["cache-control"] == "public, max-age=300, s-maxage=300, must-revalidate"
    consistent = scene.ask("GET", f"{BASE}1.root.json").headers
    assert consistent["cache-control"] == "public, max-age=2592000, s-maxage=2592000"
    for headers in (current, consistent):
        assert headers["last-modified"].endswith(" GMT")
        age = datetime.now(UTC) - parsedate_to_datetime(headers["last-modified"])
        assert timedelta(seconds=-1) < age < timedelta(seconds=60)
        assert headers["content-type"] == "application/json"
        assert headers["x-content-type-options"] == "nosniff"
    assert scene.ask("GET", f"/tuf/{GUN}/1.root.json").headers["cache-control"].endswith("immutable")
    assert scene.ask("GET", f"/tuf/{GUN}/timestamp.json").headers["cache-control"] == "no-cache"


NOTHING = [
    f"{BASE}snapshot.{'0' * 64}.json",
    f"{BASE}9.root.json",
    f"{BASE}targets/alice.json",
    "/v2/docker.io/foo/other/_trust/tuf/root.json",
    f"/tuf/{GUN}/root.json",
    f"/tuf/{GUN}/9.root.json",
    "/tuf/other/timestamp.json",
    "/v2/a*b/_trust/tuf/root.json",
    "/v2/x",
    "/auth/token",
]


@pytest.mark.parametrize("target", NOTHING)
def test_not_found(scene: Scene, target: str) -> None:
    answer = scene.ask("GET", target)
    assert answer.status == 404
    assert answer.error == {"code": "METADATA_NOT_FOUND", "message": Code.METADATA_NOT_FOUND.text}
    assert answer.body.endswith(b"\n")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


def test_the_role_of_a_checksum_counts(scene: Scene) -> None:
    digest = sha256(first_upload()["root"]).hexdigest()
    assert scene.ask("GET", f"{BASE}targets.{digest}.json").status == 404


def test_small_answers(scene: Scene) -> None:
    assert scene.ask("GET", "/v2/").body == b"{}"
    assert scene.ask("GET", "/_notary_server/health").body == b"{}"
    moved = scene.ask("GET", f"//v2/{GUN}//_trust/changefeed?records=1")
    assert (moved.status, moved.headers["location"]) == (301, f"/v2/{GUN}/_trust/changefeed?records=1")
    patched = scene.ask("PATCH", BASE)
    assert (patched.status, patched.body) == (405, b"")
    assert scene.ask("HEAD", f"{BASE}root.json").status == 404


def test_health_says_what_is_wrong(scene: Scene) -> None:
    scene.backend.trouble = Broken("no disk")
    answer = scene.ask("GET", "/_notary_server/health")
    assert (answer.status, answer.json) == (503, {"store": "no disk"})


def test_publish(scene: Scene) -> None:
    files = {"targets": metadata("targets", 2), "targets/releases": metadata("targets", 1), "timestamp": b"ignored"}
    answer = scene.ask("POST", BASE, *form(files), headers=(FORM,))
    assert (answer.status, answer.body) == (200, b"")
    assert scene.ask("GET", f"{BASE}targets/releases.json").body == files["targets/releases"]
    assert scene.ask("GET", f"{BASE}2.timestamp.json").status == 200
    assert scene.lines == [f"publish {GUN} by somebody from 192.0.2.7: done"]


def test_an_empty_publish_is_one(scene: Scene) -> None:
    assert scene.ask("POST", BASE, *form({}), headers=(FORM,)).status == 200
    assert scene.ask("GET", f"{BASE}2.snapshot.json").status == 200


REFUSED = [
    ({"targets": metadata("targets", 1)}, "VERSION", "targets is at version 1 already"),
    ({"targets/Alice": b"{}"}, "INVALID_ROLE", "'targets/Alice' is not a role"),
    ({"targets": b"no json"}, "MALFORMED_JSON", "it is no JSON of a role"),
    ({"": b"{}"}, "NO_FILENAME", "a part has no file name: it is the role"),
    ({"root": b"x" * 600_000}, "MALFORMED_UPLOAD", "the upload cannot be read: root is larger than 512000 bytes"),
]


@pytest.mark.parametrize(("files", "code", "why"), REFUSED)
def test_refused_publishes_say_why(scene: Scene, files: dict[str, bytes], code: str, why: str) -> None:
    before = scene.ask("GET", f"{BASE}timestamp.json").body
    answer = scene.ask("POST", BASE, *form(files), headers=(FORM,))
    assert answer.status == 400
    assert answer.error["code"] == code
    assert answer.error["detail"] == {"Name": "ErrValidation", "Error": {"Msg": why}}
    assert scene.ask("GET", f"{BASE}timestamp.json").body == before
    assert scene.lines == [f"publish {GUN} by somebody from 192.0.2.7: refused: {code.lower()}: {why}"]


def test_a_missing_role_is_named(scene: Scene) -> None:
    files = {"root": first_upload()["root"]}
    answer = scene.ask("POST", "/v2/x/new/_trust/tuf/", *form(files), headers=(FORM,))
    assert answer.error["detail"] == {"Name": "ErrBadHierarchy", "Error": {"Msg": "no targets", "Missing": "targets"}}


@pytest.mark.parametrize("headers", [(), (("Content-Type", "application/json"),)])
def test_what_is_no_form_is_refused(scene: Scene, headers: tuple[tuple[str, str], ...]) -> None:
    assert scene.ask("POST", BASE, *form(first_upload()), headers=headers).error["code"] == "MALFORMED_UPLOAD"


def test_an_upload_without_end_is_refused_with_a_reason(scene: Scene) -> None:
    pieces = [b"--x\r\n", *[b"\r\n" * 50_000] * (UPLOAD_MAX_BYTES // 100_000 + 1)]
    answer = scene.ask("POST", BASE, *pieces, headers=(FORM,))
    assert (answer.status, answer.error["code"]) == (400, "MALFORMED_UPLOAD")


def test_a_peer_that_leaves_publishes_nothing(scene: Scene) -> None:
    pieces = form({"targets": metadata("targets", 2)})

    async def play(client: Client) -> None:
        answer = await client.ask("POST", BASE, pieces[:-1], [FORM], leaves=True)
        assert answer.status == 408

    scene.run(play)
    assert scene.ask("GET", f"{BASE}2.targets.json").status == 404
    assert scene.lines == [f"publish {GUN} by somebody from 192.0.2.7: refused: timeout: the client went away"]


def test_delete_and_rotate(scene: Scene) -> None:
    first = scene.ask("GET", f"{BASE}timestamp.key")
    assert first.status == 200
    assert scene.ask("GET", f"{BASE}timestamp.key").body == first.body
    rotated = scene.ask("POST", f"{BASE}timestamp.key")
    assert (rotated.status, rotated.body != first.body) == (200, True)
    gone = scene.ask("DELETE", BASE)
    assert (gone.status, gone.body) == (200, b"")
    assert scene.ask("GET", f"{BASE}root.json").status == 404
    assert scene.ask("DELETE", BASE).status == 200
    assert scene.lines[0] == f"new timestamp key for {GUN} by somebody from 192.0.2.7: done"
    assert scene.lines[1:] == [f"delete {GUN} by somebody from 192.0.2.7: done"] * 2


def test_changefeeds(scene: Scene) -> None:
    scene.backend.publish("docker.io/foo/other", first_upload(), "")
    of_one = scene.ask("GET", f"/v2/{GUN}/_trust/changefeed?records=10").json
    assert [record["GUN"] for record in of_one["records"]] == [GUN]
    of_all = scene.ask("GET", "/v2/_trust/changefeed?records=1&change_id=-1").json
    assert [record["GUN"] for record in of_all["records"]] == ["docker.io/foo/other"]
    assert scene.ask("GET", "/v2/_trust/changefeed").error["code"] == "INVALID_PARAMETERS"


def test_trouble_of_ours_is_503_and_a_line(scene: Scene) -> None:
    scene.backend.trouble = Broken("the disk /dev/sda is full")
    for method, target, body in (("GET", f"{BASE}root.json", []), ("POST", BASE, form(first_upload()))):
        answer = scene.ask(method, target, *body, headers=(FORM,))
        assert (answer.status, answer.error["code"]) == (503, "UNAVAILABLE")
        assert b"sda" not in answer.body
        assert int(answer.headers["retry-after"]) > 0
    assert "error: GetRole: the disk /dev/sda is full" in scene.lines


def test_what_nobody_foresaw_is_500_and_a_line(scene: Scene) -> None:
    scene.backend.trouble = ZeroDivisionError("division")
    answer = scene.ask("GET", f"{BASE}root.json")
    assert (answer.status, answer.error["code"]) == (500, "UNKNOWN")
    assert b"division" not in answer.body
    assert scene.lines == ["error: GetRole: internal: ZeroDivisionError: division"]


def test_counters(scene: Scene) -> None:
    scene.ask("GET", f"{BASE}timestamp.json")
    scene.ask("GET", f"{BASE}targets/x.json")
    scene.ask("POST", BASE, *form({}), headers=(FORM,))
    scene.ask("POST", BASE, headers=(FORM,))
    scene.backend.trouble = Broken("x")
    scene.ask("POST", BASE, *form({}), headers=(FORM,))
    scene.backend.trouble = Refusal(Code.UNAVAILABLE, "busy")
    scene.ask("POST", BASE, *form({}), headers=(FORM,))
    text = scene.ask("GET", "/metrics").body.decode()
    for line in (
        'notary_server_http_requests_total{code="200",method="get",operation="GetRole"} 1',
        'notary_server_http_requests_total{code="404",method="get",operation="GetRole"} 1',
        'notary_server_http_requests_total{code="503",method="post",operation="UpdateTUF"} 2',
        'pytrust_publishes_total{outcome="accepted"} 1',
        'pytrust_publishes_total{outcome="refused"} 1',
        'pytrust_publishes_total{outcome="failed"} 2',
        "pytrust_timestamp_age_seconds_count 1",
    ):
        assert line in text
    assert GUN not in text


def test_the_page(scene: Scene) -> None:
    answer = scene.ask("GET", "/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert GUN in answer.body.decode()


def test_the_page_is_not_made_for_each_who_asks(scene: Scene) -> None:
    seen: list[Answer] = []

    async def play(client: Client) -> None:
        first = await client.ask("GET", "/")
        scene.backend.publish("docker.io/foo/later", first_upload(), "")
        seen.extend([first, await client.ask("GET", "/")])

    scene.run(play)
    assert seen[0].body == seen[1].body
    assert "later" in scene.ask("GET", "/").body.decode()


def test_prefixes(tmp_path: Path) -> None:
    scene = build(tmp_path, prefixes=("docker.io/foo/", "registry.example.com/"))
    assert scene.ask("POST", BASE, *form(first_upload()), headers=(FORM,)).status == 200
    for name in ("docker.io/other/web", "docker.io/fo", "docker.io/foo"):
        refused = scene.ask("POST", f"/v2/{name}/_trust/tuf/", *form(first_upload()), headers=(FORM,))
        assert (refused.status, refused.error["code"]) == (400, "INVALID_GUN")
        for target in (
            f"/v2/{name}/_trust/tuf/root.json",
            f"/v2/{name}/_trust/changefeed?records=1",
            f"/tuf/{name}/1.root.json",
        ):
            assert scene.ask("GET", target).status == 404
    assert scene.ask("GET", "/v2/_trust/changefeed?records=1").status == 200


def test_the_end_waits_for_publishes(tmp_path: Path) -> None:
    scene = build(tmp_path)

    async def play(client: Client) -> None:
        scene.backend.hold.clear()
        publishing = asyncio.create_task(client.ask("POST", BASE, form(first_upload()), [FORM]))
        await asyncio.sleep(0.2)
        publishing.cancel()  # as if its connection were gone
        threading.Timer(0.3, scene.backend.hold.set).start()

    scene.run(play)
    assert scene.closed == [1]  # one was published when the backend was left


# With passwords.


def basic(user: str, password: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def house(tmp_path: Path) -> House:
    found = House(tmp_path)
    found.table |= {"service": "trust.example.com"}
    found.users(alice="wonder:land")
    return found


@pytest.fixture
def guarded(tmp_path: Path, house: House) -> Scene:
    (tmp_path / "server").mkdir()
    scene = build(tmp_path / "server", house)
    scene.backend.publish(GUN, first_upload(), "")
    return scene


def test_challenges(guarded: Scene) -> None:
    realm = 'Bearer realm="https://trust.example.com:4443/auth/token",service="trust.example.com",scope='
    for method, target, scope in (
        ("GET", "/v2/", "registry:catalog:*"),
        ("GET", "/nowhere", "registry:catalog:*"),
        ("GET", "/v2/_trust/changefeed?records=1", "registry:catalog:*"),
        ("POST", BASE, f"repository:{GUN}:push,pull"),
        ("GET", f"{BASE}timestamp.key", f"repository:{GUN}:push,pull"),
        ("DELETE", BASE, f"repository:{GUN}:*"),
        ("POST", f"{BASE}timestamp.key", f"repository:{GUN}:*"),
    ):
        answer = guarded.ask(method, target)
        assert answer.status == 401, target
        assert answer.headers["www-authenticate"] == f'{realm}"{scope}"'
        assert answer.error["code"] == "UNAUTHORIZED"
    assert guarded.ask("GET", f"{BASE}root.json").status == 200


def test_who_is_let_in_and_told_of(guarded: Scene) -> None:
    said = basic("alice", "wonder:land")
    token = guarded.ask(
        "GET", f"/auth/token?service=trust.example.com&scope=repository:{GUN}:push,pull", headers=(said,)
    ).json["token"]
    for proof in (said, ("Authorization", f"Bearer {token}")):
        version = 2 if proof is said else 3
        answer = guarded.ask("POST", BASE, *form({"targets": metadata("targets", version)}), headers=(FORM, proof))
        assert answer.status == 200
    assert guarded.backend.users[1:] == ["alice", "alice"]
    assert guarded.lines == [f"publish {GUN} by alice from 192.0.2.7: done"] * 2
    assert guarded.ask("DELETE", BASE, headers=(said,)).status == 401


def test_nobody_uploads_before_being_known(guarded: Scene) -> None:
    async def play(client: Client) -> None:
        body = asyncio.create_task(client.ask("POST", BASE, [b"x"], [FORM, basic("alice", "wrong")], pause=60))
        answer = await asyncio.wait_for(body, 5)
        assert answer.status == 401

    guarded.run(play)


def test_the_page_asks_as_browsers_understand(guarded: Scene) -> None:
    assert guarded.ask("GET", "/").headers["www-authenticate"].startswith("Basic ")
    assert guarded.ask("GET", "/", headers=(basic("alice", "wonder:land"),)).status == 200


def test_no_line_has_a_secret(guarded: Scene) -> None:
    guarded.ask("POST", BASE, *form({}), headers=(FORM, basic("alice", "wonder:land")))
    guarded.ask("POST", BASE, *form({}), headers=(FORM, ("Authorization", "Bearer abc.def.ghi")))
    guarded.ask("POST", "/auth/token", b"grant_type=password&username=alice&password=wonder:land&service=x")
    assert not [line for line in guarded.lines if "wonder" in line or "abc.def" in line or "Basic" in line]


def test_two_readings_of_who_asks(guarded: Scene) -> None:
    twice = guarded.ask("GET", f"{BASE}root.json", headers=(basic("alice", "wonder:land"), basic("bob", "x")))
    assert (twice.status, twice.error["code"]) == (400, "INVALID_PARAMETERS")


def test_passwords_that_are_gone_are_503(guarded: Scene, house: House) -> None:
    (house.folder / "users").unlink()
    answer = guarded.ask("POST", BASE, headers=(FORM, basic("alice", "wonder:land")))
    assert answer.status == 503


def test_refusals_of_a_backend_pass_as_they_are(scene: Scene) -> None:
    scene.backend.trouble = Refusal(Code.INVALID_GUN, "nobody is called that")
    answer = scene.ask("GET", f"{BASE}timestamp.key")
    assert (answer.status, answer.error["detail"]["Error"]["Msg"]) == (400, "nobody is called that")
