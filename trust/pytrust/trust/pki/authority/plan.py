"""What an authority is to be, and how that is kept. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, get_args

from pytrust.trust.canonical import encode_json
from pytrust.trust.errors import Damaged, InvalidName
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.pki.model import CaKind, CertKeyKind
from pytrust.trust.pki.names import CaName, parse_ca_name

KEY_KINDS: Final[tuple[CertKeyKind, ...]] = get_args(CertKeyKind)


class Elsewhere(NamedTuple):
    """A key in an HSM or KMS: where it lives (``hsm:2?label=root``), and its public half."""

    uri: str
    public: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What stays the same for all generations of an authority.

    ``permitted``: DNS names and networks that server certificates are limited to (name constraints, RFC 5280,
    4.2.1.10); empty for no limit. ``elsewhere``: CA keys that live in an HSM or KMS; the others are made here.
    """

    name: CaName
    key_kind: CertKeyKind = "ecdsa-p256"
    permitted: tuple[str, ...] = ()
    elsewhere: Mapping[CaKind, Elsewhere] = field(default_factory=dict)


def encode_plan(plan: Plan) -> bytes:
    """What is kept of it; where keys live is the key ring's to know."""
    return encode_json({"name": plan.name, "key_kind": plan.key_kind, "permitted": list(plan.permitted)})


def read_plan(data: bytes) -> Plan:
    """The reverse of ``encode_plan``; raises ``Damaged``."""
    try:
        found = json.loads(data)
        kind = next(kind for kind in KEY_KINDS if kind == found["key_kind"])
        return Plan(name=parse_ca_name(found["name"]), key_kind=kind, permitted=tuple(map(str, found["permitted"])))
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError, InvalidName) as error:
        raise Damaged("the plan of the authority cannot be read") from error
