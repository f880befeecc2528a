"""The readable page of a pack: one HTML file for print, without scripts, fonts or requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_provider.core.model import UTC, Window, lasting, text_of
from audit_provider.core.monitoring.charts import said
from audit_provider.core.runs.calendar import covers, span_of

if TYPE_CHECKING:
    from datetime import date, datetime

    from audit_provider.core.runs.calendar import Calendar, Day
    from audit_provider.core.runs.evidence_pack import LetterFacts, PackFacts
    from audit_provider.core.verification.report import Verification

_STYLE = """
:root{color-scheme:light}body{margin:2rem auto;max-width:60rem;padding:0 1rem;background:#fff;color:#1c2430;
font:14px/1.5 system-ui,sans-serif}h1{font-size:1.5rem;margin-bottom:.2rem}
h2{font-size:1.1rem;margin-top:1.8rem;border-bottom:1px solid #b8c0cb;break-after:avoid}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.2rem .5rem;border-bottom:1px solid #d8dde4;vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600;overflow-wrap:normal}.day{white-space:nowrap}.words{overflow-wrap:normal}
td.n,th.n{text-align:right;white-space:nowrap}tr{break-inside:avoid}
.soft{color:#5b6675}.good{color:#1b6e3c;font-weight:600}.bad{color:#b3261e;font-weight:600}
code,pre{font:12px/1.4 ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
@page{margin:16mm}@media print{body{margin:0;max-width:none;font-size:10.5pt}thead{display:table-header-group}}
"""
_MOST_LETTERS = 200


def page_of_pack(facts: PackFacts, verification: Verification, calendar: Calendar, signer: str) -> str:
    """Return the page. Every text from outside is escaped.

    :param calendar: with the days of the range. :param signer: sentence that says who has signed the pack.
    """
    title = f"{said(facts.pipeline)}: evidence from {_day(facts.start)} to {_day(facts.end)}"
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="soft">{said(facts.source)}. Made at {text_of(facts.made_at)} by audit_provider '
        f"{said(facts.version)} from the spool {said(facts.spool)}. Times are UTC. The end is not included.</p>",
        f"<p>{said(signer)}</p>",
        *_summary(facts, verification),
        *_days(facts),
        *_calendar(calendar),
        *_verified(verification),
        *_gaps(facts),
        *_letters(facts),
        *_configuration(facts),
        *_checkpoints(facts),
        *_premises(),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>"
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _summary(facts: PackFacts, verification: Verification) -> list[str]:
    events = sum(day.events for day in facts.days.values())
    result = verification.result
    mark = "good" if result == "all right" else "bad"
    still = [each for each in facts.gaps if each.is_open]
    aside = [each for each in facts.letters if each.is_open]
    rows = [
        ("Events that happened in the range", f"{events:,}"),
        ("Spool, read again for this pack", f'<span class="{mark}">{said(result)}</span>'),
        ("Completeness", said(_compared(facts))),
        ("Gaps", f"{len(facts.gaps):,}, of which {len(still):,} are open"),
        ("Dead letters", f"{len(facts.letters):,}, of which {len(aside):,} are open"),
        (
            "Records that could not be read and may be of the range",
            f"{sum(each.records for each in facts.unreadable):,}",
        ),
        ("Changes of the configuration", f"{len(facts.changes):,}"),
        ("Checkpoints", f"{len(facts.checkpoints):,}"),
    ]
    return ["<h2>In short</h2>", _table((), rows)]


def _compared(facts: PackFacts) -> str:
    """Return which parts of the range the reconciliation has compared; a time up to which it came proves no part."""
    if not facts.compared:
        return "The reconciliation has compared nothing of the range with the source."
    if covers(facts.compared, Window(facts.start, facts.end)):
        return "The reconciliation has compared the whole range with the source."
    spans = [
        f"{text_of(max(each.start, facts.start))} to {text_of(min(each.end, facts.end))}" for each in facts.compared
    ]
    return f"The reconciliation has compared only a part of the range with the source: {', '.join(spans)}."


def _without_events(day: date, facts: PackFacts) -> str:
    """Return what is said of a day without events in the spool: none happened only if the whole day was read."""
    span = span_of(day)
    if covers(facts.read, span):
        return "0"
    is_read = any(each.start < span.end and span.start < each.end for each in facts.read)
    return "0 in the part that was read" if is_read else "unknown"


def _days(facts: PackFacts) -> list[str]:
    destinations = list(facts.configured)
    head = ["day", "events", "spooled from", "spooled until", "longest delay", *destinations]
    rows = []
    day = facts.start.date()
    last = (facts.end - timedelta(microseconds=1)).date()
    while day <= last:
        met = facts.days.get(day)
        if met is None:
            rows.append((_whole(day), _without_events(day, facts), "", "", "", *("" for _ in destinations)))
        else:
            states = [
                "<br/>".join(_words(f"{count:,} {state}") for state, count in sorted(met.destinations[name].items()))
                for name in destinations
            ]
            spooled = [_moment(met.first_spooled), _moment(met.last_spooled)]
            rows.append((_whole(day), f"{met.events:,}", *spooled, lasting(met.longest_delay), *states))
        day += timedelta(days=1)
    note = (
        "<p>By the day on which events happened. <i>Delivered</i>: the destination confirmed it by its own terms. "
        "<i>Filtered</i>: the filters under which it was shipped left it out. <i>Not shipped by the backfill</i>: the "
        "backfill did not choose the destination, or its task has not run; only another run of it ships them. "
        "<i>Unknown</i>: nothing says that the day was read.</p>"
    )
    removed = "".join(
        f"<p>Segments of {said(folder)} before {number} are no longer kept, and are not in this table.</p>"
        for folder, number in facts.removed.items()
    )
    return ["<h2>Day by day</h2>", note, removed, _table([*map(said, head)], rows, numbers=(1,))]


_STATES = {"proven": "proven", "read": "read only", "gap": "gap", "unknown": "unknown"}


def _calendar(calendar: Calendar) -> list[str]:
    title = "<h2>What the scheduled verification found</h2>"
    if calendar.checked_at is None:
        return [title, "<p>It has not been made yet.</p>"]
    rows = [
        (_whole(day), _state(each.state), _moment(each.proven_at), said(each.reason), _answers(each))
        for day, each in calendar.days.items()
    ]
    note = (
        f"<p>The last one was made at {text_of(calendar.checked_at)}. <i>Proven</i>: compared with the source, read "
        "again without a fault, confirmed by every destination, and found there again where it can be asked.</p>"
    )
    whys = sorted({(name, asked.why_not) for each in calendar.days.values() for name, asked in each.asked.items()})
    reasons = "".join(f"<li>{said(f'{name}: {why}')}</li>" for name, why in whys if why)
    head = ("day", "state", "proven since", "why not", "destinations that were asked for the events")
    left_out = f"<p>Why destinations were not asked:</p><ul>{reasons}</ul>" if reasons else ""
    return [title, note, _table(head, rows), left_out]


def _state(state: str) -> str:
    mark = {"proven": "good", "gap": "bad"}.get(state, "soft")
    return f'<span class="{mark} day">{_STATES[state]}</span>'


def _answers(day: Day) -> str:
    """Return what destinations answered, one line for each; those that were not asked share one line."""
    lines = [
        f"{_words(f'{name}: {asked.lacks or _all(asked.events)}')}, {_moment(asked.at)}"
        for name, asked in sorted(day.asked.items())
        if not asked.why_not
    ]
    silent = [name for name, asked in sorted(day.asked.items()) if asked.why_not]
    lines += [_words(f"not asked: {', '.join(silent)}")] if silent else []
    return "<br/>".join(lines)


def _all(events: int) -> str:
    return f"all {events:,} are there"


def _verified(verification: Verification) -> list[str]:
    rows = [
        (said(each.stream), *(f"{count:,}" for count in (each.segments, each.events, each.removed)), _code(each.sha256))
        for each in verification.streams
    ]
    faults = "".join(f'<p class="bad">{said(str(each))}</p>' for each in verification.faults)
    checked = _table(("stream", "segments", "events", "no longer kept", "SHA-256 of the head"), rows, numbers=(1, 2, 3))
    return ["<h2>The spool, verified</h2>", checked, faults or "<p>No fault was found.</p>"]


def _gaps(facts: PackFacts) -> list[str]:
    if not facts.gaps:
        return ["<h2>Gaps</h2><p>None.</p>"]
    rows = []
    for each in facts.gaps:
        seen = each.acknowledged
        state = "open"
        if each.closed:
            state = "closed: the events were shipped since"
        elif seen:
            state = f"acknowledged by {seen.by} at {text_of(seen.at)}{f': {seen.note}' if seen.note else ''}"
        where = f"{each.stream}{f' to {each.destination}' if each.destination else ''}"
        rows.append(
            tuple(map(said, (each.kind, where, text_of(each.wanted), text_of(each.possible), each.reason, state)))
        )
    return ["<h2>Gaps</h2>", _table(("kind", "where", "from", "to", "reason", "state"), rows)]


def _state_of(letter: LetterFacts) -> str:
    if letter.redriven_at:
        return f"redriven at {text_of(letter.redriven_at)}"
    if letter.left_out_at:
        return f"left out by the filters at {text_of(letter.left_out_at)}"
    if letter.discarded_at:
        by = letter.discarded_by or "somebody whom Airflow does not name"
        return f"discarded by {by} at {text_of(letter.discarded_at)}: {letter.discarded_for}"
    return "open"


def _letters(facts: PackFacts) -> list[str]:
    if not facts.letters:
        return ["<h2>Dead letters</h2><p>None.</p>"]
    rows = [
        tuple(
            map(
                said,
                (
                    each.id,
                    each.destination,
                    text_of(each.happened),
                    text_of(each.set_aside_at),
                    each.reason,
                    _state_of(each),
                ),
            )
        )
        for each in facts.letters[:_MOST_LETTERS]
    ]
    more = len(facts.letters) - len(rows)
    rest = f"<p>{more:,} more are in evidence.json.</p>" if more else ""
    head = ("event", "destination", "happened", "set aside", "reason", "state")
    return ["<h2>Dead letters</h2>", _table(head, rows), rest]


def _configuration(facts: PackFacts) -> list[str]:
    rows = [
        (
            said(str(each["time"])),
            said(str(each["subject"])),
            "<br/>".join(
                f"{said(key)}: <code>{said(str(values['before']))}</code> → <code>{said(str(values['after']))}</code>"
                for key, values in each["difference"].items()
            ),
            said(str(each["run_id"])),
        )
        for each in facts.changes
    ]
    now = [
        (said(name), said(", ".join(f"{key}: {value}" for key, value in shown.items())))
        for name, shown in facts.configured.items()
    ]
    changes = _table(("met at", "destination", "difference", "DAG run"), rows) if rows else "<p>None in the range.</p>"
    return [
        "<h2>Changes of the configuration</h2>",
        changes,
        "<h2>Destinations now</h2>",
        _table(("name", "configuration, without what has its default"), now),
    ]


def _checkpoints(facts: PackFacts) -> list[str]:
    if not facts.checkpoints:
        return ["<h2>Checkpoints</h2><p>None was made since the range began.</p>"]
    rows = [
        (
            said(str(each["time"])),
            said(str(each["subject"])),
            f"{int(each['size']):,}",
            f"<code>{said(str(each['root']))}</code>",
            "yes" if each["signed"] else "no",
            said(_witnessed(each.get("witness"))),
        )
        for each in facts.checkpoints
    ]
    titles = ("made at", "stream", "events", "root", "signed", "signed by a witness")
    return ["<h2>Checkpoints</h2>", _table(titles, rows, numbers=(2,))]


def _witnessed(witness: Mapping[str, Any] | None) -> str:
    if not witness:
        return "none is configured"
    name = str(witness["key"]).partition("+")[0]
    return f"{name}, {witness['cosigned_at']}" if witness["cosigned_at"] else f"not by {name}"


def _premises() -> list[str]:
    return [
        "<h2>What this does not say</h2>",
        "<ul><li>That the product's API has shown everything, or the truth.</li>"
        "<li>That a destination still has what it confirmed, or had when it was asked: <code>audit-logs verify "
        "--against</code> looks there.</li><li>When something was spooled, if the clock of the worker was wrong.</li>"
        "<li>Anything against somebody who can write the spool, Airflow's database and every place where checkpoints "
        "were kept.</li></ul>",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[int] = ()) -> str:
    def cells(row: Sequence[Any], tag: str) -> str:
        marks = (' class="n"' if place in numbers else "" for place in range(len(row)))
        return "".join(f"<{tag}{mark}>{value}</{tag}>" for mark, value in zip(marks, row, strict=True))

    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if head else ""
    lines = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table>{top}<tbody>{lines}</tbody></table>"


def _whole(day: date) -> str:
    return f'<span class="day">{day}</span>'


def _words(text: str) -> str:
    """Return a text in which the browser breaks no word, however narrow the column is."""
    return f'<span class="words">{said(text)}</span>'


def _code(text: str) -> str:
    return f"<code>{said(text)}</code>"


def _day(moment: datetime) -> str:
    text = text_of(moment)
    return text.removesuffix("T00:00:00Z")


def _moment(moment: datetime | None) -> str:
    if moment is None:
        return ""
    at = moment.astimezone(UTC)
    return f"{_whole(at.date())} {at:%H:%M}"
