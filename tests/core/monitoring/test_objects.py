"""What an action was done to: read from records, bounded in what is kept, said in findings and reports, redacted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.monitoring.activity import MOST_LETTERS, MOST_OBJECTS, REST, Day
from audit_provider.core.monitoring.baseline import figures_of
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.monitoring.counting import count
from audit_provider.core.monitoring.findings import noteworthy
from audit_provider.core.monitoring.html import page_of
from audit_provider.core.monitoring.markdown import markdown_of
from audit_provider.core.monitoring.memory import Memory
from audit_provider.core.monitoring.objects import MOST_LISTED, object_of, parts_of, watched_counts
from audit_provider.core.monitoring.settings import Monitoring
from audit_provider.core.monitoring.summary import SUMMARIES, Summary, shown_summary
from audit_provider.core.records.derived_names import digest_of, hidden_roles, paths_of, sentence
from tests.core.monitoring.test_counting import FIELDS, NOW, Spool

CLASSIFIER = Classifier(
    {"drop": "user.delete", "login": "authentication.login", "grant": "access.grant"}, {}, ["drop", "login", "grant"]
)
WITH_OBJECTS = replace(FIELDS, object_type="kind", object_id="object.id", target_email="whom", target_group="group")


@pytest.fixture
def spool(tmp_path):
    found = Spool(tmp_path)
    found.position = replace(found.position, fields=WITH_OBJECTS)
    return found


def count_all(spool):
    streams = [(spool.stream, spool.position)]
    count(spool.activity, streams, CLASSIFIER, now=lambda: NOW, deadline=NOW + timedelta(hours=1))


def found_all(day):
    """Return the findings of a day after a quiet fortnight."""
    before = [Day(day=day.day - timedelta(days=each), actions={"read": [1] * 24}) for each in range(14, 0, -1)]
    figures = figures_of([*before, day], CLASSIFIER)
    return noteworthy(figures, CLASSIFIER, Memory(key="01" * 16), Monitoring(), NOW)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"object_type": "user", "object_id": "u-1"}, "user u-1"),
        ({"object_id": "u-1"}, "u-1"),
        ({"object_type": "role", "object_id": "r-1", "target_email": "ann@x"}, "role r-1 (ann@x)"),
        ({"object_type": "user", "target_user": "ann"}, "user (ann)"),
        ({"target_email": "ann@x", "target_user": "u-1"}, "ann@x"),
        ({"object_id": "u-1", "target_user": "u-1", "target_group": "g"}, "u-1 (g)"),
        ({"object_id": "u-1", "target_user": "me"}, "u-1"),
        ({"object_id": "two\nlines\t\x07"}, "two lines"),
        ({"object_type": "user"}, ""),
        ({}, ""),
    ],
)
def test_an_object_is_its_type_its_id_and_whom_it_concerns(record, said):
    assert sentence(*parts_of(object_of(record, "me")))[0].strip() == said


def test_findings_say_what_was_acted_on(spool):
    spool.write(
        [
            {"action": "drop", "actor": "eve", "kind": "user", "object": {"id": "u-1"}},
            {"action": "drop", "actor": "eve", "kind": "user", "object": {"id": "u-1"}},
            {"action": "drop", "actor": "bob", "kind": "user", "object": {"id": "u-2"}, "whom": "ann@x"},
            {"action": "drop", "actor": "bob"},
            {"action": "login", "actor": "eve", "kind": "user", "object": {"id": "eve"}},
        ]
    )
    count_all(spool)
    day = spool.today()
    assert day.objects == {"drop": {"eve": {"user\nu-1\n": 2}, "bob": {"user\nu-2\nann@x": 1}}}
    by_subject = {each.subject: each for each in found_all(day) if each.kind != "new_action"}
    assert by_subject["drop"].title == (
        f"eve, bob performed drop 4 times on {day.day}, affecting user u-1, user u-2 (ann@x)."
    )
    assert by_subject["login"].title == f"eve performed login once on {day.day}."
    assert by_subject["bob"].title.endswith("of this actor, affecting user u-2 (ann@x).")
    hidden = hidden_roles(["object.id"], ["whom"], paths_of(WITH_OBJECTS))
    assert (
        by_subject["drop"]
        .shown(hidden)
        .title.endswith(f", affecting user (removed), user (removed) ({digest_of('ann@x')}).")
    )
    assert (
        by_subject["drop"]
        .shown(hidden_roles(["kind"], [], paths_of(WITH_OBJECTS)))
        .title.endswith("affecting (removed) u-1, (removed) u-2 (ann@x).")
    )


def test_an_address_that_is_the_targets_names_no_actor(spool):
    spool.position = replace(spool.position, fields=replace(WITH_OBJECTS, target_email="actor", actor_id="by"))
    spool.write([{"action": "drop", "actor": "ann@x", "by": "u-9"}, {"action": "login", "actor": "ann@x"}])
    count_all(spool)
    day = spool.today()
    assert day.watched == {"drop": {"u-9": 1}, "login": {"ann@x": 1}}
    assert day.objects == {"drop": {"u-9": {"\n\nann@x": 1}}}


def test_objects_without_end_do_not_fill_the_spool(spool):
    spool.write(
        [
            {"action": "drop", "actor": f"a{each % 400}" * 100, "object": {"id": f"o{each}" * 200}}
            for each in range(3000)
        ]
        + [{"action": "drop", "actor": "eve", "object": {"id": "often"}}] * 20
        + [{"action": "drop", "actor": "a0" * 100, "object": {"id": "often"}}] * 20
    )
    count_all(spool)
    objects = spool.today().objects["drop"]
    assert sum(each != REST for counts in objects.values() for each in counts) <= MOST_OBJECTS
    assert objects["a0" * 100]["\noften\n"] == 20
    assert sum(sum(counts.values()) for counts in objects.values()) == 3040
    (title,) = [each.title for each in found_all(spool.today()) if each.kind == "security_action"]
    assert len(title) < 10 * MOST_LETTERS
    assert " and at least " in title.rpartition("affecting")[2]


def test_counts_of_an_earlier_version_have_no_objects():
    kept = {"day": "2026-03-02", "actions": {"drop": [1] + [0] * 23}, "watched": {"drop": {"eve": 1}}, "live": 1}
    day = msgspec.json.decode(msgspec.json.encode(kept), type=Day)
    (row,) = watched_counts([day])
    assert (row.action, row.actor, row.object, row.count) == ("drop", "eve", "", 1)
    assert "affecting" not in "".join(each.title for each in found_all(day))


def listed():
    day = Day(day=NOW.date(), watched={"drop": {"eve": 3, REST: 2}, "grant": {"bob": 1}})
    day.objects = {"drop": {"eve": {"user\nu-1\n": 2}, REST: {REST: 2}}, "grant": {"bob": {"role\nr-1\nann@x": 1}}}
    return Summary("p", "pylon", NOW, watched=watched_counts([day]))


def test_a_report_lists_who_did_what_to_what():
    summary = SUMMARIES.unpack(SUMMARIES.pack(listed()), "the Variable")
    assert summary == listed()
    text = markdown_of(summary, ())
    assert "| drop | eve | user u-1 |  | 2026-03-02 | 2 |" in text
    assert "| drop | eve |  |  | 2026-03-02 | 1 |" in text
    assert "| grant | bob | role r-1 | ann@x | 2026-03-02 | 1 |" in text
    page = page_of(summary, ())
    assert '<td class="id">bob</td><td class="id">role r-1</td><td class="id">ann@x</td>' in page
    days = [Day(day=NOW.date(), watched={"drop": {f"a{each}": 1 for each in range(50)}})]
    assert len(watched_counts(days)) == MOST_LISTED


def test_an_older_summary_has_no_such_list():
    old = SUMMARIES.pack(Summary("p", "pylon", NOW)).replace('"watched":[],', "")
    summary = SUMMARIES.unpack(old, "the Variable")
    assert "watched" not in old
    assert "Security-relevant actions" not in markdown_of(summary, ()) + page_of(summary, ())


def test_the_list_is_redacted_like_the_events():
    hidden = hidden_roles(["object.id", "action"], ["whom", "actor"], paths_of(WITH_OBJECTS))
    shown = shown_summary(listed(), hidden)
    packed = SUMMARIES.pack(shown)
    assert not [each for each in ("u-1", "r-1", "ann@x", "eve", "bob", "drop", "grant") if each in packed]
    assert digest_of("ann@x") in packed
    assert {each.object for each in shown.watched} == {"", "(removed)"}
    assert shown_summary(listed(), {"object": "drop"}).watched[0].object in ("", "(removed)")
