"""The secrets that a Compose file holds or points to, and who uses them (Compose specification, "Secrets"). Pure.

Only what is understood is moved: what is external, comes from a driver, or is needed to build an image stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pytrust.policy.stack.found import FromFile, FromVariable, Inline, Moved, Origin, Stack, Use
from pytrust.policy.stack.looks import find_plain
from pytrust.policy.stack.tree import Mapping, Node, Scalar, Sequence, Tree
from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.names import ImageRef
from pytrust.trust.vault.model import Reader, parse_reader
from pytrust.trust.vault.names import SecretName, is_own, parse_secret_name

_ORIGINS: Final = ("file", "environment", "content")
_ELSEWHERE: Final = ("external", "driver", "template_driver")
_LONG: Final = frozenset({"source", "target", "uid", "gid", "mode"})
_MOUNTS: Final = "/run/secrets/"
_SWARM_ONLY: Final = ("placement", "update_config", "rollback_config", "endpoint_mode", "mode")
_VARIABLE: Final = re.compile(r"\$\{[^{}]*\}|\$[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_OCTAL: Final = re.compile(r"0o?([0-7]{1,4})")
_MODE_MAX: Final = 0o777
_ID_MAX: Final = 2**31 - 1


def find_secrets(tree: Tree, *, prefix: str = "", stack: str = "") -> Stack:
    """What can be moved.

    Args:
        tree: the file.
        prefix: begins the names in the vault, such as ``shop/``.
        stack: the name under which ``docker stack deploy`` runs it; empty: it is for ``docker compose``.

    Raises:
        UsageError: a secret or its use is not understood.
    """
    services = _mapping(tree, tree.root, "services")
    built = {key for service in _services(tree, services).values() for key in _built_with(tree, service)}
    secrets = _mapping(tree, tree.root, "secrets")
    notes = ["secrets that are merged in stay where they are"] if secrets and secrets.merged else []
    origins: dict[str, Origin] = {}
    for key, definition in _definitions(tree):
        if origin := _origin(tree, key, definition):
            if key in built:
                notes.append(f"the secret {key} is needed to build an image, and stays")
            else:
                origins[key] = origin
    uses = [use for name, each in _services(tree, services).items() for use in _uses(tree, name, each, origins)]
    readers = _Readers(tree, _services(tree, services), stack, notes)
    moved = tuple(
        Moved(key, _name(prefix + key), origin, readers.of([use.service for use in uses if use.key == key]))
        for key, origin in origins.items()
    )
    notes += _swarm_notes(tree, services) if not stack else []
    return Stack(moved, tuple(uses), (*notes, *find_plain(tree)))


class _Readers:
    """Who may read a secret that some services use."""

    def __init__(self, tree: Tree, services: dict[str, Mapping], stack: str, notes: list[str]) -> None:
        self._tree, self._services, self._stack, self._notes = tree, services, stack, notes

    def of(self, services: list[str]) -> tuple[Reader, ...]:
        return tuple(sorted({reader for name in services if (reader := self._reader(name))}))

    def _reader(self, name: str) -> Reader | None:
        if self._stack:
            return parse_reader(f"service:{self._stack}_{name}")
        image = self._tree.find(self._services[name], "image")
        collection = _collection(image.text) if isinstance(image, Scalar) else None
        if collection:
            return parse_reader(f"image:{collection}")
        note = f"the image of {name} cannot be told: let it read by hand: pytrust secret allow"
        if note not in self._notes:
            self._notes.append(note)
        return None


def _collection(image: str) -> str | None:
    """The name of an image; its tag or digest may be a variable, its name may not."""
    before, dollar, after = image.partition("$")
    if dollar:
        rest = _VARIABLE.sub("", dollar + after)
        if before[-1:] not in {":", "@"} or "/" in rest or "$" in rest:
            return None
        before = before[:-1]
    try:
        return ImageRef.parse(before).collection
    except InvalidName:
        return None


def _definitions(tree: Tree) -> Iterator[tuple[str, Mapping]]:
    secrets = _mapping(tree, tree.root, "secrets")
    for key, entry in secrets.entries.items() if secrets else ():
        value = tree.real(entry.value)
        if isinstance(value, Mapping):
            yield key, value


def _origin(tree: Tree, key: str, definition: Mapping) -> Origin | None:
    """Where the value is; None: elsewhere already."""
    if any(_is_set(tree.find(definition, word)) for word in _ELSEWHERE):
        return None
    given = [(word, node) for word in _ORIGINS if (node := tree.find(definition, word))]
    if len(given) != 1 or not isinstance(given[0][1], Scalar):
        raise tree.error(definition, f"the secret {key} has no origin, or two", "give it one: file or environment")
    word, node = given[0][0], given[0][1]
    assert isinstance(node, Scalar)
    if word == "content" and not _stands_in(tree, key, node):
        raise tree.error(node, f"the value of the secret {key} stands elsewhere", f"write it out below secrets.{key}")
    text = _literal(tree, key, node)
    match word:
        case "file":
            return FromFile(text)
        case "environment":
            return FromVariable(text)
    return Inline(text.encode())


def _stands_in(tree: Tree, key: str, value: Scalar) -> bool:
    """Whether a value goes with its definition; not where that is an alias, or the value is, or is merged in."""
    secrets = _mapping(tree, tree.root, "secrets")
    entry = secrets.entries[key] if secrets else None
    return entry is not None and entry.start < value.start and value.end <= entry.value.end


def _literal(tree: Tree, key: str, node: Scalar) -> str:
    """A text without variables: compose reads ``$$`` as ``$``."""
    text = node.text
    if "$" in text.replace("$$", ""):
        raise tree.error(node, f"the secret {key} is written with variables", "write them out, or move it by hand")
    if not text:
        raise tree.error(node, f"the secret {key} is empty", "remove it")
    return text.replace("$$", "$")


def _is_set(node: Node | None) -> bool:
    return node is not None and not (isinstance(node, Scalar) and node.text.lower() in {"", "~", "null", "false"})


def _uses(tree: Tree, service: str, definition: Mapping, origins: dict[str, Origin]) -> Iterator[Use]:
    listed = tree.find(definition, "secrets")
    if listed is None or (isinstance(listed, Scalar) and not listed.text):
        return
    if not isinstance(listed, Sequence):
        raise tree.error(listed, f"the secrets of {service} are no list")
    for item in listed.items:
        use = use_of(tree, service, item)
        if use.key in origins:
            yield use


def use_of(tree: Tree, service: str, item: Node) -> Use:
    """One of the secrets of ``service``; raises ``UsageError`` for what is not understood."""
    node = tree.real(item)
    if isinstance(node, Scalar):
        return Use(service, node.text, node.text)
    if not isinstance(node, Mapping) or not set(node.entries) <= _LONG or node.merged is not None:
        raise tree.error(item, f"a secret of {service} is not understood", "source, target, uid, gid and mode are")
    source = _text(tree, node, "source")
    target = _text(tree, node, "target") or source
    file = target.removeprefix(_MOUNTS)
    try:
        parse_secret_name(file)
        fits = "/" not in file
    except InvalidName:
        fits = False
    if not fits:
        raise tree.error(node, f"{service} wants {source} at {target[:80]}", f"only {_MOUNTS}FILE can be served")
    return Use(service, source, file, _number(tree, node, "uid"), _number(tree, node, "gid"), _mode(tree, node))


def _text(tree: Tree, node: Mapping, key: str) -> str:
    value = tree.find(node, key)
    return value.text if isinstance(value, Scalar) else ""


def _number(tree: Tree, node: Mapping, key: str) -> int | None:
    text = _text(tree, node, key)
    if text and (not _NUMBER.fullmatch(text) or int(text) > _ID_MAX):
        raise tree.error(node, f"{key} is not a plain number")
    return int(text) if text else None


def _mode(tree: Tree, node: Mapping) -> int | None:
    """Octal where it begins with 0, or stands in quotes: as compose reads it."""
    value = tree.find(node, "mode")
    if not isinstance(value, Scalar) or not value.text:
        return None
    octal = _OCTAL.fullmatch(value.text if value.plain else f"0{value.text.removeprefix('0')}")
    mode = int(octal[1], 8) if octal else int(value.text) if _NUMBER.fullmatch(value.text) else _MODE_MAX + 1
    if mode > _MODE_MAX:
        raise tree.error(value, "mode is not one of a file", "such as 0440")
    return mode


def _name(text: str) -> SecretName:
    name = parse_secret_name(text)
    if is_own(name):
        raise UsageError(f"{name} is pytrust's own", hint="take another --prefix")
    return name


def _services(tree: Tree, services: Mapping | None) -> dict[str, Mapping]:
    found = {key: tree.real(entry.value) for key, entry in services.entries.items()} if services else {}
    return {key: node for key, node in found.items() if isinstance(node, Mapping)}


def _built_with(tree: Tree, service: Mapping) -> Iterator[str]:
    build = tree.find(service, "build")
    listed = tree.find(build, "secrets") if isinstance(build, Mapping) else None
    for item in map(tree.real, listed.items if isinstance(listed, Sequence) else ()):
        if isinstance(item, Scalar):
            yield item.text
        elif isinstance(item, Mapping):
            yield _text(tree, item, "source")


def _mapping(tree: Tree, parent: Mapping, key: str) -> Mapping | None:
    found = tree.find(parent, key)
    if found is None or (isinstance(found, Scalar) and not found.text):
        return None
    if not isinstance(found, Mapping):
        raise tree.error(found, f"{key} has no keys")
    return found


def _swarm_notes(tree: Tree, services: Mapping | None) -> list[str]:
    for name, service in _services(tree, services).items():
        deploy = tree.find(service, "deploy")
        if isinstance(deploy, Mapping) and any(tree.find(deploy, word) for word in _SWARM_ONLY):
            return [f"{name} says how a swarm runs it: for docker stack deploy give --stack NAME"]
    return []
