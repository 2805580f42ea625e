"""A passphrase as a way to unlock: one spelling of a text, and a cost that no header can drive up."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import Damaged, UsageError, WrongPassphrase
from pytrust.trust.limits import (
    ARGON2_LANES_MAX,
    ARGON2_MEMORY_MAX,
    ARGON2_MEMORY_MIN,
    ARGON2_PASSES_MAX,
    ARGON2_PASSES_MIN,
    ARGON2_WORK_MAX,
    PASSPHRASE_MAX_BYTES,
)
from pytrust.trust.vault.slots.passphrase import CHEAPEST, Cost, calibrate, fitted, make, normalised, seed

CHEAP = Cost(64, 1, 1)
PARAMS: dict[str, str | int] = {"salt": "00" * 16, "memory": 64, "passes": 1, "lanes": 1}
COMPOSED = "Pässwört é".encode()


def test_the_passphrase_gives_the_seed_again_and_another_gives_another() -> None:
    made = make(b"correct horse", CHEAP)
    assert len(made.seed) == 32
    assert seed(made.params, b"correct horse") == made.seed
    assert seed(made.params, b"correct hors\xc3\xa9") != made.seed


def test_two_slots_of_one_passphrase_have_nothing_in_common() -> None:
    one, two = (make(b"correct horse", CHEAP) for _ in range(2))
    assert one.seed != two.seed
    assert one.params["salt"] != two.params["salt"]


# Made with the reference implementation of Argon2, version 0x13: type, memory, passes, lanes as in the parameters.
REFERENCE = [
    (Cost(64, 1, 1), "32364fd7ed54f4951b0d6bc3bed2f212c66235738a114c5f8ba3b6a1ee3abb10"),
    (Cost(256, 3, 4), "51211ec791a404f8bc89576f7326f09ac81c0651ff478db0bd7ce51ddfb7201d"),
]


@pytest.mark.parametrize(("cost", "made"), REFERENCE)
def test_the_derivation_is_argon2id(cost: Cost, made: str) -> None:
    assert seed({"salt": b"0123456789abcdef".hex(), **cost._asdict()}, b"correct horse").hex() == made


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_it_does_not_matter_how_accents_were_composed(form: str) -> None:
    typed = unicodedata.normalize(form, COMPOSED.decode()).encode()  # type: ignore[arg-type]
    made = make(COMPOSED, CHEAP)
    assert seed(made.params, typed) == made.seed


@given(st.text(st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"), min_size=8, max_size=100))
def test_a_normalised_passphrase_is_its_own_normal_form(text: str) -> None:
    try:
        once = normalised(text.encode())
    except UsageError:
        assert len(unicodedata.normalize("NFC", text)) < 8
    else:
        assert normalised(once) == once
        assert normalised(unicodedata.normalize("NFD", text).encode()) == once


BAD = {
    "empty": b"",
    "short": b"1234567",
    "short when composed": unicodedata.normalize("NFD", "é" * 7).encode(),
    "NUL within": b"correct\0horse",
    "NUL at the end": b"correct horse\0",
    "not UTF-8": b"correct hors\xe9",
    "half a surrogate": b"correct \xed\xa0\x80",
    "a character that is none": "correct \U000e0080".encode(),
    "too long": b"x" * (PASSPHRASE_MAX_BYTES + 1),
    "a mebibyte": b"x" * 1024 * 1024,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_passphrase_is_refused_before_any_work(name: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(UsageError) as caught:
        make(BAD[name], Cost(ARGON2_MEMORY_MAX, 8, 4))
    assert time.perf_counter() - begun < 0.5
    assert "correct" not in str(caught.value)


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_passphrase_is_a_wrong_one_when_the_vault_is_opened(name: str) -> None:
    with pytest.raises(WrongPassphrase):
        seed({**PARAMS, "memory": ARGON2_MEMORY_MAX}, BAD[name])


def test_the_longest_and_the_shortest_open() -> None:
    for passphrase in (b"12345678", b"x" * PASSPHRASE_MAX_BYTES, b"correct horse\n"):
        made = make(passphrase, CHEAP)
        assert seed(made.params, passphrase) == made.seed


def test_the_end_of_a_line_is_part_of_the_passphrase() -> None:
    made = make(b"correct horse", CHEAP)
    assert seed(made.params, b"correct horse\n") != made.seed


HOSTILE = [
    {"memory": 2**40},
    {"memory": 2**63},
    {"memory": ARGON2_MEMORY_MAX + 1},
    {"memory": 0},
    {"memory": -64},
    {"memory": True},
    {"memory": "64"},
    {"memory": 64.0},
    {"memory": 16, "lanes": 4},
    {"memory": ARGON2_MEMORY_MAX, "passes": 9},
    {"passes": 0},
    {"passes": -1},
    {"passes": 2**31},
    {"passes": ARGON2_PASSES_MAX + 1},
    {"lanes": 0},
    {"lanes": ARGON2_LANES_MAX + 1},
    {"lanes": 2**24},
    {"salt": ""},
    {"salt": "00" * 15},
    {"salt": "00" * 17},
    {"salt": "0G" * 16},
    {"salt": "AB" * 16},
    {"salt": "00" * 16 + "\n"},
    {"salt": 0},
    {"parallelism": 4},
    {"secret": "x"},
]


@pytest.mark.parametrize("change", HOSTILE, ids=str)
def test_hostile_parameters_are_damage_and_cost_nothing(change: dict[str, str | int]) -> None:
    begun = time.perf_counter()
    with pytest.raises(Damaged) as caught:
        seed({**PARAMS, **change}, b"correct horse")
    assert time.perf_counter() - begun < 0.5
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", PARAMS)
def test_every_parameter_must_be_there(missing: str) -> None:
    with pytest.raises(Damaged):
        seed({name: value for name, value in PARAMS.items() if name != missing}, b"correct horse")


def test_less_than_the_floor_is_read() -> None:
    assert len(seed({**PARAMS, "memory": 8}, b"correct horse")) == 32


@given(measured=st.floats(1e-4, 1e3), target=st.floats(0.01, 100))
def test_a_fitted_cost_is_within_all_bounds(measured: float, target: float) -> None:
    cost = fitted(measured, target)
    assert ARGON2_MEMORY_MIN <= cost.memory <= 256 * 1024
    assert ARGON2_PASSES_MIN <= cost.passes <= ARGON2_PASSES_MAX
    assert cost.memory * cost.passes <= ARGON2_WORK_MAX
    assert cost.lanes <= 4


@pytest.mark.parametrize(
    ("measured", "cost"),
    [
        (5.0, CHEAPEST),
        (1.0, CHEAPEST),
        (0.5, Cost(128 * 1024, 3, 4)),
        (0.25, Cost(256 * 1024, 3, 4)),
        (0.125, Cost(256 * 1024, 6, 4)),
        (0.0001, Cost(256 * 1024, 32, 4)),
    ],
)
def test_memory_grows_first_and_then_passes(measured: float, cost: Cost) -> None:
    assert fitted(measured, 1.0) == cost


def test_whatever_is_fitted_can_be_read_again() -> None:
    cost = fitted(1e-9, 1.0)
    with pytest.raises(WrongPassphrase):  # and not Damaged
        seed({"salt": "00" * 16, **cost._asdict()}, b"short")


def test_calibration_keeps_the_floor_however_little_time_it_gets() -> None:
    assert calibrate(0.001) == CHEAPEST


def test_nothing_shows_the_seed() -> None:
    made = make(b"correct horse", CHEAP)
    assert repr(made.seed) not in repr(made)
    assert made.seed.hex() not in repr(made)
