"""What an engine's host has, and what is to become of it. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pytrust.policy.engine_setup.units import Unit


@dataclass(frozen=True, slots=True)
class State:
    """A file's bytes, permission bits and group at one moment; None: whatever group a new file gets."""

    data: bytes
    mode: int
    group: int | None = None

    def same(self, other: State | None) -> bool:
        """Whether ``other`` is this."""
        if other is None or (self.data, self.mode) != (other.data, other.mode):
            return False
        return None in {self.group, other.group} or self.group == other.group


@dataclass(frozen=True, slots=True)
class Change:
    """One file: ``before`` is None where it is not there, ``after`` where it goes away."""

    path: str
    before: State | None
    after: State | None

    def reversed(self) -> Change:
        """What takes it back."""
        return Change(self.path, self.after, self.before)


@dataclass(frozen=True, slots=True)
class File:
    """A path, and what lies there; None: nothing."""

    path: str
    state: State | None

    @property
    def data(self) -> bytes | None:
        """Its bytes, where it is there."""
        return self.state.data if self.state else None

    def become(self, data: bytes, mode: int = 0o644) -> tuple[Change, ...]:
        """The change to ``data``, none where it is so already; ``mode`` is for a new file."""
        if self.state is not None and self.state.data == data:
            return ()
        return (Change(self.path, self.state, replace(self.state, data=data) if self.state else State(data, mode)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is read before anything is planned.

    ``service`` and ``socket`` are docker.service and docker.socket, ``environment_files`` the files that the service
    reads variables from, by path; the drop-ins are ours, whether they are there or not.
    """

    daemon_json: File
    service: Unit = ()
    socket: Unit = ()
    environment_files: Mapping[str, str] = field(default_factory=dict)
    service_drop_in: File
    socket_drop_in: File


class Way(StrEnum):
    """How the engine comes to listen at the port."""

    ALREADY = "already"
    """It does, once it has certificates."""
    SOCKET = "socket"
    """A drop-in of docker.socket; dockerd goes on taking its sockets from systemd."""
    HOSTS = "hosts"
    """``hosts`` in daemon.json; dockerd has no ``-H`` flag."""
    SERVICE = "service"
    """A drop-in of docker.service with one ``-H`` flag more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done: ``changes`` in the order of writing, then ``commands`` by the operator."""

    way: Way
    changes: tuple[Change, ...]
    commands: tuple[str, ...]
    notes: tuple[str, ...]
