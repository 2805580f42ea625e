"""Tokens at rest: a use is one key's, kept through interruptions, never two."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes

import pytest
from tests.fakes.certificates import new_key
from tests.fakes.pki import NOW, issued

from pytrust.trust.errors import NotSetUp
from pytrust.trust.names import KeyId
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.enrol.grants import Grant
from pytrust.trust.pki.enrol.store import EnrolStore
from pytrust.trust.pki.enrol.token import SECRET_BYTES, Token
from pytrust.trust.pki.model import Kind

FIRST, SECOND, THIRD = KeyId("1" * 64), KeyId("2" * 64), KeyId("3" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EnrolStore]:
    Records.create(tmp_path / "ca.db")
    made = EnrolStore(tmp_path / "ca.db")
    yield made
    made.close()


def token(store: EnrolStore, uses: int = 1) -> Token:
    made = Token.make(b"roots", token_bytes(SECRET_BYTES))
    store.add(made.hash, Grant.make(Kind.CLIENT, ["ci-*"], now=NOW, uses=uses, lifetime=timedelta(hours=1)), NOW)
    return made


def test_there_has_to_be_an_authority(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp):
        EnrolStore(tmp_path / "ca.db")


def test_a_grant_comes_back_as_it_was(store: EnrolStore) -> None:
    for grant in (
        Grant.make(Kind.CLIENT, ["ci-*"], now=NOW),
        Grant.make(Kind.SERVER, ["d1", "10.0.0.1"], now=NOW, lifetime=timedelta(hours=3)),
    ):
        made = Token.make(b"roots", token_bytes(SECRET_BYTES))
        store.add(made.hash, grant, NOW)
        assert store.find(made.hash) == grant
    assert store.find(Token.make(b"roots", token_bytes(SECRET_BYTES)).hash) is None


def test_the_secret_is_not_in_the_file(store: EnrolStore, tmp_path: Path) -> None:
    made = token(store)
    store.close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert data.find(made.hash) > 0
    assert made.secret not in data
    assert made.secret.hex().encode() not in data
    assert made.reveal().split("-")[3].encode() not in data


def test_a_use_belongs_to_one_key(store: EnrolStore) -> None:
    made = token(store)
    assert store.claim(made.hash, FIRST) == (True, None)
    assert store.claim(made.hash, FIRST) == (False, None)
    assert store.claim(made.hash, SECOND) is None


def test_a_settled_use_remembers_its_certificate(store: EnrolStore) -> None:
    made = token(store)
    store.claim(made.hash, FIRST)
    store.settle(made.hash, FIRST, issued(new_key(), 0xABC), NOW)
    assert store.claim(made.hash, FIRST) == (False, 0xABC)
    store.release(made.hash, FIRST)
    assert store.claim(made.hash, FIRST) == (False, 0xABC)


def test_a_released_use_is_free(store: EnrolStore) -> None:
    made = token(store)
    store.claim(made.hash, FIRST)
    store.release(made.hash, FIRST)
    assert store.claim(made.hash, SECOND) == (True, None)


def test_as_many_uses_as_were_granted(store: EnrolStore) -> None:
    made = token(store, uses=2)
    assert [bool(store.claim(made.hash, each)) for each in (FIRST, SECOND, THIRD, FIRST)] == [True, True, False, True]


def test_a_token_that_is_none_cannot_be_claimed(store: EnrolStore) -> None:
    assert store.claim(Token.make(b"roots", token_bytes(SECRET_BYTES)).hash, FIRST) is None


def test_at_once_one_use_is_one_key_s(store: EnrolStore, tmp_path: Path) -> None:
    made = token(store)
    others = [EnrolStore(tmp_path / "ca.db") for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda pair: pair[1].claim(made.hash, KeyId(f"{pair[0]:064x}")), enumerate(others)))
    for other in others:
        other.close()
    assert sum(claim is not None for claim in found) == 1


def test_cancelled_tokens_are_over(store: EnrolStore) -> None:
    made = token(store)
    assert store.cancel(NOW) == 1
    found = store.find(made.hash)
    assert found is not None
    assert found.expires <= NOW
    assert store.cancel(NOW) == 0


def test_old_tokens_are_forgotten_with_their_uses(store: EnrolStore) -> None:
    old = token(store)
    store.claim(old.hash, FIRST)
    later = NOW + timedelta(days=8)
    store.add(Token.make(b"roots", token_bytes(SECRET_BYTES)).hash, Grant.make(Kind.CLIENT, ["x"], now=later), later)
    assert store.find(old.hash) is None
    store.add(old.hash, Grant.make(Kind.CLIENT, ["x"], now=later), later)
    assert store.claim(old.hash, SECOND) == (True, None)
