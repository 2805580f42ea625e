"""What refers to a manifest: the referrers API, or the fallback tag (distribution specification 1.1, "Listing Referrers").

Neither list is believed. A registry may answer the fallback tag with the subject itself (oras-go issue 1396), and
anyone who may push can write that tag; so each manifest listed is fetched by digest and must name our subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from pytrust.trust.errors import BadContent, Conflict, InvalidName, PytrustError, Refused
from pytrust.trust.http import Deadline, Response
from pytrust.trust.names import Digest, ImageRef
from pytrust.trust.registry.answers import check
from pytrust.trust.registry.manifest import OCI_INDEX, Descriptor, describe, subject_of
from pytrust.trust.registry.session import Session

PAGES_MAX: Final = 16  # pages of one list
REFERRERS_MAX: Final = 256  # manifests fetched for one list

_NEXT = re.compile(r"<[^>]*?(\?[!-;=?-~]*)>\s*;\s*rel=\"?next\"?", re.IGNORECASE)
_NOT_FOUND = 404

ResolveAll = Callable[[Sequence[ImageRef], Deadline], list[Descriptor | PytrustError]]
