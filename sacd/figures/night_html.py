"""The night report as HTML: one file without scripts that asks for nothing, or its body for a page that has a head."""

from base64 import b64encode

from jinja2 import Environment
from markupsafe import Markup

from sacd.analysis.night_report import NightReport
from sacd.figures import night_words as words
from sacd.figures.html_table import Html
from sacd.figures.night_plot import night_figure

LISTED = 20
"""Clips of the review list."""
_ENVIRONMENT = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_FRAGMENT = _ENVIRONMENT.from_string("""\
<style>
.night-report {max-width: 60rem; margin: 0 auto; padding: 1rem; background: #fff; color: #222;
  font: 15px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums}
.night-report header {display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline;
  gap: 0 2rem}
.night-report h1 {font-size: 1.5rem; margin: 0}
.night-report h2 {font-size: 1.05rem; margin: 1.4rem 0 .4rem; border-bottom: 1.5px solid #222}
.night-report p {margin: .3rem 0}
.night-report .use {font-weight: 700; color: #b34700}
.night-report .banner {background: #b34700; color: #fff; font-weight: 700; padding: .6rem 1rem; margin: .6rem 0;
  text-align: center}
.night-report .note {font-size: .87rem; color: #555}
.night-report img {width: 100%; height: auto}
.night-report .columns {display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 0 2rem}
.night-report table {border-collapse: collapse; width: 100%}
.night-report th, .night-report td {text-align: left; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid #ddd;
  vertical-align: top; font-weight: 400}
.night-report thead th {color: #555}
.night-report .number {text-align: right; white-space: nowrap; padding-right: 0; padding-left: .8rem}
@media print {.night-report {font-size: 11px; padding: 0} @page {size: A4}}
</style>
{% macro table(titles, rows, numbers) %}
<table>
{% if titles|select|list %}
<thead><tr>{% for title in titles %}<th{% if loop.revindex <= numbers %} class="number"{% endif %}>{{ title }}</th>
{% endfor %}</tr></thead>
{% endif %}
<tbody>
{% for row in rows %}
<tr>{% for cell in row %}<td{% if loop.revindex <= numbers %} class="number"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table>
{% endmacro %}
{% macro notes(lines) %}
{% for line in lines %}<p class="note">{{ line }}</p>
{% endfor %}
{% endmacro %}
<section class="night-report">
<header><h1>{{ words.TITLE }}</h1><span class="use">{{ words.RESEARCH }}</span></header>
{% if report.foreign %}<p class="banner">{{ words.BANNER }}</p>{% endif %}
{{ notes(words.about(report)) }}
<img src="data:image/png;base64,{{ picture }}"
  alt="The night's sleep stages over time, and how likely each is: {{ report.label }}">
<p class="note">{{ words.STAGES_IN_WORDS }}</p>
<div class="columns">
<div>
<h2>Sleep statistics</h2>
{% if statistics[1] %}{{ table(statistics[0], statistics[1], statistics[0]|length - 1) }}{% endif %}
{{ notes(words.statistic_notes(report)) }}
</div>
<div>
<h2>Agreement with the human scoring</h2>
{% if agreement %}{{ table(words.AGREEMENT_COLUMNS, agreement, 2) }}{% endif %}
{{ notes([words.agreement_note(report)]) }}
<h2>Quality of the pictures</h2>
{% if quality %}{{ table(("", ""), quality, 1) }}{% endif %}
{{ notes([words.quality_note(report)]) }}
</div>
</div>
{% if severity %}<h2>{{ words.BREATHING }}</h2>
{{ notes(severity) }}{% endif %}
<h2>Review these clips</h2>
{{ notes(words.review_notes(report)) }}
<div class="columns">
{% for part in review|batch(review|length if expected else half) if review %}
<div><table class="review"><thead><tr>{% for title in titles %}<th>{{ title }}</th>{% endfor %}</tr></thead>
<tbody>
{% for clip, row in part %}
<tr data-recording="{{ report.night_id }}" data-clip="{{ clip }}">
{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endfor %}
{% if expected %}<div>{{ table(words.EXPECTED_COLUMNS, expected, 1) }}</div>{% endif %}
</div>
<h2>What this page is</h2>
<p class="note">{{ words.purpose(report) }}</p>
</section>
""")
_DOCUMENT = _ENVIRONMENT.from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title></head>
<body style="margin: 0">
{{ body }}
</body></html>
""")


def fragment(report: NightReport) -> Html:
    """The report as a section of a page.

    Rows of the review list carry ``data-recording`` and ``data-clip``, by which a page that has a viewer opens them.
    """
    titles, rows = words.review_table(report, LISTED)
    return Html(_FRAGMENT.render(
        report=report, words=words, picture=b64encode(night_figure(report)._repr_png_()).decode(),
        statistics=words.statistic_table(report), agreement=words.agreement_rows(report),
        quality=words.quality_rows(report), severity=words.severity_notes(report),
        expected=words.expected_rows(report) if report.expected else [], titles=titles, half=-(-len(rows) // 2),
        review=list(zip(report.review["clip"].head(LISTED), rows, strict=True)),
    ))


def html(report: NightReport) -> str:
    """The report as a file of its own: no scripts, nothing from the network."""
    # The body has escaped all text already.
    return _DOCUMENT.render(title=f"{words.TITLE}: {report.night_id}", body=Markup(fragment(report)))
