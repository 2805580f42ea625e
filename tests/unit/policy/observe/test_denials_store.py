"""The store of denials: counts add up, nobody's flood pushes out another's, and a damaged file is said to be one."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from pytrust.policy.observe import denials_store
from pytrust.policy.observe.denials_model import Denial
from pytrust.policy.observe.denials_store import DenialStore, Watch, read_denials, read_watches
from pytrust.policy.profiles.names import X86_64, Action, Syscall
from pytrust.policy.profiles.seccomp.syscalls import X86
from pytrust.trust.errors import BadPermissions, Damaged, Unsound

ONE = Denial(
    container="a" * 64,
    name="web",
    image="foo/web",
    program="nginx",
    arch=X86_64,
    syscall=Syscall("mkdir"),
    action=Action.ERRNO,
    sure=False,
    capability="",
    argument="",
    count=2,
    first=10.0,
    last=20.0,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "proxy" / "denials.db"


def test_what_was_counted_is_there_again(path: Path) -> None:
    with DenialStore(path) as store:
        store.add([ONE])
    assert read_denials(path) == [ONE]
    assert path.stat().st_mode & 0o777 == 0o600


def test_counts_add_up_and_times_span(path: Path) -> None:
    with DenialStore(path) as store:
        store.add([ONE])
        store.add([replace(ONE, count=5, first=15.0, last=30.0, sure=True), replace(ONE, program="sh")])
    both = {denial.program: denial for denial in read_denials(path)}
    assert both["nginx"] == replace(ONE, count=7, last=30.0, sure=True)
    assert both["sh"] == replace(ONE, program="sh")


def test_another_answer_is_another_denial(path: Path) -> None:
    with DenialStore(path) as store:
        store.add([ONE, replace(ONE, action=Action.LOG)])
        store.add([replace(ONE, argument="AF_INET"), replace(ONE, capability="CHOWN"), replace(ONE, arch=X86)])
    assert len(read_denials(path)) == 5


def test_what_somebody_else_wrote_is_not_believed(path: Path) -> None:
    with DenialStore(path) as store:
        store.add([ONE])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE denials SET what = '[1]'")
    connection.commit()
    connection.close()
    with pytest.raises(Damaged):
        read_denials(path)


def test_what_is_newer_is_given_alone(path: Path) -> None:
    with DenialStore(path) as store:
        store.add([ONE, replace(ONE, program="sh", last=50.0)])
    assert [denial.program for denial in read_denials(path, 20.0)] == ["sh"]


def test_one_that_floods_pushes_out_its_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials_store, "DENIALS_PER_CONTAINER_MAX", 5)
    other = replace(ONE, container="b" * 64, last=1.0)
    with DenialStore(path) as store:
        store.add([other])
        for number in range(50):
            store.add([replace(ONE, program=f"p{number}", last=100.0 + number)])
    found = read_denials(path)
    assert other in found
    assert [denial.program for denial in found if denial != other] == ["p45", "p46", "p47", "p48", "p49"]


def test_all_together_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials_store, "DENIALS_MAX", 10)
    with DenialStore(path) as store:
        store.add([replace(ONE, container=f"{number:064x}", last=float(number)) for number in range(1, 30)])
    assert [denial.last for denial in read_denials(path)] == [float(number) for number in range(20, 30)]


def test_one_container_is_forgotten_or_all(path: Path) -> None:
    with DenialStore(path) as store:
        store.add([ONE, replace(ONE, container="b" * 64)])
        store.forget("b" * 64)
        assert read_denials(path) == [ONE]
        store.forget()
        assert read_denials(path) == []


def test_who_watches_and_what_was_lost_is_kept(path: Path) -> None:
    with DenialStore(path) as store:
        store.watched(Watch("audit", 1.0, 2.0, 0))
        store.watched(Watch("audit", 1.0, 3.0, 9))
    assert read_watches(path) == [Watch("audit", 1.0, 3.0, 9)]


def test_where_nothing_was_watched_there_is_nothing(path: Path) -> None:
    assert read_denials(path) == []
    assert read_watches(path) == []
    assert not path.exists()


def test_a_reader_sees_what_a_writer_that_is_open_has_written(path: Path) -> None:
    with DenialStore(path) as store:
        store.add([ONE])
        assert read_denials(path) == [ONE]


def test_a_file_that_is_damaged_or_open_to_others_is_refused(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 100)
    path.chmod(0o600)
    for use in (read_denials, DenialStore):
        with pytest.raises(Unsound):
            use(path)
    path.write_bytes(b"")
    path.chmod(0o644)
    with pytest.raises(BadPermissions):
        DenialStore(path)


def test_half_a_batch_is_never_kept(path: Path) -> None:
    with DenialStore(path) as store:
        store.add([ONE])
        with pytest.raises(Unsound):
            store.add([replace(ONE, program="sh"), replace(ONE, name=cast("str", None))])
    assert read_denials(path) == [ONE]


def test_a_death_in_the_middle_leaves_what_was_there(path: Path) -> None:
    store = DenialStore(path)
    store.add([ONE])
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM denials")
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert read_denials(path) == [ONE]
    store.close()
