"""What people read about a finding: by kind and id, and of several with one id the first that says something."""

from __future__ import annotations

from typing import assert_never

from pytrust.scanner.report import Detail
from pytrust.scanner.trivy import shapes

AtLength = (
    shapes.VulnerabilityAtLength | shapes.MisconfigurationAtLength | shapes.SecretAtLength | shapes.LicenseAtLength
)


def detail(item: AtLength) -> Detail:
    """Texts are as the report has them."""
    match item:
        case shapes.VulnerabilityAtLength():
            return Detail(title=item.title or "", text=item.description or "", links=_links(item))
        case shapes.MisconfigurationAtLength():
            text = "\n\n".join(filter(None, (item.message, item.description)))
            return Detail(title=item.title or "", text=text, links=_links(item), hint=item.resolution or "")
        case shapes.SecretAtLength():
            line = f"line {item.start_line:.0f}" if item.start_line else ""
            return Detail(title=item.title or "", text=line, hint="take it out of the image, and make a new one")
        case shapes.LicenseAtLength():
            return Detail(links=(item.link,) if item.link else ())
        case _:
            assert_never(item)


def _links(item: shapes.VulnerabilityAtLength | shapes.MisconfigurationAtLength) -> tuple[str, ...]:
    """The first is the page about it; each once."""
    return tuple(dict.fromkeys(filter(None, (item.primary_url, *(item.references or ())))))
