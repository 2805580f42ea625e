"""The scene of every attack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attack.scene import Scene, write_home
from tests.fakes.registry import FakeRegistry
from tests.fakes.repository import FakeCollection, FakeRepository, MetadataServer


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
