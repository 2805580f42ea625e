"""One collection as people see it on the server's page."""

from __future__ import annotations

from pytrust.trust.collection.model import ROOT, SHARED, SNAPSHOT, TARGETS, TIMESTAMP
from pytrust.trust.errors import PytrustError
from pytrust.trust.formats import tuf
from pytrust.trust.formats.notary.files import read_file, read_targets
from pytrust.trust.formats.notary.read import full_name, role_name
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.server.backend import CollectionRow, RoleRow
from pytrust.trust.store.interface import Reader

_SHOWN = (ROOT, TARGETS, *SHARED, SNAPSHOT, TIMESTAMP)


def collection_row(reader: Reader, name: CollectionName) -> CollectionRow:
    """What the newest files of ``name`` say of themselves; one that cannot be read is left out."""
    form = Format.TUF if reader.read(name, TIMESTAMP) is not None else Format.NOTARY
    rows = [row for role in _SHOWN if (row := _role_row(reader, name, role, form)) is not None]
    return CollectionRow(name, tuple(rows), _signers(reader, name, form))


def _role_row(reader: Reader, name: CollectionName, role: RoleName, form: Format) -> RoleRow | None:
    data = reader.read(name, _stored(role, form), form=form)
    if data is None:
        return None
    try:
        if form is Format.TUF:
            return RoleRow(role, *tuf.read_header(name, role, data))
        file = read_file(_stored(role, form), data)
    except PytrustError:
        return None
    return RoleRow(role, file.version, file.expires)


def _signers(reader: Reader, name: CollectionName, form: Format) -> tuple[str, ...]:
    data = reader.read(name, TARGETS, form=form)
    if data is None:
        return ()
    try:
        if form is Format.TUF:
            names = [item.name for item in tuf.read_targets(name, TARGETS, data).delegations]
        else:
            names = [role_name(item.name) or RoleName(item.name) for item in read_targets(TARGETS, data).delegations]
    except PytrustError:
        return ()
    return tuple(sorted(item for item in names if item not in SHARED))


def _stored(role: RoleName, form: Format) -> RoleName:
    return role if form is Format.TUF else RoleName(full_name(role))
