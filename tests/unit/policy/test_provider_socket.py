"""The socket of a plugin: for root alone, and never taken from a process that answers."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from pytrust.policy.plugin.listening import listening
from pytrust.trust.errors import BadPermissions, UsageError


def test_it_is_for_its_owner_and_gone_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "pytrust.sock"
    with listening(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [each.name for each in tmp_path.iterdir()] == ["pytrust.sock"]
    assert not path.exists()


@pytest.mark.parametrize("backlog", [0, 8])
def test_a_process_that_answers_keeps_its_place(tmp_path: Path, backlog: int) -> None:
    path = tmp_path / "pytrust.sock"
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(str(path))
        other.listen(backlog)
        waiting.connect(str(path))  # fills a queue of none
        with pytest.raises(UsageError, match="another process answers at") as caught, listening(path):
            pass
        assert "pytrust authz-plugin --secrets" in caught.value.hint
        assert path.exists()


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pytrust.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with listening(path) as wire, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        wire.accept()[0].close()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "pytrust.sock"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is no socket"), listening(path):
        pass
    assert path.read_text() == "mine"


def test_what_took_its_place_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "pytrust.sock"
    with listening(path):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_a_folder_where_others_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(BadPermissions), listening(tmp_path / "pytrust.sock"):
        pass


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot listen at"), listening(tmp_path / ("x" * 120)):
        pass
