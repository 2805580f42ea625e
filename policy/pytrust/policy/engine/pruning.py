"""``POST /containers/prune`` removes every container that has ended, but not those that their operator guards. Pure.

They are left out by a filter. Engines take several ``label!`` filters for one, which only fits a container that has
all of these labels (moby, ``daemon/prune.go``), so that ours has to stand alone.
"""

from __future__ import annotations

import json
from typing import Final

from pytrust.policy.core.request import Change, Closed
from pytrust.policy.engine.answers import GUARDED_LABEL
from pytrust.trust.canonical import encode_json

PRUNE: Final = "container prune"
_LEFT_OUT: Final = "label!"
_HINT: Final = "prune by label or until, or remove containers by their names"


def read_prune(filters: str) -> Change | Closed:
    """What is asked for; ``filters`` in canonical spelling, or empty."""
    if _LEFT_OUT in _read(filters):
        return Closed(what=f"{PRUNE} with the filter {_LEFT_OUT}", hint=_HINT)
    return Change(what=PRUNE)


def spare_guarded(filters: str) -> str:
    """The same filters, and one more; all as maps, for engines take no mixture with lists."""
    wanted = {key: dict.fromkeys(values, True) for key, values in _read(filters).items()}
    return encode_json(wanted | {_LEFT_OUT: {f"{GUARDED_LABEL}=true": True}}).decode()


def _read(filters: str) -> dict[str, list[str] | dict[str, bool]]:
    return json.loads(filters or "{}")  # type: ignore[no-any-return]
