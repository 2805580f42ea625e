"""What we ask an engine, as paths without a version. Pure.

A name stays one name in its path: no empty, ``.`` or ``..`` part leads to another route.
"""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import quote

from pytrust.policy.engine.answers import GUARDED_LABEL
from pytrust.trust.errors import InvalidName

INFO: Final = "/info"
VERSION: Final = "/version"
CONTAINERS: Final = "/containers/json?all=1"
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*(?:/[A-Za-z0-9][A-Za-z0-9._:@-]*)*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")


def image_in_path(name: str) -> str:
    """A reference or id of an image, quoted for a path; raises ``InvalidName``."""
    if not _IMAGE.fullmatch(name):
        raise InvalidName(f"{name[:300]!r} is not the name or id of an image")
    return quote(name, safe="/:@")


def image(name: str) -> str:
    """An image by reference or id; raises ``InvalidName``."""
    return f"/images/{image_in_path(name)}/json"


def container(name: str) -> str:
    """A container by name or id; raises ``InvalidName``."""
    return f"/containers/{_plain(name, 'container')}/json"


def endings() -> str:
    """A stream of events: containers that end, and containers that are removed."""
    return f"/events?filters={quote(json.dumps({'type': ['container'], 'event': ['die', 'destroy']}))}"


def guards_of(volume: str) -> str:
    """The guarded containers that mount a volume, ended ones included; raises ``InvalidName``."""
    filters = {"label": [f"{GUARDED_LABEL}=true"], "volume": [_plain(volume, "volume")]}
    return f"/containers/json?all=1&filters={quote(json.dumps(filters))}"


def volume(name: str) -> str:
    """A volume by name; raises ``InvalidName``."""
    return f"/volumes/{_plain(name, 'volume')}"


def _plain(name: str, what: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidName(f"{name[:300]!r} is not the name of a {what}")
    return name
