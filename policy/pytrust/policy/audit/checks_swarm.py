"""Sections 6 and 7: sprawl, and swarm mode. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from pytrust.policy.audit.check import Check, Outcome, Run, Section, bad, flag, manual, ok, skipped, unread
from pytrust.policy.audit.inventory import Inventory
from pytrust.policy.audit.said import Swarm
from pytrust.scanner.sheet import Mark

_SPRAWL: Final = 2  # times as many as are in use
_MANAGERS_MAX: Final = 7


def _images(inventory: Inventory) -> Iterable[Outcome]:
    total, used = inventory.info.images, len({one.image for one in inventory.containers})
    if total is None:
        return [unread("how many images it has")]
    return flag(
        total <= max(used * _SPRAWL, 10),
        "",
        f"{total}, of which {used} are used",
        f"{total}, of which {used} are used",
        mark=Mark.WARN,
    )


def _containers(inventory: Inventory) -> Iterable[Outcome]:
    total, running = inventory.info.containers, inventory.info.containers_running
    if total is None or running is None:
        return [unread("how many containers it has")]
    return flag(
        total - running <= max(running, 10), "", f"{total}, {running} run", f"{total}, {running} run", mark=Mark.WARN
    )


def _managed(judge: Callable[[Swarm, Inventory], Iterable[Outcome]]) -> Run:
    def run(inventory: Inventory) -> Iterable[Outcome]:
        swarm = inventory.info.swarm
        if swarm is None or swarm.state is None:
            return [unread("whether it is in a swarm")]
        if swarm.state == "inactive":
            return [Outcome(Mark.SKIPPED, why="it is in no swarm")]
        return judge(swarm, inventory)

    return run


def _managers(swarm: Swarm, _: Inventory) -> Iterable[Outcome]:
    """Of an even number as many may fail as of one less."""
    if (count := swarm.managers) is None:
        return [unread("how many managers there are")]
    if count > _MANAGERS_MAX:
        return [bad(f"{count} managers")]
    wrong = f"{count} managers stand no more failures than {count - 1}"
    return flag(count % 2 == 1, "", f"{count}", wrong, mark=Mark.WARN)


def _address(_: Swarm, inventory: Inventory) -> Iterable[Outcome]:
    """What it tells others of its address is not where it listens."""
    if inventory.host is None:
        return skipped(f"where it listens only its host tells: {inventory.hidden}")
    if not inventory.host.swarm_listens:
        return skipped("nothing is seen to listen on port 2377 here")
    wide = [text for text in inventory.host.swarm_listens if text in {"0.0.0.0", "::"}]  # noqa: S104 - looked for
    return [bad("it listens on every address") if wide else ok(", ".join(inventory.host.swarm_listens))]


def _overlays(_: Swarm, inventory: Inventory) -> Iterable[Outcome]:
    if inventory.networks is None:
        return [unread("its networks")]
    overlays = [one for one in inventory.networks if one.driver == "overlay" and one.name != "ingress"]
    if any(one.driver is None or (one.driver == "overlay" and one.options is None) for one in inventory.networks):
        return [unread("what kind its networks are of")]
    plain = [one for one in overlays if "encrypted" not in (one.options or {})]
    return [bad("what goes over it is not encrypted", one.name) for one in plain] or [ok(f"{len(overlays)} looked at")]


def _autolock(swarm: Swarm, _: Inventory) -> Iterable[Outcome]:
    if not swarm.control:
        return [Outcome(Mark.SKIPPED, why="this node is no manager")]
    spec = swarm.cluster.spec if swarm.cluster else None
    locked = spec.encryption.auto_lock_managers if spec and spec.encryption else None
    return flag(locked, "whether managers are locked", "on", "the swarm's keys lie open on each manager")


SWARM: Final = (
    Check("6.1", "images that nobody uses are removed", Section.OPERATIONS, _images, "remove them", "docker image prune -a"),
    Check("6.2", "containers that nobody uses are removed", Section.OPERATIONS, _containers, "remove them", "docker container prune"),
    Check("7.1", "there are no more managers than needed", Section.SWARM, _managed(_managers), "demote some", "docker node demote NODE"),
    Check("7.2", "the swarm listens on a chosen address", Section.SWARM, _managed(_address), "name it", "docker swarm init --listen-addr ADDRESS"),
    Check("7.3", "overlay networks are encrypted", Section.SWARM, _managed(_overlays), "encrypt them", "docker network create --driver overlay --opt encrypted NAME"),
    Check("7.4", "secrets are handed over as secrets", Section.SWARM, _managed(lambda *_: [Outcome(Mark.MANUAL, why="which values of services are secret, their owners know")]), "use them", "docs/swarm-secrets.md"),
    Check("7.5", "managers are locked", Section.SWARM, _managed(_autolock), "lock them", "pytrust swarm autolock"),
    Check("7.6", "the lock's key is rotated", Section.SWARM, manual("when it was, no engine tells; pytrust swarm autolock rotates it")),
    Check("7.7", "certificates of nodes are rotated", Section.SWARM, manual("docker info tells after how long; whether that is short enough, you know")),
    Check("7.8", "CA certificates are rotated", Section.SWARM, manual("docker swarm ca --rotate, when it is due")),
    Check("7.9", "managing and running are apart", Section.SWARM, manual("which network is for what, you know")),
)  # fmt: skip
