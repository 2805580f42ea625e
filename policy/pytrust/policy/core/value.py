"""The common shape of the core's values: frozen, hashable, closed, and written to the journal as they are."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """Base of every value; in JSON, ``type`` tells the members of a union apart."""
