"""The name of a collection as it stands in a URL; Notary calls it a GUN. Pure.

Stock servers take anything without ``*``. Refused here is what has two readings, as a path or on a screen.
"""

from __future__ import annotations

from typing import Final

from pytrust.trust.limits import NOTARY_NAME_MAX_BYTES

_RESERVED: Final = frozenset({"", ".", "..", "_trust"})


def is_gun(text: str) -> bool:
    """Whether ``text`` can be the name of a collection: printable, bounded, and one path."""
    return (
        len(text.encode(errors="replace")) <= NOTARY_NAME_MAX_BYTES
        and text.isprintable()
        and "*" not in text
        and _RESERVED.isdisjoint(text.split("/"))
    )


def is_ours(gun: str, prefixes: tuple[str, ...]) -> bool:
    """Whether this server keeps collections of that name: all, or those that begin with one of ``prefixes``."""
    return not prefixes or gun.startswith(prefixes)
