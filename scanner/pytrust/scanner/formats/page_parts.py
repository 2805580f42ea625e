"""The parts of the page that do not change: template, style and script. The latter two are allowed by their hashes."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 78rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
.outcome { border-radius: .3rem; color: #fff; font-size: 1rem; padding: .1rem .5rem; vertical-align: middle; }
.fail { background: #b3261e; } .warn { background: #a15c00; } .pass { background: #1b7f3b; }
dl { display: grid; gap: .1rem 1rem; grid-template-columns: max-content 1fr; margin: 1rem 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
.remarks { list-style: none; padding: 0; }
.remarks li { border-left: .3rem solid var(--line); margin: .4rem 0; overflow-wrap: anywhere; padding: .1rem .7rem; }
.remarks .is-fail { border-color: #b3261e; } .remarks .is-warn { border-color: #c77700; }
.hint { opacity: .75; }
.filters { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0 .4rem; }
.filters input, .filters select { font: inherit; padding: .25rem .4rem; }
.filters input { flex: 1 1 16rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { background: var(--soft); text-align: left; white-space: nowrap; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid; }
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; vertical-align: top; }
td { overflow-wrap: anywhere; } td:nth-child(-n + 3) { white-space: nowrap; }
td details { font-size: .92em; opacity: .9; }
.severity { border-radius: .25rem; color: #fff; padding: 0 .4rem; }
.critical { background: #8c1d18; } .high { background: #c0392b; } .medium { background: #b26a00; }
.low { background: #3b6ea5; } .unknown { background: #6b5b95; }
footer { font-size: .85em; margin-top: 1.5rem; opacity: .7; }
@media print { .filters { display: none; } }
"""

SCRIPT: Final = """
"use strict";
const body = document.querySelector("tbody"), rows = Array.from(body ? body.rows : []);
const search = document.querySelector("#search"), selects = Array.from(document.querySelectorAll("select"));
const count = document.querySelector("#count");
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const fits = selects.every((one) => !one.value || row.dataset[one.name] === one.value);
    row.hidden = !(fits && words.every((word) => text.includes(word)));
    shown += row.hidden ? 0 : 1;
  }
  count.textContent = shown + " of " + rows.length;
}
function sort(head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  const place = Array.from(head.parentNode.children).indexOf(head);
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = (row) => row.cells[place].dataset.key || row.cells[place].textContent;
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
<h1><span class="outcome {{ outcome | lower }}">{{ outcome }}</span> {{ sheet.title | shown }}</h1>
<dl>
{%- for name, text in sheet.facts %}
<dt>{{ name | shown }}</dt><dd>{{ text | shown }}</dd>
{%- endfor %}
{%- for mark, lines in marks.items() %}
<dt>{{ titles[mark] }}</dt><dd>{{ lines | totals }}</dd>
{%- endfor %}
</dl>
{%- if sheet.remarks %}
<ul class="remarks">
{%- for one in sheet.remarks %}
<li class="is-{{ one.mark }}">{{ one.text | shown }}
{%- if one.hint %} <span class="hint">{{ one.hint | shown }}</span>{% endif %}</li>
{%- endfor %}
</ul>
{%- endif %}
{%- if upgrades %}
<ul>
{%- for one in upgrades %}
<li>{{ one.text | shown }}: clears {{ one.cleared }} of {{ failed }}</li>
{%- endfor %}
</ul>
{%- endif %}
{%- if lines %}
<div class="filters" hidden>
<input id="search" type="search" placeholder="search" aria-label="search">
<select name="mark" aria-label="verdict"><option value="">any verdict</option>
{%- for mark in marks %}<option value="{{ mark }}">{{ titles[mark] }}</option>{% endfor %}</select>
<select name="severity" aria-label="severity"><option value="">any severity</option>
{%- for word in severities %}<option>{{ word }}</option>{% endfor %}</select>
<select name="kind" aria-label="kind"><option value="">any kind</option>
{%- for kind in kinds %}<option>{{ kind | shown }}</option>{% endfor %}</select>
<output id="count"></output>
</div>
<div class="table">
<table>
<thead><tr>
<th scope="col">Severity</th><th scope="col">Verdict</th><th scope="col">Id</th><th scope="col">Subject</th>
<th scope="col">Installed</th><th scope="col">Fixed in</th><th scope="col">What and why</th></tr></thead>
<tbody>
{%- for line in lines %}
<tr data-mark="{{ line.mark }}" data-severity="{{ line | severity }}" data-kind="{{ line.kind | shown }}">
<td data-key="{{ line | rank }}">
{%- if line.severity is not none %}<span class="severity {{ line | severity }}">{{ line | severity }}</span>
{%- endif %}</td>
<td>{{ line.mark }}</td>
<td>{{ line.id | shown }}</td>
<td>{{ line.subject | shown }}
{%- if line.place and line.place != line.subject %}<br><small>{{ line.place | shown }}</small>{% endif %}</td>
<td>{{ line.version | shown }}</td>
<td>{{ line.fixed | shown }}</td>
<td>{{ line.title | shown }}
{%- if line.why %}<div>{{ line.why | shown }}</div>{% endif %}
{%- if line.hint %}<div class="hint">{{ line.hint | shown }}</div>{% endif %}
{%- if line.text or line.links %}<details><summary>more</summary>{{ line.text | shown }}
{%- for link in line.links %}
<div>{% if link | is_link %}<a href="{{ link }}" rel="noreferrer noopener">{{ link }}</a>
{%- else %}{{ link | shown }}{% endif %}</div>
{%- endfor %}</details>{% endif %}</td>
</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endif %}
{%- if left %}
<p>{{ left }} lines more were left out: the worst are shown.</p>
{%- endif %}
<footer>made by {{ sheet.tool | shown }}</footer>
<script>{{ script }}</script>
</body>
</html>
"""
