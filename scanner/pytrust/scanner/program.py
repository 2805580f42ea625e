"""Running an installed scanner: Trivy, with arguments of ours, and nothing of the user's settings.

What a folder or an environment could change about a scan (ignore files, configuration, VEX, severities, modules) is
pinned, so that the arguments that are signed with the scan say what was looked for. Options: Trivy's own reference,
"trivy image".
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, Final

import msgspec

from pytrust.scanner.errors import BadReport
from pytrust.scanner.finding import Kind
from pytrust.scanner.limits import DATABASE_VERSION_MAX, PROGRAM_MAX_BYTES, REPORT_MAX_BYTES
from pytrust.scanner.scan import Scanner
from pytrust.scanner.severity import Severity
from pytrust.trust.errors import NotFound, TooSlow, Unknown, Unsound
from pytrust.trust.names import Digest

SCAN_TIMEOUT: Final = 30 * 60.0  # seconds for one image; a large one, with a database to be fetched, takes some minutes
_LAST_YEAR: Final = 9999  # the first and the last are no moments: in UTC they may be in none
_VERSION_TIMEOUT: Final = 60.0
_SAID_MAX_CHARS: Final = 300  # of what it says when it fails
_CHUNK: Final = 1024 * 1024
_LAST_WORDS: Final = 5.0  # seconds for what it wrote before it ended; something that it left behind may hold the pipe
_PIECE: Final = 65_536
_HEAD_MAX_BYTES: Final = 1024 * 1024  # of stdout; its version takes some hundred
_TAIL_BYTES: Final = 4_096  # of what it says, of which the last line is shown
KINDS: Final = frozenset({Kind.VULNERABILITY, Kind.SECRET})
_REPORT: Final = "report.json"
_NO_MODULES: Final = "modules"  # is not there: else those in the home folder are loaded, which may remove findings
_KEPT: Final = frozenset({
    "PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "DOCKER_CONFIG", "DOCKER_HOST",
    "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy",
    "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "LANG", "TRIVY_CACHE_DIR", "TRIVY_DB_REPOSITORY",
    "TRIVY_JAVA_DB_REPOSITORY", "TRIVY_USERNAME", "TRIVY_PASSWORD", "TRIVY_REGISTRY_TOKEN", "TRIVY_DISABLE_TELEMETRY",
    "TRIVY_SKIP_VERSION_CHECK",
})  # fmt: skip
"""Where it finds images, databases and logins, and whether it calls home. Others would be flags that nobody sees."""


@dataclass(frozen=True, slots=True)
class Trivy:
    """An installed Trivy: what it says of itself, and the sha256 of its file."""

    path: Path
    version: str
    binary: Digest
    database_version: int
    database_at: datetime | None

    def scanner(self, arguments: Sequence[str]) -> Scanner:
        """What is signed of it."""
        return Scanner(version=self.version, arguments=tuple(arguments), binary=self.binary)


class _Database(msgspec.Struct):
    version: int = msgspec.field(name="Version", default=0)
    updated_at: datetime | None = msgspec.field(name="UpdatedAt", default=None)


class _Version(msgspec.Struct):
    version: str = msgspec.field(name="Version")
    database: _Database | None = msgspec.field(name="VulnerabilityDB", default=None)


def find_trivy(path: Path | None) -> Trivy:
    """The program at ``path``, or the one that is installed.

    Raises:
        NotFound: there is none.
        Unsound: it does not say its version as Trivy does.
    """
    place = (path or _installed()).absolute()  # it runs elsewhere, and what runs is what is hashed
    said = _run([str(place), "version", "--format", "json"], _VERSION_TIMEOUT, Path("/"))
    try:
        found = msgspec.json.decode(said, type=_Version)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Unsound(f"{place} does not say its version as trivy does", hint="try: trivy version -f json") from error
    database = found.database or _Database()
    at = database.updated_at
    moment = at.astimezone(UTC) if at and at.tzinfo and 1 < at.year < _LAST_YEAR else None
    version = database.version if 0 <= database.version <= DATABASE_VERSION_MAX else 0
    return Trivy(place, found.version[:100], _digest_of(place), version, moment)


def arguments_for(reference: str, platform: str, *, insecure: bool = False) -> list[str]:
    """Everything that decides what is looked for. It runs in an empty folder: no file there can add to that.

    ``insecure``: its registry is one that this host speaks to without TLS.
    """
    severities = ",".join(severity.name for severity in Severity)
    return [
        "image",
        "--format=json",
        f"--output={_REPORT}",
        "--quiet",
        "--exit-code=0",
        "--timeout=30m",
        "--scanners=vuln,secret",
        f"--severity={severities}",
        "--ignore-unfixed=false",
        "--image-src=remote",
        f"--platform={platform}",
        f"--module-dir={_NO_MODULES}",
        *(["--insecure"] if insecure else []),
        reference,
    ]


def scan_image(trivy: Trivy, arguments: Sequence[str]) -> bytes:
    """Let it look at an image; gives the report as it wrote it.

    Raises:
        TooSlow, Unknown: it did not come to an end, or failed.
        BadReport: it wrote no report, or a larger one than is read.
    """
    with TemporaryDirectory(prefix="pytrust-scan-") as folder:
        _run([str(trivy.path), *arguments], SCAN_TIMEOUT, Path(folder))
        try:
            data = _written(Path(folder) / _REPORT)
        except OSError as error:
            raise BadReport(f"{trivy.path} wrote no report") from error
    if len(data) > REPORT_MAX_BYTES:
        raise BadReport(f"the report of {trivy.path} is larger than {REPORT_MAX_BYTES} bytes")
    return data


def _written(path: Path) -> bytes:
    """A file, and neither a link to another nor a pipe that somebody may never write to."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no file")
        return file.read(REPORT_MAX_BYTES + 1)


def _installed() -> Path:
    found = shutil.which("trivy")
    if found is None:
        hint = "install it, give --trivy PATH, or add a report from elsewhere: pytrust scan add"
        raise NotFound("no trivy is installed here", hint=hint)
    return Path(found)


def _digest_of(path: Path) -> Digest:
    total, digest = 0, sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                total += len(piece)
                if total > PROGRAM_MAX_BYTES:
                    raise Unsound(f"{path} is larger than {PROGRAM_MAX_BYTES} bytes, and no trivy")
                digest.update(piece)
    except OSError as error:
        raise Unsound(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    return Digest(digest.hexdigest())


def _run(words: Sequence[str], seconds: float, folder: Path) -> bytes:
    """The first part of what it wrote to stdout; whatever it starts is ended with it."""
    environment = {name: value for name, value in os.environ.items() if name in _KEPT}
    try:
        process = subprocess.Popen(
            words,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise NotFound(f"{words[0]} cannot be run: {(error.strerror or str(error)).lower()}") from error
    try:
        return _heard(process, words[0], seconds)
    finally:  # also where somebody interrupts: its session hears nothing of that
        if process.returncode is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """It, and whatever it started that did not leave its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _heard(process: subprocess.Popen[bytes], name: str, seconds: float) -> bytes:
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = _Ear(process.stdout), _Ear(process.stderr)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        hint = "run it by hand: is its database there?"
        raise TooSlow(f"{name} took longer than {seconds:g} s", hint=hint) from error
    _end(process)
    for ear in (out, err):
        ear.join(_LAST_WORDS)
    if code:
        raise Unknown(f"{name} failed with exit code {code}: {_last(bytes(err.tail))}", hint="run it by hand")
    return bytes(out.head)


class _Ear(Thread):
    """Reads a pipe to its end, whatever comes, and keeps its beginning and its end.

    It alone closes the pipe: whoever closes it while it is read waits for what may be held open elsewhere.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self.head, self.tail = bytearray(), bytearray()
        self._pipe = pipe
        self.start()

    def run(self) -> None:
        """Until nobody writes any more."""
        with self._pipe as pipe:
            while piece := pipe.read1(_PIECE):  # type: ignore[attr-defined]
                self.head += piece[: _HEAD_MAX_BYTES - len(self.head)]
                self.tail = (self.tail + piece)[-_TAIL_BYTES:]


def _last(said: bytes) -> str:
    """Its last line, safe to be shown."""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    text = lines[-1][-_SAID_MAX_CHARS:] if lines else "it says nothing"
    return "".join(char if char.isprintable() else "?" for char in text)
