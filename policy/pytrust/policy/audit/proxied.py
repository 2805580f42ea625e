"""Does a proxy of ours answer in the engine's place? It alone says so to a path that no engine has."""

from __future__ import annotations

from typing import Final

from pytrust.policy.audit.reading import Engine
from pytrust.trust.errors import PytrustError

_PATH: Final = "/pytrust"


def is_proxied(engine: Engine) -> bool:
    """An engine says that it does not know the path."""
    try:
        engine.look(_PATH)
    except PytrustError as error:
        return "no call of the engine that pytrust knows" in str(error)
    return False
