"""What refers to a manifest (distribution specification 1.1, "Listing Referrers"): the API, or the fallback tag.

Neither list is believed. A registry may answer the fallback tag with the subject itself (oras-go issue 1396), and
whoever may push can write that tag; so each manifest listed is fetched by digest and must name our subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from pytrust.trust.errors import BadContent, NotFound, PytrustError
from pytrust.trust.http import Response
from pytrust.trust.names import Digest, ImageRef
from pytrust.trust.registry.answers import check
from pytrust.trust.registry.manifest import OCI_INDEX, Descriptor, describe, subject_of

PAGES_MAX: Final = 16  # pages of one list
REFERRERS_MAX: Final = 256  # manifests fetched for one subject

_NEXT = re.compile(r'<[^>?]*(\?[!-;=?-~]*)>[ \t]*;[ \t]*rel="?next"?', re.IGNORECASE)
_NOT_FOUND = 404

Get = Callable[[str], Response]
"""GET of a path inside the repository, asking for an index."""
Fetch = Callable[[Sequence[ImageRef]], list[Descriptor | PytrustError]]


def find(get: Get, fetch: Fetch, ref: ImageRef, subject: Digest) -> list[Descriptor]:
    """The manifests in the repository of ``ref`` that name ``subject``; what is listed wrongly is left out.

    Raises:
        BadContent: a list that is none, or beyond ``PAGES_MAX`` or ``REFERRERS_MAX``.
        PytrustError: as ``Registry.resolve``, but neither absent nor false entries are errors.
    """
    listed = list(dict.fromkeys(_listed(get, ref, subject)))
    if len(listed) > REFERRERS_MAX:
        raise BadContent(f"more than {REFERRERS_MAX} manifests refer to {subject}")
    found = fetch([ImageRef(ref.registry, ref.repository, None, digest) for digest in listed])
    return [entry for entry in map(_present, found) if entry is not None and _refers(entry, subject)]


def _listed(get: Get, ref: ImageRef, subject: Digest) -> list[Digest]:
    path = f"referrers/{subject}"
    listed: list[Digest] = []
    query = ""
    for _ in range(PAGES_MAX):
        answer = get(path + query)
        if answer.status == _NOT_FOUND:
            return _from_tag(get, ref, subject)
        index = _index(answer, ref)
        if index is None:
            raise BadContent("the registry's list of referrers is not an index")
        listed += [child.digest for child in index.platforms]
        more = _NEXT.search(answer.headers.get("link", ""))
        if more is None:
            return listed
        query = more[1]
    raise BadContent(f"the registry's list of referrers has more than {PAGES_MAX} pages")


def _from_tag(get: Get, ref: ImageRef, subject: Digest) -> list[Digest]:
    answer = get(f"manifests/sha256-{subject.hex}")
    index = None if answer.status == _NOT_FOUND else _index(answer, ref)
    return [] if index is None else [child.digest for child in index.platforms]


def _index(answer: Response, ref: ImageRef) -> Descriptor | None:
    check(answer, "the registry", ref.registry)
    content = describe(answer.body, answer.headers.get("content-type", ""), None)
    return content if content.media_type == OCI_INDEX else None


def _present(result: Descriptor | PytrustError) -> Descriptor | None:
    if isinstance(result, NotFound | BadContent):
        return None
    if isinstance(result, PytrustError):
        raise result
    return result


def _refers(entry: Descriptor, subject: Digest) -> bool:
    try:
        return subject_of(entry.data) == subject
    except BadContent:
        return False
