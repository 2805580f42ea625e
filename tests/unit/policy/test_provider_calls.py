"""Calls for secrets: read strictly, answered without a value whatever goes wrong, and the same to all who may not."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.vaulted import FakeVaulted

from pytrust.policy.plugin.routes import ACTIVATE, Reply, Routes
from pytrust.policy.plugin.wire import Message
from pytrust.policy.provider import limits
from pytrust.policy.provider.messages import GET, read_request
from pytrust.policy.provider.provider import Provider
from pytrust.trust.errors import BadMetadata
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import Caller, ServiceCaller
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.model import Reader
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Audit, Done, Operation, Page, Put, Trail, Value
from pytrust.trust.vault.vault import create_vault

CANARY = b"canary-6f1d9c"
WEB = (Reader("service:web"), Reader("service:shop_*"))


class Scene:
    """A provider before a vault, its clock, and what it noted."""

    def __init__(self, vault: Vaulted, patience: float = limits.ANSWER_TIMEOUT) -> None:
        self.notes: list[str] = []
        self.seconds = 0.0
        self.provider = Provider(
            vault, lambda: self.seconds, lambda what, text: self.notes.append(f"{what}: {text}"), patience=patience
        )
        self.routes = Routes([self.provider.kind()])

    async def reply(self, body: bytes, path: str = GET, method: bytes = b"POST") -> Reply:
        reply = self.routes.answer(Message(method, path, body, keep_alive=True))
        return reply if isinstance(reply, tuple) else await reply

    def post(self, body: bytes, path: str = GET, method: bytes = b"POST") -> tuple[int, Any]:
        status, answer = asyncio.run(self.reply(body, path, method))
        return status, json.loads(answer)

    def ask(self, secret: str = "db_password", service: str = "web", **fields: object) -> Any:
        status, answer = self.post(call(secret, service, **fields))
        assert status == 200
        return answer


def call(secret: str = "db_password", service: str = "web", **fields: object) -> bytes:
    """As dockerd 20.10.24 writes it."""
    written = {
        "SecretName": secret,
        "ServiceID": "t20cyimv04tt4xgx1hxxngsh9",
        "ServiceName": service,
        "TaskID": "pvsfnlspng81l298ve0xjfqfx",
        "TaskName": f"{service}.1.pvsfnlspng81l298ve0xjfqfx",
        "TaskImage": "foo/web:v2",
        "NodeID": "yhc7jmkc5lcnt9adiwib09ux9",
        "ServiceEndpointSpec": {"Mode": 1, "Ports": [{"Protocol": 0, "TargetPort": 80}]},
    }
    return json.dumps({**written, **fields}).encode() + b"\n"


@contextmanager
def scene(vault: Vaulted, patience: float = limits.ANSWER_TIMEOUT) -> Iterator[Scene]:
    made = Scene(vault, patience)
    yield made
    made.provider.close()


@pytest.fixture
def vault() -> FakeVaulted:
    made = FakeVaulted()
    made.put("db_password", CANARY, readers=WEB)
    made.put("shop/api_key", b"other", readers=WEB)
    made.put("hidden", b"not for web", readers=(Reader("service:db"), Reader("image:docker.io/foo/web")))
    return made


@pytest.fixture
def real(tmp_path: Path) -> Desk:
    opened = create_vault(tmp_path / "vault", tmp_path / "anchor", [NewSlot("file", "", bytes(32), {})], now=1)
    return Desk(opened, now=lambda: 1_800_000_000, owner="uid:0")


def test_activation(vault: FakeVaulted) -> None:
    with scene(vault) as it:
        assert it.post(b"", ACTIVATE) == (200, {"Implements": ["secretprovider"]})


@pytest.mark.parametrize("service", ["web", "shop_front"])
def test_a_reader_gets_the_value(vault: FakeVaulted, service: str) -> None:
    with scene(vault) as it:
        answer = it.ask(service=service)
        assert answer == {"Value": base64.b64encode(CANARY).decode(), "Err": "", "DoNotReuse": True}
        assert not it.notes


def test_a_rotated_value_is_what_the_next_task_gets(vault: FakeVaulted) -> None:
    with scene(vault) as it:
        it.ask()
        vault.put("db_password", b"rotated")
        assert base64.b64decode(it.ask()["Value"]) == b"rotated"


def test_a_label_names_the_vaults_secret(vault: FakeVaulted) -> None:
    with scene(vault) as it:
        answer = it.ask("api_key", SecretLabels={"pytrust.secret": "shop/api_key", "other": "x"})
        assert base64.b64decode(answer["Value"]) == b"other"
        assert "Value" not in it.ask("db_password", SecretLabels={"pytrust.secret": "shop/other"})


def test_who_reads_is_in_the_audit(real: Desk) -> None:
    real.ask(Put(name=SecretName("db_password"), value=CANARY, readers=WEB))
    with scene(real) as it:
        it.ask()
        it.ask(service="db")
    trail = real.ask(Audit())
    assert isinstance(trail, Trail)
    purposes = [
        f"service {name} task pvsfnlspng81l298ve0xjfqfx node yhc7jmkc5lcnt9adiwib09ux9" for name in ("web", "db")
    ]
    assert [(read.caller, read.purpose, read.refused) for read in trail.reads] == [
        ("service:web", purposes[0], ""),
        ("service:db", purposes[1], "no-such-secret"),
    ]


def test_what_is_not_there_and_what_is_not_allowed_look_the_same(real: Desk) -> None:
    for name, readers in (("hidden", ("service:db",)), ("pytrust/swarm/x", ("service:**",))):
        real.ask(Put(name=SecretName(name), value=CANARY, readers=tuple(map(Reader, readers))))
    with scene(real) as it:
        wanted = ("hidden", "absent", "pytrust/swarm/x", "../etc/passwd", "", "x" * 300)
        said = {name: it.ask("db_password", SecretLabels={"pytrust.secret": name}) for name in wanted}
    for name, answer in said.items():
        assert set(answer) == {"Err", "DoNotReuse"}
        assert answer["Err"].replace(repr(name[:200]), "NAME") == (
            "the vault has no secret NAME for the service web (hint: pytrust secret put NAME, pytrust secret allow NAME service:web)"
        )


def test_a_secret_that_is_over(vault: FakeVaulted) -> None:
    vault.put("db_password", CANARY, expires=1)
    vault.put("hidden", CANARY, expires=1)
    with scene(vault) as it:
        assert "its time is over (hint:" in it.ask()["Err"]
        assert "no secret 'hidden'" in it.ask("hidden")["Err"]


def test_a_locked_vault_says_how_to_open_it(vault: FakeVaulted) -> None:
    vault.closed = True
    with scene(vault) as it:
        locked = it.ask()
        assert locked["Err"] == "the vault is locked (hint: pytrust vault unlock)"
        assert locked == it.ask("absent")
        assert it.notes[0].startswith("secret-refused: service web task pvsfnlspng81l298ve0xjfqfx node ")
        vault.closed = False
        assert it.ask()["Value"]


@pytest.mark.parametrize(("size", "fits"), [(1, True), (511_999, True), (512_000, False), (1024 * 1024, False)])
def test_what_swarm_would_not_take(vault: FakeVaulted, size: int, fits: bool) -> None:
    vault.put("db_password", b"\xff" * size)
    with scene(vault) as it:
        answer = it.ask()
    assert ("Value" in answer) is fits
    assert fits or answer["Err"].startswith(f"db_password has {size} bytes, and swarm takes 1 to 511999")


NESTED = b'{"SecretName":"a","ServiceName":"b","X":' + b"[" * 20 + b"]" * 20 + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b"[" * 100_000,
        NESTED,
        b'{"SecretName":"db_password"}',
        b'{"ServiceName":"web"}',
        b'{"SecretName":"db_password","ServiceName":"db","ServiceName":"web"}',
        b'{"SecretName":"db_password","ServiceName":"web"} {}',
        b'{"secretname":"db_password","servicename":"web"}',
        call(service=""),
        call(service="web/../db"),
        call(service="web\n"),
        call(service="w" * 129),
        call(service="wéb"),
        call(secret=""),
        call(secret="a/b"),
        call(secret=None),  # type: ignore[arg-type]
        call(SecretLabels=[]),
        call(SecretLabels={"pytrust.secret": 7}),
        call(SecretLabels={"pytrust.secret": None}),
        call(TaskID="x" * 65),
        call(TaskID="task\nservice root"),
        call(NodeID={}),
        call(ServiceLabels={"x": "y" * limits.CALL_MAX_BYTES}),
    ],
)
def test_what_is_no_call(vault: FakeVaulted, body: bytes) -> None:
    with scene(vault) as it:
        status, answer = it.post(body)
    assert status == 400
    assert list(answer) == ["Err"]
    assert answer["Err"]
    assert not [each for each in vault.asked if not isinstance(each, Put)]


def test_what_engines_will_say_one_day_makes_no_difference(vault: FakeVaulted) -> None:
    with scene(vault) as it:
        assert it.ask(SecretLabels=None, ServiceLabels={f"k{n}": "v" * 900 for n in range(1000)})["Value"]
        assert it.ask(Namespace={"of": ["the", "future"]}, servicename="db")["Value"]


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(lambda each: json.dumps(each).encode())
)
def test_noise_is_no_call(body: bytes) -> None:
    with pytest.raises(BadMetadata):
        read_request(body)


def test_other_paths_and_methods(vault: FakeVaulted) -> None:
    with scene(vault) as it:
        assert it.post(call(), "/SecretProvider.GetSecrets")[0] == 404
        assert it.post(call(), "/AuthZPlugin.AuthZReq")[0] == 404
        assert it.post(call(), GET, b"GET")[0] == 405


# a vault that does not do what it should


class Failing:
    """Fails with what a test says."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        raise self.error


def test_a_fault_of_our_own_names_no_value() -> None:
    with scene(Failing(ValueError(CANARY))) as it:
        assert it.ask()["Err"] == "internal error of pytrust: ValueError"
        assert "canary" not in "".join(it.notes)


class Waiting:
    """Keeps who asks waiting until it is told to go on; counts how many do at one time."""

    def __init__(self) -> None:
        self.go, self.lock = threading.Event(), threading.Lock()
        self.now = self.most = 0

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        assert caller == ServiceCaller("web")
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.go.wait(10)
        with self.lock:
            self.now -= 1
        return Value(number=1, value=CANARY)  # type: ignore[arg-type]


def test_a_vault_that_hangs_does_not_hold_up_the_swarm() -> None:
    vault = Waiting()
    with scene(vault, patience=0.05) as it:
        begun = time.monotonic()
        assert it.ask()["Err"] == "the vault gave no answer within 0.05 seconds (hint: pytrust vault status)"
        assert time.monotonic() - begun < 2
        vault.go.set()


def test_a_hundred_calls_at_once() -> None:
    vault = Waiting()

    async def play(it: Scene) -> list[Reply]:
        asked = [asyncio.ensure_future(it.reply(call())) for _ in range(100)]
        await asyncio.sleep(0.05)
        vault.go.set()
        return await asyncio.gather(*asked)

    with scene(vault) as it:
        replies = asyncio.run(play(it))
    assert {status for status, _ in replies} == {200}
    assert all(b'"Value"' in body for _, body in replies)
    assert vault.most == limits.THREADS


# notes


def test_refusals_are_all_counted_and_seldom_told(vault: FakeVaulted) -> None:
    with scene(vault) as it:
        for it.seconds in range(30):
            it.ask("absent")
            it.ask("hidden")
        assert len(it.notes) == 2
        it.seconds = 100
        it.provider.sweep()
        assert it.notes[2:] == [
            f"secret-refused: service web, secret {name}: refused 29 times more (no-such-secret)"
            for name in ("absent", "hidden")
        ]


def test_no_note_shows_a_value(vault: FakeVaulted) -> None:
    vault.put("db_password", CANARY * 40_000)
    with scene(vault) as it:
        it.ask()
        it.post(CANARY)
        assert len(it.notes) == 2
        assert "canary" not in "".join(it.notes)
