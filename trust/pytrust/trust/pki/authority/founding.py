"""Making an authority: everything is put together beside the folder, which then takes its name in one rename."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pytrust.trust.database import guarded
from pytrust.trust.errors import UsageError
from pytrust.trust.files import PRIVATE_FOLDER, check_owned, locked, sync_folder
from pytrust.trust.keys.keyring import Passphrase
from pytrust.trust.limits import LOCK_TIMEOUT
from pytrust.trust.pki.authority.ca_keys import FOLDER, CaKeys
from pytrust.trust.pki.authority.generations import establish, make_key
from pytrust.trust.pki.authority.index import FILE, Index
from pytrust.trust.pki.authority.plan import Plan
from pytrust.trust.pki.authority.premises import LOCK, Premises
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.mint.constraints import Permitted
from pytrust.trust.pki.model import CA_KINDS


def found(folder: Path, plan: Plan, keys: CaKeys, new_passphrase: Passphrase, now: Callable[[], datetime]) -> None:
    """See ``Authority.create``; ``keys`` are those of the folder that is not there yet, and open afterwards."""
    Permitted.parse(plan.permitted)
    _check_absent(folder)
    fresh = folder.with_name(f".{folder.name}.new")
    with guarded(fresh):
        _prepare(folder.parent, fresh)
        with locked(fresh / LOCK, timeout=LOCK_TIMEOUT):  # the same lock, later on
            _check_absent(folder)
            _clear(fresh)
            _fill(fresh, keys.moved(fresh / FOLDER), plan, new_passphrase, now)
            _put(fresh, folder)


def _fill(fresh: Path, keys: CaKeys, plan: Plan, new_passphrase: Passphrase, now: Callable[[], datetime]) -> None:
    (fresh / FOLDER).mkdir(PRIVATE_FOLDER)
    Records.create(fresh / FILE)
    records = Records(fresh / FILE)
    try:
        premises = Premises(fresh, records, Index(fresh, records), keys, now)
        with premises.change() as change:
            change.plan(plan)
        for kind in CA_KINDS:
            make_key(premises, kind, 1, new_passphrase, plan.elsewhere.get(kind))
        with premises.change() as change:
            for kind in CA_KINDS:
                establish(premises, change, kind, 1, State.ISSUING)
    finally:
        records.close()


def _prepare(above: Path, fresh: Path) -> None:
    above.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    check_owned(above)
    fresh.mkdir(PRIVATE_FOLDER, exist_ok=True)
    fresh.chmod(PRIVATE_FOLDER)  # a umask may have taken bits away
    check_owned(fresh, forbidden=0o077)


def _clear(fresh: Path) -> None:
    """Throw away what a run left that ended in between: nobody has seen any of it."""
    for path in fresh.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _put(fresh: Path, folder: Path) -> None:
    sync_folder(fresh)
    try:
        fresh.rename(folder)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise UsageError(f"{folder} is not empty", hint="move away what lies there") from error
        raise
    sync_folder(folder.parent)


def _check_absent(folder: Path) -> None:
    if (folder / FILE).exists():
        raise UsageError(f"there is an authority in {folder} already", hint="see what it issued: pytrust ca list")
