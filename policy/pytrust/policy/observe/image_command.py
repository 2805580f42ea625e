"""What an image runs where nobody says otherwise, as its engine tells it."""

from __future__ import annotations

from pytrust.policy.engine.questions import image as image_path
from pytrust.policy.observe.containers import Containers
from pytrust.policy.observe.gate import Command
from pytrust.trust.errors import BadContent


class ImageCommands(Containers):
    """An engine that is asked about its images; errors as of ``Engine``."""

    def command(self, image: str) -> Command:
        """Its entrypoint and command; raises ``NotFound`` where it is not there."""
        said = self._object(self._ask("GET", image_path(image)))
        config = said.get("Config") or {}
        if not isinstance(config, dict):
            raise BadContent(f"{image} has a configuration that is none", hint="docker image inspect")
        return Command(_words(config.get("Entrypoint")), _words(config.get("Cmd")))

    def identity(self, image: str) -> str:
        """Its id: the digest of its configuration."""
        return str(self._object(self._ask("GET", image_path(image))).get("Id") or "")


def _words(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()
