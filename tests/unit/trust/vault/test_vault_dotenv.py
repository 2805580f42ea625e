"""Env files: compose's reading, where there is only one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import ENV_FILE_MAX_BYTES
from pytrust.trust.vault.dotenv import parse_env

CANARY = "canary-0a7e"
READ = [
    (b"", {}),
    (b"\n# a=b\n  \n\t# c\n", {}),
    (b"A=b", {"A": "b"}),
    (b"A=b\nC=d\n", {"A": "b", "C": "d"}),
    (b"\xef\xbb\xbfA=b\r\nC=d\r\n", {"A": "b", "C": "d"}),
    (b"  export A = b c  \n", {"A": "b c"}),
    (b"A=b # comment", {"A": "b"}),
    (b"A=b#c", {"A": "b#c"}),
    (b"A=b=c==", {"A": "b=c=="}),
    (b"A=", {"A": ""}),
    (b"A= # nothing\nB=c", {"A": "", "B": "c"}),
    (b"A='b # $c \"d\" \\n'", {"A": 'b # $c "d" \\n'}),
    (b"A='b' # c", {"A": "b"}),
    (b'A="b # c"', {"A": "b # c"}),
    (b'A="b\\n\\r\\t\\\\\\"c"', {"A": 'b\n\r\t\\"c'}),
    (b'A="-----BEGIN X-----\nab\n-----END X-----\n"\nB=c', {"A": "-----BEGIN X-----\nab\n-----END X-----\n", "B": "c"}),
    (b"A='b\n# c\n'\n", {"A": "b\n# c\n"}),
    (b"A=it's", {"A": "it's"}),
    (b"A=C:\\x", {"A": "C:\\x"}),
    (b"a.b-c_1=x", {"a.b-c_1": "x"}),
    ("A=gr\u00fc\u00dfe".encode(), {"A": "gr\u00fc\u00dfe"}),
    (b"A=''", {"A": ""}),
]
REFUSED = [
    "A=canary-0a7e\u00a0".encode(),
    b"A=\x0bcanary-0a7e",
    b"A=canary-0a7e\x0c#x",
    b"A",
    b"A b",
    b"A: canary-0a7e",
    b"=canary-0a7e",
    b"1A=canary-0a7e",
    b"A=canary-0a7e\nA=x",
    b"A=pa$canary-0a7e",
    b'A="${canary-0a7e}"',
    b'A="canary-0a7e$$"',
    b"A='canary-0a7e",
    b'A="canary-0a7e',
    b'A="canary-0a7e"x',
    b"A='canary-0a7e'x",
    b"A='canary-0a7e'#x",
    b"A='it\\'s canary-0a7e'",
    b'A="\\x canary-0a7e"',
    b"A=#canary-0a7e",
    b"A=canary-0a7e\x00",
    b"A=canary-0a7e\xff",
    b"A=canary-0a7e\rB=c",
    b"A=x\n" * 2,
    b"#" * (ENV_FILE_MAX_BYTES + 1),
    b"".join(b"A%d=x\n" % number for number in range(10_001)),
]


@pytest.mark.parametrize(("data", "found"), READ, ids=range(len(READ)))
def test_what_is_read(data: bytes, found: dict[str, str]) -> None:
    assert parse_env(data, ".env") == found


@pytest.mark.parametrize("data", REFUSED, ids=range(len(REFUSED)))
def test_what_has_two_readings_is_refused_and_not_repeated(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"^\.env") as caught:
        parse_env(data, ".env")
    assert CANARY not in str(caught.value) + caught.value.hint
    assert "\n" not in str(caught.value)


def test_the_line_is_named() -> None:
    with pytest.raises(UsageError, match=r"^\.env:5:"):
        parse_env(b"A='b\nc'\n\n# d\nnothing\n", ".env")


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True),
        st.text(st.characters(exclude_characters="'\0\r", exclude_categories=["Cs"])),
        max_size=6,
    )
)
def test_single_quotes_take_everything(pairs: dict[str, str]) -> None:
    pairs = {key: value.rstrip("\\") for key, value in pairs.items()}
    text = "".join(f"{key}='{value}'\n" for key, value in pairs.items())
    assert parse_env(text.encode(), "x") == pairs


@given(st.binary(max_size=200))
def test_junk_is_a_usage_error(data: bytes) -> None:
    try:
        parse_env(data, "x")
    except UsageError as error:
        assert str(error).startswith("x")


@pytest.mark.parametrize(
    "data",
    [
        b"A=" + b" " * 500_000 + b"b",
        b"A=b" + b" " * 500_000 + b"c",
        b"export" + b" " * 500_000 + b"c",
        b"A=b" + b" " * 500_000 + b"# c",
        b'A="' + b"\\n" * 400_000,
        b"A='" + b"\n" * 900_000,
        b"\n" * 1_000_000,
        b"A=" + b" #" * 300_000,
    ],
)
def test_hostile_files_take_no_time(data: bytes) -> None:
    before = time.process_time()
    try:
        parse_env(data, "x")
    except UsageError:
        pass
    assert time.process_time() - before < 2
