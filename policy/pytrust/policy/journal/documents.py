"""Large values of an entry are documents of their own, kept once in a file; their sha256 stands in the entry. Pure.

Which values these are is a matter of their type, and not of their size: seccomp files, scans, and claims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Final, Generic, NamedTuple, TypeVar, cast

from pytrust.scanner.claim import Claims
from pytrust.scanner.scan import Scan
from pytrust.scanner.statement import decode_scan, encode_scan
from pytrust.scanner.vex.statement import decode_claims, encode_claims
from pytrust.trust.errors import BadContent, Damaged, Unsound, UsageError
from pytrust.trust.limits import STATEMENT_MAX_BYTES

DOCUMENT_MAX_BYTES: Final = STATEMENT_MAX_BYTES  # one document; the largest is a scan
_KEPT: Final = 64  # values whose bytes are remembered; a host runs some dozens of images
_KEPT_MAX_BYTES: Final = 16 * 1024 * 1024  # of documents whose values are held; as values they have some times that
_HINT: Final = "somebody changed it, or the disk fails: keep the folder as it is, and compare it with a copy"
_T = TypeVar("_T")


class Document(NamedTuple):
    """Bytes, and their sha256 in lower-case hex."""

    name: str
    content: bytes


class Sheaf:
    """Takes the documents out of one entry: each method gives the name to leave in their place, none for nothing."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}

    def text(self, text: str) -> str:
        """Of a text."""
        return self._put(_text(text)) if text else ""

    def scan(self, scan: Scan) -> str:
        """Of a scan: its signed document."""
        return self._put(_scans(scan))

    def claims(self, claims: Claims) -> str:
        """Of claims."""
        return self._put(_claims(claims)) if claims != Claims() else ""

    def _put(self, document: Document) -> str:
        self.documents[document.name] = document.content
        return document.name


class Shelf:
    """The documents of some entries, each read once; its methods undo those of ``Sheaf``, and raise ``Damaged``."""

    def __init__(self, documents: Mapping[str, bytes] | None = None) -> None:
        self._documents = documents or {}
        self._read: dict[tuple[str, object], object] = {}

    def text(self, name: str) -> str:
        """A text."""
        return self._once(name, _as_text) if name else ""

    def scan(self, name: str) -> Scan:
        """A scan."""
        return self._once(name, _as_scan)

    def claims(self, name: str) -> Claims:
        """Claims."""
        return self._once(name, _as_claims) if name else Claims()

    def _once(self, name: str, read: Callable[[bytes], _T]) -> _T:
        key = (name, read)
        if key not in self._read:
            self._read[key] = self._understood(name, read)
        return cast(_T, self._read[key])  # what this reader gave

    def _understood(self, name: str, read: Callable[[bytes], _T]) -> _T:
        content = self._documents.get(name)
        if content is None or not is_document(name, content):
            what = "is missing" if content is None else "is not what was written"
            raise Damaged(f"the journal is damaged: the document {name[:64]} {what}", hint=_HINT)
        try:
            return read(content)
        except (BadContent, UnicodeDecodeError) as error:
            raise Damaged(f"the document {name} of the journal cannot be understood: {error}", hint=_HINT) from error


def is_document(name: str, content: object) -> bool:
    """Whether this is what was written under that name."""
    return isinstance(content, bytes) and sha256(content).hexdigest() == name


def _document(content: bytes) -> Document:
    if len(content) > DOCUMENT_MAX_BYTES:
        raise Unsound(f"{len(content)} bytes are too large for the journal, which takes {DOCUMENT_MAX_BYTES} at once")
    return Document(sha256(content).hexdigest(), content)


@lru_cache(_KEPT)
def _text(text: str) -> Document:
    try:
        return _document(text.encode())
    except UnicodeEncodeError as error:
        raise Unsound(f"an entry cannot be written to the journal: {error.reason}") from error


class _Once(Generic[_T]):
    """Writes a value when it is first seen; known by identity, since to compare large values is as dear."""

    def __init__(self, write: Callable[[_T], bytes]) -> None:
        self._write = write
        self._known: dict[int, tuple[_T, Document]] = {}
        self._bytes = 0

    def __call__(self, value: _T) -> Document:
        known = self._known.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        document = self._written(value)
        if len(self._known) >= _KEPT or self._bytes + len(document.content) > _KEPT_MAX_BYTES:
            self._known, self._bytes = {}, 0
        self._known[id(value)] = value, document
        self._bytes += len(document.content)
        return document

    def _written(self, value: _T) -> Document:
        try:
            return _document(self._write(value))
        except (UsageError, UnicodeEncodeError) as error:
            raise Unsound(f"an entry cannot be written to the journal: {error}") from error


_scans: Final = _Once(encode_scan)
_claims: Final = _Once(encode_claims)


def _as_text(content: bytes) -> str:
    return content.decode()


def _as_scan(content: bytes) -> Scan:
    return decode_scan(content, "the scan")


def _as_claims(content: bytes) -> Claims:
    return decode_claims(content, "the claims")
