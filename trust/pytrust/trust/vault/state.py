"""Where an open vault is, and how it goes on: by what others wrote, and by what is written here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from pytrust.trust.errors import Damaged, RolledBack, Unsound, VaultLocked
from pytrust.trust.vault.anchor import Anchor, AnchorFile, check_came_from, check_not_behind, check_passed
from pytrust.trust.vault.epoch import Begun, manifest_chain, open_epoch
from pytrust.trust.vault.folder import MADE, Folder, Seen, guarded
from pytrust.trust.vault.header import (
    Slot,
    check_header,
    decode_header,
    encode_header,
    read_header_bytes,
)
from pytrust.trust.vault.manifest import Index, Step, decode_step, encode_step
from pytrust.trust.vault.master import Master


class State:
    """The state of a vault in memory.

    Args:
        folder: of the vault.
        anchors: the folder of anchors.
        master: what a slot gave.

    Raises:
        NotSetUp: there is no vault.
        Damaged: ``master`` is not its key, or it is not as it was written.
    """

    def __init__(self, folder: Path, anchors: Path, master: Master) -> None:
        self.folder = Folder(folder)
        data = read_header_bytes(folder)
        self.header = decode_header(data)
        check_header(data, self.header, master)
        self.anchor = AnchorFile(anchors, self.header.store)
        self.index = Index()
        self.epoch = open_epoch(self.folder, self.header, master)
        self._chain = manifest_chain(self.header, master)
        self._seen: Seen | None = None
        self._closed = False

    def load(self, *, accept_rollback: bool) -> None:
        """Read the manifest, and compare it with the anchor; the anchor moves to where we are."""
        try:
            with guarded(self.anchor.path):
                anchor = None if accept_rollback else self.anchor.read()
            self._take(read_header_bytes(self.folder.path), anchor)  # again: now it is not older than the anchor
            if not accept_rollback:
                check_not_behind(self.header, anchor, self.folder.path)
            if anchor is not None:
                check_came_from(self.header, anchor, self.epoch.master)
            if anchor != self._here():
                self._move_anchor(anchor)
        except BaseException:
            self.close()
            raise

    def refresh(self) -> None:
        """Go on to where the vault is now; raises what every method of ``Vault`` does."""
        self.check_open()
        if self._seen and self.folder.stamp() == self._seen.stamp:
            return
        seen = self.folder.see()
        try:
            with guarded(self.folder.path):
                self._take(read_header_bytes(self.folder.path))
        except BaseException:
            seen.close()
            raise
        self._hold(seen)

    def check_open(self) -> None:
        """Raises ``VaultLocked`` after ``close``."""
        if self._closed:
            raise VaultLocked("the vault was closed")

    def _take(self, data: bytes, anchor: Anchor | None = None) -> None:
        header = decode_header(data)
        if (header.store, header.epoch) != (self.header.store, self.header.epoch):
            raise VaultLocked("the vault has new keys since it was opened here")
        check_header(data, header, self.epoch.master)
        if header.generation < self.header.generation:
            raise RolledBack(f"the vault went back from generation {self.header.generation} to {header.generation}")
        self.header = header
        self._go_on(anchor)
        self.epoch.audit.follow(header.audit)

    def append(self, step: Step, slots: tuple[Slot, ...]) -> Begun:
        """Write a step behind what counts; gives what makes it count."""
        audit = self.epoch.audit.flush()
        chain = self._chain.copy()
        frames = chain.seal(encode_step(step))
        self.folder.append_manifest(self.header.epoch, self._chain.length, frames)
        generation = self.header.generation + 1
        header = replace(self.header, generation=generation, manifest=chain.head, audit=audit, slots=slots)
        return Begun(header, chain, frames)

    def commit(self, begun: Begun, step: Step) -> None:
        """The moment of a change within an epoch."""
        self.folder.write_header(encode_header(begun.header, self.epoch.master))
        with _made():
            self.index.apply(step)
            self._settle(begun)

    def turn(self, begun: Begun, step: Step, master: Master) -> None:
        """The moment at which a new epoch begins."""
        data = encode_header(begun.header, master)
        self.folder.append_manifest(begun.header.epoch, 0, begun.frames)
        self.folder.write_header(data)
        with _made():
            new = open_epoch(self.folder, begun.header, master)
            old, self.epoch = self.epoch, new
            old.master.wipe()
            old.audit.close()
            self.index = Index()
            self.index.apply(step)
            self._settle(begun)
            self.folder.keep_manifest(begun.header.epoch)

    def close(self) -> None:
        """Forget the key."""
        if not self._closed:
            self._closed = True
            self.epoch.master.wipe()
            self.epoch.audit.close()
            if self._seen:
                self._seen.close()

    def _settle(self, begun: Begun) -> None:
        self.header, self._chain = begun.header, begun.chain
        self.epoch.audit.follow(begun.header.audit)
        self._hold(self.folder.see())
        with guarded(self.anchor.path):
            self.anchor.write(self._here())

    def _move_anchor(self, known: Anchor | None) -> None:
        """To where we are, unless another process moved it on in the meantime."""
        with self.folder.locked(), guarded(self.anchor.path):
            there = self.anchor.read() if known else None
            if there is None or there == known:
                self.anchor.write(self._here())

    def _here(self) -> Anchor:
        return Anchor.of(self.header, self.epoch.master)

    def _hold(self, seen: Seen) -> None:
        before, self._seen = self._seen, seen
        if before:
            before.close()

    def _go_on(self, anchor: Anchor | None) -> None:
        """Take the steps from where we are to where the header says."""
        head, what = self.header.manifest, str(self.folder.manifest(self.header.epoch))
        data = self.folder.read_manifest(self.header.epoch, self._chain.length, head.length)
        for body in self._chain.read(data, what):
            self.index.apply(decode_step(body))
            if anchor is not None and self._chain.frames == anchor.frames:
                check_passed(self.header, anchor, self._chain)
        if self._chain.head != head:
            raise Damaged(f"{what} is not the one that the vault's header names")


@contextmanager
def _made() -> Iterator[None]:
    """What fails from here on does not undo the change, and says so."""
    try:
        yield
    except (OSError, Unsound) as error:
        raise Unsound(str(error), hint=MADE) from error
