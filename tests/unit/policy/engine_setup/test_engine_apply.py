"""Changes are made whole, and taken back byte for byte, wherever they were interrupted."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.engine_setup import apply as applying
from pytrust.policy.engine_setup.apply import apply, newest, rollback, settle
from pytrust.policy.engine_setup.found import Change, Plan, State, Way
from pytrust.policy.engine_setup.record import Record, Stage
from pytrust.trust.errors import BadPermissions, Conflict, Damaged, NotSetUp
from pytrust.trust.files import sync_folder, write_atomic

STATES = st.none() | st.builds(State, st.binary(max_size=40), st.sampled_from([0o600, 0o644, 0o640, 0o400]))
Tree = dict[str, tuple[int, bytes | None]]


def plan(*changes: Change) -> Plan:
    return Plan(way=Way.SOCKET, changes=changes, commands=("restart", "check"), notes=())


def look(root: Path) -> Tree:
    """Every path below, with its mode and bytes."""
    return {
        str(path.relative_to(root)): (stat.S_IMODE(path.lstat().st_mode), path.read_bytes() if path.is_file() else None)
        for path in sorted(root.rglob("*"))
    }


def put(path: Path, state: State | None) -> None:
    if state is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(state.data)
        path.chmod(state.mode)


WANTED: Tree = {"etc/docker/daemon.json": (0o640, b"{after}"), "etc/systemd/x.socket.d/zz.conf": (0o644, b"[Socket]")}


class Host:
    """Two files to be changed, in a folder that is there and one that is not, and a place for records."""

    def __init__(self, root: Path, before: State | None = None) -> None:
        self.root, self.records = root / "host", root / "home" / "ca" / "engine"
        (self.root / "etc" / "docker").mkdir(parents=True)
        self.first, self.second = self.root / "etc/docker/daemon.json", self.root / "etc/systemd/x.socket.d/zz.conf"
        put(self.first, before)
        self.before = look(self.root)
        self.plan = plan(
            Change(str(self.first), before, State(b"{after}", before.mode if before else 0o644)),
            Change(str(self.second), None, State(b"[Socket]", 0o644)),
        )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, State(b"{before}", 0o640))


@settings(deadline=None, max_examples=30)  # it flushes files to the disk
@given(STATES)
def test_rollback_restores_bytes_modes_and_absence(before: State | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Path(folder), before)
        apply(host.plan, host.records)
        assert host.first.read_bytes() == b"{after}"
        assert stat.S_IMODE(host.second.stat().st_mode) == 0o644
        rollback(host.records, force=False)
        assert look(host.root) == host.before


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_modes_whatever_the_umask(host: Host, umask: int) -> None:
    old = os.umask(umask)
    try:
        apply(host.plan, host.records)
    finally:
        os.umask(old)
    assert stat.S_IMODE(host.second.parent.stat().st_mode) == 0o755
    assert stat.S_IMODE(host.first.stat().st_mode) == 0o640
    assert {mode for mode, _ in look(host.records).values()} == {0o600}
    assert stat.S_IMODE(host.records.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to any group")
def test_the_group_of_a_file_stays(host: Host) -> None:
    """A mode of 0640 is of no use to the group that could read the file before."""
    os.chown(host.first, -1, 4)
    first, *rest = host.plan.changes
    before, after = State(b"{before}", 0o640, 4), State(b"{after}", 0o640, 4)
    apply(plan(replace(first, before=before, after=after), *rest), host.records)
    assert host.first.stat().st_gid == 4
    rollback(host.records, force=False)
    assert host.first.stat().st_gid == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to any group")
def test_a_group_that_was_changed_since_is_somebody_s_change(host: Host) -> None:
    state = State(b"{after}", 0o640, host.first.stat().st_gid)
    apply(plan(Change(str(host.first), replace(state, data=b"{before}"), state)), host.records)
    os.chown(host.first, -1, 4)
    with pytest.raises(Conflict, match="was changed by somebody else"):
        rollback(host.records, force=False)


def test_an_empty_plan_leaves_no_record(host: Host) -> None:
    apply(plan(), host.records)
    assert not host.records.exists()
    with pytest.raises(NotSetUp, match="changed nothing"):
        rollback(host.records, force=False)


def test_set_ups_are_taken_back_one_by_one(host: Host) -> None:
    apply(host.plan, host.records)
    between = look(host.root)
    apply(plan(Change(str(host.first), State(b"{after}", 0o640), State(b"{more}", 0o640))), host.records)
    rollback(host.records, force=False)
    assert look(host.root) == between
    rollback(host.records, force=False)
    assert look(host.root) == host.before
    assert look(host.records).keys() == {"lock"}


@pytest.mark.parametrize("how", ["bytes", "mode", "gone"])
def test_a_file_that_was_changed_since_is_left(host: Host, how: str) -> None:
    apply(host.plan, host.records)
    match how:
        case "bytes":
            host.first.write_bytes(b"{by hand}")
        case "mode":
            host.first.chmod(0o600)
        case _:
            host.first.unlink()
    changed = look(host.root)
    with pytest.raises(Conflict, match="daemon.json was changed by somebody else") as raised:
        rollback(host.records, force=False)
    assert "--force" in raised.value.hint
    assert look(host.root) == changed
    assert newest(host.records).stage is Stage.APPLIED
    rollback(host.records, force=True)
    assert look(host.root) == host.before


def test_a_folder_that_others_use_stays(host: Host) -> None:
    apply(host.plan, host.records)
    (host.second.parent / "other.conf").write_text("x")
    rollback(host.records, force=False)
    assert (host.second.parent / "other.conf").exists()
    assert not host.second.exists()


def test_a_plan_that_is_out_of_date_writes_nothing(host: Host) -> None:
    host.first.write_bytes(b"{by hand}")
    before = look(host.root)
    with pytest.raises(Conflict, match="changed by somebody else"):
        apply(host.plan, host.records)
    assert look(host.root) == before
    with pytest.raises(NotSetUp):
        newest(host.records)


class Killed(BaseException):
    """As kill -9, as far as the disk is concerned: nothing more is done."""


@contextmanager
def interrupted(at: int) -> Iterator[None]:
    """Before the ``at``-th change to the disk."""
    left = [at]

    def wrap(function: object) -> object:
        def wrapped(*arguments: object, **more: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return function(*arguments, **more)  # type: ignore[operator]

        return wrapped

    with (
        mock.patch(f"{applying.__name__}.write_atomic", wrap(write_atomic)),
        mock.patch(f"{applying.__name__}.sync_folder", wrap(sync_folder)),
        mock.patch.object(Path, "unlink", wrap(Path.unlink)),
        mock.patch.object(Path, "mkdir", wrap(Path.mkdir)),
        mock.patch.object(Path, "rmdir", wrap(Path.rmdir)),
    ):
        yield


def test_a_set_up_that_was_interrupted_anywhere_is_finished_or_taken_back(tmp_path: Path) -> None:
    reached = set()
    for at in range(40):
        for ending in ("settle", "rollback"):
            host = Host(tmp_path / f"{ending}{at}", State(b"{before}", 0o640))
            try:
                with interrupted(at):
                    apply(host.plan, host.records)
                reached.add("done")
            except Killed:
                reached.add("killed")
            if host.second.exists():
                assert host.first.read_bytes() == b"{after}", "a port without TLS"
            if ending == "settle":
                settle(host.records)
                after = look(host.root)
                assert after in (host.before, {**after, **WANTED})
            else:
                try:
                    rollback(host.records, force=False)
                except NotSetUp:
                    assert host.first.read_bytes() == b"{before}"
                assert look(host.root) == host.before
    assert reached == {"done", "killed"}


def test_a_rollback_that_was_interrupted_anywhere_is_finished(tmp_path: Path) -> None:
    reached = set()
    for at in range(40):
        for ending in ("settle", "rollback"):
            host = Host(tmp_path / f"{ending}{at}", State(b"{before}", 0o640))
            apply(host.plan, host.records)
            try:
                with interrupted(at):
                    rollback(host.records, force=False)
                reached.add("done")
            except Killed:
                reached.add("killed")
            if host.second.exists():
                assert host.first.read_bytes() == b"{after}", "a port without TLS"
            if ending == "settle":
                said = settle(host.records)
                stages = {Stage.APPLIED} if host.second.exists() and not said else set()
            else:
                stages = set()
                if look(host.records).keys() - {"lock"}:
                    rollback(host.records, force=False)
            assert stages or look(host.root) == host.before
    assert reached == {"done", "killed"}


@pytest.mark.parametrize(
    ("error", "raised"), [(OSError(28, "No space left on device"), OSError), (PermissionError(), BadPermissions)]
)
def test_a_write_that_fails_takes_back_what_was_done(host: Host, error: OSError, raised: type[Exception]) -> None:
    def failing(path: Path, data: bytes, *, mode: int = 0o600, group: int | None = None) -> None:
        if path == host.second:
            raise error
        write_atomic(path, data, mode=mode, group=group)

    with mock.patch(f"{applying.__name__}.write_atomic", failing), pytest.raises(raised):
        apply(host.plan, host.records)
    assert look(host.root) == host.before
    with pytest.raises(NotSetUp):
        newest(host.records)


def test_what_a_killed_write_left_is_swept(host: Host) -> None:
    apply(host.plan, host.records)
    (host.second.parent / ".123.456.new").write_bytes(b"[Soc")
    (host.first.parent / ".123.new").write_bytes(b"not ours")
    rollback(host.records, force=False)
    assert look(host.root) == {**host.before, "etc/docker/.123.new": (0o644, b"not ours")}


@given(st.lists(st.builds(Change, st.just("/etc/x"), STATES, STATES), max_size=3))
def test_a_record_reads_back(changes: list[Change]) -> None:
    record = Record(stage=Stage.BEGUN, changes=tuple(changes), folders=("/etc/y",), commands=("a b",))
    assert Record.decode(record.encode(), "r") == record


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format":1', b'"format":2'),
        (b'"begun"', b'"other"'),
        (b'"/etc/x"', b'"etc/x"'),
        (b'"/etc/x"', b"1"),
        (b'"mode":420', b'"mode":99999'),
        (b'"mode":420', b'"mode":"420"'),
        (b'"eA=="', b'"e*=="'),
        (b'"stage"', b'"format"'),
        (b"{", b"["),
        (b"}", b""),
    ],
)
def test_a_record_that_is_not_ours_is_refused(old: bytes, new: bytes) -> None:
    change = Change("/etc/x", None, State(b"x", 0o644))
    data = Record(stage=Stage.BEGUN, changes=(change,), folders=(), commands=()).encode()
    assert old in data
    with pytest.raises(Damaged, match="not a record"):
        Record.decode(data.replace(old, new), "r")


def test_a_record_that_others_can_read_is_refused(host: Host) -> None:
    apply(host.plan, host.records)
    (host.records / "000001.json").chmod(0o644)
    with pytest.raises(BadPermissions):
        rollback(host.records, force=False)
    assert host.second.exists()
