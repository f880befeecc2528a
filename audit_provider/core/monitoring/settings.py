"""What a pipeline's key ``monitoring`` says: what is looked for, how sure one must be, and who is told."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from audit_provider.core.destinations.selection import Redaction
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.monitoring.summary import Kind, Severity
from audit_provider.core.validation import Mistakes, validated

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least to the greatest."""

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class Notification:
    """One way of telling findings.

    :ivar notifier: import path of a class derived from Airflow's ``BaseNotifier``.
    :ivar severity: the least severity that is told.
    :ivar arguments: further keys of the entry, handed to the class; texts may be Airflow templates.
    """

    notifier: str
    severity: Severity = "warning"
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Monitoring:
    """How a pipeline is watched.

    :ivar without: kinds of findings that are not wanted.
    :ivar lag_target: seconds; how far reading may be behind, and how long an event may wait for a destination. Four
        times as much is critical.
    :ivar watch: actions, or patterns with ``*``, that matter to security beside those that the source names.
    :ivar least_days: days of history before a surge, a new action or a new actor is told; a silence needs 14 at least.
    :ivar sensitivity: robust standard deviations beyond which a count is unusual; more finds less.
    :ivar least_rise: how many times the usual a surge is at least. :ivar least_events: events that it has at least.
    :ivar least_missed: events that would usually have come in a silence.
    :ivar settle: seconds that an hour must be over before it is looked at, since events come late.
    :ivar failed_logins_per_actor: failed logins of one actor within an hour that are a burst.
    :ivar failed_logins_per_address: the same, from one address.
    :ivar fail_on: severity from which a new or lasting finding fails the report task; none for never.
    :ivar notify: who is told, a list of ``{notifier: import.path.Class, severity: warning, …}``.
    :ivar ship_findings: whether findings are events of the pipeline too, which every destination gets.
    :ivar redact: paths of the events to ``drop`` or to ``hash`` where page, report, log and notifiers name what stands
        there; by default all that any destination of the pipeline redacts, and ``{}`` for nothing.
    """

    without: tuple[Kind, ...] = ()
    lag_target: timedelta = timedelta(hours=1)
    watch: tuple[str, ...] = ()
    least_days: int = 7
    sensitivity: float = 5.0
    least_rise: float = 2.0
    least_events: int = 20
    least_missed: float = 12.0
    settle: timedelta = timedelta(minutes=30)
    failed_logins_per_actor: int = 10
    failed_logins_per_address: int = 20
    fail_on: Severity | None = None
    notify: tuple[Notification, ...] = ()
    ship_findings: bool = False
    redact: Redaction | None = None

    def fails_on(self, severity: Severity) -> bool:
        """Whether a finding of this severity fails the report task."""
        return self.fail_on is not None and at_least(severity, self.fail_on)


def at_least(severity: Severity, least: Severity) -> bool:
    """Whether a severity is as great as another."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def monitoring_from(entry: Any, path: str) -> Monitoring | None:
    """Return what a pipeline's key ``monitoring`` says; None where it is ``false``.

    :param path: where the key stands.
    :raises ConfigurationError: with one line per mistake, each beginning with its path.
    """
    if entry is False:
        return None
    entry = {} if entry is True else entry
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{path}: must be a mapping of keys to values, or false")
    written = entry.get("notify", ())
    if not isinstance(written, (list, tuple)):
        raise ConfigurationError(f"{path}.notify: must be a list of notifiers")
    notify = tuple(_notification(each, f"{path}.notify.{place}") for place, each in enumerate(written))
    own = {key: value for key, value in entry.items() if key not in ("notify", "redact")}
    found: Monitoring = validated(Monitoring, own, path)
    mistakes = Mistakes()
    redact = None
    if entry.get("redact") is not None:
        with mistakes.collected():
            redact = redaction_from(entry["redact"], f"{path}.redact")
    for key, least in _LEAST.items():
        if getattr(found, key) < least:
            mistakes.add(f"{path}.{key}: must be at least {least}")
        elif getattr(found, key) > _MOST:
            mistakes.add(f"{path}.{key}: must be at most {_MOST}")
    for key in ("lag_target", "settle"):
        if getattr(found, key) <= timedelta(0):
            mistakes.add(f"{path}.{key}: must be more than 0 seconds")
    mistakes.raise_any()
    return dataclasses.replace(found, notify=notify, redact=redact)


def redaction_from(entry: Any, path: str) -> Redaction:
    """Return what a key ``redact`` says. :param path: where it stands.

    :raises ConfigurationError: with one line per mistake.
    """
    found: Redaction = validated(Redaction, dict(entry) if isinstance(entry, Mapping) else entry, path)
    return found


_MOST = 1_000_000
_LEAST: Mapping[str, float] = {
    "least_days": 3,
    "sensitivity": 2,
    "least_rise": 1,
    "least_events": 1,
    "least_missed": 5,
    "failed_logins_per_actor": 2,
    "failed_logins_per_address": 2,
}


def _notification(entry: Any, path: str) -> Notification:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{path}: must be a mapping with the key 'notifier'")
    own = {key: value for key, value in entry.items() if key in ("notifier", "severity")}
    found: Notification = validated(Notification, own, path)
    if not _CLASS.fullmatch(found.notifier):
        raise ConfigurationError(f"{path}.notifier: must be the import path of a class, as in package.module.Class")
    return dataclasses.replace(found, arguments={key: value for key, value in entry.items() if key not in own})
