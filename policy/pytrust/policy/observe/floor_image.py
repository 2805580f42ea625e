"""An image of one tiny program, for as long as the runtime's floor is measured; nothing of anybody else is in it."""

from __future__ import annotations

import io
import platform
import secrets
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlencode

from pytrust.policy.engine.client import ANSWER_TIMEOUT
from pytrust.policy.observe.containers import Containers
from pytrust.policy.observe.launcher import floor_program
from pytrust.trust.errors import NotSetUp, TooSlow, Unknown

PROGRAM: Final = "/stay"
_CHANGES: Final = f'CMD ["{PROGRAM}"]'
_FOLDERS: Final = ("dev", "etc", "proc", "sys", "tmp")
_POLL: Final = 0.02


class FloorHost(Containers):
    """An engine whose runtime is measured; errors as of ``Engine``."""

    @contextmanager
    def image(self) -> Iterator[str]:
        """The name of the image; it goes with the block.

        Raises:
            NotSetUp: there is no such program for this machine.
        """
        if platform.machine() != "x86_64":
            raise NotSetUp(f"no program measures the floor on {platform.machine()}", hint="the table's floor is used")
        name, tag = "pytrust-floor", secrets.token_hex(8)
        query = urlencode({"fromSrc": "-", "repo": name, "tag": tag, "changes": _CHANGES})
        self._send(f"/images/create?{query}", _tar())
        try:
            yield f"{name}:{tag}"
        finally:
            self._ask("DELETE", f"/images/{name}:{tag}?force=1")

    def enter(self, container: str, *, user: str, terminal: bool) -> None:
        """Bring the program in once more, as ``docker exec`` does, and wait for its end.

        Raises:
            TooSlow: it does not end.
            Unknown: it does not end well.
        """
        asked = {"Cmd": [PROGRAM, "end"], "User": user, "Tty": terminal, "AttachStdin": terminal}
        id_ = str(self._object(self._ask("POST", f"/containers/{container}/exec", asked)).get("Id"))
        self._ask("POST", f"/exec/{id_}/start", {"Detach": True, "Tty": terminal})
        end = time.monotonic() + ANSWER_TIMEOUT
        while (state := self._object(self._ask("GET", f"/exec/{id_}/json"))).get("Running"):
            if time.monotonic() > end:
                raise TooSlow("what was brought into a container does not end")
            time.sleep(_POLL)
        if state.get("ExitCode") != 0:
            raise Unknown(f"what was brought into a container ended with {state.get('ExitCode')}")

    def _send(self, target: str, data: bytes) -> None:
        connection = self._connect(ANSWER_TIMEOUT)
        try:
            with self._listening():
                connection.request("POST", target, data, {"Content-Type": "application/x-tar"})
                answer = connection.getresponse()
                said = self._read(answer)
            if answer.status != 200 or b'"error"' in said:  # noqa: PLR2004
                raise Unknown(f"{self.address}: the engine does not take an image", hint="has its disk room left?")
        finally:
            connection.close()


def _tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for folder in _FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        program = floor_program()
        entry = tarfile.TarInfo(PROGRAM.lstrip("/"))
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    return made.getvalue()
