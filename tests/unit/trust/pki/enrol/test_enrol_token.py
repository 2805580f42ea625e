"""Enrolment tokens: what is printed is read back, a slip of the hand is told apart, and a bundle is fixed as a whole."""

from __future__ import annotations

from secrets import token_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import UsageError
from pytrust.trust.pki.enrol.token import SECRET_BYTES, TOKEN_MAX_CHARS, Token, hash_secret

TOKENS = st.builds(
    Token,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES),
)
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@given(TOKENS)
def test_what_is_printed_is_read_back(token: Token) -> None:
    assert Token.parse(token.reveal()) == token
    assert Token.parse(f"  {token.reveal().upper()}\n") == token


@pytest.mark.parametrize("byte", [b"\x00", b"\xff"])
def test_every_token_is_as_long_as_any_other(byte: bytes) -> None:
    token = Token(byte * 32, byte * SECRET_BYTES)
    assert len(token.reveal()) == 90
    assert Token.parse(token.reveal()) == token


@given(TOKENS, st.integers(7, 89), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_a_typing_error(token: Token, place: int, other: str) -> None:
    text = token.reveal().lower()
    if text[place] in {other, "-"}:
        return
    with pytest.raises(UsageError, match="typing error"):
        Token.parse(text[:place] + other + text[place + 1 :])


@given(TOKENS, st.integers(7, 55))
def test_two_characters_swapped_are_a_typing_error(token: Token, place: int) -> None:
    text = list(token.reveal().lower())
    if text[place] == text[place + 1] or "-" in text[place : place + 2]:
        return
    text[place], text[place + 1] = text[place + 1], text[place]
    with pytest.raises(UsageError, match="typing error"):
        Token.parse("".join(text))


@given(st.text(max_size=TOKEN_MAX_CHARS + 10))
def test_anything_else_is_no_token_and_never_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Token.parse(text)
    if len(text.strip()) > 7:
        assert text.strip() not in f"{caught.value} {caught.value.hint}"


def test_numbers_that_no_bytes_make_are_refused() -> None:
    """A checksum alone could be made for them by anybody."""
    from pytrust.trust.pki.enrol.token import _checksum

    for body in (f"ptca-1-{'z' * 50}-{'0' * 25}", f"ptca-1-{'0' * 50}-{'z' * 25}"):
        with pytest.raises(UsageError, match="typing error"):
            Token.parse(f"{body}-{_checksum(body)}")


def test_a_token_of_docker_swarm_is_none_of_ours() -> None:
    with pytest.raises(UsageError, match="not an enrolment token"):
        Token.parse(f"SWMTKN-1-{'0' * 50}-{'0' * 25}")


@given(TOKENS)
def test_nothing_shows_the_secret_by_itself(token: Token) -> None:
    word = token.reveal().split("-")[3]
    assert word not in f"{token} {token!r}"
    assert token.secret.hex() not in f"{token!r}"
    assert repr(token.secret) not in repr(token)


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=300))
def test_the_digest_covers_the_whole_bundle(roots: bytes, more: bytes) -> None:
    token = Token.make(roots, token_bytes(SECRET_BYTES))
    assert token.fits(roots)
    assert not token.fits(roots + more)
    assert not token.fits(more + roots) or more + roots == roots


def test_the_hash_is_of_one_secret_alone() -> None:
    made = [Token.make(b"roots", token_bytes(SECRET_BYTES)) for _ in range(50)]
    assert len({token.hash for token in made}) == 50
    assert made[0].hash == hash_secret(made[0].secret)
    assert bytes(made[0].hash).find(made[0].secret) < 0
