"""Statements about images in TUF 1.0: what is written reads back, other clients see targets, and nothing else is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.keys import ALICE, NAME, NOW, digest, public
from tuf.api import metadata as foreign_tuf

from pytrust.trust.collection.model import PROFILES, RELEASES, TARGETS, Authority, Delegation, Targets
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import BadMetadata, InvalidName
from pytrust.trust.formats import tuf
from pytrust.trust.formats.tuf.paths import statement_digest
from pytrust.trust.limits import STATEMENT_MAX_BYTES
from pytrust.trust.names import Digest

RELAXED = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
CONTENT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).map(str.encode)
DIGESTS = st.binary(min_size=1, max_size=2).map(lambda data: Digest(sha256(data).hexdigest()))
STATEMENTS = st.lists(st.builds(Statement, DIGESTS, CONTENT), max_size=4).map(
    lambda held: {one.about: one for one in held}
)
IMAGE = digest("image")
OTHER_IMAGE = digest("another")
PATH = f"sha256/{IMAGE.hex}/profile"


@RELAXED
@given(STATEMENTS, st.integers(1, 10**9))
def test_they_round_trip_and_are_targets_to_others(statements: dict[Digest, Statement], version: int) -> None:
    document = Targets(version, NOW, statements=statements)
    data = tuf.write_targets(NAME, PROFILES, document)
    assert tuf.read_targets(NAME, PROFILES, data) == document
    foreign = foreign_tuf.Metadata[foreign_tuf.Targets].from_bytes(data).signed
    for about, statement in statements.items():
        file = foreign.targets[f"sha256/{about.hex}/profile"]
        file.verify_length_and_hashes(statement.content)
        assert file.custom == {"content": statement.content.decode()}


def signed(**changes: Any) -> bytes:
    """A file that says one thing of ``IMAGE``, its entry changed."""
    data = tuf.write_targets(NAME, PROFILES, Targets(1, NOW, statements={IMAGE: Statement(IMAGE, b'{"a": 1}\n')}))
    document = json.loads(data)
    entry = document["signed"]["targets"].pop(PATH) | changes
    path = entry.pop("path", PATH)
    document["signed"]["targets"] = {path: {key: value for key, value in entry.items() if value is not None}}
    return json.dumps(document).encode()


def test_what_is_changed_below_is_read_as_it_is() -> None:
    said = tuf.read_targets(NAME, PROFILES, signed()).statements
    assert said == {IMAGE: Statement(IMAGE, b'{"a": 1}\n')}


X = "0" * 64
FORGED: dict[str, dict[str, Any]] = {
    "other content": {"custom": {"content": '{"a": 2}\n'}},
    "other bytes of the same document": {"custom": {"content": '{"a":1}'}},
    "longer content": {"custom": {"content": '{"a": 1}\n '}},
    "no content": {"custom": {}},
    "no custom": {"custom": None},
    "empty content": {"custom": {"content": ""}, "length": 0, "hashes": {"sha256": sha256(b"").hexdigest()}},
    "content of another kind": {"custom": {"content": {"a": 1}}},
    "custom of another kind": {"custom": ["content"]},
    "a second content": {"custom": {"content": '{"a": 1}\n', "mediaType": "text/plain"}},
    "half a character": {"custom": {"content": "\ud800"}},
    "another hash": {"hashes": {"sha256": X}},
    "no sha256": {"hashes": {"sha512": X * 2}},
    "a second hash": {"hashes": {"sha256": sha256(b'{"a": 1}\n').hexdigest(), "sha512": X * 2}},
    "a hash in capitals": {"hashes": {"sha256": sha256(b'{"a": 1}\n').hexdigest().upper()}},
    "another length": {"length": 8},
    "a length of text": {"length": "9"},
    "a field more": {"expires": "never"},
    "too much": {"custom": {"content": "x" * (STATEMENT_MAX_BYTES + 1)}, "length": STATEMENT_MAX_BYTES + 1},
    "a digest alone": {"path": IMAGE.hex},
    "without the last part": {"path": f"sha256/{IMAGE.hex}"},
    "without the first part": {"path": f"{IMAGE.hex}/profile"},
    "a tag": {"path": "v1"},
    "another algorithm": {"path": f"sha512/{IMAGE.hex}/profile"},
    "another thing": {"path": f"sha256/{IMAGE.hex}/scan"},
    "capitals": {"path": f"sha256/{IMAGE.hex.upper()}/profile"},
    "a digit less": {"path": f"sha256/{IMAGE.hex[1:]}/profile"},
    "a line end": {"path": f"sha256/{IMAGE.hex}/profile\n"},
    "a line end in the digest": {"path": f"sha256/{IMAGE.hex}\n/profile"},
    "twice": {"path": f"sha256/sha256/{IMAGE.hex}/profile"},
    "a way up": {"path": f"sha256/../sha256/{IMAGE.hex}/profile"},
    "two slashes": {"path": f"sha256//{IMAGE.hex}/profile"},
    "from the root": {"path": f"/sha256/{IMAGE.hex}/profile"},
    "percent signs": {"path": f"sha256%2F{IMAGE.hex}%2Fprofile"},
    "the pattern": {"path": "sha256/*/profile"},
    "nothing": {"path": ""},
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_an_entry_with_another_reading_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadMetadata):
        tuf.read_targets(NAME, PROFILES, signed(**change))


@pytest.mark.parametrize("path", [change["path"] for change in FORGED.values() if "path" in change])
def test_a_path_that_is_of_no_image(path: str) -> None:
    with pytest.raises(InvalidName):
        statement_digest(PROFILES, path)


def test_one_image_twice_is_refused() -> None:
    entry = f'"{PATH}":'
    data = signed().replace(b'"targets": {', b'"targets": {' + entry.encode() + b"{},")
    with pytest.raises(BadMetadata, match="stands twice"):
        tuf.read_targets(NAME, PROFILES, data)


def test_the_role_delegates_to_nobody() -> None:
    below = Targets(1, NOW, delegations=(Delegation(ALICE, Authority((public("alice"),), 1)),))
    data = tuf.write_targets(NAME, TARGETS, below)
    document = json.loads(data)
    document["signed"]["role"] = PROFILES
    with pytest.raises(BadMetadata, match="delegates"):
        tuf.read_targets(NAME, PROFILES, json.dumps(document).encode())


def delegated(change: Callable[[dict[str, Any]], None]) -> bytes:
    held = Targets(1, NOW, delegations=(Delegation(PROFILES, Authority((public("alice"),), 1)),))
    document = json.loads(tuf.write_targets(NAME, TARGETS, held))
    change(document["signed"]["delegations"]["roles"][0])
    return json.dumps(document).encode()


def test_the_delegation_is_for_its_paths_alone() -> None:
    data = delegated(lambda role: None)
    assert json.loads(data)["signed"]["delegations"]["roles"][0]["paths"] == ["sha256/*/profile"]
    assert [item.name for item in tuf.read_targets(NAME, TARGETS, data).delegations] == [PROFILES]


@pytest.mark.parametrize(
    "paths", [["*"], ["profiles/*"], ["sha256/*"], ["sha256/*/*"], ["sha256/*/profile", "*"], ["*/*/profile"], []]
)
def test_a_delegation_of_other_paths_is_refused(paths: list[str]) -> None:
    with pytest.raises(BadMetadata):
        tuf.read_targets(NAME, TARGETS, delegated(lambda role: role.update(paths=paths)))


def test_a_statement_in_another_role_is_none() -> None:
    document = json.loads(signed())
    document["signed"]["role"] = RELEASES
    with pytest.raises(BadMetadata):
        tuf.read_targets(NAME, PROFILES, json.dumps(document).encode())
    assert tuf.read_targets(NAME, RELEASES, json.dumps(document).encode()).statements == {}


@pytest.mark.parametrize("content", [b"", b"x" * (STATEMENT_MAX_BYTES + 1), b"\xff", b"\xed\xa0\x80"])
def test_what_is_no_text_of_the_size_cannot_be_said(content: bytes) -> None:
    with pytest.raises(BadMetadata):
        Statement(OTHER_IMAGE, content)
