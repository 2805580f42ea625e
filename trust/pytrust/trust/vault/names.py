"""What secrets are called. Pure.

A name is one to eight parts between slashes, such as ``db_password`` or ``shop/db/password``. A part is what swarm
allows as the name of a secret (Docker Engine API, ``POST /secrets/create``), so that each can be delivered as a file
of its last part. What pytrust keeps for itself begins with ``pytrust/``, and the commands for secrets leave it alone.
"""

from __future__ import annotations

import re
from typing import Final, NewType

from pytrust.trust.errors import InvalidName
from pytrust.trust.limits import SECRET_NAME_MAX_CHARS

SecretName = NewType("SecretName", str)
"""A name as ``parse_secret_name`` takes it."""

OWN: Final = "pytrust/"
"""Begins the names of pytrust's own secrets."""

_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?"
_NAME: Final = re.compile(rf"{_PART}(?:/{_PART}){{0,7}}")


def parse_secret_name(text: str) -> SecretName:
    """Raises ``InvalidName`` for what is no name."""
    if len(text) > SECRET_NAME_MAX_CHARS or not _NAME.fullmatch(text):
        raise InvalidName(
            f"{text[:80]!r} is not the name of a secret",
            hint="letters, digits, and ._- within, in at most 8 parts between slashes: shop/db_password",
        )
    return SecretName(text)


def is_own(name: SecretName) -> bool:
    """Whether it is one of pytrust's own."""
    return name.startswith(OWN)


def file_name(name: SecretName) -> str:
    """What the file of a delivered secret is called, unless somebody says otherwise: the last part."""
    return name.rpartition("/")[2]
