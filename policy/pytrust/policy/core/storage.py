"""What is behind a mount? Host paths and volumes are judged by where they lead, not by how they are written."""

from __future__ import annotations

from typing import Final

from pytrust.policy.core.decision import Reason
from pytrust.policy.core.facts import HostPath, Missing, PathQuery, Volume, VolumeQuery
from pytrust.policy.core.inquiry import Inquiry, shown, unanswered
from pytrust.policy.core.request import Ask, Field
from pytrust.policy.core.standard import Standard

_DEVICE: Final = "device="


def judge_bind(inquiry: Inquiry, standard: Standard, ask: Ask) -> None:
    """A path of the host needs an exception, for the path as it was written and for the place that it leads to."""
    if standard.lifts(ask):
        _follow(inquiry, standard, ask)
    else:
        inquiry.refuse(standard.refusal(ask))


def judge_volume_option(inquiry: Inquiry, standard: Standard, ask: Ask) -> None:
    """The same holds for ``device=/srv/data``, by which a volume is a folder or a disk of the host."""
    if not standard.lifts(ask):
        inquiry.refuse(standard.refusal(ask))
    elif ask.value.startswith(f"{_DEVICE}/"):
        _follow(inquiry, standard, ask, _DEVICE)
    elif ask.value.startswith(_DEVICE):
        _follow_from_root(inquiry, standard, ask.value.removeprefix(_DEVICE))


def _follow_from_root(inquiry: Inquiry, standard: Standard, written: str) -> None:
    """Where it is a path, and not the name of a file system or an export: dockerd stands in the root folder."""
    thing = f"the host path {shown(written)}"
    match fact := inquiry.look_up(PathQuery(path=f"/{written}")):
        case HostPath(guarded=True):
            inquiry.refuse(_guarded(standard, thing))
        case None | HostPath() | Missing():
            pass
        case _:
            inquiry.refuse(unanswered(thing, fact, standard.rule(Field.VOLUME_OPTION)))


def _follow(inquiry: Inquiry, standard: Standard, ask: Ask, prefix: str = "") -> None:
    """``prefix`` stands before the path, in the value as in its exceptions."""
    written = ask.value.removeprefix(prefix)
    thing = f"the host path {shown(written)}"
    path = inquiry.answer(PathQuery(path=written), HostPath, thing, _no_such_path(standard, ask, written))
    if path is None:
        return
    real = Ask(field=ask.field, value=prefix + path.real)
    if path.guarded:
        inquiry.refuse(_guarded(standard, thing))
    elif not standard.lifts(real):
        inquiry.refuse(_elsewhere(standard, thing, real))


def judge_volume(inquiry: Inquiry, standard: Standard, ask: Ask) -> None:
    """A volume by name: what the local driver makes without options. One that is missing is made so by the engine."""
    fact = inquiry.look_up(VolumeQuery(name=ask.value))
    match fact:
        case Volume(guarded=True):
            inquiry.refuse(_guarded_volume(standard, ask))
        case None | Missing() | Volume(driver="local", options=()):
            pass
        case Volume() if standard.lifts(ask):
            pass
        case Volume(driver=driver, options=options):
            made = ", ".join((f"driver={driver}", *(f"{key}={value}".rstrip("=") for key, value in options)))
            text = f"the volume {shown(ask.value)} may not be mounted: it is made with {shown(made)}"
            inquiry.refuse(standard.refusal(ask, text))
        case _:
            inquiry.refuse(unanswered(f"the volume {shown(ask.value)}", fact, standard.rule(ask.field)))


def _no_such_path(standard: Standard, ask: Ask, path: str) -> Reason:
    return Reason(
        code="no-such-path",
        text=f"the host path {shown(path)} does not exist",
        rule=standard.rule(ask.field),
        hint="make it first: the engine would make it as root",
    )


def _guarded(standard: Standard, thing: str) -> Reason:
    return Reason(
        code="guarded-path",
        text=f"{thing} leads to what the engine or pytrust is ruled by",
        rule=standard.rule("guarded-path"),
        hint="mount another folder: no exception covers this one",
    )


def _guarded_volume(standard: Standard, ask: Ask) -> Reason:
    return Reason(
        code="guarded-volume",
        text=f"the volume {shown(ask.value)} belongs to a container that is guarded by its operator",
        rule=standard.rule("guarded-volume"),
        hint="mount another volume: no exception covers this one",
    )


def _elsewhere(standard: Standard, thing: str, real: Ask) -> Reason:
    how = "mounted writable" if real.field is Field.WRITABLE_BIND else "mounted"
    return standard.refusal(real, f"{thing} leads to {shown(real.value)}, which may not be {how}")
