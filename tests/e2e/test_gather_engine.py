"""The core's questions, answered by a real engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.e2e.conftest import PushedImage
from tests.fakes.repository import FakeCollection, FakeRepository
from tests.rig.asking import asking
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker

from pytrust.policy.core.facts import (
    Admission,
    Container,
    ContainerQuery,
    EngineInfo,
    EngineQuery,
    Fact,
    HeldImage,
    HostPath,
    ImageQuery,
    Missing,
    PathQuery,
    Query,
    RepoDigest,
    Unavailable,
    Volume,
    VolumeQuery,
)
from pytrust.policy.execs import Execs
from pytrust.policy.gather import Gatherer
from pytrust.policy.trust_facts import TrustFacts
from pytrust.trust.client.cache import Cache
from pytrust.trust.names import Digest, ImageRef


class Register(dict[str, Admission]):
    """Admissions in memory."""

    async def find(self, container: str) -> Admission | None:
        return self.get(container)


class Desk:
    """Puts questions to the private engine, one call after another."""

    def __init__(self, engine: PrivateEngine, folder: Path) -> None:
        self.register = Register()
        web = FakeCollection("registry.example.com/foo/web")
        trust = TrustFacts(FakeRepository(web), Cache(folder), [web.pin], now=lambda: datetime.now(UTC))
        self._gatherer = Gatherer(asking(engine.socket), trust, self.register, Execs(), [engine.socket])

    def ask(self, *queries: Query) -> list[Fact]:
        answers = asyncio.run(self._gatherer.answer(queries))
        return [answers[query] for query in queries]

    def image(self, name: str) -> HeldImage:
        (found,) = self.ask(ImageQuery(name=name))
        assert isinstance(found, HeldImage), found
        return found


@pytest.fixture
def desk(engine: PrivateEngine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path / "cache")


@pytest.fixture
def container(docker: Docker, image: PushedImage) -> Iterator[str]:
    """A container that only exists; gives its id."""
    made = docker.run("create", "--name=pt-desk", "--network=none", "--env=TOKEN=hunter2", f"{image.name}:v1")
    yield made
    docker.run("rm", "--force", made)


def test_one_image_by_all_its_names(desk: Desk, docker: Docker, image: PushedImage) -> None:
    ref = ImageRef.parse(f"{image.name}:v1")
    held = desk.image(str(ref))
    assert ref in held.tags
    pinned = RepoDigest(collection=ref.collection, digest=Digest.parse(image.digests["v1"]))
    assert held.repo_digests == (pinned,)
    assert held.id == docker.run("inspect", "--format={{.Id}}", str(ref))
    short = held.id.removeprefix("sha256:")
    names = [held.id, short, short[:12], f"sha256:{short[:8]}", f"{ref.collection}@{pinned.digest}"]
    assert [desk.image(name) for name in names] == [held] * len(names)


def test_canonical_names_find_familiar_ones(desk: Desk, docker: Docker) -> None:
    docker.make_image("pt-familiar:v1", content="familiar")
    docker.run("import", "--change=USER 1000:1000", "-", "pt-familiar:user", stdin=b"\0" * 1024)
    held = desk.image("docker.io/library/pt-familiar:v1")
    assert [str(tag) for tag in held.tags] == ["docker.io/library/pt-familiar:v1"]
    assert (held.repo_digests, held.user) == ((), "")
    assert desk.image("docker.io/library/pt-familiar:user").user == "1000:1000"


def test_an_image_without_a_name(desk: Desk, docker: Docker) -> None:
    docker.make_image("pt-lost:v1", content="lost")
    lost = desk.image("pt-lost:v1").id
    docker.make_image("pt-lost:v1", content="found")
    assert desk.image(lost) == HeldImage(id=lost)


def test_what_is_not_there(desk: Desk) -> None:
    queries: list[Query] = [ImageQuery(name="docker.io/library/pt-none:v1"), ImageQuery(name=f"sha256:{'0' * 64}"),
               ImageQuery(name="docker.io/library/pt-none@sha256:" + "0" * 64), ContainerQuery(name="pt-none"),
               VolumeQuery(name="pt-none")]  # fmt: skip
    assert desk.ask(*queries) == [Missing()] * len(queries)


def test_containers(desk: Desk, docker: Docker, image: PushedImage, container: str) -> None:
    ref = ImageRef.parse(f"{image.name}:v1")
    plain = Container(id=container, image_id=desk.image(str(ref)).id)
    names = ["pt-desk", container, container[:12]]
    assert desk.ask(*(ContainerQuery(name=name) for name in names)) == [plain] * 3
    desk.register[container] = Admission(ref=ref, image_id=plain.image_id, policy="9" * 64)
    (found,) = desk.ask(ContainerQuery(name="pt-desk"))
    assert isinstance(found, Container)
    assert found.admission == desk.register[container]


@pytest.mark.parametrize(("value", "guarded"), [("true", True), ("false", False)])
def test_guarded_container(desk: Desk, docker: Docker, image: PushedImage, value: str, guarded: bool) -> None:
    made = docker.run("create", "--network=none", f"--label=io.pytrust.guarded={value}", f"{image.name}:v1")
    (found,) = desk.ask(ContainerQuery(name=made))
    docker.run("rm", made)
    assert isinstance(found, Container)
    assert found.guarded is guarded


def test_volumes(desk: Desk, docker: Docker) -> None:
    docker.run("volume", "create", "pt-plain")
    docker.run("volume", "create", "--opt=type=none", "--opt=device=/etc", "--opt=o=bind", "pt-etc")
    plain, bound = desk.ask(VolumeQuery(name="pt-plain"), VolumeQuery(name="pt-etc"))
    docker.run("volume", "rm", "pt-plain", "pt-etc")
    assert plain == Volume(driver="local")
    assert bound == Volume(driver="local", options=(("device", "/etc"), ("o", ""), ("type", "none")))


def test_the_engine_itself(desk: Desk, docker: Docker) -> None:
    options = json.loads(docker.run("info", "--format={{json .SecurityOptions}}"))
    assert desk.ask(EngineQuery()) == [EngineInfo(seccomp="name=seccomp,profile=default" in options)]


def test_dots_lead_where_the_engine_goes(desk: Desk, docker: Docker, image: PushedImage, tmp_path: Path) -> None:
    """``link/../here``: not up from where the link leads."""
    for folder in ("free/here", "away/in", "away/here"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "free/link").symlink_to(tmp_path / "away/in")
    for folder in ("free", "away"):
        (tmp_path / folder / "here/who").write_text(folder)
    written = f"{tmp_path}/free/link/../here"
    (found,) = desk.ask(PathQuery(path=written))
    seen = docker.run("run", "--rm", "--network=none", f"--volume={written}:/x:ro", f"{image.name}:v1", "cat", "/x/who")
    assert isinstance(found, HostPath)
    assert Path(found.real, "who").read_text() == seen == "free"


def test_the_socket_of_the_engine(desk: Desk, engine: PrivateEngine, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(engine.socket)
    found = desk.ask(*(PathQuery(path=str(path)) for path in (engine.socket, engine.folder, tmp_path / "link")))
    assert [isinstance(fact, HostPath) and fact.guarded for fact in found] == [True] * 3


def test_the_engine_complains(desk: Desk) -> None:
    """In its eyes that is no reference; a complaint is no answer to the question."""
    (found,) = desk.ask(ImageQuery(name="a:b:c"))
    assert isinstance(found, Unavailable)
    assert "the engine says" in found.why
