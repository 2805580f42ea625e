"""A slot for age recipients: theirs alone, and bounded before anything is opened."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Literal

import pytest
from tests.rig.ssh_keys import ssh_key
from tests.vectors.age.make import IDENTITY, RECIPIENT, STRANGER, simple

from pytrust.trust.errors import Damaged, UsageError, WrongPassphrase
from pytrust.trust.vault import age
from pytrust.trust.vault.slots.age_slot import make, recipients, seed

Params = dict[str, str | int]


def test_whoever_has_the_identity_gets_the_seed() -> None:
    made = make([RECIPIENT])
    assert seed(made.params, f"# a file\n{STRANGER}\n{IDENTITY}\n".encode()) == made.seed
    assert recipients(made.params) == (RECIPIENT,)


def test_nobody_else_does() -> None:
    with pytest.raises(WrongPassphrase):
        seed(make([RECIPIENT]).params, STRANGER.encode())


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_an_ssh_key_does_and_its_comment_is_not_kept(kind: Literal["ed25519", "rsa"]) -> None:
    key = ssh_key(kind)
    made = make([key.public, RECIPIENT])
    assert seed(made.params, key.private) == made.seed == seed(made.params, IDENTITY.encode())
    assert "alice" in key.public
    assert "alice" not in str(made.params)


def test_the_same_recipient_twice_is_one() -> None:
    assert recipients(make([RECIPIENT, RECIPIENT + "\n"]).params) == (RECIPIENT,)


@pytest.mark.parametrize("wrong", [[], [""], ["age1"], [RECIPIENT[:-1]], [IDENTITY], [RECIPIENT, "bob"], ["a\nb"]])
def test_what_is_no_recipient_is_refused(wrong: list[str]) -> None:
    with pytest.raises(UsageError):
        make(wrong)


def test_a_slot_fits_into_its_share_of_the_header() -> None:
    assert len(str(make([ssh_key("rsa", bits=4096).public]).params)) < 16_000
    from pyrage import x25519

    many = [str(x25519.Identity.generate().to_public()) for _ in range(50)]
    made = make(many)
    assert len(str(made.params)) < 16_000
    assert len(recipients(made.params)) == 50
    with pytest.raises(UsageError, match="too many"):
        make([*many, *(str(x25519.Identity.generate().to_public()) for _ in range(50))])


FILE = b64encode(simple("a slot", bytes(32))).decode()
HOSTILE: list[Params] = [
    {},
    {"file": FILE},
    {"recipients": RECIPIENT},
    {"file": 1, "recipients": RECIPIENT},
    {"file": FILE, "recipients": "x" * 5000},
    {"file": FILE + "A" * 10_000, "recipients": ""},
    {"file": FILE, "recipients": RECIPIENT, "identity": "/etc/key"},
    {"file": "", "recipients": RECIPIENT},
    {"file": FILE[:-8], "recipients": RECIPIENT},
    {"file": FILE[:400] + "!" + FILE[401:], "recipients": RECIPIENT},
    {"file": FILE[:-1], "recipients": RECIPIENT},
    {"file": b64encode(simple("a slot", bytes(31))).decode(), "recipients": RECIPIENT},
    {"file": b64encode(simple("a slot", bytes(33))).decode(), "recipients": RECIPIENT},
    {"file": b64encode(simple("a slot", b"")).decode(), "recipients": RECIPIENT},
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_parameters_are_damage(number: int) -> None:
    with pytest.raises(Damaged):
        seed(HOSTILE[number], IDENTITY.encode())


def test_the_honest_neighbour_of_the_hostile_ones_opens() -> None:
    assert seed({"file": FILE, "recipients": RECIPIENT}, IDENTITY.encode()) == bytes(32)


def test_what_is_kept_is_an_age_file() -> None:
    made = make([RECIPIENT])
    assert age.decrypt(b64decode(str(made.params["file"])), IDENTITY.encode()) == made.seed
