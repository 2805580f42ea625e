"""What the mounts of a container ask for: paths on the host, volumes and their drivers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pytrust.policy.core.request import Ask, Field
from pytrust.policy.engine.asking import Table, ask_text, ask_whether, asked, reserved_labels
from pytrust.policy.engine.binds import HARMLESS_WORDS, parse_bind
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.models_host import Driver, Mount
from pytrust.policy.engine.names import container_name, volume_name
from pytrust.policy.engine.paths import absolute, clean
from pytrust.policy.engine.shapes import given

DEFAULT_DRIVER = "local"
_TELLING = frozenset({"type", "device"})  # the values of other options may be credentials: o=username=...,password=...
_LAYERS = frozenset({"lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"})
_ROUNDABOUT = frozenset({".", ".."})

_TMPFS_KEYS = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"})
_TMPFS_FLAGS = frozenset({
    "", "defaults", "ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "sync", "async", "dirsync",
    "mand", "nomand", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime",
    "nostrictatime", "private", "rprivate",
})  # fmt: skip


def bind_asks(binds: Iterable[str]) -> Iterator[Ask]:
    """``HostConfig.Binds``."""
    for text in binds:
        bind = parse_bind(text)
        yield from path_asks(bind.source, bind.writable) if bind.of_host else _volume(bind.source)
        yield from _mode(bind.words)


def volumes_from_asks(entries: Iterable[str]) -> Iterator[Ask]:
    """``HostConfig.VolumesFrom``: ``CONTAINER[:MODE]``."""
    for entry in entries:
        container, _, mode = entry.partition(":")
        yield Ask(field=Field.VOLUMES_FROM, value=container_name(container))
        yield from _mode(mode.split(","))


def mount_asks(mounts: Iterable[Mount]) -> Iterator[Ask]:
    """``HostConfig.Mounts``; the images among them are no asks, see ``images``."""
    for mount in mounts:
        yield from _source(mount)
        yield from asked(MOUNT, mount)


def tmpfs_asks(tmpfs: Mapping[str, str]) -> Iterator[Ask]:
    """``HostConfig.Tmpfs``: words that make more of it than files in memory; ``exec`` and the like are rewritten."""
    for words in tmpfs.values():
        yield from (Ask(field=Field.BIND_OPTION, value=word) for word in words.split(",") if not _is_tmpfs_word(word))


def volume_option_asks(options: Mapping[str, str]) -> Iterator[Ask]:
    """The options of a volume's driver, with no more of their values than is needed to judge them.

    A device is mounted as it is written: ``..`` in it would be followed from where a link led.
    """
    for key, value in options.items():
        yield Ask(field=Field.VOLUME_OPTION, value=f"{key}={value}" if key in _TELLING else key)
        for device in (value,) if key == "device" else _layers(value) if key == "o" else ():
            if _is_roundabout(device):
                raise Malformed(400, f"the device {device[:100]!r} is not written in its shortest form")
            if key == "o":
                yield Ask(field=Field.VOLUME_OPTION, value=f"device={device}")


def _layers(words: str) -> Iterator[str]:
    """The folders that an overlay is made of: each is as good as a device."""
    for word in words.split(","):
        key, _, value = word.partition("=")
        if key.strip() in _LAYERS:
            yield from filter(None, value.split(":"))


def _is_roundabout(device: str) -> bool:
    return device != clean(device) if device.startswith("/") else not _ROUNDABOUT.isdisjoint(device.split("/"))


def path_asks(path: str, writable: bool) -> Iterator[Ask]:
    """A mount of a path of the host."""
    yield Ask(field=Field.BIND, value=path)
    if writable:
        yield Ask(field=Field.WRITABLE_BIND, value=path)


def _source(mount: Mount) -> Iterator[Ask]:
    kind, source = given(mount.type) or "", given(mount.source) or ""
    match kind:
        case "bind":
            yield from path_asks(absolute(source, "the source of a mount"), given(mount.read_only) is not True)
        case "volume":
            yield from _volume(volume_name(source))
        case "tmpfs" | "image":
            pass
        case "":
            raise Malformed(400, "a mount has no type")
        case _:
            yield Ask(field=Field.MOUNT_TYPE, value=kind)


def _volume(name: str) -> Iterator[Ask]:
    if name:
        yield Ask(field=Field.VOLUME, value=name)


def _is_tmpfs_word(word: str) -> bool:
    key, value, _ = word.partition("=")
    return word in _TMPFS_FLAGS or (value != "" and key in _TMPFS_KEYS)


def _mode(words: Iterable[str]) -> Iterator[Ask]:
    yield from (Ask(field=Field.BIND_OPTION, value=word) for word in words if word not in HARMLESS_WORDS)


def _driver(driver: Driver) -> Iterator[Ask]:
    return asked(DRIVER, driver)


BIND_OPTIONS = Table(
    asks={
        "propagation": lambda word: _mode([word]),
        "create_mountpoint": ask_whether(Field.BIND_OPTION, "CreateMountpoint"),
        "read_only_non_recursive": ask_whether(Field.BIND_OPTION, "ReadOnlyNonRecursive"),
    },
    harmless=frozenset({"non_recursive", "read_only_force_recursive"}),
)
DRIVER = Table(
    asks={"name": ask_text(Field.VOLUME_DRIVER, DEFAULT_DRIVER), "options": volume_option_asks}, harmless=frozenset()
)
VOLUME_OPTIONS = Table(
    asks={"labels": reserved_labels, "driver_config": _driver}, harmless=frozenset({"no_copy", "subpath"})
)
MOUNT = Table(
    asks={
        "bind_options": lambda options: asked(BIND_OPTIONS, options),
        "volume_options": lambda options: asked(VOLUME_OPTIONS, options),
    },
    harmless=frozenset({
        "type", "source", "read_only",  # judged together
        "target", "consistency", "image_options", "cluster_options",
        "tmpfs_options",  # rewritten
    }),
)  # fmt: skip
