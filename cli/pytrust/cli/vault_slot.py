"""``pytrust vault slot``: the ways to unlock the vault, each of which is enough alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from pytrust.cli import voice
from pytrust.cli.vault_init import passphrase_slot, tell_key, unlock_key_slot, write_key
from pytrust.cli.vault_passphrase import ask_pin
from pytrust.cli.vault_room import hand_over, seconds_now, unlock_here
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError, Refused, UsageError

if TYPE_CHECKING:
    from pytrust.trust.vault.header import NewSlot, Slot

_LABEL_MAX_CHARS: Final = 64


class _Words(NamedTuple):
    """How a kind of slot is asked for: the least and the most arguments, and what they are."""

    least: int
    most: int
    what: str


_WORDS: Final = {
    "passphrase": _Words(0, 0, ""),
    "unlock-key": _Words(0, 1, "FILE, to write the key to instead of printing it"),
    "file": _Words(1, 1, "FILE, to make with a new key"),
    "age": _Words(1, 64, "RECIPIENT..., such as age1... or an SSH public key"),
    "os-keyring": _Words(0, 0, ""),
    "pkcs11": _Words(1, 1, "URI, such as pkcs11:token=vault;object=unlock?module-path=/usr/lib/softhsm/libsofthsm2.so"),
}
_WRITE_FILES: Final = frozenset({"unlock-key", "file"})


@click.group()
def slot() -> None:
    """Ways to unlock the vault: add, remove. What there is shows pytrust vault status."""


@slot.command(
    epilog="""\b
kinds:
  passphrase   asked for twice; checking it takes about a second
  unlock-key   a random key, shown once, or written to FILE
  file         FILE with such a key, made now, for a host that nobody is at
  age          age and SSH keys: whoever has an identity of one RECIPIENT
  os-keyring   this user's keyring, while he is logged in
  pkcs11       a key in a token, by its URI, and the token's PIN
\b
examples:
  pytrust vault slot add passphrase --label alice
  pytrust vault slot add unlock-key
  pytrust vault slot add file /mnt/usb/vault.key
  pytrust vault slot add age age1ql3z7hjy... "$(cat ~/.ssh/id_ed25519.pub)"
  pytrust vault slot add os-keyring
  pytrust vault slot add pkcs11 "pkcs11:token=vault;object=unlock?module-path=/usr/lib/softhsm/libsofthsm2.so\""""
)
@click.argument("kind", metavar="KIND")
@click.argument("words", nargs=-1, metavar="[FILE|RECIPIENT...|URI]")
@click.option("--label", default="", metavar="TEXT", help="For people: whose it is.")
@click.pass_obj
def add(workspace: Workspace, kind: str, words: tuple[str, ...], label: str) -> int:
    """One more way to unlock the vault, of a KIND. Each is enough alone."""
    _check(kind, words, label)
    vault = unlock_here(workspace)
    made, key = _make(workspace, kind, words, label)
    file = Path(words[0]) if words and kind in _WRITE_FILES else None
    if key and file:
        write_key(key, file)
    try:
        added = vault.add_slot(made, seconds_now(workspace))
    except BaseException:
        if file:
            file.unlink()  # it opens nothing
        raise
    voice.note(f"added slot {added.id} ({kind})")
    if key:
        tell_key(key, file)
    return ExitCode.YES


@slot.command(epilog="example: pytrust vault slot remove 3f9ab210")
@click.argument("identity", metavar="ID")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(workspace: Workspace, identity: str, yes: bool) -> int:
    """One way less, and new keys for everything in the vault: who has the old way opens nothing that comes later.

    What he could open until now he may have copied: rotate such secrets, too. The last way cannot be removed.
    """
    vault = unlock_here(workspace)
    there = _find(vault.header.slots, identity)
    if not yes and not voice.confirm(f"remove slot {there.id} ({_called(there)}) for good?"):
        raise Refused(f"slot {there.id} was kept", hint="answer y, or give --yes")
    with voice.working("making new keys"):
        vault.remove_slot(there.id, seconds_now(workspace))
    hand_over(workspace, vault)
    voice.say(f"removed slot {there.id} ({_called(there)}); the vault has new keys")
    _forget(there)
    return ExitCode.YES


def _check(kind: str, words: Sequence[str], label: str) -> None:
    if kind not in _WORDS:
        raise UsageError(f"{kind[:40]!r} is no kind of slot", hint=f"one of: {', '.join(_WORDS)}")
    least, most, what = _WORDS[kind]
    if not least <= len(words) <= most:
        hint = f"pytrust vault slot add {kind}" + (f" {what}" if what else "")
        raise UsageError(f"a slot of kind {kind} takes {_numbers(least, most)}", hint=hint)
    if len(label) > _LABEL_MAX_CHARS or not (label.isprintable() or not label):
        raise UsageError(f"{label[:60]!r} is no label", hint=f"at most {_LABEL_MAX_CHARS} printable characters")


def _numbers(least: int, most: int) -> str:
    if least == most:
        return "no argument" if not least else voice.plural(least, "argument")
    return f"{least} to {voice.plural(most, 'argument')}"


def _make(workspace: Workspace, kind: str, words: Sequence[str], label: str) -> tuple[NewSlot, str]:
    """The slot, and the unlock key where there is one to be shown."""
    from pytrust.trust.vault.header import NewSlot
    from pytrust.trust.vault.slots import age_slot, key_file, os_keyring, pkcs11

    match kind:
        case "passphrase":
            return passphrase_slot(label), ""
        case "unlock-key":
            key, new = unlock_key_slot(label)
            return new, key
        case key_file.KIND:
            made = key_file.make(Path(words[0]), workspace.home.vault)
        case age_slot.KIND:
            made = age_slot.make(words)
        case os_keyring.KIND:
            made = os_keyring.make()
        case _:
            made = pkcs11.make(words[0], ask_pin())
    return NewSlot(kind, label, made.seed, made.params), ""


def _find(slots: Sequence[Slot], identity: str) -> Slot:
    for there in slots:
        if there.id == identity:
            return there
    raise UsageError(f"the vault has no slot {identity[:20]!r}", hint="see: pytrust vault status")


def _called(there: Slot) -> str:
    return f"{there.kind}, {there.label}" if there.label else there.kind


def _forget(there: Slot) -> None:
    """What the slot kept outside the vault opens nothing any more."""
    from pytrust.trust.vault.slots import key_file, os_keyring

    if there.kind == key_file.KIND:
        voice.note(f"hint: its key file opens nothing any more: rm {there.params.get('path')}")
    if there.kind == os_keyring.KIND:
        try:
            os_keyring.forget(there.params)
        except PytrustError as error:
            voice.note(f"note: its entry in the keyring stays, and opens nothing any more: {error}")
