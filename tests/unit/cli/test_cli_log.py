"""``pytrust log``: what is shown, what is left out, and that nothing in it moves a cursor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.journal import ALLOW, API, CREATE, DENY, KNOWN, NOW, POLICY, WARNED, WEB, decided, event, tamper

from pytrust.cli.logview import Wanted, parse_since, row, verdict
from pytrust.cli.root import run
from pytrust.policy.core.decision import Allow, Deny, Pin, Reason
from pytrust.policy.core.facts import ContainerQuery, Facts
from pytrust.policy.core.request import Create, Held, Look, Named, Pull, Start, TagImage
from pytrust.policy.journal import Decided, Entry, Event, Journal, JournalReader, Stored
from pytrust.policy.journal.file import paths
from pytrust.trust.errors import ExitCode, UsageError

Log = Callable[..., tuple[int, str, str]]
START = Start(what="container start", container="web")
ENTRIES: list[Entry] = [
    event(after=0),
    decided(CREATE, ALLOW, after=60),
    decided(CREATE, DENY, after=120),
    decided(CREATE, WARNED, after=180),
    Decided.of(Facts(NOW + timedelta(seconds=240), {}), "uid 0", Pull(ref=API), POLICY, Allow()),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Journal.open(tmp_path / "proxy" / "journal") as journal:
        for entry in ENTRIES:
            journal.append(entry)
    return tmp_path


@pytest.fixture
def log(home: Path, capsys: pytest.CaptureFixture[str]) -> Log:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["--home", str(home), "log", *arguments])
        return code, *capsys.readouterr()

    return call


def shown(log: Log, *arguments: str) -> list[int]:
    code, out, err = log(*arguments)
    assert (code, err) == (0, "")
    return [int(line.split()[0]) for line in out.splitlines()[1:]]


def test_the_table(log: Log) -> None:
    code, out, err = log()
    assert (code, err) == (0, "")
    assert [line.split("  ")[0] for line in out.splitlines()] == ["SEQ", "1", "2", "3", "4", "5"]
    assert "".join(out.splitlines()[3].split()) == (
        "32026-11-2320:36:18uid1000deniedcontainercreatelocalhost:5000/foo/web:v2asweblocalhost:5000/foo/web:v2isnotsigned"
    )


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["-n", "2"], [4, 5]),
        (["-n", "5"], [1, 2, 3, 4, 5]),
        (["--denied"], [3, 4]),
        (["--denied", "-n", "1"], [4]),
        (["--image", "**/web"], [2, 3, 4]),
        (["--image", "localhost:5000/foo/*"], [2, 3, 4, 5]),
        (["--image", "localhost:5000/foo/api:v7"], [5]),
        (["--image", "localhost:5000/foo"], []),
        (["--image", "**/web", "--denied"], [3, 4]),
        (["--since", "2026-11-23T20:36:18"], [3, 4, 5]),
        (["--since", "2026-11-23T20:36:18.5"], [4, 5]),
        (["--since", "2026-11-23T21:36:18+01:00"], [3, 4, 5]),
        (["--since", "2026-11-23"], [1, 2, 3, 4, 5]),
        (["--since", "2026-11-24"], []),
        (["--since", "2026-11-23T20:35:00", "--denied", "-n", "1"], [4]),
    ],
)
def test_what_is_wanted(log: Log, arguments: list[str], numbers: list[int]) -> None:
    assert shown(log, *arguments) == numbers


def test_it_says_when_there_is_more(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Journal.open(home / "proxy" / "journal") as journal:
        for _ in range(50):
            journal.append(event())
    run(["--home", str(home), "log"])
    out, err = capsys.readouterr()
    assert [out.splitlines()[at].split()[0] for at in (1, -1)] == ["6", "55"]
    assert err == "note: these are the newest 50; -n N shows as many as you like\n"
    run(["--home", str(home), "log", "--since", "2026-11-23"])
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (56, "")


def test_json_is_one_document(log: Log, home: Path) -> None:
    code, out, err = log("--json", "--denied")
    assert (code, err) == (0, "")
    stored = JournalReader(home / "proxy" / "journal").entry(3)
    assert stored is not None
    denied, warned = json.loads(out)
    assert denied == {
        "seq": 3,
        "hash": f"sha256:{stored.hash.hex()}",
        "summary": "container create localhost:5000/foo/web:v2 as web",
        "verdict": "denied",
        "entry": denied["entry"],
    }
    assert denied["entry"]["decision"]["reasons"][0]["code"] == "unsigned"
    assert warned["verdict"] == "would deny"
    assert json.loads(log("--json", "-n", "5")[1])[0]["verdict"] is None


def test_control_characters_of_others(home: Path, log: Log) -> None:
    name = "web\r\n9  2026  uid 0  allowed\x1b[2K\x9b\u202e"
    reason = Reason(code="x", text="line one\nline two\x07")
    with Journal.open(home / "proxy" / "journal") as journal:
        journal.append(decided(Create(image=Named(ref=WEB), name=name), Deny(reasons=(reason,))))
        journal.append(Event(at=NOW, what="policy-refused\x1b", text="\x1b]0;title\x07"))
    _, out, _ = log("-n", "2")
    assert len(out.splitlines()) == 3
    assert all(char.isprintable() or char == "\n" for char in out)
    assert "web\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}9" in out


def test_long_words_are_shortened(home: Path, log: Log) -> None:
    with Journal.open(home / "proxy" / "journal") as journal:
        journal.append(event("x" * 5000))
    _, out, _ = log("-n", "1")
    assert max(map(len, out.splitlines())) < 250
    assert f"{'x' * 97}..." in out
    assert "x" * 5000 in log("-n", "1", "--json")[1]


def test_verify(log: Log, home: Path) -> None:
    found = JournalReader(home / "proxy" / "journal").verify()
    head = f"sha256:{found.head.hex()}"
    assert log("--verify") == (0, f"entries: 5, from 1 to 5, head {head}\n", "")
    assert log("--verify", "--head", head)[0] == 0
    assert json.loads(log("--verify", "--json")[1]) == {"entries": 5, "first": 1, "last": 5, "head": head}
    code, out, err = log("--verify", "--head", f"sha256:{'0' * 63}1")
    assert (code, out) == (ExitCode.UNSOUND, "")
    assert err.startswith(f"error: the journal does not lead through sha256:{'0' * 63}1\nhint: ")


def test_verify_finds_damage(log: Log, home: Path) -> None:
    tamper(paths(home / "proxy" / "journal")[0], "UPDATE entries SET entry = x'7b7d' WHERE seq = 4")
    code, out, err = log("--verify")
    assert (code, out) == (ExitCode.UNSOUND, "")
    assert err.startswith("error: the journal is damaged: entry 4 is not what was written\nhint: ")


def test_verify_says_from_where_on(home: Path, log: Log) -> None:
    with Journal.open(home / "proxy" / "journal", max_bytes=32_768, keep=1) as journal:
        for _ in range(30):
            journal.append(decided())
        first = journal.verify().first
    code, out, err = log("--verify")
    assert code == 0
    assert f", from {first} to " in out
    assert err == f"note: what stood before entry {first} was deleted by the proxy, and is not checked\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--head", "sha256:" + "0" * 64],
        ["--verify", "--denied"],
        ["--verify", "--since", "1h"],
        ["--verify", "--follow"],
        ["--verify", "-n", "5"],
        ["--verify", "--image", "*"],
        ["--verify", "--head", "0" * 64],
        ["--verify", "--head", "latest"],
        ["--since", "yesterday"],
        ["--since", ""],
        ["--since", "99999999d"],
        ["-n", "0"],
        ["-n", "x"],
        ["word"],
    ],
)
def test_words_that_do_not_fit(log: Log, arguments: list[str]) -> None:
    code, out, err = log(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith("error: ")
    assert "\nhint: " in err


def test_no_journal_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["log"], ["log", "--verify"], ["log", "--follow"], ["log", "--json"]):
        assert run(["--home", str(tmp_path), *arguments]) == ExitCode.UNSOUND
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"error: there is no journal in {tmp_path}/proxy/journal\nhint: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_may_not_read_it(home: Path) -> None:
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        sys.stderr = os.fdopen(writing, "w", buffering=1)
        os.setuid(12345)
        os._exit(run(["--home", str(home), "log"]))
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as said:
        text = said.read()
    assert text == f"error: {home}/proxy/journal cannot be read by this user\nhint: run as its owner\n"
    assert os.waitstatus_to_exitcode(status) == ExitCode.UNSOUND


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOON - timedelta(seconds=90)),
        ("30m", NOON - timedelta(minutes=30)),
        ("1h", NOON - timedelta(hours=1)),
        ("2d", NOON - timedelta(days=2)),
        ("1w", NOON - timedelta(weeks=1)),
        ("0s", NOON),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22 10:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
    ],
)
def test_since(text: str, moment: datetime) -> None:
    assert parse_since(text, NOON) == moment


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "1h30m", "1 h", "1H", "٣h", "soon", "2026-13-01", "0001-01-01T00:00+14:00"])  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        parse_since(text, NOON)


def fits(pattern: str, entry: Entry) -> bool:
    return Wanted(image=pattern).fits(entry)


def test_which_images_an_entry_concerns() -> None:
    web = KNOWN[ContainerQuery(name="web")]
    bare = Facts(NOW, {})
    admitted = Decided.of(Facts(NOW, {ContainerQuery(name="web"): web}), "", START, POLICY, Allow())
    assert fits("**/web", admitted)
    assert not fits("**/web", Decided.of(bare, "", START, POLICY, Allow()))
    assert fits("**/api", Decided.of(bare, "", TagImage(source="abc", target=API), POLICY, Allow()))
    held = Create(image=Held(text="abc"), mounts=(Named(ref=API),))
    assert fits("**/api", Decided.of(bare, "", held, POLICY, DENY))
    assert not fits("**/web", Decided.of(bare, "", held, POLICY, DENY))
    pinned = Allow(pins=(Pin(image=Held(text="abc"), ref=WEB),))
    assert fits("**/web", Decided.of(bare, "", held, POLICY, pinned))
    assert not fits("**", event())
    assert not fits("**", Decided.of(bare, "", Look(what="container list"), POLICY, Allow()))


def test_events_have_no_verdict() -> None:
    assert verdict(event()) == ""
    assert not Wanted(denied=True).fits(event())
    assert row(Stored(7, event("hello"), b"")) == ("7", "2026-11-23 20:34:18", "", "", "started", "hello")


def follow(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytrust.cli.main", "--home", str(home), "log", "--follow", *arguments]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=buffered)


def read_json(following: subprocess.Popen[str], count: int) -> list[dict[str, Any]]:
    assert following.stdout is not None
    return [json.loads(following.stdout.readline()) for _ in range(count)]


def test_following(home: Path) -> None:
    with follow(home, "--json", "--denied") as following:
        assert [line["seq"] for line in read_json(following, 2)] == [3, 4]
        with Journal.open(home / "proxy" / "journal", max_bytes=1) as journal:
            for entry in (decided(), decided(decision=DENY), event(), decided(CREATE, WARNED)):
                journal.append(entry)
            assert [line["seq"] for line in read_json(following, 2)] == [7, 9]
            journal.append(decided(decision=DENY))
            assert [line["seq"] for line in read_json(following, 1)] == [10]
        following.send_signal(signal.SIGINT)
        out, err = following.communicate(timeout=10)
    assert (following.returncode, out, err) == (130, "", "\nerror: interrupted\n")


def test_following_in_lines(home: Path) -> None:
    with follow(home, "-n", "1") as following:
        assert following.stdout is not None
        assert (
            following.stdout.readline()
            == "5  2026-11-23 20:38:18  uid 0  allowed  image pull localhost:5000/foo/api:v7\n"
        )
        with Journal.open(home / "proxy" / "journal") as journal:
            journal.append(Event(at=NOW, what="stopped", text="line\r\nbreak"))
        assert following.stdout.readline() == (
            "6  2026-11-23 20:34:18  stopped  line\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}break\n"
        )
        following.kill()
        following.communicate()


def test_container_ids_are_short_in_the_table_and_digests_are_whole() -> None:
    container, digest = "ab" * 32, "sha256:" + "cd" * 32
    stored = Stored(1, Event(at=NOW, what="x", text=f"{container} {digest}"), b"")
    assert row(stored)[-1] == f"{container[:12]} {digest}"
