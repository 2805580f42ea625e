"""Section 4: images in use, by how they were made and by what is signed of them; and 5.28. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pytrust.policy.audit.check import Check, Outcome, Section, bad, images, manual, summed, unread, unread_containers
from pytrust.policy.audit.inventory import Inventory, Trust
from pytrust.policy.audit.said import Container, Image
from pytrust.scanner.sheet import Mark

_SECRET: Final = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key|credential)s?\s*=\s*\S")
_UPDATE: Final = re.compile(
    r"(apt-get|apt|yum|dnf|apk|microdnf|zypper)\s+(-\S+\s+)*(update|upgrade|makecache|refresh)\b"
)
_LINE_MAX_CHARS: Final = 4_096
_INSTALL: Final = re.compile(r"\b(install|add|in)\b")
_NOP_ADD: Final = re.compile(r"(#\(nop\)\s+)?ADD\s")


def _user(_: Inventory, image: Image) -> Outcome | None:
    """Engines leave out a user that is empty."""
    if image.config is None:
        return unread("how it is configured", image.called)
    name = (image.config.user or "").partition(":")[0]
    return bad("its processes run as root", image.called) if name in {"", "0", "root"} else None


def _health(_: Inventory, image: Image) -> Outcome | None:
    if image.config is None:
        return unread("how it is configured", image.called)
    tests = (image.config.healthcheck or {}).get("Test")
    found = isinstance(tests, list) and tests and tests[0] != "NONE"
    return None if found else bad("it says nothing of how to look whether it is well", image.called, mark=Mark.WARN)


def _lines(inventory: Inventory, image: Image) -> list[str] | None:
    """How its layers were made, cut: expressions that look for words take longer than lines are long."""
    layers = inventory.histories.get(image.id)
    if layers is None or any(layer.created_by is None for layer in layers):
        return None
    return [(layer.created_by or "")[:_LINE_MAX_CHARS] for layer in layers]


def _update(inventory: Inventory, image: Image) -> Outcome | None:
    lines = _lines(inventory, image)
    if lines is None:
        return unread("how it was made", image.called)
    alone = any(_UPDATE.search(line) and not _INSTALL.search(line) for line in lines)
    return bad("lists of packages are fetched in a layer of their own", image.called, mark=Mark.WARN) if alone else None


def _add(inventory: Inventory, image: Image) -> Outcome | None:
    """The first layer of a base image is an ADD that no Dockerfile of its users wrote."""
    lines = _lines(inventory, image)
    if lines is None:
        return unread("how it was made", image.called)
    found = any(_NOP_ADD.search(line) for line in lines[:-1])
    return bad("ADD unpacks and fetches what COPY would not", image.called, mark=Mark.WARN) if found else None


def _secrets(inventory: Inventory, image: Image) -> Outcome | None:
    """Names alone are told, and never the values."""
    lines, environment = _lines(inventory, image), image.config.env if image.config else None
    if lines is None or image.config is None:
        return unread("how it was made", image.called)
    found = [text.partition("=")[0] for text in environment or () if _SECRET.search(text[:_LINE_MAX_CHARS])]
    found += ["a line of its history" for line in lines if _SECRET.search(line)]
    return bad(f"it seems to hold a secret in {', '.join(dict.fromkeys(found))[:200]}", image.called) if found else None


def _looked_up(inventory: Inventory, image: Image) -> Trust | Outcome:
    trust = inventory.trust.get(image.id)
    if trust is None or trust.unknown:
        why = (trust.why if trust else "") or inventory.untrusted or "it was not looked up"
        return Outcome(Mark.SKIPPED, image.called, why)
    return trust


def _signed(inventory: Inventory, image: Image) -> Outcome | None:
    trust = _looked_up(inventory, image)
    if isinstance(trust, Outcome):
        return trust
    return None if trust.signed else bad(trust.why, image.called)


def _verified(inventory: Inventory, image: Image) -> Outcome | None:
    """As ``_signed``; and that a pin of this host covers the root that it leads to."""
    trust = _looked_up(inventory, image)
    if isinstance(trust, Outcome):
        return trust
    if not trust.signed:
        return bad(trust.why, image.called)
    why = f"{trust.signed} was believed when it was seen first: no pin covers who signed it"
    return bad(why, image.called, mark=Mark.WARN) if trust.first_use else None


def _scanned(inventory: Inventory, image: Image) -> Outcome | None:
    trust = _looked_up(inventory, image)
    if isinstance(trust, Outcome):
        return trust
    if not trust.scanned:
        return bad("it has no signed scan", image.called)
    if trust.acceptable is None:
        return bad(trust.scanned, image.called, mark=Mark.WARN)
    return None if trust.acceptable else bad(trust.scanned, image.called)


def _enforced(inventory: Inventory) -> Iterable[Outcome]:
    """Whether anybody can run what is not signed. Of a way round a proxy nothing can be seen from before it."""
    names = (inventory.info.plugins.authorization if inventory.info.plugins else None) or []
    if inventory.proxied:
        beside = "whoever reaches the engine's own socket is not held to it"
        return [bad(f"requests through this proxy are judged by its policy; {beside}", mark=Mark.WARN)]
    if any("pytrust" in name for name in names):
        return [bad(f"{', '.join(names)} locks out revoked clients, and judges no images", mark=Mark.WARN)]
    return [bad("this way to the engine asks for no signatures")]


def _newest(inventory: Inventory) -> Iterable[Outcome]:
    found = [outcome for one in inventory.containers if (outcome := _is_newest(inventory, one))]
    return summed([*found, *unread_containers(inventory)], len(inventory.containers), "container")


def _is_newest(inventory: Inventory, one: Container) -> Outcome | None:
    current = inventory.current.get(one.id)
    if current is None or current.newest is None:
        why = (current.why if current else "") or inventory.untrusted or "it was not looked up"
        return Outcome(Mark.SKIPPED, one.called, why)
    return None if current.newest else bad(current.why, one.called)


IMAGES: Final = (
    Check("4.1", "images do not run as root", Section.IMAGES, images(_user), "name a user", "USER in its Dockerfile"),
    Check("4.2", "only trusted images are used", Section.IMAGES, images(_signed), "sign them, or use signed ones",
          "pytrust sign NAME:TAG"),
    Check("4.3", "images have no needless packages", Section.IMAGES, manual("which are needed, their owners know")),
    Check("4.4", "images are scanned, and built again", Section.IMAGES, images(_scanned), "scan and build again",
          "pytrust scan run NAME:TAG"),
    Check("4.5", "signatures are enforced", Section.IMAGES, _enforced, "let a proxy stand before the engine",
          "pytrust proxy; see docs/proxy.md"),
    Check("4.6", "images say how to look whether they are well", Section.IMAGES, images(_health), "let them say it",
          "HEALTHCHECK in its Dockerfile"),
    Check("4.7", "lists of packages are fetched where they are used", Section.IMAGES, images(_update), "do both in one RUN",
          "RUN apt-get update && apt-get install ..."),
    Check("4.8", "setuid programs are removed", Section.IMAGES,
          manual("no-new-privileges takes their effect away; pytrust profile record sets it")),
    Check("4.9", "COPY is used instead of ADD", Section.IMAGES, images(_add), "use COPY"),
    Check("4.10", "images hold no secrets", Section.IMAGES, images(_secrets), "hand them over when it runs",
          "pytrust secret put NAME; docker run --label pytrust.secrets=NAME"),
    Check("4.11", "only verified packages are installed", Section.IMAGES, manual("how they were built, their owners know")),
    Check("4.12", "signatures lead to a key that this host knows", Section.IMAGES, images(_verified),
          "pull what is signed, and pin the key", "pytrust pull NAME:TAG; pytrust pin --help"),
    Check("5.28", "containers run the newest image", Section.CONTAINERS, _newest, "pull, and create it again",
          "pytrust pull NAME:TAG, and create the container again"),
)  # fmt: skip
