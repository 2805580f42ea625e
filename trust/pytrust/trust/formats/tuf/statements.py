"""Statements about images as target files, with what is said inside the metadata.

    "sha256/<hex of the image>/profile": {
      "length": bytes of the content, "hashes": {"sha256": ...},
      "custom": {"content": the content as text}
    }

To other clients they are targets like any other. Nothing has to be downloaded: length and hash are those of the text,
and an entry where they are not, or with anything more, is refused.
"""

from __future__ import annotations

from typing import Any

from tuf.api import metadata as tuf

from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import BadMetadata, InvalidName
from pytrust.trust.formats.tuf.paths import statement_digest, target_path
from pytrust.trust.names import Digest, RoleName


def read_statements(role: RoleName, signed: tuf.Targets) -> dict[Digest, Statement]:
    """What ``role`` says, by image; raises ``BadMetadata``."""
    if signed.delegations is not None:
        raise BadMetadata(f"{role}.json delegates, which it may not")
    read = [_read_statement(role, path, file) for path, file in signed.targets.items()]
    return {statement.about: statement for statement in read}


def write_statement(role: RoleName, statement: Statement) -> tuf.TargetFile:
    """The target file of a statement."""
    hashes = {"sha256": statement.digest.hex}
    custom = {"custom": {"content": statement.text}}
    return tuf.TargetFile(len(statement.content), hashes, target_path(role, statement.about.hex), custom)


def _read_statement(role: RoleName, path: str, file: tuf.TargetFile) -> Statement:
    try:
        statement = Statement(statement_digest(role, path), _content(file).encode())
    except (InvalidName, UnicodeEncodeError) as error:
        raise BadMetadata(f"the entry {path[:100]!r} of {role}.json is malformed: {error}") from error
    if file != write_statement(role, statement):
        raise BadMetadata(f"the entry {path[:100]!r} of {role}.json is not what its length and hash say")
    return statement


def _content(file: tuf.TargetFile) -> str:
    custom: Any = file.custom
    if not isinstance(custom, dict) or not isinstance(content := custom.get("content"), str):
        raise BadMetadata(f"the entry {file.path[:100]!r} says nothing")
    return content
