"""Is an image signed as its rule asks? One question, and what its answer is worth."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.facts import Fact, NotSigned, Signed, TrustQuery
from pytrust.policy.core.inquiry import Inquiry, unanswered
from pytrust.policy.core.rules import ImageRule, Policy, Trust
from pytrust.trust.names import CollectionName, ImageRef, RoleName
from pytrust.trust.pins import matches


class Claim(NamedTuple):
    """An image by name, and the rule by which somebody has to vouch for it."""

    ref: ImageRef
    trust: Trust
    rule: str

    @property
    def question(self) -> TrustQuery:
        """What has to be known."""
        return TrustQuery(ref=self.ref, roots=self.trust.roots)


def find_rule(policy: Policy, collection: CollectionName) -> ImageRule | None:
    """The first rule that fits decides; None means that nothing allows the image."""
    return next((rule for rule in policy.images if matches(rule.match, collection)), None)


def rule_for(inquiry: Inquiry, collection: CollectionName) -> ImageRule | None:
    """``find_rule``, and a refusal where there is none."""
    rule = find_rule(inquiry.policy, collection)
    if rule is None:
        inquiry.refuse(
            Reason(
                code="no-rule",
                text=f"no rule of the policy allows {collection}",
                rule="images: what fits no rule is denied",
                hint=f'add a rule, images: [{{match: "{collection}", ...}}], or use an image that has one',
            )
        )
    return rule


def place(rule: ImageRule) -> str:
    """How a reason names an image rule."""
    return f"images {rule.match} ({rule.where})"


def vouched(inquiry: Inquiry, claim: Claim, way: str = "") -> Signed | None:
    """The signature that the claim rests on; None where it is not known yet, or was refused.

    ``way`` is the way out where the answer is no, if it is another than to have the image signed.
    """
    fact = inquiry.look_up(claim.question)
    if fact is None:
        return None
    reason = objection(claim, fact, inquiry.now)
    if reason is None and isinstance(fact, Signed):
        return fact
    if reason:
        no = isinstance(fact, Signed | NotSigned)
        inquiry.refuse(replace(reason, hint=way) if way and no else reason)
    return None


def objection(claim: Claim, fact: Fact, now: datetime) -> Reason | None:
    """Why this answer does not bear out the claim; None where it is a signature that does."""
    match fact:
        case Signed():
            return _shortcoming(claim, fact, now)
        case NotSigned(code=code, why=why, hint=hint):
            return Reason(code=code, text=why, rule=claim.rule, hint=hint)
        case _:
            return unanswered(str(claim.ref), fact, claim.rule)


def _shortcoming(claim: Claim, signed: Signed, now: datetime) -> Reason | None:
    ref, trust, rule = claim
    if ref.digest not in {None, signed.digest}:
        text = f"{ref} is signed as {signed.digest}"
        return Reason(code="digest-mismatch", text=text, rule=rule, hint="leave the digest or the tag out")
    if signed.expires <= now:
        text = f"the signature of {ref} ended at {signed.expires:%Y-%m-%d %H:%M} UTC"
        return Reason(code="stale", text=text, rule=rule, hint="its owner has to publish it again: pytrust renew")
    if not _enough(trust, signed.signers):
        text = f"{ref} is signed by {_names(signed.signers)}; the rule asks for {_wanted(trust)}"
        return Reason(code="too-few-signers", text=text, rule=rule, hint=f"have it signed: pytrust sign {ref}")
    return None


def _enough(trust: Trust, signers: tuple[RoleName, ...]) -> bool:
    if not trust.signers and trust.threshold <= 1:
        return True  # whoever the collection's owner lets release
    counted = set(signers).intersection(trust.signers or signers)
    return len(counted) >= max(1, trust.threshold)


def _wanted(trust: Trust) -> str:
    return f"{trust.threshold} of {_names(trust.signers)}" if trust.signers else f"{trust.threshold} signers"


def _names(signers: tuple[RoleName, ...]) -> str:
    return ", ".join(signers) or "nobody by name"
