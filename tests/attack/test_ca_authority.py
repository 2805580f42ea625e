"""Against an authority, from the side: names and folders that lead elsewhere, its file changed or put back, its clock."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from tests.rig import clock
from tests.rig.clock import Clock
from tests.rig.enrolment import PASSPHRASE, PROGRAM, Host
from tests.rig.needs import need


def made(folder: Path, moved: Clock | None = None) -> Host:
    host = Host(folder, {"PYTRUST_PASSPHRASE": PASSPHRASE, **(moved.environment if moved else {})})
    host.run("init", "--name", "tests")
    return host


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """For tests that leave nothing behind that matters to others."""
    return made(tmp_path_factory.mktemp("authority") / "home")


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


# Names.


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        ".live",
        "../../x",
        "a/b",
        "/tmp/x",
        "-x",
        "",
        "a\nb",
        "a\u202eb",
        "\u0430lice",
        "a" * 65,
        "a b",
        "a%2fb",
    ],
)
def test_client_names_that_lead_elsewhere(authority: Host, name: str) -> None:
    before = everything(authority.home.parent)
    done = authority.attempt("client", "--", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert everything(authority.home.parent) == before


@pytest.mark.parametrize(
    "name",
    ["..", "../x", "*", "*.com", "a..b", "fe80::1%eth0", "fe80::1%../../x", "1.2.3", "a b", "a/b", "\u202ea.example", "-a", "a" * 64],
)  # fmt: skip
def test_server_names_that_are_none(authority: Host, name: str) -> None:
    before = everything(authority.home.parent)
    assert authority.attempt("server", "--", name).returncode == 2
    assert everything(authority.home.parent) == before


def test_two_holders_share_no_folder(authority: Host) -> None:
    """``*.example.com`` is kept in a folder whose name is a name too; upper case and U-labels are no other names."""
    authority.run("server", "*.example.com")
    clash = authority.attempt("server", "_wildcard.example.com")
    assert (clash.returncode, "belongs to the server *.example.com" in clash.stderr) == (2, True)
    authority.run("server", "b\u00fccher.example.com")
    for same in ("B\u00dcCHER.example.com", "xn--bcher-kva.example.com", "b\u00fccher\u3002example.com."):
        again = authority.attempt("server", same)
        assert (again.returncode, "has a certificate until" in again.stderr) == (2, True)


def test_a_name_that_no_folder_can_have(authority: Host) -> None:
    long = "*." + ".".join(["a" * 62] * 3 + ["b" * 60])
    done = authority.attempt("server", long)
    assert (done.returncode, "Traceback" in done.stderr) == (4, False)
    assert long not in authority.run("list")


# Folders.


def test_folders_of_others(authority: Host, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "wide").mkdir()
    (tmp_path / "wide").chmod(0o770)
    (tmp_path / "theirs").mkdir(mode=0o700)
    (tmp_path / "theirs" / "key.pem").symlink_to("/etc/shadow")
    (tmp_path / "file").touch()
    before = everything(tmp_path)
    for number, where in enumerate(("link", "wide", "theirs", "file", "missing/deep")):
        done = authority.attempt("client", f"out-{number}", "--out", str(tmp_path / where))
        assert done.returncode in {2, 4}, where
        assert "Traceback" not in done.stderr
    assert everything(tmp_path) == before
    assert "out-" not in authority.run("list", "--all")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away")
def test_a_folder_of_another_user(authority: Host, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    done = authority.attempt("client", "nobody", "--out", str(tmp_path / "theirs"))
    assert (done.returncode, "belongs to user 65534" in done.stderr) == (4, True)
    assert list((tmp_path / "theirs").iterdir()) == []


def wide_keys(folder: Path, seen: set[str], over: threading.Event) -> None:
    """Look at all times for keys that others could read."""
    while not over.is_set():
        for above, folders, files in os.walk(folder):
            for name in (*folders, *files):
                if "key" in name or name == ".next" or name.startswith("ca.db"):
                    with contextlib.suppress(FileNotFoundError):
                        look_at(Path(above) / name, seen)


def look_at(path: Path, seen: set[str]) -> None:
    mode = path.lstat().st_mode
    if mode & 0o077 and not stat.S_ISLNK(mode):
        seen.add(f"{path}: {mode:o}")


def test_at_no_moment_is_a_key_anybody_else_s_to_read(tmp_path: Path) -> None:
    seen: set[str] = set()
    over = threading.Event()
    watcher = threading.Thread(target=wide_keys, args=(tmp_path, seen, over))
    watcher.start()
    host = Host(tmp_path / "home", {"PYTRUST_PASSPHRASE": PASSPHRASE})
    try:
        for words in (
            ("init", "--name", "x"), ("client", "alice"), ("server", "docker1"), ("renew", "alice"),
            ("root", "export", str(tmp_path / "root.key")), ("root", "remove", "--yes"),
        ):  # fmt: skip
            done = subprocess.run(
                ["sh", "-c", 'umask 000; exec "$@"', "sh", PROGRAM, "ca", *words],
                env=host.environment, capture_output=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
    finally:
        over.set()
        watcher.join()
    assert seen == set()


# Secrets.


def test_the_passphrase_is_nowhere(authority: Host, tmp_path: Path) -> None:
    said = [authority.attempt(*words) for words in (("client", "quiet"), ("revoke", "quiet"), ("list", "--json"))]
    wrong = Host(authority.home, {"PYTRUST_PASSPHRASE": "not-the-passphrase-at-all"}).attempt("client", "never")
    assert (wrong.returncode, "not-the-passphrase" in wrong.stdout + wrong.stderr) == (4, False)
    assert not [done for done in said if PASSPHRASE in done.stdout + done.stderr]
    files = [path for path in authority.home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if PASSPHRASE.encode() in path.read_bytes()]


# The file.


def changed(host: Host, statement: str) -> None:
    with closing(sqlite3.connect(host.home / "ca" / "ca.db")) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement).rowcount > 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE certificates SET holder = 'root' WHERE holder = 'alice'",
        "UPDATE certificates SET not_after = not_after + 1 WHERE holder = 'alice'",
        "UPDATE certificates SET revoked_at = NULL, reason = NULL WHERE revoked_at IS NOT NULL",
        "UPDATE lists SET der = (SELECT der FROM certificates LIMIT 1)",
        "UPDATE generations SET state = 'leaving' WHERE kind = 'client-ca'",
        "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)",
    ],
)
def test_what_is_changed_behind_its_back_is_found(tmp_path: Path, statement: str) -> None:
    host = made(tmp_path / "home")
    host.run("client", "alice")
    host.run("revoke", "alice")
    assert host.attempt("log", "--verify").returncode == 0
    changed(host, statement)
    done = host.attempt("log", "--verify")
    assert (done.returncode, "damaged" in done.stderr) == (4, True)


def test_the_backup_of_yesterday(tmp_path: Path) -> None:
    """Its next list is newer than all lists that were signed after it, and the journal is whole."""
    host = made(tmp_path / "home")
    file, backup = host.home / "ca" / "ca.db", tmp_path / "backup.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    for name in ("alice", "bob"):
        host.run("client", name)
        host.run("revoke", name)
    last = number(host)
    for path in file.parent.glob("ca.db*"):
        path.unlink()
    file.touch(0o600)
    file.write_bytes(backup.read_bytes())
    host.run("client", "carol", "--out", str(tmp_path / "carol"))
    host.run("revoke", "carol")
    assert number(host) > last
    host.run("log", "--verify")


def number(host: Host) -> int:
    found = x509.load_pem_x509_crl(host.run("crl").encode())
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


# Cron.


def test_exit_codes_that_cron_sees(tmp_path: Path) -> None:
    need(clock.missing())
    now = Clock.at(tmp_path / "clock")
    host = made(tmp_path / "home", now)
    host.run("server", "docker1", "--out", str(tmp_path / "docker1"))
    host.run("client", "alice")
    locked = Host(host.home, now.environment)

    def codes() -> tuple[int, int]:
        return locked.attempt("renew", "--check").returncode, host.attempt("renew", "--all-due").returncode

    assert codes() == (0, 0)
    now.move(80)
    assert locked.attempt("renew", "--all-due").returncode == 4, "no passphrase"
    assert codes() == (1, 0), "both are due, and so is the list"
    assert codes() == (0, 0)
    (tmp_path / "docker1").rename(tmp_path / "gone")
    (tmp_path / "docker1").symlink_to("gone")
    host.run("client", "bob")
    host.attempt("revoke", "bob")
    assert codes() == (1, 4), "a folder cannot be written"
    (tmp_path / "docker1").unlink()
    (tmp_path / "gone").rename(tmp_path / "docker1")
    assert codes() == (1, 0)
    host.run("revoke", "docker1")
    host.run("revoke", "alice")
    now.move(300)
    assert codes() == (1, 0), "nobody renews what was revoked, but the list"
    assert codes() == (0, 0)
    now.move(0)
    assert codes() == (1, 0), "a list of the future is no list"
    assert codes() == (0, 0)
    now.move(3645)
    assert host.attempt("renew", "--check").returncode == 1
    begun = time.monotonic()
    assert host.attempt("client", "late").returncode == 0
    now.move(3651)
    over = host.attempt("renew", "--all-due")
    assert (over.returncode, "issues nothing any more" in over.stderr) == (1, True)
    assert time.monotonic() - begun < 60
