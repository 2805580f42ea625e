"""Docker's plugin protocol, as far as plugins of all kinds share it: one socket, several kinds, their calls. Pure.

dockerd knows a plugin by the name of its socket, asks it once what it implements, and posts JSON from then on (moby,
``pkg/plugins``). A status other than 200 is a failure, and dockerd shows the ``Err`` of its body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from pytrust.policy.plugin.wire import Message

ACTIVATE: Final = "/Plugin.Activate"
CONTENT_TYPE: Final = "application/vnd.docker.plugins.v1.2+json"
OK: Final = 200
BAD: Final = 400
_NOT_FOUND: Final = 404
_METHOD: Final = 405

Reply = tuple[int, bytes]
"""Status and body."""

Note = Callable[[str, str], None]
"""Tells and journals an event: what in a word, and more in a text."""

Handler = Callable[[bytes], Reply | Awaitable[Reply]]
"""Takes the body of a call; never raises. What can take a while is awaited, and meanwhile others are answered."""


class Kind(NamedTuple):
    """One kind of plugin.

    Attributes:
        name: what dockerd calls it, such as ``authz``.
        calls: by path.
        down: what happens while nobody answers, for the operator.
        sweep: does what is to be done now and then, at once.
        look: reads files anew, where there are any: those that changed, or ``anew`` all.
    """

    name: str
    calls: Mapping[str, Handler]
    down: str
    sweep: Callable[[], None]
    look: Callable[[bool], Awaitable[None]] | None = None


class Routes:
    """Answers the calls of several kinds."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        activated = msgspec.json.encode({"Implements": [kind.name for kind in kinds]})
        self._calls: dict[str, Handler] = {ACTIVATE: lambda _: (OK, activated)}
        for kind in kinds:
            self._calls.update(kind.calls)

    def answer(self, message: Message) -> Reply | Awaitable[Reply]:
        """The reply to one call."""
        handler = self._calls.get(message.path)
        if handler is None:
            return _NOT_FOUND, failure("this plugin knows no such call")
        if message.method != b"POST":
            return _METHOD, failure("calls are made with POST")
        return handler(message.body)


def failure(text: str) -> bytes:
    """The body of an answer that is none."""
    return msgspec.json.encode({"Err": text})
