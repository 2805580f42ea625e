"""Which container is meant, and may it be touched? What its operator guards is not, by no level and no exception."""

from __future__ import annotations

from typing import Final

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.facts import Container, ContainerQuery
from pytrust.policy.core.inquiry import Inquiry, shown
from pytrust.policy.core.request import Ask, Field

_CONTAINER: Final = "container:"


def find_container(inquiry: Inquiry, name: str) -> Container | None:
    """The container of that name, with a refusal where it is guarded; None where it is not known, or there is none."""
    text = shown(name)
    missing = Reason(code="no-such-container", text=f"No such container: {text}", firm=True)  # docker's own words
    container = inquiry.answer(ContainerQuery(name=name), Container, f"the container {text}", missing)
    if container and container.guarded:
        inquiry.refuse(_guarded(text))
    return container


def judge_joined(inquiry: Inquiry, ask: Ask) -> None:
    """Refuse to share a namespace, or the volumes, of a container that is guarded."""
    if ask.field is Field.VOLUMES_FROM or ask.value.startswith(_CONTAINER):
        find_container(inquiry, ask.value.removeprefix(_CONTAINER))


def _guarded(text: str) -> Reason:
    """Firm: learning what would be denied is no reason to lose the proxy."""
    return Reason(
        code="guarded",
        text=f"the container {text} is guarded by its operator",
        rule="containers: what is guarded is not touched",
        hint="use the engine itself, as its operator",
        firm=True,
    )
