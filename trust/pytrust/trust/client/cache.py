"""What this host knows of a collection: one file, replaced whole.

It holds the last verified set of metadata (rollback memory), when that was fetched (staleness when offline) and the
greatest time seen (a clock that is set back is noticed). It is data of the same kind as an air-gapped bundle: nothing
in it is believed without its signatures, and its first root must be covered by a pin each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import ClockSetBack, Damaged, PytrustError
from pytrust.trust.files import PRIVATE_FOLDER, check_owned, read_bounded, write_atomic
from pytrust.trust.limits import CLOCK_GRANULARITY, CLOCK_TOLERANCE
from pytrust.trust.names import CollectionName, RoleName

_MAX_BYTES = 256 * 1024 * 1024  # 256 roots and 32 roles at their limits would be 300 MB: never seen, never needed
_FORMAT = 1
_SLASH = "+"  # no image name has one
_LOCK_DIGITS = 3  # hex digits: 4,096 lock files at most
_FILE = re.compile(r"root_history/[1-9][0-9]{0,17}\.root\.json|[\w.~%-]{1,200}\.json", re.ASCII)
_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Bundle:
    """``files`` maps the names python-tuf uses in its cache folder to bytes."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    refreshed: datetime = _NEVER
    greatest_time: datetime = _NEVER

    @property
    def roots(self) -> list[bytes]:
        """The root files, oldest first."""
        numbered = {
            int(name.split("/")[1].split(".")[0]): data
            for name, data in self.files.items()
            if name.startswith("root_history/")
        }
        return [data for _, data in sorted(numbered.items())]


class Cache:
    """Bundles in a folder, one file and one lock file a collection."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: CollectionName) -> Bundle:
        """What is known; empty where nothing is. Raises ``Damaged`` or ``BadPermissions``."""
        path = self._path(name)
        if not self.holds(name):
            return Bundle()
        check_owned(path)
        return decode(read_bounded(path, _MAX_BYTES), str(path))

    def save(self, name: CollectionName, bundle: Bundle) -> None:
        """Replace what is known."""
        write_atomic(self._path(name), encode(bundle))

    def forget(self, name: CollectionName) -> None:
        """Know nothing any more."""
        self._path(name).unlink(missing_ok=True)

    def holds(self, name: CollectionName) -> bool:
        """Whether anything is known."""
        return self._path(name).exists()

    def within(self, folder: str) -> Cache:
        """Another cache, for what comes from elsewhere or in another format."""
        return Cache(self._folder / folder)

    def names(self) -> list[CollectionName]:
        """The collections that something is known of."""
        files = (path.name.removesuffix(".json") for path in self._folder.glob("*.json"))
        return sorted(CollectionName(file.replace(_SLASH, "/")) for file in files)

    def lock_path(self, name: CollectionName) -> Path:
        """The file that whoever refreshes holds a lock on; names share a bounded number, for anybody may ask."""
        _make(self._folder)
        check_owned(self._folder)
        return self._folder / f"{sha256(name.encode()).hexdigest()[:_LOCK_DIGITS]}.lock"

    def _path(self, name: CollectionName) -> Path:
        return self._folder / f"{name.replace('/', _SLASH)}.json"


def _make(folder: Path) -> None:
    """Create a folder, and those that it lies in, for its owner alone."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def encode(bundle: Bundle) -> bytes:
    """Bytes for the disk, or for carrying to another host."""
    return encode_json(
        {
            "format": _FORMAT,
            "refreshed": int(bundle.refreshed.timestamp()),
            "greatest_time": int(bundle.greatest_time.timestamp()),
            "files": {name: data.decode() for name, data in bundle.files.items()},
        }
    )


def decode(data: bytes, what: str) -> Bundle:
    """Read what ``encode`` wrote; raises ``Damaged``."""
    try:
        document = parse_json(data, what=what, max_bytes=_MAX_BYTES)
        _check_format(document["format"])
        files = {name: text.encode() for name, text in document["files"].items()}
        _check_names(files)
        times = (datetime.fromtimestamp(document[key], UTC) for key in ("refreshed", "greatest_time"))
        return Bundle(files, *times)
    except (PytrustError, KeyError, ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
        raise Damaged(
            f"{what} is damaged: {error}", hint="remove it; this host then forgets which versions it has seen"
        ) from error


def check_clock(bundle: Bundle, now: datetime) -> None:
    """Refuse to judge expiry by a clock that was set back; raises ``ClockSetBack``."""
    if now + CLOCK_TOLERANCE < bundle.greatest_time:
        raise ClockSetBack(
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, but {bundle.greatest_time:%Y-%m-%d %H:%M} UTC was seen before",
            hint="set the clock right; if the later time was wrong, remove this collection's file in the cache folder",
        )


def outdated(old: Bundle, new: Bundle) -> bool:
    """Whether ``new`` is worth a write: other files, or a clock that moved on by more than the granularity."""
    return old.files != new.files or new.greatest_time - old.greatest_time > CLOCK_GRANULARITY


def seen_versions(name: CollectionName, bundle: Bundle) -> dict[RoleName, int]:
    """The version of every offline role that this host has verified: nothing older may be built upon.

    Not of snapshot and timestamp: a thief of the online keys can raise those, and must not lock the owner out.
    """
    from pytrust.trust.formats import tuf

    if not bundle.files:
        return {}
    seen = dict(tuf.read_snapshot(name, bundle.files["snapshot.json"]).versions)
    return seen | {ROOT: tuf.read_header(name, ROOT, bundle.roots[-1])[0]}


def _check_names(files: Mapping[str, bytes]) -> None:
    """They become paths of a scratch folder: none may lead out of it, and a set without its chain is none."""
    if strange := [name for name in files if not _FILE.fullmatch(name)]:
        raise ValueError(f"{strange[0][:100]!r} is no metadata file")
    if files and not ({"timestamp.json", "snapshot.json", "targets.json"} <= files.keys() and Bundle(files).roots):
        raise ValueError("a top-level role is missing")


def _check_format(number: object) -> None:
    if number != _FORMAT:
        raise ValueError(f"format {number} is not known")
