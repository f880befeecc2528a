"""A source is a value: what to ask, where the records are, how to read on. One loop reads all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from audit_provider.core.auth import Auth, Bearer
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Fields
from audit_provider.core.monitoring.categories import Category
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.export import Export
from audit_provider.core.sources.paging import NoPaging, Paging
from audit_provider.core.sources.reading.base import Reading
from audit_provider.core.sources.request import Request
from audit_provider.core.templates import TimeFormat


@dataclass(frozen=True, slots=True)
class PageSize:
    """The parameter of the page size. :ivar key: its name. :ivar most: the vendor's largest."""

    key: str
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Probe:
    """The request that proves a credential.

    :ivar shows: dotted paths of what to show the person who pressed Test.
    """

    path: str
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptShorter:
    """Events that a vendor keeps for less time than the rest of the log.

    :ivar kept: how long. :ivar what: what they are called.
    :ivar param: of the request, with which they come, where it has one of :ivar values: these; "" where they come with
        every request.
    """

    kept: timedelta
    what: str
    param: str = ""
    values: tuple[str, ...] = ()

    def comes_with(self, request: Request) -> bool:
        """Whether a request asks for them."""
        return not self.param or request.params.get(self.param) in self.values


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that only the user knows, such as an organisation's name.

    It stands in the pipeline's ``settings`` or the connection's extra.

    :ivar default: None where the user must give one. :ivar secret: it belongs in the connection's extra alone.
    """

    meaning: str
    default: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Errors:
    """How a vendor says that something is wrong. Each ``…_at`` is a dotted path, "" for none.

    :ivar ok_at: a flag beside the records, :ivar ok_is: its value where all is well, :ivar partial_is: its values where
        records are missing from the page.
    :ivar partial_at: what is not empty only where records are missing from the page.
    :ivar slow_codes: codes that mean "too many requests", with whatever status; :ivar slow_texts: parts of the vendor's
        message that mean it, in upper or lower case. Usual ones, such as ``rate_limited`` and "rate limit exceeded",
        are known without being named.
    :ivar slow_wait: how long to wait at least after these where no header says how long.
    :ivar passing_codes: codes of the vendor's own faults that pass, also in a 200: the request is sent again. Usual
        ones, such as ``internal_error`` and ``service_unavailable``, are known without being named.
    :ivar cursor_codes: codes that mean, where the request held a cursor, that it is no longer valid; likewise.
    :ivar empty_codes: the vendor's codes, or HTTP statuses, that mean "there are no events": an empty, last page.
    :ivar empty_words: parts of the vendor's words, one of which such an answer must hold; alone they mean the same.
    :ivar resume_at: beside a refused cursor, the time to begin again from.
    :ivar hints: the vendor's code, or HTTP status, to what a person should do.
    """

    message_at: str = ""
    code_at: str = ""
    ok_at: str = ""
    ok_is: Any = True
    partial_is: tuple[str, ...] = ()
    partial_at: str = ""
    slow_codes: tuple[str, ...] = ()
    slow_texts: tuple[str, ...] = ()
    slow_wait: timedelta = timedelta(minutes=1)
    passing_codes: tuple[str, ...] = ()
    cursor_codes: tuple[str, ...] = ()
    empty_codes: tuple[str, ...] = ()
    empty_words: tuple[str, ...] = ()
    resume_at: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One audit-log API.

    :ivar title: the name people use. :ivar docs: the vendor's page.
    :ivar base_url: default host; a connection's host overrides it; "" where every customer has one of their own.
    :ivar host_example: what such a host looks like. :ivar regions: other hosts, by name.
    :ivar page_url: the page on which people read this log at the vendor, where its address is known; ``{host}`` in it
        stands for the connection's host, other names in braces for settings that are not secret.
    :ivar request: of the first page. :ivar follow: of the pages after it, where that is another request.
    :ivar fallback: the first page's, in the shape to try where it is refused.
    :ivar reading: how to read on without loss. :ivar times: how ``{start}`` and ``{end}`` are written.
    :ivar records_at: dotted path of the records; "" where the answer is the list itself.
    :ivar records_may_be_absent: an answer without that path is an empty page, as this vendor sends it; likewise one
        that is ``null``, or that has no body at all. Where it has records in another list, it is an error all the same.
    :ivar volatile: dotted paths of fields that change with every answer, such as a link that expires. They are left out
        where a record is compared with one of the same id, and where its content names it; they are spooled like all
        others.
    :ivar page_size: the parameter of the page size; None where the vendor has none.
    :ivar lookback: how far back the vendor lets anyone read; None where no limit is known.
    :ivar kept_shorter: kinds of events that are kept for less time than the rest.
    :ivar recovery: the source over the same log that reads by time, where this one cannot.
    :ivar export: where the events come in files. :ivar settings: what the user must say, by name.
    :ivar actions: actions, or patterns of them, to what they mean: ``kind.verb`` or ``kind.verb.outcome``; see
        :mod:`audit_provider.core.formats.meaning`.
    :ivar categories: actions, or patterns of them, to their category in monitoring where their meaning does not say it.
    :ivar watched: actions, or patterns of them, that matter to security: each day with one is a finding.
    :ivar credential: what belongs into which field of the connection.
    :ivar access: what to create at the vendor, and which right and plan it needs.
    :ivar limits: the vendor's other limits. :ivar confidence: what the facts rest on. :ivar checked: the day on which
        they were last held against the vendor's documents, as in ``2026-11-29``; "" where nobody noted it.
    :ivar unconfirmed: key of this source to what is not certain about it: override it where it proves wrong.
    """

    name: str
    title: str
    docs: str
    base_url: str
    request: Request
    reading: Reading
    records_at: str
    fields: Fields
    rate_limit: RateLimit
    paging: Paging = field(default_factory=NoPaging)
    follow: Request | None = None
    fallback: Request | None = None
    auth: Auth = field(default_factory=Bearer)
    probe: Probe | None = None
    host_example: str = ""
    page_url: str = ""
    regions: Mapping[str, str] = field(default_factory=dict)
    times: TimeFormat = "rfc3339"
    records_may_be_absent: bool = False
    volatile: tuple[str, ...] = ()
    errors: Errors = field(default_factory=Errors)
    page_size: PageSize | None = None
    lookback: timedelta | None = None
    kept_shorter: tuple[KeptShorter, ...] = ()
    recovery: SourceSpec | None = None
    export: Export | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    actions: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, Category] = field(default_factory=dict)
    watched: frozenset[str] = frozenset()
    credential: Mapping[str, str] = field(default_factory=lambda: {"password": "API token"})
    access: str = ""
    limits: str = ""
    confidence: str = ""
    checked: str = ""
    unconfirmed: Mapping[str, str] = field(default_factory=dict)

    @property
    def behind(self) -> timedelta:
        """How long before now its reads end: the reading strategy's setting, where that has one."""
        behind: timedelta = getattr(self.reading, "behind", timedelta(0))
        return behind

    def with_page_size(self, size: int) -> SourceSpec:
        """Return the source asking for pages of ``size`` events."""
        key = self.page_size.key if self.page_size else ""
        sized = self._mapped(lambda request: request.with_page_size(key, size))
        return sized if self._shares_budget else replace(sized, recovery=self.recovery)

    def with_rate_limit(self, limit: RateLimit) -> SourceSpec:
        """Return the source with another budget."""
        recovery = self.recovery
        if recovery and self._shares_budget:
            recovery = replace(recovery, rate_limit=limit)
        return replace(self, rate_limit=limit, recovery=recovery)

    def with_settings(self, values: Mapping[str, str]) -> SourceSpec:
        """Return the source with values in place of its settings' names."""
        return self._mapped(lambda request: request.filled(values))

    def for_backfill(self) -> SourceSpec:
        """Return the source that reads a span of the past: itself, or the one that reads the same log by time.

        :raises ConfigurationError: there is none.
        """
        if self.reading.backfill != "recovery":
            return self
        if self.recovery is None:
            raise ConfigurationError(
                f"{self.title} cannot be read by time, so there is no backfill of it: it is read from where its cursor "
                f"begins, by the first run of the incremental DAG."
            )
        return self.recovery

    @property
    def _shares_budget(self) -> bool:
        """Whether the recovery source is the same API under the same name."""
        return self.recovery is not None and self.recovery.name == self.name

    def _mapped(self, change: Any) -> SourceSpec:
        """Return the source with every request changed."""
        return replace(
            self,
            request=change(self.request),
            follow=change(self.follow) if self.follow else None,
            fallback=change(self.fallback) if self.fallback else None,
            export=self.export.mapped(change) if self.export else None,
            probe=replace(self.probe, path=change(Request("GET", self.probe.path)).path) if self.probe else None,
            recovery=self.recovery._mapped(change) if self.recovery else None,
        )
