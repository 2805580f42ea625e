"""The short grammar of bind mounts and volumes, ``[SOURCE:]TARGET[:MODE]`` (moby, ``volume/mounts/linux_parser.go``).

A source that begins with a slash is a path on the host; any other is the name of a volume; without, the volume is new
and has no name. Pure.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.names import volume_name
from pytrust.policy.engine.paths import clean

_PARTS_MAX: Final = 3
HARMLESS_WORDS: Final = frozenset(
    {"", "ro", "rw", "nocopy", "private", "rprivate", "consistent", "cached", "delegated", "default"}
)
"""Words of a mode that give nothing away; the others relabel the host's files, or let mounts through."""


class Bind(NamedTuple):
    """``source`` is a clean absolute path, the name of a volume, or empty; ``words`` are those of the mode."""

    source: str
    target: str
    words: tuple[str, ...] = ()

    @property
    def of_host(self) -> bool:
        """Whether it is a path on the host, and no volume."""
        return self.source.startswith("/")

    @property
    def writable(self) -> bool:
        """Whether the container may write to it."""
        return "ro" not in self.words

    def __str__(self) -> str:
        return ":".join(part for part in (self.source, self.target, ",".join(self.words)) if part)


def parse_bind(text: str) -> Bind:
    """Read one entry of ``HostConfig.Binds``; raises ``Malformed``."""
    parts = text.split(":")
    if len(parts) > _PARTS_MAX or not all(parts[:2]):
        raise _not_a_bind(text)
    source, target, mode = ("", parts[0], "") if len(parts) == 1 else (*parts, "")[:_PARTS_MAX]
    if not target.startswith("/"):
        raise _not_a_bind(text)
    return Bind(clean(source) if source.startswith("/") else volume_name(source), target, tuple(mode.split(",")))


def _not_a_bind(text: str) -> Malformed:
    return Malformed(400, f"the bind {text[:200]!r} does not read SOURCE:TARGET[:MODE] with an absolute target")
