"""What is written down: decisions, and what happened to the proxy. Pure; ``coding`` makes bytes of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

import msgspec

from pytrust.policy.core.decision import Allow, Deny
from pytrust.policy.core.facts import Fact, Facts, Query
from pytrust.policy.core.request import Request
from pytrust.policy.core.rules import Policy
from pytrust.policy.core.value import Value

Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # UTC


class Decided(Value, frozen=True, kw_only=True):
    """A decision and all that it was made from, so that it can be made again.

    ``at`` is the ``now`` of the facts, ``known`` are their pairs; ``caller`` names who asked, ``policy`` its version.
    """

    at: Moment
    caller: str
    request: Request
    known: tuple[tuple[Query, Fact], ...]
    policy: str
    decision: Allow | Deny

    @classmethod
    def of(cls, facts: Facts, caller: str, request: Request, policy: Policy, decision: Allow | Deny) -> Self:
        """The entry for a decision that was just made."""
        known = tuple(facts.known.items())
        return cls(at=facts.now, caller=caller, request=request, known=known, policy=policy.version, decision=decision)

    @property
    def facts(self) -> Facts:
        """What was known."""
        return Facts(self.at, dict(self.known))


class Event(Value, frozen=True, kw_only=True):
    """Something that happened: ``what`` in a word, such as ``policy-refused``, and more in ``text``."""

    at: Moment
    what: str
    text: str


Entry = Decided | Event
