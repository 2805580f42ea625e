"""``pytrust import``, ``migrate`` and ``pin`` as commands: what they say, and the exit code, for good and for wrong input."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.desk import Desk, put
from tests.fakes.keys import NOW, PASSPHRASE, signer
from tests.fakes.notary_repository import RELEASES, FakeNotary, new_key
from tests.shared_data import shared_data

from pytrust.policy.profiles.document import encode_profile
from pytrust.policy.profiles.model import Profile, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Syscall
from pytrust.trust.keys.notary_file import open_key, parse
from pytrust.trust.keys.notary_names import free_name, role_name
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import CollectionName, Format

WEB = "registry.example.com/foo/web"
DIGEST = "sha256:" + "ab" * 32
KEY, OTHER = "ab" * 32, "cd" * 32
REAL = CollectionName("127.0.0.1:5050/foo/web")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def estate(desk: Desk, *people: str) -> FakeNotary:
    """A collection all of whose keys this home has."""
    web = FakeNotary(WEB, root_keys=[signer("root", "ecdsa-p256")], people=people)
    web.keys["targets"] = [signer("targets", "ecdsa-p256")]
    if "alice" in people:
        web.keys["targets/alice"] = [signer("alice", "ecdsa-p256")]
        web.keys[RELEASES][0] = signer("alice", "ecdsa-p256")
    web.publish("root", "targets")
    web.release("v1", DIGEST, 100, *(() if people else ("targets",)))
    put(desk.trust, web)
    return web


def real(desk: Desk, step: str) -> None:
    """A real ``~/.docker/trust``, with docker's keys in the key ring."""
    made = shared_data("notary-vectors")
    name = (made / step / "GUN").read_text().strip()
    place = desk.trust / "tuf" / name / "metadata"
    shutil.copytree(made / step, place)
    for path in [*place.glob("[0-9]*.root.json"), place / "GUN"]:
        path.unlink()
    for path in sorted((made / "keys").glob("docker-*.key")):
        file = parse(path.read_bytes(), path.name)
        key = open_key(
            file, {"root": b"rootpass-test-only", "x": b"short"}.get(file.role, b"repopass-test-only"), path.name
        )
        public = PublicKey.of(key.public_key())
        taken = [entry.name for entry in desk.ring.entries()]
        desk.ring.add(free_name(role_name(file, path.name), public, taken), key, lambda _: PASSPHRASE)


# -- the way of an estate -----------------------------------------------------------------------------------------------


def test_a_real_estate_moves_in(desk: Desk) -> None:
    """Import, migrate, give docker's format up, take it up again, give TUF up: signing goes on at each step."""
    real(desk, "a25-resign")
    code, said = desk.run("import", "--from", str(desk.trust))
    assert (code, desk.held()) == (0, [REAL]), said
    assert f"imported {REAL}: 1 tag; signers: alice, bob, carol" in said
    assert f"{REAL}: signed anew: root" in said
    code, said = desk.run("migrate", REAL)
    assert (code, desk.held(Format.TUF)) == (0, [REAL]), said
    for wanted in ("notary", "both", "tuf", "both", "notary"):
        code, said = desk.run("migrate", REAL, "--to", wanted, "--yes")
        assert code == 0, (wanted, said)
        assert [bool(desk.held(form)) for form in Format] == [wanted != "notary", wanted != "tuf"]
        for words in (
            ("status", REAL),
            ("inspect", REAL),
            ("repo", "renew", REAL, "--role", "releases", "--signer", "alice"),
        ):
            code, said = desk.run(*words)
            assert code == 0, (wanted, words, said)
    code, said = desk.run("revoke", "--signer", "alice", f"{REAL}:v2")
    assert code == 0, said


def test_what_goes_with_a_format_is_counted(desk: Desk) -> None:
    real(desk, "a25-resign")
    desk.run("import", "--from", str(desk.trust))
    desk.run("migrate", REAL)
    profile = desk.trust.parent / "profile.json"
    calls = Rule(names=(Syscall("read"), Syscall("exit_group")), action=Action.ALLOW)
    profile.write_bytes(encode_profile(Profile(name="x", seccomp=Seccomp(default=Action.ERRNO, rules=(calls,)))))
    code, said = desk.run("profile", "attach", f"{REAL}:v2", str(profile), "--as", "alice")
    assert code == 0, said
    code, said = desk.run("migrate", REAL, "--to", "notary")
    assert (code, "and with it 1 profiles" in said, "clients that know it so" in said) == (1, True, True), said


def test_a_collection_that_nobody_can_release_waits_for_nobody(desk: Desk) -> None:
    real(desk, "a27-signer-remove-last")
    code, said = desk.run("import", "--from", str(desk.trust))
    assert code == 0, said
    assert f"releases of {REAL} is not signed by its keys any more" in said
    code, said = desk.run("migrate", REAL)
    assert code == 2
    assert "nobody can release" in said
    assert "waits" not in desk.run("status", REAL)[1]


def test_a_classic_collection_is_told_what_to_do(desk: Desk) -> None:
    estate(desk)
    assert desk.run("import", "--from", str(desk.trust))[0] == 0
    code, said = desk.run("migrate", WEB)
    assert code == 2
    assert "has no signers" in said
    assert f"pytrust signer add NAME {WEB}" in said


def test_without_the_root_key_until_when_it_is_good(desk: Desk) -> None:
    web = FakeNotary(WEB, root_keys=[new_key()])
    put(desk.trust, web)
    code, said = desk.run("import", "--from", str(desk.trust), "--root-key", web.keys["root"][0].public.id)
    assert code == 0
    assert "is served as it is until" in said
    assert "the root key is not in the key ring" in said


def test_what_is_over_is_told_of_and_signed_when_told_to(desk: Desk) -> None:
    web = estate(desk, "alice")
    web.expires = {"timestamp": NOW - timedelta(days=30), "targets": NOW - timedelta(days=3)}
    web.publish("targets")
    put(desk.trust, web)
    code, said = desk.run("import", "--from", str(desk.trust))
    assert (code, desk.held()) == (1, [])
    assert "may be an old state" in said
    assert "--resign" in said
    code, said = desk.run("import", "--from", str(desk.trust), "--resign")
    assert (code, desk.held()) == (0, [WEB])
    assert f"{WEB}: signed anew: root, targets" in said
    assert f"the timestamp of {WEB} had ended" in said
    assert desk.run("inspect", WEB)[0] == 0


def test_what_could_not_be_signed_again_is_said(desk: Desk) -> None:
    web = estate(desk, "alice")
    web.keys["targets/alice"] = web.keys[RELEASES] = [new_key()]
    web.expires = {RELEASES: NOW - timedelta(days=3)}
    web.publish("targets", RELEASES)
    put(desk.trust, web)
    code, said = desk.run("import", "--from", str(desk.trust), "--resign")
    assert code == 0, said
    assert f"releases of {WEB} ended" in said
    assert "its keys are not in the key ring" in said


def test_a_side_is_not_given_up_while_the_other_one_waits(desk: Desk) -> None:
    estate(desk, "alice")
    assert desk.run("import", "--from", str(desk.trust))[0] == 0
    (desk.home / "keys" / "alice.key").rename(desk.home / "alice.away")
    code, said = desk.run("migrate", WEB, "--to", "tuf", "--yes")
    assert code == 1
    assert "kept as a proposal" in said
    assert "left with nothing" not in said
    assert desk.held() == [WEB]


# -- wrong input --------------------------------------------------------------------------------------------------------

_WRONG = [
    (["import"], 2, "missing option '--from'"),
    (["import", "--from", ""], 2, "holds no trust data"),
    (["import", "--from", "/nonexistent"], 2, "holds no trust data"),
    (["import", "--from", "{home}"], 2, "holds no trust data"),
    (["import", "--from", "https://notary.example.com"], 2, "which names?"),
    (["import", "--from", "https://", "foo/web"], 2, "is not a trust server"),
    (["import", "--from", "https://[::1", "foo/web"], 2, "is not a trust server"),
    (["import", "--from", "http://127.0.0.1:1/x?y", "foo/web"], 2, "is not a trust server"),
    (["import", "--from", "http://127.0.0.1:1", "foo/web"], 3, "refused"),
    (["import", "--from", "{trust}", "foo/web:v1"], 2, "has a tag or digest"),
    (["import", "--from", "{trust}", "FOO"], 2, "lower case"),
    (["import", "--from", "{trust}", "../x"], 2, "invalid registry host"),
    (["import", "--from", "{trust}", "foo/none"], 1, "there is no docker.io/foo/none"),
    (["import", "--from", "{trust}", "--root-key", "zz"], 2, "is not a key id"),
    (["import", "--from", "{trust}", "--root-key", ""], 2, "is not a key id"),
    (["migrate"], 2, "missing argument"),
    (["migrate", "foo/web"], 1, "there is no collection docker.io/foo/web"),
    (["migrate", "foo/web", "--to", "notary", "--yes"], 1, "there is no collection docker.io/foo/web"),
    (["migrate", "foo/web", "--to", "yaml"], 2, "is not one of"),
    (["migrate", "foo/web@sha256:" + KEY], 2, "has a tag or digest"),
    (["pin"], 2, "missing argument"),
    (["pin", "foo/web"], 2, "missing argument"),
    (["pin", "foo/web", "zz"], 2, "is not a key id"),
    (["pin", "", KEY], 2, "not an image name"),
    (["pin", 'a"b', KEY], 2, "not an image name"),
    (["pin", "a\nb*", KEY], 2, "not an image name"),
    (["pin", '*"\n[[pins]]\n*', KEY], 2, "not an image name"),
    (["pin", "foo/web:v1", KEY], 2, "has a tag or digest"),
    (["pin", "team/**", KEY], 2, "fits no image"),
    (["sign", "--format", "yaml", "foo/web:v1"], 2, "is not one of"),
    (["sign", "--format", "tuf", "foo/web:v1", "--signer", "targets"], 2, "reserved name"),
    (["approve", "foo/web", "--signer", "bob"], 1, "no change to docker.io/foo/web waits"),
]


@pytest.mark.parametrize(("words", "code", "reason"), _WRONG, ids=[" ".join(words)[:40] for words, _, _ in _WRONG])
def test_wrong_input(desk: Desk, words: list[str], code: int, reason: str) -> None:
    estate(desk, "alice")
    config = (desk.home / "config.toml").read_bytes()
    found, said = desk.run(*(word.format(home=desk.home, trust=desk.trust) for word in words))
    assert found == code, said
    lines = said.splitlines()
    assert reason in lines[0]
    assert lines[0].startswith("error: ")
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert len(lines) <= 2
    assert (desk.home / "config.toml").read_bytes() == config
    assert desk.held() == []


@pytest.mark.parametrize("words", [("import", "--from", "{trust}"), ("migrate", WEB), ("pin", WEB, KEY)])
def test_without_a_home(desk: Desk, words: tuple[str, ...]) -> None:
    estate(desk, "alice")
    (desk.home / "config.toml").unlink()
    code, said = desk.run(*(word.format(trust=desk.trust) for word in words))
    assert code == 4
    assert "is not a pytrust home" in said
    assert not (desk.home / "config.toml").exists()


# -- pins ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("alpine", "docker.io/library/alpine"),
        ("foo/web", "docker.io/foo/web"),
        ("registry.example.com/team/**", "registry.example.com/team/**"),
        ("*.example.com/team/*", "*.example.com/team/*"),
        ("localhost:*/web", "localhost:*/web"),
        ("**", "**"),
    ],
)
def test_a_pin_is_for_full_names(desk: Desk, given: str, written: str) -> None:
    code, said = desk.run("pin", given, KEY, KEY, OTHER)
    assert code == 0, said
    assert f"for {written} in" in said
    assert next(iter(desk.pins())) == written
    assert (desk.home / "config.toml").read_text().count(KEY) == 1


@pytest.mark.parametrize(
    "pins",
    [
        '[["pins"]]\nmatch = "**"\nroot_keys = ["{key}"]\n',
        '[ [ pins ] ]\nmatch = "**"\nroot_keys = ["{key}"]\n',
        'pins = [{{match = "**", root_keys = ["{key}"]}}]\n',
        "",
        '[trust]\n# """\n[[pins]]\nmatch = "a"\nroot_keys = ["{key}"]\n',
        'x = """\n[[pins]]\n"""\n',
    ],
)
def test_a_pin_comes_first_or_not_at_all(desk: Desk, pins: str) -> None:
    """The first pin that fits counts: one behind the others would be believed to hold, and would not."""
    path = desk.home / "config.toml"
    path.write_text(pins.format(key=KEY))
    code, said = desk.run("pin", "foo/web", OTHER)
    if code == 0:
        assert next(iter(desk.pins())) == "docker.io/foo/web"
    else:
        assert code == 2, said
        assert path.read_text() == pins.format(key=KEY)
