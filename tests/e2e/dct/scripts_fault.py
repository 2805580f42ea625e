"""What goes wrong between clients and a server, and what no stock client asks."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from tests.e2e.dct.scripts_notary import file
from tests.e2e.dct.stage import Play
from tests.rig.notary_repository import multipart
from tests.rig.tls_recorder import Answer


def away(play: Play) -> None:
    """The server does not answer, or only with its own trouble: who has a timestamp that is valid goes on with it."""
    gun, recorder = play.gun, play.stage.recorder
    play.notary("ann", "init", gun, "-p")
    play.notary("ann", "add", "-p", gun, "one", file(play, "one"))
    play.notary("bob", "list", gun)
    recorder.down = True
    play.notary("bob", "list", gun)
    play.notary("cid", "list", gun, code=1)
    play.notary("ann", "publish", gun, code=1)
    recorder.honest()
    for status in (400, 401, 404, 500, 503):
        play.say(f"status {status}")
        recorder.meddle = partial(trouble, status)
        play.notary("bob", "list", gun, code=int(status == 400))
    recorder.honest()
    play.notary("bob", "list", gun)


def tampering(play: Play) -> None:
    """A file that somebody changed on its way is refused, and so is one from yesterday."""
    gun, recorder = play.gun, play.stage.recorder
    play.notary("ann", "init", gun, "-p")
    play.notary("ann", "key", "rotate", gun, "snapshot", "-r")
    play.notary("ann", "add", "-p", gun, "one", file(play, "one"))
    old = play.ask("GET", f"/v2/{gun}/_trust/tuf/timestamp.json")
    play.notary("bob", "list", gun)
    play.notary("ann", "add", "-p", gun, "two", file(play, "two"))
    for role in ("root", "timestamp", "snapshot", "targets"):
        play.say(f"tampered {role}")
        recorder.spoil = partial(tamper, role)
        play.notary(f"new-{role}", "list", gun, code=1)
    recorder.honest()
    play.notary("bob", "list", gun)
    recorder.spoil = lambda target, answer: (
        replace(answer, body=old, genuine=False) if "/timestamp." in target else answer
    )
    play.notary("bob", "list", gun, code=1)


def feed(play: Play) -> None:
    """The list of changes, in pages, forwards and backwards: one of a first publish, four of three more, and so on."""
    gun, one = play.gun, file(play, "one")
    play.notary("ann", "init", gun, "-p")
    first = changes(play, gun, "records=100")
    for name in ("a", "b", "c"):
        play.notary("ann", "add", "-p", gun, name, one)
    four = changes(play, gun, "records=100")
    play.notary("ann", "delete", gun, "--remote")
    play.notary("ann", "init", gun, "-p")
    play.notary("ann", "add", "-p", gun, "a", one)
    seven = changes(play, gun, "records=100")
    assert [len(first), len(four), len(seven)] == [1, 4, 7]
    for query in ("records=0", "records=3", "records=-2&change_id=-1", f"records=-2&change_id={seven[4]}"):
        changes(play, gun, query)
    for after in (seven[0], seven[5], seven[6]):
        changes(play, gun, f"records=2&change_id={after}")
    everything = changes(play, "", f"records=100&change_id={int(seven[0]) - 1}")
    assert everything == seven
    for query in ("", "records=x", "records=1&change_id=x", "change_id=1"):
        play.ask("GET", f"/v2/{gun}/_trust/changefeed?{query}")
    changes(play, "example.org/nobody", "records=10")


def changes(play: Play, gun: str, query: str) -> list[str]:
    """The numbers of what the feed of a collection lists, or of all of them."""
    place = f"/v2/{gun}/_trust" if gun else "/v2/_trust"
    answer = json.loads(play.ask("GET", f"{place}/changefeed?{query}"))
    assert answer["count"] == len(answer["records"] or [])
    return [record["ID"] for record in answer["records"] or []]


def refusals(play: Play) -> None:
    """Requests that are wrong, each in its own way."""
    gun = play.gun
    play.notary("ann", "init", gun, "-p")
    base = f"/v2/{gun}/_trust/tuf/"
    root = play.ask("GET", f"{base}root.json")
    targets = play.ask("GET", f"{base}targets.json")
    snapshot = play.ask("GET", f"{base}snapshot.json")
    for target in ("1.root.json", "2.root.json", "0.root.json", "01.root.json", "1.targets.json", "2.targets.json"):
        play.ask("GET", base + target)
    for target in ("root.key", "targets.key", "targets/a.json", "other.json", "snapshot.key", f"root.{'A' * 64}.json"):
        play.ask("GET", base + target)
    for method, target in WRONG:
        play.ask(method, target.format(gun=gun))
    for what, body, kind in FORMS:
        play.ask("POST", base, body, kind, what)
    for name in ("", "other", "targets/", "targets/A", "targets/../root", "targets/a b"):
        play.ask("POST", base, *multipart([(name, targets)]), f"name {name!r}")
    for parts in UPLOADS:
        files = {"root": root, "targets": targets, "snapshot": snapshot, "targets/a": targets}
        play.ask("POST", base, *multipart([(name, files[name]) for name in parts]), "again")
    for text in (b"", b"x", b"{}", b"[]", b"null", tampered(targets)):
        play.ask("POST", base, *multipart([("targets", text)]), f"text {text[:8]!r}")
    play.ask("POST", f"/v2/{gun}/other/_trust/tuf/", *multipart([("targets", targets), ("snapshot", snapshot)]))
    play.ask("POST", f"/v2/{gun}/other/_trust/tuf/", *multipart([("root", root), ("targets", targets)]))
    play.notary("bob", "list", gun)


def trouble(status: int, method: str, target: str) -> Answer | None:
    """In place of a timestamp."""
    return Answer(status, {}, b"trouble\n") if "/timestamp." in target else None


def tamper(role: str, target: str, answer: Answer) -> Answer:
    """Change the file of a role."""
    meant = f"/{role}." in target and answer.status == 200
    return replace(answer, body=tampered(answer.body), genuine=False) if meant else answer


WRONG = [
    ("GET", "/v2"),
    ("GET", "/"),
    ("GET", "/_notary_server/health"),
    ("POST", "/v2/"),
    ("PUT", "/v2/{gun}/_trust/tuf/"),
    ("PATCH", "/v2/{gun}/_trust/tuf/"),
    ("HEAD", "/v2/{gun}/_trust/tuf/root.json"),
    ("DELETE", "/v2/{gun}/_trust/tuf/root.json"),
    ("GET", "/v2/{gun}/_trust/tuf"),
    ("POST", "/v2/{gun}/_trust/tuf"),
    ("GET", "/v2/{gun}/_trust/tuf/"),
    ("GET", "/v2/{gun}/_trust/tuf/root.json?x=1"),
    ("GET", "/v2//_trust/tuf/root.json"),
    ("GET", "/v2/a%2Fb/_trust/tuf/root.json"),
    ("POST", "/v2/{gun}/_trust/tuf/root.key"),
    ("GET", "/v2/a*b/_trust/tuf/root.json"),
]
FORMS = [
    ("nothing", b"", ""),
    ("no form", b"{}", "application/json"),
    ("half a form", b"--x\r\n", "multipart/form-data; boundary=x"),
    ("an empty form", b"--x--\r\n", "multipart/form-data; boundary=x"),
]
UPLOADS = [["root"], ["targets"], ["snapshot"], ["root", "targets", "snapshot"], ["targets/a"], ["targets", "targets"]]


def tampered(body: bytes) -> bytes:
    """Still JSON, with one more year for the file."""
    year = body.index(b'"expires":"20') + len(b'"expires":"20')
    return body[:year] + str(int(body[year : year + 2]) + 1).encode() + body[year + 2 :]
