"""Unlock keys: a typing error is told from a key of another vault, and nothing of the key is ever told."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import Damaged, UsageError
from pytrust.trust.vault.slots.unlock_key import PREFIX, make, parse, seed, spelled

SEED = bytes(range(32))
KEY = "PTKEY-1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh97Vf-M"
SEEDS = st.binary(min_size=32, max_size=32)


def test_the_spelling_is_settled() -> None:
    assert spelled(SEED) == KEY
    assert parse(KEY) == SEED


@given(SEEDS)
def test_a_seed_comes_back_and_its_key_survives_shells_and_double_clicks(made: bytes) -> None:
    key = spelled(made)
    assert re.fullmatch(r"[A-Za-z0-9_-]{56}", key)
    assert parse(key) == parse(key.encode()) == made


def test_a_new_key_is_new() -> None:
    (one, first), (two, second) = make(), make()
    assert one != two
    assert parse(one) == first.seed
    assert parse(two) == second.seed
    assert seed(first.params, one.encode()) == first.seed


@pytest.mark.parametrize("around", [(" ", ""), ("", "\n"), ("\t ", " \r\n"), ("\n\n", "\n")])
def test_white_space_around_is_no_part_of_it(around: tuple[str, str]) -> None:
    assert parse(around[0] + KEY + around[1]) == SEED


@pytest.mark.parametrize("place", range(len(PREFIX), len(KEY)))
def test_one_wrong_character_is_a_typing_error_wherever_it_is(place: int) -> None:
    for other in set(string.ascii_letters + string.digits + "-_") - {KEY[place]}:
        with pytest.raises(UsageError, match="typing error"):
            parse(KEY[:place] + other + KEY[place + 1 :])


@pytest.mark.parametrize("place", range(len(PREFIX), len(KEY) - 1))
def test_two_characters_that_changed_places_are_a_typing_error(place: int) -> None:
    if KEY[place] != KEY[place + 1]:
        with pytest.raises(UsageError, match="typing error"):
            parse(KEY[:place] + KEY[place + 1] + KEY[place] + KEY[place + 2 :])


WRONG = {
    "": "is empty",
    " \n": "is empty",
    KEY.lower(): "capital letters",
    KEY[:20].upper() + KEY[20:].upper(): "typing error",
    KEY[:-1]: "has 55 characters, and not 56",
    KEY + "A": "has 57 characters, and not 56",
    PREFIX: "has 8 characters",
    KEY.removeprefix(PREFIX): "does not begin with PTKEY-1-",
    KEY.replace("PTKEY-1-", "PTKEY-2-"): "does not begin with PTKEY-1-",
    KEY.replace("PTKEY-1-", "SWMKEY-1-"): "does not begin with PTKEY-1-",
    f'"{KEY}"': "does not begin with PTKEY-1-",
    KEY[:30] + " " + KEY[30:]: "white space within",
    KEY[:30] + "\n" + KEY[30:]: "white space within",
    KEY[:30] + "+" + KEY[31:]: "a character that no key has",
    KEY[:-1] + "=": "a character that no key has",
    KEY[:30] + "\0" + KEY[31:]: "a character that no key has",
    KEY[:30] + "é" + KEY[31:]: "a character that no key has",
    "\u00a0" + KEY: "a character that no key has",
    KEY[:30] + "\N{EN DASH}" + KEY[31:]: "a character that no key has",
    "\ud800" + KEY: "a character that no key has",
    KEY * 100: "longer than 4096 bytes",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_and_nothing_of_the_key(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert WRONG[text] in str(caught.value)
    assert KEY[8:24] not in str(caught.value) + caught.value.hint
    assert caught.value.__cause__ is None  # a decoder's error would hold the key
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.binary(max_size=80))
def test_anything_else_is_refused_in_our_words(text: bytes) -> None:
    with pytest.raises(UsageError):
        parse(text)


@given(SEEDS, st.integers(0, 47), st.sampled_from(string.ascii_letters + string.digits + "-_"))
def test_a_key_has_one_spelling(made: bytes, place: int, other: str) -> None:
    key = spelled(made)
    changed = key[: 8 + place] + other + key[9 + place :]
    if changed != key:
        with pytest.raises(UsageError):
            parse(changed)


@pytest.mark.parametrize("params", [{"x": 1}, {"salt": "00"}])
def test_its_slot_keeps_nothing(params: dict[str, str | int]) -> None:
    with pytest.raises(Damaged):
        seed(params, KEY.encode())
