"""``pytrust profile attach`` and ``detach``: a profile becomes part of what is signed about an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.outcome import say_outcome
from pytrust.cli.profile_files import read_profile
from pytrust.cli.profile_host import this_host
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import PROFILES, parse_signer
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import Refused, Unsigned, UsageError
from pytrust.trust.names import Digest, ImageRef

if TYPE_CHECKING:
    from pytrust.policy.profiles.model import Profile

as_option = click.option(
    "--as", "signers", multiple=True, metavar="NAME", help="Sign as NAME (repeatable; default: trust.signer)."
)


@click.command(
    epilog="""\b
examples:
  pytrust profile attach foo/web:v2 web.json
  pytrust profile attach foo/web@sha256:4f5a... web.json --as alice
  pytrust profile attach foo/web:v2 web.json --may alice --may bob --threshold 2"""
)
@click.argument("image")
@click.argument("profile", metavar="PROFILE")
@as_option
@click.option(
    "--may",
    multiple=True,
    metavar="NAME",
    help="Let exactly these sign profiles of IMAGE from now on (repeatable; default: those who may, and --as).",
)
@click.option("--threshold", type=click.IntRange(min=1), metavar="N", help="How many of those must agree.")
@click.pass_obj
def attach(
    workspace: Workspace,
    image: str,
    profile: str,
    signers: tuple[str, ...],
    may: tuple[str, ...],
    threshold: int | None,
) -> int:
    """Sign PROFILE for the content that IMAGE is signed as, in the place of the one it had.

    The first profile of an image name needs its targets key, to say who may sign them. Where more must agree, the
    change is kept as a proposal: see `pytrust approve`.
    """
    ref = ImageRef.parse(image)
    _require_store(workspace)
    who, others = workspace.signers(signers), [parse_signer(name) for name in may]
    data = _checked(read_profile(profile), profile)
    digest = _signed_digest(workspace, ref)
    statement = Statement(digest, data)
    owner = workspace.owner(voice.note)
    with voice.working(f"signing a profile of {ref}"):
        outcome = owner.attach(ref.collection, PROFILES, [statement], who, may=others, threshold=threshold)
    authority, document = outcome.collection.authority(PROFILES), outcome.collection.delegated[PROFILES]
    rule = f"{PROFILES} {authority.threshold} of {len(authority.keys)}" if authority else PROFILES
    by = f"signed by {', '.join(who)} ({rule}), expires {document.expires:%Y-%m-%d}"
    return say_outcome(outcome, f"{ref.at(digest)} has the profile {statement.digest}, {by}")


@click.command(epilog="example: pytrust profile detach foo/web:v2")
@click.argument("image")
@as_option
@click.pass_obj
def detach(workspace: Workspace, image: str, signers: tuple[str, ...]) -> int:
    """Withdraw the profile of IMAGE; by its digest (NAME@sha256:...) also where the tag is no longer signed."""
    ref = ImageRef.parse(image)
    _require_store(workspace)
    digest = ref.digest or _signed_digest(workspace, ref)
    owner = workspace.owner(voice.note)
    with voice.working(f"withdrawing the profile of {ref}"):
        outcome = owner.detach(ref.collection, PROFILES, [digest], workspace.signers(signers))
    return say_outcome(outcome, f"{ref.at(digest)} has no profile any more")


def _require_store(workspace: Workspace) -> None:
    if workspace.store_path is None:
        raise UsageError(
            f"{workspace.settings.url} takes Notary v1 from others, which has no place for profiles",
            hint="run this on the host that holds the store",
        )


def _checked(profile: Profile, place: str) -> bytes:
    """The document to sign; raises ``Refused`` or ``BadContent`` for a profile that does not do what it says."""
    from pytrust.policy.profiles.document import encode_profile
    from pytrust.policy.profiles.lint.check import Setting, Severity, lint
    from pytrust.policy.profiles.sound import require_sound

    require_sound(profile, place)
    errors = [one for one in lint(profile, Setting(this_host())) if one.severity is Severity.ERROR]
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise Refused(
            f"{place} has errors: {errors[0].place}: {errors[0].text}{more}",
            hint=f"see them all, with the way out: pytrust profile lint {place}",
        )
    return encode_profile(profile)


def _signed_digest(workspace: Workspace, ref: ImageRef) -> Digest:
    """What is signed under the name, whatever the registry has there now."""
    with voice.working(f"looking up {ref.collection}"):
        try:
            return workspace.client().verify([ref])[0].digest
        except Unsigned as error:
            raise Unsigned(
                str(error), hint=f"a profile belongs to signed content: pytrust sign {ref.collection}:TAG first"
            ) from error
