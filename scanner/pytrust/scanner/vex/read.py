"""A VEX document, and what of it is about one image. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

from pytrust.scanner.claim import Claim, Claims
from pytrust.scanner.purls import canonical, oci_image
from pytrust.scanner.scan import Subject
from pytrust.scanner.vex.cyclonedx import read_cyclonedx
from pytrust.scanner.vex.document import Product, Said, VexDocument, parse_strict, quoted
from pytrust.scanner.vex.openvex import CONTEXT, read_openvex
from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.names import Digest, ImageRef

_LISTED = 5  # names of other products, in an error


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


def claims_for(document: VexDocument, subject: Subject, *, what: str = "the VEX document") -> Claims:
    """What is said about this image.

    A product is this image by its digest (in a purl, a reference or a hash), or by its name without a digest. A product
    that is a package means that package in the image, for whoever signs the document for it means this image.

    Raises:
        UsageError: nothing is.
    """
    claims = tuple(claim for one in document.said if (claim := _claim(one, subject)))
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


def _claim(said: Said, subject: Subject) -> Claim | None:
    """None where it is about other things; without purls it is about all of the image."""
    found = [parts for product in said.products if (parts := _parts(product, subject)) is not None]
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


def _parts(product: Product, subject: Subject) -> tuple[str, ...] | None:
    """The packages of the image that are meant, none for all of it; None where it is another thing."""
    packages = tuple(_packages(product.names))
    if packages:
        return packages
    if not any(_is_image(name, subject) for name in product.names):
        return None
    parts = tuple(_packages(product.parts))
    return None if product.parts and not parts else parts


def _packages(names: Iterable[str]) -> Iterator[str]:
    return (spelled for name in names if (spelled := canonical(name)) and oci_image(spelled) is None)


def _is_image(name: str, subject: Subject) -> bool:
    if name in {str(subject.digest), str(subject.config)}:
        return True
    if (image := oci_image(name)) is not None:
        at = image.repository
        named = at == subject.name if at else subject.name.endswith(f"/{image.name}")
        of_it = not image.arch or image.arch in subject.platform.split("/")[1:2]
        return named and of_it and image.version in {"", str(subject.digest)}
    try:
        ref = ImageRef.parse(name)
    except InvalidName:
        return False
    return ref.collection == subject.name and ref.digest in {None, subject.digest}
