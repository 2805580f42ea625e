"""Is a report of this image? Digests decide, in full: a name or a beginning proves nothing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytrust.scanner.errors import OtherImage
from pytrust.scanner.report import Image, Report
from pytrust.scanner.scan import Subject
from pytrust.trust.errors import InvalidName
from pytrust.trust.names import CollectionName, Digest, ImageRef


@dataclass(frozen=True, slots=True)
class Pushed:
    """One platform of a signed image, as the registry holds it; ``index`` lists it, where there is one."""

    name: CollectionName
    manifest: Digest
    config: Digest
    layers: tuple[Digest, ...]
    platform: str
    index: Digest | None = None

    @property
    def subject(self) -> Subject:
        """What a scan of it is of."""
        return Subject(name=self.name, digest=self.manifest, config=self.config, platform=self.platform)


def bind(report: Report, pushed: Sequence[Pushed], what: str) -> Pushed:
    """The platform that the report is of; ``what`` names the report in errors.

    Raises:
        OtherImage: it is of none of them, or does not say of which image it is.
    """
    image = report.image or Image()
    if image.config is None:
        raise OtherImage(
            f"{what} does not say of which image it is: it has no image id",
            hint="scan the image, not its files; or answer for it: pytrust scan add --assert-image",
        )
    found = next((one for one in pushed if one.config == image.config), None)
    if found is None:
        there = ", ".join(f"{one.config} ({one.platform})" for one in pushed)
        raise OtherImage(f"{what} is of the image {image.config}; what is signed is {there}")
    if image.layers and image.layers != found.layers:
        raise OtherImage(f"{what} names other layers than the image {found.config} has")
    _require_digest(image, found, what)
    if image.platform and image.platform != found.platform and not found.platform.startswith(f"{image.platform}/"):
        raise OtherImage(f"{what} is of {image.platform}, and the image {found.config} is for {found.platform}")
    return found


def assert_bound(pushed: Sequence[Pushed], platform: str | None) -> Pushed:
    """The one that the operator means; raises ``OtherImage`` where that could be several, or none."""
    chosen = [one for one in pushed if platform in {None, one.platform}]
    if len(chosen) == 1:
        return chosen[0]
    there = ", ".join(one.platform for one in pushed)
    raise OtherImage(f"the signed image is for {there}", hint="name one of these: --platform OS/ARCH[/VARIANT]")


def _require_digest(image: Image, found: Pushed, what: str) -> None:
    """Of the digests under which the report knows this very repository, one has to be the signed image's."""
    refs = (_parsed(text) for text in image.names)
    known = {ref.digest for ref in refs if ref and ref.digest and ref.collection == found.name}
    if known and not known & {found.manifest, found.index}:
        listed = ", ".join(sorted(map(str, known)))
        raise OtherImage(f"{what} is of {found.name} as {listed}; what is signed is {found.index or found.manifest}")


def _parsed(text: str) -> ImageRef | None:
    try:
        return ImageRef.parse(text)
    except InvalidName:
        return None
