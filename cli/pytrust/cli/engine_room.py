"""The parts of a running proxy, put together from a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytrust.cli import voice
from pytrust.policy.admissions import Admissions
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine_facts import Ask
from pytrust.policy.execs import Execs
from pytrust.policy.gather import Gatherer
from pytrust.policy.journal import Journal
from pytrust.policy.probation import Probation
from pytrust.policy.proxy.aftermath import Aftermath
from pytrust.policy.proxy.door import Door
from pytrust.policy.proxy.handler import Handler
from pytrust.policy.proxy.judge import Judge
from pytrust.policy.proxy.serve import Parts
from pytrust.policy.proxy.upstream import Engines
from pytrust.trust.files import PRIVATE_FOLDER

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.policy.core.rules import Policy
    from pytrust.policy.engine.address import EngineAddress
    from pytrust.policy.proxy.listeners import ListenAddress


class Setting(NamedTuple):
    """What the operator said; ``load`` reads the policy file, ``tls`` is the folder of certificates."""

    listen: Sequence[ListenAddress]
    tls: Path | None
    engine: EngineAddress
    policy_file: Path
    load: Callable[[], Policy]


@contextmanager
def assemble(workspace: Workspace, setting: Setting) -> Iterator[Parts]:
    """Open everything; the journal's lock is held until the end.

    Raises:
        PytrustError: the policy or the certificates are bad.
        Busy: another proxy works with this home.
    """
    policy = setting.load()
    home = workspace.home.proxy
    home.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    sockets = [address.at.socket for address in setting.listen if address.at.socket is not None]
    for path in sockets:
        path.parent.mkdir(exist_ok=True)
    door = None if setting.tls is None else Door(setting.tls, home / "lists.json", workspace.now, voice.try_note)
    engines, execs = Engines(setting.engine), Execs()
    with Journal.open(home / "journal") as journal, Admissions(home / "admissions.db") as admissions:
        private = (setting.engine.socket, setting.tls)
        guarded = [workspace.home.path, *sockets, *(path.absolute() for path in private if path is not None)]
        probation = Probation(admissions)
        gatherer = Gatherer(_asking(engines), workspace.trust_facts, probation, execs, guarded)
        judge = Judge(policy, gatherer, journal, workspace.now)
        handler = Handler(engines, judge, Aftermath(engines, judge, admissions, probation, execs), voice.try_note)
        yield Parts(setting.listen, handler, judge, door, setting.policy_file, setting.load, voice.try_note)


def _asking(engines: Engines) -> Ask:
    async def ask(path: str, /) -> tuple[int, bytes]:
        answer, body = await engines.ask(serialise_head("GET", path, [], b""))
        return answer.status, body

    return ask
