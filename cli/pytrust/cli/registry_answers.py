"""What the registry says of many names, asked in the background while trust is looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE
from pytrust.trust.names import ImageRef

if TYPE_CHECKING:
    from pytrust.trust.registry import Descriptor, Registry


def ask_registry(registry: Registry, refs: Sequence[ImageRef]) -> dict[ImageRef, Callable[[], Descriptor]]:
    """Ask ``registry`` for all of ``refs``, and do not wait.

    Returns:
        for each name a function that waits for its answer, and returns or raises it.
    """
    answers: list[Descriptor | Exception] = []
    deadline = Deadline(DEADLINE)

    def ask() -> None:
        try:
            answers.extend(registry.resolve_all(refs, deadline))
        except Exception as error:  # noqa: BLE001 - raised again where the answer is wanted
            answers.extend([error] * len(refs))

    thread = Thread(target=ask, daemon=True)
    thread.start()

    def answer(index: int) -> Descriptor:
        thread.join()
        found = answers[index]
        if isinstance(found, Exception):
            raise found
        return found

    return {ref: partial(answer, index) for index, ref in enumerate(refs)}
