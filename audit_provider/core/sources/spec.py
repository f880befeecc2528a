"""A source is a value: what to request, where the records are, how to continue. One loop reads all sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Fields
from audit_provider.core.records.facts import Category
from audit_provider.core.sources.export import Export
from audit_provider.core.sources.paging import NoPaging, Paging
from audit_provider.core.sources.reading.base import Reading
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.statement import Columns, Polling
from audit_provider.core.text.templates import TimeFormat
from audit_provider.core.wire.auth import Auth, Bearer
from audit_provider.core.wire.rate_limit import RateLimit


@dataclass(frozen=True, slots=True)
class PageSize:
    """The parameter for the page size.

    :ivar key: Name of the parameter. Example: ``limit``.
    :ivar most: Largest page size that the vendor accepts.
    """

    key: str
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Probe:
    """The request that tests a credential.

    :ivar path: Path of the request. Example: ``/v1/me``.
    :ivar shows: Dotted paths of values that the connection's *Test* shows. Example: ``[user.email]``.
    :ivar account: Dotted path of the id of the account that the credential belongs to. With it, a pull refuses to read
        on with the credential of another account. It asks for the id once, and again if the connection has changed.
        Example: ``organization.id``.
    """

    path: str
    shows: tuple[str, ...] = ()
    account: str = ""


@dataclass(frozen=True, slots=True)
class Preparation:
    """A request that must be sent before the log can be read, such as one that starts a subscription. It is sent at the
    beginning of every run, because somebody may have undone it.

    :ivar request: The request, with the keys of `Request` below.
    :ivar done_codes: The vendor's codes that mean that it was done before, with any status. Example:
        ``[ALREADY_STARTED]``.
    """

    request: Request
    done_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptShorter:
    """Events that a vendor keeps for less time than the rest of the log.

    :ivar kept: How long they are kept. Example: ``2592000``.
    :ivar what: What they are called. Example: ``sign-in events``.
    :ivar param: Request parameter that selects them. Default: every request returns them. Example: ``type``.
    :ivar values: Values of ``param`` that select them. Example: ``[sign_in]``.
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

    It is given in the pipeline's ``settings`` or in the connection's extra.

    :ivar meaning: What the value is, in a few words. Example: ``the organisation's short name``.
    :ivar default: Default value. Without one, the user must give the value.
    :ivar secret: Whether the value may be given in the connection's extra only.
    """

    meaning: str
    default: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Errors:
    """How a vendor reports errors. Each ``…_at`` is a dotted path, "" for none.

    :ivar message_at: Path of the error message in an answer. Example: ``error.message``.
    :ivar code_at: Path of the error code in an answer. Example: ``error.code``.
    :ivar ok_at: Path of a success flag beside the records. Example: ``ok``.
    :ivar ok_is: Value of the success flag if all is well.
    :ivar partial_is: Values of the success flag if records are missing from the page. Example: ``[partial]``.
    :ivar partial_at: Path of a value that is not empty only if records are missing from the page. Example:
        ``warnings``.
    :ivar slow_codes: Codes that mean "too many requests", with any status. Example: ``[TRY_LATER]``.
    :ivar slow_texts: Parts of the vendor's message that mean "too many requests", in upper or lower case. Common ones,
        such as ``rate_limited`` and "rate limit exceeded", are known. Example: ``[secondary rate limit]``.
    :ivar slow_wait: Minimum wait after "too many requests" if no header says how long.
    :ivar passing_codes: Codes of temporary faults of the vendor, also in a 200: the request is sent again. Common ones,
        such as ``internal_error`` and ``service_unavailable``, are known. Example: ``[hiccup]``.
    :ivar large_texts: Parts of the vendor's message that mean that the answer would be too large: a window is then
        halved. Example: ``[result too large]``.
    :ivar cursor_codes: Codes that mean that the cursor in the request is no longer valid. Example:
        ``[invalid_cursor]``.
    :ivar empty_codes: The vendor's codes, or HTTP statuses, that mean "there are no events": an empty, last page.
        Example: ``["404", NO_EVENTS]``.
    :ivar empty_words: Parts of the vendor's message that mean "there are no events". With ``empty_codes``, an answer
        must match both. Example: ``[no events found]``.
    :ivar resume_at: Path of the time from which to restart, in the answer that refuses a cursor. Example:
        ``resume_from``.
    :ivar hints: What a person should do, by the vendor's code or HTTP status. Example: ``{"403": "grant the scope
        audit:read."}``.
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
    large_texts: tuple[str, ...] = ()
    cursor_codes: tuple[str, ...] = ()
    empty_codes: tuple[str, ...] = ()
    empty_words: tuple[str, ...] = ()
    resume_at: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One audit-log API.

    :ivar name: Name of the source in the pipelines file. Example: ``acme``.
    :ivar title: Name for people. Example: ``Acme audit log``.
    :ivar docs: Address of the vendor's page. Example: ``https://docs.acme.example/audit``.
    :ivar base_url: Default host; a connection's host overrides it. "" if every customer has their own host. Example:
        ``https://api.acme.example``.
    :ivar request: Request for the first page, with the keys of `Request` below.
    :ivar reading: Reading strategy, with its ``type`` and settings. Example: ``{type: closed_windows, overlap: 300}``.
    :ivar records_at: Dotted path of the records; "" if the answer is the list itself. ``|`` separates paths, if later
        pages differ from the first. Example: ``data``.
    :ivar fields: Where the records keep the event's id, time and other values, with the keys of `Fields` below.
    :ivar rate_limit: Request budget, with the keys of `RateLimit` below. Example: ``{requests: 60, per: 60}``.
    :ivar paging: How the next page is found, with its ``type`` and settings. Default: an answer is complete. Example:
        ``{type: link}``.
    :ivar follow: Request for later pages, if it differs from ``request``.
    :ivar fallback: Another form of the first page's request, to try if the vendor refuses the first form.
    :ivar preparation: Request that must be sent before the log can be read, with the keys of `Preparation` below.
    :ivar auth: How requests are authenticated, with its ``type`` and settings. Default: the password as a bearer token.
        Example: ``{type: basic}``.
    :ivar probe: Request that tests the credential, with the keys of `Probe` below. Default: the request for the first
        page.
    :ivar host_example: Example of a customer's own host. Example: ``https://acme.example.com``.
    :ivar page_url: Address of the vendor's page that shows this log. ``{host}`` is replaced by the connection's host,
        other names in braces by settings that are not secret. Example: ``https://{host}/audit``.
    :ivar regions: Other hosts, by name. Example: ``{eu: "https://api.eu.acme.example"}``.
    :ivar times: How ``{start}`` and ``{end}`` are written. Example: ``epoch_ms``.
    :ivar records_may_be_absent: Whether an answer without ``records_at``, an answer that is ``null`` or one without a
        body is an empty page. If such an answer has records in another list, it is still an error.
    :ivar records_by_key: Whether ``records_at`` is an object whose values are the records, as in ``{Event1: …, Event2:
        …}``.
    :ivar volatile: Dotted paths of fields that change with every answer, such as a link that expires. They are ignored
        when a record is compared with another of the same id, and in the digest that identifies a record without an id.
        They are spooled like all others. Example: ``[details.download_url]``.
    :ivar errors: How the vendor reports errors, with the keys of `Errors` below.
    :ivar columns: Where the names of columns are, if the records are lists of values, with the keys of `Columns` below.
    :ivar polling: How to wait for a result that is not ready at once, with the keys of `Polling` below.
    :ivar explode_at: Dotted path of a list in a record, of which each element is an event. A record with several
        elements becomes one event for each, with the other values of the record; one without an id stays one event.
        Default: a record is one event. Example: ``events``.
    :ivar each: Name of a setting that is a list. The log of each of its values is read by itself, with its own place to
        continue from. Default: there is one log. Example: ``applications``.
    :ivar page_size: Parameter for the page size, with the keys of `PageSize` below. Default: the vendor has none.
    :ivar lookback: How far back the vendor serves events. Default: no limit is known. Example: ``P90D``.
    :ivar kept_shorter: Kinds of events that are kept for less time than the rest, with the keys of `KeptShorter` below.
    :ivar recovery: A source for the same log that can be read by time, if this one cannot. It is used to restart after
        a refused cursor, to find late events, and for backfills.
    :ivar export: Where the files are, if the events come in files, with its ``type`` and settings.
    :ivar settings: Values that the user must give, by name, with the keys of `Setting` below. Example: ``{organization:
        the organisation's short name}``.
    :ivar actions: Meaning of actions, or of patterns of them: ``kind.verb`` or ``kind.verb.outcome``; see
        ``audit_provider/core/records/facts.py``. The entry "" is for records without an action. Example:
        ``{member.invited: user.create}``.
    :ivar categories: Category in monitoring of actions, or of patterns of them, if their meaning does not determine it.
        Example: ``{report.viewed: data access}``.
    :ivar watched: Security-relevant actions, or patterns of them: each day with one is a finding. Example:
        ``[token.created]``.
    :ivar credential: What to put into which field of the connection. Example: ``{password: API token}``.
    :ivar access: What to create at the vendor, and which permission and plan it needs.
    :ivar limits: Other limits of the vendor.
    :ivar confidence: What the description is based on. Example: ``Vendor documentation.``
    :ivar checked: Day on which the description was last compared with the vendor's documents. Default: nobody recorded
        it. Example: ``2026-11-29``.
    :ivar unconfirmed: What is not certain, by key of this source: override the key if it proves wrong.
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
    preparation: Preparation | None = None
    auth: Auth = field(default_factory=Bearer)
    probe: Probe | None = None
    host_example: str = ""
    page_url: str = ""
    regions: Mapping[str, str] = field(default_factory=dict)
    times: TimeFormat = "rfc3339"
    records_may_be_absent: bool = False
    records_by_key: bool = False
    volatile: tuple[str, ...] = ()
    errors: Errors = field(default_factory=Errors)
    columns: Columns | None = None
    polling: Polling | None = None
    explode_at: str = ""
    each: str = ""
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
        """How long before now its reads end: the reading strategy's setting, or zero if that has none."""
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
                f"{self.title} cannot be read by time, so there is no backfill of it: the first run of the incremental "
                "DAG reads it from the beginning of its cursor."
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
            preparation=replace(self.preparation, request=change(self.preparation.request))
            if self.preparation
            else None,
            export=self.export.mapped(change) if self.export else None,
            polling=replace(self.polling, request=change(self.polling.request)) if self.polling else None,
            probe=replace(self.probe, path=change(Request("GET", self.probe.path)).path) if self.probe else None,
            recovery=self.recovery._mapped(change) if self.recovery else None,
        )
