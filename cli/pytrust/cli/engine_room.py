"""The parts of a running proxy, put together from a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytrust.cli import voice
from pytrust.cli.proxy_profiles import Refusals, load_apparmor
from pytrust.cli.proxy_vault import ProxyVault
from pytrust.policy.admissions import Admissions
from pytrust.policy.courier import Courier
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine_facts import Ask
from pytrust.policy.execs import Execs
from pytrust.policy.gather import Gatherer
from pytrust.policy.journal import Journal
from pytrust.policy.probation import Probation
from pytrust.policy.profile_facts import ProfileFacts
from pytrust.policy.profiles.floor_file import FILE, read_floors
from pytrust.policy.proxy.aftermath import Aftermath, Memory
from pytrust.policy.proxy.delivering import Delivering
from pytrust.policy.proxy.door import Door
from pytrust.policy.proxy.handler import Handler
from pytrust.policy.proxy.judge import Judge
from pytrust.policy.proxy.serve import Parts
from pytrust.policy.proxy.upstream import Engines
from pytrust.policy.secret_facts import SecretFacts
from pytrust.trust.files import PRIVATE_FOLDER
from pytrust.trust.vault.delivery import ROOT, Deliveries, place_of

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.policy.core.rules import Policy
    from pytrust.policy.engine.address import EngineAddress
    from pytrust.policy.proxy.listeners import ListenAddress


class Setting(NamedTuple):
    """What the operator said.

    ``load`` reads the policy file, ``tls`` is the folder of certificates; secrets lie for containers below ``secrets``.
    """

    listen: Sequence[ListenAddress]
    tls: Path | None
    engine: EngineAddress
    policy_file: Path
    load: Callable[[], Policy]
    secrets: Path


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
        probation = Probation(admissions)
        gatherer = Gatherer(
            _asking(engines), workspace.trust_facts, probation, execs, guarded_places(workspace, setting)
        )
        vault, deliveries = ProxyVault(workspace), Deliveries(place_of(setting.secrets, workspace.home.path))
        if setting.engine.socket is not None:
            gatherer.secrets = SecretFacts(vault, deliveries, workspace.now)
        judge = Judge(policy, gatherer, journal, workspace.now)
        refusals = Refusals(setting.engine, home / "denials.db")
        _prepare_profiles(gatherer.profiles, workspace, setting, refusals)
        if setting.engine.socket is not None and admissions.confining():
            refusals.begin()
        delivering = Delivering(engines, admissions, Courier(vault, deliveries), voice.try_note)
        aftermath = Aftermath(engines, judge, Memory(admissions, probation, execs), delivering)
        handler = Handler(engines, judge, aftermath, delivering, voice.try_note)
        try:
            yield Parts(setting.listen, handler, judge, door, setting.policy_file, setting.load, voice.try_note)
        finally:
            refusals.end()


def _prepare_profiles(profiles: ProfileFacts, workspace: Workspace, setting: Setting, refusals: Refusals) -> None:
    """On the engine's own host, its kernel and its runtime are within reach."""
    if setting.engine.socket is None:
        return
    profiles.load = load_apparmor
    profiles.measured = read_floors(workspace.home.path / FILE)
    profiles.on_use = refusals.begin


def guarded_places(workspace: Workspace, setting: Setting) -> list[Path]:
    """What no container may mount, besides the engine's own: also how far the vault has come, and others' secrets."""
    home, sockets = workspace.home, [address.at.socket for address in setting.listen]
    given = (home.path, home.anchor, *sockets, setting.engine.socket, setting.tls, setting.secrets, ROOT)
    return [path.absolute() for path in given if path is not None]


def _asking(engines: Engines) -> Ask:
    async def ask(path: str, /) -> tuple[int, bytes]:
        answer, body = await engines.ask(serialise_head("GET", path, [], b""))
        return answer.status, body

    return ask
