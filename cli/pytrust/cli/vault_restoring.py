"""A backup becomes the vault: unlocked, read whole and compared with the anchor before anything changes.

It is unpacked into a home of its own with an anchor of its own, so that opening it there says nothing about this host.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pytrust.cli import voice
from pytrust.cli.home import Home, make_home
from pytrust.cli.vault_room import hand_over, unlock_here
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import BadPermissions, Damaged, NotSetUp, PytrustError, RolledBack, UsageError
from pytrust.trust.files import PRIVATE_FOLDER

if TYPE_CHECKING:
    from pytrust.trust.vault.anchor import Anchor
    from pytrust.trust.vault.header import Header
    from pytrust.trust.vault.vault import Vault

_DRAFT: Final = re.compile(r"\.restore\.([1-9][0-9]*)(?:\.anchor)?")


class Restored(NamedTuple):
    """What became of it.

    Attributes:
        generation: of the vault now.
        seen: how far this host had seen it come.
        lost: what the vault that was there had, and this one has not, as far as it could be told.
        aside: where the vault that was there is now.
    """

    generation: int
    seen: int
    lost: tuple[str, ...]
    aside: Path | None


def restored(workspace: Workspace, file: Path, *, older: bool) -> Restored:
    """Put the backup ``file`` in the place of the vault.

    Raises:
        UsageError: there is another vault.
        RolledBack: this host has seen a newer one, not with ``older``; or it is not this host's vault at all.
        Damaged: it is no backup, or not whole.
        PytrustError: it is not unlocked, see ``vault_room.open_vaulted``.
    """
    from pytrust.trust.vault.copy import put_in_place, unpack

    home = workspace.home
    make_home(home)
    with _draft(home) as draft:
        with voice.working("reading the backup"):
            header = unpack(file, draft.vault)
        there = _there(home, header)
        with closing(_opened(workspace, draft, file)) as vault:
            seen = _check_age(home, draft, vault, there, older=older)
            master = vault.master.bytes()
            lost = _lost(home, vault) if seen > header.generation else ()
        aside = put_in_place(draft.vault, home.vault)
    _settle(workspace, master)
    return Restored(header.generation, seen, lost, aside)


@contextmanager
def _draft(home: Home) -> Iterator[Home]:
    """A home within the home; what a dead process left of one goes first."""
    for path in home.path.iterdir():
        left = _DRAFT.fullmatch(path.name)
        if left and not Path("/proc", left[1]).exists():
            shutil.rmtree(path)
    draft = Home(home.path / f".restore.{os.getpid()}")
    draft.path.mkdir(PRIVATE_FOLDER)
    try:
        yield draft
    finally:
        for path in (draft.path, draft.anchor):
            shutil.rmtree(path, ignore_errors=True)


def _there(home: Home, header: Header) -> Header | None:
    """The header of the vault that is there, not authenticated; None where there is none, or nothing to be read."""
    from pytrust.trust.vault.header import read_header

    try:
        there = read_header(home.vault)
    except (NotSetUp, Damaged, BadPermissions):
        return None
    if there.store != header.store:
        raise UsageError(
            f"there is another vault at {home.vault}, and this is no backup of it",
            hint="move that away first, or choose another --home",
        )
    return there


def _opened(workspace: Workspace, draft: Home, file: Path) -> Vault:
    """The vault in the draft, every byte of it read; raises ``Damaged``."""
    elsewhere = copy.copy(workspace)
    elsewhere.home = draft
    vault = unlock_here(elsewhere, accept_rollback=True)
    with voice.working("checking the backup"):
        for fault in vault.verify():
            vault.close()
            raise Damaged(f"{file} is damaged: {fault}", hint="use another backup")
    return vault


def _check_age(home: Home, draft: Home, vault: Vault, there: Header | None, *, older: bool) -> int:
    """How far this host has seen the vault come; raises ``RolledBack`` where this one has not come as far."""
    anchor = _read_anchor(home, vault.header.store, older=older)
    if anchor is not None and not _is_ours(vault, anchor, there):
        raise RolledBack(
            "the backup is of a vault that somebody made who did not have the keys of this one",
            hint=f"use another backup; if it was you, on another host: move {home.anchor} away first",
        )
    seen = max(anchor.generation if anchor else 0, there.generation if there else 0)
    try:
        _check_seen(draft, vault, anchor, seen)
    except RolledBack as error:
        if not older:
            raise RolledBack(str(error), hint="to go back all the same: --older") from error
    return seen


def _read_anchor(home: Home, store: str, *, older: bool) -> Anchor | None:
    """None where there is none; or where it is damaged, and need not tell what is ``older``."""
    from pytrust.trust.vault.anchor import AnchorFile

    try:
        return AnchorFile(home.anchor, store).read()
    except Damaged:
        if not older:
            raise
        return None


def _is_ours(vault: Vault, anchor: Anchor, there: Header | None) -> bool:
    """Whether its key led to what this host has seen, or came from there; also where that cannot be told any more."""
    from pytrust.trust.vault.lineage import end_of_line, leads, public_of

    header, seen = vault.header, bytes.fromhex(anchor.public)
    if header.epoch >= anchor.epoch:
        return leads(header, anchor.epoch, seen, vault.master)
    if there is None or there.epoch != anchor.epoch:
        return True
    return end_of_line(there, header.epoch, public_of(vault.master, header.store, header.epoch)) == seen


def _check_seen(draft: Home, vault: Vault, anchor: Anchor | None, seen: int) -> None:
    """The backup must have come as far, and by where this host saw the vault; raises ``RolledBack``."""
    from pytrust.trust.vault.anchor import AnchorFile
    from pytrust.trust.vault.master import Master
    from pytrust.trust.vault.vault import Vault as Opening

    if seen > vault.header.generation:
        raise RolledBack(f"the backup is of generation {vault.header.generation}, and this host has seen {seen}")
    if anchor is None:
        return
    AnchorFile(draft.anchor, vault.header.store).write(anchor)
    Opening.open(draft.vault, draft.anchor, Master(vault.master.bytes())).close()


def _lost(home: Home, vault: Vault) -> tuple[str, ...]:
    """What the vault that is there holds, and ``vault`` does not; nothing where it has other keys, or is damaged."""
    from pytrust.trust.vault.master import Master
    from pytrust.trust.vault.vault import Vault as Opening

    kept = {name: vault.secret(name).last for name in vault.names()}
    try:
        with closing(Opening.open(home.vault, home.anchor, Master(vault.master.bytes()))) as there:
            found = [there.secret(name) for name in there.names()]
    except PytrustError:
        return ()
    newer = (secret for secret in found if secret.last > kept.get(secret.name, 0))
    return tuple(f"{secret.name} version {secret.current.number}" for secret in newer)


def _settle(workspace: Workspace, master: bytes) -> None:
    """From now on this host has seen this vault, and so has its agent."""
    from pytrust.trust.vault.master import Master
    from pytrust.trust.vault.vault import Vault as Opening

    home = workspace.home
    with closing(Opening.open(home.vault, home.anchor, Master(master), accept_rollback=True)) as vault:
        hand_over(workspace, vault)
