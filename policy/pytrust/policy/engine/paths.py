"""Paths on a host, as the engine reads them: Go's ``path.Clean``, without a look at any file. Pure."""

from __future__ import annotations

import re
from typing import Final

from pytrust.policy.engine.call import Malformed

_PROCESSES: Final = re.compile(r"/(?:proc|dev/fd)(?:/.*)?", re.DOTALL)


def clean(path: str) -> str:
    """The one spelling of an absolute path: no ``.``, ``..``, doubled or trailing slash; ``/..`` is ``/``."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts)


def absolute(path: str, what: str) -> str:
    """The same, of a path that has to begin at the root; raises ``Malformed``."""
    if not path.startswith("/"):
        raise Malformed(400, f"{what} {path[:100]!r} is not an absolute path")
    return clean(path)


def among_processes(directory: str) -> bool:
    """Whether a working directory leads through the files of a process, and so perhaps out of the container.

    The host was reached that way, by a descriptor that the runtime had left open (CVE-2024-21626). A relative
    directory begins at the root.
    """
    return _PROCESSES.fullmatch(clean(directory)) is not None
