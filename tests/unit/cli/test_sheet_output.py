"""``--format``, ``--json`` and ``-o``: in which form a sheet comes, and where to."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tests.unit.scanner.formats.sheets import SHEET

from pytrust.cli import sheet_output
from pytrust.cli.sheet_output import Output, put, sheet_options
from pytrust.scanner.formats.form import Form, render
from pytrust.trust.errors import UsageError


@click.command()
@sheet_options
def show(output: Output) -> int:
    put(SHEET, output)
    return 0


def run(*words: str) -> Result:
    done = CliRunner().invoke(show, words, standalone_mode=False)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.mark.parametrize("form", Form)
def test_every_form_goes_to_stdout_and_into_a_file(tmp_path: Path, form: Form) -> None:
    assert run("--format", form.value).stdout == render(SHEET, form)
    file = tmp_path / "sheet"
    assert run("--format", form.value, "-o", str(file)).stdout == ""
    assert file.read_text() == render(SHEET, form)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_table_is_plain_where_nobody_says_otherwise() -> None:
    assert run().stdout == render(SHEET, Form.TABLE)


def test_json_is_the_same_as_its_form_and_excludes_others() -> None:
    assert json.loads(run("--json").stdout)["format"] == "pytrust-sheet/1"
    assert run("--json", "--format", "json").stdout == run("--json").stdout
    with pytest.raises(UsageError, match="exclude each other"):
        run("--json", "--format", "html")


class Terminal(io.TextIOWrapper):
    """Takes bytes, as a terminal does."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "painted"), [(None, True), ("", True), ("1", False)])
def test_a_terminal_has_its_width_and_its_colours(
    monkeypatch: pytest.MonkeyPatch, no_color: str | None, painted: bool
) -> None:
    """https://no-color.org: any value that is not empty."""
    terminal = Terminal(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "64")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    put(SHEET, Output("table", "-"))
    assert isinstance(terminal.buffer, io.BytesIO)
    shown = terminal.buffer.getvalue().decode()
    assert ("\x1b[" in shown) is painted
    assert shown == render(SHEET, Form.TABLE, width=64, color=painted)


def test_a_file_is_written_through_a_link_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    run("--json", "-o", str(link))
    assert link.is_symlink()
    assert json.loads(real.read_text())
    real.write_text("old")

    def broken(*_: object, **__: object) -> str:
        raise RuntimeError

    monkeypatch.setattr("pytrust.scanner.formats.form.render", broken)
    with pytest.raises(RuntimeError):
        run("--json", "-o", str(real))
    assert real.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_what_is_no_file_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (str(pipe), "/dev/null", str(tmp_path)):
        with pytest.raises(UsageError, match="is no file"):
            run("-o", place)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("name", ["missing/sheet", "x" * 300])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be written") as caught:
        run("-o", str(tmp_path / name))
    assert caught.value.hint


def test_the_words_are_those_of_the_forms() -> None:
    assert [*Form] == [*sheet_output._FORMS]
