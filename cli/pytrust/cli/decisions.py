"""A decision in lines: what was asked for, what was known, what came of it and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from pytrust.policy.core.decision import Allow, Deny, Mutation, Reason
from pytrust.policy.core.facts import (
    Container,
    ContainerQuery,
    Deliverable,
    EngineInfo,
    EngineQuery,
    ExecInstance,
    ExecQuery,
    Fact,
    HeldImage,
    HostPath,
    ImageQuery,
    Missing,
    NotDeliverable,
    NotProfiled,
    NotScanned,
    NotSigned,
    PathQuery,
    Profiled,
    ProfileQuery,
    Query,
    Scanned,
    ScanQuery,
    SecretsQuery,
    Signed,
    TrustQuery,
    Unavailable,
    Volume,
    VolumeQuery,
)
from pytrust.policy.core.request import Request, SecretAsk
from pytrust.policy.describe import describe, image_text


def request_lines(request: Request) -> Iterator[str]:
    """The request in one line, and one for each thing that it asks for."""
    yield describe(request)
    for ask in getattr(request, "asks", ()):
        yield f"  asks for {ask.field}: {ask.value}"
    for secret in getattr(request, "secrets", ()):
        yield f"  asks for the secret {secret.name}: {_secret(secret)}"
    for image in getattr(request, "mounts", ()):
        yield f"  mounts the image {image_text(image)}"


def fact_line(query: Query, fact: Fact) -> str:
    """What was asked, and what the answer was."""
    return f"{_thing(query)}: {_finding(fact)}"


def decision_lines(decision: Allow | Deny) -> Iterator[str]:
    """``allowed`` or ``denied``, what is sent on, and every reason with its rule and its way out."""
    if isinstance(decision, Deny):
        yield "denied"
        yield from _reason_lines(decision.reasons)
        return
    yield "allowed in learning mode, denied otherwise" if decision.overruled else "allowed"
    for pin in decision.pins:
        yield f"  {image_text(pin.image)} is sent on as {pin.ref}"
    if decision.mutations:
        yield f"  written in: {', '.join(map(_mutation, decision.mutations))}"
    if decision.profile is not None:
        yield f"  confined by the signed profile {_profile(decision.profile)}"
    if decision.delivery is not None:
        yield f"  secrets in /run/secrets: {', '.join(secret.file for secret in decision.delivery.secrets)}"
    if decision.expires is not None:
        yield f"  good until {_moment(decision.expires)}"
    yield from _reason_lines(decision.overruled)
    for word, reasons in (("warned", decision.warnings), ("noted", decision.noted)):
        if reasons:
            yield f"  {word}:"
            yield from _reason_lines(reasons)


def same(one: Allow | Deny, other: Allow | Deny) -> bool:
    """Whether two decisions come to the same; lines of the policy file may have moved."""
    if isinstance(one, Deny) and isinstance(other, Deny):
        return {(item.code, item.text) for item in one.reasons} == {(item.code, item.text) for item in other.reasons}
    if isinstance(one, Allow) and isinstance(other, Allow):
        return _effect(one) == _effect(other)
    return False


def _effect(allow: Allow) -> tuple[object, ...]:
    told = tuple(reason.text for reason in (*allow.warnings, *allow.noted))
    return allow.pins, allow.mutations, allow.profile, bool(allow.overruled), told


def things(queries: frozenset[Query]) -> str:
    """What is asked about, in one line."""
    return ", ".join(sorted(map(_thing, queries)))


def _reason_lines(reasons: tuple[Reason, ...]) -> Iterator[str]:
    for reason in reasons:
        yield f"  {reason.text}"
        if reason.rule:
            yield f"    rule: {reason.rule}"
        if reason.hint:
            yield f"    hint: {reason.hint}"


def _mutation(mutation: Mutation) -> str:
    return f"{mutation.injection} {mutation.value}" if mutation.value else str(mutation.injection)


def _thing(query: Query) -> str:  # noqa: PLR0911 - one line for each member of the union
    match query:
        case TrustQuery(ref=ref, roots=roots):
            return f"signature of {ref}{' by root keys of the policy' if roots else ''}"
        case ImageQuery(name=name):
            return f"image {name}"
        case ContainerQuery(name=name):
            return f"container {name}"
        case ExecQuery(exec_id=name):
            return f"exec instance {name}"
        case PathQuery(path=name):
            return f"host path {name}"
        case VolumeQuery(name=name):
            return f"volume {name}"
        case SecretsQuery(names=names, image=image):
            return f"secrets {', '.join(names)} for {image}"
        case ProfileQuery(ref=ref) | ScanQuery(ref=ref):
            return f"{'profile' if isinstance(query, ProfileQuery) else 'scan'} of {ref}"
        case EngineQuery():
            return "engine"
        case _:
            assert_never(query)


def _finding(fact: Fact) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each member of the union
    match fact:
        case Signed(digest=digest, signers=signers, expires=expires, offline=offline):
            seen = ", as this host verified before" if offline else ""
            return f"{digest} by {', '.join(signers) or 'nobody by name'}, until {_moment(expires)}{seen}"
        case Profiled():
            return f"{_profile(fact)}, until {_moment(fact.expires)}"
        case Scanned():
            return _scan(fact)
        case NotSigned(why=why) | NotDeliverable(why=why) | NotProfiled(why=why) | NotScanned(why=why):
            return f"refused, {why}"
        case Deliverable():
            return "may be handed over"
        case Unavailable(why=why):
            return f"not known, {why}"
        case Missing():
            return "there is none"
        case HeldImage(id=image_id, user=user):
            return f"{image_id}, runs as user {user or '0'}"
        case Container():
            return _container(fact)
        case ExecInstance(container=container):
            return f"in the container {container}"
        case HostPath(real=real, guarded=guarded):
            return f"leads to {real}{', which is guarded' if guarded else ''}"
        case Volume(driver=driver, options=options):
            return " ".join((f"driver {driver}", *(f"{key}={value}" for key, value in options)))
        case EngineInfo(seccomp=seccomp):
            return f"has {'a' if seccomp else 'no'} seccomp profile of its own"
        case _:
            assert_never(fact)


def _container(fact: Container) -> str:
    let_in = f"let in as {fact.admission.ref}" if fact.admission else "not let in by this proxy"
    return f"{fact.id}, image {fact.image_id}, {let_in}{', guarded' if fact.guarded else ''}"


def _profile(fact: Profiled) -> str:
    return f"{fact.digest}, capabilities {', '.join(fact.capabilities) or 'none'}"


def _scan(fact: Scanned) -> str:
    counts = ", ".join(f"{count} {severity.word}" for severity, count in fact.scan.counts().items() if count)
    until = f"scanned {_moment(fact.scan.scanned_at)}, until {_moment(fact.expires)}"
    return f"{fact.digest}, {counts or 'nothing found'}, {until}"


def _secret(ask: SecretAsk) -> str:
    return f"/run/secrets/{ask.file}, user {ask.uid}, group {ask.gid}, mode {ask.mode:04o}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
