"""What an index says of the CAs themselves: generations, certificates, lists of what was withdrawn."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from pytrust.trust.errors import Damaged, NotFound
from pytrust.trust.pki.authority.plan import Plan, read_plan
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import COLUMNS, Listed, State, issued_of, moment_of
from pytrust.trust.pki.model import CaKind, Issued, Kind
from pytrust.trust.pki.names import CaName

_ALL: Final = f"SELECT {COLUMNS} FROM certificates"  # noqa: S608 - a constant
JOINED: Final = ", ".join(f"certificates.{column}" for column in COLUMNS.split(", "))
# A CA's certificates, by way of the roots that count: first the one under the root that issues, then the newest.
_LINKS: Final = f"""SELECT {JOINED} FROM certificates
    JOIN certificates AS above ON above.serial = certificates.issuer
    JOIN generations AS roots ON roots.kind = 'root' AND roots.generation = above.generation
    WHERE certificates.kind = ? AND certificates.generation = ? AND roots.state <> 'retired'
    ORDER BY roots.state = 'issuing' DESC, certificates.id DESC"""  # noqa: S608


class CaIndex:
    """The part of ``Index`` that is about CAs."""

    def __init__(self, folder: Path, records: Records) -> None:
        self._folder = folder.absolute()
        self._records = records

    @property
    def plan(self) -> Plan:
        """What was asked for when it was made."""
        row = self._records.row("SELECT data FROM plan")
        if row is None:
            raise Damaged(f"the index in {self._folder} says nothing of its authority")
        return read_plan(row[0])

    @property
    def name(self) -> CaName:
        """What the authority calls itself."""
        return self.plan.name

    def current(self, kind: CaKind) -> Issued:
        """The CA certificate of the generation that issues."""
        row = self._records.row("SELECT generation FROM generations WHERE kind = ? AND state = 'issuing'", (kind,))
        if row is None:
            raise Damaged(f"the index in {self._folder} has no {kind} that issues")
        return self.ca(kind, row[0])

    def bundle(self, kind: CaKind) -> tuple[Issued, ...]:
        """One certificate of each generation that counts, newest first: what peers have to trust."""
        return tuple(self.ca(kind, number) for number, state in self.states(kind).items() if state != State.RETIRED)

    def ca(self, kind: CaKind, generation: int) -> Issued:
        """A CA's certificate: the one under the root that issues, where it has several."""
        if links := self.links(kind, generation):
            return links[0]
        row = self._records.row(_ALL + " WHERE kind = ? AND generation = ? ORDER BY id DESC", (kind, generation))
        if row is None:
            raise NotFound(f"there is no {kind} G{generation}", hint="see which there are: pytrust ca list")
        return issued_of(row)

    def links(self, kind: CaKind, generation: int) -> tuple[Issued, ...]:
        """All certificates of a CA that lead to a root which counts: what follows the leaf in a chain."""
        return tuple(issued_of(row) for row in self._records.rows(_LINKS, (kind, generation)))

    def state(self, kind: CaKind, generation: int) -> State:
        """What a generation is for; raises ``NotFound``."""
        states = self.states(kind)
        if generation not in states:
            raise NotFound(f"there is no {kind} G{generation}", hint="see which there are: pytrust ca list")
        return states[generation]

    def states(self, kind: CaKind) -> dict[int, State]:
        """All generations, newest first."""
        query = "SELECT generation, state FROM generations WHERE kind = ? ORDER BY generation DESC"
        return {number: State(state) for number, state in self._records.rows(query, (kind,))}

    def listed(self, generation: int) -> Listed | None:
        """The newest list of a client CA."""
        query = "SELECT generation, number, der, this_update, next_update FROM lists WHERE generation = ?"
        for number, count, der, this_update, next_update in self._records.rows(query, (generation,)):
            return Listed(
                generation=number,
                number=count,
                der=der,
                this_update=moment_of(this_update),
                next_update=moment_of(next_update),
            )
        return None

    def lists(self) -> tuple[Listed, ...]:
        """The newest list of every client CA that counts."""
        counting = [number for number, state in self.states(Kind.CLIENT_CA).items() if state != State.RETIRED]
        return tuple(listed for number in counting if (listed := self.listed(number)))

    def moment(self) -> AbstractContextManager[None]:
        """Let everything that is asked within see the same state."""
        return self._records.moment()
