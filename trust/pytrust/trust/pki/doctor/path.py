"""From a certificate to one that is trusted, and where the way breaks off. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from pytrust.trust.pki.doctor.anatomy import Link, link

_LENGTH_MAX: Final = 8  # certificates; docker's own chains have 2 or 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """``links`` from the leaf upwards; the last is an anchor where ``anchored``, else the one whose issuer is not here.

    ``namesake`` is an anchor that has the missing issuer's name but not its key.
    """

    links: tuple[x509.Certificate, ...]
    anchored: bool
    namesake: x509.Certificate | None = None

    @property
    def top(self) -> x509.Certificate:
        """The last link."""
        return self.links[-1]


def walk(leaf: x509.Certificate, between: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> Path:
    """Climb from ``leaf`` over ``between`` to one of ``anchors``; any certificate there is an anchor to docker."""
    links = [leaf]
    while len(links) < _LENGTH_MAX:
        top = links[-1]
        if top in anchors:
            return Path(links=tuple(links), anchored=True)
        anchor = _issuer(top, anchors)
        if anchor is not None:
            return Path(links=(*links, anchor), anchored=True)
        step = _issuer(top, [one for one in between if one not in links])
        if step is None:
            break
        links.append(step)
    namesake = next((anchor for anchor in anchors if link(links[-1], anchor) is Link.SAME_NAME), None)
    return Path(links=tuple(links), anchored=False, namesake=namesake)


def _issuer(certificate: x509.Certificate, candidates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    return next((one for one in candidates if link(certificate, one) is Link.ISSUED), None)
