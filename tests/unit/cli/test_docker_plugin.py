"""The plugin's edges: what docker is told, what docker hands on, what is put in place and what is left alone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from tests.fakes.keys import NAME, private, public

from pytrust.cli.docker_plugin import DESCRIPTIONS, metadata
from pytrust.cli.docker_plugin_key import read_signer_key, write_signer_key
from pytrust.cli.docker_plugin_launcher import HEAD_BYTES, is_launcher, launcher
from pytrust.cli.docker_plugin_run import run
from pytrust.cli.docker_plugin_trust import notary_root, written_tag
from pytrust.cli.docker_plugin_words import read_words
from pytrust.cli.plugin_install import install_plugin
from pytrust.cli.version import __version__
from pytrust.trust.errors import AccessDenied, PytrustError, Unreachable, UsageError
from pytrust.trust.http import Deadline
from pytrust.trust.names import CollectionName, ImageRef

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CAROL = public("carol", "ecdsa-p256")
FOREIGN = "#!/bin/sh\necho somebody else's\n"


@pytest.mark.parametrize("name", sorted(DESCRIPTIONS))
def test_metadata(name: str) -> None:
    """Version 0.1.0 and a vendor are what docker insists on."""
    told = json.loads(metadata(name))
    assert told.pop("ShortDescription")
    assert told == {"SchemaVersion": "0.1.0", "Vendor": "pytrust", "Version": __version__}


def test_metadata_imports_nothing_that_costs() -> None:
    """Docker asks at every ``docker --help``."""
    code = (
        "import sys; sys.argv[1:] = ['docker-cli-plugin-metadata']\n"
        "import atexit, pytrust.cli.docker_plugin as plugin\n"
        "atexit.register(lambda: print(sorted({'click', 'json', 'cryptography', 'typing_extensions'} & {*sys.modules})))\n"
        "plugin.main('pytrust')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == metadata("pytrust") + "[]\n"


@pytest.mark.parametrize(
    ("words", "environment", "rest"),
    [
        (["pytrust", "verify", "foo"], {}, ["verify", "foo"]),
        (["pytrust"], {}, []),
        (["pytrust", "--help"], {}, ["--help"]),
        (["help", "pytrust", "verify"], {}, ["verify", "--help"]),
        (["--help", "pytrust", "key"], {}, ["key", "--help"]),
        (["-D", "-l", "debug", "--log-level=info", "--debug", "pytrust", "key"], {}, ["key"]),
        (["-H", "tcp://a:1", "pytrust", "pull", "-H", "x"], {"DOCKER_HOST": "tcp://a:1"}, ["pull", "-H", "x"]),
        (["-Htcp://a:1", "pytrust"], {"DOCKER_HOST": "tcp://a:1"}, []),
        (["-H=tcp://a:1", "pytrust"], {"DOCKER_HOST": "tcp://a:1"}, []),
        (["-DH", "tcp://a:1", "pytrust"], {"DOCKER_HOST": "tcp://a:1"}, []),
        (["--host=unix:///s", "--host", "tcp://b:2", "pytrust"], {"DOCKER_HOST": "tcp://b:2"}, []),
        (["--config", "/c", "--tlsverify", "pytrust"], {"DOCKER_CONFIG": "/c", "DOCKER_TLS_VERIFY": "1"}, []),
        (["--config", "=c", "pytrust"], {"DOCKER_CONFIG": "=c"}, []),
        (["pytrust", "pytrust"], {}, ["pytrust"]),
        (["--config", "pytrust", "pytrust", "sign"], {"DOCKER_CONFIG": "pytrust"}, ["sign"]),
    ],
    ids=str,
)
def test_what_docker_hands_on(words: list[str], environment: dict[str, str], rest: list[str]) -> None:
    assert read_words("pytrust", words) == (environment, rest)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["help"],
        ["trust", "inspect"],
        ["verify", "foo"],
        ["-c", "other", "pytrust"],
        ["--context=other", "pytrust"],
        ["--tls", "pytrust"],
        ["--tlscacert", "ca.pem", "pytrust"],
        ["--tlsverify=false", "pytrust"],
        ["--nonsense", "pytrust"],
        ["-H"],
    ],
    ids=str,
)
def test_what_would_lead_elsewhere_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        read_words("pytrust", words)
    assert caught.value.hint


@pytest.mark.parametrize("python", ["/usr/bin/python3", "/a folder/it's/$HOME/python", "/ü/py"])
def test_the_launcher_quotes_the_path(python: str, tmp_path: Path) -> None:
    """A shell that runs it with a stand-in for Python sees the words as they were given."""
    stand_in = tmp_path / python.lstrip("/")
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    script = tmp_path / "docker-trust"
    script.write_bytes(launcher("trust", str(stand_in)))
    script.chmod(0o755)
    done = subprocess.run([script, "trust", "a b", "*"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "-P", "-c", 'from pytrust.cli.docker_plugin import main; main("trust")', "trust", "a b", "*",
    ]  # fmt: skip


def test_whose_file_it_is() -> None:
    made = launcher("pytrust", sys.executable)
    assert is_launcher(made[:HEAD_BYTES])
    assert not is_launcher(made[1:])
    assert not is_launcher(FOREIGN.encode())
    assert not is_launcher(b"")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of docker's, and no docker command."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "docker" / "cli-plugins"


def have(folder: Path, says: str) -> None:
    """A docker command that says its version."""
    path = folder.parent.parent / "bin" / "docker"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def install(*words: str | Path) -> Result:
    return CliRunner().invoke(install_plugin, [str(word) for word in words], standalone_mode=False)


@pytest.mark.parametrize(
    ("says", "words", "made", "note"),
    [
        ("", (), ["docker-pytrust"], "there is no docker command here"),
        ("", ("--trust",), ["docker-pytrust", "docker-trust"], ""),
        ("Docker version 28.2.2, build e6534b4", (), ["docker-pytrust"], "docker 28 has a trust command of its own"),
        ("Docker version 28.2.2, build x", ("--trust",), ["docker-pytrust", "docker-trust"], "comes first until"),
        ("Docker version 29.0.0, build 3d4129b", (), ["docker-pytrust", "docker-trust"], ""),
        ("Docker version 30.1.0-rc.1, build x", (), ["docker-pytrust", "docker-trust"], ""),
        ("podman version 5.4.2", (), ["docker-pytrust"], "there is no docker command here"),
    ],
)
def test_what_is_put_in_place(docker: Path, says: str, words: tuple[str, ...], made: list[str], note: str) -> None:
    if says:
        have(docker, says)
    done = install(*words)
    assert done.return_value == 0
    assert sorted(path.name for path in docker.iterdir()) == made
    assert done.stdout.splitlines() == [f"docker {name[7:]}: {docker / name}" for name in made]
    assert note in done.stderr if note else not done.stderr
    assert {stat.S_IMODE(path.stat().st_mode) for path in docker.iterdir()} == {0o755}
    assert stat.S_IMODE(docker.parent.stat().st_mode) == 0o700


def test_what_is_in_place_runs(docker: Path) -> None:
    install("--trust")
    for name in ("pytrust", "trust"):
        words = [str(docker / f"docker-{name}"), "docker-cli-plugin-metadata"]
        done = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/", env={"PATH": os.defpath})
        assert done.stdout == metadata(name)


def test_a_module_in_the_folder_where_one_stands_is_not_run(docker: Path, tmp_path: Path) -> None:
    install()
    (tmp_path / "pytrust").mkdir()
    (tmp_path / "pytrust" / "__init__.py").write_text("print('taken over')")
    words = [str(docker / "docker-pytrust"), "pytrust", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path, env={"PATH": os.defpath})
    assert done.stdout == f"pytrust {__version__}\n"


def test_again(docker: Path) -> None:
    """A newer pytrust takes the place of an older one."""
    install()
    (docker / "docker-pytrust").write_bytes(launcher("pytrust", "/gone/python"))
    assert install().return_value == 0
    assert (docker / "docker-pytrust").read_bytes() == launcher("pytrust", sys.executable)


@pytest.mark.parametrize("kind", ["file", "link", "folder", "dangling"])
def test_what_others_made_is_left_alone(docker: Path, tmp_path: Path, kind: str) -> None:
    docker.mkdir(parents=True)
    path = docker / "docker-trust"
    elsewhere = tmp_path / "elsewhere"
    match kind:
        case "file":
            path.write_text(FOREIGN)
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(elsewhere)
    if kind == "link":
        elsewhere.write_bytes(launcher("trust", sys.executable))
    before = path.lstat().st_ino
    done = install("--trust")
    assert isinstance(done.exception, UsageError)
    assert "--force" in done.exception.hint
    assert [found.name for found in docker.iterdir()] == ["docker-trust"]  # all or nothing
    removed = install("--uninstall")
    assert "left alone" in removed.stderr
    assert path.lstat().st_ino == before


def test_force(docker: Path, tmp_path: Path) -> None:
    docker.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text(FOREIGN)
    (docker / "docker-pytrust").symlink_to(tmp_path / "elsewhere")
    assert install("--force").return_value == 0
    assert (tmp_path / "elsewhere").read_text() == FOREIGN  # the link was replaced, not what it led to
    assert is_launcher((docker / "docker-pytrust").read_bytes())


def test_uninstall(docker: Path) -> None:
    install("--trust")
    (docker / "docker-other").write_text(FOREIGN)
    done = install("--uninstall")
    assert done.stdout.splitlines() == [f"removed {docker / name}" for name in ("docker-pytrust", "docker-trust")]
    assert [path.name for path in docker.iterdir()] == ["docker-other"]
    again = install("--uninstall")
    assert (again.return_value, again.stdout, again.stderr) == (0, "", f"note: {docker} holds no plugin of pytrust\n")


def test_into_another_folder(docker: Path, tmp_path: Path) -> None:
    assert install("--into", tmp_path / "lib" / "cli-plugins").return_value == 0
    assert (tmp_path / "lib" / "cli-plugins" / "docker-pytrust").exists()
    assert not docker.exists()


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("foo/web", None),
        ("foo/web:latest", "latest"),
        ("foo/web:v1", "v1"),
        ("localhost:5000/foo/web", None),
        (f"foo/web@sha256:{'0' * 64}", None),
        (f"foo/web:v1@sha256:{'0' * 64}", None),
    ],
)
def test_a_tag_counts_where_it_was_written(text: str, tag: str | None) -> None:
    assert written_tag(text, ImageRef.parse(text)) == tag


@dataclass
class Answering:
    """A source that answers every question the same way."""

    answer: bytes | PytrustError | None

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        assert (name, file) == (NAME, "notary/root.json")
        if isinstance(self.answer, PytrustError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [None, b"{}", b"<html>", AccessDenied("403, as S3 says it of what is not there")])
def test_without_a_notary_side(answer: bytes | PytrustError | None) -> None:
    assert notary_root(Answering(answer), NAME, Deadline(1)) is None


def test_a_source_that_is_away_is_told_of() -> None:
    with pytest.raises(Unreachable):
        notary_root(Answering(Unreachable("away")), NAME, Deadline(1))


def certificate(*, ended: bool = False) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "carol")])
    end = NOW - timedelta(days=1) if ended else NOW + timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, CAROL.load(), 7, NOW - timedelta(days=9), end)  # type: ignore[arg-type]
    return builder.sign(private("carol", "ecdsa-p256"), hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("data", [CAROL.pem.encode(), write_signer_key(CAROL, "carol"), certificate()])
def test_the_key_of_a_signer(data: bytes) -> None:
    assert read_signer_key(data, "it", NOW) == CAROL


@pytest.mark.parametrize(
    "data",
    [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", certificate(ended=True), b"\xff" * 99],
)
def test_what_is_no_key_of_a_signer(data: bytes) -> None:
    with pytest.raises(PytrustError):
        read_signer_key(data, "it", NOW)


def test_the_file_that_docker_leaves() -> None:
    assert write_signer_key(CAROL, "carol").startswith(b"-----BEGIN PUBLIC KEY-----\nrole: carol\n\nMFkw")


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTRUST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_trust_ends_with_one(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As docker's own, whatever went wrong; ``docker pytrust`` tells apart."""
    assert run("trust", ["trust", "inspect", "foo/web"]) == 1
    said = capsys.readouterr()
    assert said.out == "[]\n"
    assert said.err.splitlines()[0] == "no signatures or cannot access foo/web"
    assert run("pytrust", ["pytrust", "inspect", "--pretty", "foo/web"]) == 4
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("words", [["trust", "nonsense"], ["trust", "inspect"], ["trust", "sign", "foo/web"], ["sign"]])
def test_words_that_make_no_sense(nowhere: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("trust", words) == 1
    assert "hint: " in capsys.readouterr().err


def test_revoking_all_is_asked_about(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("trust", ["trust", "revoke", "foo/web"]) == 1
    assert "Confirm you would like to delete all signature data for foo/web?" in capsys.readouterr().err
    assert run("trust", ["trust", "revoke", "foo/web:v1"]) == 1
    assert "Confirm" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pytrust", "verify", "--help"], "docker pytrust verify --json foo/web:v2"),
        (["pytrust", "inspect", "--help"], "docker pytrust inspect --pretty"),
        (["pytrust", "signer", "add", "--help"], "docker pytrust signer add bob"),
        (["trust", "inspect", "--help"], "docker trust inspect --pretty"),
        (["help", "trust", "signer", "remove"], "Usage: docker trust signer remove"),
    ],
)
def test_help_says_what_to_type(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = words[0] if words[0] != "help" else words[1]
    assert run(name, words) == 0
    said = capsys.readouterr().out
    assert says in said
    assert "docker docker" not in said
    assert "  pytrust" not in said


def test_the_commands_of_pytrust_itself_are_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    from pytrust.cli.root import run as plain

    assert run("pytrust", ["pytrust", "verify", "--help"]) == 0
    capsys.readouterr()
    assert plain(["verify", "--help"]) == 0
    assert "docker pytrust" not in capsys.readouterr().out


def test_docker_s_flags_reach_the_engine(nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, "before")
    run("pytrust", ["--config", str(tmp_path), "-H", "unix:///nowhere", "pytrust", "status"])
    assert (os.environ["DOCKER_CONFIG"], os.environ["DOCKER_HOST"]) == (str(tmp_path), "unix:///nowhere")
