"""Age files that were written without age and without pytrust (``tests/vectors/age/make.py``)."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections import Counter

import pytest
from tests.vectors.age.make import FILE, Vector, row, vectors

from pytrust.trust.errors import Damaged, UsageError, WrongPassphrase
from pytrust.trust.vault import age

VECTORS = {vector.name: vector for vector in vectors()}
ROWS = {each["name"]: each for each in json.loads(FILE.read_text())}
OUTCOMES = {Damaged: "damaged", WrongPassphrase: "no-key", UsageError: "usage"}


def test_none_is_missing() -> None:
    assert Counter(vector.expect for vector in VECTORS.values()) >= Counter(
        {"opens": 19, "damaged": 100, "no-key": 4, "usage": 6}
    )
    assert FILE.stat().st_size < 200_000


def test_the_files_are_as_they_were_written_down() -> None:
    assert {name: row(vector) for name, vector in VECTORS.items()} == ROWS


@pytest.mark.parametrize("name", ROWS)
def test_what_becomes_of_it(name: str) -> None:
    vector, written = VECTORS[name], ROWS[name]
    file = b64decode(written["file"]) if "file" in written else vector.file
    assert outcome(vector, file) == (written["expect"], written["plain"])


def outcome(vector: Vector, file: bytes) -> tuple[str, str]:
    passphrase = vector.passphrase.encode() or None
    try:
        plain = age.decrypt(file, vector.identities.encode(), passphrase)
    except (Damaged, WrongPassphrase, UsageError) as error:
        return OUTCOMES[type(error)], ""
    return "opens", hashlib.sha256(plain).hexdigest()
