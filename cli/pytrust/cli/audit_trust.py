"""What is signed of the images that an engine uses: the part of an audit that nobody else can answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pytrust.policy.audit.inventory import Image, Trust
from pytrust.trust.errors import PytrustError

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.policy.core.rules import Policy
    from pytrust.trust.client.trusted import Trusted
    from pytrust.trust.names import CollectionName, ImageRef


class TrustReader:
    """Opens each collection once; a policy judges scans where there is one."""

    def __init__(self, workspace: Workspace, policy: Policy | None) -> None:
        self._client, self._policy, self._now = workspace.client(), policy, workspace.now()
        self._opened: dict[CollectionName, Trusted | PytrustError] = {}

    def trust(self, images: Iterable[Image]) -> Mapping[str, Trust]:
        """By image id."""
        return {image.id: self._of(image) for image in images}

    def _of(self, image: Image) -> Trust:
        from pytrust.trust.client.trusted import verify

        names = list(_digests(image))
        why = "" if names else "it came from no registry, so nobody can have signed it"
        for ref in names:
            try:
                trusted = self._open(ref.collection)
                verify(trusted, ref)
            except PytrustError as error:
                why = why or str(error)
                continue
            scanned, acceptable = self._scanned(trusted, ref, image)
            return Trust(str(ref), newest=_newer(trusted, image, ref), scanned=scanned, acceptable=acceptable)
        return Trust(why=why)

    def _open(self, name: CollectionName) -> Trusted:
        if name not in self._opened:
            try:
                self._opened[name] = self._client.open(name)
            except PytrustError as error:
                self._opened[name] = error
        found = self._opened[name]
        if isinstance(found, PytrustError):
            raise found
        return found

    def _scanned(self, trusted: Trusted, ref: ImageRef, image: Image) -> tuple[str, bool | None]:
        from pytrust.cli.scan_reading import Unjudged, policed_by, read_scan, scanned_digests
        from pytrust.scanner.gate.judge import decide
        from pytrust.trust.client.trusted import verify

        try:
            digests = scanned_digests(trusted, verify(trusted, ref).target)
            read = [one for digest in digests if (one := read_scan(trusted, digest))]
        except PytrustError as error:
            return str(error), False
        ids = {image.id, str(ref.digest)}
        found = next((one for one in read if {str(one.scan.subject.config), str(one.scan.subject.digest)} & ids), None)
        if found is None:
            return "", None
        age = f"scanned {found.scan.scanned_at:%Y-%m-%d %H:%M} UTC"
        policed = policed_by(self._policy, ref.collection)
        if isinstance(policed, Unjudged):
            return f"{age}, and judged by nothing: {policed.why}", None
        verdict = decide(found.scan, policed, found.claims, self._now)
        denied = next((one.text for one in verdict.objections if one.action == "deny"), "")
        return f"{age}: {denied or 'acceptable'}", not verdict.denied


def _digests(image: Image) -> Iterable[ImageRef]:
    return (ref for text in image.digests or () if (ref := _parsed(text)) and ref.digest)


def _newer(trusted: Trusted, image: Image, ref: ImageRef) -> str:
    """What one of the engine's tags for it is signed as now, where that is another digest; empty where none is."""
    assert ref.digest is not None
    named = {one.tag for text in image.tags or () if (one := _parsed(text)) and one.collection == ref.collection}
    targets = [target for tag, (_, target) in trusted.tags.items() if tag in named]
    if any(target.covers(ref.digest) for target in targets):
        return ""
    return next((f"{target.tag} is {target.digest}" for target in targets), "")


def _parsed(text: str) -> ImageRef | None:
    from pytrust.trust.errors import InvalidName
    from pytrust.trust.names import ImageRef

    try:
        return ImageRef.parse(text)
    except InvalidName:
        return None
