"""How much of the host may it have? Judges what was asked for by level, and says what is to be written in.

Kubernetes Pod Security Standards, CIS Docker Benchmark section 5; ``levels`` has the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pytrust.policy.core.decision import Injection, Mutation, Reason
from pytrust.policy.core.facts import EngineInfo, EngineQuery, HeldImage
from pytrust.policy.core.guard import judge_joined
from pytrust.policy.core.inquiry import Inquiry, shown
from pytrust.policy.core.levels import CHOSEN, INJECTED, TABLE
from pytrust.policy.core.request import Ask, Field
from pytrust.policy.core.rules import Containers, Isolation
from pytrust.policy.core.standard import Standard
from pytrust.policy.core.storage import judge_bind, judge_volume, judge_volume_option

_ROOT: Final = "0"  # as whom a container runs where neither the client nor the image says
_UNCONFINED: Final = Ask(field=Field.SECCOMP, value="unconfined")


def judge_asks(inquiry: Inquiry, standard: Standard, asks: Iterable[Ask]) -> None:
    """Refuse what neither the level nor an exception lets through."""
    for ask in asks:
        _judge_ask(inquiry, standard, ask)


def _judge_ask(inquiry: Inquiry, standard: Standard, ask: Ask) -> None:
    match ask.field:
        case Field.LABEL:
            inquiry.refuse(_kept_label(standard, ask))
        case _ if standard.allows(ask):
            pass
        case Field.BIND | Field.WRITABLE_BIND:
            judge_bind(inquiry, standard, ask)
        case Field.VOLUME:
            judge_volume(inquiry, standard, ask)
        case Field.VOLUME_OPTION:
            judge_volume_option(inquiry, standard, ask)
        case Field.PID_MODE | Field.IPC_MODE | Field.NETWORK_MODE | Field.VOLUMES_FROM if standard.lifts(ask):
            judge_joined(inquiry, ask)
        case _ if standard.lifts(ask):
            pass
        case _:
            inquiry.refuse(standard.refusal(ask))


def judge_engine(inquiry: Inquiry, standard: Standard) -> None:
    """Below privileged, the engine's own seccomp profile has to stand behind every container."""
    if standard.level is Isolation.PRIVILEGED or standard.lifts(_UNCONFINED):
        return
    engine = inquiry.answer(EngineQuery(), EngineInfo, "the engine")
    if engine and not engine.seccomp:
        inquiry.refuse(
            Reason(
                code=Field.SECCOMP.value,
                text="the engine confines containers by no seccomp profile of its own",
                rule=standard.rule(Field.SECCOMP),
                hint=f"let dockerd use its built-in profile, or allow it: {standard.exception(_UNCONFINED)}",
            )
        )


def judge_user(inquiry: Inquiry, standard: Standard, asks: Iterable[Ask], held: HeldImage) -> None:
    """The image's own user counts where none was asked for."""
    if any(ask.field is Field.USER for ask in asks):
        return
    ask = Ask(field=Field.USER, value=held.user.partition(":")[0] or _ROOT)
    if not standard.allows(ask) and not standard.lifts(ask):
        text = f"the image runs as user {shown(ask.value)}: it has to be a number above zero"
        inquiry.refuse(standard.refusal(ask, text))


def mutations(standard: Standard, asks: Iterable[Ask]) -> tuple[Mutation, ...]:
    """What the level writes into a new container, except where the client chose, and was let."""
    asked = {ask.field for ask in asks}
    return tuple(
        Mutation(injection=injection, value=_value(injection, standard.containers))
        for injection in INJECTED[standard.level]
        if asked.isdisjoint(CHOSEN[injection])
    )


def _value(injection: Injection, limits: Containers) -> int:
    return {Injection.PIDS: limits.pids, Injection.MEMORY: limits.memory}.get(injection, 0)


def _kept_label(standard: Standard, ask: Ask) -> Reason:
    """No level and no mode lets it through: a forged one would outlive them."""
    row, value = TABLE[Field.LABEL], shown(ask.value)
    return Reason(
        code=Field.LABEL.value,
        text=row.text.format(value=value),
        rule=standard.rule(Field.LABEL),
        hint=row.way.format(value=value),
        firm=True,
    )
