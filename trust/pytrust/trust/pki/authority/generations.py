"""Generations of CAs: made, certified under each other's roots, put to work, and given up."""

from __future__ import annotations

from pytrust.trust.errors import Refused, UsageError
from pytrust.trust.keys.keyring import Passphrase
from pytrust.trust.keys.private import generate
from pytrust.trust.pki.authority.change import Change
from pytrust.trust.pki.authority.delivery import settle
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.lists import first_list
from pytrust.trust.pki.authority.making import issued_as, stamp
from pytrust.trust.pki.authority.plan import Elsewhere
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.mint.build import make_client_ca, make_root, make_server_ca, resign
from pytrust.trust.pki.mint.constraints import Permitted
from pytrust.trust.pki.mint.profile import check_public_key
from pytrust.trust.pki.model import CaKind, Issued, Kind

_ISSUING_KINDS: tuple[CaKind, ...] = (Kind.SERVER_CA, Kind.CLIENT_CA)


def add(premises: Premises, kind: CaKind, new_passphrase: Passphrase, elsewhere: Elsewhere | None) -> Issued:
    """See ``Authority.add_generation``."""
    generation = _next(premises, kind)
    make_key(premises, kind, generation, new_passphrase, elsewhere)
    premises.keys.key(kind, generation)  # passphrases are asked for while nobody waits
    if kind != Kind.ROOT:
        premises.signing(premises.index.current(Kind.ROOT))
    with premises.locked():
        if _next(premises, kind) != generation:
            raise Refused(f"somebody else made {kind} G{generation}", hint="see: pytrust ca list")
        with premises.change() as change:
            issued = establish(premises, change, kind, generation, State.ANNOUNCED)
        settle(premises)
    return issued


def make_key(
    premises: Premises, kind: CaKind, generation: int, new_passphrase: Passphrase, elsewhere: Elsewhere | None
) -> None:
    """Have the key of a generation; one that is there already was made by a run that ended before it was recorded."""
    if premises.keys.here(kind, generation):
        return
    if elsewhere is not None:
        premises.keys.refer(kind, generation, elsewhere)
    else:
        premises.keys.add(kind, generation, generate(premises.index.plan.key_kind), new_passphrase)


def establish(premises: Premises, change: Change, kind: CaKind, generation: int, state: State) -> Issued:
    """Make and record the certificate of a generation whose key is there, and a client CA's first list."""
    root = None if kind == Kind.ROOT else premises.index.current(Kind.ROOT)
    issued = _certified(premises, kind, generation, root)
    change.certificate(issued, (root or issued).serial, What.ADDED)
    change.generation(kind, generation, state)
    if kind == Kind.CLIENT_CA:
        first_list(premises, change, issued)
    return issued


def cross_sign(premises: Premises, kind: CaKind) -> list[Issued]:
    """See ``Authority.cross_sign``."""
    if kind not in _ISSUING_KINDS:
        raise UsageError("roots do not sign each other", hint="cross-sign the CAs below them")
    for _, root in _uncertified(premises, kind):
        premises.signing(root)  # passphrases are asked for while nobody waits
    with premises.locked():
        made = [_cross_signed(premises, ca, root) for ca, root in _uncertified(premises, kind)]
        settle(premises)
    return made


def promote(premises: Premises, kind: CaKind, generation: int) -> None:
    """See ``Authority.promote``."""
    with premises.locked():
        if premises.index.state(kind, generation) == State.RETIRED:
            raise Refused(f"{kind} G{generation} was given up", hint="make a new one: pytrust ca rotate")
        before = premises.index.current(kind).generation
        if before != generation:
            with premises.change() as change:
                change.generation(kind, before, State.LEAVING)
                change.generation(kind, generation, State.ISSUING)
                change.event(What.PROMOTED, kind, kind, details={"generation": str(generation)})
        settle(premises)


def retire(premises: Premises, kind: CaKind, generation: int) -> None:
    """See ``Authority.retire_generation``."""
    with premises.locked():
        state = premises.index.state(kind, generation)
        if state == State.ISSUING:
            raise Refused(f"{kind} G{generation} issues", hint="let another one issue first: pytrust ca rotate")
        if state != State.RETIRED:
            _check_not_needed(premises, kind, generation)
            with premises.change() as change:
                change.generation(kind, generation, State.RETIRED)
                change.event(What.RETIRED, kind, kind, details={"generation": str(generation)})
        premises.keys.remove(kind, generation)
        settle(premises)


def _certified(premises: Premises, kind: CaKind, generation: int, root: Issued | None) -> Issued:
    plan, now = premises.index.plan, premises.now()
    key = premises.keys.key(kind, generation)
    public = check_public_key(key.public_key())
    if root is None:
        certificate = make_root(plan.name, generation, key, stamp(now))
    elif kind == Kind.SERVER_CA:
        permitted = Permitted.parse(plan.permitted)
        certificate = make_server_ca(premises.signing(root), generation, public, stamp(now), permitted)
    else:
        certificate = make_client_ca(premises.signing(root), generation, public, stamp(now))
    return issued_as(certificate, kind, kind, generation, now)


def _cross_signed(premises: Premises, ca: Issued, root: Issued) -> Issued:
    now = premises.now()
    certificate = resign(premises.signing(root), ca.certificate, stamp(now))
    issued = issued_as(certificate, ca.kind, ca.holder, ca.generation, now)
    with premises.change() as change:
        change.certificate(issued, root.serial, What.CROSS_SIGNED)
        change.stale(Kind.SERVER, Kind.CLIENT)
    return issued


def _next(premises: Premises, kind: CaKind) -> int:
    states = premises.index.states(kind)
    if State.ANNOUNCED in states.values():
        raise Refused(f"a new {kind} was made already, and issues nothing yet", hint="go on: pytrust ca rotate")
    return max(states) + 1


def _uncertified(premises: Premises, kind: CaKind) -> list[tuple[Issued, Issued]]:
    """CAs, each with a root that counts and has not certified it."""
    return [
        (ca, root)
        for ca in premises.index.bundle(kind)
        for root in premises.index.bundle(Kind.ROOT)
        if root.generation not in _roots_above(premises, kind, ca.generation)
    ]


def _roots_above(premises: Premises, kind: CaKind, generation: int) -> set[int]:
    """Which roots that count have certified a CA."""
    subjects = {root.certificate.subject: root.generation for root in premises.index.bundle(Kind.ROOT)}
    return {subjects[link.certificate.issuer] for link in premises.index.links(kind, generation)}


def _check_not_needed(premises: Premises, kind: CaKind, generation: int) -> None:
    if kind != Kind.ROOT:
        return
    for below in _ISSUING_KINDS:
        for ca in premises.index.bundle(below):
            if _roots_above(premises, below, ca.generation) == {generation}:
                raise Refused(
                    f"{below} G{ca.generation} is certified by root G{generation} alone",
                    hint="cross-sign it first: pytrust ca rotate",
                )
