"""A check, and what comes of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pytrust.policy.audit.inventory import Inventory
from pytrust.policy.audit.said import Container, HostConfig, Image, State
from pytrust.scanner.sheet import Mark

EDITION: Final = "CIS Docker 1.6.0"


class Section(StrEnum):
    """Of the benchmark."""

    HOST = "host"
    DAEMON = "daemon"
    FILES = "files"
    IMAGES = "images"
    CONTAINERS = "containers"
    OPERATIONS = "operations"
    SWARM = "swarm"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``subject`` is the container, image or file; ``why`` the evidence, or why nobody could tell."""

    mark: Mark
    subject: str = ""
    why: str = ""


Run = Callable[[Inventory], Iterable[Outcome]]


@dataclass(frozen=True, slots=True)
class Check:
    """``number`` is the benchmark's, by ``EDITION``; ``mend`` what to write where, for ``--fix-hints``.

    In ``mend``, ``FILE`` and ``NAME:TAG`` stand for what is wrong.
    """

    number: str
    title: str
    section: Section
    run: Run
    hint: str = ""
    mend: str = ""


def ok(why: str = "") -> Outcome:
    """It is as it should be."""
    return Outcome(Mark.PASS, why=why)


def bad(why: str, subject: str = "", *, mark: Mark = Mark.FAIL) -> Outcome:
    """It is not."""
    return Outcome(mark, subject, why)


def unread(what: str, subject: str = "") -> Outcome:
    """The engine did not say it."""
    return Outcome(Mark.SKIPPED, subject, f"the engine does not say {what}")


def manual(why: str) -> Run:
    """What only people can tell."""
    return lambda _: [Outcome(Mark.MANUAL, why=why)]


def flag(value: bool | None, what: str, good: str, wrong: str, *, mark: Mark = Mark.FAIL) -> list[Outcome]:
    """A yes or no of the engine's."""
    if value is None:
        return [unread(what)]
    return [ok(good) if value else bad(wrong, mark=mark)]


def skipped(why: str) -> list[Outcome]:
    """There is nothing to look at, or nobody may."""
    return [Outcome(Mark.SKIPPED, why=why)]


Wrong = str | Outcome | None
"""What is wrong with one thing: evidence, or an outcome as it is; None where nothing is."""


def containers(judge: Callable[[Container, HostConfig], Wrong], *needs: str, mark: Mark = Mark.FAIL) -> Run:
    """Every container; ``needs`` are the fields of it, and of what it has of the host, that have to be known."""

    def one_of(one: Container) -> Outcome | None:
        if one.host is None:
            return unread("what it has of the host", one.called)
        if unknown := [name for name in needs if _field(one, one.host, name) is None]:
            return unread(f"its {unknown[0].replace('_', ' ')}", one.called)
        wrong = judge(one, one.host)
        return bad(wrong, one.called, mark=mark) if isinstance(wrong, str) else wrong

    def run(inventory: Inventory) -> Iterable[Outcome]:
        found = [outcome for one in inventory.containers if (outcome := one_of(one))]
        return summed([*found, *unread_containers(inventory)], len(inventory.containers), "container")

    return run


def running(judge: Callable[[Inventory, Container, State], Outcome | None]) -> Run:
    """Every container that runs; of one of which that is not known, nothing is."""

    def run(inventory: Inventory) -> Iterable[Outcome]:
        found, count = [], 0
        for one in inventory.containers:
            if one.state is None or one.state.running is None:
                found.append(unread("whether it runs", one.called))
            elif one.state.running:
                count += 1
                found += [outcome] if (outcome := judge(inventory, one, one.state)) else []
        return summed([*found, *unread_containers(inventory)], count, "running container")

    return run


def images(judge: Callable[[Inventory, Image], Outcome | None]) -> Run:
    """Every image in use: ``judge`` gives what is wrong with one, or could not be told."""

    def run(inventory: Inventory) -> Iterable[Outcome]:
        found = [outcome for image in inventory.used if (outcome := judge(inventory, image))]
        missing = {one.image for one in inventory.containers if one.image and one.image not in inventory.images}
        found += [unread("what this image is made of", image[:19]) for image in sorted(missing)]
        found += [unread("its image", one.called) for one in inventory.containers if not one.image]
        return summed([*found, *unread_containers(inventory)], len(inventory.used), "image")

    return run


def unread_containers(inventory: Inventory) -> list[Outcome]:
    """Those of which nothing is known."""
    return [unread("what it is", name) for name in inventory.unread]


def summed(found: list[Outcome], count: int, thing: str) -> list[Outcome]:
    """What was found; where nothing was, how much was looked at."""
    if found:
        return found
    if count == 0:
        return skipped(f"there is no {thing}")
    return [ok(f"{count} {thing}{'s' if count > 1 else ''} looked at")]


def _field(one: Container, host: HostConfig, name: str) -> object:
    return getattr(host if hasattr(host, name) else one, name)
