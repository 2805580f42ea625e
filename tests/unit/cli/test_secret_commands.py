"""``pytrust secret put`` to ``audit``, over a vault in memory: what is kept, what is said, and what never is."""

from __future__ import annotations

import json
import os
import re
import string
import threading
from pathlib import Path

import pytest
from tests.fakes.secret_shell import NOW, SecretShell
from tests.fakes.vaulted import FakeVaulted

from pytrust.cli import voice
from pytrust.trust.limits import SECRET_MAX_BYTES
from pytrust.trust.vault.operations import Get

CANARY = b"canary-71fe"


@pytest.fixture
def shell(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> SecretShell:
    return SecretShell(FakeVaulted(now=lambda: NOW), capfdbinary, tmp_path)


@pytest.mark.parametrize(
    "value", [CANARY, b"\x00\xff\n\r\n", b"a\nb\n", b" ", bytes(range(256)) * 4, b"x" * SECRET_MAX_BYTES]
)
def test_bytes_are_kept_as_they_came(shell: SecretShell, value: bytes) -> None:
    said = shell("put", "db_password", stdin=value)
    assert (said.code, said.out, said.err) == (0, b"db_password version 1\n", "")
    assert shell.vault.value("db_password") == value
    assert shell("get", "db_password").out == value


def test_a_newline_at_the_end_is_kept_and_told(shell: SecretShell) -> None:
    said = shell("put", "a", stdin=b"word\n")
    assert shell.vault.value("a") == b"word\n"
    assert said.err == "note: the value of a ends with a newline, which is kept; printf %s writes none\n"


def test_a_value_from_a_file_or_a_descriptor(shell: SecretShell, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"-----BEGIN\n")
    assert shell("put", "a", "--file", str(tmp_path / "key")).err == ""
    assert shell.vault.value("a") == b"-----BEGIN\n"
    assert shell("put", "a", "--file", "-", stdin=b"two").code == 0
    reading, writing = os.pipe()
    os.write(writing, b"three")
    os.close(writing)
    assert shell("put", "a", "--fd", str(reading)).out == b"a version 3\n"
    os.close(reading)
    assert shell.vault.value("a") == b"three"


def test_what_holds_for_it_stays_unless_it_is_given(shell: SecretShell) -> None:
    words = ["--label", "team=web", "--reader", "image:foo/web", "--reader", "uid:7", "--expires", "90d", "--keep", "2"]
    assert shell("put", "a", *words, stdin=b"one").code == 0
    terms = shell.vault.secret("a").terms
    assert terms.labels == (("team", "web"),)
    assert terms.readers == ("image:docker.io/foo/web", "uid:7")
    assert (terms.expires, terms.keep) == (NOW + 90 * 86_400, 2)
    shell("put", "a", stdin=b"two")
    assert shell.vault.secret("a").terms == terms
    shell("put", "a", "--expires", "never", stdin=b"three")
    assert shell.vault.secret("a").terms.expires is None
    assert [version.number for version in shell.vault.secret("a").versions] == [2, 3]


def test_check_and_set(shell: SecretShell) -> None:
    assert shell("put", "a", "--expect", "absent", stdin=b"one").code == 0
    assert shell("put", "a", "--expect", "absent", stdin=b"two").code == 1
    assert shell("put", "a", "--expect", "1", stdin=b"two").code == 0
    said = shell("put", "a", "--expect", "1", stdin=b"three")
    assert (said.code, shell.vault.value("a")) == (1, b"two")
    assert said.err.startswith("error: a")
    assert shell("rollback", "a", "1", "--expect", "1").code == 1


WRONG: dict[str, tuple[list[str], bytes, str]] = {
    "a value as an argument": (["put", "a", "canary-71fe"], b"", "never an argument"),
    "a value in the name": (["put", "a=canary-71fe"], b"", "never an argument"),
    "a value as an argument of rotate": (["rotate", "there", "canary-71fe"], b"", "never an argument"),
    "an empty value": (["put", "a"], b"", "did the command before the pipe fail"),
    "an empty file": (["put", "a", "--file", "/dev/null"], b"", "/dev/null is empty"),
    "too large a value": (["put", "a"], b"x" * (SECRET_MAX_BYTES + 1), "larger than"),
    "no such file": (["put", "a", "--file", "/proc/none/x"], b"", "No such file"),
    "a folder": (["put", "a", "--file", "/"], b"", "cannot be read"),
    "a descriptor that is closed": (["put", "a", "--fd", "987"], b"", "descriptor 987 cannot be read"),
    "a descriptor below zero": (["put", "a", "--fd", "-1"], b"", "cannot be read"),
    "a huge descriptor": (["put", "a", "--fd", "99999999999"], b"", "cannot be read"),
    "file and descriptor": (["put", "a", "--file", "-", "--fd", "0"], b"", "given twice"),
    "no name": (["put"], b"v", "NAME"),
    "a name that is none": (["put", "../a"], b"v", "not the name"),
    "an own name": (["put", "pytrust/key/ca/root"], b"v", "own"),
    "a name with a zero": (["put", "a\0b"], b"v", "not the name"),
    "an unknown option": (["put", "a", "--value=canary-71fe"], b"v", "--value"),
    "a label that is none": (["put", "a", "--label", "team"], b"v", "no label"),
    "a label with a control character": (["put", "a", "--label", "team=\x1b[2J"], b"v", "no label"),
    "a reader that is none": (["put", "a", "--reader", "root"], b"v", "no reader"),
    "a reader that never is": (["put", "a", "--reader", "image:foo/*"], b"v", "docker.io/foo/*"),
    "an expiry that is none": (["put", "a", "--expires", "soon"], b"v", "no time"),
    "an expiry that is over": (["put", "a", "--expires", "2020-01-01"], b"v", "over already"),
    "too many versions": (["put", "a", "--keep", "101"], b"v", "101"),
    "a version that is none": (["put", "a", "--expect", "-1"], b"v", "no version"),
    "version zero": (["put", "a", "--expect", "0"], b"v", "no version"),
    "a huge version": (["put", "a", "--expect", "9" * 40], b"v", "no version"),
    "length of a value that is given": (["rotate", "there", "--length", "40", "--file", "-"], b"v", "length"),
    "too short a value": (["rotate", "there", "--length", "4"], b"", "4"),
    "version of get": (["get", "there", "--version", "0"], b"", "0"),
    "an own name to read": (["get", "pytrust/key/ca/root"], b"", "own"),
    "own names to list": (["ls", "pytrust/"], b"", "--all"),
    "a prefix that is none": (["ls", "a b"], b"", "begins no name"),
    "a time to expire": (["expire", "there", "yesterday"], b"", "no time"),
    "nobody to allow": (["allow", "there"], b"", "READER"),
    "nobody whom it allows": (["deny", "there", "uid:5"], b"", "it has none"),
    "the current version to remove": (["rm", "there", "--version", "1", "--yes"], b"", "current"),
    "an own name of the audit": (["audit", "pytrust/x"], b"", "own"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words(shell: SecretShell, case: str) -> None:
    words, stdin, told = WRONG[case]
    shell.vault.put("there", b"v")
    shell.vault.asked.clear()
    said = shell(*words, stdin=stdin)
    assert said.code == 2, said
    assert told in said.err
    assert said.out == b""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") <= 2, said.err
    assert CANARY.decode() not in said.err
    assert shell.vault.names() == ["there"]
    assert shell.vault.secret("there").current.number == 1


@pytest.mark.parametrize(
    "words",
    [
        ["get", "none"],
        ["history", "none"],
        ["rotate", "none"],
        ["rollback", "none", "1"],
        ["rm", "none", "--yes"],
        ["expire", "none", "1d"],
        ["allow", "none", "uid:1"],
        ["deny", "none", "uid:1"],
        ["get", "there", "--version", "7"],
        ["rollback", "there", "7"],
        ["rm", "there", "--version", "7", "--yes"],
    ],
)
def test_what_is_not_there_is_a_no(shell: SecretShell, words: list[str]) -> None:
    shell.vault.put("there", b"v")
    said = shell(*words)
    assert (said.code, said.out) == (1, b"")
    assert re.fullmatch(
        r"error: (there is no secret none|there has no version 7|there is no version 7 of there)\nhint: .+\n", said.err
    )


def test_a_locked_vault(shell: SecretShell) -> None:
    shell.vault.closed = True
    for words in (["put", "a"], ["get", "a"], ["ls"], ["audit"], ["rotate", "a"], ["export", "--recipient", RECIPIENT]):
        said = shell(*words, stdin=b"v")
        assert (said.code, said.out) == (4, b"")
        assert said.err == "error: the vault is locked\nhint: pytrust vault unlock\n"


def test_a_random_value(shell: SecretShell) -> None:
    seen = set()
    for size, length in ((8, 32), (16, 16), (40, 40), (5000, 32)):
        shell.vault.put("a", b"v" * size, labels={"team": "web"})
        said = shell("rotate", "a")
        value = shell.vault.value("a")
        assert (said.code, said.err) == (0, "")
        assert said.out == f"a version {shell.vault.secret('a').current.number}\n".encode()
        assert len(value) == length
        assert set(value.decode()) <= set(string.ascii_letters + string.digits)
        seen.add(value)
    assert len(seen) == 4
    assert shell("rotate", "a", "--length", "64").code == 0
    assert len(shell.vault.value("a")) == 64
    assert shell.vault.secret("a").terms.labels == (("team", "web"),)
    assert not any(isinstance(asked, Get) for asked in shell.vault.asked)


def test_rotate_takes_what_a_program_makes(shell: SecretShell) -> None:
    shell.vault.put("a", b"old")
    assert shell("rotate", "a", "--file", "-", stdin=b"new").out == b"a version 2\n"
    assert shell.vault.value("a") == b"new"
    assert shell("rotate", "a", "--file", "-").code == 2
    assert shell.vault.value("a") == b"new"


def test_a_value_that_somebody_else_put_meanwhile_is_not_lost(shell: SecretShell, tmp_path: Path) -> None:
    shell.vault.put("a", b"one")
    os.mkfifo(tmp_path / "slow")

    def make() -> None:
        with (tmp_path / "slow").open("wb") as pipe:
            shell.vault.put("a", b"theirs")
            pipe.write(b"ours")

    maker = threading.Thread(target=make)
    maker.start()
    said = shell("rotate", "a", "--file", str(tmp_path / "slow"))
    maker.join()
    assert (said.code, shell.vault.value("a")) == (1, b"theirs")


def test_a_new_value_of_a_secret_whose_time_is_over(shell: SecretShell) -> None:
    shell.vault.put("a", b"old", expires=NOW - 60)
    for words in (["rotate", "a"], ["put", "a"]):
        said = shell(*words, stdin=b"new")
        assert said.code == 0
        assert said.err == (
            "note: a is not served: its time was over at 2027-01-15 07:59 UTC\nhint: pytrust secret expire a 90d\n"
        )
    assert shell("get", "a").code == 1
    assert shell("expire", "a", "90d").out == b"a is served until 2027-04-15 08:00 UTC\n"
    assert shell("get", "a").out == b"new"
    assert shell("expire", "a", "never").out == b"a is served for ever\n"


def test_rolling_back_shows_nothing(shell: SecretShell) -> None:
    for value in (b"one", b"two"):
        shell.vault.put("a", value)
    said = shell("rollback", "a", "1")
    assert (said.code, said.out) == (0, b"a version 3, as version 1 was\n")
    assert shell.vault.value("a") == b"one"
    assert shell.vault.reads == []


def test_removing(shell: SecretShell, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (b"one", b"two"):
        shell.vault.put("a", value)
    said = shell("rm", "a")
    assert (said.code, shell.vault.names()) == (1, ["a"])
    assert "a was kept" in said.err
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    monkeypatch.setattr(voice, "confirm", yes)
    assert shell("rm", "a", "--version", "1").out == b"removed version 1 of a\n"
    assert shell("rm", "a").out == b"removed a\n"
    assert asked == ["forget version 1 of a for good?", "forget a and 1 version of it for good?"]
    assert shell.vault.names() == []


def test_who_may_read(shell: SecretShell) -> None:
    shell.vault.put("a", b"v")
    assert shell("allow", "a", "image:foo/web", "uid:7").out == b"a: image:docker.io/foo/web, uid:7\n"
    assert shell("allow", "a", "uid:7", "service:web-*").code == 0
    assert shell.vault.secret("a").terms.readers == ("image:docker.io/foo/web", "service:web-*", "uid:7")
    assert shell("deny", "a", "image:foo/web", "service:web-*").out == b"a: uid:7\n"
    said = shell("deny", "a", "uid:8")
    assert (said.code, said.err) == (2, "error: uid:8 is no reader of a\nhint: it has: uid:7\n")
    assert shell("deny", "a", "uid:7").out == b"a: no readers but the owner\n"
    assert shell.vault.value("a") == b"v"


def test_what_there_is(shell: SecretShell) -> None:
    shell.vault.put("shop/db", CANARY, labels={"team": "web"}, readers=("uid:7",), expires=NOW + 60)
    shell.vault.put("old", CANARY, expires=NOW)
    shell.vault.put("pytrust/login/x", CANARY)
    listed = shell("ls").out.decode()
    assert re.search(r"^shop/db +1 +2027-01-15 08:00 +2027-01-15 08:01 +uid:7 +team=web *$", listed, re.MULTILINE)
    assert re.search(r"^old +1 .*\(over\)", listed, re.MULTILINE)
    assert "pytrust/" not in listed
    found = json.loads(shell("ls", "shop/", "--json").out)
    assert found == [
        {
            "name": "shop/db",
            "version": 1,
            "changed": "2027-01-15T08:00:00Z",
            "size": len(CANARY),
            "expires": "2027-01-15T08:01:00Z",
            "readers": ["uid:7"],
            "labels": {"team": "web"},
            "keep": 10,
        }
    ]
    for words in (["ls", "--all"], ["ls", "pytrust/", "--all"], ["ls", "pytrust/lo", "--all"], ["ls", "py", "--all"]):
        names = [each["name"] for each in json.loads(shell(*words, "--json").out)]
        assert names.count("pytrust/login/x") == 1
        assert names == sorted(names)
    assert CANARY.decode() not in listed
    assert shell("ls", "nothing").code == 0


def test_the_versions(shell: SecretShell) -> None:
    for value in (b"one", b"three"):
        shell.vault.put("a", value)
    rows = shell("history", "a").out.decode().splitlines()
    assert [row.split() for row in rows[1:]] == [
        ["2", "2027-01-15", "08:00", "uid:0", "5", "current"],
        ["1", "2027-01-15", "08:00", "uid:0", "3"],
    ]
    assert [each["version"] for each in json.loads(shell("history", "a", "--json").out)] == [2, 1]


def test_every_read_is_in_the_audit(shell: SecretShell) -> None:
    shell.vault.put("a", b"v")
    shell("get", "a")
    shell("get", "none")
    found = json.loads(shell("audit", "--json").out)
    assert found == [
        {
            "at": "2027-01-15T08:00:00Z",
            "caller": "uid:0",
            "purpose": "pytrust secret get",
            "name": "a",
            "version": 1,
            "refused": None,
        },
        {
            "at": "2027-01-15T08:00:00Z",
            "caller": "uid:0",
            "purpose": "pytrust secret get",
            "name": "none",
            "version": None,
            "refused": "no-such-secret",
        },
    ]
    assert [read["name"] for read in json.loads(shell("audit", "none", "--json").out)] == ["none"]
    assert [read["name"] for read in json.loads(shell("audit", "-n", "1", "--json").out)] == ["none"]
    assert "refused: no-such-secret" in shell("audit").out.decode()


def test_a_value_goes_to_a_new_private_file(shell: SecretShell, tmp_path: Path) -> None:
    shell.vault.put("a", CANARY)
    output = tmp_path / "out"
    said = shell("get", "a", "-o", str(output))
    assert (said.code, said.out, output.read_bytes(), output.stat().st_mode & 0o777) == (0, b"", CANARY, 0o600)
    reads = len(shell.vault.reads)
    assert shell("get", "a", "-o", str(output)).code == 2
    (tmp_path / "link").symlink_to("nowhere")
    assert shell("get", "a", "-o", str(tmp_path / "link")).code == 2
    assert len(shell.vault.reads) == reads, "nothing is read that cannot be written"


def test_a_file_that_cannot_be_written(shell: SecretShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.vault.put("a", CANARY)
    assert shell("get", "a", "-o", str(tmp_path / "no" / "out")).err.startswith(f"error: {tmp_path}/no/out cannot be")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = shell("get", "a", "-o", str(tmp_path / "out"))
    assert (said.code, said.out) == (4, b"")
    assert said.err == (
        f"error: {tmp_path}/out cannot be written: No space left on device\nhint: free space, or check permissions\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "shown"), [(b"word", b"word\n"), (b"word\n", b"word\n"), ("wört\tx".encode(), "wört\tx\n".encode())]
)
def test_on_a_terminal(shell: SecretShell, monkeypatch: pytest.MonkeyPatch, value: bytes, shown: bytes) -> None:
    shell.vault.put("a", value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert shell("get", "a").out == shown


@pytest.mark.parametrize("value", [b"\x1b[2J", b"\xff\xfe", b"a\rb", b"\x00", "\u202e".encode(), b"\x9b31m"])
def test_what_a_terminal_would_obey(shell: SecretShell, monkeypatch: pytest.MonkeyPatch, value: bytes) -> None:
    shell.vault.put("a", value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    said = shell("get", "a")
    assert (said.code, said.out) == (2, b"")
    assert said.err.endswith("hint: pytrust secret get a -o FILE\n")


RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"  # of age's own documents
