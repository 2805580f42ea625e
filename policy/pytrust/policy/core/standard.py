"""What holds for one request: the level of isolation, the line of the policy that sets it, and the exceptions."""

from __future__ import annotations

import json
from typing import Final, NamedTuple, Self

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.inquiry import shown
from pytrust.policy.core.levels import TABLE
from pytrust.policy.core.request import Ask
from pytrust.policy.core.rules import Containers, ImageRule, Isolation, Lift, Policy
from pytrust.trust.pins import matches

_EVERY_IMAGE: Final = "**"


class Standard(NamedTuple):
    """``where`` names the line that sets ``level``; the exceptions are in ``containers``.

    ``collection`` is that of the image; empty for a network or a volume, and for an image that is not known.
    """

    level: Isolation
    where: str
    collection: str
    containers: Containers

    @classmethod
    def of(cls, policy: Policy, rule: ImageRule | None = None, collection: str = "") -> Self:
        """The level of the image's rule where that has one, else the policy's own."""
        containers = policy.containers
        if rule is None or rule.isolation is None:
            return cls(containers.isolation, containers.where, collection, containers)
        return cls(rule.isolation, rule.where, collection, containers)

    def allows(self, ask: Ask) -> bool:
        """Whether the level lets the value through by itself."""
        if self.level is Isolation.PRIVILEGED:
            return True
        row = TABLE[ask.field]
        judge = row.restricted if self.level is Isolation.RESTRICTED else row.baseline
        return judge(ask.value, self.containers)

    def lifts(self, ask: Ask) -> bool:
        """Whether an exception of the policy covers it."""
        return any(
            lift.field is ask.field and self._covers(lift) and _fits(lift, ask.value) for lift in self.containers.lifts
        )

    def rule(self, name: str) -> str:
        """How a reason names a rule of this level."""
        return f"isolation {self.level}: {name}" + (f" ({self.where})" if self.where else "")

    def refusal(self, ask: Ask, text: str = "") -> Reason:
        """The reason against ``ask``, in the words of the table where ``text`` has no better ones."""
        row, value = TABLE[ask.field], shown(ask.value)
        return Reason(
            code=ask.field.value,
            text=text or row.text.format(value=value),
            rule=self.rule(ask.field),
            hint=f"{row.way.format(value=value)}, or allow it: {self.exception(ask)}",
        )

    def exception(self, ask: Ask) -> str:
        """The entry of the policy file that would let it through."""
        values = "" if ask.value == "true" else f", values: [{json.dumps(shown(ask.value))}]"
        return f'containers.allow: [{{rule: {ask.field}, match: "{self.collection or _EVERY_IMAGE}"{values}}}]'

    def _covers(self, lift: Lift) -> bool:
        return matches(lift.match, self.collection) if self.collection else lift.match == _EVERY_IMAGE


def _fits(lift: Lift, value: str) -> bool:
    return not lift.values or any(matches(pattern, value) for pattern in lift.values)
