"""Every question gets an answer, in time, whatever the engine, the host and the trust source do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.engine import FakeEngine, Scripted, answer, serve
from tests.fakes.repository import FakeCollection, FakeRepository
from tests.fakes.vaulted import FakeVaulted
from tests.rig.asking import asking

from pytrust.policy import engine_facts, execs, gather
from pytrust.policy.core.facts import (
    Admission,
    Container,
    ContainerQuery,
    EngineInfo,
    EngineQuery,
    ExecInstance,
    ExecQuery,
    Fact,
    HeldImage,
    HostPath,
    ImageQuery,
    Missing,
    NotDeliverable,
    PathQuery,
    Query,
    SecretsQuery,
    Signed,
    TrustQuery,
    Unavailable,
    Volume,
    VolumeQuery,
)
from pytrust.policy.engine_facts import Ask
from pytrust.policy.execs import Execs
from pytrust.policy.gather import Gatherer
from pytrust.policy.secret_facts import SecretFacts
from pytrust.policy.trust_facts import TrustFacts
from pytrust.trust.client.cache import Cache
from pytrust.trust.errors import Unsound
from pytrust.trust.http import Deadline
from pytrust.trust.names import CollectionName, ImageRef
from pytrust.trust.vault.delivery import Deliveries
from pytrust.trust.vault.names import SecretName

IMAGE, CONTAINER = "sha256:" + "1" * 64, "2" * 64
ADMITTED = Admission(ref=ImageRef.parse("foo/web:v1"), image_id=IMAGE, policy="9" * 64)
DESCRIBED = {"Id": CONTAINER, "Image": IMAGE, "Config": {"Labels": {"io.pytrust.guarded": "true"}}}


class Register:
    """Admissions in memory; it can fail."""

    def __init__(self) -> None:
        self.held = {CONTAINER: ADMITTED}
        self.failure: Exception | None = None

    async def find(self, container: str) -> Admission | None:
        if self.failure is not None:
            raise self.failure
        return self.held.get(container)


class SlowSource:
    """Says nothing before ``free``."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        self.free.wait(30)
        return None


class Scene:
    """A gatherer on a fake engine, a register, and a signed collection ``foo/web``."""

    def __init__(self, folder: Path, fake: FakeEngine, ask: Ask) -> None:
        self.fake = fake
        self.web = FakeCollection("registry.example.com/foo/web")
        self.web.release("v1", IMAGE, 100)
        self.register, self.execs = Register(), Execs()
        self.trust = TrustFacts(
            FakeRepository(self.web), Cache(folder / "cache"), [self.web.pin], now=lambda: datetime.now(UTC)
        )
        self.home = folder / "home"
        self.home.mkdir()
        self.gatherer = self.on(ask)

    def on(self, ask: Ask, trust: TrustFacts | None = None) -> Gatherer:
        return Gatherer(ask, trust or self.trust, self.register, self.execs, [self.home])

    def ask(self, query: Query) -> Fact:
        answers = asyncio.run(self.gatherer.answer([query]))
        assert set(answers) == {query}
        return answers[query]

    def says(self, path: str, value: object, status: int = 200) -> None:
        self.fake.script[path] = Scripted(answer(status, value))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with serve(FakeEngine(images={IMAGE: {"foo/web:v1", f"foo/web@sha256:{'5' * 64}"}}), tmp_path / "d.sock") as fake:
        yield Scene(tmp_path, fake, asking(tmp_path / "d.sock"))


# -- one question at a time -------------------------------------------------------------------------------------------


def test_images(scene: Scene) -> None:
    held = scene.ask(ImageQuery(name="foo/web:v1"))
    assert isinstance(held, HeldImage)
    assert (held.id, str(held.tags[0]), len(held.repo_digests)) == (IMAGE, "docker.io/foo/web:v1", 1)
    assert scene.ask(ImageQuery(name="foo/none:v1")) == Missing()
    assert scene.fake.asked[-1].path == "/images/foo/none:v1/json"


def test_containers(scene: Scene) -> None:
    scene.says("/containers/web/json", DESCRIBED)
    assert scene.ask(ContainerQuery(name="web")) == Container(
        id=CONTAINER, image_id=IMAGE, guarded=True, admission=ADMITTED
    )
    scene.register.held.clear()
    assert scene.ask(ContainerQuery(name="web")) == Container(id=CONTAINER, image_id=IMAGE, guarded=True)
    assert scene.ask(ContainerQuery(name="gone")) == Missing()


def test_admission_is_by_the_full_id_not_by_what_was_written(scene: Scene) -> None:
    scene.says(f"/containers/{CONTAINER}/json", DESCRIBED | {"Id": "3" * 64})
    found = scene.ask(ContainerQuery(name=CONTAINER))
    assert isinstance(found, Container)
    assert found.admission is None


def test_volumes(scene: Scene) -> None:
    scene.says("/volumes/data", {"Driver": "local", "Options": {"type": "none", "device": "/etc", "o": "bind"}})
    scene.says("/containers/json", [])
    found = Volume(driver="local", options=(("device", "/etc"), ("o", ""), ("type", "none")))
    assert scene.ask(VolumeQuery(name="data")) == found
    assert scene.ask(VolumeQuery(name="gone")) == Missing()


@pytest.mark.parametrize(("answer_", "status"), [([{"Id": CONTAINER}], 200), ({"message": "no such route"}, 404)])
def test_volumes_of_what_is_guarded(scene: Scene, answer_: object, status: int) -> None:
    """Also where the engine does not say whose they are."""
    scene.says("/volumes/data", {"Driver": "local"})
    scene.says("/containers/json", answer_, status)
    assert scene.ask(VolumeQuery(name="data")) == Volume(driver="local", guarded=True)


def test_the_engine_is_asked_for_itself_once_in_a_while(scene: Scene) -> None:
    scene.says("/info", {"SecurityOptions": ["name=seccomp,profile=default"]})
    assert [scene.ask(EngineQuery()) for _ in range(3)] == [EngineInfo(seccomp=True)] * 3
    assert [asked.path for asked in scene.fake.asked] == ["/info"]


def test_an_image_by_digest_is_asked_for_once_in_a_while_and_one_by_tag_always(scene: Scene) -> None:
    pinned, tagged = f"foo/web@{IMAGE}", "foo/web:v1"
    assert scene.ask(ImageQuery(name=pinned)) == Missing()  # which is not kept: it may be pulled the next moment
    for name in (pinned, tagged):
        scene.says(f"/images/{name}/json", {"Id": IMAGE})
        for _ in range(2):
            assert isinstance(scene.ask(ImageQuery(name=name)), HeldImage)
    assert [asked.path for asked in scene.fake.asked].count(f"/images/{pinned}/json") == 2
    assert [asked.path for asked in scene.fake.asked].count(f"/images/{tagged}/json") == 2


def test_a_failure_to_ask_the_engine_for_itself_is_not_kept(scene: Scene) -> None:
    for status in (500, 404):
        scene.says("/info", {"message": "not now"}, status)
        assert isinstance(scene.ask(EngineQuery()), Unavailable)
    scene.says("/info", {"SecurityOptions": ["name=seccomp,profile=default"]})
    assert scene.ask(EngineQuery()) == EngineInfo(seccomp=True)


def test_paths(scene: Scene) -> None:
    assert scene.ask(PathQuery(path="/usr")) == HostPath(real="/usr")
    found = scene.ask(PathQuery(path=str(scene.home)))
    assert isinstance(found, HostPath)
    assert found.guarded
    assert scene.ask(PathQuery(path=str(scene.home / "nothing"))) == Missing()


def test_trust(scene: Scene) -> None:
    found = scene.ask(TrustQuery(ref=ImageRef.parse(f"{scene.web.name}:v1")))
    assert isinstance(found, Signed)
    assert str(found.digest) == IMAGE


def test_secrets(scene: Scene) -> None:
    """The vault's answer; without one, its reason; none at all where the engine may be on another host."""
    query = SecretsQuery(names=(SecretName("db"),), image=CollectionName("docker.io/foo/web"))
    far = scene.ask(query)
    assert isinstance(far, NotDeliverable)
    assert far.code == "engine-elsewhere"
    vault = FakeVaulted()
    scene.gatherer.secrets = SecretFacts(vault, Deliveries(Path("/run/x")), lambda: datetime.now(UTC))
    vault.closed = True
    assert scene.ask(query) == Unavailable(code="vault-locked", why="the vault is locked", hint="pytrust vault unlock")


def test_execs(scene: Scene) -> None:
    scene.execs.add("e" * 64, CONTAINER)
    assert scene.ask(ExecQuery(exec_id="e" * 64)) == ExecInstance(container=CONTAINER)
    assert scene.ask(ExecQuery(exec_id="e" * 12)) == Missing()


def test_the_oldest_exec_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execs, "EXECS_MAX", 3)
    known = Execs()
    for exec_id in "abcb":
        known.add(exec_id, CONTAINER)
    assert all(map(known.find, "abc"))
    known.add("d", CONTAINER)
    assert [known.find(exec_id) is not None for exec_id in "abcd"] == [False, True, True, True]


# -- failures are answers ---------------------------------------------------------------------------------------------

NAMED: list[Query] = [ImageQuery(name="web"), ContainerQuery(name="web"), VolumeQuery(name="web"), EngineQuery()]
ROUTES = ("/images/web/json", "/containers/web/json", "/volumes/web", "/info")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (answer(200, {"Id": 7, "Driver": 7, "SecurityOptions": 7}), "bad-content"),
        (answer(200, "web"), "bad-content"),
        (answer(200, None), "bad-content"),
        (answer(200, {"Driver": "x" * 4 * 1024 * 1024}), "bad-content"),
        (answer(500, {"message": "no space"}), "server-error"),
        (answer(403, {"message": "not you"}), "access-denied"),
        (answer(400, {"message": "which one?"}), "refused"),
        (answer(301, ""), "refused"),
        (b"SSH-2.0-OpenSSH_9\r\n", "unreachable"),
        (b"", "unreachable"),
    ],
)
@pytest.mark.parametrize("query", NAMED, ids=ROUTES)
def test_odd_answers_of_the_engine(scene: Scene, query: Query, raw: bytes, code: str) -> None:
    for route in ROUTES:
        scene.fake.script[route] = Scripted(raw)
    found = scene.ask(query)
    assert isinstance(found, Unavailable)
    assert (found.code, bool(found.why)) == (code, True)


@pytest.mark.parametrize("query", NAMED, ids=ROUTES)
def test_no_engine(scene: Scene, query: Query, tmp_path: Path) -> None:
    scene.gatherer = scene.on(asking(tmp_path / "nobody.sock"))
    found = scene.ask(query)
    assert isinstance(found, Unavailable)
    assert (found.code, "docker info" in found.hint) == ("unreachable", True)


def test_an_engine_that_hangs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_facts, "QUESTION_TIMEOUT", 0.1)
    for route in ROUTES:
        scene.fake.script[route] = Scripted(b"", hold=True)
    begun = time.monotonic()
    answers = asyncio.run(scene.gatherer.answer(NAMED))
    assert time.monotonic() - begun < 2
    assert {fact.code for fact in answers.values() if isinstance(fact, Unavailable)} == {"too-slow"}
    assert len(answers) == len(NAMED)


@pytest.mark.parametrize(
    "query",
    [ImageQuery(name="../info"), ImageQuery(name=""), ContainerQuery(name="a/../b"), VolumeQuery(name="a?force=1")],
)
def test_names_that_would_be_another_question(scene: Scene, query: Query) -> None:
    found = scene.ask(query)
    assert isinstance(found, Unavailable)
    assert found.code == "invalid-name"
    assert not scene.fake.asked


@pytest.mark.parametrize(("path", "code"), [("etc", "usage"), ("/proc/self/root", "usage"), ("/\ud800", "unsound")])
def test_paths_that_cannot_be_judged(scene: Scene, path: str, code: str) -> None:
    found = scene.ask(PathQuery(path=path))
    assert isinstance(found, Unavailable)
    assert found.code == code


def test_a_register_that_cannot_be_read(scene: Scene) -> None:
    """A container that was let in must not pass for one that was not, nor the other way round."""
    scene.says("/containers/web/json", DESCRIBED)
    scene.register.failure = Unsound("the register is damaged")
    found = scene.ask(ContainerQuery(name="web"))
    assert found == Unavailable(code="unsound", why="the register is damaged")


def test_what_nobody_thought_of(scene: Scene) -> None:
    """It ends in a decision, and what the error holds stays inside."""
    scene.says("/containers/web/json", DESCRIBED)
    scene.register.failure = ZeroDivisionError("hunter2")
    found = scene.ask(ContainerQuery(name="web"))
    assert isinstance(found, Unavailable)
    assert found.code == "internal"
    assert "hunter2" not in found.why + found.hint


def test_what_the_engine_says_is_one_printable_line(scene: Scene) -> None:
    scene.says("/volumes/web", {"message": "a\r\nb\x1b[2J" + "c" * 10_000}, 500)
    found = scene.ask(VolumeQuery(name="web"))
    assert isinstance(found, Unavailable)
    assert found.why.isprintable()
    assert len(found.why) < 600


# -- many questions ---------------------------------------------------------------------------------------------------


def test_all_at_once(scene: Scene) -> None:
    scene.says("/info", {"SecurityOptions": None})
    queries = {
        *NAMED,
        PathQuery(path="/usr"),
        ExecQuery(exec_id="e"),
        TrustQuery(ref=ImageRef.parse(f"{scene.web.name}:v1")),
        *(VolumeQuery(name=f"v{number}") for number in range(50)),
    }
    answers = asyncio.run(scene.gatherer.answer(queries))
    assert set(answers) == queries
    assert not [fact for fact in answers.values() if isinstance(fact, Unavailable)]


def test_no_question(scene: Scene) -> None:
    assert asyncio.run(scene.gatherer.answer([])) == {}


def test_too_many_questions(scene: Scene) -> None:
    queries = [VolumeQuery(name=f"v{number}") for number in range(gather.QUERIES_MAX + 1)]
    answers = asyncio.run(scene.gatherer.answer(queries))
    assert {fact.code for fact in answers.values() if isinstance(fact, Unavailable)} == {"too-many"}
    assert len(answers) == len(queries)
    assert not scene.fake.asked


def test_the_engine_is_not_flooded(scene: Scene) -> None:
    running, most = 0, 0

    async def ask(path: str) -> tuple[int, bytes]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return 404, b""

    queries = [VolumeQuery(name=f"v{number}") for number in range(200)]
    answers = asyncio.run(scene.on(ask).answer(queries))
    assert set(answers.values()) == {Missing()}
    assert most == engine_facts.QUESTIONS_MAX


def test_what_is_slow_holds_up_nothing_else(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is over, what is known is answered, and the rest is unavailable."""
    monkeypatch.setattr(gather, "DEADLINE", 0.2)
    slow, gate = SlowSource(), threading.Event()

    def hang(path: str, guarded: object) -> HostPath:
        gate.wait(30)
        return HostPath(real=path)

    monkeypatch.setattr(gather, "look_up", hang)
    trust = TrustFacts(slow, Cache(tmp_path / "other"), [scene.web.pin], now=lambda: datetime.now(UTC))
    scene.fake.script["/info"] = Scripted(b"", hold=True)
    late: list[Query] = [
        TrustQuery(ref=ImageRef.parse(f"{scene.web.name}:v1")),
        PathQuery(path="/nfs/dead"),
        EngineQuery(),
    ]
    quick: list[Query] = [ImageQuery(name="foo/web:v1"), VolumeQuery(name="none"), ExecQuery(exec_id="e")]
    gatherer = scene.on(asking(tmp_path / "d.sock"), trust)

    async def ask() -> tuple[dict[Query, Fact], float]:
        begun = time.monotonic()
        answers = await gatherer.answer([*late, *quick])
        took = time.monotonic() - begun
        gate.set()
        slow.free.set()
        return answers, took

    answers, took = asyncio.run(ask())
    assert took < 1
    assert [getattr(answers[query], "code", None) for query in late] == ["too-slow"] * 3
    assert not [query for query in quick if isinstance(answers[query], Unavailable)]


def test_dead_drives_take_only_their_own_threads(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "DEADLINE", 0.1)
    gate, hanging = threading.Event(), 0

    def hang(path: str, guarded: object) -> HostPath:
        nonlocal hanging
        hanging += 1
        gate.wait(30)
        return HostPath(real=path)

    monkeypatch.setattr(gather, "look_up", hang)

    async def ask() -> Fact:
        for number in range(3):
            await scene.gatherer.answer([PathQuery(path=f"/nfs/{number}/{name}") for name in "abc"])
        query = TrustQuery(ref=ImageRef.parse(f"{scene.web.name}:v1"))
        answers = await scene.gatherer.answer([query])
        gate.set()
        return answers[query]

    assert isinstance(asyncio.run(ask()), Signed)
    assert hanging == gather.PATHS_AT_ONCE


def test_a_client_that_leaves_ends_its_questions(scene: Scene) -> None:
    left: list[str] = []

    async def ask(path: str) -> tuple[int, bytes]:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            left.append(path)
            raise
        return 404, b""

    async def leave() -> None:
        task = asyncio.create_task(scene.on(ask).answer(NAMED))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.02)
        assert sorted(left) == sorted(ROUTES)

    asyncio.run(leave())
