"""Names, parsed once: image references, collections, roles, digests, key ids.

``ImageRef.parse`` follows docker's reference grammar (distribution/reference) and gives one canonical value for
every spelling of an image: the default registry and ``library/`` are made explicit, the host is lower case, and a
default tag is filled in only where neither a tag nor a digest was written. What has two readings is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NewType

from pytrust.trust.errors import InvalidName
from pytrust.trust.limits import COLLECTION_MAX_CHARS, REFERENCE_MAX_CHARS, TAG_MAX_CHARS

CollectionName = NewType("CollectionName", str)
"""An image name without tag, host included: ``docker.io/foo/web``. Notary calls it a GUN."""
RoleName = NewType("RoleName", str)
KeyId = NewType("KeyId", str)
"""sha256 of the DER SubjectPublicKeyInfo, lower-case hex: the same for one key in every metadata format."""


class Format(StrEnum):
    """The wire format of a metadata file: TUF 1.0, or what docker (<= 28) and notary clients speak."""

    TUF = "tuf"
    NOTARY = "notary"


DEFAULT_REGISTRY: Final = "docker.io"
DEFAULT_TAG: Final = "latest"

_HEX64 = re.compile(r"[0-9a-f]{64}")
_TAG = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{TAG_MAX_CHARS - 1}}}")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_ROLE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HINT = "write it as docker does: [HOST[:PORT]/]NAME[:TAG][@sha256:HEX]"


@dataclass(frozen=True, slots=True)
class Digest:
    """A sha256 content digest; ``str()`` gives ``sha256:<64 lower-case hex digits>``."""

    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``sha256:<hex>``; raises ``InvalidName`` for any other algorithm or spelling."""
        algorithm, _, value = text.partition(":")
        if algorithm != "sha256" or not _HEX64.fullmatch(value):
            raise InvalidName(f"{text[:100]!r} is not a digest", hint="digests read sha256:<64 hex digits>")
        return cls(value)

    def __str__(self) -> str:
        return f"sha256:{self.hex}"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image: registry host, repository path, and a tag, a digest or both (then the digest decides)."""

    registry: str
    repository: str
    tag: str | None
    digest: Digest | None

    @classmethod
    def parse(cls, text: str) -> ImageRef:
        """Read a reference as docker does.

        Raises:
            InvalidName: it is not a reference, or docker would read it as an image id.
        """
        if len(text) > REFERENCE_MAX_CHARS:
            raise InvalidName(f"{text[:60]!r}... is longer than {REFERENCE_MAX_CHARS} characters", hint=_HINT)
        rest, at, digest_text = text.partition("@")
        digest = Digest.parse(digest_text) if at else None
        name, tag = _split_tag(rest)
        registry, repository = _split_registry(name)
        if _HEX64.fullmatch(rest):
            raise InvalidName(f"{text!r} is an image id, not a name", hint=_HINT)
        _check_repository(repository, text)
        if len(f"{registry}/{repository}") > COLLECTION_MAX_CHARS:
            raise InvalidName(f"{text[:60]!r}... is a name of more than {COLLECTION_MAX_CHARS} characters")
        if tag is None and digest is None:
            tag = DEFAULT_TAG
        if tag is not None and not _TAG.fullmatch(tag):
            raise InvalidName(f"{text[:300]!r} has an invalid tag", hint=_HINT)
        return cls(registry, repository, tag, digest)

    @property
    def collection(self) -> CollectionName:
        """The collection that vouches for this image."""
        return CollectionName(f"{self.registry}/{self.repository}")

    def at(self, digest: Digest) -> ImageRef:
        """The same name, bound to ``digest``."""
        return replace(self, digest=digest)

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.collection}{tag}{digest}"


def parse_collection(text: str) -> CollectionName:
    """Read an image name without tag or digest; raises ``InvalidName``."""
    ref = ImageRef.parse(text)
    if ref.digest is not None or _split_tag(text)[1] is not None:
        raise InvalidName(f"{text[:300]!r} has a tag or digest", hint="give the image name alone: [HOST/]NAME")
    return ref.collection


def parse_role(text: str) -> RoleName:
    """Read a role or signer name: lower case, digits, ``-`` and ``_``, at most 64; raises ``InvalidName``."""
    if not _ROLE.fullmatch(text):
        raise InvalidName(f"{text[:100]!r} is not a role name", hint="use lower case, digits, '-' and '_'")
    return RoleName(text)


def parse_key_id(text: str) -> KeyId:
    """Read a key id, with or without ``sha256:`` in front; raises ``InvalidName``."""
    value = text.removeprefix("sha256:")
    if not _HEX64.fullmatch(value):
        raise InvalidName(f"{text[:100]!r} is not a key id", hint="key ids are 64 hex digits: pytrust key list")
    return KeyId(value)


def _split_tag(name: str) -> tuple[str, str | None]:
    head, colon, tail = name.rpartition(":")
    if not colon or "/" in tail or tail.endswith("]"):
        return name, None
    return head, tail


def _split_registry(name: str) -> tuple[str, str]:
    """Docker's rule: the first part is a host if it has a dot or colon, is ``localhost``, or is not lower case.

    A host by its case alone is refused: in lower case, ``Foo/web`` is a repository on Docker Hub.
    """
    first, slash, rest = name.partition("/")
    registry = first.lower()
    is_host = "." in first or ":" in first or registry == "localhost"
    if slash and (not _HOST.fullmatch(first) if is_host else registry != first):
        raise InvalidName(f"{name[:300]!r} has an invalid registry host", hint=_HINT)
    registry, repository = (registry, rest) if slash and is_host else (DEFAULT_REGISTRY, name)
    if registry in {"index.docker.io", "registry-1.docker.io"}:
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _check_repository(repository: str, text: str) -> None:
    parts = repository.split("/")
    if not all(_COMPONENT.fullmatch(part) for part in parts):
        upper = repository != repository.lower()
        why = "repository names are lower case" if upper else "not an image name"
        raise InvalidName(f"{text[:300]!r}: {why}", hint=_HINT)
    if parts[-1].endswith(".json"):
        raise InvalidName(f"{text[:300]!r} ends in .json, which collides with metadata file names")
