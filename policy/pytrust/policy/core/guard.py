"""Which container is meant, and may it be touched? What its operator guards is not, by no level and no exception."""

from __future__ import annotations

from typing import Final

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.facts import Container, ContainerQuery
from pytrust.policy.core.inquiry import Inquiry, shown
from pytrust.policy.core.request import Ask, Field

_CONTAINER: Final = "container:"
_SEES_FILES: Final = frozenset({Field.VOLUMES_FROM, Field.PID_MODE})
"""By which one container comes by the files of another: its mounts, or ``/proc/PID/root``."""


def find_container(inquiry: Inquiry, name: str) -> Container | None:
    """The container of that name, with a refusal where it is guarded; None where it is not known, or there is none."""
    text = shown(name)
    missing = Reason(code="no-such-container", text=f"No such container: {text}", firm=True)  # docker's own words
    container = inquiry.answer(ContainerQuery(name=name), Container, f"the container {text}", missing)
    if container and container.guarded:
        inquiry.refuse(_guarded(text))
    return container


def judge_joined(inquiry: Inquiry, ask: Ask) -> None:
    """Refuse to share a namespace, or the volumes, of a guarded container; and the files of one with secrets."""
    if ask.field is not Field.VOLUMES_FROM and not ask.value.startswith(_CONTAINER):
        return
    name = ask.value.removeprefix(_CONTAINER)
    container = find_container(inquiry, name)
    if container and container.admission and container.admission.delivery and ask.field in _SEES_FILES:
        inquiry.refuse(_has_secrets(shown(name)))


def _guarded(text: str) -> Reason:
    """Firm: learning what would be denied is no reason to lose the proxy."""
    return Reason(
        code="guarded",
        text=f"the container {text} is guarded by its operator",
        rule="containers: what is guarded is not touched",
        hint="use the engine itself, as its operator",
        firm=True,
    )


def _has_secrets(text: str) -> Reason:
    return Reason(
        code="joins-secrets",
        text=f"the container {text} has secrets, which are for no other container",
        rule="secrets: for verified images, and for those that may read them",
        hint="give both containers what they need: --label pytrust.secrets=NAME",
        firm=True,
    )
