"""Is what was found in an image acceptable? Judged by the rules of the policy, from the signed scan alone.

A scan is of one platform, and has to be of the very content that the engine holds. A new policy needs no new scan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.facts import Admission, Fact, Missing, NotScanned, Scanned, ScanQuery
from pytrust.policy.core.images import Found
from pytrust.policy.core.inquiry import Inquiry, shown, unanswered
from pytrust.policy.core.rules import ImageRule
from pytrust.policy.core.vouching import find_rule, place
from pytrust.scanner.gate.judge import decide
from pytrust.scanner.rules import Action, Policed, ScanRules
from pytrust.scanner.verdict import Objection
from pytrust.trust.names import ImageRef

NO_SCAN = "no-scan"
"""The code of ``NotScanned`` where there is none of this platform."""


class Looked(NamedTuple):
    """What came of the scans that a decision rests on: the end of the first signature, and what does not deny."""

    expires: datetime | None = None
    warnings: tuple[Reason, ...] = ()
    noted: tuple[Reason, ...] = ()


def judge_scans(inquiry: Inquiry, images: Iterable[Found], platform: str) -> Looked:
    """Every image of a new container that a rule wants scanned; ``platform`` is what the client asks for."""
    looked = [
        _judge(inquiry, found.signed, found.pin.image_id, found.rule, platform)
        for found in images
        if found.signed and found.rule and found.pin
    ]
    return Looked(
        min((one.expires for one in looked if one.expires), default=None),
        tuple(reason for one in looked for reason in one.warnings),
        tuple(reason for one in looked for reason in one.noted),
    )


def judge_scan_again(inquiry: Inquiry, admission: Admission) -> Looked:
    """A container that begins anew: is its image still acceptable?"""
    rule = find_rule(inquiry.policy, admission.ref.collection)
    if rule is None or admission.ref.digest is None:
        return Looked()
    return _judge(inquiry, admission.ref, admission.image_id, rule)


class _Asked(NamedTuple):
    """What a scan has to be of, and by which rule it has to be there."""

    ref: ImageRef
    image_id: str
    rule: ImageRule
    rules: ScanRules

    def refusal(self, code: str, text: str, hint: str = "") -> Reason:
        """A reason; without a hint, the way out is another scan."""
        return Reason(
            code=code, text=text, rule=_named(self.rule), hint=hint or f"scan it: pytrust scan run {self.ref}"
        )


def _judge(inquiry: Inquiry, ref: ImageRef, image_id: str, rule: ImageRule, platform: str = "") -> Looked:
    if rule.trust is None or rule.scan is None:
        return Looked()
    bare = dataclasses.replace(ref, tag=None)
    fact = inquiry.look_up(ScanQuery(ref=bare, image_id=image_id, roots=rule.trust.roots, platform=platform))
    if fact is None:
        return Looked()
    if reason := _objection(_Asked(ref, image_id, rule, rule.scan), fact, inquiry.now):
        inquiry.refuse(reason)
        return Looked()
    return _weigh(inquiry, ref, fact, rule) if isinstance(fact, Scanned) else Looked()


def _weigh(inquiry: Inquiry, ref: ImageRef, fact: Scanned, rule: ImageRule) -> Looked:
    """What the rules say of a scan that counts."""
    assert rule.scan is not None
    policed = Policed(image=ref.collection, rules=rule.scan, waivers=inquiry.policy.waivers)
    found: dict[Action, list[Reason]] = {action: [] for action in Action}
    for objection in decide(fact.scan, policed, fact.claims, inquiry.now).objections:
        found[objection.action].append(_reason(ref, objection, rule))
    for denied in found[Action.DENY]:
        inquiry.refuse(denied)
    return Looked(fact.expires, tuple(found[Action.WARN]), tuple(found[Action.AUDIT]))


def _objection(asked: _Asked, fact: Fact, now: datetime) -> Reason | None:
    """Why this answer is no scan of the image that counts; None where it is one, or where there need be none."""
    match fact:
        case Scanned():
            return _shortcoming(asked, fact, now)
        case Missing() | NotScanned(code="no-scan") if not asked.rules.required:
            return None
        case Missing():
            return asked.refusal(NO_SCAN, f"{asked.ref} has no signed scan")
        case NotScanned(code=code, why=why, hint=hint):
            return asked.refusal(code, f"the scan of {asked.ref} does not count: {why}", hint)
        case _:
            return unanswered(f"the scan of {asked.ref}", fact, _named(asked.rule))


def _shortcoming(asked: _Asked, fact: Scanned, now: datetime) -> Reason | None:
    if fact.expires <= now:
        ended = f"{fact.expires:%Y-%m-%d %H:%M} UTC"
        return asked.refusal("stale-scan", f"the signature of the scan of {asked.ref} ended at {ended}")
    if not _is_of(fact, asked.ref, asked.image_id):
        held = shown(asked.image_id)
        return asked.refusal(
            "other-image", f"the scan of {asked.ref} is of other content than the engine holds ({held})"
        )
    return None


def _is_of(fact: Scanned, ref: ImageRef, image_id: str) -> bool:
    """Engines call an image by its configuration, or, with containerd's store, by its manifest or its index."""
    subject = fact.scan.subject
    ids = {str(subject.config), str(subject.digest), str(ref.digest)}
    return subject.name == ref.collection and image_id in ids


def _reason(ref: ImageRef, objection: Objection, rule: ImageRule) -> Reason:
    named = f"{place(rule)}: {objection.rule}" if objection.rule else _named(rule)
    name = dataclasses.replace(ref, digest=None) if ref.tag else ref
    return Reason(code=objection.code, text=f"{name}: {objection.text}", rule=named, hint=objection.hint)


def _named(rule: ImageRule) -> str:
    return f"{place(rule)}: scan"
