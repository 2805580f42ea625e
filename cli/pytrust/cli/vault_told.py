"""What ``pytrust vault status`` tells, to people and to machines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, assert_never

from pytrust.cli import voice
from pytrust.trust.errors import ExitCode, PytrustError
from pytrust.trust.vault.anchor import Anchor, AnchorFile
from pytrust.trust.vault.header import Header, read_header

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.vault.agent.wire import Standing

_TIME_MAX: Final = 253_402_300_799  # the end of 9999


class Found(NamedTuple):
    """A vault from outside, its header not authenticated; ``seen`` is the anchor, an error, or None without one."""

    header: Header
    standing: Standing | None
    seen: Anchor | PytrustError | None

    @property
    def open(self) -> bool:
        """Whether the agent holds it open."""
        return bool(self.standing and self.standing.open)

    @property
    def rolled_back(self) -> bool:
        """Whether it is older than what this host has seen of it."""
        return isinstance(self.seen, Anchor) and (
            self.seen.generation > self.header.generation or self.seen.epoch > self.header.epoch
        )

    @property
    def verdict(self) -> ExitCode:
        """The exit code."""
        if self.rolled_back or isinstance(self.seen, PytrustError):
            return ExitCode.UNSOUND
        return ExitCode.YES if self.open else ExitCode.NO


def look(workspace: Workspace, standing: Standing | None) -> Found:
    """Read what can be read without a key; raises what ``read_header`` does."""
    header = read_header(workspace.home.vault)
    seen: Anchor | PytrustError | None
    try:
        seen = AnchorFile(workspace.home.anchor, header.store).read()
    except PytrustError as error:
        seen = error
    return Found(header, standing, seen)


def tell(found: Found) -> None:
    """For people."""
    voice.say(_state(found))
    voice.say(f"store {found.header.store}, epoch {found.header.epoch}, generation {found.header.generation}")
    voice.say(f"anchor: {_anchor(found)}")
    rows = [(slot.id, slot.kind, slot.label, _day(slot.created)) for slot in found.header.slots]
    voice.table(("SLOT", "KIND", "LABEL", "CREATED"), rows)


def document(found: Found) -> dict[str, Any]:
    """For machines."""
    header, standing = found.header, found.standing
    return {
        "open": found.open,
        "store": header.store,
        "epoch": header.epoch,
        "generation": header.generation,
        "created": _time(header.created),
        "anchor": {
            "generation": found.seen.generation if isinstance(found.seen, Anchor) else None,
            "state": _anchor_word(found),
        },
        "slots": [
            {"id": slot.id, "kind": slot.kind, "label": slot.label, "created": _time(slot.created)}
            for slot in header.slots
        ],
        "agent": None
        if standing is None
        else {
            "pid": standing.pid,
            "started": _time(standing.started),
            "open_since": _time(standing.since) if standing.open else None,
            "idle_seconds": standing.idle or None,
            "shared": standing.shared,
        },
    }


def _state(found: Found) -> str:
    match found.standing:
        case None:
            return "locked: no agent runs; open it with: pytrust vault unlock"
        case standing if standing.open:
            idle = f", locked after {voice.plural(standing.idle // 60, 'minute')} without use" if standing.idle else ""
            return f"open since {_time(standing.since)}, held by agent {standing.pid}{idle}"
        case standing if standing.lost:
            return (
                f"locked: it got new keys, which agent {standing.pid} does not have; open it with: pytrust vault unlock"
            )
        case standing:
            return f"locked: agent {standing.pid} waits; open it with: pytrust vault unlock"


def _anchor(found: Found) -> str:
    match found.seen:
        case None:
            return "none, this host has never opened the vault"
        case Anchor(generation=generation) if found.rolled_back:
            return f"generation {generation}: the vault on the disk is older than what this host has seen"
        case Anchor(generation=generation):
            return f"generation {generation}: the vault says that it is no older, which its key will show"
        case PytrustError() as error:
            return str(error)
        case _:
            assert_never(found.seen)


def _anchor_word(found: Found) -> str:
    if isinstance(found.seen, PytrustError):
        return found.seen.code
    return "none" if found.seen is None else "rolled-back" if found.rolled_back else "good"


def _time(seconds: int) -> str:
    """No later than the calendar has it: the header is not authenticated."""
    return datetime.fromtimestamp(min(seconds, _TIME_MAX), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _day(seconds: int) -> str:
    return _time(seconds)[:10]
