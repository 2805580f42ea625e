"""What is signed of the images that an engine uses: the part of an audit that nobody else can answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from pytrust.policy.audit.inventory import Current, Trust
from pytrust.policy.audit.said import Container, Image
from pytrust.trust.errors import PytrustError, Refused

if TYPE_CHECKING:
    from pytrust.policy.core.rules import Policy
    from pytrust.trust.client.lookup import Client
    from pytrust.trust.client.trusted import Trusted
    from pytrust.trust.collection.model import Target
    from pytrust.trust.names import CollectionName, ImageRef


class TrustReader:
    """Opens each collection once; a policy judges scans where there is one."""

    def __init__(self, client: Client, policy: Policy | None, now: datetime) -> None:
        self._client, self._policy, self._now = client, policy, now
        self._opened: dict[CollectionName, Trusted | PytrustError] = {}

    def trust(self, image: Image) -> Trust:
        """What is signed of an image, under the first of its names that it is signed by."""
        from pytrust.trust.client.trusted import verify

        wrong: PytrustError | None = None
        for ref in digests(image):
            try:
                trusted = self._open(ref.collection)
                found = verify(trusted, ref)
            except PytrustError as error:
                wrong = error if wrong is None or not isinstance(error, Refused) else wrong
                continue
            scanned, acceptable = self._scanned(trusted, ref, image)
            return Trust(str(ref), first_use=found.first_use, scanned=scanned, acceptable=acceptable)
        if wrong is None:
            return Trust(why="it came from no registry, so nobody can have signed it")
        return Trust(why=str(wrong), unknown=not isinstance(wrong, Refused))

    def current(self, container: Container, images: Mapping[str, Image]) -> Current:
        """Whether the tag by which a container was started is signed as its image now."""
        image, text = images.get(container.image or ""), (container.config.image if container.config else None) or ""
        named = _parsed(text)
        if image is None or named is None:
            return Current(None, "by which name it was started, the engine does not say")
        if image.id.removeprefix("sha256:").startswith(text.removeprefix("sha256:")):
            return Current(None, "it was started by an image id: no tag says what is newer")
        if named.tag is None:
            return Current(None, "it was started by a digest: no tag says what is newer")
        try:
            target = self._find(named)
        except Refused as error:
            return Current(False, str(error))
        except PytrustError as error:
            return Current(None, str(error))
        held = [ref.digest for ref in digests(image) if ref.collection == named.collection]
        newest = any(digest is not None and target.covers(digest) for digest in held)
        why = f"its image is another than {named.collection}:{named.tag} is signed as now, {target.digest}"
        return Current(newest, "" if newest else why)

    def _find(self, named: ImageRef) -> Target:
        from pytrust.trust.client.trusted import verify

        return verify(self._open(named.collection), replace(named, digest=None)).target

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
        from pytrust.scanner.spans import moment_ago
        from pytrust.trust.client.trusted import verify

        try:
            digests = scanned_digests(trusted, verify(trusted, ref).target)
            read = [one for digest in digests if (one := read_scan(trusted, digest))]
        except PytrustError as error:
            return f"its signed scan cannot be believed: {error}", False
        ids = {image.id, str(ref.digest)}
        found = next((one for one in read if {str(one.scan.subject.config), str(one.scan.subject.digest)} & ids), None)
        if found is None:
            return "", None
        age = f"scanned {moment_ago(found.scan.scanned_at, self._now)}"
        policed = policed_by(self._policy, ref.collection)
        if isinstance(policed, Unjudged):
            return f"{age}, and judged by nothing: {policed.why}", None
        verdict = decide(found.scan, policed, found.claims, self._now)
        denied = next((one.text for one in verdict.objections if one.action == "deny"), "")
        return f"{age}: {denied or 'acceptable'}", not verdict.denied


def digests(image: Image) -> Iterable[ImageRef]:
    """The names by which registries know an image, each with its digest."""
    return (ref for text in image.digests or () if (ref := _parsed(text)) and ref.digest)


def _parsed(text: str) -> ImageRef | None:
    from pytrust.trust.errors import InvalidName
    from pytrust.trust.names import ImageRef

    try:
        return ImageRef.parse(text)
    except InvalidName:
        return None
