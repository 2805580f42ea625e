"""The parts of a running proxy, put together from a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytrust.cli import voice
from pytrust.policy.admissions import Admissions
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine_facts import Ask
from pytrust.policy.execs import Execs
from pytrust.policy.gather import Gatherer
from pytrust.policy.journal import Journal
from pytrust.policy.probation import Probation
from pytrust.policy.proxy.aftermath import Aftermath
from pytrust.policy.proxy.handler import Handler
from pytrust.policy.proxy.judge import Judge
from pytrust.policy.proxy.serve import Parts
from pytrust.policy.proxy.upstream import Engines
from pytrust.trust.files import PRIVATE_FOLDER

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.policy.core.rules import Policy
    from pytrust.policy.engine.address import EngineAddress


@contextmanager
def assemble(
    workspace: Workspace,
    listen: Sequence[EngineAddress],
    engine: EngineAddress,
    policy_file: Path,
    load: Callable[[], Policy],
) -> Iterator[Parts]:
    """Open everything; the journal's lock is held until the end.

    Raises:
        UsageError: the policy is bad.
        Busy: another proxy works with this home.
    """
    policy = load()
    home = workspace.home.proxy
    home.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    for address in listen:
        if address.socket is not None:
            address.socket.parent.mkdir(exist_ok=True)
    engines, execs = Engines(engine), Execs()
    with Journal.open(home / "journal") as journal, Admissions(home / "admissions.db") as admissions:
        guarded = [workspace.home.path, *(a.socket for a in (engine, *listen) if a.socket is not None)]
        probation = Probation(admissions)
        gatherer = Gatherer(_asking(engines), workspace.trust_facts, probation, execs, guarded)
        judge = Judge(policy, gatherer, journal, workspace.now)
        handler = Handler(engines, judge, Aftermath(engines, judge, admissions, probation, execs), _say)
        yield Parts(listen, handler, judge, policy_file, load, _say)


def _say(text: str) -> None:
    """A line for the operator; a log that is full or gone must not leave clients without an answer."""
    with suppress(OSError):
        voice.note(text)


def _asking(engines: Engines) -> Ask:
    async def ask(path: str, /) -> tuple[int, bytes]:
        answer, body = await engines.ask(serialise_head("GET", path, [], b""))
        return answer.status, body

    return ask
