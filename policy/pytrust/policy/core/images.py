"""Which image is meant, may it run, and by which exact reference is it sent on?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, assert_never

import msgspec

from pytrust.policy.core.decision import Pin, Reason
from pytrust.policy.core.facts import HeldImage, ImageQuery, NotSigned, RepoDigest, Signed
from pytrust.policy.core.inquiry import Inquiry, shown
from pytrust.policy.core.request import Held, Image, Named
from pytrust.policy.core.rules import ImageRule
from pytrust.policy.core.vouching import Claim, find_rule, objection, place, rule_for, vouched
from pytrust.trust.names import ImageRef


class Found(NamedTuple):
    """What became of one image, as far as it is known and allowed.

    ``ref`` is the name by which it was judged, ``rule`` the rule on that; ``signed`` that name at the digest that was
    signed, ``expires`` the end of the signature.
    """

    ref: ImageRef | None = None
    rule: ImageRule | None = None
    pin: Pin | None = None
    held: HeldImage | None = None
    expires: datetime | None = None
    signed: ImageRef | None = None


def judge_image(inquiry: Inquiry, image: Image) -> Found:
    """An image to be run or mounted: allowed by name, and held by the engine."""
    match image:
        case Named(ref=ref):
            return _on_engine(inquiry, ref)
        case Held():
            return _resolve(inquiry, image)
        case _:
            assert_never(image)


def judge_name(inquiry: Inquiry, ref: ImageRef) -> Found:
    """An image by name: signed, and pinned to the digest that was; or allowed unsigned, and left as it is."""
    rule = rule_for(inquiry, ref.collection)
    if rule is None:
        return Found(ref)
    if rule.trust is None:
        return Found(ref, rule, Pin(image=Named(ref=ref), ref=ref))
    signed = vouched(inquiry, Claim(ref, rule.trust, place(rule)))
    if signed is None:
        return Found(ref, rule)
    at = ref.at(signed.digest)
    return Found(ref, rule, Pin(image=Named(ref=ref), ref=at), expires=signed.expires, signed=at)


def _on_engine(inquiry: Inquiry, ref: ImageRef) -> Found:
    """An allowed name, and the engine's own image for it, which has to be listed there under that very digest.

    The engine is asked without the tag where there is a digest: it may have no such tag.
    """
    found = judge_name(inquiry, ref)
    if found.rule is None or found.pin is None:
        return found
    name = _by_digest(found.pin.ref) if found.rule.trust else str(ref)
    held = inquiry.answer(ImageQuery(name=name), HeldImage, f"the image {name}", _no_such_image(str(ref)))
    if held is None:
        return found._replace(pin=None)
    if found.rule.trust and not _listed(held, found.pin.ref):
        inquiry.refuse(_foreign_digest(name, held, found.rule))
        return found._replace(pin=None, held=held)
    return found._replace(pin=msgspec.structs.replace(found.pin, image_id=held.id), held=held)


def _by_digest(ref: ImageRef) -> str:
    return f"{ref.collection}@{ref.digest}"


def _listed(held: HeldImage, ref: ImageRef) -> bool:
    return any(given.collection == ref.collection and given.digest == ref.digest for given in held.repo_digests)


def _resolve(inquiry: Inquiry, image: Held) -> Found:
    """An image by its id: one of the names that the engine knows for it has to be allowed."""
    text = shown(image.text)
    held = inquiry.answer(ImageQuery(name=image.text), HeldImage, f"the image {text}", _no_such_image(text))
    if held is None:
        return Found()
    if (found := _signed_name(inquiry, image, held)) or (found := _unsigned_name(inquiry, image, held)):
        return found
    inquiry.refuse(_unsigned_image(text, held))
    return Found()


def _signed_name(inquiry: Inquiry, image: Held, held: HeldImage) -> Found | None:
    """The first name under which it is signed; None where there is none.

    A name that cannot be judged ends the search: the next one may have a looser rule, and knowing less must not help.
    """
    names = list(_claims(inquiry, held))
    facts = [inquiry.look_up(claim.question) for _, claim in names]
    for (rule, claim), fact in zip(names, facts, strict=True):
        if fact is None:
            return Found()
        reason = objection(claim, fact, inquiry.now)
        if isinstance(fact, Signed) and reason is None:
            return Found(claim.ref, rule, _pin(image, claim.ref, held), held, fact.expires, claim.ref)
        if reason and not isinstance(fact, Signed | NotSigned):
            inquiry.refuse(reason)
            return Found()
    return None


def _claims(inquiry: Inquiry, held: HeldImage) -> Iterator[tuple[ImageRule, Claim]]:
    for given in held.repo_digests:
        rule = find_rule(inquiry.policy, given.collection)
        if rule and rule.trust:
            yield rule, Claim(_reference(given), rule.trust, place(rule))


def _unsigned_name(inquiry: Inquiry, image: Held, held: HeldImage) -> Found | None:
    """A tag proves nothing, and need not where the rule on its name allows unsigned images."""
    for ref in (*held.tags, *map(_reference, held.repo_digests)):
        rule = find_rule(inquiry.policy, ref.collection)
        if rule and rule.trust is None:
            return Found(ref, rule, _pin(image, ref, held), held)
    return None


def _pin(image: Held, ref: ImageRef, held: HeldImage) -> Pin:
    return Pin(image=image, ref=ref, image_id=held.id)


def _reference(given: RepoDigest) -> ImageRef:
    registry, _, repository = given.collection.partition("/")
    return ImageRef(registry, repository, None, given.digest)


def _no_such_image(name: str) -> Reason:
    """In docker's own words, which clients look for before they pull."""
    return Reason(code="no-such-image", text=f"No such image: {name}", hint=f"docker pull {name}", firm=True)


def _foreign_digest(name: str, held: HeldImage, rule: ImageRule) -> Reason:
    return Reason(
        code="foreign-digest",
        text=f"the engine answers for {name} with {shown(held.id)}, which it did not get under that name",
        rule=place(rule),
        hint=f"docker pull {name}",
    )


def _unsigned_image(text: str, held: HeldImage) -> Reason:
    names = ", ".join(_by_digest(_reference(given)) for given in held.repo_digests)
    tried = (
        f"is allowed under none of its names: {shown(names)}"
        if names
        else "came from no registry, so nobody can have signed it"
    )
    return Reason(
        code="unsigned-image",
        text=f"the image {text} ({shown(held.id)}) {tried}",
        rule="images: an id is allowed by a name that is",
        hint="name a signed image instead of its id: docker run NAME:TAG",
    )
