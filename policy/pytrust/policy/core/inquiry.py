"""One decision in the making: what is known, what has to be asked next, what speaks against it so far.

Every judge goes on after a refusal and after an open question, so that one round asks for all that can be asked, and
a denial has every reason. What is not known is never taken for a yes: a question that is open, or was answered with
something that does not fit, always ends up in ``needs`` or in ``reasons``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeVar

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.facts import Fact, Facts, Missing, Query, Unavailable
from pytrust.policy.core.rules import Policy

_SHOWN_MAX_CHARS: Final = 200  # one line of a terminal or two: messages stay readable whatever a client sends

F = TypeVar("F", bound=Fact)


class Inquiry:
    """Lives for one call of ``decide``."""

    __slots__ = ("_facts", "_needs", "_reasons", "policy")

    def __init__(self, facts: Facts, policy: Policy) -> None:
        self.policy = policy
        self._facts = facts
        self._needs: set[Query] = set()
        self._reasons: dict[Reason, None] = {}

    @property
    def now(self) -> datetime:
        """UTC."""
        return self._facts.now

    @property
    def needs(self) -> frozenset[Query]:
        """The questions that are open."""
        return frozenset(self._needs)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What speaks against it, each once, in the order in which it was found."""
        return tuple(self._reasons)

    def refuse(self, reason: Reason) -> None:
        """Add a reason."""
        self._reasons[reason] = None

    def look_up(self, query: Query) -> Fact | None:
        """The fact; None where it has to be asked for."""
        fact = self._facts.known.get(query)
        if fact is None:
            self._needs.add(query)
        return fact

    def answer(self, query: Query, kind: type[F], thing: str, missing: Reason | None = None) -> F | None:
        """The fact where it is of this kind; None where it is not known yet, or was refused.

        ``missing`` is the reason where there is no such thing; where that is firm, not knowing is firm, too.
        """
        fact = self.look_up(query)
        if fact is None or isinstance(fact, kind):
            return fact
        if missing and isinstance(fact, Missing):
            self.refuse(missing)
        else:
            self.refuse(unanswered(thing, fact, firm=missing is not None and missing.firm))
        return None


def unanswered(thing: str, fact: Fact, rule: str = "", *, firm: bool = False) -> Reason:
    """The reason that follows from an answer which tells nothing about ``thing``."""
    if isinstance(fact, Unavailable):
        return Reason(
            code=fact.code, text=f"{thing} cannot be judged: {fact.why}", rule=rule, hint=fact.hint, firm=firm
        )
    return Reason(
        code="bad-answer", text=f"{thing} cannot be judged: the answer does not fit the question", rule=rule, firm=firm
    )


def shown(text: str) -> str:
    """What a client wrote, safe in a message: printable, in one line, not long."""
    cut = text if len(text) <= _SHOWN_MAX_CHARS else f"{text[:_SHOWN_MAX_CHARS]}..."
    return cut if cut.isprintable() else repr(cut)[1:-1]
