"""What people do with the notary client."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.e2e.dct.stage import ADMIN, PASSWORD, USER, Play
from tests.rig.throwaway import Key, private_pem, public_pem, self_signed


def life(play: Play) -> None:
    """A collection from its first day to its removal and second first day, and a reader beside it."""
    gun, one, two = play.gun, file(play, "one"), file(play, "two")
    play.notary("ann", "init", gun, "-p")
    play.notary("dan", "init", gun, "-p", code=1)
    play.notary("ann", "add", gun, "v1&<x>", one)
    play.notary("ann", "status", gun)
    play.notary("ann", "publish", gun)
    for who in ("ann", "bob"):
        play.notary(who, "list", gun)
    play.notary("bob", "lookup", gun, "v1&<x>")
    play.notary("bob", "lookup", gun, "none", code=1)
    play.notary("bob", "verify", gun, "v1&<x>", "-i", one)
    play.notary("bob", "verify", gun, "v1&<x>", "-i", two, code=1)
    play.notary("ann", "add", "-p", gun, "two", two, "--custom", custom(play))
    play.notary("ann", "remove", "-p", gun, "v1&<x>")
    play.notary("bob", "list", gun)
    play.notary("ann", "add", gun, "three", two)
    play.notary("ann", "reset", gun, "-n", "0")
    play.notary("ann", "add", gun, "three", two)
    play.notary("ann", "reset", gun, "--all")
    play.notary("ann", "status", gun)
    play.notary("ann", "publish", gun)
    play.notary("ann", "key", "list")
    play.notary("ann", "delete", gun)
    play.notary("ann", "list", gun)
    play.notary("ann", "delete", gun, "--remote")
    play.notary("bob", "list", gun)  # it has the cached files, and says so
    play.notary("cid", "list", gun, code=1)
    play.notary("cid", "delete", gun, "--remote")
    play.notary("cid", "init", gun, "-p")
    play.notary("bob", "list", gun, code=1)  # another root than the one it knows


def rotation(play: Play) -> None:
    """Every key in turn; a reader who knows the first root follows all of them."""
    gun, one = play.gun, file(play, "one")
    play.notary("ann", "init", gun, "-p")
    play.notary("ann", "add", "-p", gun, "one", one)
    play.notary("bob", "list", gun)
    play.notary("ann", "key", "rotate", gun, "snapshot", "-r")
    play.notary("ann", "key", "rotate", gun, "timestamp", "-r")
    play.notary("ann", "key", "rotate", gun, "targets")
    play.notary("cid", "list", gun)
    play.notary("ann", "key", "rotate", gun, "root", stdin="yes\n")
    play.notary("ann", "key", "rotate", gun, "root", stdin="yes\n")
    play.notary("bob", "list", gun)
    play.notary("ann", "add", "-p", gun, "two", one)
    play.notary("ann", "key", "rotate", gun, "snapshot")
    play.notary("ann", "remove", "-p", gun, "one")
    play.notary("ann", "key", "rotate", gun, "snapshot", "-r")
    play.notary("ann", "key", "rotate", gun, "timestamp", code=1)  # only the server may hold it
    for who in ("bob", "cid", "dan"):
        play.notary(who, "list", gun)


def delegation(play: Play) -> None:
    """Roles by key and by certificate, a delegate who publishes, and keys and roles that go."""
    gun, one = play.gun, file(play, "one")
    keys: dict[str, Key] = {
        "key": ec.generate_private_key(ec.SECP256R1()),
        "cert": ec.generate_private_key(ec.SECP256R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    shown = {name: shown_key(play, name, key) for name, key in keys.items()}
    play.notary("ann", "init", gun, "-p")
    play.notary("ann", "key", "rotate", gun, "snapshot", "-r")
    play.notary("ann", "delegation", "add", "-p", gun, "targets/releases", shown["key"], "--all-paths")
    play.notary("ann", "delegation", "add", gun, "targets/qa", shown["cert"], "--paths", "v1,v2")
    play.notary("ann", "delegation", "add", "-p", gun, "targets/qa", shown["rsa"])
    play.notary("ann", "delegation", "list", gun)
    for who, name in (("bob", "key"), ("cid", "cert"), ("dan", "rsa")):
        play.notary(who, "key", "import", held_key(play, name, keys[name]), "--role", "delegation")
    play.notary("cid", "delegation", "add", "-p", gun, "targets/qa/deep", shown["rsa"], "--paths", "v1.0")
    play.notary("bob", "add", "-p", gun, "v1", one, "-r", "targets/releases")
    play.notary("cid", "add", "-p", gun, "v1.0", one, "-r", "targets/qa")
    play.notary("dan", "add", "-p", gun, "v1.0", one, "-r", "targets/qa/deep")
    play.notary("dan", "add", "-p", gun, "v3", one, "-r", "targets/qa", code=1)  # not a path of its role
    play.notary("eve", "list", gun)
    play.notary("eve", "list", gun, "-r", "targets/qa")
    play.notary("eve", "add", "-p", gun, "v2", one, "-r", "targets/qa", code=1)  # holds no key
    first = key_id(play.notary("ann", "delegation", "list", gun), "targets/releases")
    play.notary("ann", "delegation", "remove", "-y", "-p", gun, "targets/releases", first)
    play.notary("eve", "list", gun)
    play.notary("ann", "delegation", "add", "-p", gun, "targets/releases", shown["cert"])
    play.notary("cid", "witness", "-p", gun, "targets/releases")
    play.notary("eve", "list", gun)
    last = key_id(play.notary("ann", "delegation", "list", gun), "targets/releases")
    play.notary("ann", "delegation", "purge", "-p", gun, "--key", last)
    play.notary("ann", "delegation", "remove", "-y", "-p", gun, "targets/releases")
    play.notary("ann", "delegation", "remove", "-y", "-p", gun, "targets/qa")
    for who in ("ann", "eve", "fay"):
        play.notary(who, "list", gun)


def hashes(play: Play) -> None:
    """Digests without the files: how lists of manifests are signed."""
    gun, text = play.gun, b"a list of manifests"
    small, large = hashlib.sha256(text).hexdigest(), hashlib.sha512(text).hexdigest()
    play.notary("ann", "init", gun, "-p")
    play.notary("ann", "key", "rotate", gun, "snapshot", "-r")
    play.notary("ann", "addhash", "-p", gun, "list", str(len(text)), "--sha256", small)
    play.notary("ann", "addhash", gun, "both", str(len(text)), "--sha256", small, "--sha512", large)
    play.notary("ann", "addhash", gun, "wrong", "1", "--sha256", "00", code=1)
    play.notary("ann", "publish", gun)
    play.notary("bob", "list", gun)
    play.notary("bob", "lookup", gun, "both")
    play.notary("ann", "addhash", "-p", gun, "list", "7", "--sha256", hashlib.sha256(small.encode()).hexdigest())
    play.notary("bob", "lookup", gun, "list")


def closed(play: Play) -> None:
    """A server that asks for tokens: everybody reads, users write, administrators rotate and delete."""
    gun, one = play.gun, file(play, "one")
    wrong, user, admin = ((USER, "wrong"), (USER, PASSWORD), (ADMIN, PASSWORD))
    play.notary("ann", "init", gun, "-p", code=1)
    play.notary("ann", "init", gun, "-p", code=1, login=wrong)
    play.notary("ann", "init", gun, "-p", login=user)
    play.notary("ann", "add", gun, "one", one)
    play.notary("ann", "publish", gun, code=1)
    play.notary("ann", "publish", gun, login=user)
    play.notary("bob", "list", gun)
    play.notary("bob", "list", gun, login=user)
    play.notary("ann", "key", "rotate", gun, "snapshot", "-r", code=1, login=user)
    play.notary("ann", "key", "rotate", gun, "snapshot", "-r", login=admin)
    play.notary("ann", "delete", gun, "--remote", code=1, login=user)
    for method, target in CLOSED:
        play.ask(method, target.format(gun=gun))
    play.notary("ann", "delete", gun, "--remote", login=admin)


CLOSED = [
    ("GET", "/v2/"),
    ("GET", "/v2"),
    ("GET", "/other"),
    ("GET", "/v2/_trust/changefeed?records=1"),
    ("GET", "/v2/{gun}/_trust/changefeed?records=1"),
    ("GET", "/v2/{gun}/_trust/tuf/root.json"),
    ("GET", "/v2/{gun}/_trust/tuf/1.root.json"),
    ("GET", "/v2/{gun}/_trust/tuf/timestamp.key"),
    ("POST", "/v2/{gun}/_trust/tuf/timestamp.key"),
    ("POST", "/v2/{gun}/_trust/tuf/"),
    ("DELETE", "/v2/{gun}/_trust/tuf/"),
    ("GET", "/_notary_server/health"),
]


def file(play: Play, content: str) -> str:
    """A file to sign."""
    return str(_written(play.folder / content, content.encode()))


def custom(play: Play) -> str:
    """What is said about a target, in canonical order."""
    return str(_written(play.folder / "custom.json", b'{"a":1,"b":["c",null,true]}'))


def shown_key(play: Play, name: str, key: Key) -> str:
    """The public side: a bare key or a certificate."""
    text = public_pem(key) if name == "key" else self_signed(f"delegate {name}", key)
    return str(_written(play.folder / f"{name}.pem", text))


def held_key(play: Play, name: str, key: Key) -> str:
    """The private side."""
    return str(_written(play.folder / f"{name}-private.pem", private_pem(key)))


def key_id(listed: str, role: str) -> str:
    """The first key of a role in the list of delegations; further ones stand on lines of their own."""
    return next(line.split()[-2] for line in listed.splitlines() if line.startswith(f"{role} "))


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path
