"""What does the image's signed profile make of a container? It confines in place of what the client says, and no less.

A profile never gives more than the policy's level does: its capabilities are judged like those that a client asks for.
What the client brings may be narrower, and then counts; what is wider is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.facts import Admission, Fact, Missing, NotProfiled, Profiled, ProfileQuery
from pytrust.policy.core.images import Found
from pytrust.policy.core.inquiry import Inquiry, shown, unanswered
from pytrust.policy.core.request import Ask, Create, Field
from pytrust.policy.core.rules import ImageRule, ProfileNeed
from pytrust.policy.core.standard import Standard
from pytrust.policy.core.vouching import find_rule, place
from pytrust.policy.profiles.applied import lacking, wider
from pytrust.trust.names import ImageRef

_CUSTOM: Final = Ask(field=Field.SECCOMP, value="custom")
_REPLACED: Final = frozenset({_CUSTOM, Ask(field=Field.SECCOMP, value="builtin")})
"""What the level need not judge where a signed profile is in its place."""
_WAYS: Final = {
    Field.PRIVILEGED: "drop --privileged",
    Field.SECCOMP: "drop --security-opt seccomp=...",
    Field.APPARMOR: "drop --security-opt apparmor=...",
    Field.NEW_PRIVILEGES: "drop --security-opt no-new-privileges=false",
    Field.CAPABILITY: "drop --cap-add",
    Field.USER: "drop --user",
    Field.GROUP: "drop --group-add, and the group of --user",
}
_SIGN_WIDER: Final = ", or have a wider profile signed: pytrust profile attach"
_ALL: Final = "ALL"


def judge_profile(inquiry: Inquiry, request: Create, found: Found) -> Profiled | None:
    """The profile of a new container; None where there is none, or not known yet, or refused."""
    rule, signed = found.rule, found.signed
    if rule is None or signed is None or not _counts(rule):
        return None
    profile = _ask(inquiry, signed, rule)
    if profile is None:
        return None
    made = _narrowed(profile, request)
    for reason in _contradictions(profile, made, request, rule):
        inquiry.refuse(reason)
    return made


def left_to_level(profile: Profiled | None, asks: Iterable[Ask]) -> tuple[Ask, ...]:
    """What the level still has to judge."""
    return tuple(ask for ask in asks if profile is None or ask not in _REPLACED)


def judge_granted(inquiry: Inquiry, standard: Standard, profile: Profiled) -> None:
    """The level, and its exceptions, bound what a profile gives."""
    for name in profile.capabilities:
        ask = Ask(field=Field.CAPABILITY, value=name)
        if not standard.allows(ask) and not standard.lifts(ask):
            text = f"the signed profile gives the capability {name}, which may not be added"
            reason = standard.refusal(ask, text)
            inquiry.refuse(replace(reason, hint=f"sign a profile without it, or allow it: {standard.exception(ask)}"))


def judge_kept(inquiry: Inquiry, admission: Admission) -> None:
    """A container that begins anew: is what confines it still as narrow as what is signed now?"""
    rule = find_rule(inquiry.policy, admission.ref.collection)
    if rule is None or not _counts(rule) or admission.ref.digest is None:
        return
    if (made := admission.profile) is None:
        if rule.profile is ProfileNeed.REQUIRED:
            inquiry.refuse(_remake(admission.ref, rule, "no signed profile confines it"))
        return
    now = _ask(inquiry, admission.ref, rule)
    if now and (more := _more(now, made)):
        inquiry.refuse(_remake(admission.ref, rule, f"the profile that confines it lets through {more}"))


def judge_exec(inquiry: Inquiry, admission: Admission, asks: Iterable[Ask]) -> None:
    """A privileged process has every capability, whatever confines its container; and the user is the profile's."""
    if admission.profile is None:
        return
    rule = find_rule(inquiry.policy, admission.ref.collection)
    for field, words in _beside(admission.profile, {ask.field: ask.value for ask in asks}):
        text = f"a signed profile confines containers of {admission.ref}: {words}"
        inquiry.refuse(_wider(field, text, place(rule) if rule else ""))


def _counts(rule: ImageRule) -> bool:
    return rule.trust is not None and rule.profile is not ProfileNeed.IGNORE


def _ask(inquiry: Inquiry, signed: ImageRef, rule: ImageRule) -> Profiled | None:
    assert rule.trust is not None
    bare = dataclasses.replace(signed, tag=None)
    fact = inquiry.look_up(ProfileQuery(ref=bare, roots=rule.trust.roots))
    if isinstance(fact, Profiled) and inquiry.now < fact.expires:
        return fact
    if fact is not None and (reason := _objection(signed, fact, rule)):
        inquiry.refuse(reason)
    return None


def _objection(ref: ImageRef, fact: Fact, rule: ImageRule) -> Reason | None:
    match fact:
        case Missing() if rule.profile is ProfileNeed.OPTIONAL:
            return None
        case Missing():
            text, hint = f"{ref} has no signed profile", f"have one signed: pytrust profile attach {ref} PROFILE"
            return Reason(code="no-profile", text=text, rule=_named(rule), hint=hint)
        case Profiled():
            text = f"the signature of the profile of {ref} ended at {fact.expires:%Y-%m-%d %H:%M} UTC"
            hint = f"have it signed again: pytrust profile attach {ref} PROFILE"
            return Reason(code="stale", text=text, rule=_named(rule), hint=hint)
        case NotProfiled(code=code, why=why, hint=hint):
            return Reason(code=code, text=f"the profile of {ref} does not count: {why}", rule=_named(rule), hint=hint)
        case _:
            return unanswered(f"the profile of {ref}", fact, _named(rule))


def _narrowed(profile: Profiled, request: Create) -> Profiled:
    """With the client's own seccomp file, and without the capabilities that it drops: as the engine reads both.

    Of those that it drops and adds the engine adds, and with ALL dropped it has no others.
    """
    added = {ask.value for ask in request.asks if ask.field is Field.CAPABILITY}
    gone = set(profile.capabilities) if _ALL in request.drops else set(request.drops)
    return replace(
        profile,
        capabilities=tuple(name for name in profile.capabilities if name in added or name not in gone),
        seccomp=request.seccomp if _CUSTOM in request.asks else profile.seccomp,
    )


def _beside(profile: Profiled, asked: Mapping[Field, str]) -> Iterator[tuple[Field, str]]:
    """What a process asks for beside the profile. A user without a group gets that of the image."""
    user, group = _account(profile)
    if Field.PRIVILEGED in asked:
        yield Field.PRIVILEGED, "no process of theirs is privileged"
    if user and asked.get(Field.USER, user) != user:
        yield Field.USER, f"their user is {shown(profile.user)}, not {shown(asked[Field.USER])}"
    elif user and Field.USER in asked and asked.get(Field.GROUP, "") != group:
        yield Field.GROUP, f"their user is {shown(profile.user)}, and has no other group"


def _account(profile: Profiled) -> tuple[str, str]:
    """User and group; each is empty where it is the image's own."""
    user, _, group = profile.user.partition(":")
    return user, group


def _contradictions(profile: Profiled, made: Profiled, request: Create, rule: ImageRule) -> Iterator[Reason]:
    for ask in request.asks:
        if text := _beyond(profile, ask):
            yield _wider(ask.field, f"{text}, and the signed profile of the image does not", _named(rule))
    if more := _wider_calls(profile, made):
        custom = _CUSTOM in request.asks
        text = f"{'the seccomp file' if custom else '--cap-drop'} lets through {_some(more)}"
        hint = _WAYS[Field.SECCOMP] if custom else "drop --cap-drop"
        text = f"{text}, and the signed profile of the image does not"
        yield replace(_wider(Field.SECCOMP, text, _named(rule)), hint=f"{hint}{_SIGN_WIDER}")
    if _CUSTOM in request.asks and (names := _lacking(profile, request.seccomp)):
        text = f"the seccomp file lacks {_some(names)}, without which the engine's runtime hangs"
        yield Reason(code="below-floor", text=text, rule=_named(rule), hint="drop --security-opt seccomp=...")


def _beyond(profile: Profiled, ask: Ask) -> str:
    """What the client asks for beyond the profile, in words; empty where it is nothing."""
    value, (user, group) = shown(ask.value), _account(profile)
    phrases: dict[Field, tuple[bool, str]] = {
        Field.PRIVILEGED: (True, "--privileged gives everything"),
        Field.CAPABILITY: (ask.value not in profile.capabilities, f"--cap-add {value} gives a capability"),
        Field.NEW_PRIVILEGES: (profile.no_new_privileges, "no-new-privileges=false lets programs gain privileges"),
        Field.APPARMOR: (profile.apparmor not in {"", ask.value}, f"apparmor={value} is another profile"),
        Field.USER: (user not in {"", ask.value}, f"--user {value} is another user"),
        Field.GROUP: (user != "" and group != ask.value, f"the group {value} is one more"),
        Field.SECCOMP: (ask not in _REPLACED, "seccomp=unconfined lets every call through"),
    }
    wrong, phrase = phrases.get(ask.field, (False, ""))
    return phrase if wrong else ""


def _more(now: Profiled, made: Profiled) -> str:
    """What the profile that a container was made with gives beyond the one that is signed now, in words."""
    if made.digest == now.digest:
        return _some(_more_here(now, made))
    ended = {
        "new privileges": now.no_new_privileges > made.no_new_privileges,
        "writes to its root": now.read_only > made.read_only,
        "another user": now.user not in {"", made.user},
        "what AppArmor refuses": now.apparmor not in {"", made.apparmor},
        **{f"the capability {name}": name not in now.capabilities for name in made.capabilities},
    }
    phrases = tuple(name for name, over in ended.items() if over)
    return _some(phrases or _wider_calls(now, made))


def _more_here(now: Profiled, made: Profiled) -> tuple[str, ...]:
    """Of one document: what only an engine or a kernel that is another by now makes of the client's own file.

    What was wider then is what that runtime needed.
    """
    if made.parts == now.parts:
        return ()
    then = _wider_calls(replace(now, parts=made.parts), made)
    return tuple(phrase for phrase in _wider_calls(now, made) if phrase not in then)


def _wider_calls(profile: Profiled, made: Profiled) -> tuple[str, ...]:
    """What ``made`` lets through, with the capabilities that are left there, and ``profile`` with its own does not."""
    if (made.seccomp, made.capabilities) == (profile.seccomp, profile.capabilities):
        return ()
    return wider(profile.seccomp, made.seccomp, profile.parts, profile.capabilities, made.capabilities)


def _lacking(profile: Profiled, seccomp: str) -> tuple[str, ...]:
    return lacking(seccomp, profile.parts, no_new_privileges=profile.no_new_privileges)


def _some(phrases: tuple[str, ...]) -> str:
    if not phrases:
        return ""
    more = len(phrases) - 1
    return shown(phrases[0]) + (f" and {more} more" if more else "")


def _wider(field: Field, text: str, rule: str) -> Reason:
    hint = f"{_WAYS[field]}{_SIGN_WIDER}"
    return Reason(code="wider-than-profile", text=text, rule=rule, hint=hint)


def _remake(ref: ImageRef, rule: ImageRule, why: str) -> Reason:
    return Reason(
        code="older-profile",
        text=f"the container was made from {ref} when something else was signed: {why}",
        rule=_named(rule),
        hint="remove the container, and create it again",
    )


def _named(rule: ImageRule) -> str:
    return f"{place(rule)}: profile {rule.profile}"
