"""May a container have the secrets that it asks for? Only one that is let in, of an image whose signature was verified.

Every refusal is firm: learning what would be denied is no reason to hand out a secret. Whether a secret does not
exist or is not for the image is one answer, so that nobody learns by asking what there is.
"""

from __future__ import annotations

from typing import Final

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.facts import Admission, Deliverable, Delivery, NotDeliverable, SecretsQuery
from pytrust.policy.core.images import Found
from pytrust.policy.core.inquiry import Inquiry, unanswered
from pytrust.policy.core.request import Ask, Create, Field, SecretAsk
from pytrust.trust.names import CollectionName, ImageRef

_RULE: Final = "secrets: for verified images, and for those that may read them"
_HOST_USERS: Final = Ask(field=Field.USERNS_MODE, value="host")


def judge_new(inquiry: Inquiry, request: Create, found: Found) -> Delivery | None:
    """The secrets of a new container; None where it asks for none, is refused, or too little is known.

    Comes last: what is refused for another reason gets no secret, in no mode.
    """
    if not request.secrets:
        return None
    deliverable = None
    if found.rule and found.rule.trust is None:
        inquiry.refuse(_unverified(found.ref))
    elif found.ref and found.expires:
        deliverable = _ask(inquiry, request.secrets, found.ref.collection)
    _refuse_the_refused(inquiry)
    if deliverable is None or found.pin is None:
        return None
    return Delivery(
        folder=deliverable.folder,
        ref=found.pin.ref,
        secrets=request.secrets,
        host_users=_HOST_USERS in request.asks,
    )


def judge_again(inquiry: Inquiry, admission: Admission, *, verified: bool) -> Delivery | None:
    """The secrets of a container that is started, which may have been taken from its image since it was made."""
    delivery = admission.delivery
    if delivery is None:
        return None
    deliverable = _ask(inquiry, delivery.secrets, admission.ref.collection) if verified else None
    if not verified and not inquiry.reasons:
        inquiry.refuse(_unverified(admission.ref))
    _refuse_the_refused(inquiry)
    return delivery if deliverable else None


def _ask(inquiry: Inquiry, secrets: tuple[SecretAsk, ...], image: CollectionName) -> Deliverable | None:
    fact = inquiry.look_up(SecretsQuery(names=tuple(sorted({each.name for each in secrets})), image=image))
    match fact:
        case None | Deliverable():
            return fact
        case NotDeliverable(code=code, why=why, hint=hint):
            inquiry.refuse(Reason(code=code, text=why, rule=_RULE, hint=hint, firm=True))
        case _:
            inquiry.refuse(unanswered("what it asks for as secrets", fact, _RULE, firm=True))
    return None


def _refuse_the_refused(inquiry: Inquiry) -> None:
    """Where learning mode would let the container through for all that speaks against it."""
    if inquiry.reasons and not any(reason.firm for reason in inquiry.reasons):
        text = "a container that is refused for other reasons gets no secrets"
        inquiry.refuse(Reason(code="no-secrets", text=text, rule=_RULE, hint="see the other reasons", firm=True))


def _unverified(ref: ImageRef | None) -> Reason:
    return Reason(
        code="unverified-image",
        text=f"{ref or 'the image'} may run unsigned, and so gets no secrets",
        rule=_RULE,
        hint="have it signed, and let the policy ask for the signature",
        firm=True,
    )
