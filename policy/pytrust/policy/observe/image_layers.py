"""The layers of an image put together: what is where in the end (OCI image specification, "Layer Changesets").

A layer is a tar that anybody may have written. Its members are listed, and nothing is unpacked: no path can lead out of
the image, for none is ever opened. What cannot lie in an image (names that climb, more files than any image has,
members that are not whole) is refused.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple, Protocol, cast

from pytrust.policy.profiles.elf.tree import Entry
from pytrust.trust.errors import BadContent
from pytrust.trust.limits import (
    IMAGE_DEPTH_MAX,
    IMAGE_FILES_MAX,
    IMAGE_PATH_MAX_CHARS,
    IMAGE_TAR_HEAD_MAX_BYTES,
)

_GONE: Final = ".wh."
_EMPTIED: Final = ".wh..wh..opq"
_RESERVED: Final = ".wh..wh."  # marks of the union file system, which are no files
_CAPABILITY: Final = "SCHILY.xattr.security.capability"
_FILES: Final = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})


class Placed(NamedTuple):
    """A file or link, and where its bytes begin in the layer that brought it."""

    entry: Entry
    layer: int
    offset: int


class Layer(NamedTuple):
    """What one layer brings: files and links by path, folders, and what it takes away of those below.

    ``gone`` are taken away whole, ``emptied`` are folders that lose what is in them.
    """

    placed: dict[str, Placed]
    folders: frozenset[str]
    gone: frozenset[str]
    emptied: frozenset[str]


class Readable(Protocol):
    """As much of a file as is needed here."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go there."""

    def tell(self) -> int:
        """Where it is."""


class Narrow:
    """A file that is not read in large pieces: what a tar says of one member has some hundred bytes."""

    def __init__(self, file: Readable, what: str) -> None:
        self._file = file
        self._what = what

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if not 0 <= size <= IMAGE_TAR_HEAD_MAX_BYTES:
            raise BadContent(f"{self._what} says more than {IMAGE_TAR_HEAD_MAX_BYTES} bytes of one file")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go there."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._file.tell()


def members(file: Readable, what: str) -> Iterator[tarfile.TarInfo]:
    """The members of a tar, one by one; their bytes are not read.

    Raises:
        BadContent: it is none, or says too much.
    """
    try:
        with tarfile.open(fileobj=cast("BinaryIO", Narrow(file, what)), mode="r:", errorlevel=2) as tar:
            for _ in range(IMAGE_FILES_MAX):
                member = tar.next()
                if member is None:
                    return
                tar.members.clear()  # type: ignore[attr-defined]  # else all of them stay in memory
                yield member
    except (tarfile.TarError, ValueError, OverflowError, EOFError, ArithmeticError) as error:
        raise BadContent(f"{what} is no tar that can be read: {_line(error)}") from error
    raise BadContent(f"{what} has more than {IMAGE_FILES_MAX} files")


def read_layer(file: Readable, size: int, number: int, what: str) -> Layer:
    """List one layer, which is the ``number``-th and has ``size`` bytes.

    Raises:
        BadContent: it cannot be one.
    """
    placed: dict[str, Placed] = {}
    folders: set[str] = set()
    gone: set[str] = set()
    emptied: set[str] = set()
    for member in members(file, what):
        path = place_of(member.name, what)
        folder, _, name = path.rpartition("/")
        if name == _EMPTIED:
            emptied.add(folder)
        elif name.startswith(_RESERVED):
            continue
        elif name.startswith(_GONE):
            gone.add(f"{folder}/{name[len(_GONE) :]}")
        elif member.isdir():
            folders.add(path)
            placed.pop(path, None)
        elif (found := _placed(member, placed, number, size, what)) is not None:
            placed[path] = found
    return Layer(placed, frozenset(folders), frozenset(gone), frozenset(emptied))


def place_of(name: str, what: str) -> str:
    """A member's name as an absolute path.

    Raises:
        BadContent: it climbs, or is longer or deeper than any.
    """
    parts = [part for part in name.split("/") if part not in {"", "."}]
    path = "/" + "/".join(parts)
    if ".." in parts or "\0" in name:
        raise BadContent(f"{what} names a file outside of the image: {name[:100]!r}")
    if len(path) > IMAGE_PATH_MAX_CHARS or len(parts) > IMAGE_DEPTH_MAX:
        raise BadContent(f"{what} names a file with a longer path than there can be: {name[:100]!r}")
    return path


def _placed(member: tarfile.TarInfo, placed: dict[str, Placed], number: int, size: int, what: str) -> Placed | None:
    """A member as what it puts into the image; None for devices and the like."""
    if member.issym():
        return Placed(Entry(mode=member.mode, link=member.linkname), number, 0)
    if member.islnk():
        return placed.get(place_of(member.linkname, what))
    if member.type not in _FILES:
        return None
    if member.issparse() or member.size < 0 or member.offset_data + member.size > size:
        raise BadContent(f"{what} is cut off in {member.name[:100]!r}")
    capability = member.pax_headers.get(_CAPABILITY, "").encode("utf-8", "surrogateescape")
    return Placed(Entry(member.size, member.mode & 0o7777, capability), number, member.offset_data)


def merge(layers: Iterable[Layer]) -> dict[str, Placed]:
    """What is there when each layer has come over those before it.

    Raises:
        BadContent: there are more files than any image has.
    """
    found: dict[str, Placed] = {}
    for layer in layers:
        if found:
            _take_away(found, layer)
        found.update(layer.placed)
        if len(found) > IMAGE_FILES_MAX:
            raise BadContent(f"the image has more than {IMAGE_FILES_MAX} files")
    return found


def _take_away(found: dict[str, Placed], layer: Layer) -> None:
    """Remove what the layer deletes; what was below a file of its, and what is now a folder."""
    above = {*layer.gone, *layer.emptied, *layer.placed}
    folders = set(layer.folders)
    for path in layer.placed:
        folders.update(_ancestors(path))
    for path in [path for path in found if path in layer.gone or path in folders or _below(path, above)]:
        del found[path]


def _below(path: str, above: set[str]) -> bool:
    return any(folder in above for folder in _ancestors(path))


def _ancestors(path: str) -> Iterator[str]:
    while (cut := path.rfind("/")) >= 0:
        path = path[:cut]
        yield path


def _line(error: Exception) -> str:
    return (str(error).partition("\n")[0] or type(error).__name__)[:200].lower()
