"""What belongs into the folder of an engine or a client, and bringing it there.

The index says what a folder should hold; whatever is behind is written anew, as often as it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.errors import PytrustError, Unsound
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.authority.index import Holder, Index
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.leaf_key import belongs
from pytrust.trust.pki.mint.crl import pem_of
from pytrust.trust.pki.model import ISSUER_OF, CaKind, Issued, Kind, LeafKind

_TRUSTED_BY: Final[dict[LeafKind, CaKind]] = {Kind.SERVER: Kind.CLIENT_CA, Kind.CLIENT: Kind.ROOT}


@dataclass(frozen=True, slots=True)
class Supplies:
    """What all engines, or all clients, get alike; in PEM. ``links``: the CAs that follow a leaf, by generation."""

    ca: bytes
    crl: bytes
    links: Mapping[int, bytes]

    def chain(self, issued: Issued) -> bytes:
        """A leaf and what leads to a root from it."""
        return pem(issued) + self.links[issued.generation]

    def files(self, issued: Issued, key: bytes) -> dict[str, bytes]:
        """All files of a folder."""
        files = {folders.CA: self.ca, folders.CERT: self.chain(issued), folders.KEY: key}
        return files | ({folders.CRL: self.crl} if issued.kind == Kind.SERVER else {})


def supplies(index: Index, kind: LeafKind) -> Supplies:
    """What holders of this kind get now."""
    issuer = ISSUER_OF[kind]
    links = {number: _pems(index.links(issuer, number)) for number in index.states(issuer)}
    lists = _lists(index) if kind == Kind.SERVER else b""
    return Supplies(_pems(index.bundle(_TRUSTED_BY[kind])), lists, links)


def deliver(premises: Premises, holder: Holder, folder: Path) -> None:
    """Bring a holder's folder up to date; the key is the one in it, or the one that was put there for this.

    Raises:
        Unsound: the folder cannot be written, or the key is not there.
    """
    key = _key_in(folder, holder.issued)
    folders.publish(folder, supplies(premises.index, holder.kind).files(holder.issued, key))
    with premises.change() as change:
        change.written(holder.issued)


def settle(premises: Premises) -> list[Path]:
    """Bring every folder up to date that ``Index.behind`` names; gives those that were written.

    Raises:
        Unsound: after all others were written, naming those that could not be.
    """
    written: list[Path] = []
    failed: list[PytrustError] = []
    for holder in premises.index.behind(premises.now()):
        if holder.folder is None:
            continue
        try:
            deliver(premises, holder, holder.folder)
            written.append(holder.folder)
        except PytrustError as error:
            failed.append(error)
    if failed:
        raise _not_everywhere(failed)
    return written


def pem(issued: Issued) -> bytes:
    """A certificate as text."""
    return issued.certificate.public_bytes(Encoding.PEM)


def _pems(certificates: Iterable[Issued]) -> bytes:
    return b"".join(map(pem, certificates))


def _lists(index: Index) -> bytes:
    return b"".join(pem_of(listed.der) for listed in index.lists())


def _key_in(folder: Path, issued: Issued) -> bytes:
    certificate = issued.certificate
    for key in (folders.read(folder).get(folders.KEY), folders.staged_key(folder)):
        if key is not None and belongs(key, certificate):
            return key
    raise Unsound(
        f"{folder} does not hold the key of {issued.holder}'s certificate",
        hint=f"make a new one: pytrust ca renew {issued.holder}",
    )


def _not_everywhere(failed: list[PytrustError]) -> Unsound:
    count = "one folder" if len(failed) == 1 else f"{len(failed)} folders"
    reasons = "; ".join(map(str, failed[:5]))
    return Unsound(
        f"done and recorded, but {count} could not be brought up to date: {reasons}",
        hint="mend what is said, then: pytrust ca renew --all-due",
    )
