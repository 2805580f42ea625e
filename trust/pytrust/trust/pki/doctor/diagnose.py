"""Why a client cannot speak to an engine over TLS, or why others can who should not. Pure.

The order is that of docker itself: its own files, the network, TLS, the server's certificate, then what the engine
thinks of the client. What breaks first is the cause of the rest, so it is told first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from pytrust.trust.pki.doctor.client_side import client_side
from pytrust.trust.pki.doctor.lint_folder import in_order, lint_folder
from pytrust.trust.pki.doctor.material import Folder
from pytrust.trust.pki.doctor.server_side import server_side
from pytrust.trust.pki.doctor.telling import error, note, warning
from pytrust.trust.pki.finding import Finding
from pytrust.trust.pki.folder import CA, CERT, KEY
from pytrust.trust.pki.foreign import read_certificate
from pytrust.trust.pki.probe.probed import Demand, Ending, Probe, Reach, Talk, TlsVersion

_CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_CLOCK_WRONG: Final = timedelta(hours=1)  # what certificates are backdated by, here and in swarm
_OLD: Final = {TlsVersion.TLS_1_0, TlsVersion.TLS_1_1}
_OK: Final = 200
_STOPPERS: Final = {"unreadable", "not-pem", "encrypted-key", "key-mismatch"}
_VERIFY: Final = "set tlsverify, tlscacert, tlscert and tlskey: pytrust ca init --engine"


def diagnose(probe: Probe, folder: Folder | None, now: datetime) -> tuple[Finding, ...]:
    """Everything that is wrong between this client and that engine; errors first, the cause before what follows of it.

    ``folder`` holds the client's files in docker's names, None where there are none.
    """
    local = lint_folder(folder, now) if folder else ()
    found = [*_missing(folder), *(finding for finding in local if _stops_docker(finding))]
    found += _unreached(probe) or [*_talking(probe), *_tls(probe, folder, now)]
    return in_order([*found, *local])


def undecided(probe: Probe) -> bool:
    """Whether it could not be found out what is there: nobody answered."""
    return probe.reach is not Reach.OPEN or _silent(probe)


def _stops_docker(finding: Finding) -> bool:
    return finding.thing in {CA, CERT, KEY} and finding.code in _STOPPERS


def _missing(folder: Folder | None) -> Iterator[Finding]:
    if folder is not None:
        for name in (CA, CERT, KEY):
            if folder.file(name) is None:
                yield error(
                    "missing-file", folder.name, f"there is no {name}", "docker wants ca.pem, cert.pem, key.pem"
                )


def _unreached(probe: Probe) -> list[Finding]:
    texts = {
        Reach.UNKNOWN_HOST: ("unknown-host", "the name has no address", "check the name, and this host's resolver"),
        Reach.REFUSED: ("refused", "nobody listens there", "does dockerd run with this address? pytrust engine check"),
        Reach.NO_ROUTE: ("no-route", "there is no way there", "check address, network and firewall"),
        Reach.TIMED_OUT: ("timed-out", "no answer", "a firewall that drops, or a host that is down"),
    }
    if probe.reach is Reach.OPEN:
        return []
    code, text, hint = texts[probe.reach]
    return [error(code, probe.thing, f"{text}: {probe.reach_text.lower()}", hint)]


def _silent(probe: Probe) -> bool:
    talk = probe.anonymous
    return talk is not None and talk.version is None and talk.ending is Ending.SILENT and probe.plain is None


def _talking(probe: Probe) -> Iterator[Finding]:
    """What language is spoken there."""
    talk = probe.anonymous
    if probe.plain is not None:
        yield _plain(probe)
    elif _silent(probe):
        yield error(
            "silent", probe.thing, "it takes connections and says nothing", "look at the server, or a proxy before it"
        )
    elif talk is not None and talk.version is None:
        yield error(
            "no-tls", probe.thing, f"no tls comes about: {talk.broke}", "is this the engine's port? 2376 is usual"
        )
    elif probe.versions and set(probe.versions) <= _OLD:
        text = f"it speaks only tls {', '.join(probe.versions)}, and docker wants 1.2 at least"
        yield error("old-tls-only", probe.thing, text, "update the server, or the proxy before it")
    elif old := sorted(set(probe.versions) & _OLD):
        yield warning(
            "old-tls", probe.thing, f"it also takes tls {', '.join(old)}, which are broken", "switch them off"
        )


def _plain(probe: Probe) -> Finding:
    assert probe.plain is not None
    if probe.plain.status == _OK and probe.plain.api_version:
        text = "an engine answers there without tls: anyone who reaches this port is root on that host"
        return error("plain-http", probe.thing, text, f"close the port, then {_VERIFY}")
    text = f"plain http is spoken there, not tls (status {probe.plain.status})"
    return error("plain-http", probe.thing, text, "2375 is plain by custom, 2376 is tls: check port and server")


def _tls(probe: Probe, folder: Folder | None, now: datetime) -> Iterator[Finding]:
    yield from _clock(probe)
    anchors = folder.file(CA) if folder else None
    try:
        chain = [read_certificate(der) for der in probe.chain]
    except ValueError as broken:
        yield error(
            "unreadable", probe.thing, f"it serves a certificate that cannot be read: {broken}", "issue it again"
        )
        return
    if chain:
        known = folder.certificates if folder else ()
        yield from server_side(probe, chain, anchors.certificates if anchors else None, known, now)
        yield from _demand(probe)
        yield from client_side(probe, folder, now)


def _clock(probe: Probe) -> Iterator[Finding]:
    answers = [talk.answer for talk in probe.talks] + [probe.plain]
    date = next((answer.date for answer in answers if answer is not None and answer.date is not None), None)
    if date is None or abs(date - probe.at) <= _CLOCK_TOLERANCE:
        return
    seconds = int(abs(date - probe.at).total_seconds())
    span = f"{seconds // 3600} h {seconds % 3600 // 60} min"
    where = "ahead of" if date > probe.at else "behind"
    text = f"its clock is {span} {where} this one: certificates look expired or not yet valid"
    find = error if abs(date - probe.at) >= _CLOCK_WRONG else warning
    yield find("clock-off", probe.thing, text, "set the wrong one of the two: timedatectl set-ntp true")


def _demand(probe: Probe) -> Iterator[Finding]:
    talk = probe.anonymous
    if probe.demand in {Demand.NONE, Demand.ASKED} and talk is not None and talk.admitted:
        asked = (
            "asks for no client certificate"
            if probe.demand is Demand.NONE
            else "does not insist on a client certificate"
        )
        yield error(
            "anyone-is-root", probe.thing, f"it {asked}: anyone who reaches this port is root on that host", _VERIFY
        )
    elif probe.demand is Demand.INSISTED and probe.ours is None:
        yield note(
            "not-tried", probe.thing, "it wants a client certificate, and none that can be used was given", "--tls DIR"
        )
    elif probe.ours is None and talk is not None:
        yield _unlike_an_engine(probe, talk)


def _unlike_an_engine(probe: Probe, talk: Talk) -> Finding:
    """Nobody was let in, nor told to show a certificate: whatever it is, it must not pass for an engine."""
    if talk.answer is None:
        text = f"without a client certificate the talk broke off: {talk.broke}"
        return error("broken-off", probe.thing, text, "is it an engine? look at its log, and at proxies before it")
    text = f"without a client certificate it answers with status {talk.answer.status}: {talk.answer.message}"
    return error("engine-error", probe.thing, text, "is it an engine? look at its log, and at proxies before it")
