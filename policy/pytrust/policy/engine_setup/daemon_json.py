"""dockerd's ``daemon.json``: read strictly, and given a few keys more. Pure.

What stands in the file is not written anew: the text of a key is put behind the last one, or in the place of its old
value, and every other byte stays. dockerd refuses a key that it does not know, and one that is a flag as well; it says
so when it starts, which is too late, so everything it would refuse is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pytrust.policy.engine_setup.conflict import Conflicting
from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadMetadata, Damaged

Value = bool | str | list[str]
"""What is written."""

DAEMON_JSON_MAX_BYTES: Final = 1024 * 1024  # the longest honest file is some kilobytes
TLS_KEYS: Final = ("tlsverify", "tlscacert", "tlscert", "tlskey")
HOSTS: Final = "hosts"
_SPACE: Final = re.compile(r"[ \t\n\r]*")  # RFC 8259, section 2
_INDENT: Final = "\n  "
_CORRECT: Final = "dockerd would not start with it: correct it first"
_COMMENT: Final = "JSON has no comments, and dockerd would not start with one: take them out"


@dataclass(frozen=True, slots=True)
class Member:
    """A key at the top: its value, and where that stands in the text."""

    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DaemonJson:
    """A file as it was read; ``what`` names it in errors. An absent or blank one has the text ``{}``."""

    what: str
    text: str
    members: Mapping[str, Member]

    @classmethod
    def parse(cls, data: bytes | None, what: str) -> DaemonJson:
        """Read the file; None stands for none.

        Raises:
            Damaged: it is not what dockerd would take: no JSON object, a comment, a key twice, too large.
        """
        if data is None or not data.strip():
            return cls(what, "{}\n", {})
        try:
            value = parse_json(data, what=what, max_bytes=DAEMON_JSON_MAX_BYTES)
        except BadMetadata as error:
            raise Damaged(str(error), hint=_COMMENT if _commented(data) else _CORRECT) from error
        if not isinstance(value, dict):
            raise Damaged(f"{what} holds no JSON object", hint=_CORRECT)
        text = data.decode()
        return cls(what, text, _members(text))

    def get(self, key: str) -> Any:  # noqa: ANN401
        """The value of a key; None where it is not there."""
        return self.members[key].value if key in self.members else None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where the file says to listen; raises ``Conflicting`` where that is no list of texts."""
        value = self.get(HOSTS)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(host, str) for host in value):
            raise Conflicting(f"{self.what}: hosts is no list of addresses", hint='write it as ["unix:///...", ...]')
        return tuple(value)


def tls_settings(folder: str) -> dict[str, Value]:
    """What dockerd is told of a server folder, which is an absolute path."""
    return {
        "tlsverify": True,
        "tlscacert": f"{folder}/ca.pem",
        "tlscert": f"{folder}/cert.pem",
        "tlskey": f"{folder}/key.pem",
    }


def merge(file: DaemonJson, wanted: Mapping[str, Value]) -> bytes:
    """The file with these keys; one that has its value already is left as it is written."""
    replaced = [(key, value) for key, value in wanted.items() if key in file.members and file.get(key) != value]
    added = {key: value for key, value in wanted.items() if key not in file.members}
    text = _append(file, added)
    for key, value in sorted(replaced, key=lambda pair: -file.members[pair[0]].start):
        member = file.members[key]
        text = text[: member.start] + _encode(value) + text[member.end :]
    return text.encode()


def check_tls(file: DaemonJson, wanted: Mapping[str, Value]) -> None:
    """Raises ``Conflicting`` where the file says something else of TLS, or something that dockerd does not take."""
    for key in file.members:
        lower = key.lower()
        if key != lower and lower in {*TLS_KEYS, "tls", HOSTS}:
            raise Conflicting(f"{file.what}: dockerd knows no key {key[:40]!r}", hint=f"write it as {lower!r}")
    if file.get("tlsverify") is False:
        raise Conflicting(
            f'{file.what}: "tlsverify": false lets everybody in who reaches the port, without a certificate',
            hint=f"take it out of {file.what}, then run this again",
        )
    if "tls" in file.members and file.get("tls") is not True:
        raise Conflicting(
            f'{file.what}: "tls" contradicts tlsverify', hint=f"take tls out of {file.what}: tlsverify includes it"
        )
    for key, value in wanted.items():
        if key in file.members and file.get(key) != value:
            raise Conflicting(
                f"{file.what}: {key} is {_encode(file.get(key))[:200]} already",
                hint=f"undo the earlier set-up (pytrust engine rollback), or take {key} out of {file.what}",
            )


def _members(text: str) -> dict[str, Member]:
    """The keys at the top of a text that is known to be a JSON object without duplicates."""
    decoder, found = json.JSONDecoder(), {}
    position = _skip(text, _skip(text, 0) + 1)
    while text[position] != "}":
        key, position = decoder.raw_decode(text, position)
        start = _skip(text, _skip(text, position) + 1)
        value, end = decoder.raw_decode(text, start)
        found[key] = Member(value, start, end)
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _append(file: DaemonJson, added: Mapping[str, Value]) -> str:
    """Behind the last key, each in the manner of the first."""
    if not added:
        return file.text
    text = file.text
    opened = text.index("{") + 1
    if not file.members:
        closed = _skip(text, opened)
        return f"{text[:opened]}{_INDENT}{_written(added, _INDENT)}\n{text[closed:]}"
    space = text[opened : _skip(text, opened)] or " "
    end = max(member.end for member in file.members.values())
    return f"{text[:end]},{space}{_written(added, space)}{text[end:]}"


def _written(added: Mapping[str, Value], space: str) -> str:
    return f",{space}".join(f"{_encode(key)}: {_encode(value)}" for key, value in added.items())


def _encode(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


def _commented(data: bytes) -> bool:
    return any(line.lstrip().startswith((b"//", b"/*", b"#")) for line in data.splitlines())
