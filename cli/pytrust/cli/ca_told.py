"""What is said of a certificate that was just issued: until when, where, and what its holder types next."""

from __future__ import annotations

from pathlib import Path

from pytrust.cli import ca_next, voice
from pytrust.cli.ca_words import alternative_names
from pytrust.cli.engine_setup import TLS_PORT
from pytrust.cli.workspace import Workspace
from pytrust.trust.pki.model import Issued, moment_text


def tell_server(workspace: Workspace, issued: Issued) -> Path:
    """Tell of a server's certificate; gives its folder."""
    folder = _tell(workspace, issued)
    voice.say(f"names: {', '.join(alternative_names(issued.certificate))}")
    return folder


def tell_server_next(folder: Path) -> None:
    """How an engine or a proxy takes the folder."""
    voice.note("hint: for this host's engine, if systemd starts it: pytrust engine setup")
    voice.note("hint: for one that is started by hand, or for a proxy, which enforces revocation too, one of:")
    voice.say(ca_next.dockerd_line(folder))
    voice.say(ca_next.proxy_line(folder))


def tell_client(workspace: Workspace, issued: Issued) -> None:
    """Tell of a client's certificate, and how docker takes the folder."""
    from pytrust.policy.engine_setup.contexts import context_command, context_name, engine_url, environment_lines

    folder = str(_tell(workspace, issued))
    engines = _engines(workspace)
    if not engines:
        voice.note("hint: there is no server yet: pytrust ca server")
        return
    url = engine_url(engines[0], TLS_PORT)
    voice.note(f"hint: docker reaches {engines[0]} with a context of its own (the first line), or in this shell:")
    for line in (context_command(url, folder, name=context_name(engines[0])), *environment_lines(url, folder)):
        voice.say(line)
    if len(engines) > 1:
        voice.note(f"hint: the same folder opens {voice.plural(len(engines) - 1, 'other server')}: pytrust ca list")


def _tell(workspace: Workspace, issued: Issued) -> Path:
    voice.say(f"{issued.kind} {issued.holder}, until {moment_text(issued.not_after)}")
    holder = workspace.authority.index.holder(issued.kind, issued.holder)
    assert holder is not None
    assert holder.folder is not None
    voice.say(f"folder: {holder.folder}")
    return holder.folder


def _engines(workspace: Workspace) -> list[str]:
    """The servers that a client could dial, the one that was issued last first."""
    holders = [holder for holder in workspace.authority.index.servers() if holder.issued.live(workspace.now())]
    newest = sorted(holders, key=lambda holder: holder.issued.not_before, reverse=True)
    return [holder.name for holder in newest]
