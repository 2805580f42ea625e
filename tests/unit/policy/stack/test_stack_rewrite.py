"""Compose files lose their secrets and nothing else: to the byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pytrust.policy.engine.secret_label import parse_secrets
from pytrust.policy.stack.find import find_secrets
from pytrust.policy.stack.found import Use
from pytrust.policy.stack.rewrite import label, rewrite
from pytrust.policy.stack.tree import read_tree
from pytrust.trust.errors import InvalidName, UsageError

BEFORE = """\
# the shop
services:
  db:  # the database
    image: postgres:16
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/db_password
    secrets:
      - db_password   # gone

    # where it keeps things
    volumes: ["data:/var/lib/postgresql/data"]

  web:
    image: foo/web:${TAG:-v1}
    labels:
      # for the balancer
      traefik.enable: "true"
    secrets: [db_password, api_key, "outside"]

secrets:
  # from files
  db_password:
    file: ./db_password.txt
  api_key:
    environment: API_KEY
  outside:
    external: true

# named volumes
volumes:
  data: {}
"""
AFTER = """\
# the shop
services:
  db:  # the database
    image: postgres:16
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/db_password
    labels:
      pytrust.secrets: "db_password"

    # where it keeps things
    volumes: ["data:/var/lib/postgresql/data"]

  web:
    image: foo/web:${TAG:-v1}
    labels:
      # for the balancer
      pytrust.secrets: "db_password,api_key"
      traefik.enable: "true"
    secrets: ["outside"]

secrets:
  # from files
  outside:
    external: true

# named volumes
volumes:
  data: {}
"""
SWARM = """\
secrets:
  # from files
  db_password:
    driver: pytrust
    labels:
      pytrust.secret: "db_password"
  api_key:
    driver: pytrust
    labels:
      pytrust.secret: "api_key"
  outside:
    external: true
"""


def moved_out(text: str, *, prefix: str = "", stack: str = "") -> str:
    tree = read_tree(text.encode(), "compose.yaml")
    return rewrite(tree, find_secrets(tree, prefix=prefix, stack=stack), swarm=bool(stack)).decode()


def test_a_whole_file() -> None:
    assert moved_out(BEFORE) == AFTER
    assert moved_out(AFTER) == AFTER  # again: nothing is left to do


def test_windows_line_ends_stay() -> None:
    assert moved_out(BEFORE.replace("\n", "\r\n")) == AFTER.replace("\n", "\r\n")


def test_a_byte_order_mark_and_a_missing_last_line_end_stay() -> None:
    text = "\ufeffservices:\n  a:\n    image: x\n    secrets: [s]\nsecrets:\n  s: {file: ./s}"
    assert moved_out(text) == '\ufeffservices:\n  a:\n    image: x\n    labels:\n      pytrust.secrets: "s"\n'


def test_for_a_swarm_only_the_definitions_change() -> None:
    after = moved_out(BEFORE, stack="shop")
    assert SWARM in after
    head, tail = BEFORE.partition("secrets:\n  #")[0], BEFORE.partition("# named")[2]
    assert after.startswith(head)
    assert after.endswith(tail)
    assert moved_out(after, stack="shop") == after


SERVICE = """\
services:
  a:
    image: x
{service}
secrets:
  s: {{file: ./s}}
  t: {{file: ./t}}
  kept: {{external: true}}
"""
SERVICES = [
    ("    secrets:\n    - s", '    labels:\n      pytrust.secrets: "s"'),
    (
        "    secrets:\n      - s\n      - kept\n      - t",
        '    labels:\n      pytrust.secrets: "s,t"\n    secrets:\n      - kept',
    ),
    ("    labels: [a=b]\n    secrets: [s]", '    labels: ["pytrust.secrets=s", a=b]'),
    ("    labels: []\n    secrets: [s]", '    labels: ["pytrust.secrets=s"]'),
    ("    labels: {a: b}\n    secrets: [s]", '    labels: {pytrust.secrets: "s", a: b}'),
    ("    labels: {}\n    secrets: [s]", '    labels: {pytrust.secrets: "s"}'),
    ("    labels:\n    - a=b\n    secrets: [s]", '    labels:\n    - "pytrust.secrets=s"\n    - a=b'),
    ("    secrets: [s]\n    labels:\n      - a=b", '    labels:\n      - "pytrust.secrets=s"\n      - a=b'),
    ("    labels:\n      pytrust.secrets: z\n    secrets: [s]", '    labels:\n      pytrust.secrets: "z,s"'),
    ("    labels: ['pytrust.secrets=z']\n    secrets: [s]", '    labels: ["pytrust.secrets=z,s"]'),
    ("    labels: {pytrust.secrets: ''}\n    secrets: [s]", '    labels: {pytrust.secrets: "s"}'),
    (
        "    secrets:\n      - source: s\n        target: pg\n        mode: 0440\n        uid: '103'\n        gid: \"5\"",
        '    labels:\n      pytrust.secrets: "s:file=pg:uid=103:gid=5:mode=0440"',
    ),
    (
        "    secrets: [{source: s, target: /run/secrets/pg, mode: 288}]",
        '    labels:\n      pytrust.secrets: "s:file=pg:mode=0440"',
    ),
    ('    secrets: [{source: s, mode: "0400"}]', '    labels:\n      pytrust.secrets: "s:mode=0400"'),
    ("    secrets: [{source: s, mode: 0o444}]", '    labels:\n      pytrust.secrets: "s:mode=0444"'),
    ('    secrets: [{source: s, mode: "440"}]', '    labels:\n      pytrust.secrets: "s:mode=0440"'),
    ("    secrets: [{source: s, mode: 256}]", '    labels:\n      pytrust.secrets: "s:mode=0400"'),
    ("    secrets: [s,\n      t]\n    # after", '    labels:\n      pytrust.secrets: "s,t"\n    # after'),
    (
        "    secrets:   # what it needs\n      # first\n      - s\n    user: me",
        '    labels:\n      pytrust.secrets: "s"\n    user: me',
    ),
    (
        "    command: |\n      secrets: s\n\n    secrets: [s]",
        '    command: |\n      secrets: s\n\n    labels:\n      pytrust.secrets: "s"',
    ),
    ("    user:\n    secrets: [s]", '    user:\n    labels:\n      pytrust.secrets: "s"'),
]


@pytest.mark.parametrize(("before", "after"), SERVICES, ids=range(len(SERVICES)))
def test_services(before: str, after: str) -> None:
    expected = SERVICE.format(service=after).replace("  s: {file: ./s}\n  t: {file: ./t}\n", "")
    assert moved_out(SERVICE.format(service=before)) == expected


REFUSED = [
    "services:\n  a: {image: x, secrets: [s]}\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: &all [s]\n  b:\n    image: y\n    secrets: *all\nsecrets:\n  s: {file: ./s}\n",
    "x-a: &a\n  secrets: [s]\nservices:\n  a:\n    <<: *a\n    image: x\nsecrets:\n  s: {file: ./s}\n",
    "x-a: &a\n  labels: [c=d]\nservices:\n  a:\n    <<: *a\n    image: x\n    secrets: [s]\nsecrets:\n  s: {file: ./s}\n",
    "x-a: &a\n  image: x\n  secrets: [s]\nservices:\n  a: *a\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: !override [s]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    labels: &l {}\n    secrets: [s]\n  b:\n    labels: *l\nsecrets:\n  s: {file: ./s}\n",
    "secrets: {s: {file: ./s}, t: {external: true}}\n",
    "secrets:\n  s: &s {file: ./s}\nx-copy: *s\n",
    "services:\n  a:\n    image: x\n    secrets: [{source: s, target: /etc/passwd}]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: [{source: s, target: ../x}]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: [{source: s, target: /run/secrets/a/b}]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: [{source: s, uid: '4294967296'}]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: [s, {source: t, target: s}]\nsecrets:\n  s: {file: ./s}\n  t: {file: ./t}\n",
    "services:\n  a:\n    image: x\n    secrets: [s]\n    labels: {pytrust.secrets: a=b}\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: [{source: s, mode: 0999}]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: [{source: s, mode: 4777}]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: [{source: s, uid: $UID}]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: [{source: s, more: 1}]\nsecrets:\n  s: {file: ./s}\n",
    "services:\n  a:\n    image: x\n    secrets: s\nsecrets:\n  s: {file: ./s}\n",
    "secrets:\n  s: {file: ./s, environment: S}\n",
    "secrets:\n  s: {}\n",
    "secrets:\n  s: {file: ''}\n",
    "secrets:\n  s: {file: './${NAME}'}\n",
    "secrets:\n  s: {file: [a]}\n",
    "secrets: [s]\n",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_understood_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"compose.yaml(:\d+)?") as caught:
        moved_out(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../s", "a b", "-s", "pytrust/x", "é"])
def test_a_secret_of_a_name_that_is_none(name: str) -> None:
    with pytest.raises(UsageError):
        moved_out(f"secrets:\n  {json.dumps(name)}: {{file: ./s}}\n")


def test_an_own_name_by_prefix() -> None:
    with pytest.raises(UsageError, match="own"):
        moved_out("secrets:\n  s: {file: ./s}\n", prefix="pytrust/")
    with pytest.raises(InvalidName):
        moved_out("secrets:\n  s: {file: ./s}\n", prefix="/")


def test_a_prefix_keeps_the_name_of_the_file() -> None:
    text = "services:\n  a:\n    image: x\n    secrets: [s]\nsecrets:\n  s: {file: ./s}\n"
    assert 'pytrust.secrets: "shop/s"' in moved_out(text, prefix="shop/")
    assert 'pytrust.secrets: "shop-s:file=s"' in moved_out(text, prefix="shop-")


LABELS = st.sampled_from(
    [
        "",
        "    labels: {}\n",
        "    labels: [c=d]\n",
        "    labels:\n      c: d\n",
        "    labels:\n    - c=d\n",
        "    labels:\n      pytrust.secrets: z\n",
    ]
)
COMMENT = st.sampled_from(["", "  # a\n", "# b\n", "\n", "\n    # c\n\n"])
FLOW = st.booleans()
KEYS = st.lists(st.sampled_from(["s", "t", "kept"]), min_size=1, max_size=3, unique=True)


@st.composite
def files(draw: st.DrawFn) -> str:
    text = "services:\n"
    for name in draw(st.lists(st.sampled_from("ab"), min_size=1, unique=True)):
        keys = draw(KEYS)
        listed = (
            f" [{', '.join(keys)}]\n"
            if draw(FLOW)
            else "\n" + "".join(f"      - {key}\n{draw(COMMENT)}" for key in keys)
        )
        parts = [
            draw(LABELS),
            f"    secrets:{listed}",
            draw(st.sampled_from(["    user: me\n", "    command: |\n      a\n\n"])),
        ]
        text += f"  {name}:\n    image: x\n" + draw(COMMENT).join(draw(st.permutations(parts))) + draw(COMMENT)
    defined = [
        f"  {key}:{value}"
        for key, value in (("s", " {file: ./s}\n"), ("t", "\n    environment: T\n"), ("kept", " {external: true}\n"))
    ]
    return (
        text
        + "secrets:\n"
        + draw(COMMENT).join(draw(st.permutations(defined)))
        + draw(COMMENT)
        + draw(st.sampled_from(["", "volumes:\n  v:\n"]))
    )


@settings(max_examples=300)
@given(files())
def test_another_reader_sees_the_same_file_without_the_secrets(text: str) -> None:
    """The library's own loader is the judge; comments and the order of keys stay too."""
    after = moved_out(text)
    assert loaded(text) == loaded(after)
    assert moved_out(after) == after
    for name, service in YAML(typ="safe", pure=True).load(text)["services"].items():
        wanted = [key for key in service["secrets"] if key != "kept"]
        named = list(labels_of(YAML(typ="safe", pure=True).load(after)["services"][name]))
        assert named[len(named) - len(wanted) :] == wanted
    old = iter(text.splitlines())
    new = [line for line in after.splitlines() if not re.search(r"pytrust\.secrets|labels:$|\[kept\]", line)]
    assert all(line in old for line in new)  # in the same order


def labels_of(service: dict[str, object]) -> Iterator[str]:
    labels = service.get("labels", {})
    pairs = labels.items() if isinstance(labels, dict) else (str(item).split("=", 1) for item in labels)  # type: ignore[attr-defined]
    for key, value in pairs:
        if key == "pytrust.secrets":
            yield from str(value).split(",")


def loaded(text: str) -> dict[str, object]:
    found = YAML(typ="safe", pure=True).load(text)
    for service in found["services"].values():
        service["secrets"] = [key for key in service.get("secrets", []) if key == "kept"]
        labels = service.get("labels") or {}
        pairs = labels.items() if isinstance(labels, dict) else [item.split("=", 1) for item in labels]
        service["labels"] = {key: value for key, value in pairs if key != "pytrust.secrets"}
    found["secrets"] = {"kept": found["secrets"]["kept"]}
    result: dict[str, object] = found
    return result


WORDS = st.none() | st.integers(0, 2**31 - 1)
USES = st.lists(
    st.builds(
        Use,
        st.just("a"),
        st.sampled_from(["s", "t"]),
        st.sampled_from(["s", "pg", "key.pem"]),
        WORDS,
        WORDS,
        st.none() | st.integers(0, 0o777),
    ),
    min_size=1,
    unique_by=lambda use: use.file,
)


@given(USES)
def test_whoever_delivers_reads_the_label_as_it_was_meant(uses: list[Use]) -> None:
    asks = parse_secrets(label(uses, {"s": "shop/s", "t": "t"}))
    assert [(ask.name, ask.file) for ask in asks] == [({"s": "shop/s", "t": "t"}[use.key], use.file) for use in uses]
    for ask, use in zip(asks, uses, strict=True):
        assert use.uid in {None, ask.uid}
        assert use.gid in {None, ask.gid}
        assert use.mode in {None, ask.mode}
