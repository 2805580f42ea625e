"""Secrets over the lives of containers: what is put where and when, and that it goes whatever happens."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace
from tests.fakes.lively_engine import LivelyEngine
from tests.fakes.vaulted import FakeVaulted

from pytrust.policy.admissions import Admissions
from pytrust.policy.core.facts import Admission, Delivery
from pytrust.policy.core.request import SecretAsk
from pytrust.policy.courier import Courier, token_of
from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.engine.answers import Users
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.proxy import delivering as module
from pytrust.policy.proxy.answers import EngineFailed, Reply
from pytrust.policy.proxy.delivering import Delivering
from pytrust.policy.proxy.upstream import Engines
from pytrust.trust.errors import NoSuchSecret, NotFound, PytrustError, SecretExpired, UsageError, VaultLocked
from pytrust.trust.names import Digest, ImageRef
from pytrust.trust.vault.delivery import Deliveries, new_token
from pytrust.trust.vault.names import SecretName

REF: Final = ImageRef.parse("docker.io/foo/web:v1").at(Digest("a" * 64))
READER: Final = "image:docker.io/foo/web"
ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64
MEMORY: Final = Path("/dev/shm")
US: Final = {"uid": os.geteuid(), "gid": os.getegid()}


class Scene:
    """An engine, a vault with ``db`` and ``key`` for the image, and what the proxy has of both."""

    def __init__(self, folder: Path, place: Path) -> None:
        self.engine = LivelyEngine(folder / "d.sock")
        self.vault = FakeVaulted()
        for name in ("db", "key"):
            self.vault.put(name, f"value of {name}".encode(), readers=(READER,))
        self.admissions = Admissions(folder / "admissions.db")
        self.deliveries = Deliveries(place)
        self.said: list[str] = []
        self.delivering = self.anew()

    def anew(self) -> Delivering:
        """As after a start of the proxy."""
        self.engines = Engines(EngineAddress(socket=self.engine.path))
        courier = Courier(self.vault, self.deliveries)
        self.delivering = Delivering(self.engines, self.admissions, courier, self.said.append)
        return self.delivering

    def delivery(self, *names: str) -> Delivery:
        asks = tuple(SecretAsk(name=SecretName(name), file=name, **US) for name in names or ("db",))
        return Delivery(folder=str(self.deliveries.place / new_token()), ref=REF, secrets=asks, host_users=True)

    async def made(self, container: str, *names: str) -> Delivery:
        """A container that was let in."""
        delivery = self.delivery(*names)
        await self.delivering.prepare(delivery)
        self.let_in(container, delivery)
        return delivery

    def let_in(self, container: str, delivery: Delivery) -> None:
        self.engine.states[container] = "created"
        self.admissions.admit(container, Admission(ref=REF, image_id="i", policy="p", delivery=delivery))
        self.delivering.settled(delivery)

    async def start(self, container: str, delivery: Delivery) -> Reply:
        async def send() -> Reply:
            answer, body = await self.engines.ask(serialise_head("POST", f"/containers/{container}/start", [], b""))
            return Reply(answer.status, body)

        return await self.delivering.start(container, delivery, send)

    async def running(self, container: str) -> Delivery:
        delivery = await self.made(container)
        assert (await self.start(container, delivery)).status == 204
        return delivery

    def inside(self, delivery: Delivery) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in Path(delivery.folder).iterdir()}

    async def soon_empty(self, delivery: Delivery) -> bool:
        return await soon(lambda: not self.deliveries.filled(token_of(delivery)))


async def soon(happens: Callable[[], bool]) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            while not happens():
                await asyncio.sleep(0.005)
            return True
    return False


Test = Callable[[Scene], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    """Play it, on an engine that is up."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)

    def play(test: Test) -> None:
        asyncio.run(_play(test, tmp_path))

    return play


async def _play(test: Test, folder: Path) -> None:
    async with _place() as place:
        scene = Scene(folder, place)
        await scene.engine.open()
        try:
            async with asyncio.timeout(20):
                await test(scene)
        finally:
            await scene.delivering.end()
            scene.engines.close()
            with suppress(AssertionError):
                await scene.engine.close()
            scene.admissions.close()


@asynccontextmanager
async def _place() -> AsyncIterator[Path]:
    import shutil
    import subprocess

    folder = MEMORY / f"pytrust-test-{new_token()}"
    folder.mkdir(0o700)
    try:
        yield folder / "secrets"
    finally:
        subprocess.run(["umount", "-q", "-l", folder / "secrets"], check=False, capture_output=True)
        shutil.rmtree(folder)


def test_a_life(run: Callable[[Test], None]) -> None:
    async def life(scene: Scene) -> None:
        delivery = await scene.made(ONE, "db", "key")
        assert scene.inside(delivery) == {}
        assert (await scene.start(ONE, delivery)).status == 204
        assert scene.inside(delivery) == {"db": b"value of db", "key": b"value of key"}
        assert await soon(lambda: scene.engine.listened_to)
        scene.engine.die(ONE)
        assert await scene.soon_empty(delivery)
        assert (await scene.start(ONE, delivery)).status == 204
        scene.engine.die(ONE, "", "destroy")
        assert await soon(lambda: not Path(delivery.folder).exists())
        assert scene.said == []

    run(life)


def test_containers_whose_list_is_too_large_to_be_read(run: Callable[[Test], None]) -> None:
    """Whoever may make containers may give them long labels, which the engine lists."""

    async def crowded(scene: Scene) -> None:
        scene.engine.crowd = 17 * 1024 * 1024
        ended, gone, runs = await scene.running(ONE), await scene.running(TWO), await scene.running(THREE)
        await scene.delivering.end()
        scene.engine.states[ONE] = "exited"
        del scene.engine.states[TWO]
        await scene.anew().begin()
        assert (scene.inside(ended), Path(gone.folder).exists(), len(scene.inside(runs))) == ({}, False, 1)
        assert await soon(lambda: scene.engine.listened_to)
        assert scene.said == []

    run(crowded)


def test_a_container_that_mounts_another_place_is_not_started(run: Callable[[Test], None]) -> None:
    """As after --secrets was changed, or the home was moved: it would run with an empty folder."""

    async def moved(scene: Scene) -> None:
        delivery = await scene.made(ONE)
        elsewhere = replace(delivery, folder=str(scene.deliveries.place.parent / "old" / token_of(delivery)))
        with pytest.raises(NotFound, match="now lie below"):
            await scene.start(ONE, elsewhere)
        assert (scene.engine.states[ONE], scene.vault.reads, scene.inside(delivery)) == ("created", [], {})

    run(moved)


def test_every_read_says_for_whom_and_what_for(run: Callable[[Test], None]) -> None:
    async def read(scene: Scene) -> None:
        await scene.running(ONE)
        (entry,) = scene.vault.reads
        assert (entry.caller, entry.name, entry.refused) == (READER, "db", "")
        assert entry.purpose == f"container {ONE[:12]} {REF}"

    run(read)


@pytest.mark.parametrize("state", ["restarting", "running", "paused"])
def test_what_is_started_again_by_the_engine_keeps_them(run: Callable[[Test], None], state: str) -> None:
    async def keep(scene: Scene) -> None:
        delivery, other = await scene.running(ONE), await scene.running(TWO)
        assert await soon(lambda: scene.engine.listened_to)
        scene.engine.die(ONE, state)
        scene.engine.die(TWO)
        assert await scene.soon_empty(other)
        assert scene.inside(delivery) == {"db": b"value of db"}

    run(keep)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda scene: setattr(scene.vault, "closed", True), VaultLocked),
        (lambda scene: scene.vault.put("key", b"x", readers=("image:docker.io/other/**",)), NoSuchSecret),
        (lambda scene: scene.vault.put("key", b"x", readers=(READER,), expires=1), SecretExpired),
    ],
    ids=["locked", "taken-away", "expired"],
)
def test_all_of_them_or_no_start(
    run: Callable[[Test], None], spoil: Callable[[Scene], object], error: type[PytrustError]
) -> None:
    async def refuse(scene: Scene) -> None:
        delivery = await scene.made(ONE, "db", "key")
        spoil(scene)
        with pytest.raises(error):
            await scene.start(ONE, delivery)
        assert scene.inside(delivery) == {}
        assert f"POST /containers/{ONE}/start" not in scene.engine.heard

    run(refuse)


def test_too_large_together(run: Callable[[Test], None]) -> None:
    async def refuse(scene: Scene) -> None:
        names = [f"large{number}" for number in range(5)]
        for name in names:
            scene.vault.put(name, b"x" * 1024 * 1024, readers=(READER,))
        delivery = await scene.made(ONE, *names)
        with pytest.raises(UsageError, match="at most"):
            await scene.start(ONE, delivery)

    run(refuse)


def test_users_that_the_container_does_not_have(run: Callable[[Test], None]) -> None:
    async def refuse(scene: Scene) -> None:
        ask = SecretAsk(name=SecretName("db"), file="db", uid=65536)
        delivery = replace(scene.delivery(), secrets=(ask,), host_users=False)
        with pytest.raises(UsageError, match="does not have"):
            await Courier(scene.vault, scene.deliveries).fill(ONE, delivery, Users(231072, 231072, 65536))
        assert scene.deliveries.tokens() == frozenset()

    run(refuse)


def test_a_start_that_fails_leaves_nothing(run: Callable[[Test], None]) -> None:
    async def fail(scene: Scene) -> None:
        delivery = await scene.made(ONE)
        scene.engine.starts = "refused"
        assert (await scene.start(ONE, delivery)).status == 500
        assert scene.inside(delivery) == {}
        scene.engine.starts = "exited"  # it ended before anybody looked
        assert (await scene.start(ONE, delivery)).status == 204
        assert await soon(lambda: scene.engine.listened_to)
        scene.engine.die(ONE)
        assert await scene.soon_empty(delivery)

    run(fail)


def test_a_restart_that_cannot_be_leaves_what_runs_as_it_is(run: Callable[[Test], None]) -> None:
    async def keep(scene: Scene) -> None:
        delivery = await scene.running(ONE)
        scene.vault.closed = True
        with pytest.raises(VaultLocked):
            await scene.start(ONE, delivery)
        assert scene.inside(delivery) == {"db": b"value of db"}

    run(keep)


def test_an_older_end_takes_nothing_from_a_new_start(run: Callable[[Test], None]) -> None:
    """The engine tells of an end while the next start is under way."""

    async def race(scene: Scene) -> None:
        delivery = await scene.running(ONE)
        assert await soon(lambda: scene.engine.listened_to)
        going, may_go_on = asyncio.Event(), asyncio.Event()

        async def send() -> Reply:
            going.set()
            await may_go_on.wait()
            scene.engine.states[ONE] = "running"
            return Reply(204, b"")

        scene.engine.states[ONE] = "exited"
        start = asyncio.create_task(scene.delivering.start(ONE, delivery, send))
        await going.wait()
        heard = len(scene.engine.heard)
        scene.engine.die(ONE)
        await asyncio.sleep(0.1)
        assert scene.engine.heard[heard:] == []
        may_go_on.set()
        assert (await start).status == 204
        assert await soon(lambda: f"GET /containers/{ONE}/json" in scene.engine.heard[heard:])
        assert scene.inside(delivery) == {"db": b"value of db"}

    run(race)


def test_an_engine_that_goes_away_is_heard_again(run: Callable[[Test], None]) -> None:
    """What ended in between is found by looking; what goes on running keeps its values."""

    async def again(scene: Scene) -> None:
        ends, gone, runs = await scene.running(ONE), await scene.running(TWO), await scene.running("3" * 64)
        assert await soon(lambda: scene.engine.listened_to)
        await scene.engine.close()
        scene.engine.die(ONE)
        scene.engine.die(TWO, "")
        await asyncio.sleep(0.05)
        assert scene.inside(ends) == scene.inside(gone) == {"db": b"value of db"}
        await scene.engine.open()
        assert await scene.soon_empty(ends)
        assert await soon(lambda: not Path(gone.folder).exists())
        assert scene.inside(runs) == {"db": b"value of db"}
        assert await soon(lambda: scene.engine.listened_to)

    run(again)


def test_an_engine_that_fails_to_say_is_asked_again(run: Callable[[Test], None]) -> None:
    """Until then nothing is taken from a container that may well run."""

    async def again(scene: Scene) -> None:
        runs, ended = await scene.running(ONE), await scene.running(TWO)
        assert await soon(lambda: scene.engine.listened_to)
        for container, state in ((ONE, "running"), (TWO, "exited")):
            scene.engine.stunned = 3
            scene.engine.die(container, state)
            assert await soon(lambda: scene.engine.stunned == 0)
        assert await scene.soon_empty(ended)
        assert scene.inside(runs) == {"db": b"value of db"}

    run(again)


def test_one_of_which_the_engine_says_nothing_holds_up_no_other(run: Callable[[Test], None]) -> None:
    async def clear(scene: Scene) -> None:
        first, second, gone = await scene.running(ONE), await scene.running(TWO), await scene.running("3" * 64)
        scene.delivering._watch.cancel()  # type: ignore[union-attr] # as kill -9 does
        for container in (ONE, TWO):
            scene.engine.states[container] = "exited"
        del scene.engine.states["3" * 64]
        scene.engine.stunned = 1
        await scene.anew().begin()
        assert scene.inside(first)
        assert scene.inside(second) == {}
        assert not Path(gone.folder).exists()
        assert len(scene.said) == 1
        assert await scene.soon_empty(first)

    run(clear)


@pytest.mark.parametrize("line", ["{", "[]", '{"Actor": {"ID": "x"}}', "x" * (5 * 1024 * 1024), "\xff"])
def test_events_that_make_no_sense_are_asked_for_anew(run: Callable[[Test], None], line: str) -> None:
    async def anew(scene: Scene) -> None:
        delivery = await scene.running(ONE)
        assert await soon(lambda: scene.engine.listened_to)
        scene.engine.say(line)
        assert await soon(lambda: scene.engine.heard.count("GET /events") == 2)
        scene.engine.die(ONE)
        assert await scene.soon_empty(delivery)

    run(anew)


def test_at_its_start_it_clears_away_what_nobody_needs(run: Callable[[Test], None]) -> None:
    async def clear(scene: Scene) -> None:
        runs, ended, gone = await scene.running(ONE), await scene.running(TWO), await scene.running("3" * 64)
        stray = scene.delivery()
        scene.deliveries.make(token_of(stray), **US)
        (Path(stray.folder) / "x").touch()
        scene.engine.states[TWO] = "exited"
        del scene.engine.states["3" * 64]
        scene.delivering._watch.cancel()  # type: ignore[union-attr] # as kill -9 does
        await scene.anew().begin()
        assert scene.inside(runs) == {"db": b"value of db"}
        assert scene.inside(ended) == {}
        assert scene.deliveries.tokens() == {token_of(runs), token_of(ended)}
        assert not Path(gone.folder).exists()
        assert await soon(lambda: scene.engine.listened_to)

    run(clear)


def test_without_an_engine_only_what_belongs_to_nobody_goes(run: Callable[[Test], None]) -> None:
    async def clear(scene: Scene) -> None:
        runs, stray = await scene.running(ONE), scene.delivery()
        scene.deliveries.make(token_of(stray), **US)
        scene.delivering._watch.cancel()  # type: ignore[union-attr] # as kill -9 does
        await scene.engine.close()
        await scene.anew().begin()
        assert scene.deliveries.tokens() == {token_of(runs)}
        assert scene.inside(runs)
        assert len(scene.said) == 1
        scene.engine.states[ONE] = "exited"
        await scene.engine.open()
        assert await scene.soon_empty(runs)

    run(clear)


def test_what_is_being_made_is_not_cleared_away(run: Callable[[Test], None]) -> None:
    async def make(scene: Scene) -> None:
        delivery = scene.delivery()
        await scene.delivering.prepare(delivery)
        assert await soon(lambda: scene.engine.listened_to)
        scene.engine.say("nonsense")
        assert await soon(lambda: scene.engine.heard.count("GET /events") == 2)
        assert await soon(lambda: scene.engine.heard.count("GET /containers/json") == 2)
        assert Path(delivery.folder).is_dir()
        scene.delivering.discard(delivery)
        assert not Path(delivery.folder).exists()

    run(make)


def test_what_was_just_made_is_not_missed_in_an_older_list(run: Callable[[Test], None]) -> None:
    async def make(scene: Scene) -> None:
        delivery = scene.delivery()
        await scene.delivering.prepare(delivery)
        assert await soon(lambda: "GET /containers/json" in scene.engine.heard)
        folder = Path(delivery.folder).stat().st_ino  # it is mounted: another one of its name would not do
        scene.engine.meanwhile = lambda: scene.let_in(ONE, delivery)
        scene.engine.say("nonsense")
        assert await soon(lambda: scene.engine.heard.count("GET /containers/json") == 2)
        await asyncio.sleep(0.05)
        assert Path(delivery.folder).stat().st_ino == folder

    run(make)


def test_who_delivers_nothing_asks_the_engine_nothing(run: Callable[[Test], None]) -> None:
    async def idle(scene: Scene) -> None:
        await scene.delivering.begin()
        await asyncio.sleep(0.05)
        await scene.delivering.end()
        assert scene.engine.heard == []
        assert scene.vault.reads == []

    run(idle)


def test_at_its_end_it_looks_once_more(run: Callable[[Test], None]) -> None:
    async def end(scene: Scene) -> None:
        ended, runs = await scene.running(ONE), await scene.running(TWO)
        scene.engine.states[ONE] = "exited"  # and no event comes
        await scene.delivering.end()
        assert scene.inside(ended) == {}
        assert scene.inside(runs)

    run(end)


def test_an_engine_without_root_gets_none(run: Callable[[Test], None]) -> None:
    async def refuse(scene: Scene) -> None:
        scene.engine.options = ["name=rootless"]
        with pytest.raises(PytrustError, match="without root"):
            await scene.delivering.prepare(scene.delivery())
        assert scene.deliveries.tokens() == frozenset()

    run(refuse)


def test_an_engine_that_does_not_answer_gets_none(run: Callable[[Test], None]) -> None:
    async def refuse(scene: Scene) -> None:
        await scene.engine.close()
        with pytest.raises(EngineFailed):
            await scene.delivering.prepare(scene.delivery())
        assert scene.deliveries.tokens() == frozenset()

    run(refuse)
