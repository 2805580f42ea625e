"""A real browser without a window: Debian's Chromium, driven through ChromeDriver's HTTP protocol (W3C WebDriver).

It starts with an empty profile, and speaks to nobody but loopback.
"""

from __future__ import annotations

import http.client
import json
import shutil
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.rig.ports import free_port
from tests.rig.processes import RigError, environment, running

_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
)
_TIMEOUT: Final = 60.0


def missing() -> str:
    """Why no browser can be started here, as a sentence; empty if one can."""
    if shutil.which("chromium") and shutil.which("chromedriver"):
        return ""
    return "looking at pages needs chromium and chromium-driver: scripts/install-packages"


@dataclass(frozen=True, slots=True)
class Browser:
    """One window."""

    port: int
    session: str

    def open(self, address: str) -> None:
        """Load a page, until it is there."""
        self._ask("POST", "/url", {"url": address})

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page; gives what it returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def log(self) -> list[dict[str, Any]]:
        """What the console was told since the last time."""
        found: list[dict[str, Any]] = self._ask("POST", "/se/log", {"type": "browser"})
        return found

    def picture(self) -> bytes:
        """PNG of what is seen."""
        return b64decode(self._ask("GET", "/screenshot"))

    def dialog(self) -> bool:
        """Whether the page has a dialog open."""
        try:
            self._ask("GET", "/alert/text")
        except RigError:
            return False
        return True

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        return ask(self.port, method, f"/session/{self.session}{path}", body)


def ask(port: int, method: str, path: str, body: object = None) -> Any:
    """One command of the protocol; raises ``RigError`` where the driver says no."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = json.loads(connection.getresponse().read())["value"]
    finally:
        connection.close()
    if isinstance(answer, dict) and "error" in answer:
        raise RigError(f"{answer['error']}: {answer.get('message', '')}")
    return answer


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run one; ``folder`` is for its profile and logs."""
    port = free_port()
    options = {"args": [*_FLAGS, f"--user-data-dir={folder / 'profile'}"], "binary": shutil.which("chromium")}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    command = [shutil.which("chromedriver") or "", f"--port={port}"]
    with running(command, log=folder / "driver.log", ready=lambda: _is_ready(port), env=environment({})):
        made = ask(port, "POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        try:
            yield Browser(port, made["sessionId"])
        finally:
            with suppress(RigError, OSError):
                ask(port, "DELETE", f"/session/{made['sessionId']}")


def _is_ready(port: int) -> bool:
    try:
        return bool(ask(port, "GET", "/status")["ready"])
    except OSError:
        return False
