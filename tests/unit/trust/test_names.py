"""Names: docker's rules for image references, one canonical spelling, and nothing but ``InvalidName``."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytrust.trust.errors import InvalidName
from pytrust.trust.names import Digest, ImageRef, parse_collection, parse_key_id, parse_role

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"

SPELLINGS = [
    ("web", "docker.io/library/web:latest"),
    ("web:v1", "docker.io/library/web:v1"),
    ("foo/web", "docker.io/foo/web:latest"),
    ("a/b/c", "docker.io/a/b/c:latest"),
    ("docker.io/web", "docker.io/library/web:latest"),
    ("docker.io/foo/web:v1", "docker.io/foo/web:v1"),
    ("index.docker.io/web", "docker.io/library/web:latest"),
    ("index.docker.io/foo/web", "docker.io/foo/web:latest"),
    ("docker.io", "docker.io/library/docker.io:latest"),
    ("localhost", "docker.io/library/localhost:latest"),
    ("localhost:5000", "docker.io/library/localhost:5000"),
    ("localhost/web", "localhost/web:latest"),
    ("LOCALHOST/web", "localhost/web:latest"),
    ("localhost:5000/web:v1", "localhost:5000/web:v1"),
    ("host:5000/web", "host:5000/web:latest"),
    ("host.example/web", "host.example/web:latest"),
    ("Host.Example/web:V1", "host.example/web:V1"),
    ("HOST:5000/web", "host:5000/web:latest"),
    ("host.example/a/b/c:v1", "host.example/a/b/c:v1"),
    ("[::1]/web", "[::1]/web:latest"),
    ("[::1]:5000/web:v1", "[::1]:5000/web:v1"),
    ("[2001:DB8::1]:5000/web", "[2001:db8::1]:5000/web:latest"),
    (f"web@{DIGEST}", f"docker.io/library/web@{DIGEST}"),
    (f"web:v1@{DIGEST}", f"docker.io/library/web:v1@{DIGEST}"),
    (f"[::1]:5000/web@{DIGEST}", f"[::1]:5000/web@{DIGEST}"),
    ("x/a.b_c__d--e", "docker.io/x/a.b_c__d--e:latest"),
    ("web:_x.Y-1", "docker.io/library/web:_x.Y-1"),
    ("web:" + "t" * 128, "docker.io/library/web:" + "t" * 128),
    (HEX + ":v1", f"docker.io/library/{HEX}:v1"),
]

REFUSED = [
    "", " ", ":", "@", "/", "/web", "web/", "a//b", "web:", "web@", ":v1", "web:v1:v2", "web:v1\n", "\nweb", "web\0",
    "Web", "foo/Web", "host.example/Web", "Foo/web", "-web", "web-", "a..b", "a.-b", "a___b", ".", "..", "foo/..",
    "../x",
    "host.example/../x", "-host.example/web", "host-.example/web", "host..example/web", "host_x.example/web",
    "host.example:/web", "host.example:x/web", "host.example:123456/web", "[::1/web", "::1/web", "[::g]/web",
    "[]:5/web",
    "https://host.example/web", "user@host.example/web", "web:.v1", "web:-v1", "web:v 1", "web:" + "t" * 129, HEX,
    "web@sha256:" + HEX.upper(), "web@sha256:" + HEX[1:], "web@sha256:" + HEX + "0", "web@sha512:" + HEX * 2,
    "web@" + HEX,
    f"web@{DIGEST}@{DIGEST}", f"web@{DIGEST}\n", "x" * 513, "foo/timestamp.json", "root.json", "wéb", "\uff57eb",
    "host.exámple/web", "web:v\u0661", "\u212a.example/web", "Localhos/web",
]  # fmt: skip


@pytest.mark.parametrize(("text", "canonical"), SPELLINGS)
def test_spellings(text: str, canonical: str) -> None:
    assert str(ImageRef.parse(text)) == canonical


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text: str) -> None:
    with pytest.raises(InvalidName):
        ImageRef.parse(text)


def test_the_parts_of_a_reference() -> None:
    ref = ImageRef.parse(f"localhost:5000/a/b:v1@{DIGEST}")
    assert (ref.registry, ref.repository, ref.tag, ref.digest) == ("localhost:5000", "a/b", "v1", Digest(HEX))
    assert ref.collection == "localhost:5000/a/b"
    assert str(ImageRef.parse("web:v1").at(Digest(HEX))) == f"docker.io/library/web:v1@{DIGEST}"


def test_a_digest_alone_gets_no_tag() -> None:
    assert ImageRef.parse(f"web@{DIGEST}").tag is None


PIECES = st.sampled_from(
    [*"aAzZ09._-:/@[]%~ \n\0é", "docker.io", "localhost", "library", "index.docker.io", "sha256:", HEX, "::1", "latest"]
)
COMPONENT = st.from_regex(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+){0,2}", fullmatch=True)
HOST = st.from_regex(
    r"[a-zA-Z0-9]{1,4}(?:\.[a-zA-Z0-9]{1,4}){0,2}(?::[0-9]{1,5})?|\[[0-9a-fA-F:]{1,9}\]", fullmatch=True
)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
REFERENCE = st.builds(
    lambda host, path, tag, digest: "/".join([*host, *path]) + "".join([*tag, *digest]),
    st.lists(HOST, max_size=1),
    st.lists(COMPONENT, min_size=1, max_size=3),
    st.lists(TAG.map(":{}".format), max_size=1),
    st.lists(st.just(f"@{DIGEST}"), max_size=1),
)


@given(st.one_of(REFERENCE, st.text(), st.lists(PIECES, max_size=12).map("".join)))
@example("Foo/web")
@example("A.b/c")
def test_parsing_is_total_and_its_text_parses_to_itself(text: str) -> None:
    try:
        ref = ImageRef.parse(text)
    except InvalidName:
        return
    assert ImageRef.parse(str(ref)) == ref
    assert parse_collection(ref.collection) == ref.collection
    assert ref.collection == ref.collection.lower()


@given(REFERENCE)
def test_the_registry_alone_never_changes_with_the_spelling_of_case(text: str) -> None:
    """Whoever can register a name on one registry must not speak for the same name on another."""
    try:
        ref = ImageRef.parse(text)
    except InvalidName:
        return
    if "/" not in text or text[0] == "[":
        return
    first = text.partition("/")[0]
    hosted = "." in first or ":" in first or first == "localhost" or first != first.lower()
    expected = first.lower() if hosted else "docker.io"
    assert ref.registry == {"index.docker.io": "docker.io"}.get(expected, expected)


@pytest.mark.parametrize("text", ["web", "foo/web", "host:5000/web", "[::1]:5000/a", "index.docker.io/web"])
def test_collections(text: str) -> None:
    assert parse_collection(text) == ImageRef.parse(text).collection


@pytest.mark.parametrize("text", ["web:v1", f"web@{DIGEST}", "host:5000/web:v1", "web:latest", "", "Web", HEX])
def test_collections_have_neither_tag_nor_digest(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_collection(text)


def test_digests() -> None:
    assert str(Digest.parse(DIGEST)) == DIGEST


BAD_DIGESTS = ["", HEX, DIGEST.upper(), f"sha512:{HEX}", DIGEST[:-1], DIGEST + "0", DIGEST + "\n", f"sha256:{DIGEST}"]


@pytest.mark.parametrize("text", BAD_DIGESTS)
def test_digest_refusals(text: str) -> None:
    with pytest.raises(InvalidName):
        Digest.parse(text)


def test_key_ids_with_and_without_algorithm() -> None:
    assert parse_key_id(HEX) == parse_key_id(DIGEST) == HEX


@pytest.mark.parametrize("text", ["", HEX.upper(), HEX[1:], HEX + "\n", f"sha256:{DIGEST}", f"md5:{HEX}", "sha256:"])
def test_key_id_refusals(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_key_id(text)


@pytest.mark.parametrize("text", ["alice", "a", "0", "ci-runner_7", "a" * 64])
def test_roles(text: str) -> None:
    assert parse_role(text) == text


@pytest.mark.parametrize("text", ["", "Alice", "-a", "_a", "a" * 65, "a/b", "a.b", "a b", "a\n", "\xe4", "../a", "a\0"])
def test_role_refusals(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_role(text)


@given(st.text())
def test_the_small_parsers_are_total(text: str) -> None:
    for parse in (Digest.parse, parse_key_id, parse_role, parse_collection):
        try:
            parse(text)
        except InvalidName:
            continue
