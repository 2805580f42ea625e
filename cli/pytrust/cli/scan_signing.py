"""What ``scan add`` and ``scan run`` share: which image is signed, what is known of it already, and the signing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.outcome import say_outcome
from pytrust.trust.collection.model import SCANS, parse_signer
from pytrust.trust.errors import BadContent, Refused, Unsigned, UsageError
from pytrust.trust.names import RoleName

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pytrust.cli.workspace import Workspace
    from pytrust.scanner.binding import Pushed
    from pytrust.scanner.making import Lists
    from pytrust.scanner.scan import Scan
    from pytrust.trust.errors import ExitCode
    from pytrust.trust.http import Deadline
    from pytrust.trust.names import CollectionName, Digest, ImageRef

SCANNER: Final = RoleName("scanner")
"""The key that signs scans where nobody says otherwise."""
PLATFORMS_MAX: Final = 64  # of one index; docker's official images have a dozen


def signing_options(command: Callable[..., int]) -> Callable[..., int]:
    """Who signs, and who may."""
    for option in (
        click.option("--threshold", type=click.IntRange(min=1), metavar="N", help="How many of those must agree."),
        click.option(
            "--may",
            multiple=True,
            metavar="NAME",
            help="Let exactly these sign scans of IMAGE from now on (repeatable; default: those who may, and --as).",
        ),
        click.option(
            "--as", "signers", multiple=True, metavar="NAME", help=f"Sign as NAME (repeatable; default: {SCANNER})."
        ),
        click.option(
            "--kev", metavar="FILE", help="Look findings up in CISA's catalogue of exploited vulnerabilities."
        ),
        click.option("--epss", metavar="FILE", help="Look findings up in FIRST's EPSS list, .csv or .csv.gz."),
    ):
        command = option(command)
    return command


def read_lists(epss: str | None, kev: str | None) -> Lists:
    """The lists in these files."""
    from pytrust.cli.scan_file import read_file
    from pytrust.scanner.feeds import read_epss, read_exploited
    from pytrust.scanner.limits import EPSS_MAX_BYTES, KEV_MAX_BYTES
    from pytrust.scanner.making import Lists

    return Lists(
        epss=read_epss(read_file(epss, EPSS_MAX_BYTES), what=epss) if epss else None,
        exploited=read_exploited(read_file(kev, KEV_MAX_BYTES), what=kev) if kev else None,
    )


def require_store(workspace: Workspace) -> None:
    """Raises ``UsageError`` where trust data comes from a server, which takes no scans."""
    if workspace.store_path is None:
        raise UsageError(
            f"{workspace.settings.url} takes Notary v1 from others, which has no place for scans",
            hint="run this on the host that holds the store",
        )


def speakers(workspace: Workspace, names: tuple[str, ...]) -> list[RoleName]:
    """Who signs; the key ``scanner`` is made where it is to sign first."""
    if names:
        return [parse_signer(name) for name in dict.fromkeys(names)]
    if SCANNER not in {entry.name for entry in workspace.keyring.entries()}:
        from pytrust.trust.keys.private import generate

        voice.note(f"making the key {SCANNER}, which signs scans, and nothing else")
        workspace.keyring.add(SCANNER, generate("ecdsa-p256"), workspace.passphrases.new)
    return [SCANNER]


def signed_platforms(workspace: Workspace, ref: ImageRef) -> list[Pushed]:
    """What is signed under the name, platform by platform, as the registry holds it by these digests.

    Raises:
        Unsigned: nothing is.
        PytrustError: the registry does not have it, or cannot be asked.
    """
    from pytrust.trust.client.trusted import verify
    from pytrust.trust.http import Deadline
    from pytrust.trust.limits import DEADLINE

    deadline = Deadline(DEADLINE)
    try:
        found = verify(workspace.client().open(ref.collection), ref)
    except Unsigned as error:
        hint = f"a scan belongs to signed content: pytrust sign {ref.collection}:TAG first"
        raise Unsigned(str(error), hint=hint) from error
    return _pushed(workspace, ref.at(found.digest), deadline)


def _pushed(workspace: Workspace, ref: ImageRef, deadline: Deadline) -> list[Pushed]:
    from dataclasses import replace

    bare, registry = replace(ref, tag=None), workspace.registry
    top = registry.resolve(bare, deadline)
    if not top.platforms:
        return [_one(workspace, bare, None, deadline)]
    children = [child.digest for child in top.platforms if child.os != "unknown"]
    if len(children) > PLATFORMS_MAX:
        raise Refused(f"{ref} has {len(children)} platforms, of {PLATFORMS_MAX} that are looked at")
    return [_one(workspace, replace(bare, digest=child), top.digest, deadline) for child in dict.fromkeys(children)]


def _one(workspace: Workspace, ref: ImageRef, index: Digest | None, deadline: Deadline) -> Pushed:
    from pytrust.scanner.binding import Pushed

    manifest = workspace.registry.resolve(ref, deadline)
    said = workspace.registry.configuration(ref, manifest, deadline)
    return Pushed(ref.collection, manifest.digest, said.digest, said.layers, said.platform, index)


def earlier_scans(workspace: Workspace, name: CollectionName) -> list[Scan]:
    """Every scan that is signed under the name, also after its time: else who waits that long could begin anew.

    Raises:
        BadContent: one of them cannot be read.
    """
    from pytrust.scanner.statement import decode_scan

    scans: list[Scan] = []
    for digest, one in workspace.owner(voice.note).said(name, SCANS).items():
        try:
            scans.append(decode_scan(one.content, f"the signed scan of {name}@{digest}"))
        except BadContent as error:
            raise BadContent(str(error), hint=f"withdraw it: pytrust scan remove {name}@{digest}") from error
    return scans


def require_newer(scan: Scan, earlier: Sequence[Scan]) -> None:
    """Raises ``Refused`` where a later scan of the same image is signed."""
    for other in earlier:
        if other.subject.digest == scan.subject.digest and other.scanned_at > scan.scanned_at:
            raise Refused(
                f"a later scan of {scan.subject.digest} is signed, of {other.scanned_at:%Y-%m-%d %H:%M} UTC",
                hint=f"scan again; or withdraw that one: pytrust scan remove {scan.subject.name}@{scan.subject.digest}",
            )


def sign_scans(
    workspace: Workspace,
    name: CollectionName,
    scans: Sequence[Scan],
    who: Sequence[RoleName],
    may: tuple[str, ...],
    threshold: int | None,
) -> ExitCode:
    """One publish for all scans of an image name."""
    from pytrust.scanner.statement import encode_scan
    from pytrust.trust.collection.statement import Statement

    statements = [Statement(scan.subject.digest, encode_scan(scan)) for scan in scans]
    pairs = zip(scans, statements, strict=True)
    owner, others = workspace.owner(voice.note), [parse_signer(one) for one in may]
    with voice.working(f"signing {voice.plural(len(scans), 'scan')} of {name}"):
        outcome = owner.attach(name, SCANS, statements, who, may=others, threshold=threshold)
    authority, document = outcome.collection.authority(SCANS), outcome.collection.delegated[SCANS]
    rule = f"{SCANS} {authority.threshold} of {len(authority.keys)}" if authority else SCANS
    by = f"signed by {', '.join(who)} ({rule}), expires {document.expires:%Y-%m-%d %H:%M} UTC"
    lines = ((f"{_told(scan)}, {by}", _aged(scan, len(one.content), workspace.now())) for scan, one in pairs)
    return say_outcome(outcome, *chain.from_iterable(lines))


def _aged(scan: Scan, size: int, now: datetime) -> str:
    from pytrust.scanner.spans import moment_ago

    scanned, database = moment_ago(scan.scanned_at, now), moment_ago(scan.database.updated_at, now)
    return f"  scanned: {scanned}; database: {database}; {size} bytes"


def _told(scan: Scan) -> str:
    counts = ", ".join(f"{count} {severity.word}" for severity, count in scan.counts().items() if count)
    subject = scan.subject
    return f"{subject.name}@{subject.digest} ({subject.platform}): {counts or 'nothing found'}"
