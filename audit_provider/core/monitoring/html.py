"""A report as one HTML page that needs nothing else: no script, no font, no request; light or dark as the reader is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.model import date_of, text_of
from audit_provider.core.monitoring.charts import bars, legend, said
from audit_provider.core.monitoring.markdown import behind, gravest_first

if TYPE_CHECKING:
    from audit_provider.core.accounting import Account
    from audit_provider.core.monitoring.summary import Finding, Summary

_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2430;--soft:#5b6675;--line:#d8dde4;--band:#2f6fde22;--edge:#2f6fde;
--critical:#b3261e;--warning:#8a5a00;--info:#2f5f9e}
@media(prefers-color-scheme:dark){:root{--paper:#12161c;--ink:#e6eaf0;--soft:#9aa5b4;--line:#2c3440;--band:#6ea1ff2b;
--edge:#6ea1ff;--critical:#ff8a80;--warning:#f2c14e;--info:#8ab4f8}}
body{margin:2rem auto;max-width:62rem;padding:0 1rem;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,
sans-serif}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;
overflow-wrap:anywhere}
th,td.n,.when,.critical,.warning,.info{white-space:nowrap}td.n,th.n{text-align:right}
svg{width:100%;height:auto}.axis{font-size:11px;fill:var(--soft)}.grid{stroke:var(--line)}
.band{fill:var(--band);stroke:var(--edge);stroke-width:.6}
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem}
.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.4em}
.critical{color:var(--critical);font-weight:600}.warning{color:var(--warning);font-weight:600}.info{color:var(--info)}
"""
_COLOURS = (
    "#4c78a8",
    "#e45756",
    "#f58518",
    "#b279a2",
    "#72b7b2",
    "#54a24b",
    "#9d755d",
    "#eeca3b",
    "#ff9da6",
    "#8a8f98",
)
_MOST_ACTIONS = 40


def page_of(summary: Summary, accounts: Sequence[Account]) -> str:
    """Return the whole report as a page. Every text of others is escaped."""
    colours = "".join(f".c{place}{{fill:{each};background:{each}}}" for place, each in enumerate(_COLOURS))
    title = said(f"{summary.pipeline}: {summary.source}")
    parts = [
        f"<h1>{title}</h1>",
        f"<p>Report of {text_of(summary.made_at)}. {behind(summary.lag)}</p>",
        "<h2>Findings</h2>",
        findings_table(summary.findings) if summary.findings else "<p>None.</p>",
        *_charts(summary),
        *_deliveries(accounts),
        *_actions(summary),
        *_unknown(summary),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>"
        f"<title>{title}</title><style>{_STYLE}{colours}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def findings_table(findings: Iterable[Finding]) -> str:
    """Return findings as a table, the gravest first."""
    return _table(
        ("severity", "since (UTC)", "finding"),
        [
            (f'<span class="{each.severity}">{each.severity}</span>', _when(each), said(each.title))
            for each in gravest_first(findings)
        ],
    )


def _when(finding: Finding) -> str:
    return f'<span class="when">{date_of(finding.at)} {finding.at:%H:%M}</span>'


def _charts(summary: Summary) -> list[str]:
    if not summary.days or summary.first_day is None:
        return ["<h2>Activity</h2><p>No events in the days still kept.</p>"]
    count = len(next(iter(summary.days.values())))
    labels = [f"{summary.first_day + timedelta(days=each):%d %b}" for each in range(count)]
    activity = bars("Events by category and day", labels, summary.days, low=summary.low, high=summary.high)
    usual = "<p>The band shows the usual range for all categories together.</p>" if summary.high else ""
    parts = [f"<h2>Activity</h2>{activity}{legend(list(summary.days))}{usual}"]
    if any(summary.lags):
        minutes = {"lag": [each / 60 for each in summary.lags]}
        parts.append(f"<h2>Lag</h2>{bars('Largest lag by day, minutes', labels, minutes, unit=' min')}")
    if any(map(any, summary.delivered.values())):
        chart = bars("Events delivered by destination and day", labels, summary.delivered)
        parts.append(f"<h2>Delivered</h2>{chart}{legend(list(summary.delivered))}")
    return parts


def _deliveries(accounts: Sequence[Account]) -> list[str]:
    if not accounts:
        return []
    head = (
        "destination",
        "spooled",
        "delivered",
        "of these with current time",
        "pending",
        "set aside: too old",
        "set aside: refused",
        "open dead letters",
        "last error",
    )
    rows = [
        (
            said(each.destination),
            *(
                f"{count:,}"
                for count in (
                    each.spooled,
                    each.delivered + each.already_there,
                    each.restamped,
                    each.pending,
                    each.too_old,
                    each.dead_lettered,
                    each.dead_letters,
                )
            ),
            f"<b>{said(each.last_error)}</b>" if each.last_error else "",
        )
        for each in accounts
    ]
    return ["<h2>Deliveries</h2>", _table(head, rows, numbers=range(1, 8))]


def _actions(summary: Summary) -> list[str]:
    rows = [
        (
            said(each.action) or "(none)",
            said(each.category),
            f"{each.days[-1]:,}",
            f"{sum(each.days[-8:-1]):,}",
            f"{sum(each.days):,}",
        )
        for each in summary.actions[:_MOST_ACTIONS]
    ]
    head = ("action", "category", "today", "7 days before", "all")
    return ["<h2>Actions</h2>", _table(head, rows, numbers=range(2, 5))] if rows else []


def _unknown(summary: Summary) -> list[str]:
    if not summary.unknown_actions:
        return []
    names = "".join(f"<li>{said(each) or '(none)'}</li>" for each in summary.unknown_actions)
    return [f"<h2>Actions without a known meaning</h2><ul>{names}</ul>"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """Return a table. :param rows: of HTML. :param numbers: places of columns that hold numbers."""
    kinds = [' class="n"' if place in set(numbers) else "" for place in range(len(head))]
    top = "".join(f"<th{kind}>{each}</th>" for kind, each in zip(kinds, head, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{each}</td>' for kind, each in zip(kinds, row, strict=True))}</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
