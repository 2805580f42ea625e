"""Chains of sealed frames, and steps in them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import Damaged, Unsound
from pytrust.trust.vault import frames
from pytrust.trust.vault.frames import Chain
from pytrust.trust.vault.header import Head
from pytrust.trust.vault.manifest import Index, PastAudit, Step, decode_step, encode_step, parts
from pytrust.trust.vault.model import Secret, Terms, Version, VersionNumber
from pytrust.trust.vault.names import SecretName

KEY, CONTEXT = bytes(32), b"context"
bodies = st.lists(st.binary(max_size=50), min_size=1, max_size=6)


def sealed(texts: list[bytes], key: bytes = KEY, context: bytes = CONTEXT) -> list[bytes]:
    chain = Chain(key, context)
    return [chain.seal(text) for text in texts]


def read(data: bytes, key: bytes = KEY, context: bytes = CONTEXT, head: Head | None = None) -> list[bytes]:
    return list(Chain(key, context, head).read(data, "it"))


@given(bodies)
def test_what_was_sealed_is_read(texts: list[bytes]) -> None:
    chain = Chain(KEY, CONTEXT)
    data = b"".join(chain.seal(text) for text in texts)
    again = Chain(KEY, CONTEXT)
    assert list(again.read(data, "it")) == texts
    assert again.head == chain.head == Head(len(data), len(texts), data[-16:].hex())


@given(bodies, bodies)
def test_reading_goes_on_where_it_was(first: list[bytes], second: list[bytes]) -> None:
    chain = Chain(KEY, CONTEXT)
    for text in first:
        chain.seal(text)
    head = chain.head
    assert read(b"".join(chain.seal(text) for text in second), head=head) == second


@given(st.lists(st.binary(max_size=9), min_size=2, max_size=5, unique=True), st.data())
def test_no_other_order(texts: list[bytes], data: st.DataObject) -> None:
    found = sealed(texts)
    other = data.draw(st.lists(st.sampled_from(found), min_size=1, max_size=6))
    if other != found[: len(other)]:
        with pytest.raises(Damaged):
            read(b"".join(other))


@pytest.mark.parametrize(("key", "context"), [(b"k" * 32, CONTEXT), (KEY, b"other")])
def test_of_another_chain(key: bytes, context: bytes) -> None:
    with pytest.raises(Damaged):
        read(b"".join(sealed([b"1"])), key, context)


@pytest.mark.parametrize("head", [Head(0, 1, "0" * 32), Head(0, 0, "1" * 32)])
def test_from_another_place(head: Head) -> None:
    with pytest.raises(Damaged):
        read(b"".join(sealed([b"1"])), head=head)


@pytest.mark.parametrize("size", [0, 1, 27, 29, 2**28 + 1, 2**32 - 1])
def test_lengths_that_lie(size: int) -> None:
    with pytest.raises(Damaged):
        read(size.to_bytes(4) + sealed([b""])[0][4:])


def test_a_bad_frame_does_not_move_the_chain() -> None:
    first, second = sealed([b"1", b"2"])
    chain = Chain(KEY, CONTEXT)
    with pytest.raises(Damaged):
        list(chain.read(first + second[:-1] + b"?", "it"))
    assert (chain.frames, chain.length) == (1, len(first))
    assert list(chain.read(second, "it")) == [b"2"]


def test_nonces_are_never_used_twice() -> None:
    found = sealed([b""] * 5000)
    assert len({frame[4:16] for frame in found}) == len(found)


def test_no_more_than_can_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "VAULT_FRAME_MAX_BYTES", 100)
    chain = Chain(KEY, CONTEXT)
    data = chain.seal(bytes(72))
    with pytest.raises(Unsound):
        chain.seal(bytes(73))
    assert chain.head == Head(104, 1, data[-16:].hex())
    assert read(data) == [bytes(72)]


def test_no_more_frames_than_a_key_may_seal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "VAULT_FRAMES_MAX", 2)
    with pytest.raises(Unsound, match="sealed as much"):
        sealed([b""] * 3)


def secret(number: int) -> Secret:
    version = Version(VersionNumber(1), 1, "uid:0", 1, "0" * 32, b"w", "A256GCM")
    return Secret(SecretName(f"s{number}"), (version,), Terms(), VersionNumber(1))


@pytest.mark.parametrize(("count", "gone"), [(0, 0), (1, 1), (4000, 3), (4001, 0), (2, 9001), (12_000, 8000)])
def test_a_step_in_parts_leads_to_the_same(count: int, gone: int) -> None:
    audits = (PastAudit(1, b"k", Head()),)
    removed = tuple((SecretName(f"g{number}"), VersionNumber(2)) for number in range(gone))
    step = Step(5, "uid:0", tuple(map(secret, range(count))), removed, audits)
    found = list(parts(step))
    assert all(len(each.secrets) <= 4000 and len(each.removed) <= 4000 for each in found)
    one, other = Index(), Index()
    one.apply(step)
    for each in found:
        other.apply(decode_step(encode_step(each)))
    assert (one.secrets, one.gone, one.audits) == (other.secrets, other.gone, other.audits)
    assert other.last(SecretName("g0")) == (2 if gone else 0)


@pytest.mark.parametrize("body", [b"", b"\xc0", b"\x90", b"\xff", b"\x92\x01\xa0\x01", encode_step(Step(1, ""))[:-1]])
def test_steps_that_are_none(body: bytes) -> None:
    with pytest.raises(Damaged):
        decode_step(body)


def test_heads_grow() -> None:
    chain = Chain(KEY, CONTEXT)
    heads = [chain.head]
    for _ in range(4):
        chain.seal(b"x")
        heads.append(chain.head)
    assert all(one.length < other.length and one.frames < other.frames for one, other in pairwise(heads))
