"""A pipeline's key ``monitoring``: which findings are made, with which sensitivity, and who is notified."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.monitoring.summary import Kind, Severity
from audit_provider.core.records.selection import Redaction
from audit_provider.core.text.validation import Mistakes, validated

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""All severities, the lowest first."""

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class Notification:
    """One notifier for findings.

    :ivar notifier: Import path of a class derived from Airflow's ``BaseNotifier``. Example:
        ``airflow.providers.smtp.notifications.smtp.SmtpNotifier``.
    :ivar severity: Lowest severity of the findings that are sent: ``info``, ``warning`` or ``critical``.
    :ivar arguments: All further keys of the entry. They are passed to the class; texts may be Airflow templates.
        Example: ``to: soc@example.com``.
    """

    notifier: str
    severity: Severity = "warning"
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Monitoring:
    """How a pipeline is monitored.

    :ivar without: Kinds of findings to leave out. Example: ``[new_action, new_actor]``.
    :ivar lag_target: Seconds by which reading may be behind, and for which an event may wait for a destination. Four
        times as much is critical. Example: ``900``.
    :ivar watch: Security-relevant actions, or patterns with ``*``, in addition to those of the source. Example:
        ``["role.*"]``.
    :ivar least_days: Days of history before surges, new actions and new actors are reported. Silences need at least 14
        days.
    :ivar sensitivity: Robust standard deviations beyond which a count is unusual. A lower value finds more. Example:
        ``4``.
    :ivar least_rise: How many times the usual count a surge must have at least. Example: ``3``.
    :ivar least_events: How many events a surge must have at least. Example: ``50``.
    :ivar least_missed: How many events would usually have arrived during a silence, at least. Example: ``30``.
    :ivar settle: Seconds to wait after the end of an hour before it is evaluated, because events arrive late.
    :ivar failed_logins_per_actor: Failed logins of one actor within an hour that count as a burst. Example: ``20``.
    :ivar failed_logins_per_address: Failed logins from one IP address within an hour that count as a burst. Example:
        ``50``.
    :ivar fail_on: Severity from which a new or continuing finding fails the report task. Default: never. Example:
        ``critical``.
    :ivar notify: Notifiers for findings, a list of the keys below. Example: ``[{notifier: my.module.Notifier, severity:
        warning}]``.
    :ivar ship_findings: Whether findings are also events of the pipeline that every destination receives.
    :ivar redact: Paths of the events to ``drop`` or to ``hash`` in the page, the report, the log and the notifiers.
        Default: all that any destination of the pipeline redacts; ``{}`` for none. Example: ``{hash: [actor.email]}``.
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
        """Return whether a finding of this severity fails the report task."""
        return self.fail_on is not None and at_least(severity, self.fail_on)


def at_least(severity: Severity, least: Severity) -> bool:
    """Return whether a severity is equal to or higher than another."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def monitoring_from(entry: Any, path: str) -> Monitoring | None:
    """Return the settings under a pipeline's key ``monitoring``; None if it is ``false``.

    :param path: of the key, for messages.
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
    """Return the redaction under a key ``redact``. :param path: of the key, for messages.

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
