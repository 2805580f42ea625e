"""From a request to a decision: ask the core, answer its questions, ask again; and write down what came of it.

The journal is written on the spot, not on a thread: an entry takes less time than handing it over would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from pytrust.policy.core.decide import decide
from pytrust.policy.core.decision import Allow, Decision, Deny, Need, Reason
from pytrust.policy.core.facts import Fact, Facts, Query
from pytrust.policy.core.request import Request
from pytrust.policy.core.rules import Policy
from pytrust.policy.journal import Decided, Entry, Event
from pytrust.policy.proxy.limits import ROUNDS_MAX


class Answers(Protocol):
    """Who finds things out: one fact for each query, and never an exception (``gather.Gatherer``)."""

    async def answer(self, queries: Iterable[Query]) -> dict[Query, Fact]:
        """Within a bounded time."""


class Records(Protocol):
    """Where entries are kept; raises ``Unsound`` where that is not possible."""

    def append(self, entry: Entry) -> int:
        """Survives the death of this process when it returns."""


class Judge:
    """Decides under the policy of the moment; ``policy`` is replaced when a new one is loaded."""

    def __init__(self, policy: Policy, gatherer: Answers, records: Records, now: Callable[[], datetime]) -> None:
        self.policy = policy
        self._gatherer, self._records, self._now = gatherer, records, now

    def at_once(self, request: Request) -> Decision:
        """The decision on a request that needs no facts; it is not written down."""
        return decide(request, Facts(self._now(), {}), self.policy)

    async def settle(self, request: Request, caller: str) -> Allow | Deny:
        """The decision, written down before anything follows from it.

        Raises:
            Unsound: the journal cannot be written, so that nothing may follow.
        """
        policy, known = self.policy, dict[Query, Fact]()
        decision = decide(request, facts := Facts(self._now(), known), policy)
        for _ in range(ROUNDS_MAX):
            if not isinstance(decision, Need):
                break
            known.update(await self._gatherer.answer(decision.queries))
            decision = decide(request, facts := Facts(self._now(), known), policy)
        if isinstance(decision, Need):
            decision = Deny(reasons=(Reason(code="undecided", text="too many questions were open", firm=True),))
        self._records.append(Decided.of(facts, caller, request, policy, decision))
        return decision

    def note(self, what: str, text: str) -> None:
        """Write down something that happened; raises ``Unsound`` where that is not possible."""
        self._records.append(Event(at=self._now(), what=what, text=text))
