"""How far this host has seen a vault come, kept outside the vault.

Who can write to the vault's disk can put back what he copied last week, every byte of it genuine, or put a vault of his
own in its place, sealed to the same slots. The anchor tells: a vault that is behind it, that took another way, or whose
key did not come from the one seen last, is not opened. Who puts back the anchor as well is not noticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, Damaged, RolledBack
from pytrust.trust.files import PRIVATE, PRIVATE_FOLDER, check_owned, read_private, sync_folder, write_atomic
from pytrust.trust.vault.frames import Chain
from pytrust.trust.vault.header import Header
from pytrust.trust.vault.lineage import ended, leads, public_of
from pytrust.trust.vault.master import Master

_MAX_BYTES: Final = 4096


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A moment of a vault: of its epoch the number of frames, the tag of the last, and the public key (hex)."""

    epoch: int
    generation: int
    frames: int
    tag: str
    public: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]

    @classmethod
    def of(cls, header: Header, master: Master) -> Anchor:
        """The moment of a header, and of its key."""
        public = public_of(master, header.store, header.epoch).hex()
        return cls(header.epoch, header.generation, header.manifest.frames, header.manifest.tag, public)


class AnchorFile:
    """The anchor of one vault: ``<folder>/<store id>``, mode 0600."""

    def __init__(self, folder: Path, store: str) -> None:
        self.path = folder / store

    def read(self) -> Anchor | None:
        """None where this host has never seen the vault; raises ``Damaged`` or ``BadPermissions``."""
        if not self.path.exists() and not self.path.is_symlink():
            return None
        check_owned(self.path.parent, forbidden=0o077)
        data = read_private(self.path, _MAX_BYTES)
        try:
            return msgspec.convert(parse_json(data, what=str(self.path), max_bytes=_MAX_BYTES), Anchor)
        except (BadMetadata, msgspec.ValidationError) as error:
            raise Damaged(
                f"{self.path} cannot be understood, so nobody knows how new the vault has to be",
                hint="if the vault is the newest there is: pytrust vault unlock --accept",
            ) from error

    def write(self, anchor: Anchor) -> None:
        """Move it."""
        if not self.path.parent.is_dir():
            self.path.parent.mkdir(PRIVATE_FOLDER)
            sync_folder(self.path.parent.parent)
        write_atomic(self.path, encode_json(msgspec.to_builtins(anchor)), mode=PRIVATE)


def check_not_behind(header: Header, anchor: Anchor | None, folder: Path) -> None:
    """Raises ``RolledBack`` where the vault is behind its anchor, or there is none."""
    if anchor is None:
        raise RolledBack(
            f"this host has not seen the vault at {folder} before, so nobody knows whether it is the newest",
            hint="if it is: pytrust vault unlock --accept",
        )
    if header.epoch < anchor.epoch or header.generation < anchor.generation:
        raise RolledBack(
            f"the vault at {folder} is of generation {header.generation}, and this host has seen {anchor.generation}",
            hint="find the newer one; if it is lost for good: pytrust vault unlock --accept",
        )


def check_came_from(header: Header, anchor: Anchor, master: Master) -> None:
    """The vault's key must be the anchor's, or have come from it, and not before the anchor; raises ``RolledBack``."""
    if not leads(header, anchor.epoch, bytes.fromhex(anchor.public), master):
        raise RolledBack(
            "the vault was made by somebody who did not have its keys, and put in its place",
            hint="put nothing into it, and find the real one; if you are sure of it: pytrust vault unlock --accept",
        )
    last = ended(header, anchor.epoch)
    if last and (last.frames < anchor.frames or (last.frames == anchor.frames and last.tag != anchor.tag)):
        raise _other_way(anchor)


def check_passed(header: Header, anchor: Anchor, chain: Chain) -> None:
    """At the anchor's number of frames the vault must have been where the anchor is; raises ``RolledBack``."""
    if header.epoch == anchor.epoch and chain.frames == anchor.frames and chain.tag.hex() != anchor.tag:
        raise _other_way(anchor)


def _other_way(anchor: Anchor) -> RolledBack:
    return RolledBack(
        f"the vault took another way since generation {anchor.generation}: it is a copy that others wrote to",
        hint="find the one that this host wrote; if it is lost for good: pytrust vault unlock --accept",
    )
