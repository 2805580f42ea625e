"""A publish as it comes in: multipart bytes to files by role. Pure.

Every part is bounded by its role, parts and headers in number, the whole in size. The name of a field says nothing,
the file name is the role, with or without ``.json``. Two parts of one role are refused (stock servers take the last).
Timestamps are read and dropped: the server makes its own. Source: Notary v1, ``server/handlers/default.go``; RFC 7578.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from pytrust.trust.formats.notary.envelope import max_bytes
from pytrust.trust.formats.notary.files import is_delegation
from pytrust.trust.limits import (
    UPLOAD_MAX_BYTES,
    UPLOAD_PART_HEADER_MAX_BYTES,
    UPLOAD_PART_HEADERS_MAX,
    UPLOAD_PARTS_MAX,
)
from pytrust.trust.server.disposition import parse_parameters
from pytrust.trust.server.refusals import Code, Refusal

_BOUNDARY: Final = re.compile(r"[0-9a-zA-Z'()+_,\-./:=? ]{0,69}[0-9a-zA-Z'()+_,\-./:=?]")  # RFC 2046, 5.1.1
_DISPOSITION: Final = b"content-disposition"
_SUFFIX: Final = ".json"
_SHOWN: Final = 100  # characters of a name in a message


class UploadReader:
    """Bytes to files by role: ``feed`` until the body ends, then ``finish``. All raise ``Refusal``.

    Args:
        content_type: the header of the request.
    """

    def __init__(self, content_type: bytes) -> None:
        self._files: dict[str, bytearray] = {}
        self._role: str | None = None
        self._parts = self._size = 0
        self._field, self._value = bytearray(), bytearray()
        self._dispositions: list[bytes] = []
        self._ended = False
        self._parser = MultipartParser(
            _boundary(content_type),
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._name_part,
                "on_part_data": self._add,
                "on_end": self._end,
            },
            max_header_count=UPLOAD_PART_HEADERS_MAX,
            max_header_size=UPLOAD_PART_HEADER_MAX_BYTES,
        )

    @property
    def size(self) -> int:
        """Bytes that came so far."""
        return self._size

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._size += len(data)
        if self._size > UPLOAD_MAX_BYTES:
            raise too_large()
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise _malformed("the parts cannot be told apart") from error

    def finish(self) -> Mapping[str, bytes]:
        """The files by role; there may be none."""
        if not self._ended:
            raise _malformed("it ends before its last boundary")
        return {role: bytes(data) for role, data in self._files.items() if role != TIMESTAMP}

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > UPLOAD_PARTS_MAX:
            raise _malformed(f"it has more than {UPLOAD_PARTS_MAX} parts")
        self._dispositions.clear()

    def _end_header(self) -> None:
        if self._field.lower() == _DISPOSITION:
            self._dispositions.append(bytes(self._value))
        self._field.clear()
        self._value.clear()

    def _name_part(self) -> None:
        self._role = role = _role_of(self._dispositions)
        if role in self._files:
            raise _malformed(f"{role} stands in it twice")
        self._files[role] = bytearray()

    def _add(self, data: bytes, start: int, end: int) -> None:
        assert self._role is not None
        file = self._files[self._role]
        if len(file) + end - start > max_bytes(self._role):
            raise _malformed(f"{self._role} is larger than {max_bytes(self._role)} bytes")
        file += memoryview(data)[start:end]

    def _end(self) -> None:
        self._ended = True


def too_large() -> Refusal:
    """The body is more than a publish can be."""
    return _malformed(f"it is larger than {UPLOAD_MAX_BYTES} bytes")


def _boundary(content_type: bytes) -> str:
    found = parse_parameters(content_type)
    boundary = found[1].get("boundary", "") if found and found[0] == "multipart/form-data" else ""
    if not _BOUNDARY.fullmatch(boundary):
        raise _malformed("it is not multipart/form-data with a boundary")
    return boundary


def _role_of(dispositions: list[bytes]) -> str:
    found = parse_parameters(dispositions[0]) if len(dispositions) == 1 else None
    if found is None or found[0] != "form-data":
        raise _malformed("a part has not exactly one readable Content-Disposition")
    name = found[1].get("filename", "").removesuffix(_SUFFIX)
    if not name:
        raise Refusal(Code.NO_FILENAME, "a part has no file name: it is the role")
    if name not in {ROOT, TARGETS, SNAPSHOT, TIMESTAMP} and not is_delegation(name):
        raise Refusal(Code.INVALID_ROLE, f"{name[:_SHOWN]!r} is not a role")
    return name


def _malformed(why: str) -> Refusal:
    return Refusal(Code.MALFORMED_UPLOAD, f"the upload cannot be read: {why}")
