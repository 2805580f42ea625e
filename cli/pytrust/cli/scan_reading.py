"""What is signed about the scan of an image: the scan, what VEX says of it, by whom, until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from pytrust.cli.render import key_names
from pytrust.trust.collection.model import ROOT, SCANS, TARGETS, VEX
from pytrust.trust.errors import BadContent, PytrustError

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.policy.core.rules import Policy
    from pytrust.scanner.claim import Claims
    from pytrust.scanner.rules import Policed
    from pytrust.scanner.scan import Scan
    from pytrust.trust.client.lookup import Client
    from pytrust.trust.client.trusted import Trusted
    from pytrust.trust.collection.model import Target
    from pytrust.trust.names import CollectionName, Digest, ImageRef, RoleName


@dataclass(frozen=True, slots=True)
class Reading:
    """A signed scan that was read.

    Attributes:
        scan: of the platform whose manifest is ``scan.subject.digest``.
        claims: what signed VEX says of it.
        statement: the digest of the signed content.
        expires: the earliest end of a signature that only people put off; the rest the server renews.
        signed_by: who may sign scans of this image, with how many of them have to.
        disbelieved: why the VEX that may be there does not count.
    """

    scan: Scan
    claims: Claims
    statement: Digest
    expires: datetime
    signed_by: str
    disbelieved: PytrustError | None = None


def readings(client: Client, ref: ImageRef) -> tuple[Reading, ...]:
    """Every signed scan of an image: one for each of its platforms that has one.

    Raises:
        Unsigned: nobody vouches for the image.
        Refused: what is signed of its scans cannot be believed or read.
    """
    from pytrust.trust.client.trusted import verify

    trusted = client.open(ref.collection)
    found = verify(trusted, ref)
    whole = found.digest == found.target.digest
    digests = scanned_digests(trusted, found.target) if whole else (found.digest,)
    return tuple(reading for digest in digests if (reading := read_scan(trusted, digest)))


def scanned_digests(trusted: Trusted, target: Target) -> tuple[Digest, ...]:
    """Of what a tag points to, the image itself and its platforms, those of which a scan is signed.

    Raises:
        Refused, Unknown: what is signed of scans cannot be believed.
    """
    if (why := trusted.silent.get(SCANS)) is not None:
        raise type(why)(str(why), hint=why.hint)
    held = trusted.collection.delegated.get(SCANS)
    if held is None:
        return ()
    covered = dict.fromkeys((target.digest, *(child.digest for child in target.platforms)))
    return tuple(digest for digest in covered if digest in held.statements)


def stray_digests(trusted: Trusted) -> Iterator[Digest]:
    """Images of which a scan is signed, but that no tag covers any more."""
    held = trusted.collection.delegated.get(SCANS)
    tags = [target for _, target in trusted.tags.values()]
    covered = {child.digest for target in tags for child in target.platforms} | {target.digest for target in tags}
    yield from (digest for digest in (held.statements if held else ()) if digest not in covered)


def read_scan(trusted: Trusted, digest: Digest) -> Reading | None:
    """What is signed of the scan of one platform; None where nothing is.

    Raises:
        Refused: it cannot be believed or read, or is of another image.
    """
    from pytrust.scanner.statement import decode_scan

    if (said := trusted.statement(SCANS, digest)) is None:
        return None
    what = f"the signed scan of {trusted.collection.name}@{digest}"
    scan = decode_scan(said.content, what)
    if scan.subject.digest != digest:
        raise BadContent(f"{what} is of {scan.subject.digest}", hint="scan it again: pytrust scan run IMAGE")
    claims, why = _claims(trusted, digest)
    return Reading(scan, claims, said.digest, signed_until(trusted), _signers(trusted, SCANS), why)


def signed_until(trusted: Trusted) -> datetime:
    """When the scans of a collection that has some count no more, if nobody signs them again."""
    return min(trusted.expiries[role] for role in (ROOT, TARGETS, SCANS))


class Unjudged(NamedTuple):
    """Why scans of an image name are not judged; ``refused``: because the policy allows no such image at all."""

    why: str
    refused: bool = False
    hint: str = ""


def policed_by(policy: Policy | None, name: CollectionName) -> Policed | Unjudged:
    """What the scans of an image name are judged by, or why they are not."""
    from pytrust.policy.core.vouching import find_rule
    from pytrust.scanner.rules import Policed

    if policy is None:
        return Unjudged("there is no policy")
    if (rule := find_rule(policy, name)) is None:
        return Unjudged("no rule of the policy allows this image", refused=True)
    if rule.scan is None or rule.trust is None:
        return Unjudged(f"its rule asks for no scan ({rule.where})")
    return Policed(image=name, rules=rule.scan, waivers=policy.waivers)


def load_policy(workspace: Workspace) -> Policy | None:
    """The policy of this home, if it has one; raises what ``Workspace.load_policy`` does for one that is no good."""
    return workspace.load_policy() if workspace.home.policy.exists() else None


def _claims(trusted: Trusted, digest: Digest) -> tuple[Claims, PytrustError | None]:
    """VEX that is not believed takes nothing away."""
    from pytrust.scanner.claim import Claims
    from pytrust.scanner.vex.statement import decode_claims

    try:
        said = trusted.statement(VEX, digest)
        return (Claims(), None) if said is None else (decode_claims(said.content, "the signed VEX"), None)
    except PytrustError as error:
        return Claims(), error


def _signers(trusted: Trusted, role: RoleName) -> str:
    collection = trusted.collection
    if (authority := collection.authority(role)) is None:
        return ""
    names = key_names(collection)
    keys = ", ".join(names.get(key.id, key.id) for key in authority.keys)
    return f"{authority.threshold} of {keys}" if len(authority.keys) > 1 else keys
