"""What was read and delivered day by day: figures that add up from one day to the next, and say so in a report."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from audit_provider.core.ledger.event_account import Account
from audit_provider.core.ledger.gaps import Acknowledgement, GapRecord
from audit_provider.core.monitoring.html import page_of
from audit_provider.core.monitoring.markdown import markdown_of, said_of_day, said_of_gap, said_of_yesterday, verdict_of
from audit_provider.core.monitoring.memory import Memory, Totals
from audit_provider.core.monitoring.summary import DayAccount, DayDelivery, Summary

NOW = datetime.fromisoformat("2026-11-30T12:00:00+00:00")
DAY = timedelta(days=1)
TODAY = NOW.date()
FIRST = date(2026, 11, 28)


def seen(memory, now, spooled, **totals):
    memory.note(now, 0.0, {name: each.taken for name, each in totals.items()})
    memory.note_totals(now.date(), spooled, totals)


def test_a_day_is_what_the_totals_have_grown_by():
    memory = Memory(key="00", since=FIRST)
    seen(memory, NOW - 2 * DAY, 12, splunk=Totals(taken=9, waiting=3, waited=600.0))
    seen(memory, NOW - DAY - timedelta(hours=2), 20, splunk=Totals(taken=12, waiting=8, waited=7200.0))
    seen(memory, NOW - DAY, 30, splunk=Totals(taken=27, set_aside=1, left_out=2, waiting=0, waited=60.0))
    memory = msgspec.json.decode(msgspec.json.encode(memory), type=Memory)
    first, second = memory.by_day()
    assert (first.day, first.read) == (FIRST, 12)
    assert first.destinations == {"splunk": DayDelivery(9, 0, 0, 3, 600.0)}
    assert (second.read, second.destinations) == (18, {"splunk": DayDelivery(18, 1, 2, 0, 7200.0)})
    before, after = first.destinations["splunk"], second.destinations["splunk"]
    left = after.delivered + after.set_aside + after.left_out + after.waiting
    assert before.waiting + second.read == left, "it adds up"


def test_of_the_first_day_that_is_known_nothing_is_said_unless_the_pipeline_began_on_it():
    memory = Memory(key="00", since=FIRST - 9 * DAY)
    seen(memory, NOW - DAY, 1000, splunk=Totals(taken=1000))
    assert memory.by_day() == ()
    seen(memory, NOW, 1007, splunk=Totals(taken=1007))
    assert [(each.day, each.read) for each in memory.by_day()] == [(TODAY, 7)]


def test_counting_begins_anew_where_the_position_was_deleted():
    memory = Memory(key="00", since=FIRST)
    seen(memory, NOW - DAY, 1000, splunk=Totals(taken=1000))
    seen(memory, NOW, 5, splunk=Totals(taken=4, waiting=1))
    today = memory.by_day()[-1]
    assert (today.read, today.destinations["splunk"].delivered) == (5, 4)


def summary(*days, **more):
    return Summary("p", "Pylon", NOW, lag=120.0, by_day=days, **more)


def account(**more):
    entries = dict.fromkeys(("read", "spooled", "duplicates", "before", "already_there", "too_old", "dead_lettered"), 0)
    return Account("p/live", "splunk", **(entries | {"delivered": 12, "pending": 0} | more))


def test_a_report_says_what_was_delivered_yesterday_and_today():
    yesterday = DayAccount(TODAY - DAY, 12, {"splunk": DayDelivery(12), "s3": DayDelivery(9, 0, 0, 3)})
    today = DayAccount(TODAY, 4, {"splunk": DayDelivery(4), "s3": DayDelivery(7)})
    line = "29 Nov: 12 read, splunk 12 delivered, s3 9 delivered, 3 waiting at its end"
    assert said_of_day(yesterday) == line
    page, text = (made(summary(yesterday, today), [account()]) for made in (page_of, markdown_of))
    for each in (page, text):
        assert f"Yesterday, {line}." in each
        assert "Gaps: none." in each
        assert "The source was read up to 2026-11-30T11:58:00Z, 2 minutes before." in each
    assert "- 30 Nov: 4 read, splunk 4 delivered, s3 7 delivered" in text
    cells = page[page.index("2026-11-29</span>") :].partition("</tr>")[0]
    assert "12 delivered" in cells
    assert "<b>3 waiting at its end</b>" in cells
    assert page.index("by day") < page.index("<h2>Deliveries") < page.index("<h2>Activity"), "deliveries come first"
    assert said_of_yesterday(summary(today)) == "Yesterday, 29 Nov: no report was made."


def test_acknowledged_gaps_are_listed_with_who_and_why():
    def gap(number, **more):
        begin = NOW - 9 * DAY
        entries = {"found_at": NOW, "events": None}
        reason = f"{number}: the vendor keeps <30> days"
        return GapRecord(f"g{number}", "p", "p/live", "look_back", begin, NOW - 8 * DAY, reason, **(entries | more))

    accepted = gap(2, acknowledged=Acknowledgement("Ada", NOW - DAY, "asked the <vendor>"))
    gaps = [gap(1), accepted, gap(3, closed=True)]
    page, text = (made(summary(), [account()], gaps) for made in (page_of, markdown_of))
    assert "acknowledged by Ada, 2026-11-29 12:00: asked the &lt;vendor&gt;" in page
    assert "<b>open</b>" in page
    assert "delivered since" in page
    assert said_of_gap(accepted).endswith("(acknowledged by Ada, 2026-11-29T12:00:00Z: asked the <vendor>)")
    assert "acknowledged by Ada" in text
    assert "Gaps: none" not in page + text
    assert "1 gap is open." in text


def test_the_verdict_says_what_is_not_as_it_should_be():
    assert verdict_of([account()], [], 0) == "Every destination has everything that was read, and no gap is open."
    assert verdict_of([account(pending=1234, dead_letters=1)], [], 2) == (
        "Events are waiting (1,234 for splunk); 1 dead letter is open; 2 critical findings."
    )
    assert verdict_of([], [], 0) == "No gap is open."


def test_texts_of_others_are_shown_as_they_are_and_nothing_more():
    hostile = '<script>alert("1")</script>\x00'
    page = page_of(summary(unknown_actions=(hostile,)), [account(last_error=hostile)])
    assert "<script" not in page
    assert "\x00" not in page
    assert page.count("&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;") == 2
