"""The chain: whatever is changed, the first entry that is not what was written is named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.chain import ORIGIN, Link, Row, check_end, check_joint, extend, follow
from pytrust.trust.errors import Damaged

ENTRIES = st.lists(st.binary(max_size=40), min_size=1, max_size=12)


def rows(entries: list[bytes], link: Link = ORIGIN) -> list[Row]:
    made = []
    for entry in entries:
        link = extend(link, entry)
        made.append((link.seq, entry, link.hash))
    return made


def broken_at(stored: list[Row], link: Link = ORIGIN) -> int | None:
    """The number of the entry that the walk ends at."""
    seen = link.seq
    try:
        for place, _ in follow(link, stored):
            seen = place.seq
    except Damaged as error:
        assert str(error).startswith(f"the journal is damaged: entry {seen + 1} is ")
        return seen + 1
    return None


def test_the_hash_is_what_the_documentation_says() -> None:
    assert extend(ORIGIN, b"first") == Link(
        1, hashlib.sha256(b"pytrust journal 1\n" + bytes(32) + (1).to_bytes(8, "big") + b"first").digest()
    )


@given(ENTRIES, st.integers(0, 2**40))
def test_what_was_written_is_whole(entries: list[bytes], start: int) -> None:
    link = Link(start, hashlib.sha256(b"before").digest())
    walked = list(follow(link, rows(entries, link)))
    assert [entry for _, entry in walked] == entries
    assert walked[-1][0].seq == start + len(entries)


@given(ENTRIES, st.data())
def test_a_flipped_bit(entries: list[bytes], data: st.DataObject) -> None:
    stored = rows(entries)
    at = data.draw(st.integers(0, len(stored) - 1))
    seq, entry, digest = stored[at]
    whole = bytearray(entry + digest)
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    stored[at] = (seq, bytes(whole[: len(entry)]), bytes(whole[len(entry) :]))
    assert broken_at(stored) == seq


@given(ENTRIES, st.data())
def test_a_removed_row(entries: list[bytes], data: st.DataObject) -> None:
    stored = rows(entries)
    at = data.draw(st.integers(0, len(stored) - 1))
    del stored[at]
    assert broken_at(stored) == (None if at == len(stored) else at + 1)
    if at == len(stored):  # the last one: its number was given away
        with pytest.raises(Damaged, match=f"entry {at + 1} is missing"):
            check_end(Link(at, b""), at + 1)


@given(ENTRIES, st.data())
def test_a_removed_row_after_which_the_others_move_up(entries: list[bytes], data: st.DataObject) -> None:
    stored = rows([*entries, b"last"])
    at = data.draw(st.integers(0, len(entries) - 1))
    del stored[at]
    assert broken_at([(number, *rest) for number, (_, *rest) in enumerate(stored, 1)]) == at + 1


@given(ENTRIES.filter(lambda entries: len(entries) > 1), st.data())
def test_swapped_rows(entries: list[bytes], data: st.DataObject) -> None:
    stored = rows(entries)
    one, other = sorted(data.draw(st.lists(st.integers(0, len(stored) - 1), min_size=2, max_size=2, unique=True)))
    stored[one], stored[other] = (one + 1, *stored[other][1:]), (other + 1, *stored[one][1:])
    assert broken_at(stored) == one + 1


@given(ENTRIES, st.binary(max_size=40), st.data())
def test_an_inserted_row(entries: list[bytes], entry: bytes, data: st.DataObject) -> None:
    stored = rows(entries)
    at = data.draw(st.integers(0, len(stored) - 1))
    before = Link(at, stored[at - 1][2]) if at else ORIGIN
    forged = extend(before, entry)
    stored.insert(at, (forged.seq, entry, forged.hash))
    moved = [(number, *rest) for number, (_, *rest) in enumerate(stored, 1)]
    assert broken_at(moved) == at + 2  # the forged one is well made; what follows it was made after another


@given(ENTRIES)
def test_another_number_is_another_hash(entries: list[bytes]) -> None:
    assert broken_at([(seq + 1, entry, digest) for seq, entry, digest in rows(entries)]) == 1
    assert broken_at([(seq + 1, *rest) for seq, *rest in rows(entries)], Link(1, ORIGIN.hash)) == 2


@pytest.mark.parametrize(
    "change", [lambda b: b.decode("latin-1"), lambda b: None, lambda b: 7], ids=["text", "none", "int"]
)
@pytest.mark.parametrize("column", [1, 2])
def test_what_is_no_bytes(change: Callable[[bytes], object], column: int) -> None:
    stored = [list(row) for row in rows([b"a", b"b"])]
    stored[1][column] = change(stored[1][column])
    assert broken_at([tuple(row) for row in stored]) == 2


def test_joints() -> None:
    link = extend(extend(ORIGIN, b"a"), b"b")
    check_joint(link, link)
    with pytest.raises(Damaged, match="entry 3 is missing"):
        check_joint(link, Link(5, link.hash))
    with pytest.raises(Damaged, match="entry 3 does not follow"):
        check_joint(link, Link(2, bytes(32)))
    with pytest.raises(Damaged, match="entry 2 does not follow"):
        check_joint(link, extend(ORIGIN, b"a"))


def test_ends() -> None:
    check_end(Link(3, b""), 3)
    with pytest.raises(Damaged, match="entry 4 is missing"):
        check_end(Link(3, b""), 5)
    with pytest.raises(Damaged, match="entry 3 was not added by its writer"):
        check_end(Link(3, b""), 2)
