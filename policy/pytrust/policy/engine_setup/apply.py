"""Making the changes of a plan, and taking them back byte for byte.

    <home>/ca/engine/000001.json     the record of the first set-up that is not taken back, then 000002.json, ...

The record is on the disk before the first change. kill -9 at any moment leaves an engine that starts, without an open
port (TLS comes first, the port last, and the other way round when it is taken back), and a record from which the next
command finishes what was begun.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from pytrust.policy.engine_setup.found import Change, Plan, State
from pytrust.policy.engine_setup.record import RECORD_MAX_BYTES, Record, Stage
from pytrust.trust.errors import BadPermissions, Conflict, NotSetUp, PytrustError
from pytrust.trust.files import (
    PRIVATE_FOLDER,
    check_owned,
    locked,
    read_bounded,
    read_private,
    sync_folder,
    write_atomic,
)
from pytrust.trust.limits import LOCK_TIMEOUT

_FOLDER_MODE: Final = 0o755  # of docker.socket.d and the like
_NAME: Final = re.compile(r"[0-9]{6}\.json")
_TEMPORARY: Final = re.compile(r"\.[0-9]+\.[0-9]+\.new")  # as write_atomic names them
_FORCE: Final = "look at it; pytrust engine rollback --force puts back what was there before the set-up"
_NEVER: Final = "pytrust engine setup changed nothing on this host, or it was taken back"


def apply(plan: Plan, folder: Path) -> None:
    """Make the changes of ``plan``, kept in a new record in ``folder`` (made where it is missing).

    Raises:
        Conflict: a file is not what it was when the plan was made; nothing was changed.
        BadPermissions: this user may not write there.
    """
    if not plan.changes:
        return
    _make_folder(folder)
    with locked(folder / "lock", timeout=LOCK_TIMEOUT):
        _expect(plan.changes, lambda change: {change.before}, "run the command again")
        record = Record(
            stage=Stage.BEGUN,
            changes=plan.changes,
            folders=tuple(_missing_folders(plan.changes)),
            commands=plan.commands,
        )
        path = folder / f"{_newest_number(folder) + 1:06}.json"
        write_atomic(path, record.encode())
        try:
            _forward(record, path)
        except (OSError, PytrustError):
            _back(record, path, force=False)
            raise


def settle(folder: Path) -> str:
    """Finish what an interrupted command began; says what, empty where there was nothing.

    Raises:
        Conflict: a file was changed by somebody else meanwhile.
        Damaged: the record is not ours.
    """
    if _newest_number(folder) == 0:
        return ""
    with locked(folder / "lock", timeout=LOCK_TIMEOUT):
        path = _newest(folder)
        if path is None:
            return ""
        record = _read(path)
        match record.stage:
            case Stage.APPLIED:
                return ""
            case Stage.BEGUN:
                _forward(record, path)
                return "an earlier set-up was interrupted: it is finished now"
            case Stage.UNDOING:
                _back(record, path, force=False)
                return "an earlier rollback was interrupted: it is finished now"


def newest(folder: Path) -> Record:
    """The set-up that ``rollback`` would take back; raises ``NotSetUp`` where there is none, ``Damaged``."""
    path = _newest(folder)
    if path is None:
        raise NotSetUp(_NEVER, hint="see what would be changed: pytrust engine setup --dry-run")
    return _read(path)


def rollback(folder: Path, *, force: bool) -> None:
    """Take the newest set-up back: bytes, modes and absence of every file, and the folders that were made for it.

    Args:
        folder: of the records.
        force: also where a file was changed by others since.

    Raises:
        NotSetUp: there is nothing to take back.
        Conflict: a file was changed since; nothing was changed.
    """
    newest(folder)
    with locked(folder / "lock", timeout=LOCK_TIMEOUT):
        path = _newest(folder)
        assert path is not None
        _back(_read(path), path, force=force)


def _forward(record: Record, path: Path) -> None:
    _expect(record.changes, lambda change: {change.before, change.after}, _FORCE)
    for made in record.folders:
        _make_folder(Path(made), _FOLDER_MODE)
    for change in record.changes:
        _put(change)
    _sweep(record)
    write_atomic(path, replace(record, stage=Stage.APPLIED).encode())


def _back(record: Record, path: Path, *, force: bool) -> None:
    if not force:
        _expect(record.changes, lambda change: {change.before, change.after}, _FORCE)
    write_atomic(path, replace(record, stage=Stage.UNDOING).encode())
    for change in reversed(record.changes):
        _put(change.reversed())
    _sweep(record)
    for made in reversed(record.folders):
        with suppress(OSError):  # somebody else uses it by now
            Path(made).rmdir()
            sync_folder(Path(made).parent)
    path.unlink()
    sync_folder(path.parent)


def _put(change: Change) -> None:
    path = Path(change.path)
    if _same(_state(path), change.after):
        return
    try:
        if change.after is None:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        else:
            write_atomic(path, change.after.data, mode=change.after.mode, group=change.after.group)
    except PermissionError as error:
        raise BadPermissions(f"{path} cannot be written by this user", hint="run as root") from error


def _sweep(record: Record) -> None:
    """Remove what a killed write left beside the files."""
    for folder in {Path(change.path).parent for change in record.changes}:
        for left in folder.glob(".*.new"):
            if _TEMPORARY.fullmatch(left.name):
                left.unlink(missing_ok=True)


def _expect(changes: Iterable[Change], allowed: Callable[[Change], set[State | None]], hint: str) -> None:
    for change in changes:
        found = _state(Path(change.path))
        if not any(_same(found, state) for state in allowed(change)):
            raise Conflict(f"{change.path} was changed by somebody else meanwhile", hint=hint)


def _state(path: Path) -> State | None:
    try:
        found = path.lstat()
        return State(read_bounded(path, RECORD_MAX_BYTES), stat.S_IMODE(found.st_mode), found.st_gid)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _same(found: State | None, wanted: State | None) -> bool:
    return found is wanted if wanted is None else wanted.same(found)


def _missing_folders(changes: Iterable[Change]) -> list[str]:
    """Those that the files need, the outermost first."""
    parents = {parent for change in changes for parent in Path(change.path).parents if not parent.exists()}
    return [str(parent) for parent in sorted(parents, key=lambda path: len(path.parts))]


def _make_folder(folder: Path, mode: int = PRIVATE_FOLDER) -> None:
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        try:
            missing.mkdir(mode)
        except PermissionError as error:
            raise BadPermissions(f"{missing} cannot be made by this user", hint="run as root") from error
        missing.chmod(mode)  # a umask may have taken bits away
        sync_folder(missing.parent)


def _newest(folder: Path) -> Path | None:
    number = _newest_number(folder)
    return folder / f"{number:06}.json" if number else None


def _newest_number(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    check_owned(folder)
    return max((int(path.stem) for path in folder.iterdir() if _NAME.fullmatch(path.name)), default=0)


def _read(path: Path) -> Record:
    return Record.decode(read_private(path, RECORD_MAX_BYTES), str(path))
