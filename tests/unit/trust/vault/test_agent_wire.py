"""Messages of the agent: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust import errors
from pytrust.trust.errors import BadMetadata, InvalidName, PytrustError, Unsound, UsageError
from pytrust.trust.limits import AGENT_ANSWER_MAX_BYTES, AGENT_REQUEST_MAX_BYTES
from pytrust.trust.names import CollectionName
from pytrust.trust.vault.agent.wire import (
    LENGTH_BYTES,
    Ask,
    Lock,
    Reply,
    Request,
    Standing,
    Status,
    Unlock,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    failure,
    meant,
    raised,
    spoken,
)
from pytrust.trust.vault.callers import Caller, ImageCaller, Owner, Peer, ServiceCaller
from pytrust.trust.vault.model import Reader, Secret, Terms, Version, VersionNumber
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import (
    Amend,
    Audit,
    Done,
    Failure,
    Find,
    Get,
    List,
    Page,
    Put,
    PutMany,
    Read,
    Remove,
    Rollback,
    Trail,
    Value,
)

MASTER = bytes(range(32))
IDS = st.integers(0, 2**32 - 1)
NAMES = st.from_regex(r"[A-Za-z0-9]{1,8}(/[A-Za-z0-9]{1,8}){0,7}", fullmatch=True).map(SecretName)
READERS = st.lists(st.integers(0, 99).map(lambda n: Reader(f"uid:{n}")), max_size=3).map(tuple)
NUMBERS = st.integers(1, 2**31)
MAYBE = st.none() | NUMBERS
LABELS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
TERMS = {
    "labels": st.just(msgspec.UNSET) | LABELS,
    "readers": st.just(msgspec.UNSET) | READERS,
    "expires": st.just(msgspec.UNSET) | MAYBE,
    "keep": st.just(msgspec.UNSET) | NUMBERS,
}
PUTS = st.builds(Put, name=NAMES, value=st.binary(max_size=50), expect=st.integers(-1, 9), **TERMS)
OPERATIONS = st.one_of(
    PUTS,
    st.builds(PutMany, puts=st.lists(PUTS, max_size=3).map(tuple)),
    st.builds(Amend, name=NAMES, **TERMS),
    st.builds(Get, name=NAMES, number=MAYBE, purpose=st.text(max_size=20)),
    st.builds(Find, name=NAMES),
    st.builds(List, prefix=st.text(max_size=5), after=st.text(max_size=5), limit=NUMBERS),
    st.builds(Rollback, name=NAMES, number=NUMBERS),
    st.builds(Remove, name=NAMES, number=MAYBE),
    st.builds(Audit, name=st.none() | NAMES, limit=NUMBERS),
)
CALLERS = st.one_of(
    st.builds(Owner, st.text(max_size=20)),
    st.builds(Peer, IDS, st.frozensets(IDS, max_size=5)),
    st.just(ImageCaller(CollectionName("docker.io/foo/web"))),
    st.builds(ServiceCaller, st.text(max_size=20)),
)
REQUESTS: st.SearchStrategy[Request] = st.one_of(
    st.builds(Ask, OPERATIONS, st.none() | CALLERS.map(spoken)),
    st.builds(Unlock, st.binary(min_size=32, max_size=32), st.none() | st.integers(0, 99)),
    st.just(Lock()),
    st.just(Status()),
)
SECRETS = st.builds(
    lambda name, record: Secret(
        name, (Version(VersionNumber(1), 2, "uid:0", 3, record, b"w", "a"),), Terms(), VersionNumber(1)
    ),
    NAMES,
    st.text(max_size=32),
)
REPLIES: st.SearchStrategy[Reply] = st.one_of(
    st.builds(Done, number=NUMBERS.map(VersionNumber), generation=NUMBERS),
    st.builds(Value, number=NUMBERS.map(VersionNumber), value=st.binary(max_size=50)),
    st.builds(Page, secrets=st.lists(SECRETS, max_size=3).map(tuple), more=st.booleans()),
    st.builds(
        Trail, reads=st.lists(st.builds(Read, NUMBERS, st.text(), st.text(), st.text(), NUMBERS), max_size=3).map(tuple)
    ),
    st.builds(Failure, code=st.text(), text=st.text(), hint=st.text()),
    st.builds(Standing, open=st.booleans(), store=st.text(max_size=32), pid=NUMBERS),
)


def body(message: bytes) -> bytes:
    assert int.from_bytes(message[:LENGTH_BYTES], "big") == len(message) - LENGTH_BYTES
    return message[LENGTH_BYTES:]


@given(REQUESTS)
def test_requests_come_out_as_they_went_in(request: Request) -> None:
    assert decode_request(body(encode_request(request))) == request


@given(REPLIES)
def test_replies_come_out_as_they_went_in(reply: Reply) -> None:
    assert decode_reply(body(encode_reply(reply))) == reply


@given(CALLERS)
def test_a_caller_is_the_same_at_the_other_end(caller: Caller) -> None:
    said = spoken(caller)
    assert said is not None
    assert meant(said) == caller


@given(REQUESTS, st.data())
def test_a_request_that_is_cut_off_is_none(request: Request, data: st.DataObject) -> None:
    whole = body(encode_request(request))
    with pytest.raises(BadMetadata):
        decode_request(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=200))
def test_junk_is_no_message(junk: bytes) -> None:
    with pytest.raises(BadMetadata):
        decode_request(junk)
    with pytest.raises(BadMetadata):
        decode_reply(junk)


@given(REQUESTS, st.data())
def test_one_bit_more_or_less_is_another_request_or_none(request: Request, data: st.DataObject) -> None:
    changed = bytearray(body(encode_request(request)))
    at = data.draw(st.integers(0, len(changed) * 8 - 1))
    changed[at // 8] ^= 1 << at % 8
    try:
        assert decode_request(bytes(changed)) != request
    except (BadMetadata, InvalidName):
        pass


TWO_READINGS = {
    "a key twice": b"\x82\xa4type\xa4Lock\xa4type\xa6Status",
    "an unknown key": b"\x82\xa4type\xa4Lock\xa1x\x01",
    "something behind": b"\x81\xa4type\xa4Lock\xc0",
    "a longer spelling": b"\xde\x00\x01\xa4type\xa4Lock",
    "a name given twice": body(encode_request(Ask(Get(name=SecretName("b")))))
    .replace(b"\x84\xa4type\xa3Get", b"\x85\xa4type\xa3Get\xa4name\xa1a"),
    "a list instead of bytes": b"\x83\xa4type\xa6Unlock\xa6master\xdc\x00\x20" + b"\x01" * 32 + b"\xa4idle\xc0",
    "a deep nest": b"\x91" * 100_000 + b"\xc0",
}  # fmt: skip


@pytest.mark.parametrize("data", TWO_READINGS.values(), ids=TWO_READINGS)
def test_what_has_two_readings_is_refused(data: bytes) -> None:
    with pytest.raises(BadMetadata):
        decode_request(data)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_master_key_has_32_bytes(size: int) -> None:
    with pytest.raises(BadMetadata):
        decode_request(msgspec.msgpack.encode(Unlock(bytes(size))))


@pytest.mark.parametrize(
    "operation",
    [
        Get(name=SecretName("../etc/passwd")),
        Find(name=SecretName("")),
        PutMany(puts=(Put(name=SecretName("good"), value=b"x"), Put(name=SecretName("b\0d"), value=b"x"))),
        Audit(name=SecretName("a//b")),
        Remove(name=SecretName("/a")),
    ],
)
def test_a_name_that_is_none_gets_no_further(operation: Get) -> None:
    with pytest.raises(InvalidName):
        decode_request(body(encode_request(Ask(operation))))


def test_an_image_that_is_none_is_no_caller() -> None:
    said = spoken(ImageCaller(CollectionName("NOT AN IMAGE")))
    assert said is not None
    with pytest.raises(InvalidName):
        meant(said)


def test_too_much_at_once_is_refused_before_it_is_sent() -> None:
    half = Put(name=SecretName("a"), value=bytes(AGENT_REQUEST_MAX_BYTES // 2))
    with pytest.raises(UsageError, match="in one step"):
        encode_request(Ask(PutMany(puts=(half, half))))


def test_an_answer_that_is_too_long_becomes_an_error() -> None:
    reply = decode_reply(body(encode_reply(Value(number=VersionNumber(1), value=bytes(AGENT_ANSWER_MAX_BYTES)))))
    assert isinstance(reply, Failure)
    assert isinstance(raised(reply), UsageError)


def family(root: type[PytrustError]) -> list[type[PytrustError]]:
    return [root, *(found for child in root.__subclasses__() for found in family(child))]


@pytest.mark.parametrize("kind", [kind for kind in family(PytrustError) if kind.__module__ == errors.__name__])
def test_every_error_is_raised_again_as_itself(kind: type[PytrustError]) -> None:
    again = raised(failure(kind("the vault: no", hint="do this")))
    assert (type(again), str(again), again.hint) == (kind, "the vault: no", "do this")


def test_an_error_of_a_newer_version_is_unsound() -> None:
    assert type(raised(Failure(code="from-the-future", text="no"))) is Unsound


def test_neither_key_nor_value_is_shown() -> None:
    for shown in (
        repr(Unlock(b"k" * 32)),
        repr(Ask(Put(name=SecretName("a"), value=b"canary"))),
        repr(Value(number=VersionNumber(1), value=b"canary")),
    ):
        assert "canary" not in shown
        assert "kkkk" not in shown
