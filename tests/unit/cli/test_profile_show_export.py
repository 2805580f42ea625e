"""``pytrust profile show``, ``export``, ``denied`` and ``extend`` by exit codes and words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from pytrust.cli.root import run
from pytrust.policy.observe.denials_model import Denial
from pytrust.policy.observe.denials_store import DenialStore
from pytrust.policy.profiles.document import decode_profile, encode_profile
from pytrust.policy.profiles.model import AppArmor, FileRule, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import X86_64, Action, Syscall
from pytrust.policy.profiles.seccomp.docker_json import parse_docker
from pytrust.policy.profiles.seccomp.syscalls import X86

PROFILE = Profile(
    name="foo/web",
    seccomp=Seccomp(
        default=Action.ERRNO,
        default_errno=38,
        architectures=(X86_64,),
        rules=(Rule(names=(Syscall("read"),), action=Action.ALLOW),),
    ),
)
DENIAL = Denial(
    container="a" * 64,
    name="web",
    image="foo/web",
    program="nginx",
    arch=X86_64,
    syscall=Syscall("mkdir"),
    argument="",
    action=Action.ERRNO,
    sure=True,
    capability="",
    count=3,
    first=1.0,
    last=2.0,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "web.json"
    path.write_bytes(encode_profile(PROFILE))
    return path


class Pytrust(NamedTuple):
    home: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: object) -> tuple[int, str, str]:
        self.capture.readouterr()
        code = run(["--home", str(self.home), "profile", *map(str, words)])
        said = self.capture.readouterr()
        return code, said.out, said.err


@pytest.fixture
def pytrust(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Pytrust:
    return Pytrust(tmp_path / "home", capfd)


def keep(pytrust: Pytrust, *denials: Denial) -> None:
    with DenialStore(pytrust.home / "proxy" / "denials.db") as store:
        store.add(denials)


def test_a_profile_is_shown_for_people_and_machines(pytrust: Pytrust, file: Path) -> None:
    code, out, _ = pytrust("show", file, "--arch", "amd64")
    assert (code, out.splitlines()[0]) == (0, "foo/web")
    assert "1 of 385 calls are open; docker's default opens 309, of which 308 are shut here" in out
    code, out, _ = pytrust("show", file, "--arch", "amd64", "--json")
    assert (code, json.loads(out)["figures"]["shut"]) == (0, 308)


def test_a_page_goes_to_a_file(pytrust: Pytrust, file: Path, tmp_path: Path) -> None:
    page = tmp_path / "web.html"
    assert pytrust("show", file, "--html", "-o", page)[0] == 0
    assert page.read_text().startswith("<!doctype html>")
    assert page.stat().st_mode & 0o777 == 0o644
    for words in (["--html"], ["-o", page], ["--html", "--json", "-o", page]):
        assert pytrust("show", file, *words)[0] == 2
    assert pytrust("show", file, "--html", "-o", tmp_path / "nowhere" / "web.html")[0] == 2


def test_many_files_are_counted_and_shown_on_request(pytrust: Pytrust, tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    files = tuple(FileRule(path=f"/srv/{number:03}", modes="r") for number in range(50))
    path.write_bytes(encode_profile(Profile(seccomp=PROFILE.seccomp, apparmor=AppArmor(files=files))))
    _, out, err = pytrust("show", path)
    assert ("/srv/019" in out, "/srv/020" in out) == (True, False)
    assert "30 more files" in err
    assert "/srv/049" in pytrust("show", path, "--files")[1]


def test_an_export_says_what_the_engine_drops(pytrust: Pytrust, file: Path) -> None:
    code, out, err = pytrust("export", file, "--as", "docker")
    assert code == 0
    assert parse_docker(out.encode(), "out").default_errno is None
    assert "defaultErrnoRet 38 is dropped" in err
    code, out, err = pytrust("export", file, "--as", "docker", "--engine", "28.0")
    assert parse_docker(out.encode(), "out").default_errno == 38
    assert "dropped" not in err
    assert "--security-opt no-new-privileges" in err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--as", "apparmor"], 1),
        (["--as", "compose", "--service", "we b"], 2),
        (["--as", "kubernetes", "--seccomp", "/abs.json"], 2),
        (["--as", "oci", "--arch", "vax"], 2),
        (["--as", "podman"], 2),
        (["--as", "docker", "-o", "/proc/none/x"], 2),
        ([], 2),
    ],
)
def test_what_cannot_be_exported_is_an_error(pytrust: Pytrust, file: Path, words: list[str], code: int) -> None:
    assert pytrust("export", file, *words)[0] == code


def test_an_apparmor_profile_has_the_name_that_was_asked_for(pytrust: Pytrust, tmp_path: Path) -> None:
    path = tmp_path / "aa.json"
    path.write_bytes(
        encode_profile(
            Profile(seccomp=PROFILE.seccomp, apparmor=AppArmor(files=(FileRule(path="/srv/**", modes="r"),)))
        )
    )
    assert 'profile "pytrust-web" ' in pytrust("export", path, "--as", "apparmor", "--name", "pytrust-web")[1]
    assert pytrust("export", path, "--as", "apparmor", "--name", 'x" {')[0] == 2
    _, out, err = pytrust("export", path, "--as", "compose")
    name = next(line for line in out.splitlines() if "apparmor=" in line).split("=")[1].rstrip('"')
    assert name.startswith("pytrust-")
    assert name in err


def test_denials_are_shown_by_container(pytrust: Pytrust) -> None:
    assert "nothing was refused" in pytrust("denied")[1]
    keep(pytrust, DENIAL)
    code, out, err = pytrust("denied")
    assert code == 0
    assert out.splitlines()[1].split()[2:] == ["web", "foo/web", "nginx", "mkdir", "3", "refused"]
    assert "nobody watches now" in err
    assert (
        pytrust("denied", "aaaa", "--json")[1]
        == pytrust("denied", "foo/web", "--json")[1]
        != pytrust("denied", "other", "--json")[1]
    )
    assert json.loads(pytrust("denied", "--since", "1h", "--json")[1])["denials"] == []


def test_an_extension_is_written_and_explained(pytrust: Pytrust, file: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.json"
    foreign = replace(DENIAL, arch=X86, syscall=Syscall("open"))
    poor = replace(DENIAL, syscall=Syscall("chown"), capability="CHOWN", sure=False)
    keep(pytrust, DENIAL, foreign, poor)
    code, out, err = pytrust("extend", file, "--from-denied", "-o", new)
    assert (code, out) == (0, f"{new} written, unsigned\n")
    assert "+ mkdir (allowed, not " in err
    assert f"programs of {X86} were ended" in err
    assert "--capability CHOWN adds it" in err
    found = decode_profile(new.read_bytes(), "new")
    assert [one.subject for one in found.evidence] == ["syscall:mkdir"]
    assert found.capabilities == ()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["--call", "mkdri"], 2),
        (["--capability", "ROOT"], 2),
        (["--call", "read"], 1),
        (["--from-denied"], 1),
        (["--from-denied", "web"], 1),
    ],
)
def test_what_cannot_be_extended_is_an_error_and_writes_nothing(
    pytrust: Pytrust, file: Path, tmp_path: Path, words: list[str], code: int
) -> None:
    new = tmp_path / "new.json"
    assert pytrust("extend", file, *words, "-o", new)[0] == code
    assert not new.exists()
