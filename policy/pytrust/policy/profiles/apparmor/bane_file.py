"""A file of bane as it is written: TOML, read strictly. Pure.

bane (genuinetools/bane, 0.4.4) takes keys in any case and passes over those that it does not know; here both are
refused, for a key that is misspelled protects nothing.
"""

from __future__ import annotations

import tomllib
from typing import Annotated

import msgspec
from msgspec import Meta

from pytrust.trust.errors import BadContent
from pytrust.trust.limits import APPARMOR_GLOB_MAX_CHARS, APPARMOR_RULES_MAX, BANE_FILE_MAX_BYTES

_Texts = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=APPARMOR_GLOB_MAX_CHARS)], ...],
    Meta(max_length=APPARMOR_RULES_MAX),
]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="pascal"):
    """Base of the tables: closed, keys as bane's own examples spell them."""


class Filesystem(_Table, frozen=True, kw_only=True):
    """Patterns for paths."""

    read_only_paths: _Texts = ()
    log_on_write_paths: _Texts = ()
    writable_paths: _Texts = ()
    allow_exec: _Texts = ()
    deny_exec: _Texts = ()


class Capabilities(_Table, frozen=True, kw_only=True):
    """Names in lower case."""

    allow: _Texts = ()
    deny: _Texts = ()


class Network(_Table, frozen=True, kw_only=True):
    """What may be sent; protocols are ``tcp``, ``udp`` and ``icmp``."""

    raw: bool = False
    packet: bool = False
    protocols: _Texts = ()


class BaneFile(_Table, frozen=True, kw_only=True):
    """The whole file."""

    name: Annotated[str, Meta(min_length=1, max_length=512)]
    filesystem: Filesystem = Filesystem()
    capabilities: Capabilities = Capabilities()
    network: Network = Network()


def read_bane_file(data: bytes, what: str) -> BaneFile:
    """Read a file; ``what`` names it in errors.

    Raises:
        BadContent: it is no file of bane.
    """
    if len(data) > BANE_FILE_MAX_BYTES:
        raise BadContent(f"{what} has more than {BANE_FILE_MAX_BYTES} bytes, and is no file of bane")
    try:
        return msgspec.convert(tomllib.loads(data.decode()), BaneFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise BadContent(f"{what} is no file of bane: {str(error).partition(chr(10))[0][:200]}") from error
