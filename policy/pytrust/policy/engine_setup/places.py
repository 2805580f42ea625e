"""Where an engine's settings lie on this host, and reading them. The edge: files come in here."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytrust.policy.engine_setup.daemon_json import DAEMON_JSON_MAX_BYTES
from pytrust.policy.engine_setup.found import File, Found, State
from pytrust.policy.engine_setup.plan import dockerd_flags
from pytrust.policy.engine_setup.units import Unit, environment_files
from pytrust.trust.errors import BadPermissions, Damaged
from pytrust.trust.files import check_owned, read_bounded

_UNIT_MAX_BYTES: Final = 256 * 1024  # the longest honest unit is some kilobytes
_DROP_INS_MAX: Final = 100  # of one unit
_UNIT_FOLDERS: Final = ("etc", "run", "usr/local/lib", "usr/lib", "lib")  # the first counts; systemd.unit(5)
_DROP_IN: Final = "zz-pytrust.conf"  # drop-ins are read in the order of their names, so this one comes last


@dataclass(frozen=True, slots=True)
class Places:
    """Everything is below ``root``, which is ``/`` but in tests."""

    root: Path = Path("/")

    @property
    def daemon_json(self) -> Path:
        """Where dockerd looks for its settings, unless it is told otherwise."""
        return self.root / "etc/docker/daemon.json"

    @property
    def units(self) -> Path:
        """Where an administrator's units and drop-ins lie."""
        return self.root / "etc/systemd/system"

    def look(self, daemon_json: Path | None = None) -> Found:
        """Read what counts for a set-up.

        Args:
            daemon_json: instead of what docker.service names with ``--config-file``, or the default.

        Raises:
            BadPermissions: something belongs to others, is open to them, or may not be read.
            Damaged: a unit cannot be read as one.
            Conflicting: docker.service starts another program than dockerd.
        """
        service = self._unit("docker.service")
        found = Found(
            daemon_json=File(str(self.daemon_json), None),
            service=service,
            socket=self._unit("docker.socket"),
            environment_files={path: self._text(self._below(path)) or "" for path in environment_files(service)},
            service_drop_in=_file(self.units / "docker.service.d" / _DROP_IN),
            socket_drop_in=_file(self.units / "docker.socket.d" / _DROP_IN),
        )
        named = dockerd_flags(found).config_file
        path = daemon_json or (self._below(named) if named else self.daemon_json)
        return replace(found, daemon_json=_file(path.absolute()))

    def _unit(self, name: str) -> Unit:
        """The texts of a unit; a masked one (a link to /dev/null) is none."""
        folders = [self.root / folder / "systemd/system" for folder in _UNIT_FOLDERS]
        text = next((text for folder in folders if (text := self._text(folder / name)) is not None), "")
        if not text.strip():
            return ()
        return (text, *(self._text(path) or "" for path in self._drop_ins(folders, name)))

    @staticmethod
    def _drop_ins(folders: list[Path], name: str) -> Iterator[Path]:
        """In the order of their names; of two with one name, the unit's own and the first folder's counts."""
        kinds = (f"{name}.d", f"{name.rpartition('.')[2]}.d")
        every = [path for kind in kinds for folder in folders for path in sorted((folder / kind).glob("*.conf"))]
        first = {path.name: path for path in reversed(every)}
        if len(first) > _DROP_INS_MAX:
            raise Damaged(f"{name} has {len(first)} drop-ins, more than {_DROP_INS_MAX}", hint=f"systemctl cat {name}")
        yield from (first[name] for name in sorted(first))

    def _below(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    @staticmethod
    def _text(path: Path) -> str | None:
        """The text of a file that systemd reads, "" for /dev/null; None where there is none."""
        try:
            if stat.S_ISCHR(path.stat().st_mode):
                return ""
            return read_bounded(path, _UNIT_MAX_BYTES).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise BadPermissions(f"{path} cannot be read by this user", hint="run as root") from error


def _file(path: Path) -> File:
    """What lies at a path that we may write to: a file that nobody else could have written, or nothing."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return File(str(path), None)
    except NotADirectoryError as error:
        raise Damaged(f"{path.parent} is not a folder") from error
    except PermissionError as error:
        raise BadPermissions(f"{path} cannot be read by this user", hint="run as root") from error
    if stat.S_ISLNK(found.st_mode):
        raise BadPermissions(
            f"{path} is a symbolic link, so something else looks after it",
            hint="make the change there, or name the file it leads to: --daemon-json PATH",
        )
    check_owned(path)
    data = read_bounded(path, DAEMON_JSON_MAX_BYTES)
    return File(str(path), State(data, stat.S_IMODE(found.st_mode), found.st_gid))
