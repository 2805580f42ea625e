"""May this container be made? Its images, what was found in them, what confines it, what it asks for, its secrets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from pytrust.policy.core.confinement import judge_granted, judge_profile, left_to_level
from pytrust.policy.core.decision import Allow, Pin
from pytrust.policy.core.facts import Profiled
from pytrust.policy.core.images import Found, judge_image
from pytrust.policy.core.inquiry import Inquiry
from pytrust.policy.core.isolation import judge_asks, judge_engine, judge_user, mutations
from pytrust.policy.core.request import Ask, Create, Field
from pytrust.policy.core.scanning import Looked, judge_scans
from pytrust.policy.core.secrets import judge_new
from pytrust.policy.core.standard import Standard


def judge_create(inquiry: Inquiry, request: Create) -> Allow:
    """What is to be allowed, unless the inquiry ends with reasons or open questions.

    An image that is not known (yet) is judged by the level that holds for all, so that nothing waits for its name.
    """
    found = judge_image(inquiry, request.image)
    mounted = [judge_image(inquiry, image) for image in request.mounts]
    looked = judge_scans(inquiry, [found, *mounted], request.platform)
    standard = Standard.of(inquiry.policy, found.rule, found.ref.collection if found.ref else "")
    profile = judge_profile(inquiry, request, found)
    asks = (*left_to_level(profile, request.asks), *_user(profile))
    judge_asks(inquiry, standard, asks)
    judge_engine(inquiry, standard)
    if profile:
        judge_granted(inquiry, standard, profile)
    if found.held:
        judge_user(inquiry, standard, asks, found.held)
    allow = Allow(
        pins=_pins([found, *mounted]),
        mutations=mutations(standard, asks),
        expires=_end([found, *mounted, profile, looked]),
        warnings=looked.warnings,
        noted=looked.noted,
    )
    return replace(allow, profile=profile, delivery=judge_new(inquiry, request, found))


def _user(profile: Profiled | None) -> tuple[Ask, ...]:
    """The user and the group that a profile names are judged as if the client had."""
    user, _, group = profile.user.partition(":") if profile else ("", "", "")
    named = ((Field.USER, user), (Field.GROUP, group))
    return tuple(Ask(field=field, value=value) for field, value in named if value)


def _end(relied: Iterable[Found | Profiled | Looked | None]) -> datetime | None:
    return min((one.expires for one in relied if one and one.expires), default=None)


def _pins(images: list[Found]) -> tuple[Pin, ...]:
    """Up to the first that is not certain: pins are told apart by their places."""
    pins: list[Pin] = []
    for found in images:
        if found.pin is None:
            break
        pins.append(found.pin)
    return tuple(pins)
