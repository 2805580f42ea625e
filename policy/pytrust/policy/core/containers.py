"""May a container that exists be used? For all that runs something in it, it has to have been let in."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final, assert_never

from pytrust.policy.core.confinement import judge_exec, judge_kept
from pytrust.policy.core.decision import Allow, Injection, Reason
from pytrust.policy.core.facts import Container, ExecInstance, ExecQuery
from pytrust.policy.core.guard import find_container, judge_joined
from pytrust.policy.core.inquiry import Inquiry, shown
from pytrust.policy.core.isolation import judge_asks, mutations
from pytrust.policy.core.request import (
    Ask,
    Attach,
    Exec,
    ExecUse,
    Field,
    Manage,
    NetworkConnect,
    Rename,
    Start,
    Update,
)
from pytrust.policy.core.scanning import judge_scan_again
from pytrust.policy.core.secrets import judge_again
from pytrust.policy.core.standard import Standard
from pytrust.policy.core.vouching import Claim, find_rule, place, rule_for, vouched
from pytrust.trust.names import ImageRef

ContainerRequest = Manage | Start | Update | Rename | Exec | ExecUse | Attach | NetworkConnect

_RECREATE: Final = "remove the container, and create it again from a signed image"


def judge_container(inquiry: Inquiry, request: ContainerRequest) -> Allow:
    """What is to be allowed, unless the inquiry ends with reasons or open questions."""
    match request:
        case Manage(container=name) | Rename(container=name):
            allow = _allow(find_container(inquiry, name))
        case ExecUse(exec_id=exec_id):
            allow = _use_exec(inquiry, exec_id)
        case NetworkConnect():
            allow = _connect(inquiry, request)
        case Start():
            allow = _start(inquiry, request)
        case Update():
            allow = _update(inquiry, request)
        case Exec() | Attach():
            allow = _use(inquiry, request)
        case _:
            assert_never(request)
    return allow


def _use_exec(inquiry: Inquiry, exec_id: str) -> Allow:
    text = f"No such exec instance: {shown(exec_id)}"  # docker's own words
    missing = Reason(code="no-such-exec", text=text, firm=True)
    found = inquiry.answer(ExecQuery(exec_id=exec_id), ExecInstance, f"the exec instance {shown(exec_id)}", missing)
    if found and found.overruled:
        inquiry.refuse(_overruled(shown(exec_id)))
    return Allow(container=found.container) if found else Allow()


def _connect(inquiry: Inquiry, request: NetworkConnect) -> Allow:
    container = find_container(inquiry, request.container)
    if container:
        judge_asks(inquiry, _standard(inquiry, container), request.asks)
    return _allow(container)


def _use(inquiry: Inquiry, request: Exec | Attach) -> Allow:
    """What goes on in a running container follows the level of its image; the image is not judged again."""
    container = _admitted(inquiry, request.container)
    if container and isinstance(request, Exec):
        judge_asks(inquiry, _standard(inquiry, container), request.asks)
        if container.admission:
            judge_exec(inquiry, container.admission, request.asks)
    return _allow(container)


def _update(inquiry: Inquiry, request: Update) -> Allow:
    """A limit on processes that is taken away is replaced, as in a new container.

    By a restart policy the engine starts the container by itself, and asks nobody: that is a start.
    """
    container = _admitted(inquiry, request.container)
    if container is None:
        return Allow()
    standard = _standard(inquiry, container)
    judge_asks(inquiry, standard, request.asks)
    if container.admission and any(ask.field is Field.RESTART for ask in request.asks):
        _vouch(inquiry, container.admission.ref)
        judge_kept(inquiry, container.admission)
        judge_scan_again(inquiry, container.admission)
    written = mutations(standard, request.asks)
    return Allow(container=container.id, mutations=tuple(item for item in written if item.injection is Injection.PIDS))


def _start(inquiry: Inquiry, request: Start) -> Allow:
    """Trust may have ended since the container was made, and paths may lead elsewhere: both are judged again.

    So are the containers that it joins: the engine resolved their names later than they were judged.
    """
    container = _admitted(inquiry, request.container)
    if container is None:
        return Allow()
    admission = container.admission
    judge_asks(inquiry, _standard(inquiry, container), (*request.asks, *_others(container)))
    for joined in container.joins:
        judge_joined(inquiry, joined)
    expires = _vouch(inquiry, admission.ref) if admission else None
    if admission is None or not request.fresh:
        return Allow(container=container.id, expires=expires)
    judge_kept(inquiry, admission)
    looked = judge_scan_again(inquiry, admission)
    delivery = judge_again(inquiry, admission, verified=expires is not None)
    ends = min((end for end in (expires, looked.expires) if end), default=None)
    return Allow(container=container.id, expires=ends, delivery=delivery, warnings=looked.warnings, noted=looked.noted)


def _others(container: Container) -> tuple[Ask, ...]:
    """The paths that it mounts, but for the folder of its secrets, which was written in here, read-only."""
    delivery = container.admission.delivery if container.admission else None
    ours = Ask(field=Field.BIND, value=delivery.folder) if delivery else None
    return tuple(ask for ask in container.binds if ask != ours)


def _vouch(inquiry: Inquiry, ref: ImageRef) -> datetime | None:
    """By digest alone: the tag may have moved on. Gives the end of the signature."""
    rule = find_rule(inquiry.policy, ref.collection)
    if rule is None or rule.trust is None:
        return None
    if ref.digest is None:
        text = f"the container was made from {ref}, which was allowed unsigned then"
        inquiry.refuse(Reason(code="unsigned", text=text, rule=place(rule), hint=_RECREATE))
        return None
    claim = Claim(dataclasses.replace(ref, tag=None), rule.trust, place(rule))
    signed = vouched(inquiry, claim, way=_RECREATE)
    return signed.expires if signed else None


def _admitted(inquiry: Inquiry, name: str) -> Container | None:
    """A container that was let in, with the image that it has, under a name that a rule still covers."""
    container = find_container(inquiry, name)
    if container is None:
        return None
    admission = container.admission
    if admission is None:
        inquiry.refuse(_not_admitted(shown(name)))
        return container
    if container.image_id != admission.image_id:
        inquiry.refuse(_foreign_image(shown(name), container.image_id, admission.image_id))
    rule_for(inquiry, admission.ref.collection)
    return container


def _standard(inquiry: Inquiry, container: Container) -> Standard:
    if container.admission is None:
        return Standard.of(inquiry.policy)
    collection = container.admission.ref.collection
    return Standard.of(inquiry.policy, find_rule(inquiry.policy, collection), collection)


def _allow(container: Container | None) -> Allow:
    return Allow(container=container.id) if container else Allow()


def _overruled(text: str) -> Reason:
    return Reason(
        code="exec-not-admitted",
        text=f"the exec instance {text} was made in learning mode, against a refusal",
        rule="containers: only what was let in may run",
        hint="ask for a new one: docker exec",
    )


def _not_admitted(text: str) -> Reason:
    return Reason(
        code="not-admitted",
        text=f"the container {text} was not created through pytrust",
        rule="containers: only what was let in may run",
        hint=_RECREATE,
    )


def _foreign_image(text: str, found: str, admitted: str) -> Reason:
    return Reason(
        code="foreign-image",
        text=f"the container {text} has the image {shown(found)}, and was let in with {shown(admitted)}",
        rule="containers: only what was let in may run",
        hint=_RECREATE,
    )
