"""May an image get this name? A local tag is no signature, and must not look like one, or like an id."""

from __future__ import annotations

import re

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.inquiry import Inquiry
from pytrust.policy.core.vouching import place, rule_for
from pytrust.trust.names import DEFAULT_REGISTRY, ImageRef

_LIKE_AN_ID = re.compile(r"library/(?:[0-9a-f]{4,}|sha256)")
"""What docker users write without ``docker.io/library/``, and the engine then takes for an image id."""


def judge_tag(inquiry: Inquiry, target: ImageRef) -> None:
    """Refuse a name that vouches for more than a tag can."""
    if target.registry == DEFAULT_REGISTRY and _LIKE_AN_ID.fullmatch(target.repository):
        inquiry.refuse(_hex_name(target))
    rule = rule_for(inquiry, target.collection)
    if rule and rule.trust:
        inquiry.refuse(
            Reason(
                code="signed-name",
                text=f"{target} may not be given to a local image: images of that name are signed",
                rule=place(rule),
                hint="choose a name whose rule allows unsigned images, or push the image and sign it",
            )
        )


def _hex_name(target: ImageRef) -> Reason:
    return Reason(
        code="hex-name",
        text=f"{target} reads like an image id",
        rule="images: no name may be taken for an id",
        hint="choose a name that is not made of hex digits alone, and is not sha256",
    )
