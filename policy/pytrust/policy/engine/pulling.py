"""Pulls and tags, whose names stand in two places of a query: the image, and a tag or digest beside it. Pure.

To an engine the second place wins (moby, ``daemon/images/image_pull.go``). Here both count, and must not disagree: a
tag and a digest together become one reference, which is trusted only if they belong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pytrust.policy.core.request import Closed, Pull, TagImage
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.imagenames import read_reference
from pytrust.trust.errors import InvalidName
from pytrust.trust.names import Digest, ImageRef, parse_collection

Query = Mapping[str, tuple[str, ...]]

_BAD_REQUEST: Final = 400
_DIGEST: Final = "sha256:"
_IMPORT_HINT: Final = "push it to a registry, sign it (pytrust sign NAME:TAG), and pull it from there"


def read_pull(query: Query) -> Pull | Closed:
    """``POST /images/create``: a pull, or an import, which brings content that nobody signed.

    Raises:
        Malformed: it is both or neither, or names no image, or two.
    """
    name, tag, source = (only(query, key) for key in ("fromImage", "tag", "fromSrc"))
    if bool(name) == bool(source):
        raise Malformed(_BAD_REQUEST, "a pull takes fromImage, and an import fromSrc: one of them, and one alone")
    if source:
        return Closed(what="image import", hint=_IMPORT_HINT)
    name = name.removesuffix(":")  # what docker pull --all-tags once sent, and engines still take so
    if not tag and _is_bare(name):
        return Pull(ref=read_reference(name), every_tag=True)
    return Pull(ref=_joined(name, tag))


def read_tag(source: str, query: Query) -> TagImage:
    """``POST /images/{image}/tag``; raises ``Malformed``."""
    target = _joined(only(query, "repo"), only(query, "tag"))
    if target.digest:
        raise Malformed(_BAD_REQUEST, f"an image cannot be given the digest of {target} as its name")
    return TagImage(source=source, target=target)


def only(query: Query, key: str) -> str:
    """The one value of a key; empty where there is none, which means the same to an engine."""
    return query.get(key, ("",))[0]


def _joined(name: str, addition: str) -> ImageRef:
    ref = read_reference(name)
    if not addition:
        return ref
    ref = replace(ref, tag=None) if _is_bare(name) else ref
    joined = ref.at(_digest(addition)) if addition.startswith(_DIGEST) else _tagged(ref, addition)
    if ref.tag not in {None, joined.tag} or ref.digest not in {None, joined.digest}:
        raise Malformed(_BAD_REQUEST, f"{name[:300]!r} and {addition[:100]!r} name two images")
    return joined


def _tagged(ref: ImageRef, tag: str) -> ImageRef:
    digest = f"@{ref.digest}" if ref.digest else ""
    return read_reference(f"{ref.collection}:{tag}{digest}")


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except InvalidName as error:
        raise Malformed(_BAD_REQUEST, str(error)) from error


def _is_bare(name: str) -> bool:
    """Whether it has neither tag nor digest of its own."""
    try:
        parse_collection(name)
    except InvalidName:
        return False
    return True
