"""A VEX document, and what of it is about one image. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256

from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.purls import ImagePurl, canonical, oci_image
from pytrust.scanner.scan import Subject
from pytrust.scanner.vex.cyclonedx import read_cyclonedx
from pytrust.scanner.vex.document import NAMELESS, Product, Said, VexDocument, parse_strict, quoted
from pytrust.scanner.vex.openvex import CONTEXT, read_openvex
from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.names import Digest, ImageRef

_LISTED = 5  # names of other products, in an error
_EXCUSING = frozenset({Status.NOT_AFFECTED, Status.FIXED})


class _Means(Enum):
    """What one name of a product says about an image."""

    THIS = auto()  # its digest
    NAMED = auto()  # its name, and no digest
    ANOTHER = auto()  # a digest that is not its own
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class _Image:
    """The image that is asked about; ``digests``: its manifest's, and that of the index which lists it."""

    subject: Subject
    digests: frozenset[str]
    tag: str | None


def read_vex(data: bytes, *, what: str) -> VexDocument:
    """Read OpenVEX or CycloneDX VEX; ``what`` names it in errors.

    Raises:
        UsageError: it is neither, has two readings, or does not say why.
    """
    value = parse_strict(data, what)
    if str(value.get("@context", "")).startswith(CONTEXT):
        author, said = read_openvex(value, what)
    elif value.get("bomFormat") == "CycloneDX":
        author, said = read_cyclonedx(value, what)
    else:
        raise UsageError(f"{what} is no VEX document: it has neither @context nor bomFormat of one")
    return VexDocument(Digest(sha256(data).hexdigest()), author, said)


def claims_for(
    document: VexDocument,
    subject: Subject,
    *,
    index: Digest | None = None,
    tag: str | None = None,
    what: str = "the VEX document",
) -> Claims:
    """What is said about this image; ``index`` lists it, where there is one, and ``tag`` is what it is asked as.

    A product is this image by its digest (in a purl, a reference or a hash), or by its name where no digest is given
    beside that, and no tag but ``tag``. A product that is a package means that package in the image, for whoever signs
    the document for it means this image. Where it is not known which part is meant, what excuses means nothing, and
    what does not means all of it: else it could not take back what was said before.

    Raises:
        UsageError: nothing is.
    """
    image = _Image(subject, frozenset(str(digest) for digest in (subject.digest, index) if digest), tag)
    claims = tuple(claim for one in document.said if (claim := _claim(one, image)))
    if not claims:
        names = dict.fromkeys(quoted(name) for one in document.said for part in one.products for name in part.names)
        there = ", ".join(list(names)[:_LISTED]) or "no product"
        raise UsageError(
            f"{what} says nothing of {subject.name}@{subject.digest}; it names {there}",
            hint="products have to be the image, by name or digest, or packages in it, by purl",
        )
    return Claims(sources=(document.digest,), authors=(document.author,) if document.author else (), claims=claims)


def joined(several: Iterable[Claims]) -> Claims:
    """Several documents as one, in their order."""
    every = list(several)
    return Claims(
        sources=tuple(dict.fromkeys(source for one in every for source in one.sources)),
        authors=tuple(dict.fromkeys(author for one in every for author in one.authors)),
        claims=tuple(claim for one in every for claim in one.claims),
    )


def _claim(said: Said, image: _Image) -> Claim | None:
    """None where it is about other things; without purls it is about all of the image."""
    narrow = said.status in _EXCUSING
    found = [parts for product in said.products if (parts := _parts(product, image, narrow=narrow)) is not None]
    if not found:
        return None
    purls = () if () in found else tuple(dict.fromkeys(purl for parts in found for purl in parts))
    return Claim(
        ids=said.ids,
        status=said.status,
        purls=purls,
        justification=said.justification,
        text=said.text,
        at=said.at,
    )


def _parts(product: Product, image: _Image, *, narrow: bool) -> tuple[str, ...] | None:
    """The packages of the image that are meant, none for all of it; None where it is another thing."""
    packages, parts = tuple(_packages(product.names)), tuple(_packages(product.parts))
    if packages:
        return None if narrow and product.parts else packages
    means = {_means(name, image) for name in product.names}
    if _Means.THIS not in means and (_Means.NAMED not in means or (narrow and _Means.ANOTHER in means)):
        return None
    if narrow:
        return None if product.parts and not parts else parts
    return () if NAMELESS in product.parts else parts


def _packages(names: Iterable[str]) -> Iterator[str]:
    return (spelled for name in names if (spelled := canonical(name)) and oci_image(spelled) is None)


def _means(name: str, image: _Image) -> _Means:
    if name.startswith("sha256:"):
        return _Means.THIS if name in image.digests | {str(image.subject.config)} else _Means.ANOTHER
    if (purl := oci_image(name)) is not None:
        return _purl_means(purl, image)
    try:
        ref = ImageRef.parse(name)
    except InvalidName:
        return _Means.NOTHING
    digest = str(ref.digest) if ref.digest else ""
    tag = ref.tag if ref.tag and name.endswith(f":{ref.tag}") else ""  # the parser adds one where none is written
    return _named(image, digest or tag, fits=ref.collection == image.subject.name)


def _purl_means(purl: ImagePurl, image: _Image) -> _Means:
    name, platform = image.subject.name, image.subject.platform.split("/")
    named = purl.repository == name if purl.repository else name.endswith(f"/{purl.name}")
    return _named(image, purl.version, fits=named and (not purl.arch or purl.arch in platform[1:2]))


def _named(image: _Image, version: str, *, fits: bool) -> _Means:
    """``version`` is a digest, a tag, or empty; ``fits``: all the rest is the image."""
    if version.startswith("sha256:"):
        found = _Means.THIS if version in image.digests else _Means.ANOTHER
        return found if fits or found is _Means.ANOTHER else _Means.NOTHING
    return _Means.NAMED if fits and version in {"", image.tag} else _Means.NOTHING
