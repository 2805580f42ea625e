"""What of an authority needs care now: certificates, CAs, revocation lists and folders that are due or over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from pytrust.cli.ca_words import called, due, until
from pytrust.trust.pki.model import CA_KINDS, CRL_RENEW_BEFORE, Kind, kind_text

if TYPE_CHECKING:
    from pytrust.trust.pki.authority.index import Index

_RENEW: Final = "pytrust ca renew --all-due"


class What(StrEnum):
    """What needs care."""

    CERTIFICATE = "certificate"
    AUTHORITY = "authority"
    LIST = "revocation-list"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that needs care: until when it counts (None for a folder), and the command that helps."""

    what: What
    name: str
    ends: datetime | None
    remedy: str

    def over(self, now: datetime) -> bool:
        """Whether it counts no more."""
        return self.ends is not None and self.ends <= now

    def text(self, now: datetime) -> str:
        """One line for people."""
        if self.ends is None:
            return f"{self.name} is behind: {self.remedy}"
        ends = f"ended {until(self.ends, now)}" if self.over(now) else f"ends in {until(self.ends, now)}"
        return f"{self.name} {ends}: {self.remedy}"

    def document(self, now: datetime) -> dict[str, Any]:
        """The same for machines."""
        ends = None if self.ends is None else self.ends.isoformat()
        return {"what": self.what, "name": self.name, "ends": ends, "over": self.over(now), "remedy": self.remedy}


def concerns(index: Index, now: datetime) -> Iterator[Concern]:
    """Everything that needs care at ``now``."""
    yield from _lists(index, now)
    for issued in index.due(now):
        yield Concern(What.CERTIFICATE, f"{issued.kind} {issued.holder}", issued.not_after, _RENEW)
    for kind in CA_KINDS:
        issued = index.current(kind)
        if due(issued, now):
            yield Concern(What.AUTHORITY, called(issued), issued.not_after, f"pytrust ca rotate {kind}")
    for holder in index.behind(now):
        yield Concern(What.FOLDER, str(holder.folder), None, _RENEW)


def _lists(index: Index, now: datetime) -> Iterator[Concern]:
    """Without a list that counts, nobody gets past a proxy."""
    for issued in index.bundle(Kind.CLIENT_CA):
        listed = index.listed(issued.generation)
        ends = now if listed is None or listed.this_update > now else listed.next_update
        if ends - now <= CRL_RENEW_BEFORE:
            yield Concern(
                What.LIST, f"the revocation list of {kind_text(issued.kind)} G{issued.generation}", ends, _RENEW
            )
