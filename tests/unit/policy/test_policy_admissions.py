"""Admissions: remembered on the disk before anything can start, forgotten with the container."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import to_builtins
from msgspec.structs import replace
from tests.fakes.journal import API, DIGEST, KNOWN, WEB

from pytrust.policy.admissions import Admissions
from pytrust.policy.core.facts import Admission, Delivery, Profiled
from pytrust.policy.core.request import SecretAsk
from pytrust.trust.errors import BadPermissions, Busy, Damaged, ServerError, Unsound
from pytrust.trust.vault.names import SecretName

ONE, TWO, THREE = "1" * 64, "2" * 64, "f" * 64
WEB_IN = Admission(ref=WEB.at(DIGEST), image_id=str(DIGEST), policy="ab" * 32)
API_IN = Admission(ref=API, image_id=str(DIGEST), policy="cd" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "proxy" / "admissions.db"


@pytest.fixture
def admissions(path: Path) -> Iterator[Admissions]:
    with Admissions(path) as opened:
        yield opened


def test_let_in_and_forgotten(admissions: Admissions) -> None:
    assert admissions.find(ONE) is None
    admissions.admit(ONE, WEB_IN)
    admissions.admit(TWO, API_IN)
    assert (admissions.find(ONE), admissions.find(TWO)) == (WEB_IN, API_IN)
    admissions.admit(ONE, API_IN)
    assert admissions.find(ONE) == API_IN
    admissions.forget(ONE)
    admissions.forget(ONE)
    assert (admissions.find(ONE), admissions.find(TWO)) == (None, API_IN)


def test_whether_a_profile_confines_any(admissions: Admissions) -> None:
    profile = next(fact for fact in KNOWN.values() if isinstance(fact, Profiled))
    admissions.admit(TWO, WEB_IN)
    assert not admissions.confining()
    admissions.admit(ONE, replace(WEB_IN, profile=profile))
    assert admissions.confining()
    found = admissions.find(ONE)
    assert found is not None
    assert found.profile == profile


def test_only_the_whole_id_counts(admissions: Admissions) -> None:
    admissions.admit(ONE, WEB_IN)
    for other in (ONE[:12], ONE[:-1], f"{ONE}1", ONE.upper() + " ", "", "%", "1%"):
        assert admissions.find(other) is None


@pytest.mark.parametrize("container", ["", "1" * 63, "1" * 65, "G" * 64, "A" * 64, f"{'1' * 64}\n", "web"])
def test_what_is_no_id_is_not_let_in(admissions: Admissions, container: str) -> None:
    with pytest.raises(ServerError, match="no container id"):
        admissions.admit(container, WEB_IN)
    assert admissions.find(container) is None


def test_those_that_the_engine_still_has(admissions: Admissions) -> None:
    for container in (ONE, TWO, THREE):
        admissions.admit(container, WEB_IN)
    admissions.retain(iter([TWO, "4" * 64]))
    assert [admissions.find(container) for container in (ONE, TWO, THREE)] == [None, WEB_IN, None]
    admissions.retain([])
    assert admissions.find(TWO) is None
    admissions.admit(TWO, WEB_IN)  # no transaction was left open
    assert admissions.find(TWO) == WEB_IN


def test_retaining_is_all_or_nothing(admissions: Admissions, path: Path) -> None:
    for container in (ONE, TWO):
        admissions.admit(container, WEB_IN)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER t BEFORE DELETE ON admissions WHEN (SELECT count(*) FROM admissions) = 1"
            " BEGIN SELECT raise(ABORT, 'not the last one'); END"
        )
    with pytest.raises(Unsound):
        admissions.retain([])
    assert [admissions.find(container) for container in (ONE, TWO)] == [WEB_IN, WEB_IN]


def test_the_secrets_of_those_that_get_any(admissions: Admissions, path: Path) -> None:
    """Whoever was let in before there were secrets gets none."""
    ask = SecretAsk(name=SecretName("shop/db"), file="db", uid=1000, mode=0o400)
    delivery = Delivery(folder=f"/run/pytrust/secrets/{'0' * 32}", ref=WEB.at(DIGEST), secrets=(ask,))
    admissions.admit(ONE, WEB_IN)
    admissions.admit(TWO, replace(WEB_IN, delivery=delivery))
    with closing(sqlite3.connect(path)) as connection, connection:
        old = {key: value for key, value in to_builtins(WEB_IN).items() if key != "delivery"}
        connection.execute("INSERT INTO admissions VALUES (?, ?)", (THREE, json.dumps(old).encode()))
    assert admissions.deliveries() == {TWO: delivery}
    assert admissions.find(THREE) == WEB_IN
    admissions.forget(TWO)
    assert admissions.deliveries() == {}


def test_a_restart(path: Path) -> None:
    with Admissions(path) as first:
        first.admit(ONE, WEB_IN)
    with Admissions(path) as second:
        assert second.find(ONE) == WEB_IN


def test_only_its_owner_can_read_it(admissions: Admissions, path: Path) -> None:
    admissions.admit(ONE, WEB_IN)
    modes = {item.name: stat.S_IMODE(item.stat().st_mode) for item in path.parent.iterdir()}
    assert modes == {"admissions.db": 0o600, "admissions.db-wal": 0o600, "admissions.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_can_write(path: Path) -> None:
    Admissions(path).close()
    path.chmod(0o660)
    with pytest.raises(BadPermissions, match="open to others"):
        Admissions(path)


def test_many_threads(admissions: Admissions) -> None:
    containers = [f"{number:064x}" for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda container: admissions.admit(container, WEB_IN), containers))
        found = list(pool.map(admissions.find, containers))
        list(pool.map(lambda _: admissions.retain(containers[:100]), range(4)))
    assert found == [WEB_IN] * 200
    assert [admissions.find(container) for container in containers] == [WEB_IN] * 100 + [None] * 100


@pytest.mark.parametrize("value", ["x'7b7d'", "x'ff'", "'text'", "7", "x''"])
def test_an_admission_that_is_none(admissions: Admissions, path: Path, value: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"INSERT INTO admissions VALUES ('{ONE}', {value})")
    with pytest.raises(Damaged, match="an admission cannot be understood"):
        admissions.find(ONE)
    assert admissions.find(TWO) is None


def test_no_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    path.write_bytes(b"something else, and long enough to be looked at" * 100)
    with pytest.raises(Damaged, match="not a database"):
        Admissions(path)


def test_a_file_that_somebody_else_locks(path: Path) -> None:
    with Admissions(path) as admissions, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            admissions.admit(ONE, WEB_IN)
        assert admissions.find(ONE) is None
        other.execute("ROLLBACK")
        admissions.admit(ONE, WEB_IN)


WRITER = """
import sys
from pathlib import Path
from pytrust.policy.admissions import Admissions
from pytrust.policy.core.facts import Admission
from pytrust.trust.names import ImageRef
admission = Admission(ref=ImageRef.parse("foo/web:v2"), image_id="id", policy="policy")
with Admissions(Path(sys.argv[1])) as admissions:
    for number in range(int(sys.argv[2])):
        admissions.admit(f"{number:064x}", admission)
        print(number, flush=True)
"""


def test_kill_9(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path), "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        last = [int(writer.stdout.readline()) for _ in range(20)][-1]
        writer.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in writer.stdout.read().split(b"\n")[:-1])])
    with Admissions(path) as admissions:
        assert all(admissions.find(f"{number:064x}") for number in range(last + 1))
        assert admissions.find(f"{last + 2:064x}") is None
