"""A check, and what comes of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pytrust.policy.audit.inventory import Container, HostConfig, Image, Inventory
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
    """``number`` is the benchmark's, by ``EDITION``; ``mend`` what to write where, for ``--fix-hints``."""

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


def containers(judge: Callable[[Container, HostConfig], str | None], *, mark: Mark = Mark.FAIL) -> Run:
    """Every container: ``judge`` says what is wrong with one, None where nothing is."""

    def run(inventory: Inventory) -> Iterable[Outcome]:
        found = []
        for one in inventory.containers:
            if one.host is None:
                found.append(unread("what it has of the host", one.called))
            elif wrong := judge(one, one.host):
                found.append(bad(wrong, one.called, mark=mark))
        return found or [_none_wrong(len(inventory.containers), "container")]

    return run


def images(judge: Callable[[Inventory, Image], Outcome | None]) -> Run:
    """Every image in use: ``judge`` gives what is wrong with one, or could not be told."""

    def run(inventory: Inventory) -> Iterable[Outcome]:
        found = [outcome for image in inventory.used if (outcome := judge(inventory, image))]
        missing = {one.image for one in inventory.containers if one.image and one.image not in inventory.images}
        found += [unread("what this image is made of", image[:19]) for image in sorted(missing)]
        return found or [_none_wrong(len(inventory.used), "image")]

    return run


def _none_wrong(count: int, thing: str) -> Outcome:
    if count == 0:
        return Outcome(Mark.SKIPPED, why=f"there is no {thing}")
    return ok(f"{count} {thing}{'s' if count > 1 else ''} looked at")
