"""What is found in Compose files: secrets, who uses them, and what looks like a password."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.stack.find import find_secrets
from pytrust.policy.stack.found import FromFile, FromVariable, Inline, Stack
from pytrust.policy.stack.looks import find_left
from pytrust.policy.stack.rewrite import rewrite
from pytrust.policy.stack.shown import diff_lines
from pytrust.policy.stack.tree import Mapping, Scalar, read_tree
from pytrust.trust.errors import UsageError

CANARY = "canary-77ab"


def found(text: str, *, stack: str = "") -> Stack:
    return find_secrets(read_tree(text.encode(), "c.yaml"), stack=stack)


def test_where_values_are() -> None:
    text = f"""\
secrets:
  a: {{file: ./a.txt}}
  b: {{environment: B}}
  c:
    content: |
      {CANARY}
      pa$$word
  d: {{external: true}}
  e: {{external: {{name: x}}}}
  f: {{driver: vault}}
  g: {{external: false, file: /g}}
  h:
"""
    origins = {moved.key: moved.origin for moved in found(text).moved}
    assert origins == {
        "a": FromFile("./a.txt"),
        "b": FromVariable("B"),
        "c": Inline(f"{CANARY}\npa$word\n".encode()),
        "g": FromFile("/g"),
    }
    assert CANARY not in repr(found(text))
    assert CANARY not in repr(read_tree(text.encode(), "c.yaml"))


def test_what_builds_need_stays() -> None:
    text = """\
services:
  a:
    build: {context: ., secrets: [npm, {source: pip}]}
    secrets: [npm, run]
secrets:
  npm: {file: ./npm}
  pip: {file: ./pip}
  run: {file: ./run}
"""
    stack = found(text)
    assert [moved.key for moved in stack.moved] == ["run"]
    assert [use.key for use in stack.uses] == ["run"]
    assert sum("to build an image" in note for note in stack.notes) == 2


IMAGES = [
    ("foo/web", "image:docker.io/foo/web"),
    ("web:v1", "image:docker.io/library/web"),
    ("Registry.example:5000/foo/web@sha256:" + "0" * 64, "image:registry.example:5000/foo/web"),
    ("foo/web:${TAG:-v1}", "image:docker.io/foo/web"),
    ("foo/web:$TAG", "image:docker.io/foo/web"),
    ("foo/web@${DIGEST}", "image:docker.io/foo/web"),
    ("foo/web:${A}${B}", "image:docker.io/foo/web"),
    ("host:${PORT}/foo/web", None),
    ("${REGISTRY}/foo/web", None),
    ("foo/${NAME}", None),
    ("foo/web${SUFFIX}", None),
    ("foo/web:v${N}", None),
    ("foo/web:${TAG:-${OTHER}}", None),
    ("Foo/Web", None),
    ("", None),
]


@pytest.mark.parametrize(("image", "reader"), IMAGES)
def test_whose_image_may_read(image: str, reader: str | None) -> None:
    stack = found(f"services:\n  a:\n    image: '{image}'\n    secrets: [s]\nsecrets:\n  s: {{file: ./s}}\n")
    assert stack.moved[0].readers == (() if reader is None else (reader,))
    assert bool(stack.notes) == (reader is None)


def test_an_image_may_come_from_an_anchor() -> None:
    text = "x-a: &a\n  image: foo/web\nservices:\n  a:\n    <<: *a\n    secrets: [s]\nsecrets:\n  s: {file: ./s}\n"
    assert found(text).moved[0].readers == ("image:docker.io/foo/web",)
    assert found(text, stack="shop").moved[0].readers == ("service:shop_a",)


def test_a_file_that_is_for_a_swarm_says_so() -> None:
    text = "services:\n  a:\n    image: x\n    deploy: {replicas: 2, placement: {constraints: [a]}}\n"
    assert any("--stack" in note for note in found(text).notes)
    assert found(text, stack="x").notes == ()
    assert found("services:\n  a:\n    image: x\n    deploy: {resources: {limits: {memory: 1G}}}\n").notes == ()


PASSWORDS = [
    "services:\n  a:\n    environment:\n      POSTGRES_PASSWORD: canary-77ab\n",
    "services:\n  a:\n    environment: [POSTGRES_PASSWORD=canary-77ab]\n",
    "services:\n  a:\n    environment:\n      - API_KEY=canary-77ab\n",
    "services:\n  a:\n    environment:\n      DATABASE_URL: postgres://me:canary-77ab@db/x\n",
    "x-env: &e\n  AUTH_TOKEN: canary-77ab\nservices:\n  a:\n    environment: *e\n",
    "configs:\n  a:\n    content: x\nx-y: {z: [{client_secret: canary-77ab}]}\n",
    "services:\n  a:\n    environment:\n      <<: {DB_PASS: canary-77ab}\n",
]
NO_PASSWORDS = [
    "services:\n  a:\n    environment:\n      POSTGRES_PASSWORD_FILE: /run/secrets/x\n",
    "services:\n  a:\n    environment:\n      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}\n",
    "services:\n  a:\n    environment: [POSTGRES_PASSWORD]\n",
    "services:\n  a:\n    environment:\n      DB_PASSWORD:\n",
    "services:\n  a:\n    environment:\n      DB_PASSWORD: /run/secrets/db\n",
    "services:\n  a:\n    environment:\n      DATABASE_URL: postgres://me:${PW}@db/x\n",
    "services:\n  a:\n    environment:\n      USE_TOKEN: true\n      COMPASS: x\n      MONKEY: y\n",
    "services:\n  a:\n    image: foo/web@sha256:0\n    command: [a@b]\n",
]


@pytest.mark.parametrize("text", PASSWORDS, ids=range(len(PASSWORDS)))
def test_passwords_in_clear_are_pointed_out_once_and_not_repeated(text: str) -> None:
    notes = found(text).notes
    assert len(notes) == 1
    assert notes[0].endswith("holds what looks like a password")
    assert CANARY not in notes[0]


def test_places_are_named_by_their_keys() -> None:
    text = "services:\n  a:\n    environment: [A_TOKEN=x]\n    x-y:\n      - {b: {C_SECRET: y}}\n"
    assert [note.split(" ")[0] for note in found(text).notes] == [
        "services.a.environment.A_TOKEN",
        "services.a.x-y.b.C_SECRET",
    ]


@pytest.mark.parametrize("text", NO_PASSWORDS, ids=range(len(NO_PASSWORDS)))
def test_what_is_no_password(text: str) -> None:
    assert found(text).notes == ()


def test_notes_have_a_limit() -> None:
    text = "x:\n" + "".join(f"  A{number}_PASSWORD: x\n" for number in range(200))
    assert len(found(text).notes) == 51


def bomb() -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 15)]
    return "\n".join(lines)


def merging() -> str:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 4)}]}}" for n in range(1, 14)]
    return "\n".join(lines) + "\nservices:\n  web:\n    <<: *a13\n    image: x\n"


def test_aliases_do_not_grow() -> None:
    before = time.process_time()
    assert found(bomb()) == Stack((), (), ())
    assert time.process_time() - before < 2


def test_merge_keys_do_not_grow() -> None:
    before = time.process_time()
    try:
        found(merging())
    except UsageError:
        pass
    assert time.process_time() - before < 2


HOSTILE = [
    b"",
    b"# nothing\n",
    b"text",
    b"[a]",
    b"a: &a [*a]",
    b"a: *b",
    b"a: &a x\nb: &a y\n",
    b"a: 1\na: 2\n",
    b"a: {b: 1, b: 2}",
    b"? [a]\n: b\n",
    b"? {a: b}\n: c\n",
    b"a: 1\n---\nb: 2\n",
    b"a: \xff\n",
    b"a: \x00\n",
    b"a: '\\ud800",
    b"<<: {a: 1}\n<<: {b: 2}\n",
    b"a:\n" + b"".join(b" " * n + b"- \n" for n in range(1)) + b"\tb: c\n",
    b"[" * 5000,
    b"a: " + b"[" * 20 + b"]" * 20,
    b"a: " + b"x" * 10_001,
    b"#" * (1024 * 1024 + 1),
    b"a: [" + b"1," * 60_000 + b"]",
    b"a: 'canary-77ab",
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_compose_file_is_refused_without_repeating_it(data: bytes) -> None:
    before = time.process_time()
    with pytest.raises(UsageError, match=r"^c\.yaml") as caught:
        read_tree(data, "c.yaml")
    assert CANARY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.process_time() - before < 5


@given(st.text("ab:-[]{}&*!<'\"|>#%\n \t,?$0", max_size=80))
def test_junk_is_a_usage_error_or_a_tree_with_true_places(text: str) -> None:
    try:
        tree = read_tree(text.encode(), "c.yaml")
        find_secrets(tree)
    except UsageError as error:
        assert str(error).isprintable()
        return
    for key, entry in tree.root.entries.items():
        assert 0 <= entry.start <= entry.value.start <= entry.value.end <= len(text)
        if (
            isinstance(entry.value, Scalar)
            and entry.value.plain
            and entry.value.text
            and not entry.value.marked
            and "\n" not in text
        ):
            assert text[entry.value.start : entry.value.end] == entry.value.text
        assert key is not None


def test_places_of_values_that_are_nothing() -> None:
    text = "a:   # x\nb: ''\nc:\n"
    tree = read_tree(text.encode(), "c.yaml")
    assert [text[: entry.value.end].count("\n") for entry in tree.root.entries.values()] == [0, 1, 2]
    assert isinstance(tree.root, Mapping)


def test_a_diff_without_values() -> None:
    text = f"secrets:\n  a:\n    content: |\n      {CANARY}\n      more\n  b: {{content: '{CANARY}'}}\n"
    tree = read_tree(text.encode(), "c.yaml")
    lines = list(diff_lines(tree, find_secrets(tree), b""))
    assert CANARY not in "".join(lines)
    assert sum("(hidden)" in line for line in lines) == 2


SERVICE = "services:\n  web:\n    image: foo/web:1\n    secrets: [db]\n"


@pytest.mark.parametrize(
    "text",
    [
        f"x-pw: &pw {CANARY}\n{SERVICE}secrets:\n  db:\n    content: *pw\n",
        f"x-s: &s\n  content: {CANARY}\n{SERVICE}secrets:\n  db: *s\n",
        f"x-s: &s\n  content: {CANARY}\n{SERVICE}secrets:\n  db:\n    <<: *s\n",
    ],
)
def test_a_value_that_would_stay_where_it_is_is_not_moved(text: str) -> None:
    """Or the file would go on holding it, under another key."""
    with pytest.raises(UsageError, match="stands elsewhere") as caught:
        found(text)
    assert CANARY not in str(caught.value)


def test_definitions_that_are_merged_in_are_told_of() -> None:
    stack = found(f"x-s: &s\n  db:\n    content: {CANARY}\n{SERVICE}secrets:\n  <<: *s\n")
    assert (stack.moved, stack.notes) == ((), ("secrets that are merged in stay where they are",))


@pytest.mark.parametrize(
    "definition",
    [
        f"secrets:\n  db:\n    content: new # was {CANARY}\n",
        f"secrets:\n  db: # {CANARY}\n    content: new\n",
        f"secrets:\n  db:\n    # {CANARY}\n    content: |\n      new\n      {CANARY}\n",
        f"secrets:\n  db:\n    content: new\n    x-old: {CANARY}\n",
        f"secrets: {{db: {{content: {CANARY}}}, other: {{content: {CANARY}}}}} # {CANARY}\n",
        f"secrets:\n  other: {{external: true}}\n  db: {{content: {CANARY}, x-old: {CANARY}}} # {CANARY}\n",
    ],
)
def test_what_stands_beside_a_value_is_not_shown(definition: str) -> None:
    tree = read_tree((SERVICE + definition).encode(), "c.yaml")
    stack = find_secrets(tree)
    lines = list(diff_lines(tree, stack, rewrite(tree, stack, swarm=False)))
    assert any("(hidden)" in line for line in lines)
    assert not any(CANARY in line for line in lines)


@pytest.mark.parametrize(("more", "line"), [(f"      DB: {CANARY}\n", 5), (f"      DB: $X # {CANARY}\n", 5), ("", 0)])
def test_a_value_that_stands_elsewhere_as_well_is_told_of(more: str, line: int) -> None:
    text = f"services:\n  web:\n    image: x\n    environment:\n{more or '      A: b'}\n    secrets: [db]\n"
    tree = read_tree(f"{text}secrets:\n  db: {{content: {CANARY}}}\n  pin: {{content: '1'}}\n".encode(), "c.yaml")
    stack = find_secrets(tree)
    notes = find_left(stack, rewrite(tree, stack, swarm=False).decode())
    assert notes == ((f"the value of the secret db stands in line {line}, too",) if line else ())
