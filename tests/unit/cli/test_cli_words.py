"""What the command says: changes, who is missing, and nothing that moves a terminal's cursor."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.keys import ALICE, BOB, CAROL, NAME, NOW, ids, public, target, top_keys

from pytrust.cli import voice
from pytrust.cli.render import change_lines, days_left, key_names, missing_text
from pytrust.trust.collection.edit import create, release, remove_signer, rotate_top, set_signer
from pytrust.trust.collection.model import RELEASES, ROOT, TARGETS, Authority, Collection, Delegation
from pytrust.trust.errors import NotSetUp, PytrustError
from pytrust.trust.names import RoleName
from pytrust.trust.publish.proposal import Missing


def fresh(*signers: RoleName, threshold: int = 1) -> Collection:
    return create(NAME, top_keys(), {who: public(who) for who in signers}, threshold=threshold, now=NOW)


BASE = release(fresh(ALICE, BOB), [target("v1"), target("v2")], now=NOW)


def lines(new: Collection, old: Collection | None = BASE) -> list[str]:
    return list(change_lines(old, new))


def test_no_change_is_no_line() -> None:
    assert lines(BASE) == []


def test_tags() -> None:
    new = release(BASE, [target("v3"), target("v1", "moved")], now=NOW)
    assert lines(new) == [
        f"~ v1 {target('v1').digest} -> {target('v1', 'moved').digest}",
        f"+ v3 {target('v3').digest}",
    ]
    assert lines(BASE, new) == [
        f"~ v1 {target('v1', 'moved').digest} -> {target('v1').digest}",
        f"- v3 {target('v3').digest}",
    ]
    again = release(BASE, [replace(target("v1"), signed_at="2026-01-01T00:00:00Z")], now=NOW)
    assert lines(again) == ["~ v1 signed again"]


def test_a_new_collection_shows_all_of_it() -> None:
    assert lines(BASE, None) == [
        f"+ v1 {target('v1').digest}",
        f"+ v2 {target('v2').digest}",
        f"+ signer alice ({public('alice').id})",
        f"+ signer bob ({public('bob').id})",
        *(f"+ {role} is signed by 1 of 1: {public(role).id}" for role in ("root", "targets", "snapshot", "timestamp")),
    ]


def test_tags_of_the_targets_role_itself() -> None:
    """Docker accepts them, and those that ``releases`` speaks of too, once that cannot be believed."""
    own = replace(BASE.targets, version=9, targets={"v1": target("v1", "other"), "evil": target("evil")})
    assert lines(replace(BASE, targets=own)) == [
        f"+ v1 {target('v1', 'other').digest} (in targets itself)",
        f"+ evil {target('evil').digest} (in targets itself)",
    ]
    assert lines(BASE, replace(BASE, targets=own))[-1] == f"- evil {target('evil').digest} (in targets itself)"


def test_signers() -> None:
    new = set_signer(BASE, CAROL, public("carol"), threshold=2, now=NOW)
    assert lines(new) == [f"+ signer carol ({public('carol').id})", "~ releases need 2 of 3 signers (now 1 of 2)"]
    assert lines(set_signer(BASE, BOB, public("bob2"), threshold=None, now=NOW)) == [
        f"~ signer bob has another key ({public('bob2').id})"
    ]
    assert lines(remove_signer(BASE, BOB, threshold=None, now=NOW)[0])[-1] == "- signer bob"


def test_top_keys() -> None:
    assert lines(rotate_top(BASE, ROOT, public("x"), now=NOW)) == [
        f"~ root is signed by 1 of 1: {public('x').id} (now 1 of 1)"
    ]


def _with_hidden_releaser() -> Collection:
    authority = Authority((public("alice"), public("mallory")), 1)
    delegations = (Delegation(RELEASES, authority), *BASE.targets.delegations[1:])
    return replace(BASE, targets=replace(BASE.targets, version=2, delegations=delegations))


def _with_a_tag_in_targets() -> Collection:
    return replace(BASE, targets=replace(BASE.targets, version=2, targets={"v9": target("v9")}))


def _with_another_delegation() -> Collection:
    scans = Delegation(RoleName("scans"), Authority((public("mallory"),), 1))
    return replace(BASE, targets=replace(BASE.targets, version=2, delegations=(*BASE.targets.delegations, scans)))


def _with_another_root_threshold() -> Collection:
    authorities = {**BASE.root.authorities, ROOT: Authority((public("root"), public("x")), 2)}
    return replace(BASE, root=replace(BASE.root, authorities=authorities))


def _without_bob_in_releases() -> Collection:
    delegations = (Delegation(RELEASES, Authority((public("alice"),), 1)), *BASE.targets.delegations[1:])
    return replace(BASE, targets=replace(BASE.targets, version=2, delegations=delegations))


def _signed_again() -> Collection:
    return replace(BASE, targets=replace(BASE.targets, version=2))


HIDDEN = [
    _without_bob_in_releases,
    _signed_again,
    _with_hidden_releaser,
    _with_a_tag_in_targets,
    _with_another_delegation,
]


@pytest.mark.parametrize("change", HIDDEN)
def test_nothing_is_approved_unseen(change: object) -> None:
    assert callable(change)
    assert lines(change())


def test_a_threshold_of_the_root_is_seen() -> None:
    two = _with_another_root_threshold()
    authorities = {**two.root.authorities, ROOT: replace(two.root.authorities[ROOT], threshold=1)}
    one = replace(two, root=replace(two.root, authorities=authorities))
    assert any("2 of 2" in line for line in lines(one, two))


def test_who_is_missing() -> None:
    collection = fresh(ALICE, BOB, CAROL, threshold=2)
    authority = collection.authority(RELEASES)
    assert authority is not None
    lacking = [Missing(RELEASES, authority, ids("alice"))]
    assert missing_text(collection, lacking) == "1 more of: bob, carol (releases 2 of 3)"
    root = collection.root.authorities[ROOT]
    text = missing_text(collection, [*lacking, Missing(ROOT, root, frozenset())])
    assert text.endswith(f"; 1 more of: root ({public('root').id[:8]}) (root 1 of 1)")
    stranger = Missing(TARGETS, Authority((public("x"),), 1), frozenset())
    assert missing_text(collection, [stranger]) == f"1 more of: {public('x').id[:8]} (targets 1 of 1)"


def test_signers_have_names_and_roles_have_ids() -> None:
    names = key_names(fresh(ALICE))
    assert names[public("alice").id] == "alice"
    assert names[public("targets").id] == f"targets ({public('targets').id[:8]})"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (86_400 * 3, "3 d"),
        (86_399, "0 d"),
        (1, "0 d"),
        (0, "expired"),
        (-1, "expired"),
        (-86_400, "expired"),
        (-86_401, "expired 1 d ago"),
        (-86_400 * 3 - 1, "expired 3 d ago"),
    ],
)
def test_days(seconds: int, text: str) -> None:
    assert days_left(NOW + timedelta(seconds=seconds), NOW) == text


# -- the voice ------------------------------------------------------------------------------------------------------

EVIL = [
    "\x1b[2J",
    "\r",
    "\n",
    "\x07",
    "\x00",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\u200b",
    "\u2028",
    "\x85",
    "\ud800",
    "\x08",
]


@pytest.mark.parametrize("text", EVIL, ids=ascii)
def test_nothing_moves_the_cursor(text: str) -> None:
    shown = voice.printable(f"a{text}b")
    assert shown.isprintable()
    assert shown.encode()
    assert shown[0] + shown[-1] == "ab"


@given(st.text())
def test_printable_is_printable_and_keeps_what_is(text: str) -> None:
    shown = voice.printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)
    assert all(new == old for old, new in zip(text, shown, strict=True) if old.isprintable())


@given(st.text(max_size=30))
def test_json_moves_no_cursor_and_says_the_same(text: str) -> None:
    with redirect_stdout(io.StringIO()) as shown:
        voice.say_json({"text": text, "esc": "\x1b[31m\x7f\x9b31m\u202e\U000e0001"})
    assert shown.getvalue().replace("\n", "").isprintable()
    assert json.loads(shown.getvalue())["text"] == text


def test_where_things_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    voice.say("answer\x1b")
    voice.note("aside\n")
    voice.fail(NotSetUp("no home", hint="make one"))
    voice.fail(PytrustError("not signed"))
    voice.fail_usage("No such option: --x.", "pytrust sign")
    out, err = capsys.readouterr()
    assert out == "answer\N{REPLACEMENT CHARACTER}\n"
    assert err.splitlines() == [
        "aside\N{REPLACEMENT CHARACTER}",
        "error: no home",
        "hint: make one",
        "error: not signed",
        "error: no such option: --x",
        "hint: pytrust sign --help",
    ]


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    voice.say_json({"é": [1, None, "\x1b"]})
    out = capsys.readouterr().out
    assert json.loads(out) == {"é": [1, None, "\x1b"]}
    assert "\x1b" not in out


def test_errors_as_json() -> None:
    error = PytrustError("what", hint="do")
    assert voice.error_json(error) == {"code": "error", "message": "what", "hint": "do"}


def test_tables_hold_no_markup_and_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    voice.table(("A", "B"), [("[red]x[/red]", "\x1b[2J")])
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert "\x1b[2J" not in out


def test_tables_show_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    voice.table(("A",), [(":smile:",)])
    assert ":smile:" in capsys.readouterr().out


def test_short_work_is_not_talked_about(capsys: pytest.CaptureFixture[str]) -> None:
    with voice.working("something"):
        pass
    assert capsys.readouterr().err == ""


def test_long_work_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(voice, "_PATIENCE", 0.01)
    with voice.working("asking"):
        time.sleep(0.1)
    assert capsys.readouterr().err == "asking...\n"


def test_a_clock_on_a_terminal_cleans_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(voice, "_PATIENCE", 0.01)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with voice.working("asking"):
        time.sleep(0.1)
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == "\rasking... 1 s\r\x1b[K"
