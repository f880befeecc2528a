"""The key ``monitoring`` of a pipeline."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit_provider.core.monitoring.settings import Monitoring, Notification
from audit_provider.core.pipeline import read_pipelines


def read(monitoring):
    text = f"p: {{source: pylon, monitoring: {monitoring}, destinations: {{s3: {{type: s3, bucket: b}}}}}}"
    found = read_pipelines(text)
    return found.pipelines["p"].monitoring if not found.mistakes else found.mistakes


def test_watching_is_on_unless_it_is_off():
    assert read("true") == read("{}") == Monitoring()
    assert read("false") is None


def test_what_may_be_said():
    found = read(
        "{lag_target: 600, without: [new_action], watch: ['role.*'], fail_on: critical, ship_findings: true, notify: "
        "[{notifier: airflow.providers.slack.notifications.slack.SlackNotifier, severity: critical, channel: soc}]}"
    )
    assert found.lag_target == timedelta(minutes=10)
    assert (found.without, found.watch, found.ship_findings) == (("new_action",), ("role.*",), True)
    assert found.fails_on("critical")
    assert not found.fails_on("warning")
    assert found.notify == (
        Notification("airflow.providers.slack.notifications.slack.SlackNotifier", "critical", {"channel": "soc"}),
    )
    assert not Monitoring().fails_on("critical")


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("{lag_targt: 5}", "p.monitoring.lag_targt: there is no such key, did you mean 'lag_target'?"),
        ("{lag_target: 0}", "p.monitoring.lag_target: must be more than 0 seconds"),
        ("{sensitivity: 1}", "p.monitoring.sensitivity: must be at least 2"),
        ("{without: [surges]}", "p.monitoring.without.0: must be"),
        ("{redact: [actor]}", "p.monitoring.redact: must be a mapping"),
        ("{redact: {remove: [actor]}}", "p.monitoring.redact.remove: there is no such key"),
        ("{redact: {hash: actor}}", "p.monitoring.redact.hash: must be a list"),
        ("{fail_on: bad}", "p.monitoring.fail_on: must be"),
        ("{notify: {notifier: a.B}}", "p.monitoring.notify: must be a list of notifiers"),
        ("{notify: [a.B]}", "p.monitoring.notify.0: must be a mapping with the key 'notifier'"),
        ("{notify: [{text: hello}]}", "p.monitoring.notify.0.notifier: "),
        ("{notify: [{notifier: Slack}]}", "p.monitoring.notify.0.notifier: must be the import path of a class"),
        ("{notify: [{notifier: a.B, severity: high}]}", "p.monitoring.notify.0.severity: must be"),
        ("[1]", "p.monitoring"),
    ],
)
def test_mistakes_name_their_path(written, mistake):
    assert any(mistake in each for each in read(written)), read(written)
