"""The header of age files, without the library behind it: what it says, and that nothing malformed gets further."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vectors.age.make import VERSION, armored, b64, stanza, vectors

from pytrust.trust.errors import Damaged
from pytrust.trust.limits import AGE_HEADER_MAX_BYTES, AGE_STANZAS_MAX
from pytrust.trust.vault.age_armor import dearmored
from pytrust.trust.vault.age_header import Stanza, read_stanzas

MAC = b"--- " + b64(bytes(32)) + b"\n"
WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).filter(
    lambda w: w != "scrypt"
)
STANZA = st.builds(
    lambda words, body: Stanza(words[0], tuple(words[1:]), body),
    st.lists(WORD, min_size=1, max_size=5),
    st.binary(max_size=200),
)
LEFT_TO_KEYS = {
    "header, MAC of another file",
    "header, X25519 with another argument",
    "header, X25519 without share",
    "header, X25519, short share",
    "header, X25519, long share",
    "header, X25519, share of low order",
    "header, X25519, share in another spelling",
    "header, X25519, short body",
    "header, X25519, long body",
}
MALFORMED = {
    vector.name: vector.file
    for vector in vectors()
    if vector.name.startswith(("header, ", "passphrase, "))
    and vector.expect == "damaged"
    and vector.name not in LEFT_TO_KEYS
}
ARMOR = {vector.name: vector.file for vector in vectors() if vector.name.startswith("armor, ")}


def written(found: list[Stanza]) -> bytes:
    return (
        VERSION + b"".join(stanza(" ".join([each.kind, *each.arguments]).encode(), each.body) for each in found) + MAC
    )


@given(st.lists(STANZA, min_size=1, max_size=6), st.binary(max_size=50))
def test_what_was_written_is_read(found: list[Stanza], payload: bytes) -> None:
    assert read_stanzas(written(found) + payload) == tuple(found)


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_gets_no_further(name: str) -> None:
    with pytest.raises(Damaged):
        read_stanzas(MALFORMED[name])


def test_there_are_enough_of_those() -> None:
    assert len(MALFORMED) > 45
    assert len(ARMOR) > 23


@pytest.mark.parametrize("name", ARMOR)
def test_armor_comes_off_whole_or_not_at_all(name: str) -> None:
    file = ARMOR[name]
    try:
        data = dearmored(file)
    except Damaged:
        return
    # Either it was no armor, and is left to the reader of the header; or its only strict spelling is this one.
    assert data == file or armored(data) == file.strip().replace(b"\r\n", b"\n") + b"\n"


@given(st.integers(0, 47), st.sampled_from([b"=", b" ", b"\n", b"-", b"\0", b"\xff", b"A"]))
def test_one_character_too_much_is_too_much(place: int, more: bytes) -> None:
    text = b64(bytes(range(36)))
    body = text[:place] + more + text[place:]
    with pytest.raises(Damaged):
        read_stanzas(VERSION + b"-> a\n" + body + b"\n" + MAC[:-2] + b"\n")


def test_a_header_of_the_most_stanzas_is_read_and_no_more() -> None:
    most = [Stanza("a", (), b"")] * AGE_STANZAS_MAX
    assert len(read_stanzas(written(most))) == AGE_STANZAS_MAX
    with pytest.raises(Damaged, match="too many"):
        read_stanzas(written([*most, most[0]]))


def test_a_header_of_the_most_bytes_is_read_and_no_more() -> None:
    fixed = len(written([Stanza("a", ("",), b"")]))
    most = Stanza("a", ("x" * (AGE_HEADER_MAX_BYTES - fixed),), b"")
    assert read_stanzas(written([most])) == (most,)
    with pytest.raises(Damaged, match="too long a header"):
        read_stanzas(written([Stanza("a", (most.arguments[0] + "x",), b"")]))


@pytest.mark.parametrize("size", [0, 16, 31, 33, 48])
def test_a_mac_of_another_size_is_none(size: int) -> None:
    with pytest.raises(Damaged):
        read_stanzas(VERSION + b"-> a\n\n--- " + b64(bytes(size)) + b"\n")
