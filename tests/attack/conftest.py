"""The scene of every attack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attack.scene import Scene, write_home
from tests.fakes.registry import FakeRegistry
from tests.fakes.repository import FakeCollection, FakeRepository, MetadataServer
from tests.rig import clock, dockerd, images
from tests.rig import registry as registries
from tests.rig.needs import need
from tests.rig.proxy import Proxy, Stage, make_stage


@pytest.fixture(autouse=True)
def _no_logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("PYTRUST_HOME", "PYTRUST_TRUST_URL", "PYTRUST_TRUST_SIGNER", "PYTRUST_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    """Everybody honest: ``foo/web:v2`` is in the registry, released and not yet verified."""
    with FakeRegistry() as registry:
        web = FakeCollection(f"{registry.host}/foo/web")
        repository = FakeRepository(web)
        with MetadataServer(repository) as server:
            write_home(tmp_path / "home", server.url, [web.pin])
            made = Scene(tmp_path / "home", registry, repository, server, web, capsys)
            made.push("v2")
            made.sign("v2")
            yield made


@pytest.fixture
def known(scene: Scene) -> Scene:
    """The same, verified once."""
    scene.believe()
    return scene


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A real engine and registry, three images, one of them signed; see ``tests.rig.proxy``."""
    need(dockerd.missing() or registries.missing() or images.missing() or clock.missing())
    folder = tmp_path_factory.mktemp("stage")
    with dockerd.private_engine(folder / "engine") as engine, registries.private_registry(folder / "registry") as held:
        yield make_stage(folder, engine, held, images.Docker(engine.host, folder / "docker"))


@pytest.fixture(scope="session")
def baseline(stage: Stage) -> Iterator[Proxy]:
    """A proxy at isolation level baseline, shared: tests leave its policy and home as they are."""
    with stage.proxy(stage.policy("baseline")) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def restricted(stage: Stage) -> Iterator[Proxy]:
    """The same at restricted."""
    with stage.proxy(stage.policy("restricted")) as proxy:
        yield proxy
