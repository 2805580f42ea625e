"""May this container be made? Its image and the images in its mounts, what it asks of the host, and its secrets."""

from __future__ import annotations

from msgspec.structs import replace

from pytrust.policy.core.decision import Allow, Pin
from pytrust.policy.core.images import Found, judge_image
from pytrust.policy.core.inquiry import Inquiry
from pytrust.policy.core.isolation import judge_asks, judge_engine, judge_user, mutations
from pytrust.policy.core.request import Create
from pytrust.policy.core.secrets import judge_new
from pytrust.policy.core.standard import Standard


def judge_create(inquiry: Inquiry, request: Create) -> Allow:
    """What is to be allowed, unless the inquiry ends with reasons or open questions.

    An image that is not known (yet) is judged by the level that holds for all, so that nothing waits for its name.
    """
    found = judge_image(inquiry, request.image)
    mounted = [judge_image(inquiry, image) for image in request.mounts]
    standard = Standard.of(inquiry.policy, found.rule, found.ref.collection if found.ref else "")
    judge_asks(inquiry, standard, request.asks)
    judge_engine(inquiry, standard)
    if found.held:
        judge_user(inquiry, standard, request.asks, found.held)
    delivery = judge_new(inquiry, request, found)
    return replace(_allow([found, *mounted], standard, request), delivery=delivery)


def _allow(images: list[Found], standard: Standard, request: Create) -> Allow:
    ends = [found.expires for found in images if found.expires]
    return Allow(pins=_pins(images), mutations=mutations(standard, request.asks), expires=min(ends) if ends else None)


def _pins(images: list[Found]) -> tuple[Pin, ...]:
    """Up to the first that is not certain: pins are told apart by their places."""
    pins: list[Pin] = []
    for found in images:
        if found.pin is None:
            break
        pins.append(found.pin)
    return tuple(pins)
