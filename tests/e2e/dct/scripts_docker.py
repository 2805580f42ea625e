"""What people do with the stock docker client and content trust."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from tests.e2e.dct.scripts_notary import held_key, key_id, shown_key
from tests.e2e.dct.stage import PASSWORD, USER, Play
from tests.e2e.dct.written import Owner
from tests.rig.notary_repository import multipart


def pushing(play: Play) -> None:
    """Push with trust, pull it warm and cold, and what else resolves a tag."""
    web = play.repository()
    one, two = play.image("one", f"{web}:v1"), play.image("two", f"{web}:v2")
    play.docker("ann", "push", one)
    play.docker("ann", "push", two)
    play.docker("ann", "trust", "inspect", web)
    for who in ("ann", "bob", "bob"):
        play.docker(who, "pull", f"{web}:v1")
    play.docker("bob", "pull", "-a", web, ordered=False)
    play.docker("bob", "pull", f"{web}:v3", code=1)
    play.docker("cid", "pull", web, code=1)
    play.image("three", f"{web}:v1")
    play.docker("ann", "push", one)
    play.docker("bob", "pull", f"{web}:v1")
    play.docker("bob", "run", "--rm", "--network", "none", f"{web}:v1", "cat", "/content")
    play.docker("bob", "run", "--rm", "--network", "none", f"{web}:v9", "true", code=125)
    play.docker("cid", "create", "--name", "dct-made", f"{web}:v2", "true")
    play.docker("cid", "rm", "dct-made")
    play.image("two", f"{web}:unsigned")
    play.docker("ann", "push", f"{web}:unsigned", trust=False)
    play.docker("bob", "pull", f"{web}:unsigned", code=1)
    play.docker("bob", "pull", f"{web}@{play.parts.digests['one']}")
    play.docker("bob", "pull", play.repository("none"), code=1)


def building(play: Play) -> None:
    """The classic builder replaces the base by what is signed."""
    web, folder = play.repository(), play.folder / "context"
    play.docker("ann", "push", play.image("one", f"{web}:v1"))
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {web}:v1\nLABEL made=here\n")
    play.docker("bob", "rmi", play.docker("bob", "build", "-q", str(folder)).strip())
    (folder / "Dockerfile").write_text(f"FROM {web}:v2\n")
    play.docker("bob", "build", "-q", str(folder), code=1)


def signing(play: Play) -> None:
    """Sign with the login of a registry, by one signer and by two, and revoke."""
    web = play.repository(locked=True)
    one = play.image("one", f"{web}:v1")
    play.docker("ann", "trust", "sign", one, code=1)  # without a login there is no name for the signer
    play.docker("ann", "trust", "inspect", web, code=1)
    log_in(play, "ann")
    play.docker("ann", "trust", "sign", one)
    play.docker("ann", "trust", "inspect", web)
    play.docker("ann", "trust", "inspect", "--pretty", web)
    play.docker("ann", "trust", "sign", one)
    play.image("two", one)
    play.docker("ann", "trust", "sign", "--local", one)
    play.docker("ann", "trust", "sign", play.image("one", f"{web}:v2"))
    play.docker("ann", "push", play.image("three", f"{web}:v3"))
    play.docker("ann", "trust", "inspect", f"{web}:v1", web)
    play.docker("ann", "pull", f"{web}:v1")
    play.docker("ann", "trust", "revoke", f"{web}:v1")
    play.docker("ann", "trust", "revoke", f"{web}:v9", code=1)
    play.docker("ann", "pull", f"{web}:v1", code=1)
    play.docker("ann", "trust", "revoke", "-y", web)
    play.docker("ann", "trust", "inspect", web)
    play.docker("ann", "trust", "sign", f"{web}:v2")
    play.docker("ann", "trust", "inspect", "--pretty", web)


def signers(play: Play) -> None:
    """Signers who come with a key of their own, sign from their own machines, and go."""
    web = play.repository(locked=True)
    for who in ("ann", "bob"):
        log_in(play, who)
    play.docker("bob", "trust", "key", "generate", "bob", "--dir", str(play.folder / "bob"))
    cert = ec.generate_private_key(ec.SECP256R1())
    play.docker("ann", "trust", "signer", "add", "--key", str(play.folder / "bob" / "bob.pub"), "bob", web)
    play.docker("ann", "trust", "signer", "add", "--key", shown_key(play, "cid", cert), "cid", web)
    play.docker("ann", "trust", "signer", "add", "--key", shown_key(play, "cid", cert), "releases", web, code=1)
    play.docker("cid", "trust", "key", "load", "--name", "cid", held_key(play, "cid", cert))
    log_in(play, "cid")
    play.docker("bob", "trust", "sign", play.image("one", f"{web}:v1"))
    play.docker("cid", "trust", "sign", f"{web}:v1")
    play.docker("ann", "trust", "sign", f"{web}:v1", code=1)  # holds no key of a signer
    play.docker("cid", "push", play.image("two", f"{web}:v2"))
    play.docker("ann", "trust", "inspect", web)
    play.docker("dan", "trust", "inspect", "--pretty", web)
    play.docker("ann", "trust", "signer", "remove", "--force", "cid", web)
    play.docker("dan", "trust", "inspect", "--pretty", web)
    play.notary("ann/trust", "delegation", "remove", "-y", "-p", web, "targets/cid")
    play.docker("dan", "trust", "inspect", "--pretty", web)


def returning(play: Play) -> None:
    """A signer who goes and comes back, with the files of before in the way."""
    web = play.repository(locked=True)
    for who in ("ann", "bob", "cid"):
        log_in(play, who)
    play.docker("bob", "trust", "key", "generate", "bob", "--dir", str(play.folder / "bob"))
    shown = str(play.folder / "bob" / "bob.pub")
    play.docker("ann", "trust", "sign", play.image("one", f"{web}:v1"))
    play.docker("ann", "trust", "signer", "add", "--key", shown, "bob", web)
    play.docker("bob", "trust", "sign", play.image("two", f"{web}:v2"))
    key = key_id(play.notary("ann/trust", "delegation", "list", web), "targets/bob")
    play.notary("ann/trust", "delegation", "remove", "-y", "-p", web, "targets/bob")
    play.notary("ann/trust", "delegation", "remove", "-y", "-p", web, "targets/releases", key)
    play.docker("cid", "trust", "inspect", "--pretty", web)
    play.docker("cid", "pull", f"{web}:v1", code=1)
    play.docker("ann", "trust", "sign", play.image("three", f"{web}:v3"), code=1)
    play.notary("ann/trust", "witness", "-p", web, "targets/releases")
    play.docker("ann", "trust", "sign", f"{web}:v3")
    play.docker("ann", "trust", "signer", "add", "--key", shown, "bob", web)
    play.docker("bob", "trust", "sign", play.image("two", f"{web}:v4"))
    play.docker("cid", "trust", "inspect", "--pretty", web)


def log_in(play: Play, who: str) -> None:
    """At the registry that wants it: what is stored there is shown to the trust server's issuer, too."""
    play.docker(who, "login", "-u", USER, "--password-stdin", play.parts.locked.host, stdin=PASSWORD)


def logged_in(play: Play) -> None:
    """Both the registry and the trust server want to know who it is; the login is that of the registry."""
    web, open_web = play.repository(locked=True), play.repository()
    play.docker("ann", "push", play.image("one", f"{open_web}:v1"), code=1)  # pushed, but not signed
    log_in(play, "ann")
    play.docker("ann", "push", play.image("one", f"{web}:v1"))
    play.docker("ann", "trust", "sign", play.image("two", f"{web}:v2"))
    play.docker("ann", "pull", f"{web}:v1")
    play.docker("ann", "trust", "inspect", web)
    play.docker("bob", "trust", "inspect", web)
    play.docker("ann", "trust", "revoke", f"{web}:v2")


def cut_off(play: Play) -> None:
    """Without the trust server, what is known goes on for as long as its timestamp is good, and nothing new begins."""
    web, recorder = play.repository(), play.stage.recorder
    play.docker("ann", "push", play.image("one", f"{web}:v1"))
    play.docker("bob", "pull", f"{web}:v1")
    recorder.down = True
    play.docker("bob", "pull", f"{web}:v1")
    play.docker("bob", "run", "--rm", "--network", "none", f"{web}:v1", "true")
    play.docker("cid", "pull", f"{web}:v1", code=1)
    play.docker("ann", "push", play.image("two", f"{web}:v2"), code=1)
    recorder.honest()
    play.docker("bob", "pull", f"{web}:v2", code=1)


def adopted(play: Play) -> None:
    """A collection that pytrust wrote: stock clients read it, and publish upon it."""
    web = play.repository(locked=True)
    owner = Owner.of(web, "ann")
    for who in ("ann", "bob"):
        log_in(play, who)
    play.docker("ann", "push", play.image("one", f"{web}:v1"), trust=False)
    files = owner.files(play, "v1", play.parts.digests["one"])
    play.ask("POST", f"/v2/{web}/_trust/tuf/", *multipart(files.items()))
    play.docker("bob", "pull", f"{web}:v1")
    play.docker("ann", "trust", "key", "load", "--name", "ann", held_key(play, "ann", owner.release))
    play.docker("ann", "trust", "sign", play.image("two", f"{web}:v2"))
    play.docker("bob", "trust", "inspect", web)
    play.docker("bob", "pull", "-a", web, ordered=False)
    kept = play.ask("GET", f"/v2/{web}/_trust/tuf/targets/releases.json")
    assert tags(kept)["v1"] == tags(files["targets/releases"])["v1"]
    assert tags(kept).keys() == {"v1", "v2"}


def tags(file: bytes) -> dict[str, Any]:
    """What a file of a role says."""
    found: dict[str, Any] = json.loads(file)["signed"]["targets"]
    return found
