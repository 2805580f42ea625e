"""TUF 1.0 collections: where trust starts, and what stands around python-tuf's client.

That client leaves open: a total deadline, one lock per collection, an offline mode with bounded staleness, the greatest
time seen, pins instead of trust on first use, and strict reading. ``lookup`` has the first four.
"""

from __future__ import annotations

from pytrust.trust.anchor import covers, require_anchor
from pytrust.trust.client.look import Look, Refreshed, nothing_signed
from pytrust.trust.client.lookup import Lookups
from pytrust.trust.client.refresh import refresh
from pytrust.trust.limits import ROOT_ROTATIONS_MAX


class TrustClient(Lookups):
    """Answers for TUF 1.0 collections from one source; see ``Lookups``."""

    def _refresh(self, look: Look) -> Refreshed:
        return refresh(look, _anchor(look))


def _anchor(look: Look) -> bytes:
    """A root that the pin covers: from what is known, else the first that the source has."""
    roots = look.known.roots
    if not any(covers(look.pin, look.name, root) for root in roots):
        roots = _fetch_roots(look)
    return roots[require_anchor(look.pin, look.name, roots)]


def _fetch_roots(look: Look) -> list[bytes]:
    roots: list[bytes] = []
    while len(roots) < ROOT_ROTATIONS_MAX and not (roots and covers(look.pin, look.name, roots[-1])):
        data = look.fetch(f"{len(roots) + 1}.root.json")
        if data is None:
            break
        roots.append(data)
    if not roots:
        raise nothing_signed(look.name)
    return roots
