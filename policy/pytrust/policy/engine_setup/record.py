"""What was changed on an engine's host, with every byte that was there before, so that it can be taken back. Pure.

One JSON document for each set-up. It is written before the first change and says so (``begun``), again after the last
(``applied``), and again before the first change is taken back (``undoing``): whoever finds it knows what is left to do.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pytrust.policy.engine_setup.daemon_json import DAEMON_JSON_MAX_BYTES
from pytrust.policy.engine_setup.found import Change, State
from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, Damaged

RECORD_MAX_BYTES: Final = 8 * DAEMON_JSON_MAX_BYTES  # two files before and after, in base64
_FORMAT: Final = 1
_MODE_MAX: Final = 0o7777
_GROUP_MAX: Final = 2**32 - 2  # all ones means: leave it


class Stage(StrEnum):
    """How far a set-up has come."""

    BEGUN = "begun"
    APPLIED = "applied"
    UNDOING = "undoing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One set-up; ``folders`` are those that had to be made, outermost first, ``commands`` what the operator runs."""

    stage: Stage
    changes: tuple[Change, ...]
    folders: tuple[str, ...]
    commands: tuple[str, ...]

    def encode(self) -> bytes:
        """The document."""
        return encode_json(
            {
                "format": _FORMAT,
                "stage": self.stage,
                "changes": [_change_json(change) for change in self.changes],
                "folders": self.folders,
                "commands": self.commands,
            }
        )

    @classmethod
    def decode(cls, data: bytes, what: str) -> Record:
        """Read a document; raises ``Damaged`` for one that was not written here."""
        try:
            value = parse_json(data, what=what, max_bytes=RECORD_MAX_BYTES)
            _check(value["format"] == _FORMAT)
            return cls(
                stage=Stage(value["stage"]),
                changes=tuple(map(_change, value["changes"])),
                folders=tuple(map(_path, value["folders"])),
                commands=tuple(map(str, value["commands"])),
            )
        except (BadMetadata, ValueError, KeyError, TypeError) as error:
            raise Damaged(f"{what} is not a record of pytrust engine setup") from error


def _change_json(change: Change) -> dict[str, Any]:
    return {"path": change.path, "before": _state_json(change.before), "after": _state_json(change.after)}


def _state_json(state: State | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {"data": base64.b64encode(state.data).decode(), "mode": state.mode, "group": state.group}


def _change(value: Mapping[str, Any]) -> Change:
    return Change(_path(value["path"]), _state(value["before"]), _state(value["after"]))


def _state(value: Mapping[str, Any] | None) -> State | None:
    if value is None:
        return None
    mode, group = value["mode"], value.get("group")
    _check(isinstance(mode, int) and 0 <= mode <= _MODE_MAX)
    _check(group is None or (isinstance(group, int) and 0 <= group <= _GROUP_MAX))
    return State(base64.b64decode(value["data"], validate=True), mode, group)  # raises a ValueError


def _path(value: object) -> str:
    _check(isinstance(value, str) and value.startswith("/"))
    return str(value)


def _check(fits: bool) -> None:
    if not fits:
        raise ValueError("not as it was written")
