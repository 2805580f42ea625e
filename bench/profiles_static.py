"""How long it takes to look at an image of a hundred megabytes without running it, by the command."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.rig import programs
from tests.rig.dockerd import private_engine
from tests.rig.images import Docker
from tests.rig.processes import environment

from bench.harness import alternate, command, installed, report
from pytrust.policy.engine.address import parse_host
from pytrust.policy.observe.containers import Containers

_GOAL: Final = 3.0  # seconds for 100 MB
_HUNDRED: Final = 100e6
_IMAGE: Final = "postgres"  # 120 MB, and the most code of all our images


@contextmanager
def _look(name: str) -> Iterator[tuple[Callable[[], object], int]]:
    """The command for an image, and the image's size in bytes."""
    with tempfile.TemporaryDirectory(prefix="pt-") as folder, private_engine(Path(folder, "e")) as engine:
        docker = Docker(engine.host, Path(folder, "c"))
        image = programs.make_program(name, docker, Containers(parse_host(engine.host))).image
        size = int(json.loads(docker.run("image", "inspect", image))[0]["Size"])
        settings = {"DOCKER_HOST": engine.host, "PYTRUST_HOME": f"{folder}/home", "HOME": folder}
        yield command([installed("pytrust"), "profile", "static", image], environment(settings)), size


def static() -> None:
    """The whole command: the engine writes the image out, Python starts, and everything is looked at."""
    with _look(_IMAGE) as (look, size):
        (seconds,) = alternate(look, rounds=5)
    ours = seconds * _HUNDRED / size
    report("profiles.static", "s for 100 MB", ours, _GOAL, ratio=_GOAL / ours)


BENCHES: Final[dict[str, Callable[[], None]]] = {"profiles.static": static}
