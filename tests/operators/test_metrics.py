"""Figures of runs, as a StatsD server hears them."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from audit_provider.sandbox.events import generate

stats = pytest.importorskip("airflow.sdk.observability.stats", reason="this Airflow sets its Stats up elsewhere")


class Listener:
    """A StatsD server: keeps what came, by metric."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)  # what was sent is here: both ends are of one machine
        self.port = self._socket.getsockname()[1]

    def heard(self):
        """Return what has come since the last call: ``{metric: (value, kind)}``."""
        found = {}
        while True:
            try:
                line = self._socket.recv(4096).decode()
            except BlockingIOError:
                return found
            name, _, rest = line.partition(":")
            value, _, kind = rest.partition("|")
            found[name] = (float(value), kind)

    def close(self):
        self._socket.close()


@pytest.fixture
def listen(monkeypatch):
    from airflow.sdk.observability.metrics import stats_utils

    listener = Listener()

    def listen(*, tags):
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(listener.port))
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", str(tags))
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
        return listener

    yield listen
    monkeypatch.undo()
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
    listener.close()


def test_reading_and_shipping_are_counted_with_tags(world, listen):
    listener = listen(tags=True)
    world.pull()
    heard = listener.heard()
    of_source = ",pipeline=p,source=pylon"
    assert heard[f"airflow.audit_logs.read{of_source}"] == heard[f"airflow.audit_logs.spooled{of_source}"] == (700, "c")
    lag, kind = heard[f"airflow.audit_logs.lag_seconds{of_source}"]
    assert (0 <= lag < 60, kind) == (True, "g")
    world.ship("splunk")
    of_destination = ",pipeline=p,destination=splunk_hec,source=pylon"
    assert listener.heard() == {
        f"airflow.audit_logs.delivered{of_destination}": (700, "c"),
        f"airflow.audit_logs.pending{of_destination}": (0, "g"),
        f"airflow.audit_logs.dead_letters{of_destination}": (0, "g"),
    }


def test_where_there_are_no_tags_the_names_tell_pipelines_and_destinations_apart(world, listen):
    listener = listen(tags=False)
    world.pull()
    assert set(listener.heard()) == {f"airflow.audit_logs.{name}.p" for name in ("read", "spooled", "lag_seconds")}
    for kind, name in (("splunk", "splunk_hec"), ("s3", "s3")):
        world.ship(kind)
        assert listener.heard()[f"airflow.audit_logs.delivered.p.{name}"] == (700, "c")
        world.ship(kind)
        heard = listener.heard()
        assert f"airflow.audit_logs.delivered.p.{name}" not in heard, "nothing was"
        assert heard[f"airflow.audit_logs.pending.p.{name}"] == (0, "g")


def test_a_destination_that_is_down_shows_as_pending(world, listen):
    listener = listen(tags=False)
    world.pull()
    listener.heard()
    world.splunk.faults.add("status", status=403, count=None, after=1)
    with pytest.raises(AirflowException):
        world.ship("splunk", options={"batch_events": 300})
    heard = listener.heard()
    assert heard["airflow.audit_logs.delivered.p.splunk_hec"] == (300, "c")
    assert heard["airflow.audit_logs.pending.p.splunk_hec"] == (400, "g")
    world.splunk.faults.clear()
    world.ship("splunk")
    heard = listener.heard()
    assert heard["airflow.audit_logs.delivered.p.splunk_hec"] == (400, "c")
    assert heard["airflow.audit_logs.pending.p.splunk_hec"] == (0, "g")


def test_a_source_that_cannot_be_read_shows_as_lag(world, listen):
    listener = listen(tags=False)
    world.pull()
    first = listener.heard()["airflow.audit_logs.lag_seconds.p"]
    world.pylon.faults.add("status", status=403, count=None)
    with pytest.raises(AirflowException):
        world.pull()
    heard = listener.heard()
    assert heard["airflow.audit_logs.lag_seconds.p"] >= first
    assert "airflow.audit_logs.read.p" not in heard


def test_dead_letters_are_counted_while_they_are_open(world, listen):
    (poison,) = generate(1, world.now - timedelta(minutes=3), world.now, seed=99)
    poison["metadata"] = {"huge": "x" * 1_100_000}
    world.pylon.add([poison])
    listener = listen(tags=False)
    world.pull()
    world.ship("datadog", dead_letters="succeed")
    assert listener.heard()["airflow.audit_logs.dead_letters.p.datadog"] == (1, "g")


def test_a_backfill_is_counted_but_leaves_the_live_gauges_alone(world, listen):
    listener = listen(tags=False)
    window = {"start": (world.now - timedelta(days=30)).isoformat(), "end": world.now.isoformat()}
    spooled = world.pull(window=window)["spooled"]
    world.ship("splunk", windows=[window], params={})
    heard = listener.heard()
    assert heard["airflow.audit_logs.delivered.p.splunk_hec"] == (spooled, "c")
    assert not any(kind == "g" for _, kind in heard.values())
