"""Sealed secrets: whole, in their place, under their key, or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import BadPermissions, Damaged
from pytrust.trust.keys.sealing import Sealer, load_sealer

KEY = bytes(range(32))
PLACE = "docker.io/foo/web timestamp 00"


@given(secret=st.binary(max_size=300), place=st.text(max_size=60))
def test_round_trip(secret: bytes, place: str) -> None:
    sealed = Sealer(KEY).seal(secret, place)
    assert Sealer(KEY).open(sealed, place) == secret
    assert len(sealed) == len(secret) + 1 + 12 + 16
    assert not secret or len(secret) < 8 or secret not in sealed


def test_no_two_are_alike() -> None:
    sealer = Sealer(KEY)
    assert len({sealer.seal(b"secret", PLACE) for _ in range(100)}) == 100


@pytest.mark.parametrize("place", ["", "docker.io/foo/web timestamp 01", "docker.io/foo/other timestamp 00"])
def test_another_place(place: str) -> None:
    with pytest.raises(Damaged, match="does not open"):
        Sealer(KEY).open(Sealer(KEY).seal(b"secret", PLACE), place)


def test_another_key() -> None:
    with pytest.raises(Damaged, match="docker.io/foo/web does not open") as caught:
        Sealer(bytes(32)).open(Sealer(KEY).seal(b"secret", PLACE), PLACE)
    assert "seal.key" in caught.value.hint


def test_every_bit_counts() -> None:
    sealed = Sealer(KEY).seal(b"secret", PLACE)
    for index in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[index] ^= 1 << bit
            with pytest.raises(Damaged):
                Sealer(KEY).open(bytes(changed), PLACE)


def test_every_length_counts() -> None:
    sealed = Sealer(KEY).seal(b"secret", PLACE)
    for short in [sealed[:end] for end in range(len(sealed))] + [sealed[1:], sealed + b"\0", b"\1" + sealed]:
        with pytest.raises(Damaged):
            Sealer(KEY).open(short, PLACE)


def test_the_key_is_made_once_and_is_secret(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    sealed = load_sealer(tmp_path).seal(b"secret", PLACE)
    assert load_sealer(tmp_path).open(sealed, PLACE) == b"secret"
    assert (tmp_path / "seal.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["seal.key"]


def test_many_begin_at_one_time(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with ThreadPoolExecutor(8) as pool:
        sealers = list(pool.map(lambda _: load_sealer(tmp_path), range(8)))
    sealed = sealers[0].seal(b"secret", PLACE)
    assert {sealer.open(sealed, PLACE) for sealer in sealers} == {b"secret"}


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_size(tmp_path: Path, size: int) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "seal.key"
    path.touch(0o600)
    path.write_bytes(bytes(size))
    with pytest.raises(Damaged):
        load_sealer(tmp_path)


def test_a_key_that_others_may_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    load_sealer(tmp_path)
    (tmp_path / "seal.key").chmod(0o640)
    with pytest.raises(BadPermissions):
        load_sealer(tmp_path)
