"""A whole trust server behind the HTTP shell, in memory: real files, versions and changes, but nobody's signatures."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from pytrust.trust.errors import PytrustError
from pytrust.trust.names import CollectionName
from pytrust.trust.server.backend import CollectionRow, RoleRow, Served
from pytrust.trust.server.refusals import Code, Name, Refusal
from pytrust.trust.store.interface import Change


def metadata(role: str, version: int, **more: object) -> bytes:
    """A file that the fake takes for one of ``role``."""
    return json.dumps({"signed": {"_type": role, "version": version, **more}, "signatures": []}).encode()


def first_upload(version: int = 1) -> dict[str, bytes]:
    """What begins a collection."""
    return {"root": metadata("root", 1), "targets": metadata("targets", version)}


class FakeBackend:
    """A ``server.backend.Backend``. ``trouble``, where set, is raised by whatever is called next."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._files: dict[tuple[str, str], list[Served]] = {}
        self._keys: dict[tuple[str, str], int] = {}
        self._changes: list[Change] = []
        self.users: list[str] = []
        self.trouble: Exception | None = None
        self.hold = threading.Event()
        self.hold.set()

    def current(self, gun: str, role: str) -> Served | None:
        self._stumble()
        kept = self._files.get((gun, role))
        return kept[-1] if kept else None

    def at_version(self, gun: str, role: str, version: int) -> Served | None:
        self._stumble()
        return next((served for served in self._files.get((gun, role), []) if _version(served.data) == version), None)

    def by_checksum(self, gun: str, role: str, sha256: str) -> Served | None:
        self._stumble()
        return next((served for served in self._files.get((gun, role), []) if _hex(served.data) == sha256), None)

    def remembered(self, gun: str, role: str, sha256: str | None) -> Served | None:
        if self.trouble is not None:
            return None
        return self.current(gun, role) if sha256 is None else self.by_checksum(gun, role, sha256)

    def key(self, gun: str, role: str) -> bytes:
        self._stumble()
        with self._lock:
            number = self._keys.setdefault((gun, role), 1)
        return json.dumps({"keytype": "ed25519", "keyval": {"public": f"{number}", "private": None}}).encode()

    def rotate_key(self, gun: str, role: str) -> bytes:
        self._stumble()
        with self._lock:
            used = (gun, "root") in self._files
            self._keys[gun, role] = self._keys.get((gun, role), 0) + (1 if used or not self._keys else 0)
        return self.key(gun, role)

    def publish(self, gun: str, files: Mapping[str, bytes], user: str) -> None:
        self.hold.wait()
        self._stumble()
        versions = {role: _version(data) for role, data in files.items()}
        with self._lock:
            if (gun, "root") not in self._files and "root" not in files:
                raise Refusal(Code.INVALID_UPDATE, "no pre-existing root and no root provided in update.")
            if (gun, "targets") not in self._files and "targets" not in files:
                raise Refusal(Code.INVALID_UPDATE, "no targets", name=Name.BAD_HIERARCHY, missing="targets")
            for role, version in versions.items():
                newest = self.current(gun, role)
                if newest is not None and version <= _version(newest.data):
                    raise Refusal(Code.VERSION, f"{role} is at version {_version(newest.data)} already")
            for role, data in files.items():
                self._put(gun, role, data)
            self._finish(gun, files)
            self.users.append(user)

    def delete(self, gun: str) -> None:
        self._stumble()
        with self._lock:
            keys = [key for key in self._files if key[0] == gun]
            for key in keys:
                del self._files[key]
            if keys:
                self._note(gun, 0, "")

    def changes(self, gun: str | None, change_id: int, records: int) -> list[Change]:
        self._stumble()
        ours = [change for change in self._changes if gun in {None, change.name}]
        if records > 0:
            return [change for change in ours if change.id > change_id][:records]
        return [change for change in ours if change_id == -1 or change.id < change_id][records:]

    def tuf_file(self, name: str, file: str) -> tuple[bytes, bool] | None:
        self._stumble()
        version, _, role = file.removesuffix(".json").rpartition(".")
        served = self.at_version(name, role, int(version)) if version.isdecimal() else self.current(name, role)
        return (served.data, bool(version)) if served and (version or role == "timestamp") else None

    def health(self) -> dict[str, str]:
        return {"store": str(self.trouble)} if self.trouble else {}

    def overview(self, limit: int) -> list[CollectionRow]:
        self._stumble()
        end = datetime.now(UTC) + timedelta(days=1)
        names = sorted({gun for gun, _ in self._files})[:limit]
        return [
            CollectionRow(
                gun,
                tuple(
                    RoleRow(role, _version(kept[-1].data), end)
                    for (name, role), kept in self._files.items()
                    if name == gun
                ),
                ("alice",),
            )
            for gun in names
        ]

    def _finish(self, gun: str, files: Mapping[str, bytes]) -> None:
        for role in ("snapshot", "timestamp"):
            if role in files:
                continue
            newest = self.current(gun, role)
            version = _version(newest.data) + 1 if newest else 1
            over = {name: _hex(kept[-1].data) for (owner, name), kept in self._files.items() if owner == gun}
            self._put(gun, role, metadata(role, version, over=over))
        timestamp = self._files[gun, "timestamp"][-1].data
        self._note(gun, _version(timestamp), _hex(timestamp))

    def _put(self, gun: str, role: str, data: bytes) -> None:
        self._files.setdefault((gun, role), []).append(Served(data, datetime.now(UTC)))

    def _note(self, gun: str, version: int, digest: str) -> None:
        change = Change(len(self._changes) + 1, datetime.now(UTC), CollectionName(gun), version, digest)
        self._changes.append(change)

    def _stumble(self) -> None:
        if self.trouble is not None:
            raise self.trouble


class Broken(PytrustError):
    """The server's own trouble, which no client is told."""


def _version(data: bytes) -> int:
    try:
        return int(json.loads(data)["signed"]["version"])
    except (ValueError, TypeError, KeyError) as error:
        raise Refusal(Code.MALFORMED_JSON, "it is no JSON of a role") from error


def _hex(data: bytes) -> str:
    return sha256(data).hexdigest()
