"""Which forms there are, and a sheet in one of them."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from pytrust.scanner.sheet import Sheet


class Form(StrEnum):
    """By the words of ``--format``."""

    TABLE = "table"
    MARKDOWN = "markdown"
    HTML = "html"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"
    JSON = "json"


def render(  # noqa: PLR0911 - one for each form
    sheet: Sheet, form: Form, *, width: int | None = None, color: bool = False
) -> str:
    """The sheet as text that ends with a newline; each form is imported when it is asked for.

    Args:
        sheet: texts in it may be hostile: each form escapes them for itself.
        form: which.
        width: columns of the terminal, for a table; None does not wrap.
        color: of a table, by escape sequences.
    """
    match form:
        case Form.TABLE:
            from pytrust.scanner.formats.table import table

            return table(sheet, width=width, color=color)
        case Form.MARKDOWN:
            from pytrust.scanner.formats.markdown import markdown

            return markdown(sheet)
        case Form.HTML:
            from pytrust.scanner.formats.page import page

            return page(sheet)
        case Form.SARIF:
            from pytrust.scanner.formats.sarif import sarif

            return sarif(sheet)
        case Form.JUNIT:
            from pytrust.scanner.formats.junit import junit

            return junit(sheet)
        case Form.GITHUB:
            from pytrust.scanner.formats.github import github

            return github(sheet)
        case Form.JSON:
            from pytrust.scanner.formats.document import document

            return document(sheet)
        case _:
            assert_never(form)
