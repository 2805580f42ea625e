"""A view as one page, for people. Pure.

The page loads nothing, from here or elsewhere, and runs nothing: its style is inside, and the policy that it carries
allows that style by its hash alone. All that comes from the profile is escaped, and control characters are replaced.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from hashlib import sha256
from html import escape
from typing import Final

from pytrust.policy.profiles.view.look import Figures, Line, Section, View
from pytrust.policy.profiles.view.page_style import STYLE

_HASH: Final = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_DOCKER: Final = "docker's default"
_BAR: Final = 1000  # units of its width


def page(view: View) -> str:
    """The whole document."""
    title = f"profile {_text(view.name)}" if view.name else "profile"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f'<style>{STYLE}</style></head><body><main><header><p class="kind">least-privilege profile</p>'
        f"<h1>{_text(view.name) or 'without a name'}</h1></header>"
        f"{_figures(view.figures, len(view.dangerous))}{_facts(view)}{_dangers(view.dangerous)}"
        f"<h2>what is open</h2>{''.join(map(_section, view.calls))}"
        f"{_part('capabilities', view.capabilities, _line, 'none: the container has no capability')}"
        f"{_part('files', view.files, _file, '')}{_part('sockets, for AppArmor', view.networks, _file, '')}"
        f"{_part('what is refused, and how', view.rest, _refused, '')}{_recordings(view)}</main></body></html>\n"
    )


def _figures(figures: Figures, dangerous: int) -> str:
    more = f"; the runtime needs {figures.floor} more, which are joined when it is applied" if figures.floor else ""
    return (
        '<section class="figures">'
        f"{_figure(figures.open, 'calls are open', 'good')}{_figure(figures.shut, f'of {_DOCKER} are shut', '')}"
        f"{_figure(dangerous, 'dangerous ones are open', 'bad' if dangerous else 'good')}</section>"
        f'{_bar(figures)}<p class="note">{_DOCKER} opens {figures.docker} of {figures.every} calls{more}</p>'
    )


def _figure(number: int, words: str, kind: str) -> str:
    return f'<p class="figure {kind}"><strong>{number}</strong> {words}</p>'


def _bar(figures: Figures) -> str:
    """All calls as one bar, with Docker's share and this profile's in it."""
    docker, own = (_BAR * part // max(figures.every, 1) for part in (figures.docker, figures.open))
    label = f"{figures.open} of {figures.every} calls are open, {figures.docker} under {_DOCKER}"
    return (
        f'<svg class="bar" viewBox="0 0 {_BAR} 24" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<rect class="every" width="{_BAR}" height="24"/><rect class="docker" width="{docker}" height="24"/>'
        f'<rect class="own" width="{own}" height="24"/></svg><ul class="key"><li class="own">open here</li>'
        f'<li class="docker">open under {_DOCKER}</li><li class="every">all calls</li></ul>'
    )


def _facts(view: View) -> str:
    pairs = "".join(f"<div><dt>{_text(word)}</dt><dd>{_text(value)}</dd></div>" for word, value in view.facts)
    return f"<dl>{pairs}</dl>"


def _dangers(lines: tuple[Line, ...]) -> str:
    if not lines:
        return ""
    return f'<section class="dangers"><h2>dangerous, and open</h2><ul>{"".join(map(_danger, lines))}</ul></section>'


def _section(section: Section) -> str:
    body = "".join(map(_line, section.lines))
    return (
        f"<details open><summary>{_text(section.title)} <span>{len(section.lines)}</span></summary>"
        f"<ul>{body}</ul></details>"
    )


def _line(line: Line) -> str:
    danger = ' <span class="danger">dangerous</span>' if line.danger else ""
    beyond = f' <span class="beyond">beyond {_DOCKER}</span>' if line.beyond else ""
    return f'<li><p>{_named(line)}{danger}{beyond}</p><p class="why">{_text(line.why)}</p></li>'


def _danger(line: Line) -> str:
    return (
        f'<li><p>{_named(line)}</p><p class="danger">{_text(line.danger)}</p><p class="why">{_text(line.why)}</p></li>'
    )


def _named(line: Line) -> str:
    limit = f' <span class="limit">{_text(line.limit)}</span>' if line.limit else ""
    return f"<code>{_text(line.name)}</code>{limit}"


def _file(line: Line) -> str:
    why = f'<p class="why">{_text(line.why)}</p>' if line.why else ""
    return f'<li><p><code>{_text(line.name)}</code> <span class="limit">{_text(line.limit)}</span></p>{why}</li>'


def _refused(line: Line) -> str:
    return f'<li><p>{_text(line.name)} <span class="limit">{_text(line.limit)}</span></p></li>'


def _part(title: str, lines: Iterable[Line], spell: Callable[[Line], str], empty: str) -> str:
    """A folded list; nothing where there is nothing to say of an empty one."""
    found = [spell(line) for line in lines]
    if not found:
        return f'<h2>{title}</h2><p class="note">{empty}</p>' if empty else ""
    return (
        f"<h2>{title}</h2><details><summary>all <span>{len(found)}</span></summary><ul>{''.join(found)}</ul></details>"
    )


def _recordings(view: View) -> str:
    if not view.recordings:
        return ""
    rows = "".join(
        f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in recording)}</tr>" for recording in view.recordings
    )
    head = "".join(f'<th scope="col">{word}</th>' for word in ("method", "seen", "workload", "image", "where"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<h2>recorded by</h2><div class="wide">{table}</div>'


def _text(text: str) -> str:
    """Escaped, and nothing in it that a terminal or a reader would obey: also no change of direction."""
    return escape("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text))
