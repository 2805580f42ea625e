"""The policy file: what it says is what the core gets, and whatever else is in it is an error with its line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from ruamel.yaml import YAML
from tests.fakes.notary_repository import certify, issue, new_key

from pytrust.policy.core.facts import Roots
from pytrust.policy.core.request import Field
from pytrust.policy.core.rules import Containers, ImageRule, Isolation, Lift, Mode, Policy, ProfileNeed, Trust
from pytrust.policy.document import parse_policy, read_document
from pytrust.policy.schema import MEMORY_MAX, MEMORY_MIN, policy_schema
from pytrust.policy.starter import starter
from pytrust.trust.anchor import certificate_id
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Format, KeyId, RoleName

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
KEY, OTHER = KeyId("a1" * 32), KeyId("b2" * 32)
FULL = f"""\
version: 1
roots:
  org: [{OTHER}, sha256:{KEY}]
  board:
    keys: [{KEY}, {OTHER}]
    threshold: 2
images:
  - match: registry.example.com/foo/**
    trust: {{root: org, signers: {{any_of: [bob, alice], threshold: 2}}}}
    isolation: baseline
  - match: docker.io/library/**
    trust: {{root_keys: [{KEY}]}}
  - match: docker.io/board/*
    trust:
      root: board
      signers:
        any_of: [carol]
  - match: docker.io/me/**
    profile: required
  - match: localhost/dev/**
    unsigned: allow
  - match: quay.io/**
    trust:
      root_keys: {{keys: [{KEY}, {OTHER}], threshold: 2}}
containers:
  isolation: baseline
  pids: 100
  memory: 512m
  allow:
    - {{rule: bind, match: registry.example.com/foo/**, values: [/srv/data/**, /srv/data]}}
    - rule: capability
      values: [NET_ADMIN]
    - rule: publish-all
mode: warn
"""
V = "version: 1\n"
IMAGE = V + "images:\n  - match: '**'\n"


def parse(text: str) -> Policy:
    return parse_policy(text, what="/etc/pytrust/policy.yaml")


def test_everything() -> None:
    two = Roots(keys=(KEY, OTHER), threshold=2)
    assert parse(FULL) == Policy(
        version=sha256(FULL.encode()).hexdigest(),
        images=(
            ImageRule(
                match="registry.example.com/foo/**",
                where="policy.yaml:8",
                trust=Trust(roots=Roots(keys=(KEY, OTHER)), signers=(RoleName("alice"), RoleName("bob")), threshold=2),
                isolation=Isolation.BASELINE,
            ),
            ImageRule(match="docker.io/library/**", where="policy.yaml:11", trust=Trust(roots=Roots(keys=(KEY,)))),
            ImageRule(
                match="docker.io/board/*", where="policy.yaml:13", trust=Trust(roots=two, signers=(RoleName("carol"),))
            ),
            ImageRule(match="docker.io/me/**", where="policy.yaml:18", trust=Trust(), profile=ProfileNeed.REQUIRED),
            ImageRule(match="localhost/dev/**", where="policy.yaml:20", trust=None),
            ImageRule(match="quay.io/**", where="policy.yaml:22", trust=Trust(roots=two)),
        ),
        containers=Containers(
            isolation=Isolation.BASELINE,
            pids=100,
            memory=512 * 1024**2,
            lifts=(
                Lift(
                    field=Field.BIND,
                    where="policy.yaml:30",
                    match="registry.example.com/foo/**",
                    values=("/srv/data/**", "/srv/data"),
                ),
                Lift(field=Field.CAPABILITY, where="policy.yaml:31", values=("NET_ADMIN",)),
                Lift(field=Field.PUBLISH_ALL, where="policy.yaml:33"),
            ),
            where="policy.yaml:25",
        ),
        mode=Mode.WARN,
    )


def test_what_is_left_out() -> None:
    policy = parse(V)
    assert policy == Policy(version=sha256(V.encode()).hexdigest(), containers=Containers(where="policy.yaml"))
    assert parse(V + "images: []\ncontainers: {}\nmode: enforce\nroots: {}").images == ()


def test_bytes_and_text_are_the_same_policy() -> None:
    assert parse_policy(FULL.encode(), what="/etc/pytrust/policy.yaml") == parse(FULL)
    assert parse(FULL + "# one more line\n").version != parse(FULL).version


def test_trust_without_words_is_trust_by_the_pins() -> None:
    assert parse(IMAGE).images[0].trust == parse(IMAGE + "    trust: {}").images[0].trust == Trust()


@pytest.mark.parametrize(
    ("text", "size"),
    [("6m", 6 * 1024**2), ("2g", 2 * 1024**3), ("8192k", 8 * 1024**2), ("6291456b", 6 * 1024**2), ("6291456", 6291456)],
)
def test_memory(text: str, size: int) -> None:
    assert parse(f"{V}containers: {{memory: {text}}}").containers.memory == size


PEM_START = "'-----BEGIN CERTIFICATE-----'"
_CA_KEY, _LEAF_KEY = new_key(), new_key()
_START = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORITY = issue(_CA_KEY, "ca", _CA_KEY, "ca", _START, _START + timedelta(days=9999), ca=True).decode()
LEAF = certify(_LEAF_KEY, "docker.io/foo/web").decode()


def indented(text: str, columns: int) -> str:
    return "".join(f"{' ' * columns}{line}\n" for line in text.splitlines())


WRONG_SHAPE = [
    ("[]", 1, "the policy: expected a mapping, got a list"),
    ("policy", 1, "the policy: expected a mapping, got text"),
    ("images: []", 1, "version is missing in the policy"),
    ("version: 2", 1, "version: 2 is not known; known: 1"),
    ("version: '1'", 1, "version: expected a whole number, got text"),
    ("version: true", 1, "version: expected a whole number"),
    ("version: 1\nimage: []", 2, "unknown key 'image' in the policy; known: version, roots, images, containers, exceptions, mode"),
    (V + "images: {}", 2, "images: expected a list, got a mapping"),
    (V + "images:", 2, "images: expected a list, got nothing"),
    (V + "images:\n  - mtch: a.b/**", 3, "unknown key 'mtch' in images; known: match, trust, unsigned, isolation, profile, scan"),
    (V + "images:\n  - trust: {}", 3, "match is missing in images"),
    (V + "images:\n  - '**'", 3, "images: expected a mapping, got text"),
    (V + "images:\n  - match: 1", 3, "match: expected text, got a whole number"),
    (IMAGE + "    trust:", 4, "trust: expected a mapping, got nothing"),
    (IMAGE + "    trust: pinned", 4, "trust: expected a mapping, got text"),
    (IMAGE + "    trust:\n      singers: {}", 5, "unknown key 'singers' in trust; known: root, root_keys, certificates, ca, first_use, server, format, signers"),
    (IMAGE + "    trust: {first_use: yes}", 4, "first_use: 'yes' is not known; known: accept"),
    (IMAGE + "    trust: {ca: cert.pem}", 4, "ca: expected certificates in PEM"),
    (IMAGE + "    trust: {certificates: []}", 4, "certificates: expected a list of length >= 1"),
    (IMAGE + "    trust: {certificates: [x]}", 4, "certificates: expected a certificate in PEM"),
    (IMAGE + "    trust: {first_use: accept, format: v1}", 4, "format: 'v1' is not known; known: notary-v1, tuf"),
    (IMAGE + "    trust: {first_use: accept, server: x}", 4, "server: expected a url: https://HOST[:PORT]"),
    (IMAGE + "    trust:\n      signers: [alice]", 5, "signers: expected a mapping, got a list"),
    (IMAGE + "    trust: {signers: {any_of: []}}", 4, "any_of: expected a list of length >= 1"),
    (IMAGE + "    trust: {signers: {threshold: 1}}", 4, "any_of is missing in signers"),
    (IMAGE + "    trust: {signers: {any_of: [a], threshold: 0}}", 4, "threshold: expected a whole number >= 1"),
    (IMAGE + "    unsigned: yes", 4, "unsigned: 'yes' is not known; known: allow"),
    (IMAGE + "    unsigned: true", 4, "unsigned: expected text, got true or false"),
    (IMAGE + "    profile: maybe", 4, "profile: 'maybe' is not known; known: ignore, optional, required"),
    (IMAGE + "    isolation: none", 4, "isolation: 'none' is not known; known: baseline, privileged, restricted"),
    (V + "roots: []", 2, "roots: expected a mapping, got a list"),
    (V + f"roots:\n  a: [{KEY}]\n  b: 1", 4, "b: expected a mapping or a list, got a whole number"),
    (V + f"roots:\n  a: [{KEY}]\n  b: []", 4, "b: expected a list of length >= 1"),
    (V + f"roots:\n  a: [{KEY}]\n  b:\n    key: []", 5, "unknown key 'key' in b; known: keys, threshold"),
    (V + f"roots:\n  a: [{KEY}]\n  b:\n    keys:\n      - {KEY}\n      - 1", 7, "keys: expected text, got a whole number"),
    (V + "containers: restricted", 2, "containers: expected a mapping, got text"),
    (V + "containers:\n  baseline: restricted", 3, "unknown key 'baseline' in containers; known: isolation, pids, memory, allow"),
    (V + "containers: {pids: 0}", 2, "pids: expected a whole number >= 1"),
    (V + "containers: {pids: 4194305}", 2, "pids: expected a whole number <= 4194304"),
    (V + "containers: {memory: lots}", 2, "memory: expected a number with b, k, m or g"),
    (V + "containers: {memory: 2G}", 2, "memory: expected a number with b, k, m or g"),
    (V + f"containers: {{memory: {MEMORY_MIN - 1}}}", 2, "memory: expected a whole number >= 6291456"),
    (V + f"containers: {{memory: {MEMORY_MAX + 1}}}", 2, "memory: expected a whole number <= "),
    (V + "containers: {memory: []}", 2, "memory: expected a whole number or text, got a list"),
    (V + "containers:\n  allow: {rule: bind}", 3, "allow: expected a list, got a mapping"),
    (V + "containers:\n  allow:\n    - rule: binds", 4, "rule: 'binds' is not known"),
    (V + "containers:\n  allow:\n    - {}", 4, "rule is missing in allow"),
    (V + "containers:\n  allow:\n    - rule: bind\n      values: []", 5, "values: expected a list of length >= 1"),
    (V + "containers:\n  allow:\n    - rule: user\n      values: ['1', 0]", 5, "values: expected text, got a whole number"),
    (V + "mode: learn", 2, "mode: 'learn' is not known; known: enforce, warn"),
    (V + "mode:", 2, "mode: expected text, got nothing"),
]  # fmt: skip
# What the schema has no words for, and ``jsonschema`` cannot know.
WRONG_SENSE = [
    (V + "containers: {memory: 1k}", 2, "memory is not within 6m and 1048576g"),
    (V + "containers: {memory: 9999999999999g}", 2, "memory is not within 6m and 1048576g"),
    (IMAGE + "    trust: {signers: {any_of: [a, b], threshold: 3}}", 4, "signers: the threshold 3 is more than the 2 listed"),
    (V + f"roots:\n  a:\n    keys: [{KEY}]\n    threshold: 2", 3, "a: the threshold 2 is more than the 1 listed"),
    (V + "images:\n  - match: a.b/**\n  - match: foo/*", 4, "no image name can fit 'foo/*'"),
    (IMAGE + "    trust:\n      root: org", 5, "roots has no 'org'; known: none"),
    (IMAGE + "    trust:\n      root: ''", 5, "roots has no ''; known: none"),
    (IMAGE + "    trust:\n      root_keys:\n        - x", 6, "'x' is not a key id"),
    (IMAGE + "    trust:\n      root_keys:\n        keys:\n          - x", 7, "'x' is not a key id"),
    (IMAGE + f"    trust:\n      root_keys: [{KEY}]\n      server: http://x", 6, "'http://x' is not a trust server"),
    (IMAGE + f"    trust:\n      root_keys: [{KEY}]\n      server: https://u:p@x", 6, "is not a trust server"),
    (IMAGE + f"    trust:\n      ca: {PEM_START}", 5, "ca holds no certificates of authorities"),
    (IMAGE + f"    trust:\n      certificates:\n        - {PEM_START}", 6, "it is no certificate of a root key"),
    (IMAGE + "    trust:\n      ca: |\n" + indented(LEAF, 8), 5, "ca holds a certificate that is no authority's"),
    (IMAGE + "    trust:\n      certificates:\n" + 2 * ("        - |\n" + indented(LEAF, 10)), 7 + LEAF.count("\n"), "stands twice"),
    (IMAGE + "    trust:\n      signers:\n        any_of: [a,\n          B]", 7, "'B' is not a role name"),
    (IMAGE + "    trust: {signers: {any_of: [targets]}}", 4, "'targets' is a reserved name"),
    (IMAGE + "    trust: {signers: {any_of: [a, a], threshold: 2}}", 4, "a stands twice"),
    (V + f"roots:\n  a: [{KEY},\n    sha256:{KEY}]", 4, "stands twice"),
    (V + "roots:\n  a: [x]", 3, "'x' is not a key id"),
    (V + "containers:\n  allow:\n    - rule: bind\n      match: foo/*", 5, "no image name can fit 'foo/*'"),
    (V + "containers:\n  allow:\n    - rule: bind\n      values: [/a,\n        /*/*/*]", 6, "has more than 2 wildcards"),
]  # fmt: skip
WRONG_TOGETHER = [
    (IMAGE + "    trust: {}\n    unsigned: allow", 3, "images: trust and unsigned exclude each other"),
    (IMAGE + "    profile: required\n    unsigned: allow", 3, "images: profile and unsigned exclude each other"),
    (V + f"roots: {{a: [{KEY}]}}\nimages:\n  - match: '**'\n    trust: {{root: a, root_keys: [{KEY}]}}", 5, "trust: root and root_keys exclude each other"),
    (IMAGE + f"    trust: {{root_keys: [{KEY}], first_use: accept}}", 4, "trust: root_keys and first_use exclude each other"),
    (IMAGE + f"    trust: {{ca: {PEM_START}, certificates: [{PEM_START}]}}", 4, "trust: certificates and ca exclude each other"),
    (IMAGE + f"    trust: {{ca: {PEM_START}, format: tuf}}", 4, "trust: ca and format tuf exclude each other"),
    (IMAGE + f"    trust: {{certificates: [{PEM_START}], format: tuf}}", 4, "trust: certificates and format tuf exclude"),
    (IMAGE + "    trust: {server: https://x}", 4, "trust: server and format need one of root, root_keys, "),
    (IMAGE + "    trust: {format: tuf}", 4, "trust: server and format need one of root, root_keys, "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "why"), [*WRONG_SHAPE, *WRONG_SENSE, *WRONG_TOGETHER])
def test_what_is_refused_and_where(text: str, line: int, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"/etc/pytrust/policy.yaml:{line}: ")
    assert why in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("key", ["x` - at `$.images[3]", "x` - at `$.roots[...]", "x` - at `$.a.b[0]", "`", "\n", ""])
def test_keys_that_look_like_the_words_of_the_decoder(key: str) -> None:
    with pytest.raises(UsageError, match=r"policy\.yaml:[123]: unknown key"):
        parse(f"{V}roots: {{}}\n{json.dumps(key)}: 1")


@pytest.mark.parametrize("text", [V + "builds: {}", IMAGE + "    identities: []"])
def test_what_is_not_supported_yet_is_called_so(text: str) -> None:
    with pytest.raises(UsageError, match=r"policy\.yaml:[24]: \w+ in .* is not supported yet"):
        parse(text)


@pytest.mark.parametrize("isolation", Isolation)
def test_the_starter_is_a_policy(isolation: Isolation) -> None:
    policy = parse(starter(isolation))
    assert [(rule.match, rule.trust) for rule in policy.images] == [("**", Trust())]
    assert (policy.containers.isolation, policy.containers.lifts, policy.mode) == (isolation, (), Mode.ENFORCE)


def test_what_the_starter_proposes_is_a_policy() -> None:
    text = starter(Isolation.RESTRICTED)
    for proposed in ("- match: registry", "  trust:", "  scan:", "- match: localhost", "  unsigned:"):
        text = text.replace(f"  # {proposed}", f"  {proposed}")
    for proposed in ("allow:", "  - {rule: cap", "  - {rule: bind"):
        text = text.replace(f"  # {proposed}", f"  {proposed}")
    head, _, rest = text.partition("# exceptions:\n")
    policy = parse(f"{head}exceptions:\n{rest.replace('#  ', '  ')}")
    assert [rule.match for rule in policy.images] == ["registry.example.com/foo/**", "localhost/dev/**", "**"]
    assert [len(rule.scan.gates) for rule in policy.images if rule.scan] == [2]
    assert [lift.field for lift in policy.containers.lifts] == [Field.CAPABILITY, Field.BIND]
    assert [waiver.ids for waiver in policy.waivers] == [("CVE-2024-1234",)]


def roots_of(trust: str) -> Roots | None:
    roots = f"roots: {{a: {{keys: [{KEY}, {OTHER}], threshold: 2}}}}"
    policy = parse(f"{V}{roots}\n{IMAGE.removeprefix(V)}    trust:\n{trust}")
    assert policy.images[0].trust is not None
    return policy.images[0].trust.roots


FOREIGN = {
    f"      root_keys: [{KEY}]\n      server: https://n.example.com:4443/x\n": Roots(
        keys=(KEY,), server="https://n.example.com:4443/x"
    ),
    "      root: a\n      server: https://n.example.com\n      format: notary-v1\n": Roots(
        keys=tuple(sorted((KEY, OTHER))), threshold=2, server="https://n.example.com", form=Format.NOTARY
    ),
    f"      root_keys: [{KEY}]\n      format: tuf\n": Roots(keys=(KEY,), form=Format.TUF),
    "      first_use: accept\n": Roots(first_use=True),
    "      ca: |\n" + indented(AUTHORITY, 8): Roots(ca=AUTHORITY),
    "      certificates:\n        - |\n" + indented(LEAF, 10): Roots(
        certificates=(certificate_id(LEAF.encode(), "it"),)
    ),
}


@pytest.mark.parametrize("text", FOREIGN)
def test_where_trust_starts_and_at_which_server(text: str) -> None:
    assert roots_of(text) == FOREIGN[text]
    assert fits(f"{IMAGE}    trust:\n{text.replace('root: a', 'root: b')}")


def test_roots_that_no_rule_uses() -> None:
    text = V + f"roots: {{a: [{KEY}],\n  b: [{KEY}]}}\nimages: [{{match: '**', trust: {{root: a}}}}]"
    assert read_document(text, what="policy.yaml").unused_roots == (("b", "policy.yaml:3"),)
    assert read_document(FULL, what="policy.yaml").unused_roots == ()


# -- the schema -----------------------------------------------------------------------------------------------------


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def fits(text: str) -> bool:
    return bool(Draft202012Validator(policy_schema()).is_valid(load(text)))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(policy_schema())
    named = policy_schema()["$defs"]
    assert all(shape["description"].isprintable() for shape in named.values())
    keys = [key for shape in named.values() for key in shape.get("properties", {}).items()]
    bare = [name for name, shape in keys if not {"description", "$ref", "anyOf"} & set(shape)]
    assert bare == []


@pytest.mark.parametrize("text", [FULL, V, *map(starter, Isolation), *(text for text, _, _ in WRONG_SENSE)])
def test_the_schema_takes_what_has_the_right_shape(text: str) -> None:
    assert fits(text)


@pytest.mark.parametrize("text", [text for text, _, _ in (*WRONG_SHAPE, *WRONG_TOGETHER)])
def test_the_schema_refuses_what_the_decoder_refuses(text: str) -> None:
    assert not fits(text)


WORDS = st.sampled_from(
    ["version", "images", "match", "trust", "root", "roots", "root_keys", "keys", "server", "format", "first_use", "ca", "threshold", "signers", "any_of",
     "unsigned", "isolation", "containers", "pids", "memory", "allow", "rule", "values", "mode", "scan", "profile"]
)  # fmt: skip
VALUES = st.sampled_from(
    [1, 2, 0, True, None, "**", "allow", "baseline", "bind", "enforce", "required", KEY, "alice", "6m", ""]
)


@RELAXED
@given(
    st.recursive(
        VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=20
    )
)
def test_whatever_is_written_is_a_policy_of_the_schema_or_an_error(value: object) -> None:
    text = json.dumps({"version": 1, **value} if isinstance(value, dict) else value)
    try:
        policy = parse(text)
    except UsageError as error:
        assert str(error).startswith("/etc/pytrust/policy.yaml:1: ")
        assert "`" not in str(error)
    else:
        assert fits(text)
        assert all(rule.trust is None or rule.trust.threshold >= 1 for rule in policy.images)
