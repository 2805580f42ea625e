"""Where a profile cannot be written is known before anything is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytrust.cli.profile_files import check_place
from pytrust.trust.errors import UsageError


@pytest.mark.parametrize("name", [".", "missing/web.json", "file/web.json"])
def test_a_place_where_nothing_can_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch(mode=0o755)
    with pytest.raises(UsageError, match="cannot be written"):
        check_place(str(tmp_path / name))


@pytest.mark.parametrize("name", ["web.json", "file"])
def test_a_new_file_and_one_that_is_replaced_are_fine(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    check_place(str(tmp_path / name))


def test_stdout_is_fine() -> None:
    check_place("-")
