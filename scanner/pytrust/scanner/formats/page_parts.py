"""The parts of the page that do not change: template, style and script. The latter two are allowed by their hashes."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5a6b7b; --line: #dde4ea; --paper: #fff; --card: #f5f8fa;
  --bad: #b3261e; --badpaper: #fdecea; --warn: #8a5a00; --warnpaper: #fff4dc; --good: #1b7f3b; --link: #0b7285; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eaf0; --soft: #9aabba; --line: #2c3945; --paper: #11181f;
  --card: #18222c; --bad: #ff8a80; --badpaper: #3a1d1b; --warn: #ffca66; --warnpaper: #33290f; --good: #6fd08c;
  --link: #4fc3d9; } }
* { box-sizing: border-box; }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 0; }
main { margin: 0 auto; max-width: 84rem; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1.2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; }
a { color: var(--link); overflow-wrap: anywhere; }
small, .soft, dt, footer { color: var(--soft); font-size: .875rem; }
.outcome { border-radius: .4rem; color: #fff; font-size: 1.1rem; margin-right: .4rem; padding: .2rem .7rem;
  vertical-align: .12em; }
.outcome.fail { background: #b3261e; } .outcome.warn { background: #8a5a00; } .outcome.pass { background: #1b7f3b; }
.figures { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); }
.figure { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: 0;
  padding: .6rem 1rem; }
.figure strong { display: block; font-size: 1.9rem; font-variant-numeric: tabular-nums; line-height: 1.15; }
.figure small { display: block; }
.fail > strong, .mark.fail { color: var(--bad); } .warn > strong, .mark.warn { color: var(--warn); }
.pass > strong, .mark.pass { color: var(--good); }
.mark { font-weight: 600; }
dl { display: grid; font-size: .92rem; gap: .5rem 1.5rem; margin: 1.3rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
dd { margin: 0; overflow-wrap: anywhere; }
.remarks { list-style: none; margin: 1rem 0; padding: 0; }
.remarks li { background: var(--card); border-left: .3rem solid var(--line); border-radius: .3rem; margin: .4rem 0;
  overflow-wrap: anywhere; padding: .45rem .8rem; }
.remarks .is-fail { background: var(--badpaper); border-color: var(--bad); }
.remarks .is-warn { background: var(--warnpaper); border-color: var(--warn); }
.remarks div { color: var(--soft); }
.upgrades { margin: 0; padding-left: 1.2rem; } .upgrades li { overflow-wrap: anywhere; }
.filters { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.8rem 0 .8rem; align-items: center; }
.filters[hidden] { display: none; }
.filters input, .filters select { background: var(--paper); border: 1px solid var(--soft); border-radius: .4rem;
  color: inherit; font: inherit; padding: .35rem .6rem; }
.filters input { flex: 1 1 14rem; min-width: 0; }
.filters output { color: var(--soft); min-width: 5.5rem; text-align: right; }
.table { border: 1px solid var(--line); border-radius: .6rem; margin-top: 1rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { height: 1px; overflow: hidden; position: absolute; width: 1px; }
th { background: var(--card); color: var(--soft); font-size: .875rem; text-align: left; white-space: nowrap; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid; }
th button::after { content: " \\2195"; opacity: .4; }
th[aria-sort="ascending"] button::after { content: " \\2191"; opacity: 1; }
th[aria-sort="descending"] button::after { content: " \\2193"; opacity: 1; }
th, td { border-bottom: 1px solid var(--line); padding: .45rem .7rem; vertical-align: top; }
tr:last-child td { border-bottom: 0; } tbody tr:hover { background: var(--card); }
td { overflow-wrap: anywhere; min-width: 6.5rem; } td:last-child { min-width: 20rem; }
td:nth-child(-n + 3) { min-width: 0; white-space: nowrap; } td small { display: block; }
td:nth-child(3) { font-weight: 600; max-width: 22rem; white-space: normal; min-width: 9.5rem; }
td details { margin-top: .2rem; } summary { color: var(--link); cursor: pointer; font-size: .875rem; }
td b { border-radius: 1rem; color: #fff; font-size: .8rem; font-weight: 600; padding: .1rem .6rem; }
.critical { background: #8c1d18; } .high { background: #c0392b; } .medium { background: #955800; }
.low { background: #3b6ea5; } .unknown { background: #6b5b95; }
footer { margin-top: 1.5rem; }
@media print { .filters { display: none; } .table { border: 0; } }
"""

SCRIPT: Final = """
"use strict";
const body = document.querySelector("tbody"), rows = Array.from(body ? body.rows : []);
const search = document.querySelector("#search"), selects = Array.from(document.querySelectorAll("select"));
const count = document.querySelector("#count"), severities = ["", "unknown", "low", "medium", "high", "critical"];
const known = new Map(rows.map((row) => [row, {
  text: row.textContent.toLowerCase(), kind: row.dataset.kind, mark: row.querySelector(".mark").textContent,
  severity: row.querySelector("b") ? row.querySelector("b").textContent : "",
}]));
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const one = known.get(row);
    const fits = selects.every((select) => !select.value || one[select.name] === select.value);
    row.hidden = !(fits && words.every((word) => one.text.includes(word)));
    shown += row.hidden ? 0 : 1;
  }
  count.textContent = shown + " of " + rows.length + " shown";
}
function sort(head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  const place = Array.from(head.parentNode.children).indexOf(head);
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const bySeverity = head.textContent === "severity";
  const key = (row) => bySeverity ? String(severities.indexOf(known.get(row).severity)) : row.cells[place].textContent;
  const order = new Intl.Collator("en", { numeric: true });
  rows.sort((one, other) => (down ? -1 : 1) * order.compare(key(one), key(other)));
  body.append(...rows);
}
if (search) {
  document.querySelector(".filters").hidden = false;
  search.addEventListener("input", filter);
  for (const one of selects) one.addEventListener("change", filter);
  for (const head of document.querySelectorAll("th")) {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    button.type = "button";
    button.addEventListener("click", () => sort(head));
    head.replaceChildren(button);
  }
  filter();
}
"""

TEMPLATE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ security }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{ outcome }}: {{ sheet.title | shown }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<h1><span class="outcome {{ outcome | lower }}">{{ outcome }}</span> {{ sheet.title | shown }}</h1>
{%- if marks %}
<div class="figures">
{%- for mark, lines in marks.items() %}
<p class="figure {{ mark }}"><strong>{{ lines | length }}</strong>{{ titles[mark] }}
{%- if lines | selectattr("severity") | list %}<small>{{ lines | totals }}</small>{% endif %}</p>
{%- endfor %}
</div>
{%- endif %}
{%- if sheet.remarks %}
<ul class="remarks">
{%- for one in sheet.remarks %}
<li class="is-{{ one.mark }}">{{ one.text | told }}
{%- if one.hint %}<div>{{ one.hint | told }}</div>{% endif %}</li>
{%- endfor %}
</ul>
{%- endif %}
{%- if upgrades %}
<h2>what mends most</h2>
<ul class="upgrades">
{%- for one in upgrades %}
<li>{{ one.text | shown }} <span class="soft">clears {{ one.cleared }} of {{ failed }}</span></li>
{%- endfor %}
</ul>
{%- endif %}
{%- if sheet.facts %}
<dl>
{%- for name, text in sheet.facts %}
<div><dt>{{ name | shown }}</dt><dd>{{ text | told }}</dd></div>
{%- endfor %}
</dl>
{%- endif %}
{%- if lines %}
<div class="filters" hidden>
<input id="search" type="search" placeholder="search" aria-label="search">
<select name="mark" aria-label="verdict"><option value="">any verdict</option>
{%- for mark in marks %}<option value="{{ mark }}">{{ titles[mark] }}</option>{% endfor %}</select>
{%- if severities %}
<select name="severity" aria-label="severity"><option value="">any severity</option>
{%- for word in severities %}<option>{{ word }}</option>{% endfor %}</select>
{%- endif %}
{%- if kinds %}
<select name="kind" aria-label="kind"><option value="">any kind</option>
{%- for kind in kinds %}<option>{{ kind | shown }}</option>{% endfor %}</select>
{%- endif %}
<output id="count"></output>
</div>
<div class="table" tabindex="0" role="region" aria-label="results">
<table>
<caption>results, worst first</caption>
<thead><tr>
{%- if severities %}<th scope="col">severity</th>{% endif %}
<th scope="col">verdict</th><th scope="col">id</th><th scope="col">subject</th>
{%- if versions %}
<th scope="col">installed</th><th scope="col">fixed in</th>
{%- endif %}
<th scope="col">what and why</th></tr></thead>
<tbody>
{%- for line in lines %}
{%- set link = line.links | select("is_link") | first | default("") %}
<tr data-kind="{{ line.kind | shown }}">
{%- if severities %}<td>
{%- if line.severity is not none %}<b class="{{ line | severity }}">{{ line | severity }}</b>
{%- endif %}</td>{% endif -%}
<td class="mark {{ line.mark }}">{{ line.mark }}</td>
{#- #}<td>{% if link %}<a href="{{ link }}">{{ line.id | shown }}</a>{% else %}{{ line.id | shown }}{% endif %}</td>
{#- #}<td>{{ line.subject | shown }}
{%- if line.place and line.place != line.subject %}<small>{{ line.place | shown }}</small>{% endif %}</td>
{%- if versions %}<td>{{ line.version | shown }}</td><td>{{ line.fixed | shown }}</td>{% endif -%}
<td>{{ line.title | shown }}
{%- if line.why %}<div>{{ line.why | shown }}</div>{% endif %}
{%- if line.until and line.until not in line.why %}<div>until {{ line.until | shown }}</div>{% endif %}
{%- if line.hint %}<small>{{ line.hint | shown }}</small>{% endif %}
{%- set more = line.links | reject("equalto", link) | list %}
{%- if line.text or more %}<details><summary>more</summary>{{ line.text | told }}
{%- for link in more %}
<div>{% if link | is_link %}<a href="{{ link }}">{{ link }}</a>{% else %}{{ link | shown }}{% endif %}</div>
{%- endfor %}</details>{% endif %}</td></tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endif %}
{%- if left %}
<p>{{ left }} lines more were left out: the worst are shown.</p>
{%- endif %}
{%- if untold %}
<p>Of {{ untold }} lines the description was left out, so that the page stays small.</p>
{%- endif %}
<footer>made by {{ sheet.tool | shown }}; loads nothing, sends nothing</footer>
</main>
<script>{{ script }}</script>
</body>
</html>
"""
