"""``pytrust policy``: beginning, checking, trying and explaining, by exit codes and words."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytrust.cli.root import run
from pytrust.cli.workspace import Workspace
from pytrust.policy.core.decide import decide
from pytrust.policy.core.decision import Need
from pytrust.policy.core.facts import (
    EngineInfo,
    EngineQuery,
    Fact,
    Facts,
    NotSigned,
    Query,
    Roots,
    Signed,
    TrustQuery,
)
from pytrust.policy.core.request import Create, Named
from pytrust.policy.core.rules import Isolation
from pytrust.policy.document import parse_policy
from pytrust.policy.journal import Decided, Event, Journal
from pytrust.policy.starter import starter
from pytrust.policy.strictyaml import MAX_BYTES
from pytrust.trust.names import CollectionName, Digest, ImageRef, RoleName

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
DIGEST = Digest("ab" * 32)
UNSIGNED = "version: 1\nimages: [{match: docker.io/foo/**, unsigned: allow}]\ncontainers: {isolation: baseline}\n"


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with nothing but settings; what it knows of trust is an empty store that is not there."""
    path = tmp_path / "home"
    path.mkdir(0o700)
    (path / "config.toml").write_text("")
    (path / "config.toml").chmod(0o600)
    return path


@pytest.fixture
def pytrust(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["--home", str(home), *words])
        return code, *capsys.readouterr()

    return command


def write(home: Path, text: str) -> Path:
    path = home / "policy.yaml"
    path.write_text(text)
    path.chmod(0o644)
    return path


# -- init, schema, lint ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("isolation", Isolation)
def test_init_writes_the_starter(pytrust: Command, home: Path, isolation: Isolation) -> None:
    code, out, _ = pytrust("policy", "init", "--isolation", isolation.value)
    assert (code, out) == (0, f"created {home}/policy.yaml: signed images run, isolation {isolation}\n")
    assert (home / "policy.yaml").read_text() == starter(isolation)
    assert (home / "policy.yaml").stat().st_mode & 0o777 == 0o644


def test_init_is_restricted_and_overwrites_nothing(pytrust: Command, home: Path) -> None:
    assert pytrust("policy", "init")[0] == 0
    assert (home / "policy.yaml").read_text() == starter(Isolation.RESTRICTED)
    (home / "policy.yaml").write_text("mine")
    code, _, err = pytrust("policy", "init")
    assert (code, (home / "policy.yaml").read_text()) == (2, "mine")
    assert "exists already" in err


def test_init_needs_a_home(tmp_path: Path) -> None:
    assert run(["--home", str(tmp_path / "none"), "policy", "init"]) == 4
    assert not (tmp_path / "none").exists()


def test_the_schema_is_printed(pytrust: Command) -> None:
    code, out, _ = pytrust("policy", "schema")
    assert code == 0
    assert json.loads(out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_lint_of_a_policy_without_mistakes(pytrust: Command, home: Path) -> None:
    pytrust("policy", "init")
    assert pytrust("policy", "lint")[:2] == (0, "1 image rule, isolation restricted, mode enforce\n")
    write(home, UNSIGNED)
    code, out, _ = pytrust("policy", "lint")
    assert (code, out.splitlines()[0]) == (0, "policy.yaml:2: risk: unsigned images run: docker.io/foo/**")


def test_lint_of_mistakes(pytrust: Command, home: Path) -> None:
    write(home, "version: 1\n")
    assert pytrust("policy", "lint")[:2] == (
        1,
        "policy.yaml: mistake: no image may run: images has no rule\n0 image rules, isolation restricted, mode enforce\n",
    )
    code, out, _ = pytrust("policy", "lint", "--json")
    assert (code, json.loads(out)) == (
        1,
        [{"severity": "mistake", "where": "policy.yaml", "text": "no image may run: images has no rule"}],
    )


def test_lint_of_exceptions_knows_the_day(pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "now", staticmethod(lambda: NOW))
    exception = "{id: CVE-2024-1234, package: x, reason: r, owner: o, expires: 2026-11-%d}"
    policy = "version: 1\nimages: [{match: '**', scan: {max_age: 7d, fail_on: {kev: true}}}]\nexceptions:\n"
    write(home, f"{policy}- {exception % 23}\n")
    total = "1 image rule, 1 exception, isolation restricted, mode enforce"
    assert pytrust("policy", "lint")[:2] == (0, f"{total}\n")
    write(home, f"{policy}- {exception % 22}\n")
    said = "policy.yaml:4: mistake: this exception ended with 2026-11-22: CVE-2024-1234 is judged again"
    assert pytrust("policy", "lint")[:2] == (1, f"{said}\n{total}\n")


def test_lint_of_what_is_no_policy(pytrust: Command, home: Path) -> None:
    path = write(home, "version: 1\nimage: []\n")
    code, out, err = pytrust("policy", "lint")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}:2: unknown key 'image' in the policy; known: ")


def test_lint_of_another_file(pytrust: Command, tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    path.write_text(UNSIGNED)
    path.chmod(0o666)  # nothing follows it yet
    assert pytrust("policy", "lint", str(path))[0] == 0
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    assert pytrust("policy", "lint", str(path))[0] == 4
    assert pytrust("policy", "lint", str(tmp_path / "none"))[0] == 2


# -- the file of the home -------------------------------------------------------------------------------------------


def load(home: Path, path: Path | None = None) -> object:
    return Workspace(home, None, None).load_policy(path)


def test_the_policy_of_the_home_and_of_another_place(home: Path, tmp_path: Path) -> None:
    write(home, UNSIGNED)
    assert load(home) == parse_policy(UNSIGNED, what="policy.yaml")
    (tmp_path / "mine.yaml").write_text("version: 1")
    assert load(home, tmp_path / "mine.yaml") == parse_policy("version: 1", what="mine.yaml")


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_policy_that_others_could_have_written(pytrust: Command, home: Path, mode: int) -> None:
    write(home, UNSIGNED).chmod(mode)
    code, _, err = pytrust("policy", "lint")
    assert (code, "is open to others" in err) == (4, True)


def test_a_policy_in_a_folder_that_others_can_write_to(pytrust: Command, home: Path) -> None:
    write(home, UNSIGNED)
    home.chmod(0o777)
    assert pytrust("policy", "lint")[0] == 4


def test_a_policy_that_is_a_link(pytrust: Command, home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(UNSIGNED)
    (home / "policy.yaml").symlink_to(tmp_path / "mine.yaml")
    code, _, err = pytrust("policy", "lint")
    assert (code, "is a symbolic link" in err) == (4, True)


def test_no_policy_yet(pytrust: Command) -> None:
    code, _, err = pytrust("policy", "lint")
    assert (code, err.splitlines()[-1]) == (4, "hint: create a policy with: pytrust policy init")


# -- test -----------------------------------------------------------------------------------------------------------


def signed(monkeypatch: pytest.MonkeyPatch, *tags: str) -> None:
    """Let these tags be signed, and nothing else; looking it up is the business of others."""

    class Trust:
        async def answer(self, query: TrustQuery) -> Signed | NotSigned:
            if query.ref.tag in tags:
                return Signed(
                    digest=DIGEST, signers=(RoleName("alice"),), expires=datetime.now(UTC) + timedelta(days=1)
                )
            return NotSigned(code="unsigned", why=f"{query.ref} is not signed", hint="sign it")

        async def collection(self, name: CollectionName, roots: Roots | None) -> Trust:
            return self

        outcome = property(lambda self: self)

        def statement(self, role: RoleName, digest: Digest) -> None:
            """Nobody signed a profile."""

    monkeypatch.setattr(Workspace, "trust_facts", Trust())


def test_a_signed_image_may_run(pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytrust("policy", "init")
    signed(monkeypatch, "v2")
    code, out, _ = pytrust("policy", "test", "foo/web:v2")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "container create docker.io/foo/web:v2")
    assert "allowed" in lines
    assert f"  docker.io/foo/web:v2 is sent on as docker.io/foo/web:v2@{DIGEST}" in lines
    assert any(line.startswith("  assumed image docker.io/foo/web@sha256:") and "user 1000" in line for line in lines)
    assert any(line.startswith(f"  signature of docker.io/foo/web:v2: {DIGEST} by alice") for line in lines)
    assert any(line.startswith("  written in: ") and "drop-capabilities" in line for line in lines)


def test_an_unsigned_image_may_not(pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytrust("policy", "init")
    signed(monkeypatch, "v2")
    code, out, _ = pytrust("policy", "test", "foo/web:v1")
    assert code == 1
    assert out.splitlines()[-4:] == [
        "denied",
        "  docker.io/foo/web:v1 is not signed",
        "    rule: images ** (policy.yaml:15)",
        "    hint: sign it",
    ]


def test_what_cannot_be_looked_up_is_denied(pytrust: Command) -> None:
    pytrust("policy", "init")
    code, out, _ = pytrust("policy", "test", "foo/web:v1")
    assert (code, "denied" in out.splitlines()) == (1, True)


def test_the_user_of_the_image_is_assumed(pytrust: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    pytrust("policy", "init")
    signed(monkeypatch, "v2")
    assert pytrust("policy", "test", "foo/web:v2", "--image-user", "0")[0] == 1
    assert pytrust("policy", "test", "foo/web:v2", "--image-user", "7")[0] == 0


def body(monkeypatch: pytest.MonkeyPatch, document: object) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(document).encode())))


def test_a_body_asks_for_more(pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, UNSIGNED)
    body(monkeypatch, {"HostConfig": {"Privileged": True, "Binds": ["/srv/x:/x"], "VolumesFrom": ["db"]}})
    code, out, _ = pytrust("policy", "test", "foo/web", "--body", "-")
    assert code == 1
    assert "  asks for privileged: true" in out.splitlines()
    assert "  privileged containers are not allowed" in out.splitlines()
    assert "  the host path /srv/x may not be mounted" in out.splitlines()


def test_paths_and_volumes_are_assumed_to_be_ordinary(
    pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, UNSIGNED.replace("baseline", "baseline, allow: [{rule: bind, values: [/srv/**]}]"))
    body(monkeypatch, {"Image": "foo/web", "HostConfig": {"Binds": ["/srv/x:/x:ro", "data:/data"]}})
    code, out, _ = pytrust("policy", "test", "--body", "-", "--json")
    document = json.loads(out)
    assert (code, document["decision"]["type"]) == (0, "Allow")
    assert {item["type"] for item in document["assumed"]} == {"ImageQuery", "EngineQuery", "PathQuery", "VolumeQuery"}


def test_secrets_are_shown_and_are_not_for_the_unsigned(
    pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, UNSIGNED)
    body(monkeypatch, {"Labels": {"pytrust.secrets": "db,shop/key:file=k:uid=7:mode=0400"}})
    code, out, _ = pytrust("policy", "test", "foo/web", "--body", "-")
    assert code == 1
    assert "  asks for the secret db: /run/secrets/db, user 0, group 0, mode 0444" in out.splitlines()
    assert "  asks for the secret shop/key: /run/secrets/k, user 7, group 0, mode 0400" in out.splitlines()
    assert "may run unsigned, and so gets no secrets" in out


def test_a_label_that_nobody_understands_is_told(pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, UNSIGNED)
    body(monkeypatch, {"Labels": {"pytrust.secrets": "db:rw"}})
    code, _, err = pytrust("policy", "test", "foo/web", "--body", "-")
    assert code == 2
    assert "the label pytrust.secrets has 'rw'" in err


def test_the_name_given_is_the_image_of_the_body(pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, UNSIGNED)
    body(monkeypatch, {"Image": "other/web"})
    assert pytrust("policy", "test", "foo/web", "--body", "-")[0] == 0
    body(monkeypatch, {"Image": "other/web"})
    assert pytrust("policy", "test", "--body", "-")[0] == 1


def test_of_an_image_id_nothing_is_assumed(pytrust: Command, home: Path) -> None:
    write(home, "version: 1\nimages: [{match: '**', unsigned: allow}]\n")
    code, out, _ = pytrust("policy", "test", "4f5a4f5a4f5a")
    assert (code, "this command asks no engine" in out) == (1, True)


@pytest.mark.parametrize(
    "document", [{"image": "foo/web"}, {"Image": 1}, [], {"HostConfig": {"Bind": []}}, {"Image": ""}]
)
def test_bodies_that_make_no_sense(
    pytrust: Command, home: Path, monkeypatch: pytest.MonkeyPatch, document: object
) -> None:
    write(home, UNSIGNED)
    body(monkeypatch, document)
    code, out, err = pytrust("policy", "test", "--body", "-")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")


def test_another_policy_is_tried(pytrust: Command, home: Path, tmp_path: Path) -> None:
    write(home, "version: 1")
    (tmp_path / "new.yaml").write_text(UNSIGNED)
    assert pytrust("policy", "test", "foo/web")[0] == 1
    assert pytrust("policy", "test", "foo/web", "--policy", str(tmp_path / "new.yaml"))[0] == 0


def test_nothing_to_try(pytrust: Command, home: Path) -> None:
    write(home, UNSIGNED)
    assert pytrust("policy", "test")[0] == 2
    assert pytrust("policy", "test", "Foo")[0] == 2


def test_learning_mode_allows_and_says_so(pytrust: Command, home: Path) -> None:
    write(home, UNSIGNED + "mode: warn\n")
    code, out, _ = pytrust("policy", "test", "other/web")
    assert (code, "allowed in learning mode, denied otherwise" in out.splitlines()) == (0, True)


# -- explain --------------------------------------------------------------------------------------------------------

REF = ImageRef.parse("foo/web:v1")
REQUEST = Create(image=Named(ref=REF))


def journalled(home: Path, text: str, known: dict[Query, Fact]) -> int:
    """Write down what the policy in ``text`` says of ``REQUEST``."""
    policy = parse_policy(text, what="policy.yaml")
    facts = Facts(NOW, known)
    decision = decide(REQUEST, facts, policy)
    assert not isinstance(decision, Need), decision
    journal = Journal.open(home / "proxy" / "journal")
    try:
        journal.append(Event(at=NOW, what="started", text="pytrust 0"))
        return journal.append(Decided.of(facts, "unix:uid=1000", REQUEST, policy, decision))
    finally:
        journal.close()


KNOWN: dict[Query, Fact] = {
    TrustQuery(ref=REF): NotSigned(code="unsigned", why="docker.io/foo/web:v1 is not signed"),
    EngineQuery(): EngineInfo(seccomp=True),
}
SIGNED = "version: 1\nimages: [{match: '**'}]\n"


def test_a_denial_is_explained(pytrust: Command, home: Path) -> None:
    write(home, SIGNED)
    seq = journalled(home, SIGNED, KNOWN)
    code, out, _ = pytrust("policy", "explain", str(seq))
    version = parse_policy(SIGNED, what="x").version
    assert (code, out.splitlines()) == (
        0,
        [
            f"entry {seq}, 2026-11-23 20:00:00 UTC, unix:uid=1000, policy {version[:12]}",
            "container create docker.io/foo/web:v1",
            "  engine: has a seccomp profile of its own",
            "  signature of docker.io/foo/web:v1: refused, docker.io/foo/web:v1 is not signed",
            "denied",
            "  docker.io/foo/web:v1 is not signed",
            "    rule: images ** (policy.yaml:2)",
            "today, by the same policy: the same",
        ],
    )


def test_lines_that_moved_change_nothing(pytrust: Command, home: Path) -> None:
    seq = journalled(home, SIGNED, KNOWN)
    write(home, "# new\n\n" + SIGNED)
    out = pytrust("policy", "explain", str(seq))[1]
    version = parse_policy("# new\n\n" + SIGNED, what="x").version
    assert out.splitlines()[-1] == f"today, by policy {version[:12]}: the same"


def test_a_policy_that_decides_otherwise_today(pytrust: Command, home: Path) -> None:
    seq = journalled(home, SIGNED, KNOWN)
    write(home, SIGNED + "mode: warn\n")
    code, out, _ = pytrust("policy", "explain", str(seq))
    lines = out.splitlines()
    today = next(index for index, line in enumerate(lines) if line.startswith("today, by policy"))
    assert (code, lines[today + 1]) == (0, "allowed in learning mode, denied otherwise")


def test_a_policy_that_would_ask_for_more_today(pytrust: Command, home: Path) -> None:
    seq = journalled(home, SIGNED, KNOWN)
    write(home, UNSIGNED)
    out = pytrust("policy", "explain", str(seq))[1]
    assert out.splitlines()[-1].endswith("open, for it asks what was not looked up then: image docker.io/foo/web:v1")


def test_no_policy_today(pytrust: Command, home: Path) -> None:
    seq = journalled(home, SIGNED, KNOWN)
    code, out, _ = pytrust("policy", "explain", str(seq))
    assert (code, out.splitlines()[-1]) == (0, f"today: not decided again: {home}/policy.yaml does not exist")
    assert json.loads(pytrust("policy", "explain", str(seq), "--json")[1])["today"]["error"]["code"] == "not-set-up"


def test_an_explanation_for_machines(pytrust: Command, home: Path) -> None:
    write(home, SIGNED)
    seq = journalled(home, SIGNED, KNOWN)
    document = json.loads(pytrust("policy", "explain", str(seq), "--json")[1])
    assert (document["seq"], document["decision"]["type"], document["policy"]) == (
        seq,
        "Deny",
        document["today"]["policy"],
    )
    assert document["today"]["decision"] == document["decision"]


def test_entries_that_are_not_there_or_no_decision(pytrust: Command, home: Path) -> None:
    write(home, SIGNED)
    assert pytrust("policy", "explain", "1")[0] == 4  # no journal
    seq = journalled(home, SIGNED, KNOWN)
    assert pytrust("policy", "explain", str(seq + 1))[0] == 1
    code, _, err = pytrust("policy", "explain", str(seq - 1))
    assert (code, "is no decision: started" in err) == (1, True)
    assert pytrust("policy", "explain", "0")[0] == 2
