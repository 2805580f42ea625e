"""Real parts, started once for all end-to-end tests; where one is missing, ``need`` decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig import dockerd, images
from tests.rig import registry as registries
from tests.rig.needs import need


@dataclass(frozen=True, slots=True)
class PushedImage:
    """An image in the registry, under two tags with different contents."""

    repository: str  # in the registry: foo/web
    name: str  # with the registry's host: 127.0.0.1:40123/foo/web
    digests: dict[str, str]  # tag -> digest that docker says it pushed


@pytest.fixture(scope="session")
def rig_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rig")


@pytest.fixture(scope="session")
def engine(rig_folder: Path) -> Iterator[dockerd.PrivateEngine]:
    need(dockerd.missing())
    with dockerd.private_engine(rig_folder / "engine") as running:
        yield running


@pytest.fixture(scope="session")
def registry(rig_folder: Path) -> Iterator[registries.Registry]:
    need(registries.missing())
    with registries.private_registry(rig_folder / "registry") as running:
        yield running


@pytest.fixture(scope="session")
def docker(engine: dockerd.PrivateEngine, rig_folder: Path) -> images.Docker:
    """The stock docker client on the private engine."""
    return images.Docker(engine.host, rig_folder / "docker-config")


@pytest.fixture(scope="session")
def image(docker: images.Docker, registry: registries.Registry) -> PushedImage:
    """``foo/web`` with the tags ``v1`` and ``v2``, pushed; read only: tests that change tags push their own."""
    need(images.missing())
    name = f"{registry.host}/foo/web"
    for tag in ("v1", "v2"):
        docker.make_image(f"{name}:{tag}", content=tag)
    return PushedImage("foo/web", name, {tag: docker.push(f"{name}:{tag}") for tag in ("v1", "v2")})
