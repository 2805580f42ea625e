"""A slot that a token opens: a real PKCS#11 module, SoftHSM."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag
from tests.rig.needs import need
from tests.rig.processes import find

from pytrust.trust.errors import Damaged, PytrustError, Unsound, UsageError, VaultLocked, WrongPassphrase
from pytrust.trust.vault.header import Head, Header, NewSlot, open_slot, seal_slot
from pytrust.trust.vault.master import Master
from pytrust.trust.vault.slots.kinds import Pin, seed
from pytrust.trust.vault.slots.pkcs11 import make

PIN = b"123456"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so")
KEYS = {"rsa": b"\x01", "aes": b"\x02", "sign only": b"\x03", "small aes": b"\x05"}
Params = dict[str, str | int]


@pytest.fixture(scope="module")
def module() -> str:
    found = [path for path in MODULES if Path(path).exists()]
    need("" if found and find("softhsm2-util") else "softhsm2 is not installed")
    return found[0]


@pytest.fixture(scope="module", autouse=True)
def token(tmp_path_factory: pytest.TempPathFactory, module: str) -> Iterator[None]:
    """A token named ``ops`` in a folder of its own."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        words = [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            "ops",
            "--so-pin",
            "12345678",
            "--pin",
            PIN.decode(),
        ]
        subprocess.run(words, check=True, capture_output=True, timeout=60, env={**os.environ})
        _fill(module)
        yield


def _fill(module: str) -> None:
    library = pkcs11.lib(str(Path(module).resolve()))
    library.reinitialize()  # it may have been loaded, with another configuration, by somebody else
    with library.get_token(token_label="ops").open(rw=True, user_pin=PIN.decode()) as session:
        session.generate_keypair(KeyType.RSA, 2048, id=KEYS["rsa"], label="rsa", store=True)
        session.generate_key(KeyType.AES, 256, id=KEYS["aes"], label="aes", store=True)
        signing = MechanismFlag.SIGN | MechanismFlag.VERIFY
        session.generate_keypair(
            KeyType.RSA, 2048, id=KEYS["sign only"], label="sign only", store=True, capabilities=signing
        )
        session.generate_keypair(KeyType.RSA, 2048, id=b"\x04", label="twice", store=True)
        session.generate_key(KeyType.AES, 128, id=KEYS["small aes"], label="twice", store=True)


def uri(module: str, key: str, token: str = "ops") -> str:
    return f"pkcs11:token={token};object={quote(key)}?module-path={module}"


@pytest.mark.parametrize(("key", "algorithm"), [("rsa", "rsa-oaep-sha1"), ("aes", "aes-gcm")])
def test_the_token_opens_a_vaults_header(module: str, key: str, algorithm: str) -> None:
    made = make(uri(module, key), PIN)
    assert made.params["algorithm"] == algorithm
    master = Master(bytes(range(32)))
    slot = seal_slot(NewSlot("pkcs11", "", made.seed, made.params), "5a" * 16, 1, master, 0)
    header = Header(
        format=1, store="5a" * 16, epoch=1, generation=1, created=0, manifest=Head(), audit=Head(), slots=(slot,)
    )
    assert open_slot(header, slot, seed(slot, Pin(PIN))).bytes() == master.bytes()


@pytest.mark.parametrize("key", ["rsa", "aes"])
def test_the_seed_is_nowhere_in_the_slot(module: str, key: str) -> None:
    one, two = make(uri(module, key), PIN), make(uri(module, key), PIN)
    assert one.seed not in b64decode(str(one.params["wrapped"]))
    assert one.seed != two.seed


def test_a_key_is_found_by_its_id(module: str) -> None:
    made = make(f"pkcs11:token=ops;id=%05;type=secret-key?module-path={module}", PIN)
    assert made.params["algorithm"] == "aes-gcm"


class Locked:
    """As the header has it."""

    kind = "pkcs11"

    def __init__(self, params: Params) -> None:
        self.params = params


@pytest.mark.parametrize("pin", [b"123457", b"1", b"x" * 255])
def test_a_wrong_pin_is_told_from_everything_else(module: str, pin: bytes) -> None:
    made = make(uri(module, "aes"), PIN)
    with pytest.raises(WrongPassphrase, match="refuses the PIN"):
        seed(Locked(made.params), Pin(pin))
    with pytest.raises(WrongPassphrase, match="refuses the PIN"):
        make(uri(module, "aes"), pin)
    assert seed(Locked(made.params), Pin(PIN)) == made.seed


def test_what_is_not_there_leaves_the_vault_locked(module: str) -> None:
    for wanted in (uri(module, "none"), uri(module, "rsa", token="other"), uri(module, "rsa") + "x"):
        with pytest.raises((VaultLocked, UsageError)):
            make(wanted, PIN)


def test_what_fits_twice_is_not_guessed(module: str) -> None:
    with pytest.raises(UsageError, match="several keys"):
        make(uri(module, "twice"), PIN)


def test_a_key_that_may_not_decrypt_is_refused_before_anything_is_kept(module: str) -> None:
    with pytest.raises(PytrustError):
        make(uri(module, "sign only"), PIN)


def test_another_key_does_not_open_it(module: str) -> None:
    made = make(uri(module, "aes"), PIN)
    other = f"pkcs11:token=ops;id=%05?module-path={module}"
    with pytest.raises(Unsound):
        seed(Locked({**made.params, "uri": other}), Pin(PIN))


@pytest.mark.parametrize("key", ["rsa", "aes"])
def test_a_changed_slot_does_not_open(module: str, key: str) -> None:
    made = make(uri(module, key), PIN)
    wrapped = b64decode(str(made.params["wrapped"]))
    for changed in (
        wrapped[:-1] + bytes([wrapped[-1] ^ 1]),
        bytes([wrapped[0] ^ 1]) + wrapped[1:],
        wrapped[:-1],
        wrapped + b"\0",
        wrapped[:12],
        wrapped[:5],
        b"",
    ):
        with pytest.raises(Unsound):
            seed(Locked({**made.params, "wrapped": b64encode(changed).decode()}), Pin(PIN))


def test_an_algorithm_that_is_not_the_slots_does_not_open_it(module: str) -> None:
    made = make(uri(module, "aes"), PIN)
    with pytest.raises(Unsound):
        seed(Locked({**made.params, "algorithm": "rsa-oaep-sha1"}), Pin(PIN))


def test_a_seed_of_another_size_is_damage(module: str) -> None:
    from pkcs11 import Mechanism
    from pkcs11.mechanisms import GCMParams

    library = pkcs11.lib(str(Path(module).resolve()))
    with library.get_token(token_label="ops").open(user_pin=PIN.decode()) as session:
        key = session.get_key(label="aes")
        assert isinstance(key, pkcs11.EncryptMixin)
        sealed = key.encrypt(
            b"x" * 31, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(bytes(12), b"pytrust vault slot")
        )
    assert isinstance(sealed, bytes)
    params: Params = {
        "uri": uri(module, "aes"),
        "algorithm": "aes-gcm",
        "wrapped": b64encode(bytes(12) + sealed).decode(),
    }
    with pytest.raises(Damaged, match="31 bytes"):
        seed(Locked(params), Pin(PIN))


SCRIPT = """
import sys
from pytrust.trust.keys.signers import block_sdks
block_sdks()
from pytrust.trust.vault.slots.pkcs11 import make, seed
made = make(sys.argv[1], sys.stdin.buffer.read())
assert seed(made.params, b"123456") == made.seed
"""


def test_a_process_that_keeps_sdks_away_gets_this_one(module: str) -> None:
    words = [sys.executable, "-c", SCRIPT, uri(module, "aes")]
    done = subprocess.run(words, input=PIN, capture_output=True, timeout=60, env={**os.environ})
    assert done.returncode == 0, done.stderr


def test_sessions_are_closed(module: str) -> None:
    library = pkcs11.lib(str(Path(module).resolve()))
    made = make(uri(module, "aes"), PIN)
    for _ in range(50):
        seed(Locked(made.params), Pin(PIN))
    with library.get_token(token_label="ops").open() as session:  # without a login: nobody else is logged in
        assert not list(session.get_objects({Attribute.LABEL: "aes"}))
