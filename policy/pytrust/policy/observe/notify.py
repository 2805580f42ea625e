"""The second choice of a recorder: every call of the container is shown to us before it is made (seccomp_unotify(2)).

Works with an engine that knows nothing of it: the container begins with our launcher, which installs the filter and
becomes the program. Tells what the audit does not: arguments, files, sockets. Nothing can be lost, since who calls
waits for us. It takes no-new-privileges and some 50 microseconds a call; of what ``docker exec`` brings in it sees
nothing but the files that are opened.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from pytrust.policy.observe import gate
from pytrust.policy.observe.arguments_read import argument_of, files_of, program_files
from pytrust.policy.observe.beside import beside
from pytrust.policy.observe.counted import Call, name_of, named
from pytrust.policy.observe.files import FileWatch
from pytrust.policy.observe.notify_wire import Notice, let_go, receive, take_listener
from pytrust.policy.observe.recording import Recorded
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, RunOptions
from pytrust.policy.profiles.model import Seccomp
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text
from pytrust.policy.profiles.seen import Argument, Method, Seen
from pytrust.trust.errors import NotSetUp, UsageError

_PROC: Final = Path("/proc")
_WAIT: Final = 50  # milliseconds between two looks whether the trial is over
_POLL: Final = 0.0005
_LISTENER_TIMEOUT: Final = 10.0
_EXECUTED: Final = frozenset({"execve", "execveat"})


class Notes:
    """What was seen of the calls that were shown to us, up to now."""

    def __init__(self) -> None:
        self.records = 0
        self._counts: Counter[tuple[Call, str]] = Counter()
        self._arguments: set[Argument] = set()
        self._files: dict[str, set[str]] = defaultdict(set)
        self._fresh: set[int] = set()

    def take(self, notice: Notice) -> None:
        """One call."""
        call, pid = (notice.arch, notice.call), notice.pid
        if pid in self._fresh:
            self._fresh.discard(pid)
            self._note(program_files(pid))
        self._counts[call, _name(pid)] += 1
        self.records += 1
        _, name = name_of(call)
        if name is not None:
            self._look(pid, name, notice.arguments)

    def begin(self, pid: int) -> None:
        """A program begins in ``pid``: with its next call it is there."""
        self._fresh.add(pid)

    def seen(self, files: Mapping[str, str]) -> Seen:
        """All of it, and ``files`` of those whose calls were not shown to us."""
        self._note(iter(files.items()))
        found = named(self._counts)
        return Seen(
            method="notify",
            calls=found.calls,
            arguments=frozenset(self._arguments),
            files={path: "".join(sorted(letters)) for path, letters in self._files.items()},
            arches=found.arches,
            unnamed=found.unnamed,
            records=self.records,
        )

    def _look(self, pid: int, name: Syscall, arguments: tuple[int, ...]) -> None:
        if argument := argument_of(pid, name, arguments):
            self._arguments.add(argument)
        self._note(files_of(pid, name, arguments))
        if name in _EXECUTED:
            self.begin(pid)

    def _note(self, files: Iterator[tuple[str, str]]) -> None:
        for path, letters in files:
            self._files[path].update(letters)


def _name(pid: int) -> str:
    """What a thread calls itself now: others may name it, too."""
    try:
        return (_PROC / str(pid) / "comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return ""


class NotifyRecorder:
    """Records under ``base`` (default: Docker's own profile); ``image`` tells what an image runs."""

    def __init__(self, image: Callable[[str], gate.Command], base: Seccomp | None = None) -> None:
        self._image = image
        self._text = docker_text(base or docker_default())

    @property
    def method(self) -> Method:
        """``notify``."""
        return "notify"

    def missing(self) -> str:
        """Why no container can be watched so."""
        return gate.missing()

    def record(
        self,
        laboratory: Laboratory,
        image: str,
        options: RunOptions,
        confinement: Confinement,
        workload: Callable[[Live], int],
    ) -> Recorded:
        """As ``recording.Recorder`` says."""
        if not confinement.no_new_privileges:
            raise UsageError("what may gain privileges cannot be recorded by notification", hint="use another method")
        words = gate.words_of(options, self._image(image))
        if not words:
            raise UsageError(f"{image} names no program to run", hint="give one: --command")
        notes, watch = Notes(), FileWatch()

        def watched(live: Live) -> int:
            with watch:
                watch.begin(live.pid)
                return workload(live)

        with gate.gate() as entrance, beside(partial(_supervise, entrance, words, notes)):
            asked = confinement._replace(seccomp=self._text)
            outcome = laboratory.run(image, entrance.options(options, words), asked, watched)
        return Recorded(outcome, notes.seen(watch.files()))


def _supervise(entrance: gate.Gate, words: tuple[str, ...], notes: Notes, over: threading.Event) -> None:
    waiting = None
    while waiting is None and not over.is_set():
        waiting = entrance.wait(_WAIT / 1000)
    if waiting is None:
        return
    waiting.go(gate.BECOME_WATCHED, words)
    listener = _listener(waiting.pid)
    try:
        _begin(listener, notes, over)
        _answer(listener, notes, over)
    finally:
        os.close(listener)


def _listener(pid: int) -> int:
    end = time.monotonic() + _LISTENER_TIMEOUT
    while time.monotonic() < end:
        if (taken := take_listener(pid)) is not None:
            return taken
        time.sleep(_POLL)
    raise NotSetUp("the launcher could not install its filter", hint="does the kernel know user notifications?")


def _begin(listener: int, notes: Notes, over: threading.Event) -> None:
    """The launcher's one call, which makes it the program, is nobody's."""
    for notice in _notices(listener, over):
        notes.begin(notice.pid)
        let_go(listener, notice)
        return


def _answer(listener: int, notes: Notes, over: threading.Event) -> None:
    for notice in _notices(listener, over):
        notes.take(notice)
        let_go(listener, notice)


def _notices(listener: int, over: threading.Event) -> Iterator[Notice]:
    """Calls that wait, until there is nobody left who could make one."""
    ready = select.poll()
    ready.register(listener, select.POLLIN)
    while not over.is_set():
        for _, events in ready.poll(_WAIT):
            if not events & select.POLLIN:
                return
            if (notice := receive(listener)) is not None:
                yield notice
