"""What is signed, as ``docker trust inspect`` shows it: JSON, and the tables of ``--pretty``. Pure.

The form is docker's, byte for byte (docker/cli, cli/command/trust), so that scripts need not know who answers. What is
shown is what was verified: of a Notary root that nobody verified only the names of keys are taken, and only of those
that are in the verified collection. Differences are two: a tag that ``releases`` and ``targets`` say differently of is
shown once, as consumers take it; and characters that a terminal would obey are not sent there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytrust.trust.collection.model import ROOT, TARGETS, Collection
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.names import Digest, RoleName

if TYPE_CHECKING:
    from pytrust.trust.formats.notary.files import RootFile

_NOBODY: Final = "Repo Admin"
"""Who signed a tag that no signer vouches for."""
_ESCAPED: Final = re.compile("[<>&\u2028\u2029]")
"""Go writes these as escapes, lest a browser read them."""
_RUN: Final = re.compile(r"[0-9]+|[^0-9]", re.DOTALL)
_COLUMN_MIN: Final = 10  # characters, the space behind included
_COLUMN_GAP: Final = 3
_ID_CHARS: Final = 12  # of a key's id in a table


class SignedTag(NamedTuple):
    """A tag that consumers accept, and the signers who vouch for its content; none where only the owner does."""

    tag: str
    digest: Digest
    signers: tuple[str, ...]


class Holder(NamedTuple):
    """Somebody by name, and the ids of his keys."""

    name: str
    keys: tuple[str, ...]


class Inspected(NamedTuple):
    """What is known of one image: ``name`` as it was asked for, ``root`` and ``repository`` the owner's key ids."""

    name: str
    tags: tuple[SignedTag, ...]
    signers: tuple[Holder, ...]
    root: tuple[str, ...]
    repository: tuple[str, ...]


def inspected(name: str, collection: Collection, tag: str | None, root: RootFile | None) -> Inspected:
    """What ``collection`` says of ``tag`` (None: of all).

    Args:
        name: as it was typed.
        collection: verified.
        tag: the only one to show; one that is not signed leaves the list empty.
        root: the Notary root of the same collection, where it has one, verified or not.
    """
    shown = [target for target in collection.accepted.values() if tag in {None, target.tag}]
    return Inspected(
        name,
        tuple(SignedTag(item.tag, item.digest, collection.vouchers(item)) for item in shown),
        tuple(Holder(item.name, tuple(map(canonical_id, item.authority.keys))) for item in collection.signers),
        _owner_ids(collection, ROOT, root),
        _owner_ids(collection, TARGETS, root),
    )


def as_json(found: Iterable[Inspected]) -> str:
    """One document for all, as docker prints it."""
    text = json.dumps([_document(item) for item in found], indent=4, ensure_ascii=False)
    return "".join(map(_visible, _ESCAPED.sub(_escape, text))) + "\n"


def as_tables(found: Inspected) -> str:
    """One image as tables."""
    name = found.name
    parts = [f"\nSignatures for {name}\n\n{_tag_table(found)}" if found.tags else f"\nNo signatures for {name}\n\n"]
    if found.signers:
        parts.append(f"\nList of signers and their keys for {name}\n\n{_signer_table(found)}")
    parts.append(f"\nAdministrative keys for {name}\n\n")
    parts.append(f"  Repository Key:\t{', '.join(sorted(found.repository))}\n")
    parts.append(f"  Root Key:\t{', '.join(sorted(found.root))}\n")
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in "".join(parts))


def natural(text: str) -> tuple[tuple[int | str, ...], ...]:
    """Sorts as people count: ``v2`` before ``v10``, digits before letters, fewer leading zeros before more."""
    return tuple(_weight(run) for run in _RUN.findall(text))


def _owner_ids(collection: Collection, role: RoleName, root: RootFile | None) -> tuple[str, ...]:
    """The verified keys of a role, by the names that the Notary root has for them, in its order."""
    keys = {key.id: canonical_id(key) for key in collection.root.authorities[role].keys}
    listed = root.keys_of(role) if root else []
    known = {item.material.id: item.id for item in listed if item.material.id in keys}
    return (*known.values(), *(name for key, name in keys.items() if key not in known))


def _document(found: Inspected) -> dict[str, Any]:
    tags = sorted(found.tags, key=lambda item: natural(item.tag))
    signers = sorted(found.signers, key=lambda item: item.name, reverse=True)
    owners = (Holder("Root", found.root), Holder("Repository", found.repository))
    return {
        "Name": found.name,
        "SignedTags": [
            {"SignedTag": item.tag, "Digest": item.digest.hex, "Signers": item.signers or [_NOBODY]} for item in tags
        ],
        "Signers": [_holder(item) for item in signers],
        "AdministrativeKeys": [_holder(item) for item in owners],
    }


def _holder(item: Holder) -> dict[str, Any]:
    keys = [{"ID": key} for key in item.keys]
    return {"Name": item.name, "Keys": keys} if keys else {"Name": item.name}


def _tag_table(found: Inspected) -> str:
    rows = [
        (item.tag, item.digest.hex, ", ".join(sorted(item.signers)) or f"({_NOBODY})")
        for item in sorted(found.tags, key=lambda item: natural(item.tag))
    ]
    return _table(("SIGNED TAG", "DIGEST", "SIGNERS"), rows)


def _signer_table(found: Inspected) -> str:
    rows = [
        (item.name, ", ".join(key[:_ID_CHARS] for key in sorted(item.keys)))
        for item in sorted(found.signers, key=lambda item: natural(item.name))
    ]
    return _table(("SIGNER", "KEYS"), rows)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as Go's tabwriter sets them for docker: the last one is as long as its text."""
    lines = [headers, *rows]
    widths = [max(_COLUMN_MIN, *(len(line[at]) + _COLUMN_GAP for line in lines)) for at in range(len(headers) - 1)]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)) + "\n" for line in lines
    )


def _weight(run: str) -> tuple[int | str, ...]:
    if not "0" <= run[0] <= "9":
        return (1, run)
    number = run.lstrip("0")
    return (0, len(number), number, len(run))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _visible(char: str) -> str:
    return char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1]
