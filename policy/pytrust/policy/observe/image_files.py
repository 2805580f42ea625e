"""The files of an image, as its engine holds them, without a container being made.

The engine's archive of the image is on disk while it is looked at, in a file without a name; of it, only what is asked
for is read.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Final

from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.engine.client import Engine
from pytrust.policy.engine.questions import image_in_path
from pytrust.policy.observe.image_archive import Archive, plain_layer
from pytrust.policy.observe.image_layers import Layer, Placed, merge, read_layer
from pytrust.policy.profiles.elf.tree import Config, Entry
from pytrust.trust.errors import BadContent, Unsound
from pytrust.trust.limits import IMAGE_EXPORT_TIMEOUT, IMAGE_TAR_MAX_BYTES

_FULL: Final = "make room, or name another folder for temporary files: TMPDIR"


class Window:
    """A part of a file on disk, as a file: it begins at ``start``, and has ``size`` bytes."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self.size = size
        self._at = 0

    def at(self, offset: int, size: int) -> bytes:
        """So many bytes from an offset on, or as many as there are."""
        most = max(0, min(size, self.size - offset))
        return os.pread(self._file.fileno(), most, self._start + offset) if most else b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self.at(self._at, self.size if size < 0 else size)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go there."""
        self._at = max(0, offset + {os.SEEK_CUR: self._at, os.SEEK_END: self.size}.get(whence, 0))
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at


class ImageTree:
    """The files of an image (``elf.tree.FileTree``), while its archive is open."""

    def __init__(self, placed: dict[str, Placed], layers: list[Window]) -> None:
        self._placed = placed
        self._layers = layers

    def entry(self, path: str) -> Entry | None:
        """What lies there."""
        found = self._placed.get(path)
        return None if found is None else found.entry

    def paths(self) -> Iterator[str]:
        """Every file and link."""
        return iter(self._placed)

    def read(self, path: str, limit: int) -> bytes:
        """The first bytes of a file."""
        found = self._placed[path]
        return self._layers[found.layer].at(found.offset, min(limit, found.entry.size))


@contextmanager
def image_files(address: EngineAddress, image: str) -> Iterator[tuple[ImageTree, Config]]:
    """The files and the configuration of an image that the engine holds.

    Raises:
        NotFound: it holds no such image.
        BadContent: what it gives is no image, or a hostile one.
        Unsound: there is no room for it on this disk.
        Unreachable, AccessDenied, TooSlow, ServerError: as of every call of an engine.
    """
    with ExitStack() as stack:
        archive = stack.enter_context(_scratch())
        size = _Exporter(address).export(image, archive)
        yield read_archive(archive, size, f"the image {image}", stack)


def read_archive(archive: BinaryIO, size: int, what: str, stack: ExitStack) -> tuple[ImageTree, Config]:
    """Read an archive of ``size`` bytes; what it needs beside is open as long as ``stack``.

    Raises:
        BadContent: it is no image, or a hostile one.
        Unsound: there is no room for its layers on this disk.
    """
    config, parts = Archive(archive, size, what).documents()
    windows: list[Window] = []
    layers: list[Layer] = []
    for number, part in enumerate(parts):
        with _room():
            window = Window(*plain_layer(archive, part, lambda: stack.enter_context(_scratch()), what))
        layers.append(read_layer(window, window.size, number, f"layer {number + 1} of {what}"))
        windows.append(window)
    return ImageTree(merge(layers), windows), config


class _Exporter(Engine):
    """An engine that hands out its images."""

    def export(self, image: str, file: BinaryIO) -> int:
        """Write an image's archive into ``file``; gives its size."""
        written = 0
        with self._call("GET", f"/images/{image_in_path(image)}/get", idle=IMAGE_EXPORT_TIMEOUT) as answer:
            for chunk in self._chunks(answer):
                with _room():
                    written += file.write(chunk)
                if written > IMAGE_TAR_MAX_BYTES:
                    raise BadContent(f"the image {image} has more than {IMAGE_TAR_MAX_BYTES} bytes")
        with _room():
            file.flush()
        return written


@contextmanager
def _scratch() -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        with _room():
            file = stack.enter_context(tempfile.TemporaryFile(prefix="pytrust-"))
        yield file


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unsound(f"the image does not fit into {tempfile.gettempdir()}: {reason}", hint=_FULL) from error
