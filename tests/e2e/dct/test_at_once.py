"""Delegates who publish at the same moment: at our server all of them succeed, at the real one some are told to wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from tests.e2e.dct.scripts_notary import file, held_key, shown_key
from tests.e2e.dct.stage import Play, Stage
from tests.rig.notary_client import NotaryClient, Said

PEOPLE = ("bob", "cid", "dan", "eve", "fay", "gus")
ROUNDS = 3


def test_delegates_of_different_roles(ours: Stage) -> None:
    play = Play.begin(ours, "at_once")
    gun, one = play.gun, file(play, "one")
    play.notary("ann", "init", gun, "-p")
    play.notary("ann", "key", "rotate", gun, "snapshot", "-r")
    for who in PEOPLE:
        key = ec.generate_private_key(ec.SECP256R1())
        play.notary("ann", "delegation", "add", gun, f"targets/{who}", shown_key(play, who, key), "--all-paths")
        play.notary(who, "key", "import", held_key(play, who, key), "--role", "delegation")
    play.notary("ann", "publish", gun)
    for number in range(ROUNDS):
        with ThreadPoolExecutor(len(PEOPLE)) as pool:
            said = list(pool.map(lambda who, tag=f"v{number}": add(play, who, tag, one), PEOPLE))
        assert [item.code for item in said] == [0] * len(PEOPLE), said
    for who in PEOPLE:
        listed = play.notary("zoe", "list", gun, "-r", f"targets/{who}")
        assert [f"v{number}" for number in range(ROUNDS)] == [
            line.split()[0] for line in listed.splitlines() if who in line
        ]


def add(play: Play, who: str, tag: str, path: str) -> Said:
    """Publish a tag in one's own role."""
    client = NotaryClient(Path(play.folder / who), play.stage.recorder.url, play.stage.server.files.ca)
    return client.attempt("add", "-p", play.gun, tag, path, "-r", f"targets/{who}")
