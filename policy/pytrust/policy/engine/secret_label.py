"""The label by which a container asks for secrets: ``pytrust.secrets=db_password,shop/key:file=key.pem``. Pure.

A list between commas; each entry is a name and, behind colons, what its file is called and whose it is. What is left
open is as swarm has it: the last part of the name, root's, readable by all (Docker Engine API, ``SecretReference``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from pytrust.policy.core.request import SecretAsk
from pytrust.policy.engine.call import Malformed
from pytrust.trust.errors import InvalidName
from pytrust.trust.limits import DELIVERED_LABEL_MAX_CHARS, DELIVERED_SECRETS_MAX
from pytrust.trust.vault.names import SecretName, file_name, is_own, parse_secret_name

SECRETS_LABEL: Final = "pytrust.secrets"

_ID: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_ID_MAX: Final = 2**31 - 1  # what every kernel and runtime takes for a number
_MODE: Final = re.compile(r"0?[0-7]{3}")
_SYNTAX: Final = "NAME[:file=FILE][:uid=N][:gid=N][:mode=0440]"


def parse_secrets(text: str) -> tuple[SecretAsk, ...]:
    """The secrets that a label asks for, in its order; raises ``Malformed`` where it has no single meaning."""
    if len(text) > DELIVERED_LABEL_MAX_CHARS:
        raise _bad(f"is longer than {DELIVERED_LABEL_MAX_CHARS} characters")
    entries = text.split(",")
    if len(entries) > DELIVERED_SECRETS_MAX:
        raise _bad(f"asks for more than {DELIVERED_SECRETS_MAX} secrets")
    asks = tuple(map(_parse, entries))
    for file, count in Counter(ask.file for ask in asks).items():
        if count > 1:
            raise _bad(f"names two secrets for the file {file}: give one another, NAME:file=FILE")
    return asks


def _parse(entry: str) -> SecretAsk:
    word, *words = entry.strip(" ").split(":")
    name = _name(word)
    if is_own(name):
        raise _bad(f"asks for {name}, which is pytrust's own")
    given = _given(words)
    return SecretAsk(
        name=name,
        file=given.get("file", file_name(name)),
        uid=int(given.get("uid", "0")),
        gid=int(given.get("gid", "0")),
        mode=int(given.get("mode", "0444"), 8),
    )


def _given(words: list[str]) -> Mapping[str, str]:
    given: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in _KEYS or key in given:
            raise _bad(f"has {word[:60]!r}, which is not understood, or twice there; it reads {_SYNTAX}")
        if not _KEYS[key](value):
            raise _bad(f"has {word[:60]!r}, which is no {key} of a file")
        given[key] = value
    return given


def _name(word: str) -> SecretName:
    try:
        return parse_secret_name(word)
    except InvalidName as error:
        raise _bad(f"has {word[:60]!r}, which is not the name of a secret; it reads {_SYNTAX}") from error


def _is_file(value: str) -> bool:
    """What can be the name of a secret without a folder can be the name of its file."""
    try:
        return "/" not in parse_secret_name(value)
    except InvalidName:
        return False


def _is_id(value: str) -> bool:
    return _ID.fullmatch(value) is not None and int(value) <= _ID_MAX


def _is_mode(value: str) -> bool:
    return _MODE.fullmatch(value) is not None


def _bad(what: str) -> Malformed:
    return Malformed(400, f"the label {SECRETS_LABEL} {what}")


_KEYS: Final[Mapping[str, Callable[[str], bool]]] = {"file": _is_file, "uid": _is_id, "gid": _is_id, "mode": _is_mode}
