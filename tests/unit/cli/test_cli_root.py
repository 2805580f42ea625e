"""The command line: every outcome is an exit code, and starting costs nothing that is not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pytrust.cli import root
from pytrust.cli.arguments import parse_refs
from pytrust.cli.ca import ca
from pytrust.cli.root import cli, run
from pytrust.cli.version import __version__
from pytrust.trust import errors
from pytrust.trust.errors import ExitCode, InvalidName, PytrustError, UsageError
from pytrust.trust.limits import NAMES_MAX

HINT = "hint: this is a bug of pytrust: please report it with the command that you ran"


def _below(family: type[PytrustError]) -> set[type[PytrustError]]:
    direct: list[type[PytrustError]] = family.__subclasses__()
    return set(direct).union(*map(_below, direct))


def _errors() -> list[type[PytrustError]]:
    """Of the one room of errors; a server's own refusals never reach the command line."""
    found = {kind for kind in _below(PytrustError) if kind.__module__ == errors.__name__}
    return sorted({PytrustError, *found}, key=lambda kind: kind.__name__)


ALL = _errors()
FAMILIES: dict[type[PytrustError], int] = {
    errors.UsageError: 2,
    errors.Refused: 1,
    errors.Unknown: 3,
    errors.Unsound: 4,
}


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> object:
    def arrange(error: BaseException) -> None:
        def main(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(cli, "main", main)

    return arrange


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_the_exit_code_of_its_family(
    kind: type[PytrustError], failing: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(failing)
    failing(kind("thing: reason", hint="do this"))
    families = [code for family, code in FAMILIES.items() if kind in {family, *_below(family)}]
    assert run([]) == (families or [ExitCode.UNSOUND])[0]
    assert capsys.readouterr().err == "error: thing: reason\nhint: do this\n"


def test_codes_are_stable_and_different() -> None:
    codes = [kind.code for kind in ALL]
    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and " " not in code for code in codes)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (click.UsageError("No such thing."), 2, "error: no such thing\nhint: pytrust --help\n"),
        (click.BadParameter("Bad."), 2, "error: invalid value: Bad\nhint: pytrust --help\n"),
        (click.FileError("f", "gone"), 2, None),
        (click.Abort(), 130, "error: interrupted\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (PermissionError(13, "Permission denied", "/x"), 4, "error: /x: Permission denied\n"),
        (OSError(28, "No space left on device"), 4, "error: the system: No space left on device\n"),
        (ValueError("x\x1b"), 4, f"error: internal: ValueError: x\N{REPLACEMENT CHARACTER}\n{HINT}\n"),
        (RecursionError(), 4, f"error: internal: RecursionError: \n{HINT}\n"),
        (MemoryError(), 4, f"error: internal: MemoryError: \n{HINT}\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_others(
    error: BaseException, code: int, said: str | None, failing: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(failing)
    failing(error)
    assert run([]) == code
    assert said is None or capsys.readouterr().err == said


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["--nonsense"], ["sign", "--nonsense"], ["verify", "--json=x"], ["--passphrase-fd", "x", "init"]],
)  # fmt: skip
def test_words_that_do_not_fit(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["verify", "Foo"], ["verify", "foo:v1:v2"]])
def test_bad_names(tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--home", str(tmp_path / "none"), *arguments]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("error: ")


def test_no_home_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--home", str(tmp_path / "none"), "verify", "foo/web"]) == ExitCode.UNSOUND
    assert capsys.readouterr().err.splitlines()[-1] == "hint: create one with: pytrust init"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in root._COMMANDS)
    assert run(["--version"]) == 0


@pytest.mark.parametrize("arguments", [[], ["signer"], ["key"], ["repo"], ["policy"], ["ca"]])
def test_groups_alone_show_their_help_in_lines(arguments: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(arguments) == ExitCode.USAGE
    shown = b"".join(capfdbinary.readouterr()).decode()
    assert "\N{REPLACEMENT CHARACTER}" not in shown
    assert len(shown.splitlines()) > 5


@pytest.mark.parametrize("name", root._COMMANDS)
def test_every_command_of_the_table_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: pytrust {name}")


@pytest.mark.parametrize("name", ca.table)
def test_every_command_of_the_authority_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ca", name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: pytrust ca {name}")


LOADED = "print(*sorted(sys.modules), file=sys.stderr)"


def loaded(*arguments: str) -> set[str]:
    program = (
        f"import sys; sys.argv = ['pytrust', *{list(arguments)!r}]\n"
        f"import pytrust.cli.main as m\ntry:\n    m.main()\nexcept SystemExit as e:\n    assert not e.code\n{LOADED}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout
    return set(done.stderr.split())


def test_the_version_is_printed_without_click() -> None:
    modules = loaded("--version")
    assert not modules & {"click", "tuf", "sqlalchemy", "cryptography", "json", "logging", "rich", "urllib3"}


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    modules = loaded(*arguments)
    heavy = {"tuf", "tuf.api", "sqlalchemy", "securesystemslib", "rich", "requests", "tomllib"}
    assert "click" in modules
    assert not modules & heavy


def test_the_program_prints_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytrust.cli.main", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"pytrust {__version__}\n")


def test_a_reader_who_leaves_is_no_traceback() -> None:
    program = "import sys; from pytrust.cli.root import run; sys.exit(run(['--help']))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode


# -- names as arguments ---------------------------------------------------------------------------------------------


def test_names_from_arguments_and_a_file(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("# all of them\nfoo/web:v1\n\n  foo/web:v2  # the new one\r\nfoo/web:v1\n")
    names = [str(ref) for ref in parse_refs(("a:b", "docker.io/library/a:b"), path)]
    assert names == ["docker.io/library/a:b", "docker.io/foo/web:v1", "docker.io/foo/web:v2"]


def test_no_names_and_too_many(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("# none\n")
    with pytest.raises(UsageError, match="no image is named"):
        parse_refs((), path)
    path.write_text("foo/web\n" * (NAMES_MAX + 1))
    with pytest.raises(UsageError, match="10001 names are more than 10000"):
        parse_refs((), path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"foo web", b"\0", b"Foo"])
def test_bad_names_in_a_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "names").write_bytes(content)
    with pytest.raises(InvalidName):
        parse_refs((), tmp_path / "names")


def test_a_file_of_names_that_is_a_folder_or_huge(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"#" * (5 * 1024 * 1024))
    for path in (tmp_path, tmp_path / "huge"):
        with pytest.raises(PytrustError):
            parse_refs((), path)


STUBS = [
    "boto3",
    "botocore",
    "google/cloud/kms",
    "azure/core",
    "azure/identity",
    "hvac",
    "pkcs11",
    "PyKCS11",
    "sigstore",
]


def test_the_command_imports_no_sdk_though_all_are_installed(tmp_path: Path) -> None:
    for stub in STUBS:
        (tmp_path / stub).mkdir(parents=True)
        (tmp_path / stub / "__init__.py").write_text("raise SystemExit('imported ' + __name__)")
    program = "from pytrust.cli.root import run; run(['verify', '--help']); import pytrust.trust.formats.tuf"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
