"""The document of an export: one reading, bounded, and silent about what it holds."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import BadMetadata, PytrustError, UsageError
from pytrust.trust.limits import SECRET_MAX_BYTES
from pytrust.trust.vault.bundle import Bundled, decode_bundle, encode_bundle, is_bundle
from pytrust.trust.vault.model import Reader, Terms
from pytrust.trust.vault.names import SecretName

CANARY = "canary-5d1e"
PART = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,10}[A-Za-z0-9]", fullmatch=True)
NAMES = st.lists(PART, min_size=1, max_size=3).map("/".join).filter(lambda name: not name.startswith("pytrust/"))
TERMS = st.builds(
    Terms,
    st.dictionaries(PART, st.text("äö xyz=", max_size=9), max_size=3).map(lambda found: tuple(sorted(found.items()))),
    st.sets(st.integers(0, 9).map(lambda uid: Reader(f"uid:{uid}"))).map(lambda found: tuple(sorted(found))),
    st.none() | st.integers(0, 4_000_000_000),
)


@given(st.dictionaries(NAMES, st.tuples(st.binary(min_size=1, max_size=60), TERMS), max_size=5))
def test_what_was_written_is_read(secrets: dict[str, tuple[bytes, Terms]]) -> None:
    bundled = tuple(Bundled(SecretName(name), value, terms) for name, (value, terms) in secrets.items())
    data = encode_bundle(bundled)
    assert decode_bundle(data) == bundled
    assert is_bundle(data)


def test_the_document_is_the_one_that_is_promised() -> None:
    terms = Terms((("team", "web"),), (Reader("uid:7"),), 1_900_000_000, keep=3)
    data = encode_bundle([Bundled(SecretName("shop/db"), b"\x00v", terms)])
    assert json.loads(data) == {
        "pytrust": 1,
        "secrets": [
            {
                "name": "shop/db",
                "value": "AHY=",
                "labels": {"team": "web"},
                "readers": ["uid:7"],
                "expires": 1_900_000_000,
            }
        ],
    }
    assert decode_bundle(data)[0].terms.keep == Terms().keep


def entry(**changes: object) -> dict[str, object]:
    value = b64encode(CANARY.encode()).decode()
    return {"name": "a", "value": value, "labels": {}, "readers": [], "expires": None, **changes}


def document(*entries: object, **changes: object) -> bytes:
    return json.dumps({"pytrust": 1, "secrets": list(entries), **changes}).encode()


SOUND = document(entry())
VALUE = b64encode(CANARY.encode()).decode()
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"a: " + CANARY.encode(),
    "no object": b"[]",
    "another format": document(entry(), pytrust=2),
    "a format that is a text": document(entry(), pytrust="1"),
    "a format that is true": document(entry(), pytrust=True),
    "an unknown field": document(entry(), more=CANARY),
    "an unknown field of a secret": document(entry(more=CANARY)),
    "no value": document({name: held for name, held in entry().items() if name != "value"}),
    "no labels": document({name: held for name, held in entry().items() if name != "labels"}),
    "a value in two spellings": document(entry(value=VALUE.replace("=", "") + "\n")),
    "a value with other low bits": document(entry(value="AB==")),
    "a value that is not base64": document(entry(value="-" + VALUE[1:])),
    "an empty value": document(entry(value="")),
    "a value that is too long": document(entry(value=b64encode(bytes(SECRET_MAX_BYTES + 1)).decode())),
    "a value that is a number": document(entry(value=7)),
    "a name twice": document(entry(), entry()),
    "a key twice": SOUND.replace(b'"name": "a"', b'"name": "a", "name": "b"'),
    "two versions of it all": SOUND.replace(b'"pytrust": 1', b'"pytrust": 1, "pytrust": 1'),
    "a path for a name": document(entry(name="../etc/passwd")),
    "a name of pytrust's own": document(entry(name="pytrust/key/ca/root")),
    "no name": document(entry(name="")),
    "a newline in a name": document(entry(name="a\n")),
    "a reader that is none": document(entry(readers=["root"])),
    "a label with a control character": document(entry(labels={"a": "\x1b[2J"})),
    "a label that is a number": document(entry(labels={"a": 1})),
    "too many labels": document(entry(labels={f"k{number}": "" for number in range(33)})),
    "too many readers": document(entry(readers=[f"uid:{number}" for number in range(65)])),
    "a time that is a text": document(entry(expires="2027-01-01")),
    "a fraction of a second": document(entry(expires=1.5)),
    "a time below zero": document(entry(expires=-1)),
    "a time beyond 9999": document(entry(expires=10**15)),
    "a huge number": document(entry(expires=10**30)),
    "deep nesting": document(entry(labels={"a": [[[[[]]]]]})),
    "something behind it": SOUND + b"{}",
    "no UTF-8": SOUND.replace(b'"a"', b'"\xff"'),
    "half a pair": SOUND.replace(b'"labels": {}', b'"labels": {"a": "\\ud800"}'),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_none_is_refused_and_not_told(case: str) -> None:
    with pytest.raises(PytrustError) as caught:
        decode_bundle(HOSTILE[case])
    told = f"{caught.value} {caught.value.hint}"
    assert CANARY not in told
    assert VALUE[:12] not in told
    assert len(told) < 400


def test_every_truncation_is_refused() -> None:
    data = encode_bundle([Bundled(SecretName("a"), b"value", Terms())])
    for length in range(len(data) - 1):
        with pytest.raises(BadMetadata):
            decode_bundle(data[:length])


def test_an_export_has_an_end() -> None:
    value = bytes(SECRET_MAX_BYTES)
    secrets = (Bundled(SecretName(f"s{number}"), value, Terms()) for number in range(60))
    with pytest.raises(UsageError, match="fewer|fill"):
        encode_bundle(secrets)


@pytest.mark.parametrize("data", [b"", b"hunter2", b"{}", b'{"pytrusty":1}', b'{"a":{"pytrust":1}}'])
def test_a_single_value_is_not_taken_for_a_document(data: bytes) -> None:
    assert not is_bundle(data)


def test_nothing_shows_a_value() -> None:
    assert CANARY not in repr(Bundled(SecretName("a"), CANARY.encode(), Terms()))
