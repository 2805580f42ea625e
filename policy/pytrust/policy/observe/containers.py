"""A small client for the part of the Docker Engine API that is about containers; every call has an end.

Paths carry no API version, as in ``engine.client``: nothing used here has changed since API 1.25.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from pytrust.policy.engine.client import ANSWER_TIMEOUT, Engine
from pytrust.policy.engine.questions import container as container_path
from pytrust.policy.engine.questions import image as image_path
from pytrust.policy.engine.words import engine_message, failure
from pytrust.policy.observe.frames import output_of
from pytrust.policy.observe.trial import EngineKind
from pytrust.trust.errors import NotFound, Refused, TooSlow
from pytrust.trust.limits import (
    ERROR_BODY_MAX_BYTES,
    TRIAL_EXEC_TIMEOUT,
    TRIAL_OUTPUT_MAX_BYTES,
)

_ERRORS_FROM: Final = 400
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_LINES: Final = 20  # of a log, from its end


class State(NamedTuple):
    """A container, as the engine describes it: ``pid`` is 0 where it does not run."""

    id: str
    running: bool
    pid: int
    exit: int
    stop_signal: str


class Containers(Engine):
    """An engine that makes containers; errors as of ``Engine``."""

    def create(self, name: str, body: dict[str, Any]) -> str:
        """Make a container; gives its id. Raises ``NotFound`` where the image is not there."""
        said = self._object(self._ask("POST", f"/containers/create?{urlencode({'name': name})}", body))
        match said:
            case {"Id": str(id_)}:
                return id_
        raise self._nonsense()

    def start(self, name: str, within: float) -> None:
        """Start it; raises ``TooSlow`` where that is not answered ``within`` seconds."""
        self._ask("POST", f"{_path(name)}/start", idle=within)

    def state(self, name: str) -> State:
        """What it is doing."""
        match self._object(self._ask("GET", f"{_path(name)}/json")):
            case {
                "Id": str(id_),
                "State": {"Running": bool(running), "Pid": int(pid), "ExitCode": int(code)},
                "Config": {**config},
            }:
                stop = config.get("StopSignal")
                return State(id_, running, pid, code, stop if isinstance(stop, str) and stop else "SIGTERM")
        raise self._nonsense()

    def wait(self, name: str, within: float) -> int | None:
        """The exit status, as soon as it has ended; None if it has not ``within`` seconds."""
        try:
            said = self._object(self._ask("POST", f"{_path(name)}/wait", idle=within))
        except TooSlow:
            return None
        match said:
            case {"StatusCode": int(code)}:
                return code
        raise self._nonsense()

    def kill(self, name: str, signal: str) -> None:
        """Send a signal to its first process; nothing happens where it has ended."""
        try:
            self._ask("POST", f"{_path(name)}/kill?{urlencode({'signal': signal})}")
        except Refused as error:
            if isinstance(error, NotFound):
                raise

    def remove(self, name: str, within: float) -> None:
        """Remove it with its anonymous volumes, running or not; nothing happens where it is not there."""
        try:
            self._ask("DELETE", f"{_path(name)}?force=1&v=1", idle=within)
        except NotFound:
            return

    def logs(self, name: str) -> str:
        """The last lines that it said."""
        query = urlencode({"stdout": 1, "stderr": 1, "tail": _LINES})
        return self._output("GET", f"{_path(name)}/logs?{query}", None, ANSWER_TIMEOUT)

    def exec(
        self, name: str, words: tuple[str, ...], *, user: str = "", within: float = TRIAL_EXEC_TIMEOUT
    ) -> tuple[int, str]:
        """Run a command in it; gives its exit status and what it said.

        Raises:
            TooSlow: it has not ended ``within`` seconds; it ends with the container.
        """
        asked = {"Cmd": list(words), "User": user, "AttachStdout": True, "AttachStderr": True}
        match self._object(self._ask("POST", f"{_path(name)}/exec", asked)):
            case {"Id": str(id_)} if id_.isalnum():
                said = self._output("POST", f"/exec/{id_}/start", {"Detach": False, "Tty": False}, within)
                return self._exit_of(id_), said
        raise self._nonsense()

    def exec_pids(self, container: str) -> frozenset[int]:
        """The process ids on the engine's host of what ``exec`` began in a container, ended or not.

        ``container`` is the full id. The engine remembers 256 events of all its containers, and so some 80 commands.
        """
        filters = json.dumps({"container": [container], "event": ["exec_start"]})
        query = urlencode({"since": "1", "until": f"{time.time():.9f}", "filters": filters})
        lines = self._ask("GET", f"/events?{query}").splitlines()
        found = (self._exec_pid(self._object(line)) for line in lines if line.strip())
        return frozenset(pid for pid in found if pid)

    def _exec_pid(self, event: dict[str, Any]) -> int:
        """Zero where it was not begun, or is forgotten."""
        match event:
            case {"Actor": {"Attributes": {"execID": str(id_)}}} if id_.isalnum():
                try:
                    said = self._object(self._ask("GET", f"/exec/{id_}/json"))
                except NotFound:
                    return 0
                pid = said.get("Pid")
                return pid if isinstance(pid, int) else 0
        return 0

    def kind(self) -> EngineKind:
        """Versions, as far as they are numbers."""
        version, info = self._object(self._ask("GET", "/version")), self._object(self._ask("GET", "/info"))
        options = info.get("SecurityOptions")
        runc = [
            part.get("Version")
            for part in version.get("Components") or ()
            if isinstance(part, dict) and part.get("Name") == "runc"
        ]
        return EngineKind(
            version=_number(version.get("Version")),
            runc=_number(next(iter(runc), "")),
            kernel=_number(version.get("KernelVersion")),
            arch=str(version.get("Arch") or ""),
            apparmor=isinstance(options, list) and "name=apparmor" in options,
        )

    def user_of(self, image: str) -> str:
        """The user that an image asks for; empty for root. Raises ``NotFound`` where it is not there."""
        match self._object(self._ask("GET", image_path(image))):
            case {"Config": {"User": str(user)}}:
                return user
            case {"Id": str()}:
                return ""
        raise self._nonsense()

    def _exit_of(self, id_: str) -> int:
        match self._object(self._ask("GET", f"/exec/{id_}/json")):
            case {"ExitCode": int(code)}:
                return code
        raise self._nonsense()

    def _output(self, method: str, target: str, body: dict[str, Any] | None, within: float) -> str:
        """What was said on both streams; more than its limit is not waited for."""
        end = time.monotonic() + within
        data = bytearray()
        with self._answer(method, target, body, within) as answer:
            for chunk in self._chunks(answer):
                data += chunk
                if time.monotonic() > end:
                    raise TooSlow(f"{self.address}: a command in a container has not ended in {within:g} s")
                if len(data) > TRIAL_OUTPUT_MAX_BYTES:
                    break
        return output_of(bytes(data))

    def _ask(
        self, method: str, target: str, body: dict[str, Any] | None = None, *, idle: float = ANSWER_TIMEOUT
    ) -> bytes:
        with self._answer(method, target, body, idle) as answer:
            return self._read(answer)

    @contextmanager
    def _answer(self, method: str, target: str, body: dict[str, Any] | None, idle: float) -> Iterator[HTTPResponse]:
        """As ``_call``, with a body; an error status is raised as an error of ours."""
        connection = self._connect(idle)
        try:
            with self._listening():
                sent = None if body is None else json.dumps(body).encode()
                connection.request(method, target, sent, {} if sent is None else {"Content-Type": "application/json"})
                answer = connection.getresponse()
                wrong = answer.read(ERROR_BODY_MAX_BYTES) if answer.status >= _ERRORS_FROM else None
            if wrong is not None:
                raise failure(answer.status, engine_message(wrong))
            yield answer
        finally:
            connection.close()


def _path(name: str) -> str:
    return container_path(name).removesuffix("/json")


def _number(text: object) -> str:
    """``20.10.24+dfsg1`` is 20.10.24."""
    found = _NUMBER.match(text) if isinstance(text, str) else None
    return found[0] if found else ""
