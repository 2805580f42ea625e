"""The services of a Compose file as trials can run them (Compose specification, "Services"). Pure.

What a trial cannot say is refused where the service would be another one without it, and else told of. Values with
variables are refused: ``docker compose config`` writes the same file without.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final, NamedTuple

from pytrust.policy.observe.trial import RunOptions
from pytrust.policy.stack.tree import Mapping, Node, Scalar, Sequence, Tree, read_tree
from pytrust.trust.errors import UsageError

_UNDERSTOOD: Final = frozenset(
    ["image", "entrypoint", "command", "environment", "volumes", "tmpfs", "ports", "network_mode", "user", "hostname"]
)
_PROFILES: Final = frozenset({"cap_add", "cap_drop", "security_opt", "read_only"})
"""What a profile says, and so is not taken from here."""
_DONE_WITHOUT: Final = """
annotations attach build container_name depends_on deploy expose healthcheck labels logging networks platform profiles
pull_policy restart scale stop_grace_period
"""
_BESIDE: Final = frozenset(_DONE_WITHOUT.split())
"""What a single container runs without."""
_NETWORKS: Final = frozenset({"host", "none", "bridge"})
_HINT: Final = "run it with the options of pytrust profile instead of --compose"
_WRITE_OUT: Final = "docker compose config > FILE writes a file without variables"


class Service(NamedTuple):
    """``notes`` say what was left out, a sentence each."""

    name: str
    image: str
    options: RunOptions
    notes: tuple[str, ...] = ()


def read_services(data: bytes, what: str, folder: PurePath) -> tuple[Service, ...]:
    """The services that have an image; paths are taken from ``folder``, the file's own.

    Raises:
        UsageError: it is no Compose file, or a service cannot be run in a trial.
    """
    tree = read_tree(data, what)
    listed = tree.find(tree.root, "services")
    if not isinstance(listed, Mapping):
        raise UsageError(f"{what} has no services", hint="is it a compose file?")
    found = ((name, tree.real(entry.value)) for name, entry in listed.entries.items())
    return tuple(
        _Reader(tree, name, node, folder).service()
        for name, node in found
        if isinstance(node, Mapping) and tree.find(node, "image") is not None
    )


class _Reader:
    """One service."""

    def __init__(self, tree: Tree, name: str, node: Mapping, folder: PurePath) -> None:
        self._tree, self._name, self._node, self._folder = tree, name, node, folder
        self._notes: list[str] = []

    def service(self) -> Service:
        self._check_keys()
        options = RunOptions(
            entrypoint=self._words("entrypoint"),
            command=self._words("command"),
            environment=tuple(self._environment()),
            mounts=tuple(self._mounts()),
            tmpfs=self._list("tmpfs"),
            publish=tuple(map(self._port, self._items("ports"))),
            network=self._network(),
            user=self._one("user"),
            hostname=self._one("hostname"),
        )
        return Service(self._name, self._one("image"), options, tuple(self._notes))

    def _check_keys(self) -> None:
        if self._node.merged is not None:
            raise self._refused(self._node, "has keys that are merged in", _WRITE_OUT)
        for key, entry in self._node.entries.items():
            if key in _UNDERSTOOD or key.startswith("x-") or self._is_nothing(entry.value):
                continue
            if key not in _BESIDE | _PROFILES:
                raise self._refused(entry.value, f"has {key[:60]}, which no trial can give it", _HINT)
            reason = "a profile says it" if key in _PROFILES else "a single container does without"
            self._notes.append(f"{self._name}: {key} is left out: {reason}")

    def _words(self, key: str) -> tuple[str, ...]:
        """A list, or a line as a shell would split it."""
        node = self._tree.find(self._node, key)
        if not isinstance(node, Scalar) or self._is_nothing(node):
            return self._list(key)
        try:
            return tuple(shlex.split(self._text(node)))
        except ValueError as error:
            raise self._refused(node, f"has a {key} with an open quote") from error

    def _environment(self) -> Iterator[str]:
        node = self._tree.find(self._node, "environment")
        if not isinstance(node, Mapping):
            yield from self._list("environment")
            return
        for name, entry in node.entries.items():
            if self._is_nothing(entry.value):
                raise self._refused(node, f"takes {name[:60]} from whoever runs it", "write its value out")
            yield f"{name}={self._text(entry.value)}"

    def _mounts(self) -> Iterator[str]:
        for item in self._items("volumes"):
            if isinstance(item, Mapping):
                kind, source = self._inner(item, "type"), self._inner(item, "source")
                target, mode = self._inner(item, "target"), "ro" if self._inner(item, "read_only") == "true" else ""
            else:
                kind, (source, target, mode) = "", self._parts(item)
            if kind not in {"", "bind", "volume"}:
                raise self._refused(item, f"has a mount of type {kind[:60]}, which no trial can give it", _HINT)
            yield from self._mount(source, target, mode)

    def _parts(self, item: Node) -> tuple[str, str, str]:
        first, _, rest = self._text(item).partition(":")
        target, _, mode = rest.partition(":")
        return (first, target, mode) if rest else ("", first, "")

    def _mount(self, source: str, target: str, mode: str) -> Iterator[str]:
        """A volume's data would outlive the trial: the container keeps such a place to itself."""
        if not source.startswith(("/", ".")):
            self._notes.append(f"{self._name}: no volume is mounted at {target}")
            return
        path = self._folder / source
        yield f"{path}:{target}:{mode}" if mode else f"{path}:{target}"

    def _port(self, item: Node) -> str:
        if not isinstance(item, Mapping):
            return self._text(item)
        address, outside = self._inner(item, "host_ip"), self._inner(item, "published")
        before = f"{address}:{outside}:" if address else f"{outside}:" if outside else ""
        return f"{before}{self._inner(item, 'target')}/{self._inner(item, 'protocol') or 'tcp'}"

    def _network(self) -> str:
        network = self._one("network_mode")
        if network and network not in _NETWORKS:
            raise self._refused(self._node, f"has the network {network[:60]}, which is not there in a trial", _HINT)
        return network

    def _list(self, key: str) -> tuple[str, ...]:
        return tuple(map(self._text, self._items(key)))

    def _items(self, key: str) -> tuple[Node, ...]:
        node = self._tree.find(self._node, key)
        if node is None or self._is_nothing(node):
            return ()
        items = node.items if isinstance(node, Sequence) else (node,)
        return tuple(part for part in map(self._tree.real, items) if part is not None)

    def _one(self, key: str) -> str:
        node = self._tree.find(self._node, key)
        return "" if node is None or self._is_nothing(node) else self._text(node)

    def _inner(self, item: Mapping, key: str) -> str:
        node = self._tree.find(item, key)
        return "" if node is None else self._text(node)

    def _text(self, node: Node) -> str:
        """A value without variables; compose reads ``$$`` as ``$``."""
        real = self._tree.real(node)
        if not isinstance(real, Scalar):
            raise self._refused(node, "has a value that is no text", _WRITE_OUT)
        if "$" in real.text.replace("$$", ""):
            raise self._refused(node, "has a value with a variable", _WRITE_OUT)
        return real.text.replace("$$", "$")

    def _is_nothing(self, node: Node) -> bool:
        real = self._tree.real(node)
        if isinstance(real, Scalar):
            return real.plain and real.text.lower() in {"", "~", "null", "false"}
        return isinstance(real, Sequence) and not real.items

    def _refused(self, node: Node, reason: str, hint: str = "") -> UsageError:
        return self._tree.error(node, f"the service {self._name[:60]} {reason}", hint)
