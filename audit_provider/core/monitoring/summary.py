"""What a report stores for the page in Airflow's UI: everything it needs besides the records of progress, bounded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from audit_provider.core.ledger.records import Ledger, Record
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.monitoring.activity import REST
from audit_provider.core.records.derived_names import UNNAMED, Name, Role, Treatment, in_place_of, without
from audit_provider.core.text.state_version import Codec

Severity = Literal["info", "warning", "critical"]
Kind = Literal[
    "surge",
    "silence",
    "new_action",
    "new_actor",
    "failed_logins",
    "security_action",
    "lag",
    "undelivered",
    "refused",
    "gap",
    "notice",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should see.

    :ivar id: The same for the same finding in every report, so that it is sent once.
    :ivar title: One sentence.
    :ivar at: When it happened or began.
    :ivar subject: The action, actor, address, destination or category that it is about.
    :ivar count: Number of events behind it.
    :ivar low: Lower end of the usual range, if the finding is about a count.
    :ivar high: Upper end of the usual range, if the finding is about a count.
    :ivar names: Names of events in the title; None if an earlier version wrote it.
    :ivar subject_is: Role of the subject, if it is a name of events.
    """

    id: str
    kind: Kind
    severity: Severity
    title: str
    at: datetime
    subject: str = ""
    count: int = 0
    low: float | None = None
    high: float | None = None
    names: tuple[Name, ...] | None = None
    subject_is: Role | None = None

    def shown(self, hidden: Mapping[Role, Treatment]) -> Finding:
        """Return the finding as it may be shown, without the places of its names.

        :param hidden: roles of names that may not be shown.
        """
        title, subject = self.title, self.subject
        if hidden and self.names is None:
            title, subject = UNNAMED.format(self.kind), ""
        elif hidden:
            title = without(title, self.names or (), hidden)
            if self.subject_is and self.subject_is in hidden and subject != REST:
                subject = in_place_of(subject, hidden[self.subject_is])
        return replace(self, title=title, subject=subject, names=None, subject_is=None)


@dataclass(frozen=True, slots=True)
class ActionCounts:
    """How often an action happened. :ivar days: counts by day, for the days of the summary."""

    action: str
    category: str
    days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WatchedCounts:
    """How often an actor performed a security-relevant action on one object.

    :ivar last: The last day on which it happened. :ivar count: Number of events on the days that are listed.
    :ivar object_type: Type of the object, :ivar object: its id, and :ivar target: the user or group that was acted on;
        "" if the source does not say so.
    """

    action: str
    actor: str
    last: date
    count: int
    object_type: str = ""
    object: str = ""
    target: str = ""

    def shown(self, hidden: Mapping[Role, Treatment]) -> WatchedCounts:
        """Return the counts as they may be shown. :param hidden: roles of names that may not be shown."""

        def of(role: Role, text: str) -> str:
            return in_place_of(text, hidden[role]) if role in hidden and text not in ("", REST) else text

        return replace(
            self,
            action=of("action", self.action),
            actor=of("actor", self.actor),
            object_type=of("object_type", self.object_type),
            object=of("object", self.object),
            target=of("target", self.target),
        )


@dataclass(frozen=True, slots=True)
class DayDelivery:
    """What became of a destination's events on one day, from the last report of the day.

    :ivar delivered: Events that it took on that day. :ivar set_aside: Events that became dead letters on that day.
    :ivar left_out: Events that its settings leave out. :ivar waiting: Events that were pending at the end.
    :ivar waited: The longest time for which its oldest pending event had waited, in seconds.
    """

    delivered: int = 0
    set_aside: int = 0
    left_out: int = 0
    waiting: int = 0
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class DayAccount:
    """What was read and delivered on one day (UTC) in the live stream, from the last report of the day.

    :ivar read: Events that were read into the spool on that day. :ivar destinations: By name.
    """

    day: date
    read: int
    destinations: dict[str, DayDelivery] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known about a pipeline's activity.

    :ivar made_at: When the report ran.
    :ivar lag: How far reading was behind, in seconds: since the last complete read, or behind the watermark; None if
        nothing was read.
    :ivar first_hour: The first of ``hours``.
    :ivar hours: Events by hour, oldest first; the last hour is not over.
    :ivar first_day: The first of the days.
    :ivar days: Events by category and day, oldest first; the last day is not over.
    :ivar low: Lower end of the usual range by day, for all categories together.
    :ivar high: Upper end of the usual range by day, for all categories together.
    :ivar actions: The most frequent actions, with the rest of each category under ``…``.
    :ivar unknown_actions: Actions without a known meaning.
    :ivar watched: Security-relevant actions of the last days with actor and object, newest first; empty if an earlier
        version wrote the summary.
    :ivar findings: Findings of the last days, newest first.
    :ivar dead_letters: Number of open dead letters, by destination. :ivar redriven: Number of those that it took later,
        and :ivar discarded: of those that a person discarded.
    :ivar redriven_live: Number of those of the live stream that it took later; empty if an earlier version wrote the
        summary.
    :ivar lags: The largest lag by day, in seconds.
    :ivar delivered: Events by destination and day.
    :ivar lags_by_hour: The largest lag by the hours of ``hours``, if reports have seen it.
    :ivar delivered_by_hour: Events by destination and the hours of ``hours``, if reports have seen them.
    :ivar by_day: What was read and delivered on the days with a report, oldest first; the last day is not over.
    :ivar again: The next run makes another report even if it finds nothing new, because this one failed or did not end.
    :ivar read_to: The end of the live stream that the report has examined, see ``Position.place``; "" if unknown.
    :ivar counts: Digests of the files of counts in the spool, by name; empty if an earlier version wrote the summary.
    """

    pipeline: str
    source: str
    made_at: datetime
    lag: float | None = None
    first_hour: datetime | None = None
    hours: tuple[int, ...] = ()
    first_day: datetime | None = None
    days: dict[str, tuple[int, ...]] = field(default_factory=dict)
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    actions: tuple[ActionCounts, ...] = ()
    unknown_actions: tuple[str, ...] = ()
    watched: tuple[WatchedCounts, ...] = ()
    findings: tuple[Finding, ...] = ()
    dead_letters: dict[str, int] = field(default_factory=dict)
    lags: tuple[float, ...] = ()
    delivered: dict[str, tuple[int, ...]] = field(default_factory=dict)
    lags_by_hour: tuple[float, ...] = ()
    delivered_by_hour: dict[str, tuple[int, ...]] = field(default_factory=dict)
    by_day: tuple[DayAccount, ...] = ()
    again: bool = False
    read_to: str = ""
    redriven: dict[str, int] = field(default_factory=dict)
    discarded: dict[str, int] = field(default_factory=dict)
    redriven_live: dict[str, int] = field(default_factory=dict)
    counts: dict[str, str] = field(default_factory=dict)


def finding_id(kind: Kind, *parts: str) -> str:
    """Return the id of a finding: a short digest of its kind, its subject, and its day or beginning."""
    return hashlib.sha256("\n".join((kind, *parts)).encode()).hexdigest()[:12]


SUMMARIES: Codec[Summary] = Codec(Summary, "a summary", "delete it, the next report creates another")
"""How a summary is kept."""


def shown_summary(summary: Summary, hidden: Mapping[Role, Treatment]) -> Summary:
    """Return a summary as it may be shown. :param hidden: roles of names that may not be shown."""
    findings = tuple(each.shown(hidden) for each in summary.findings)
    watched = tuple(each.shown(hidden) for each in summary.watched)
    how = hidden.get("action")
    if not how:
        return replace(summary, findings=findings, watched=watched)
    actions = tuple(
        each if each.action == REST else replace(each, action=in_place_of(each.action, how)) for each in summary.actions
    )
    unknown = tuple(in_place_of(each, how) for each in summary.unknown_actions)
    return replace(summary, findings=findings, watched=watched, actions=actions, unknown_actions=unknown)


def with_again(summary: Summary, *, again: bool, read_to: str | None = None) -> Summary:
    """Return a summary that says whether the next run makes another report in any case.

    :param read_to: see :class:`Summary`; None keeps it.
    """
    return replace(summary, again=again, read_to=summary.read_to if read_to is None else read_to)


def summary_record(ledger: Ledger, pipeline: str) -> Record[Summary]:
    """Return the record of what the last report of a pipeline wrote for the page."""
    said = f"Summary of {pipeline}'s activity; written by its reports."
    return Record(ledger, RecordKey("summary", StreamName(pipeline)), SUMMARIES, said)
