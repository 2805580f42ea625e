"""The shape of the policy file: one description, which decodes it and is published as its JSON Schema. Pure.

What a shape cannot say (names, patterns, references to ``roots``) is checked by ``document``.
"""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pytrust.policy.core.request import Field
from pytrust.policy.core.rules import Containers, Isolation, Mode, ProfileNeed
from pytrust.policy.scan_schema import ExceptionEntry, ScanSection

MEMORY_MIN: Final = 6 * 1024**2  # bytes; the engine takes no less
MEMORY_MAX: Final = 1024**5  # bytes, far above any machine
PIDS_MAX: Final = 4_194_304  # the kernel's own limit (PID_MAX_LIMIT, 64 bits)

PEM_MAX_CHARS: Final = 32_768  # an authority or two; it is written into the journal with every question

_UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DEFAULTS = Containers()
_PATTERN = "an image name in full, without tag: * stands for a part between slashes, ** for any rest"


_SIGNED = ("trust", "profile", "scan")  # what there is only for signed images
_STARTS = ("root", "root_keys", "certificates", "ca", "first_use")


def _never_unsigned(*others: str) -> Meta:
    return Meta(extra_json_schema={"not": {"anyOf": [{"required": [other, "unsigned"]} for other in others]}})


def _one_start() -> Meta:
    """At most one way in which trust starts; another server, or a format, only with one."""
    pairs = [{"required": [one, other]} for one, other in combinations(_STARTS, 2)]
    some = {"anyOf": [{"required": [key]} for key in _STARTS]}
    only_tuf = {"required": ["format"], "properties": {"format": {"const": "tuf"}}}
    carried = [{**only_tuf, "required": ["format", key]} for key in ("certificates", "ca")]
    return Meta(
        extra_json_schema={
            "not": {"anyOf": pairs + carried},
            "if": {"anyOf": [{"required": ["server"]}, {"required": ["format"]}]},
            "then": some,
        }
    )


class _Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping whose keys are all known."""


class RootKeys(_Shape, frozen=True, kw_only=True):
    """Root keys, of which ``threshold`` must have signed the first root of a collection."""

    keys: Annotated[list[str], Meta(min_length=1, description="key ids, as pytrust key list shows them")]
    threshold: Annotated[int, Meta(ge=1, description="how many of them")] = 1

    def __post_init__(self) -> None:
        _check_threshold(self.threshold, self.keys)


RootSet = Annotated[list[str], Meta(min_length=1, description="key ids, one of which is enough")] | RootKeys


_PEM = "^-----BEGIN CERTIFICATE-----"
PemText = Annotated[str, Meta(pattern=_PEM, max_length=PEM_MAX_CHARS, description="a certificate in PEM")]


class Signers(_Shape, frozen=True, kw_only=True):
    """Who must vouch for exactly this content."""

    any_of: Annotated[list[str], Meta(min_length=1, description="names of signers")]
    threshold: Annotated[int, Meta(ge=1, description="how many of them")] = 1

    def __post_init__(self) -> None:
        _check_threshold(self.threshold, self.any_of)


class TrustEntry(_Shape, frozen=True, kw_only=True):
    """Whose signatures count; what is left out is as config.toml pins it."""

    root: Annotated[str, Meta(description="a name from roots")] | UnsetType = UNSET
    root_keys: RootSet | UnsetType = UNSET
    certificates: (
        Annotated[list[PemText], Meta(min_length=1, description="certificates of root keys, one of which is enough")]
        | UnsetType
    ) = UNSET
    ca: (
        Annotated[PemText, Meta(description="certificates in PEM, of authorities that issue those of root keys")]
        | UnsetType
    ) = UNSET
    first_use: (
        Annotated[Literal["accept"], Meta(description="what is seen first is believed, and holds from then on")]
        | UnsetType
    ) = UNSET
    server: Annotated[str, Meta(pattern="^https?://", description="a url: https://HOST[:PORT]")] | UnsetType = UNSET
    format: Annotated[Literal["notary-v1", "tuf"], Meta(description="the only format that is believed")] | UnsetType = (
        UNSET
    )
    signers: Signers | UnsetType = UNSET

    def __post_init__(self) -> None:
        given = [key for key in _STARTS if getattr(self, key) is not UNSET]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        if not given and (self.server is not UNSET or self.format is not UNSET):
            raise ValueError(f"server and format need one of {', '.join(_STARTS)}")
        if self.format == "tuf" and given in (["certificates"], ["ca"]):
            raise ValueError(f"{given[0]} and format tuf exclude each other")


class ImageEntry(_Shape, frozen=True, kw_only=True):
    """What holds for the images that fit; without trust and unsigned they must be signed, by the pins of the host."""

    match: Annotated[str, Meta(description=_PATTERN)]
    trust: Annotated[TrustEntry, _one_start()] | UnsetType = UNSET
    unsigned: Annotated[Literal["allow"], Meta(description="no signature is asked for")] | UnsetType = UNSET
    isolation: Annotated[Isolation, Meta(description="instead of containers.isolation")] | UnsetType = UNSET
    profile: (
        Annotated[ProfileNeed, Meta(description="what a signed profile means; left out, it is applied if it is there")]
        | UnsetType
    ) = UNSET
    scan: (
        Annotated[ScanSection, Meta(description="what holds for the signed scan; left out, none is asked for")]
        | UnsetType
    ) = UNSET

    def __post_init__(self) -> None:
        for other in _SIGNED:
            if getattr(self, other) is not UNSET and self.unsigned is not UNSET:
                raise ValueError(f"{other} and unsigned exclude each other")


class LiftEntry(_Shape, frozen=True, kw_only=True):
    """An exception: what containers of the images that fit may have beyond their isolation."""

    rule: Annotated[Field, Meta(description="what is lifted")]
    match: Annotated[str, Meta(description=_PATTERN)] = "**"
    values: (
        Annotated[list[str], Meta(min_length=1, description="patterns; left out, every value is allowed")] | UnsetType
    ) = UNSET


class ContainersSection(_Shape, frozen=True, kw_only=True):
    """What holds for every container."""

    isolation: Annotated[Isolation, Meta(description="how much of the host a container may have")] = _DEFAULTS.isolation
    pids: Annotated[int, Meta(ge=1, le=PIDS_MAX, description="processes, for a container that sets no limit")] = (
        _DEFAULTS.pids
    )
    memory: (
        Annotated[int, Meta(ge=MEMORY_MIN, le=MEMORY_MAX, description="bytes, for a container that sets no limit")]
        | Annotated[str, Meta(pattern="^[1-9][0-9]{0,12}[bkmg]$", description="a number with b, k, m or g (of 1024)")]
    ) = _DEFAULTS.memory
    allow: Annotated[list[LiftEntry], Meta(description="exceptions")] = []

    def __post_init__(self) -> None:
        if not MEMORY_MIN <= self.memory_bytes <= MEMORY_MAX:
            raise ValueError("memory is not within 6m and 1048576g")

    @property
    def memory_bytes(self) -> int:
        """``memory`` as a number."""
        if isinstance(self.memory, int):
            return self.memory
        return int(self.memory[:-1]) * _UNITS[self.memory[-1]]


class Document(_Shape, frozen=True, kw_only=True):
    """A pytrust policy: which images may run, and how isolated."""

    version: Annotated[Literal[1], Meta(description="of this format")]
    roots: Annotated[dict[str, RootSet], Meta(description="sets of root keys, by names for use below")] = {}
    images: Annotated[
        list[Annotated[ImageEntry, _never_unsigned(*_SIGNED)]],
        Meta(description="the first that fits decides; an image that none fits does not run"),
    ] = []
    containers: ContainersSection = ContainersSection()
    exceptions: Annotated[list[ExceptionEntry], Meta(description="findings of scans that pass, until a day")] = []
    mode: Annotated[Mode, Meta(description="warn lets run what would be denied, and journals it")] = Mode.ENFORCE


def policy_schema() -> dict[str, Any]:
    """The JSON Schema of the policy file (draft 2020-12); descriptions are first lines of docstrings."""
    schema = msgspec.json.schema(Document)
    for shape in schema["$defs"].values():
        shape["description"] = shape["description"].partition("\n")[0].replace("`", "")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _check_threshold(threshold: int, names: list[str]) -> None:
    if threshold > len(names):
        raise ValueError(f"the threshold {threshold} is more than the {len(names)} listed")
