"""``pytrust ca`` as a new user types it: three commands, a real dockerd, the stock docker client; and what goes wrong."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.rig import clock, dockerd
from tests.rig.founding import found
from tests.rig.needs import need
from tests.rig.ports import free_port
from tests.rig.processes import environment, find

PROGRAM = Path(sys.executable).with_name("pytrust")
PASSPHRASE = "a passphrase for tests"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a shell and a home for pytrust, which nothing was done to yet."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def shell(self, line: str, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Type a line."""
        path = f"{PROGRAM.parent}:{environment()['PATH']}"
        settings = {"PYTRUST_HOME": str(self.home), "HOME": str(self.folder), "PATH": path}
        return subprocess.run(
            ["bash", "-c", line],
            env=environment({**settings, "PYTRUST_PASSPHRASE": PASSPHRASE, **(more or {})}),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def ca(self, *words: str, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """``pytrust ca WORDS``."""
        return self.shell(shlex.join(["pytrust", "ca", *words]), more)

    def later(self, days: float) -> dict[str, str]:
        """What lets a command live so many days from now."""
        need(clock.missing())
        moved = clock.Clock.at(self.folder / "clock")
        moved.move(days)
        return moved.environment

    def must(self, *words: str, more: dict[str, str] | None = None) -> str:
        done = self.ca(*words, more=more)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def listed(self, *words: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.must("list", "--json", *words))
        return found

    def folder_of(self, name: str) -> Path:
        return Path(json.loads(self.must("show", name, "--json"))["folder"])


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """One with an authority, a server for this machine, and a client."""
    made = User(tmp_path_factory.mktemp("ca"))
    found(made.home, PASSPHRASE)
    made.must("server", "localhost", "--san", "127.0.0.1")
    made.must("client", "alice")
    return made


@pytest.fixture
def stranger(tmp_path: Path) -> User:
    """One with nothing."""
    return User(tmp_path)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> User:
    """One with an authority that issued nothing; not to be used itself."""
    made = User(tmp_path_factory.mktemp("fresh"))
    found(made.home, PASSPHRASE)
    return made


@pytest.fixture
def founder(fresh: User, tmp_path: Path) -> User:
    """The same for one test."""
    shutil.copytree(fresh.home, tmp_path / "home")
    return User(tmp_path)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: f"{stat.S_IMODE(path.stat().st_mode):04o}" for path in folder.iterdir() if path.name[0] != "."}


def test_where_an_engine_is_asked(founder: User) -> None:
    founder.must("server", "docker1.example.com", "--endpoint", "10.0.0.7:2376")
    assert json.loads(founder.must("show", "docker1.example.com", "--json"))["endpoint"] == "10.0.0.7:2376"
    assert "asked at: 10.0.0.7:2376" in founder.must("show", "docker1.example.com")
    assert "endpoint 10.0.0.7:2376" in founder.must("log")
    done = founder.ca("server", "docker2.example.com", "--endpoint", "10.0.0.7")
    assert (done.returncode, done.stderr.count("\n")) == (2, 2)
    assert [one["name"] for one in founder.listed() if one["kind"] == "server"] == ["docker1.example.com"]


def test_tables_fit_a_terminal_and_their_serials_are_enough(user: User) -> None:
    table = user.must("list").splitlines()
    assert max(len(line.rstrip()) for line in table) <= 80
    shown = next(line for line in table if "alice" in line).split()[2]
    assert json.loads(user.must("show", shown, "--json"))["serial"].startswith(shown)
    assert max(len(line.rstrip()) for line in user.must("log").splitlines()) <= 110


# -- the first screen ------------------------------------------------------------------------------------------------


def test_what_init_says(stranger: User) -> None:
    done = stranger.ca("init", "--name", "example ops")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == f"created {stranger.home}/ca: authority example ops"
    assert [line.partition(":")[0] for line in said[1:]] == [
        "example ops root G1", "example ops server CA G1", "example ops client CA G1",
    ]  # fmt: skip
    assert "hint: next: pytrust ca server, then pytrust ca client NAME" in done.stderr
    assert PASSPHRASE not in done.stdout + done.stderr


def test_folders_have_what_dockerd_and_docker_take(user: User) -> None:
    server, client = user.folder_of("localhost"), user.folder_of("alice")
    assert modes(server) == {"ca.pem": "0644", "cert.pem": "0644", "crl.pem": "0644", "key.pem": "0600"}
    assert modes(client) == {"ca.pem": "0644", "cert.pem": "0644", "key.pem": "0600"}
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (server, client)] == [0o700, 0o700]


@pytest.fixture(scope="module")
def port(user: User, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A stock dockerd that was started with what ``pytrust ca server`` made."""
    need(dockerd.missing())
    files, number = user.folder_of("localhost"), free_port()
    flags = [f"--tlscacert={files}/ca.pem", f"--tlscert={files}/cert.pem", f"--tlskey={files}/key.pem"]
    folder = tmp_path_factory.mktemp("tls")
    with dockerd.private_engine(folder, "--tlsverify", *flags, f"--host=tcp://127.0.0.1:{number}"):
        yield number


ASK = "docker version --format '{{.Server.Version}}'"


def test_docker_reaches_it_with_the_lines_as_printed(user: User, port: int) -> None:
    said = user.must("client", "bob").replace(":2376", f":{port}").splitlines()
    context = next(line for line in said if line.startswith("docker context create"))
    variables = [line for line in said if line.startswith(("export", "unset"))]
    for before in (f"{context} && docker context use localhost", "; ".join(variables)):
        done = user.shell(f"{before} && {ASK}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1][0].isdigit()


def test_the_context_has_files_of_its_own(user: User, port: int) -> None:
    said = user.must("client", "carol", "--out", "here, there").replace(":2376", f":{port}").splitlines()
    context = next(line for line in said if line.startswith("docker context create"))
    line = context.replace("create localhost", "create other")
    done = user.shell(f"{line} && rm -r 'here, there' && docker --context other version --format ok")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ok"), done.stderr


def test_nobody_else_gets_in(user: User, port: int) -> None:
    variables = f"export DOCKER_HOST=tcp://127.0.0.1:{port} DOCKER_TLS_VERIFY=1"
    for folder in (user.folder_of("localhost"), user.folder):
        done = user.shell(f"{variables} DOCKER_CERT_PATH={folder}; {ASK}")
        assert done.returncode != 0


def test_names_of_this_host_are_found_and_shown(founder: User) -> None:
    done = founder.ca("server", "--san", "docker.example.com")
    assert done.returncode == 0, done.stderr
    shown = next(line for line in done.stderr.splitlines() if line.startswith("note: this host is dialled as"))
    names = json.loads(founder.must("show", founder.listed()[-1]["name"], "--json"))["names"]
    assert {"localhost", "127.0.0.1", "::1", "docker.example.com"} <= set(names)
    assert all(name in shown for name in names if name != "docker.example.com")


def test_limits_hold_for_names_that_are_found_and_given(stranger: User) -> None:
    stranger.must("init", "--permit", "example.com", "--permit", "127.0.0.0/8")
    done = stranger.ca("server", "docker1.example.org")
    assert (done.returncode, "docker1.example.org" in done.stderr) == (1, True), done.stderr
    stranger.must("server", "docker1.example.com", "127.0.0.1")
    done = stranger.ca("server")
    assert (done.returncode, "left out, since the authority is limited: " in done.stderr) == (0, True), done.stderr


# What follows may write to /etc: to a copy, in a mount namespace of its own.
ELSEWHERE = """
set -e
cp -a /etc {copy}
unshare --mount sh -c 'mount --bind {copy} /etc; {lines}'
"""


def on_another_host(user: User, lines: str) -> subprocess.CompletedProcess[str]:
    """Type lines where /etc is a copy, with an engine that systemd starts and nobody has touched."""
    need(dockerd.missing())
    copy = user.folder / "etc"
    shutil.rmtree(copy, ignore_errors=True)
    fresh = "rm -rf /etc/docker /etc/systemd/system/docker*; mkdir /etc/docker; echo {} > /etc/docker/daemon.json"
    return user.shell(ELSEWHERE.format(copy=copy, lines=f"{fresh}; {lines}"))


def test_all_of_it_for_this_host(stranger: User) -> None:
    done = on_another_host(stranger, "pytrust ca init --engine --yes; cat /etc/docker/daemon.json")
    assert done.returncode == 0, done.stderr
    assert "+" in done.stdout
    settings = json.loads(done.stdout[done.stdout.rindex("\n{") :])
    assert settings["tlsverify"] is True
    assert settings["tlskey"] == f"{stranger.folder_of(stranger.listed()[3]['name'])}/key.pem"
    assert [entry["kind"] for entry in stranger.listed()] == ["root", "server-ca", "client-ca", "server", "client"]
    assert "docker context create" in done.stdout
    assert "hint: to take it back: pytrust engine rollback" in done.stderr


def test_nothing_is_written_without_a_yes(stranger: User) -> None:
    done = on_another_host(
        stranger,
        "pytrust ca init --engine; code=$?; cat /etc/docker/daemon.json; ls /etc/systemd/system/docker*; exit $code",
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "{}"), done.stderr
    assert "nothing was changed" in done.stderr
    done = on_another_host(
        stranger,
        "pytrust engine setup --yes >/dev/null && pytrust engine rollback >/dev/null; cat /etc/docker/daemon.json",
    )
    assert (done.returncode, done.stdout) == (0, "{}\n"), done.stderr


# -- life ------------------------------------------------------------------------------------------------------------


def test_list_show_and_log(user: User) -> None:
    assert {(entry["kind"], entry["state"]) for entry in user.listed()} >= {
        ("root", "good"), ("server-ca", "good"), ("client-ca", "good"), ("server", "good"), ("client", "good"),
    }  # fmt: skip
    shown = json.loads(user.must("show", "alice", "--json"))
    assert user.must("show", shown["serial"]) == user.must("show", "alice")
    assert "pytrust:client:alice" in shown["names"]
    events = json.loads(user.must("log", "--json"))
    assert shown["serial"] in [event["serial"] for event in events]
    assert user.must("log", "--verify").startswith(f"entries: {len(events)}, ")
    assert "alice" in user.must("log")


def test_renewal_in_time(founder: User) -> None:
    founder.must("server", "docker1.example.com", "--days", "10")
    founder.must("client", "alice", "--days", "10")
    founder.must("client", "bob", "--days", "100")
    assert founder.ca("renew", "--check").returncode == 0
    later = founder.later(days=9)
    done = founder.ca("renew", "--check", more=later)
    assert done.returncode == 1
    assert sorted(line.partition(" ends in")[0] for line in done.stdout.splitlines()) == [
        "client alice", "server docker1.example.com",
    ]  # fmt: skip
    key = (founder.folder_of("alice") / "key.pem").read_bytes()
    done = founder.ca("renew", "--all-due", more=later)
    assert done.returncode == 0, done.stderr
    assert sorted(line.partition(",")[0] for line in done.stdout.splitlines()) == [
        "renewed client alice", "renewed server docker1.example.com",
    ]  # fmt: skip
    assert "systemctl restart docker" in done.stderr
    assert (founder.folder_of("alice") / "key.pem").read_bytes() != key
    done = founder.ca("renew", "--all-due", more=later)
    assert (done.returncode, done.stdout) == (0, "")


def test_lists_are_renewed_too(founder: User) -> None:
    founder.must("server", "docker1.example.com", "--days", "400")
    listed = founder.folder_of("docker1.example.com") / "crl.pem"
    before = listed.read_bytes()
    done = founder.ca("renew", "--check", more=founder.later(days=15))
    assert (done.returncode, done.stdout.startswith("the revocation list of client CA G1 ends in")) == (1, True)
    founder.must("renew", "--all-due", more=founder.later(days=15))
    assert listed.read_bytes() != before
    assert founder.must("crl") == listed.read_text()


def test_the_same_key_stays_where_it_is_asked_for(user: User) -> None:
    user.must("client", "dora")
    key, serial = user.folder_of("dora") / "key.pem", json.loads(user.must("show", "dora", "--json"))["serial"]
    before = key.read_bytes()
    user.must("renew", "dora", "--same-key")
    assert key.read_bytes() == before
    assert json.loads(user.must("show", "dora", "--json"))["serial"] != serial
    assert json.loads(user.must("show", serial, "--json"))["state"] == "replaced"


def test_revocation_reaches_the_folder_and_says_what_does_not_look(user: User) -> None:
    user.must("client", "mallory")
    serial = json.loads(user.must("show", "mallory", "--json"))["serial"]
    done = user.ca("revoke", "mallory", "--reason", "key-compromise")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"revoked client mallory, serial {serial}: key-compromise\n"
    assert "dockerd itself reads no list" in done.stderr
    listed = user.folder_of("localhost") / "crl.pem"
    shown = user.shell(f"openssl crl -noout -text -in {shlex.quote(str(listed))}").stdout
    assert f"Serial Number: {serial}" in shown
    assert "Key Compromise" in shown
    done = user.ca("renew", "mallory")
    assert done.returncode == 1
    assert user.ca("revoke", "mallory").returncode == 0
    assert [entry for entry in user.listed() if entry["name"] == "mallory"] == []
    assert [entry["state"] for entry in user.listed("--all") if entry["name"] == "mallory"] == ["revoked"]


def test_a_name_is_locked_out_with_all_that_it_holds(user: User) -> None:
    user.must("client", "eve")
    before = json.loads(user.must("show", "eve", "--json"))["serial"]
    user.must("renew", "eve")
    after = json.loads(user.must("show", "eve", "--json"))["serial"]
    user.must("revoke", "eve")
    shown = user.shell(
        f"openssl crl -noout -text -in {shlex.quote(str(user.folder_of('localhost') / 'crl.pem'))}"
    ).stdout
    assert all(f"Serial Number: {serial}" in shown for serial in (before, after))


def test_one_of_two_certificates_is_withdrawn(user: User) -> None:
    user.must("client", "gina")
    before = json.loads(user.must("show", "gina", "--json"))["serial"]
    user.must("renew", "gina")
    user.must("revoke", before.lower(), "--reason", "superseded")
    assert json.loads(user.must("show", "gina", "--json"))["state"] == "good"
    assert json.loads(user.must("show", before, "--json"))["revoked"]["reason"] == "superseded"


def test_short_lived(user: User) -> None:
    said = user.must("client", "ci-7@build", "--hours", "8")
    assert said.startswith("client ci-7@build, until ")
    shown = json.loads(user.must("show", "ci-7@build", "--json"))
    assert datetime.fromisoformat(shown["not_after"]) - datetime.now(UTC) < timedelta(hours=8)


def test_many_at_once(user: User) -> None:
    (user.folder / "people").write_text("# the team\nerin\nfrank  # on call\n\nerin\n")
    assert user.must("client", "--from-file", "people") == f"2 client certificates in {user.home}/ca/clients\n"
    assert {"erin", "frank"} <= {path.name for path in (user.home / "ca" / "clients").iterdir()}


def test_the_root_key_leaves_and_comes_back(founder: User) -> None:
    done = founder.ca("root", "remove", "--yes")
    assert (done.returncode, "export" in done.stderr) == (1, True)
    founder.must("root", "export", "root.key")
    assert stat.S_IMODE((founder.folder / "root.key").stat().st_mode) == 0o600
    assert PASSPHRASE not in (founder.folder / "root.key").read_text()
    assert founder.ca("root", "remove").returncode == 1  # nobody to ask
    founder.must("root", "remove", "--yes")
    assert not list((founder.home / "ca" / "keys").glob("root-*"))
    founder.must("server", "docker1.example.com")
    founder.must("client", "alice")
    founder.must("revoke", "alice")
    founder.must("root", "import", "root.key")
    assert list((founder.home / "ca" / "keys").glob("root-*"))


def test_status_tells_of_certificates(founder: User) -> None:
    founder.must("client", "alice", "--days", "5")
    done = founder.shell("pytrust status")
    assert (done.returncode, done.stdout) == (0, "every certificate and revocation list is good, and none is due\n")
    done = founder.shell("pytrust status", founder.later(days=4))
    assert (done.returncode, done.stdout) == (0, "client alice ends in 23 h: pytrust ca renew --all-due\n")
    done = founder.shell("pytrust status --json", founder.later(days=6))
    assert done.returncode == 1
    (found,) = json.loads(done.stdout)["certificates"]
    assert (found["what"], found["name"], found["over"]) == ("certificate", "client alice", True)


def test_the_units_renew(founder: User) -> None:
    """As systemd runs them: a credential in a folder, the settings of the unit, no other environment."""
    need("" if find("systemd-analyze") else "systemd-analyze is not installed")
    founder.must("client", "alice", "--days", "10")
    printed = founder.must("timer")
    assert PASSPHRASE not in printed
    for name in ("pytrust-ca.service", "pytrust-ca.timer"):
        text = printed.partition(f"# /etc/systemd/system/{name}\n")[2].partition("\n# /etc/")[0]
        (founder.folder / name).write_text(text)
    checked = founder.shell("systemd-analyze verify --man=no ./pytrust-ca.service ./pytrust-ca.timer")
    assert "pytrust" not in checked.stderr, checked.stderr
    unit = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    (founder.folder / "passphrase").write_text(f"{PASSPHRASE}\n")
    (founder.folder / "passphrase").chmod(0o400)
    assert unit["LoadCredential"] == "passphrase:/etc/pytrust/ca-passphrase"
    more = {"CREDENTIALS_DIRECTORY": str(founder.folder), "PYTRUST_PASSPHRASE": "", **founder.later(days=9)}
    done = founder.shell(f"export {unit['Environment']}; {unit['ExecStart']}", more)
    assert (done.returncode, done.stdout.startswith("renewed client alice")) == (0, True), done.stderr


# -- wrong input -----------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, int, str]] = [
    ("server bad_/name", 2, "is not a DNS name"),
    ("server 10.0.0.256", 2, "is not a DNS name or an IP address"),
    ("server '*'", 2, "is not a DNS name"),
    ("server localhost", 2, "renew"),
    ("server x.example --days 0", 2, "--days"),
    ("server x.example --days 826", 2, "--days"),
    ("server x.example --out key.pem", 4, "key.pem"),
    ("server x.example --out missing/deep", 4, "missing"),
    ("client", 2, "either NAME"),
    ("client alice --from-file /dev/null", 2, "--from-file"),
    ("client ../alice", 2, "is not a client name"),
    ("client -- -alice", 2, "is not a client name"),
    ("client 'alice\n'", 2, "is not a client name"),
    ("client zoe --days 1 --hours 1", 2, "give one"),
    ("client zoe --hours 999999999999", 2, "--hours"),
    ("client zoe --from-file nowhere", 2, "nowhere"),
    ("show nobody", 1, "no certificate goes by"),
    ("show FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", 1, "no certificate goes by"),
    ("renew", 2, "one of NAME, --all-due and --check"),
    ("renew alice --all-due", 2, "one of NAME, --all-due and --check"),
    ("renew client-ca", 2, "rotate"),
    ("renew nobody", 1, "no certificate goes by"),
    ("revoke client-ca", 2, "rotate"),
    ("revoke alice --reason because", 2, "--reason"),
    ("init", 2, "there is"),
    ("init --yes", 2, "--engine"),
    ("crl --out nowhere/crl.pem", 4, "nowhere"),
    ("root import people-who-are-not-there", 2, "does not exist"),
    ("nonsense", 2, "no such command"),
]


@pytest.mark.parametrize(("line", "code", "said"), WRONG, ids=[line for line, _, _ in WRONG])
def test_wrong_words_have_an_answer(user: User, line: str, code: int, said: str) -> None:
    (user.folder / "key.pem").touch()
    done = user.shell(f"pytrust ca {line}")
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) <= 3
    assert "internal" not in done.stderr


@pytest.mark.parametrize("line", ["list", "show alice", "server localhost", "renew --check", "log", "crl", "timer"])
def test_without_an_authority(stranger: User, line: str) -> None:
    done = stranger.ca(*line.split())
    if line == "timer":  # it only prints
        assert done.returncode == 0
        return
    assert done.returncode == 4
    assert done.stderr.endswith("hint: make an authority with: pytrust ca init\n")


@pytest.mark.parametrize("name", ["", "a" * 41, "../up", "new\nline", "O=evil"])
def test_names_that_no_authority_has(stranger: User, name: str) -> None:
    done = stranger.ca("init", "--name", name)
    assert (done.returncode, "is not a name for an authority" in done.stderr) == (2, True)
    assert not stranger.home.exists()


@pytest.mark.parametrize("limit", ["10.0.0.1/8", "*.example.com", "exa mple", "10.0.0.0/99", ""])
def test_limits_that_are_none(stranger: User, limit: str) -> None:
    done = stranger.ca("init", "--permit", limit)
    assert done.returncode == 2, done.stderr
    assert not (stranger.home / "ca").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("root nonsense:2 key.pub", "nonsense"),
        ("root awskms:alias/x key.pub", "awskms"),
        ("tree hsm:2?label=x key.pub", "--key-at"),
        ("client-ca hsm:2?label=x other.pub", "other.pub"),
    ],
)
def test_keys_elsewhere_that_cannot_be_used(stranger: User, words: str, said: str) -> None:
    stranger.shell("echo nonsense > other.pub; openssl ecparam -name prime256v1 -genkey | openssl ec -pubout > key.pub")
    done = stranger.ca("init", "--key-at", *words.split())
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not (stranger.home / "ca").exists()


def test_reading_needs_no_passphrase_and_signing_does(user: User) -> None:
    without = {"PYTRUST_PASSPHRASE": ""}
    for line in ("list", "show alice", "renew --check", "log --verify", "crl"):
        user.must(*line.split(), more=without)
    done = user.ca("client", "yves", more=without)
    assert (done.returncode, "passphrase" in done.stderr) == (4, True)
    done = user.ca("client", "yves", more={"PYTRUST_PASSPHRASE": "another passphrase"})
    assert (done.returncode, "wrong passphrase" in done.stderr) == (4, True)
    assert "yves" not in user.must("list")


def test_a_home_that_others_can_write_to(founder: User) -> None:
    (founder.home / "ca").chmod(0o777)
    done = founder.ca("list")
    assert (done.returncode, "chmod" in done.stderr) == (4, True)


@pytest.mark.parametrize("kind", ["ecdsa-p384", "ed25519", "rsa-3072"])
def test_every_kind_of_ca_key_issues(stranger: User, kind: str) -> None:
    stranger.must("init", "--key-kind", kind)
    stranger.must("server", "localhost")
    stranger.must("client", "alice")
    roots, server = stranger.folder_of("alice") / "ca.pem", stranger.folder_of("localhost") / "cert.pem"
    line = f"openssl verify -x509_strict -purpose sslserver -CAfile {roots} -untrusted {server} {server}"
    assert os.linesep.join(stranger.shell(line).stdout.splitlines()) == f"{server}: OK"


def test_signing_can_begin_in_a_home_that_has_an_authority(stranger: User) -> None:
    stranger.must("init")
    assert stranger.shell("pytrust init --signer alice").returncode == 0
    assert sorted(path.name for path in stranger.home.iterdir()) == ["ca", "config.toml", "keys", "store"]
    assert len(stranger.listed()) == 3
    assert stranger.shell("pytrust init").returncode == 2
