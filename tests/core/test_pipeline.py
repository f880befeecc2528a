"""The pipelines file: what is right is read, what is wrong is named by its path."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.pipeline import PipelinesFile, read_pipelines, source_from

GOOD = """
pylon:
  source: pylon
  conn_id: my_pylon
  schedule: "*/5 * * * *"
  start: 2026-01-01
  destinations:
    s3:      {type: s3, bucket: audit-logs, prefix: pylon}
    splunk:  {type: splunk_hec, conn_id: hec, index: audit}
    datadog: {type: datadog, service: pylon, tags: [team:security], too_old: dead_letter}
"""


def mistakes(text):
    return "\n".join(read_pipelines(text).mistakes)


def test_the_documented_file_is_read():
    (pipeline,) = read_pipelines(GOOD).pipelines.values()
    assert pipeline.start == datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert pipeline.conn_id == "my_pylon"
    assert pipeline.destinations["s3"].conn_id == "aws_default"
    assert pipeline.destinations["s3"].options.bucket == "audit-logs"
    assert pipeline.destinations["datadog"].too_old == "dead_letter"
    assert pipeline.destinations["datadog"].options.tags == ("team:security",)


def test_defaults_are_those_of_the_documentation():
    (pipeline,) = read_pipelines("a: {source: pylon, destinations: {x: {type: datadog}}}").pipelines.values()
    assert pipeline.conn_id == "pylon_default"
    assert pipeline.schedule == "*/5 * * * *"
    assert pipeline.start is None
    assert pipeline.destinations["x"].conn_id == "datadog_logs_default"


def test_tags_are_words_that_airflow_can_show_too():
    text = "a: {{source: pylon, destinations: {{x: {{type: datadog}}}}, tags: {}}}"
    (pipeline,) = read_pipelines(text.format("[emea, finance, emea]")).pipelines.values()
    assert pipeline.tags == ("emea", "finance")
    for wrong in ("['']", "[' emea']", f"[{'x' * 101}]", '["a\\nb"]'):
        assert "must be 1 to 100 printable letters without space around them" in mistakes(text.format(wrong)), wrong
    assert "a.tags" in mistakes(text.format("emea")), "not a list"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("source: pylon", "source: pilon"), "pylon.source: there is no source 'pilon', did you mean 'pylon'?"),
        (("schedule:", "shedule:"), "pylon.shedule: there is no such key, did you mean 'schedule'?"),
        (
            ("bucket: audit-logs", "buket: audit-logs"),
            "pylon.destinations.s3.buket: there is no such key, did you mean",
        ),
        (("bucket: audit-logs, ", ""), "pylon.destinations.s3.bucket: "),
        (("type: s3", "type: s4"), "pylon.destinations.s3.type: there is no destination type 's4'"),
        (("start: 2026-01-01", "start: soon"), "pylon.start: "),
        (("too_old: dead_letter", "too_old: drop"), "pylon.destinations.datadog.too_old: "),
        (("    s3: ", "    s 3: "), "pylon.destinations.s 3: a name may contain letters"),
        (("pylon:\n", "../pylon:\n"), "../pylon: a name may contain letters"),
        (("index: audit", "batch_events: many"), "pylon.destinations.splunk.batch_events: "),
    ],
)
def test_a_mistake_is_named_by_its_path(change, said):
    assert change[0] in GOOD
    assert mistakes(GOOD.replace(*change, 1)).startswith(said)


def test_a_mistake_in_one_pipeline_leaves_the_others():
    found = read_pipelines(GOOD + "\nother: {source: pylon}\n")
    assert list(found.pipelines) == ["pylon"]
    assert found.mistakes[0].startswith("other.destinations: ")


def test_every_mistake_is_named_at_once():
    text = GOOD.replace("bucket", "buket").replace("index", "indx")
    assert len(read_pipelines(text).mistakes) == 2


def test_all_that_is_wrong_in_a_pipeline_is_said_at_once():
    text = """
p:
  source: pylon
  schedule: "61 * * * *"
  retention_days: 0
  reconcile: {after: soon}
  monitoring: {least_days: many}
  destinations:
    s3: {type: s3, bukket: b, batch_bytes: 0, format: xml, concurrency: 99}
    hec: {type: Splunk_HEC, only: a.*}
"""
    assert [line.partition(": ")[0] for line in read_pipelines(text).mistakes] == [
        "p.schedule",
        "p.retention_days",
        "p.destinations.s3.format",
        "p.destinations.s3.concurrency",
        "p.destinations.s3.bukket",
        "p.destinations.hec.only",
        "p.reconcile.after",
        "p.monitoring.least_days",
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{type: S3, bucket: b}", ".type: there is no destination type 'S3', did you mean 's3'?"),
        ("{type: s3}", ".bucket: is required"),
        (
            "{type: s3, bucket: 's3://b/logs'}",
            ": 'bucket' must be the bucket's name only: put a folder in it into 'prefix'",
        ),
        ("{type: s3, bucket: b, batch_bytes: 0}", ".batch_bytes: must be at least 1"),
        ("{type: splunk_hec, batch_events: -1}", ".batch_events: must be at least 1"),
        ("{type: splunk_hec, batch_events: many}", ".batch_events: must be a whole number"),
        ("{type: splunk_hec, only: a.*}", ".only: must be a list"),
        ("{type: splunk_hec, enabled: perhaps}", ".enabled: must be true or false"),
        ("{type: splunk_hec, index: 5}", ".index: must be a text"),
        ("{type: splunk_hec, ack_timeout: soon}", ".ack_timeout: must be a number"),
        ("{type: splunk_hec, redact: [a]}", ".redact: must be a mapping of keys to values"),
        ("{type: splunk_hec, too_old: never}", ".too_old: must be 'arrival_time' or 'dead_letter'"),
    ],
)
def test_mistakes_are_told_in_words_for_people_who_write_yaml(written, said):
    text = f"p: {{source: pylon, destinations: {{d: {written}}}}}"
    assert mistakes(text) == f"p.destinations.d{said}"


def test_the_keys_that_are_known_are_those_that_can_be_written():
    text = "p: {source: pylon, destinations: {d: {type: splunk_hec, bogus: 1}}}"
    assert " except, " in mistakes(text)
    assert " omit, " not in mistakes(text)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("schedule: every 5 min", "p.schedule: 'every 5 min' is neither a cron expression"),
        ("schedule: '61 * * * *'", "p.schedule: "),
        ("schedule: '@dayly'", "p.schedule: "),
        ("reconcile: {schedule: sometimes}", "p.reconcile.schedule: "),
        ("reading: {overlap: -900}", "p.reading.overlap: must be at least 0"),
        ("reading: {max_width: 0}", "p.reading.max_width: must be at least 1"),
        ("start: 0001-01-01T00:00:00+10:00", "p.start: 0001-01-01 00:00:00+10:00 is outside the years"),
        ("reconcile: 5", "p.reconcile: must be true or false, or a mapping of keys to values"),
    ],
)
def test_what_would_stop_others_or_leave_time_out_is_refused(keys, said):
    text = f"p: {{source: pylon, destinations: {{s3: {{type: s3, bucket: b}}}}, {keys}}}"
    assert mistakes(text).startswith(said)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("retention_days: 4000000", "p.retention_days: must be at most 36500"),
        ("run_minutes: 99999999999", "p.run_minutes: must be at most 527040"),
        ("rate_limit: {per: .nan}", "p.rate_limit.per: must be a finite number"),
        ("rate_limit: {per: .inf}", "p.rate_limit.per: must be a finite number"),
        ("rate_limit: {per: 1.0e+12}", "p.rate_limit.per: must be at most 31622400 seconds"),
        ("rate_limit: {requests: 1000000000000000000}", "p.rate_limit.requests: must be at most"),
        ("start: 0001-01-01", "p.start: 0001-01-01 00:00:00 is outside the years 1970 to 9998"),
        ("start: 9999-12-31", "p.start: 9999-12-31 00:00:00 is outside the years"),
        ("reading: {settle: 9.0e+10}", "p.reading.settle: must be at most 3153600000 seconds"),
        ("reading: {overlap: P200000D}", "p.reading.overlap: must be at most 3153600000 seconds"),
        ("reading: {sweep_reach: .inf}", "p.reading.sweep_reach: must be a finite number"),
        ("monitoring: {lag_target: 9.0e+10}", "p.monitoring.lag_target: must be at most"),
        ("monitoring: {sensitivity: .nan}", "p.monitoring.sensitivity: must be a finite number"),
        ("monitoring: {least_rise: 1.0e+300}", "p.monitoring.least_rise: must be at most 1000000"),
        ("reconcile: {after: 9.0e+10}", "p.reconcile.after: must be at most"),
    ],
)
def test_numbers_that_would_overflow_once_they_are_used_are_refused(keys, said):
    text = f"p: {{source: pylon, destinations: {{s3: {{type: s3, bucket: b}}}}, {keys}}}"
    assert mistakes(text).startswith(said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{type: s3, bucket: b, object_lock: GOVERNANCE, object_lock_days: 4000000}", "must be 1 to 36500"),
        ("{type: s3, bucket: b, object_lock: GOVERNANCE, object_lock_days: 0}", "must be 1 to 36500"),
        ("{type: http, max_age_hours: 9000000}", "'max_age_hours' must be at most 876000"),
        ("{type: http, max_age_hours: .nan}", "max_age_hours: must be a finite number"),
        ("{type: splunk_hec, ack_timeout: .inf}", "ack_timeout: must be a finite number"),
        ("{type: syslog, settle: 1.0e+300}", "'settle' must be 0 to 3600 seconds"),
    ],
)
def test_so_are_those_of_a_destination(written, said):
    assert said in mistakes(f"p: {{source: pylon, destinations: {{d: {written}}}}}")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("lookback: -7200", "p.source.lookback: must be at least 0"),
        ("recovery: {lookback: -P1D}", "p.source.recovery.lookback: must be at least 0"),
        ("rate_limit: {requests: 0}", "p.source.rate_limit: 'requests' must be at least 1"),
        ("rate_limit: {per: 1.0e+12}", "p.source.rate_limit.per: must be at most"),
        (
            "kept_shorter: [{what: x, kept: -1, param: k, values: [v]}]",
            "p.source.kept_shorter.0.kept: must be at least 0",
        ),
    ],
)
def test_so_are_those_of_a_source_that_is_written_in_the_file(changed, said):
    text = f"p: {{source: {{like: okta, {changed}}}, destinations: {{s3: {{type: s3, bucket: b}}}}}}"
    found = read_pipelines(text)
    assert any(each.startswith(said) for each in found.mistakes), found.mistakes


@pytest.mark.parametrize(
    ("keys", "least"),
    [
        ("retention_days: 1", 2),
        ("retention_days: 7, reading: {sweep_reach: 604800}", 8),
        ("retention_days: 2, reading: {overlap: 259200}", 4),
        ("retention_days: 1, reading: {sweep_every: 86400, sweep_reach: 172800}", 4),
    ],
)
def test_segments_are_kept_for_as_long_as_the_reading_looks_back(keys, least):
    text = "p: {{source: pylon, destinations: {{s3: {{type: s3, bucket: b}}}}, {}}}"
    said = mistakes(text.format(keys))
    assert said.startswith(f"p.retention_days: must be at least {least}, because the live reading of Pylon")
    days = keys.partition(":")[2].partition(",")[0]
    assert read_pipelines(text.format(keys.replace(days, f" {least}", 1))).mistakes == ()


def test_what_the_vendor_keeps_no_longer_is_not_looked_at_again():
    source = "{like: pylon, lookback: 7200}"
    text = f"p: {{source: {source}, destinations: {{s3: {{type: s3, bucket: b}}}}, retention_days: 1}}"
    assert read_pipelines(text).mistakes == ()


def test_names_that_no_variable_has_room_for_are_refused():
    text = "{}: {{source: pylon, destinations: {{{}: {{type: s3, bucket: b}}}}}}"
    assert read_pipelines(text.format("p" * 86, "d" * 86)).mistakes == ()
    assert mistakes(text.format("p" * 87, "d" * 86)).startswith(
        f"{'p' * 87}.destinations.{'d' * 86}: the names of the pipeline and of this destination have 173 letters"
    )


@pytest.mark.parametrize(
    "schedule",
    ["'@hourly'", "null", "'*/5 * * * *'", "'0 3 * * MON-FRI'", "'*/60 */24 29 2 *'", "'0 0 31 1,4 *'"],
)
def test_schedules_that_airflow_takes_are_taken(schedule):
    text = f"p: {{source: pylon, destinations: {{s3: {{type: s3, bucket: b}}}}, schedule: {schedule}}}"
    assert read_pipelines(text).mistakes == ()


def test_a_mistake_hides_no_other():
    text = """
    a:
      source: {like: pylon, record_at: x, nobody: 1}
      shedule: "@daily"
      page_size: many
      retention_days: 0
      destinations: {s3: {type: s3, buket: b}, siem: {type: splunkk}}
      monitoring: {lag: 1}
    b:
      sorce: pylon
      destinations: {s3: {type: s3, buket: b}}
      schedule: sometimes
    c:
      source: nobody
      settings: {a: null}
      destinations: {s3: {type: s3, buket: b}}
    """
    paths = [line.partition(": ")[0] for line in read_pipelines(text).mistakes]
    assert paths == [
        "a.shedule",
        "a.page_size",
        "a.source.record_at",
        "a.source.nobody",
        "a.retention_days",
        "a.destinations.s3.buket",
        "a.destinations.siem.type",
        "a.monitoring.lag",
        "b.sorce",
        "b.schedule",
        "b.destinations.s3.buket",
        "c.settings.a",
        "c.source",
        "c.destinations.s3.buket",
    ]


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 2 30 2 *", "names a date that does not exist"),
        ("0 0 31 4,6,9,11 *", "names a date that does not exist"),
        ("*/90 * * * *", "has a step of 90 minutes, but cron restarts it every 60 minutes"),
        ("5,0-30/75 * * * *", "has a step of 75 minutes"),
        ("0 */36 * * *", "has a step of 36 hours"),
        ("0 0 */45 * *", "has a step of 45 days"),
        ("R R * * *", "contains R, which stands for a new random time at each evaluation"),
        ("R(0-10) 2 * * *", "contains R"),
    ],
)
def test_schedules_that_nobody_means_are_refused(schedule, said):
    for key in (f"schedule: '{schedule}'", f"reconcile: {{schedule: '{schedule}'}}"):
        text = f"p: {{source: pylon, destinations: {{s3: {{type: s3, bucket: b}}}}, {key}}}"
        assert said in mistakes(text)


def test_the_inner_name_of_a_key_is_not_taken():
    text = "p: {source: pylon, destinations: {s3: {type: s3, bucket: b, omit: [a]}}}"
    assert mistakes(text) == "p.destinations.s3.omit: there is no such key, did you mean 'except'?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pylon: [", "line"),
        ("p:\n  schedule: */5 * * * *", r"line 2, column 14: .*write values that begin with '\*' in quotes"),
        ("p:\n  schedule: {{ every }}", "line 2.*write a template in quotes"),
        ("- a\n- b", "mapping"),
        ("", "contains no pipeline"),
        ("# nothing yet\n", "contains no pipeline"),
        ("a: 1\na: 2", "is used twice"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_a_file_that_is_none_is_refused(text, said):
    with pytest.raises(ConfigurationError, match=said):
        read_pipelines(text)


def test_a_file_may_say_that_there_are_no_pipelines():
    assert read_pipelines("{}") == PipelinesFile({})


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda s: (
            st.lists(s)
            | st.dictionaries(st.text(max_size=8) | st.sampled_from(["source", "destinations", "start", "type"]), s)
        ),
    )
)
def test_no_content_breaks_the_reading(content):
    try:
        found = read_pipelines(yaml.safe_dump({"p": content}))
    except ConfigurationError:
        return
    assert found.mistakes or found.pipelines


def test_a_pipeline_may_set_what_the_vendor_leaves_open():
    spec = source_from("p", "pylon", page_size=100, reading={"overlap": 1800}, rate_limit={"requests": 5})
    assert spec.request.body["limit"] == spec.fallback.body["limit"] == 100
    assert spec.reading.overlap == timedelta(minutes=30)
    assert spec.rate_limit.requests == 5
    assert source_from("p", "pylon_list", page_size=10).request.params["limit"] == 10
