"""``decide``: the one place where pytrust says yes, no, or that it has to know more.

Total: every request gets an answer, and nothing is raised. Denies by default: a yes needs a rule that gives it.
Monotone under ``enforce``: knowing less never turns a no into a yes. Ends: no question is asked twice, and three
rounds are the most. Replayable: the same request, facts and policy always get the same decision.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from pytrust.policy.core.containers import ContainerRequest, judge_container
from pytrust.policy.core.creation import judge_create
from pytrust.policy.core.decision import Allow, Decision, Deny, Need, Reason
from pytrust.policy.core.facts import Facts
from pytrust.policy.core.images import judge_name
from pytrust.policy.core.inquiry import Inquiry, shown
from pytrust.policy.core.isolation import judge_asks
from pytrust.policy.core.naming import judge_tag
from pytrust.policy.core.request import (
    Change,
    Closed,
    Create,
    Look,
    NetworkCreate,
    Pull,
    Request,
    TagImage,
    Unrecognised,
    VolumeCreate,
)
from pytrust.policy.core.rules import Mode, Policy
from pytrust.policy.core.standard import Standard


def decide(request: Request, facts: Facts, policy: Policy) -> Decision:
    """May it be? ``Need`` asks for facts; with their answers added, ask again."""
    inquiry = Inquiry(facts, policy)
    allow = _judge(inquiry, request)
    if inquiry.needs:
        return Need(queries=inquiry.needs)
    if not inquiry.reasons:
        return allow
    return _overrule(allow, inquiry.reasons) if policy.mode is Mode.WARN else Deny(reasons=inquiry.reasons)


def _overrule(allow: Allow, reasons: tuple[Reason, ...]) -> Decision:
    """Learning mode: sent on as it was asked, with nothing written in; what is firm is denied, for that alone."""
    if firm := tuple(reason for reason in reasons if reason.firm):
        return Deny(reasons=firm)
    return replace(allow, mutations=(), profile=None, overruled=reasons)


def _judge(inquiry: Inquiry, request: Request) -> Allow:
    """What is to be allowed, unless the inquiry ends with reasons or open questions."""
    if isinstance(request, ContainerRequest):
        return judge_container(inquiry, request)
    match request:
        case Look() | Change():
            return Allow()
        case Create():
            return judge_create(inquiry, request)
        case Pull():
            return _pull(inquiry, request)
        case TagImage(target=target):
            judge_tag(inquiry, target)
        case NetworkCreate(asks=asks) | VolumeCreate(asks=asks):
            judge_asks(inquiry, Standard.of(inquiry.policy), asks)
        case Closed() | Unrecognised():
            inquiry.refuse(_not_let_through(request))
        case _:
            assert_never(request)
    return Allow()


def _pull(inquiry: Inquiry, request: Pull) -> Allow:
    if request.every_tag:
        inquiry.refuse(_every_tag(request))
        return Allow()
    found = judge_name(inquiry, request.ref)
    return Allow(pins=(found.pin,) if found.pin else (), expires=found.expires)


def _every_tag(request: Pull) -> Reason:
    name = request.ref.collection
    return Reason(
        code="every-tag",
        text=f"all tags of {name} may not be pulled at once: each is signed for itself",
        rule="images: a pull names its tag",
        hint=f"name one: docker pull {name}:TAG",
    )


def _not_let_through(request: Closed | Unrecognised) -> Reason:
    rule = "routes: what is not open is closed"
    if isinstance(request, Closed):
        text = f"{shown(request.what)} is not let through"
        return Reason(code="closed", text=text, rule=rule, hint=request.hint, firm=True)
    text = f"{shown(request.method)} {shown(request.path)} is no call of the engine that pytrust knows"
    hint = "check the path and the API version; newer calls need a newer pytrust"
    return Reason(code="unknown-route", text=text, rule=rule, hint=hint, firm=True)
