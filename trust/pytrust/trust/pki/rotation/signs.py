"""What a probe of an engine, or the record of a certificate, says about a rotation: the holder's part is done, or
what it lacks. Pure.

Files prove nothing: dockerd reads them when it starts, and never again (pki reference, 1.1). So an engine has to show
what it takes and serves. The names of CAs that it says it takes clients of are a second witness beside the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from pytrust.trust.pki.foreign import issued_by
from pytrust.trust.pki.model import Kind, moment_text
from pytrust.trust.pki.probe.probed import Probe, Reach, Talk
from pytrust.trust.pki.rotation.model import Leaf, Need, Phase, Rotation, Sign, ca_label

_REFUSALS: Final = frozenset({401, 403})  # how a proxy or an authorization plugin says that a certificate is no good


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen of one engine: ``new`` with a client certificate of the CA to come where clients are in question,
    ``old`` with one of the CA that leaves (None: not asked, or there is none that still counts).
    """

    new: Probe
    old: Probe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuers:
    """The CA certificates that the signs are judged by; several where one was signed again under another root."""

    coming: tuple[x509.Certificate, ...]
    leaving: tuple[x509.Certificate, ...]


_Seen = tuple[Need | None, str]


def client_signs(rotation: Rotation, leaves: Iterable[Leaf]) -> tuple[Sign, ...]:
    """What the records say of clients, in the phase that is theirs."""
    lacks = _client_lacks(rotation)
    return tuple(
        _sign(leaf, Need.RENEW, f"{lacks}; its certificate ends {moment_text(leaf.until)}")
        if _behind(rotation, leaf)
        else _sign(leaf, None, "has what it needs")
        for leaf in leaves
        if leaf.kind is Kind.CLIENT
    )


def server_sign(rotation: Rotation, leaf: Leaf, sight: Sight | None, issuers: Issuers) -> Sign:
    """What was seen of an engine in this phase; ``sight`` is None where nobody knows its address."""
    if sight is None:
        return _sign(leaf, Need.CONFIRM, "nobody can ask it: no address is known")
    need, text = _silent(sight.new) or _stranger(rotation, sight.new) or _judge(rotation, leaf, sight, issuers)
    return _sign(leaf, need, text)


def _client_lacks(rotation: Rotation) -> str:
    old, new = ca_label(rotation.kind, rotation.leaving), ca_label(rotation.kind, rotation.coming)
    match rotation.phase:
        case Phase.SPREAD:
            return f"has not come for {new} yet"
        case Phase.SETTLE:
            return f"has not come since {old} was dropped"
        case _:
            return f"holds a certificate of {old}"


def _behind(rotation: Rotation, leaf: Leaf) -> bool:
    if rotation.kind is Kind.ROOT:
        return leaf.serial in rotation.awaited
    return leaf.generation != rotation.coming


def _judge(rotation: Rotation, leaf: Leaf, sight: Sight, issuers: Issuers) -> _Seen:
    match rotation.kind:
        case Kind.ROOT:
            return _under_root(rotation, sight.new)
        case Kind.SERVER_CA:
            return _of_issuer(rotation, leaf, sight.new, issuers)
        case Kind.CLIENT_CA if rotation.phase is Phase.SPREAD:
            return _takes(sight.new, ca_label(rotation.kind, rotation.coming), issuers.coming)
        case Kind.CLIENT_CA:
            return _has_forgotten(rotation, sight, issuers)


def _silent(probe: Probe) -> _Seen | None:
    """What keeps us from seeing anything; None where something was seen."""
    if probe.reach is not Reach.OPEN:
        return Need.REACH, f"cannot be reached at {probe.thing}: {probe.reach_text}"
    if probe.chain:
        return None
    if probe.plain is not None:
        return Need.RESTART, f"{probe.thing} speaks plain http"
    return Need.REACH, f"nobody speaks TLS at {probe.thing}"


def _stranger(rotation: Rotation, probe: Probe) -> _Seen | None:
    """Whoever cannot show a certificate for the name may take anybody; None for the engine that is meant.

    Where the chain itself is what has to change, it is judged for that.
    """
    return _refused_by(probe, "its clients") if rotation.kind is Kind.CLIENT_CA else None


def _under_root(rotation: Rotation, probe: Probe) -> _Seen:
    label = ca_label(Kind.ROOT, rotation.coming)
    return _refused_by(probe, f"clients of {label}") or (None, f"serves a chain to {label}")


def _of_issuer(rotation: Rotation, leaf: Leaf, probe: Probe, issuers: Issuers) -> _Seen:
    served = x509.load_der_x509_certificate(probe.chain[0])
    label = ca_label(Kind.SERVER_CA, rotation.coming)
    if any(issued_by(served, issuer) for issuer in issuers.coming):
        return _refused_by(probe, "its clients") or (None, f"serves a certificate of {label}")
    comes = not leaf.local and leaf.generation != rotation.coming
    need, why = (Need.RENEW, "it has not renewed yet") if comes else (Need.RESTART, "it runs with the old files")
    return need, f"does not serve a certificate of {label}: {why}"


def _refused_by(probe: Probe, clients: str) -> _Seen | None:
    """The chain that was served, where ``clients`` would not go on; None where they would."""
    if probe.verdict is not None and probe.verdict.good:
        return None
    why = probe.verdict.text if probe.verdict is not None else "it was not checked"
    return Need.RESTART, f"serves a chain that {clients} refuse: {why}"


def _takes(probe: Probe, label: str, authorities: tuple[x509.Certificate, ...]) -> _Seen:
    talk = probe.ours
    if talk is None or not (talk.admitted or _refused(talk)):
        return Need.REACH, f"gives no answer at {probe.thing}: {talk.broke if talk else 'it was not asked'}"
    if not talk.admitted:
        return Need.RESTART, f"refuses clients of {label}"
    if talk.accepted and not _named(talk, authorities):
        return Need.RESTART, f"does not name {label} among the CAs it knows"
    return None, f"takes clients of {label}"


def _has_forgotten(rotation: Rotation, sight: Sight, issuers: Issuers) -> _Seen:
    """It still takes those that it should, names the old CA no more, and refuses a client of it."""
    need, text = _takes(sight.new, ca_label(Kind.CLIENT_CA, rotation.coming), issuers.coming)
    if need is not None:
        return need, text
    label = ca_label(Kind.CLIENT_CA, rotation.leaving)
    talk = sight.old.ours if sight.old is not None else None
    witness = talk or sight.new.ours
    if (witness and _named(witness, issuers.leaving)) or (talk and talk.admitted):
        return Need.RESTART, f"still takes clients of {label}"
    if talk is not None:
        return (
            (None, f"refuses clients of {label}") if _refused(talk) else (Need.REACH, f"gives no answer: {talk.broke}")
        )
    if sight.new.accepted:
        return None, f"no longer names {label} among the CAs it knows"
    return Need.CONFIRM, f"nobody can ask whether it refuses clients of {label}"


def _refused(talk: Talk) -> bool:
    return talk.turned_away or (talk.answer is not None and talk.answer.status in _REFUSALS)


def _named(talk: Talk, authorities: tuple[x509.Certificate, ...]) -> bool:
    return any(authority.subject.public_bytes() in talk.accepted for authority in authorities)


def _sign(leaf: Leaf, need: Need | None, text: str) -> Sign:
    return Sign(kind=leaf.kind, holder=leaf.holder, need=need, text=text)
