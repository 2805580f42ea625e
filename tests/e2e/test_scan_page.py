"""Pages in a real browser: they filter, and nothing that was in a report runs, loads or shows what it should not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.rig import browser as browsers
from tests.rig.browser import Browser
from tests.rig.needs import need
from tests.unit.scanner.formats.sheets import HOSTILE, OPENSSL, SHEET, hostile

from pytrust.scanner.formats.form import Form, render
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Sheet

ROWS = "return Array.from(document.querySelectorAll('tbody tr')).filter((row) => !row.hidden)"
SHOWN = f"{ROWS}.map((row) => row.cells[2].textContent)"


class Site:
    """Serves one page, and remembers what else was asked for."""

    def __init__(self) -> None:
        self.page, self.asked = b"", list[str]()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                self.send_response(200 if self.path == "/page" else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(site.page)))
                self.end_headers()
                self.wfile.write(site.page)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def show(self, browser: Browser, sheet: Sheet) -> None:
        self.serve(browser, render(sheet, Form.HTML))

    def serve(self, browser: Browser, page: str) -> None:
        self.page = page.encode()
        self.asked.clear()
        browser.log()
        browser.open(f"http://127.0.0.1:{self.server.server_port}/page")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    need(browsers.missing())
    with browsers.browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.server.shutdown()
    found.server.server_close()


def choose(browser: Browser, name: str, value: str) -> None:
    browser.run(
        "const s = document.querySelector(`select[name=${arguments[0]}]`); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change'))",
        name,
        value,
    )


def quiet(browser: Browser, site: Site) -> None:
    """No complaint of the browser, nothing asked of anybody."""
    assert [entry for entry in browser.log() if "favicon" not in str(entry)] == []
    assert set(site.asked) <= {"/page", "/favicon.ico"}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_of_a_report_runs(browser: Browser, site: Site, text: str) -> None:
    site.show(browser, hostile(text))
    assert not browser.dialog()
    assert browser.run("return window.hacked === undefined")
    assert browser.run("return document.scripts.length") == 1
    assert browser.run("return document.images.length") == 0
    addresses = browser.run("return Array.from(document.links).map((link) => link.protocol)")
    assert set(addresses) <= {"https:"}
    assert browser.run(f"{ROWS}.length") == len(hostile(text).lines)
    quiet(browser, site)


def test_what_would_run_is_refused_by_the_page_itself(browser: Browser, site: Site) -> None:
    """The policy in its head holds, even if something were let into it."""
    site.show(browser, SHEET)
    browser.run(
        "const one = document.createElement('script'); one.textContent = 'window.hacked = 1'; document.body.append(one);"
        "const two = document.createElement('img'); two.src = '/evil.png'; document.body.append(two);"
        "document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.hacked = 1\" id=p></p>');"
        "document.querySelector('#p').click();"
    )
    assert browser.run("return window.hacked === undefined")
    assert "/evil.png" not in site.asked
    assert any("Content Security Policy" in entry["message"] for entry in browser.log())


def test_a_page_is_searched_filtered_and_sorted(browser: Browser, site: Site) -> None:
    lines = tuple(
        replace(OPENSSL, id=f"CVE-2026-{number:04}", subject=f"p{number % 3}", severity=Severity(number % 5))
        for number in range(30)
    )
    site.show(browser, replace(SHEET, lines=lines))
    assert len(browser.run(SHOWN)) == 30
    browser.run("const s = document.querySelector('#search'); s.value = 'P1 0004'; s.dispatchEvent(new Event('input'))")
    assert browser.run(SHOWN) == ["CVE-2026-0004"]
    assert browser.run("return document.querySelector('#count').textContent") == "1 of 30 shown"
    browser.run("const s = document.querySelector('#search'); s.value = ''; s.dispatchEvent(new Event('input'))")
    choose(browser, "severity", "critical")
    assert browser.run(SHOWN) == [f"CVE-2026-{number:04}" for number in range(30) if number % 5 == 4]
    browser.run("document.querySelectorAll('th button')[2].click(); document.querySelectorAll('th button')[2].click()")
    assert browser.run(SHOWN) == [f"CVE-2026-{number:04}" for number in reversed(range(30)) if number % 5 == 4]
    quiet(browser, site)


def test_a_page_is_sorted_by_how_severe_things_are(browser: Browser, site: Site) -> None:
    words = ("high", "unknown", "critical", "low", "medium")
    lines = tuple(replace(OPENSSL, severity=Severity[word.upper()]) for word in words)
    site.show(browser, replace(SHEET, lines=lines))
    severities = f"{ROWS}.map((row) => row.cells[0].textContent)"
    browser.run("document.querySelector('th button').click()")
    assert browser.run(severities) == ["unknown", "low", "medium", "high", "critical"]
    assert browser.run("return document.querySelector('th').getAttribute('aria-sort')") == "ascending"
    browser.run("document.querySelector('th button').click()")
    assert browser.run(severities) == ["critical", "high", "medium", "low", "unknown"]
    quiet(browser, site)


def test_a_page_of_checks_is_filtered_by_verdict_and_section(browser: Browser, site: Site) -> None:
    """Without severities and versions there are no columns of theirs, and the rest works."""
    lines = tuple(Line(id=f"5.{n}", mark=Mark.FAIL if n % 2 else Mark.PASS, kind=f"k{n % 3}") for n in range(12))
    site.show(browser, replace(SHEET, lines=lines))
    heads = browser.run("return Array.from(document.querySelectorAll('th')).map((head) => head.textContent)")
    assert heads == ["verdict", "id", "subject", "what and why"]
    choose(browser, "mark", "fail")
    choose(browser, "kind", "k1")
    ids = f"{ROWS}.map((row) => row.cells[1].textContent)"
    assert browser.run(ids) == ["5.1", "5.7"]
    assert browser.run("return document.querySelector('select[name=severity]')") is None
    quiet(browser, site)


def test_an_id_leads_to_its_advisory_and_to_nothing_else(browser: Browser, site: Site) -> None:
    links = ("javascript:window.hacked=1", "data:text/html,x", "\\\\server\\share", "https://avd.example/one")
    site.show(browser, replace(SHEET, lines=(replace(OPENSSL, links=links[:3]), replace(OPENSSL, links=links[1:]))))
    found = browser.run("return Array.from(document.links).map((link) => [link.textContent, link.href])")
    assert found == [[OPENSSL.id, "https://avd.example/one"]]
    assert "javascript:window.hacked=1" in browser.run("return document.body.textContent")
    quiet(browser, site)


def test_without_a_script_everything_is_there(browser: Browser, site: Site) -> None:
    """A page whose script is gone shows all lines, and no fields that do nothing."""
    whole = render(SHEET, Form.HTML)
    start, end = whole.index("<script>"), whole.index("</script>")
    site.serve(browser, whole[:start] + whole[end:])
    assert browser.run(f"{ROWS}.length") == len(SHEET.lines)
    assert browser.run("return getComputedStyle(document.querySelector('.filters')).display") == "none"
    quiet(browser, site)


def test_a_large_page_is_shown(browser: Browser, site: Site) -> None:
    site.show(browser, replace(SHEET, lines=tuple(replace(OPENSSL, id=f"CVE-{number}") for number in range(2000))))
    assert browser.run(f"{ROWS}.length") == 2000
    assert browser.picture().startswith(b"\x89PNG")
    quiet(browser, site)
