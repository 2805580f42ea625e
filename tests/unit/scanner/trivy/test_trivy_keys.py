"""A report has one reading: a key that stands twice, or that Go would take for another, is refused wherever it counts.

The oracle knows nothing of how pytrust looks: it is Python's own ``json``, which hands out all members of all objects,
and a table of the objects that are read with the keys that are read of them, by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vectors.trivy import make

from pytrust.scanner import BadReport, read_model, read_reports

# What is read of each object. The path says which object it is; ``*`` is any index or any name.
VULNERABILITY = (
    "VulnerabilityID PkgName InstalledVersion FixedVersion Status Severity SeveritySource VendorSeverity CVSS "
    "PkgIdentifier PkgPath PublishedDate Title Description PrimaryURL References"
)
RESULT = (
    "Target Class Type Vulnerabilities MisconfSummary Misconfigurations Secrets Licenses ExperimentalModifiedFindings"
)
READ = {
    "": "SchemaVersion Trivy ReportID CreatedAt ArtifactName ArtifactType Metadata Results",
    "Metadata": "OS ImageID DiffIDs RepoTags RepoDigests ImageConfig",
    "Metadata OS": "Family Name EOSL Eosl",
    "Metadata ImageConfig": "architecture os variant",
    "Trivy": "Version Server",
    "Trivy Server": "VulnerabilityDB",
    "Trivy Server VulnerabilityDB": "Version UpdatedAt",
    "Results *": RESULT,
    "Results * MisconfSummary": "Failures",
    "Results * Vulnerabilities *": VULNERABILITY,
    "Results * Vulnerabilities * PkgIdentifier": "PURL",
    "Results * Vulnerabilities * CVSS": "",
    "Results * Vulnerabilities * CVSS *": "V2Score V3Score V40Score",
    "Results * Misconfigurations *": (
        "ID AVDID Severity Status Title Description Message Resolution PrimaryURL References"
    ),
    "Results * Secrets *": "RuleID Category Severity Title StartLine",
    "Results * Licenses *": "Name Category Severity PkgName FilePath Link",
    "Results * ExperimentalModifiedFindings *": "Type Status Statement Source Finding",
    "Results * ExperimentalModifiedFindings * Finding": VULNERABILITY,
    "Results * ExperimentalModifiedFindings * Finding PkgIdentifier": "PURL",
    "Results * ExperimentalModifiedFindings * Finding CVSS": "",
    "Results * ExperimentalModifiedFindings * Finding CVSS *": "V2Score V3Score V40Score",
}
CLUSTER = {
    "": "SchemaVersion ClusterName Resources Findings Vulnerabilities Misconfigurations",
    "Resources *": "Namespace Kind Name Metadata Results Error",
    "Resources * Metadata *": READ["Metadata"],
    "Resources * Metadata * OS": READ["Metadata OS"],
    **{f"Resources * {path}": names for path, names in READ.items() if path.startswith("Results")},
}


class Members(list[tuple[str, Any]]):
    """An object with all its members."""


def parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=Members)


def objects(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Members]]:
    """All objects with their paths."""
    if isinstance(value, Members):
        yield path, value
        for name, member in value:
            yield from objects(member, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from objects(item, (*path, "*"))


def known(path: tuple[str, ...], table: dict[str, str]) -> set[str] | None:
    """The keys that are read of the object at ``path``; None where it is not read."""
    for pattern, names in table.items():
        parts = pattern.split()
        if len(parts) == len(path) and all(part in {"*", name} for part, name in zip(parts, path, strict=True)):
            return set(names.split())
    return None


def has_one_reading(document: Any, table: dict[str, str]) -> bool:
    """By the book."""
    for path, members in objects(document):
        if (read := known(path, table)) is not None:
            names = [name for name, _ in members]
            folded = [name.casefold() for name in names if name.casefold() in {key.casefold() for key in read}]
            wrong = [name for name in names if name not in read and name.casefold() in {key.casefold() for key in read}]
            if len(set(names)) != len(names) or len(set(folded)) != len(folded) or wrong:
                return False
    return True


def write(value: Any, odd: Random) -> str:
    """JSON, spelled in one of many ways."""
    if isinstance(value, Members):
        space = odd.choice(["", " ", "\n\t"])
        members = (f"{space}{key(name, odd)}{space}:{space}{write(member, odd)}" for name, member in value)
        return "{" + f"{space},".join(members) + space + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(item, odd) for item in value) + "]"
    return json.dumps(value)


def key(name: str, odd: Random) -> str:
    """A key, now and then with an escape that nobody needs."""
    if not name.isascii() or odd.randrange(10):
        return json.dumps(name)
    return '"' + "".join(f"\\u{ord(char):04x}" if odd.randrange(2) else char for char in name) + '"'


DOCUMENTS = {
    **{name: make.objects()[name] for name in ("0.30-object", "0.40-object", "0.55-object", "0.74-object")},
    "thrice": make.report([make.os_result(*[make.vulnerability(**make.AT_0_74)] * 3)]),
    "k8s": {**(cluster := make.clusters()["k8s-resources"]), "Resources": cluster["Resources"][:2]},
}


def mutated(name: str, seed: int) -> tuple[str, dict[str, str]]:
    """A document to which a member or two were added, and the table that it is read by."""
    table, document, odd = CLUSTER if name.startswith("k8s") else READ, parse(json.dumps(DOCUMENTS[name])), Random(seed)
    for _ in range(odd.randrange(3)):
        path, members = odd.choice(list(objects(document)))
        names = [member for member, _ in members] + sorted(known(path, table) or ())
        if names:
            found = odd.choice(names)
            spelled = odd.choice([found, found.lower(), found.upper(), found.swapcase(), f"new{found}"])
            members.insert(odd.randrange(len(members) + 1), (spelled, dict(members).get(found)))
    return write(document, odd), table


SEEDS = st.integers(0, 2**32)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
@settings(max_examples=200)
@given(seed=SEEDS)
def test_a_report_is_read_where_it_has_one_reading(name: str, seed: int) -> None:
    text, table = mutated(name, seed)
    one = has_one_reading(parse(text), table)
    for details in (False, True):
        try:
            read_reports(text.encode(), details=details)
        except BadReport as error:
            assert not one, error
            assert "stands twice" in str(error) or "spelled unlike" in str(error)
        else:
            assert one


@pytest.mark.parametrize("name", sorted(set(DOCUMENTS) - {"k8s"}))
@settings(max_examples=100)
@given(seed=SEEDS)
def test_the_model_has_one_reading_too(name: str, seed: int) -> None:
    text, table = mutated(name, seed)
    table = {path: names for path, names in table.items() if path != "Metadata ImageConfig"}  # stays text there
    if not has_one_reading(parse(text), table):
        with pytest.raises(BadReport):
            read_model(text.encode())


def twice(old: str, new: str) -> bytes:
    text = make.encode(make.objects()["0.74-object"])
    assert old in text
    return text.replace(old, new, 1).encode()


CASES = [
    ('"Results": [', '"Results": [], "Results": [', "the key 'Results' stands twice"),
    ('"Severity": "HIGH"', '"Severity": "HIGH", "Severity": "LOW"', "the key 'Severity' stands twice"),
    ('"Severity": "HIGH"', '"Severity": "HIGH", "\\u0053everity" : "LOW"', "the key 'Severity' stands twice"),
    ('"Severity": "HIGH"', '"Severity": "HIGH", "severity": "LOW"', "the key 'severity' stands twice"),
    ('"Severity": "HIGH"', '"severity": "LOW"', "the key 'severity' is spelled unlike Trivy does"),
    ('"Severity": "HIGH"', '"SEVERITY": "LOW"', "the key 'SEVERITY' is spelled unlike Trivy does"),
    ('"Severity": "HIGH"', '"\u017feverity": "LOW"', "the key '\\u017feverity' is spelled unlike Trivy does"),
    ('"FixedVersion"', '"Foo": 1, "Foo": 2, "FixedVersion"', "the key 'Foo' stands twice"),
    ('"V3Score": 7.5', '"V3Score": 7.5, "V3Score": 1', "the key 'V3Score' stands twice"),
    ('"V3Score": 7.5', '"v3score": 1', "the key 'v3score' is spelled unlike Trivy does"),
    ('"nvd": {', '"nvd": {}, "nvd": {', "the key 'nvd' stands twice"),
    ('"PURL": ', '"PURL": "", "PURL" :', "the key 'PURL' stands twice"),
    ('"PURL": ', '"PURL": "a,b", "\\u0050URL":', "the key 'PURL' stands twice"),
    ('"EOSL": true', '"EOSL": true, "Eosl": false', "the key 'Eosl' stands twice"),
    ('"ImageID": ', '"ImageID": "", "ImageID": ', "the key 'ImageID' stands twice"),
    ('"architecture": ', '"Architecture": "", "architecture": ', "the key 'Architecture' is spelled"),
    ('"CreatedAt": ', '"CreatedAt": "", "CreatedAt": ', "the key 'CreatedAt' stands twice"),
    ('"SchemaVersion": 2', '"SchemaVersion": 2, "SchemaVersion": 2', "the key 'SchemaVersion' stands twice"),
    ('"SchemaVersion": 2', '"schemaVersion": 2', "the key 'schemaVersion' is spelled unlike Trivy does"),
    ('"UpdatedAt": ', '"UpdatedAt": null, "UpdatedAt": ', "the key 'UpdatedAt' stands twice"),
]


@pytest.mark.parametrize(("old", "new", "words"), CASES)
def test_more_than_one_reading(old: str, new: str, words: str) -> None:
    readers = (read_reports,) if "architecture" in old else (read_reports, read_model)  # one does not look in there
    for read in readers:
        with pytest.raises(BadReport) as caught:
            read(twice(old, new))
        assert str(caught.value).startswith(f"the report: {words}")
        assert caught.value.hint


LATER = [
    ('"V3Score": 7.5', '"V3Score": 7.5, "\\u00563Score": 1', "the key 'V3Score' stands twice", ".CVSS['nvd']"),
    ('"V3Vector": ""', '"V3Score": 1, "V3Vector": ""', "the key 'V3Score' stands twice", ".CVSS['nvd']"),
    ('"nvd": {', '"nvd": {}, "nvd": {', "the key 'nvd' stands twice", ".CVSS"),
    ('"nvd": {', '"nvd": null, "nvd": {', "the key 'nvd' stands twice", ".CVSS"),
    ('"nvd": {', '"nvd": {"V3Score": 7.5, "V3Vector": ""}, "nvd": {', "the key 'nvd' stands twice", ".CVSS"),
    ('"PURL": ', '"PURL": "", "\\u0050URL" :', "the key 'PURL' stands twice", ".PkgIdentifier"),
    ('"redhat": 2.0', '"redhat": 2.0, "redhat": 0', "the key 'redhat' stands twice", ".VendorSeverity"),
    ('"Status": ', '"Status": "", "Status": ', "the key 'Status' stands twice", ""),
]


@pytest.mark.parametrize(("old", "new", "words", "place"), LATER)
def test_a_later_one_of_a_known_shape(old: str, new: str, words: str, place: str) -> None:
    item = make.encode(make.vulnerability(**{**make.AT_0_74, "Severity": None}))
    assert item.count(old) == 1
    before, _, after = make.encode(make.report([make.os_result({})])).rpartition("{}")
    sound = f"{before}{item},{item},{item}{after}"
    assert len(read_reports(sound.encode())[0].findings) == 3
    with pytest.raises(BadReport) as caught:
        read_reports(f"{before}{item},{item},{item.replace(old, new)}{after}".encode())
    assert str(caught.value) == f"the report: {words} (at $.Results[0].Vulnerabilities[2]{place})"


PASSED = [
    ('"DataSource": {', '"DataSource": {"ID": 1, "ID": 2,'),
    ('"Layer": {', '"Layer": {"Digest": 1, "digest": 2'),
    ('"Custom": {', '"Custom": {"Name": 2,'),
    ('"FixedVersion"', '"Foo": 1, "foo": 2, "FixedVersion"'),
    ('"nvd": {', '"NVD": {}, "nvd": {'),
]


@pytest.mark.parametrize(("old", "new"), PASSED)
def test_what_is_not_read_may_have_several(old: str, new: str) -> None:
    assert read_reports(twice(old, new)) == read_reports(twice(old, old))


def test_vendors_severities_are_read_only_where_there_is_no_other() -> None:
    item = make.vulnerability(VendorSeverity={"nvd": 4})
    text = make.encode(make.report([make.os_result(item)])).replace('"nvd": 4', '"nvd": 4, "nvd": 1')
    assert read_reports(text.encode())
    with pytest.raises(BadReport, match="'nvd' stands twice"):
        read_reports(text.replace('"Severity": "HIGH"', '"Severity": null').encode())


def test_many_shapes() -> None:
    items = [make.vulnerability(**{f"New{number}": 1}) for number in range(3_000)]
    text = make.encode(make.report([make.os_result(*items)]))
    assert len(read_reports(text.encode())[0].findings) == 3_000
    with pytest.raises(BadReport, match=r"'Severity' stands twice \(at \$.Results\[0\].Vulnerabilities\[2999\]\)"):
        read_reports(text.replace('"New2999"', '"Severity": "LOW", "New2999"').encode())
