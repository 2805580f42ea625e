"""Root file systems for images, put together from what Debian's packages have installed on this machine."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from tests.rig.processes import RigError, environment, find

_MERGED: Final = ("bin", "sbin", "lib", "lib64")
_FOLDERS: Final = ("etc", "proc", "sys", "dev", "run", "root", "var", "var/log", "usr", "usr/bin", "usr/sbin")
_LIBRARY: Final = re.compile(r"(/\S+) \(0x[0-9a-f]+\)")
USERS: Final = {"root": 0, "www-data": 33, "postgres": 70, "app": 1000, "nobody": 65534}


class RootFiles:
    """A root file system in the making: merged /usr, a few users, and whatever is added."""

    def __init__(self) -> None:
        self._members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
        for name in _MERGED:
            self.folder(f"usr/{name}")
            self.link(name, f"usr/{name}")
        for name in _FOLDERS:
            self.folder(name)
        self.folder("tmp", mode=0o1777)
        people = "".join(f"{name}:x:{number}:{number}::/:/bin/sh\n" for name, number in USERS.items())
        self.file("etc/passwd", people.encode())
        self.file("etc/group", "".join(f"{name}:x:{number}:\n" for name, number in USERS.items()).encode())
        self.file("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files\n")

    def folder(self, path: str, mode: int = 0o755, owner: str = "root") -> None:
        self._add(path, tarfile.DIRTYPE, mode=mode, owner=owner)

    def file(self, path: str, data: bytes, mode: int = 0o644, owner: str = "root") -> None:
        self._parents(path)
        self._add(path, tarfile.REGTYPE, data, mode=mode, owner=owner)

    def link(self, path: str, target: str) -> None:
        self._parents(path)
        self._add(path, tarfile.SYMTYPE, link=target)

    def program(self, name: str) -> None:
        """A program of this machine, by name or path, and its libraries."""
        found = find(name)
        if found is None:
            raise RigError(f"{name} is not installed")
        self.copy(Path(found).resolve(), found)
        self.libraries(Path(found))

    def libraries(self, program: Path) -> None:
        """Every library that the loader finds for a program, or for another library."""
        for library in _libraries(program):
            self.copy(library)

    def copy(self, source: Path, path: str | Path = "", owner: str = "root") -> None:
        """One file, at its own place or another."""
        place = Path(path or source)
        inside = place.parent.resolve() / place.name if place.is_absolute() else place
        self.file(str(inside).lstrip("/"), source.read_bytes(), source.stat().st_mode & 0o7777, owner)

    def tree(self, source: Path, path: str, owner: str = "root", leave: tuple[str, ...] = ()) -> None:
        """A folder with all that is in it, but for parts of the names in ``leave``."""
        self.folder(path, source.stat().st_mode & 0o7777, owner)
        for each in sorted(source.rglob("*")):
            inside = each.relative_to(source)
            if set(inside.parts) & set(leave) or not each.exists():
                continue
            if each.is_dir():
                self.folder(f"{path}/{inside}", each.stat().st_mode & 0o7777, owner)
            elif each.is_file():
                self.copy(each, f"{path}/{inside}", owner)

    def tar(self) -> bytes:
        output = io.BytesIO()
        with tarfile.open(fileobj=output, mode="w") as archive:
            for member, data in self._members.values():
                archive.addfile(member, io.BytesIO(data))
        return output.getvalue()

    def _parents(self, path: str) -> None:
        for parent in reversed(Path(path).parents[:-1]):
            if str(parent) not in self._members:
                self.folder(str(parent))

    def _add(
        self, path: str, kind: bytes, data: bytes = b"", link: str = "", mode: int = 0o777, owner: str = "root"
    ) -> None:
        member = tarfile.TarInfo(path)
        member.type, member.size, member.mode, member.linkname = kind, len(data), mode, link
        member.uid = member.gid = USERS[owner]
        self._members[path] = (member, data)


def _libraries(program: Path) -> list[Path]:
    said = subprocess.run(["ldd", program], env=environment(), capture_output=True, check=False).stdout.decode()
    return [Path(found) for found in _LIBRARY.findall(said)]
