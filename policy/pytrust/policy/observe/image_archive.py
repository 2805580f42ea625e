"""An image as an engine hands it out: a tar of its configuration and its layers (``docker save``, OCI layout).

Both spellings have a ``manifest.json`` that names them. Layers may be compressed by gzip; engines that keep them so
hand them out so.
"""

from __future__ import annotations

import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NamedTuple

from pytrust.policy.observe.image_layers import members, place_of
from pytrust.policy.profiles.elf.tree import Config
from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadContent, BadMetadata
from pytrust.trust.limits import (
    CHUNK_BYTES,
    IMAGE_DOCUMENT_MAX_BYTES,
    IMAGE_LAYERS_MAX,
    IMAGE_LINKS_MAX,
    IMAGE_TAR_MAX_BYTES,
    IMAGE_WORDS_MAX,
)

_MANIFEST: Final = "/manifest.json"
_DEPTH: Final = 16
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_PORT: Final = re.compile(r"[0-9]{1,5}")
_WITH_HEAD: Final = 31  # zlib: a window of 32 KiB, and the head of gzip


class Part(NamedTuple):
    """A member of the archive: where its bytes begin, and how many there are; or where it leads."""

    offset: int
    size: int
    link: str = ""


class Archive:
    """The archive of one image; ``what`` names it in errors."""

    def __init__(self, file: BinaryIO, size: int, what: str) -> None:
        self._file = file
        self._what = what
        self._parts: dict[str, Part] = {}
        file.seek(0)
        for member in members(file, what):
            self._add(member, size)

    def documents(self) -> tuple[Config, list[Part]]:
        """The configuration, and the layers from the lowest on.

        Raises:
            BadContent: it is no image, or more than one.
        """
        manifest = self._json(_MANIFEST)
        match manifest:
            case [{"Config": str(config), "Layers": [*layers]}] if len(layers) <= IMAGE_LAYERS_MAX:
                parts = [self._part(str(layer)) for layer in layers]
                return read_config(self._json(config), self._what), parts
        raise BadContent(f"{self._what} does not say what it is made of", hint="does docker save give it?")

    def _add(self, member: tarfile.TarInfo, size: int) -> None:
        path = place_of(member.name, self._what)
        if member.isdir():
            return
        if path in self._parts:
            raise BadContent(f"{self._what} holds {path[1:][:100]} twice")
        if member.issym():
            self._parts[path] = Part(0, 0, posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname)))
        elif member.islnk():
            self._parts[path] = Part(0, 0, place_of(member.linkname, self._what))
        elif not member.isreg() or member.issparse() or member.offset_data + member.size > size:
            raise BadContent(f"{self._what} is cut off in {path[1:][:100]}")
        else:
            self._parts[path] = Part(member.offset_data, member.size)

    def _part(self, name: str) -> Part:
        path = place_of(name, self._what)
        for _ in range(IMAGE_LINKS_MAX):
            part = self._parts.get(path)
            if part is not None and not part.link:
                return part
            path = path if part is None else part.link
        raise BadContent(f"{self._what} lacks {name[:100]}, which it names")

    def _json(self, name: str) -> Any:  # noqa: ANN401
        part = self._part(name)
        self._file.seek(part.offset)
        data = self._file.read(min(part.size, IMAGE_DOCUMENT_MAX_BYTES + 1))
        try:
            return parse_json(
                data, what=f"{name} of {self._what}", max_bytes=IMAGE_DOCUMENT_MAX_BYTES, max_depth=_DEPTH
            )
        except BadMetadata as error:
            raise BadContent(str(error)) from error


def plain_layer(file: BinaryIO, part: Part, scratch: Callable[[], BinaryIO], what: str) -> tuple[BinaryIO, int, int]:
    """A layer that is not compressed: its file, where it begins and how long it is; ``scratch`` makes room for one.

    Raises:
        BadContent: it is compressed in a way that cannot be read, or to more than any image has.
    """
    file.seek(part.offset)
    start = file.read(min(len(_ZSTD), part.size))
    if start.startswith(_ZSTD):
        raise BadContent(
            f"{what} has layers that are compressed by zstd, which is not read", hint="docker pull it anew"
        )
    if not start.startswith(_GZIP):
        return file, part.offset, part.size
    out = scratch()
    return out, 0, _inflate(file, part, out, what)


def _inflate(file: BinaryIO, part: Part, out: BinaryIO, what: str) -> int:
    unpacker, left, written = zlib.decompressobj(_WITH_HEAD), part.size, 0
    file.seek(part.offset)
    try:
        while left > 0 and not unpacker.eof:
            data = file.read(min(CHUNK_BYTES, left))
            left -= len(data) or left
            while data:
                piece = unpacker.decompress(data, CHUNK_BYTES)
                data = unpacker.unconsumed_tail
                written += out.write(piece)
                if written > IMAGE_TAR_MAX_BYTES:
                    raise BadContent(f"{what} unpacks to more than {IMAGE_TAR_MAX_BYTES} bytes")
        out.flush()
    except zlib.error as error:
        raise BadContent(f"{what} has a layer that cannot be unpacked") from error
    return written


def read_config(document: object, what: str) -> Config:
    """What an image's configuration says of its programs.

    Raises:
        BadContent: it says it in a way that has no meaning.
    """
    match document:
        case {"architecture": str(architecture), **more}:
            config = more.get("config") or {}
            if not isinstance(config, dict):
                config = {}
            return Config(
                entrypoint=_words(config, "Entrypoint", what),
                command=_words(config, "Cmd", what),
                environment=_words(config, "Env", what),
                user=str(config.get("User") or ""),
                folder=str(config.get("WorkingDir") or "/"),
                ports=_ports(config.get("ExposedPorts")),
                architecture=architecture,
            )
    raise BadContent(f"{what} does not say for which architecture it is made")


def _words(config: dict[str, Any], key: str, what: str) -> tuple[str, ...]:
    found = config.get(key) or ()
    if not isinstance(found, list | tuple) or len(found) > IMAGE_WORDS_MAX:
        raise BadContent(f"{what} has a configuration whose {key} is no list of words")
    return tuple(str(word) for word in found)


def _ports(found: object) -> tuple[int, ...]:
    texts = (str(port).partition("/")[0] for port in found) if isinstance(found, dict) else ()
    return tuple(sorted({int(text) for text in texts if _PORT.fullmatch(text)}))
