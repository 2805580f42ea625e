"""Attacks by the registry, or by whoever can push to it: rows 1, 3, 17, 18, 20, 28 and 32."""

from __future__ import annotations

import pytest
from tests.attack.scene import Scene
from tests.fakes.registry import OCI_INDEX, OTHER_DIGEST, Auth, FakeRegistry, Fault, digest_of, oci_index, oci_manifest

from pytrust.cli.root import run


def test_1_tag_moved(known: Scene) -> None:
    """The tag points to something that nobody signed: both digests are named."""
    signed = known.digests["v2"]
    moved = known.push("v2", "something else")
    error = known.refuse("digest-mismatch", names=known.image)
    assert signed in error["message"]
    assert moved in error["message"]
    assert error["hint"]
    known.push("v2", "v2")
    known.believe()


def test_1_tag_moved_to_another_signed_image(known: Scene) -> None:
    """Signed, but under another tag."""
    known.push("v3")
    known.sign("v3")
    known.push("v2", "v3")
    known.refuse("digest-mismatch", learns=True)
    known.push("v2", "v2")
    known.believe()


def test_1_unsigned_tag(known: Scene) -> None:
    """Nobody signed it."""
    known.push("v1")
    error = known.refuse("unsigned", 1, f"{known.web.name}:v1", names=f"{known.web.name}:v1")
    assert "sign" in error["hint"]


def test_1_signed_but_gone(known: Scene) -> None:
    """Signed, and the registry does not have it."""
    known.web.release("v7", OTHER_DIGEST, 7)
    known.refuse("not-found", 1, f"{known.web.name}:v7", learns=True)
    known.believe()


LIES = {
    Fault.WRONG_DIGEST: ("bad-content", 1),
    Fault.ODD_DIGEST: ("bad-content", 1),
    Fault.OTHER_BYTES: ("digest-mismatch", 1),
    Fault.WRONG_TYPE: ("bad-content", 1),
    Fault.NO_TYPE: ("bad-content", 1),
    Fault.HTML: ("bad-content", 1),
    Fault.SCHEMA1: ("bad-content", 1),
    Fault.GZIP_BOMB: ("bad-content", 1),
    Fault.DEEP_JSON: ("bad-content", 1),
    Fault.TWICE: ("bad-content", 1),
    Fault.TRUNCATED: ("unreachable", 3),
    Fault.CLOSE: ("unreachable", 3),
    Fault.GARBAGE: ("unreachable", 3),
    Fault.RATE_LIMITED: ("rate-limited", 3),
    Fault.SERVER_ERROR: ("server-error", 3),
    Fault.FORBIDDEN: ("access-denied", 1),
    Fault.UNAUTHORIZED: ("access-denied", 1),
    Fault.REDIRECT_LOOP: ("bad-content", 1),
}


@pytest.mark.parametrize("fault", LIES, ids=lambda fault: fault.name)
def test_3_lying_registry(known: Scene, fault: Fault) -> None:
    """Bytes, digest, type and size must be one story; what cannot be found out is not a no."""
    code, exit_code = LIES[fault]
    known.registry.fail(fault)
    known.refuse(code, exit_code, names=known.image)
    known.registry.behave()
    known.believe()


def test_3_signed_size_differs(scene: Scene) -> None:
    """The right digest under a size that was not signed."""
    scene.web.release("v2", scene.digests["v2"], len(scene.manifests["v2"]) + 1)
    scene.refuse("digest-mismatch", names="bytes", learns=True)
    scene.sign("v2")
    scene.believe()


def test_3_other_bytes_by_digest(known: Scene) -> None:
    """The engine's form of the name, ``@sha256:``, does not skip the hash."""
    by_digest = f"{known.web.name}@{known.digests['v2']}"
    known.believe(by_digest)
    known.registry.fail(Fault.OTHER_BYTES)
    known.refuse("bad-content", 1, by_digest)
    known.registry.behave()
    known.believe(by_digest)


def _push_index(scene: Scene, tag: str, children: list[bytes]) -> tuple[str, list[tuple[str, int]]]:
    listed = [(scene.registry.put("foo/web", None, child), len(child)) for child in children]
    index = oci_index(listed)
    scene.manifests[tag] = index
    scene.digests[tag] = scene.registry.put("foo/web", tag, index, OCI_INDEX)
    return scene.digests[tag], listed


def test_17_index_gains_a_platform(scene: Scene) -> None:
    """One more child makes another index."""
    amd, arm = oci_manifest("amd64"), oci_manifest("arm64")
    digest, listed = _push_index(scene, "multi", [amd])
    scene.web.release("multi", digest, len(scene.manifests["multi"]), listed)
    name = f"{scene.web.name}:multi"
    scene.believe(name)
    _push_index(scene, "multi", [amd, arm])
    scene.refuse("digest-mismatch", 1, name)
    _push_index(scene, "multi", [amd])
    scene.believe(name)


def test_17_manifest_gains_a_subject(known: Scene) -> None:
    """A ``subject`` that leads elsewhere is part of what is hashed."""
    known.registry.put("foo/web", "v2", oci_manifest("v2", subject=OTHER_DIGEST))
    known.refuse("digest-mismatch")
    known.push("v2", "v2")
    known.believe()


def test_18_child_outside_the_signed_index(scene: Scene) -> None:
    """A platform's digest is believed as far as a signed index lists it."""
    inside, outside = oci_manifest("amd64"), oci_manifest("evil")
    digest, listed = _push_index(scene, "multi", [inside])
    scene.web.release("multi", digest, len(scene.manifests["multi"]), listed)
    scene.registry.put("foo/web", None, outside)
    scene.believe(f"{scene.web.name}@{digest_of(inside)}")
    scene.believe(f"{scene.web.name}:multi@{digest_of(inside)}")
    scene.refuse("unsigned", 1, f"{scene.web.name}@{digest_of(outside)}", names=digest_of(outside))
    scene.refuse("unsigned", 1, f"{scene.web.name}:v2@{digest_of(inside)}", names="v2")
    scene.refuse("unsigned", 1, f"{scene.web.name}@{OTHER_DIGEST}")


def test_20_redirect_keeps_the_decision_here(known: Scene) -> None:
    """A redirect changes who answers, not what is accepted; and plain http elsewhere is refused."""
    with FakeRegistry() as elsewhere:
        elsewhere.put("foo/web", "v2", oci_manifest("something else"))
        known.registry.redirect_to = elsewhere.url
        known.registry.fail(Fault.REDIRECT)
        known.refuse({"digest-mismatch", "bad-content"})
    known.registry.redirect_to = "http://192.0.2.1"
    known.refuse("bad-content", names="not https")
    known.registry.behave()
    known.believe()


@pytest.mark.parametrize(
    "realm", ["http://192.0.2.1/token", "file:///etc/passwd", "https://u:p@192.0.2.1/", "javascript:"]
)
def test_20_token_service_elsewhere(known: Scene, realm: str) -> None:
    """The registry names a token service that must not be asked; nothing is sent there."""
    known.registry.auth = Auth("Bearer", anonymous=True, realm=realm)
    known.refuse("bad-content", names=known.image)
    known.registry.auth = None
    known.believe()


def test_20_token_service_redirects(known: Scene) -> None:
    """Nor is it followed to plain http."""
    known.registry.auth = Auth("Bearer", anonymous=True)
    known.believe()
    known.registry.redirect_to = "http://192.0.2.1"
    known.registry.fail(Fault.REDIRECT, on="token")
    known.refuse("bad-content")
    known.registry.behave()
    known.believe()


def test_28_the_answer_pins_a_digest(known: Scene) -> None:
    """What is to be pulled is a digest: a tag that moves after the check does not matter."""
    known.believe()
    assert run(["--home", str(known.home), "verify", known.image]) == 0
    said = known.capsys.readouterr().out
    assert said.startswith(f"{known.image}@{known.digests['v2']} signed by alice (releases 1 of 1)")
    known.push("v2", "moved after the check")
    assert known.believe(f"{known.web.name}@{said_digest(said)}")["digest"] == said_digest(said)


def said_digest(said: str) -> str:
    """The digest in a line of answer."""
    return said.partition("@")[2].partition(" ")[0]


def test_32_head_differs_from_get(known: Scene) -> None:
    """HEAD is a hint that nobody asked for: the body decides."""
    known.registry.fail(Fault.HEAD_DIFFERS)
    known.believe()
    known.registry.put("foo/web", "v2", oci_manifest("other"))
    known.refuse("digest-mismatch")
    known.registry.behave()
    known.push("v2", "v2")
    known.believe()


def test_many_names_each_get_an_answer(known: Scene) -> None:
    """One refusal does not hide the others, and the gravest outcome is the exit code."""
    known.push("v1")
    names = [known.image, f"{known.web.name}:v1", f"{known.web.name}:v2", f"{known.registry.host}/foo/nothing:v1"]
    answer = known.verify(*names)
    assert answer.code == 1
    verdicts = {document["name"]: document["ok"] for document in answer.documents}
    assert verdicts == {
        known.image: True,
        f"{known.web.name}:v1": False,
        f"{known.registry.host}/foo/nothing:v1": False,
    }


def test_terminal_is_left_alone(known: Scene) -> None:
    """What a registry or a trust server says does not reach the terminal as control characters."""
    known.registry.fail(Fault.GARBAGE)
    assert run(["--home", str(known.home), "verify", known.image]) == 3
    known.web.forge("targets", lambda signed: signed.update(collection="\x1b[2J\u202e"))
    assert run(["--home", str(known.home), "verify", known.image]) == 1
    said = known.capsys.readouterr()
    assert all(char.isprintable() or char == "\n" for char in said.out + said.err)
