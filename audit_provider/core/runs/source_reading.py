"""What a run needs to read a source: its connection, the account behind it, and its part of the request budget.

Other tasks use parts of the same budget at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from audit_provider.core.errors import ConfigurationError, UnavailableError
from audit_provider.core.ledger.records import TaskClaims, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import utc_now
from audit_provider.core.progress import PullProgress
from audit_provider.core.runs.beginning import first_moment
from audit_provider.core.runs.read_account import AccountConnection, ReadAccount, learnt, read_account
from audit_provider.core.sources import Reader
from audit_provider.core.sources.watched import budget_beside_looks
from audit_provider.core.wire.budget import NEVER, POLLING, TASKS, Claim, ClaimedPart, left_behind
from audit_provider.core.wire.rate_limit import Burst, Pacer, stamps_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Gap, Window
    from audit_provider.core.progress import Log
    from audit_provider.core.sources import PageReader, SourceSpec
    from audit_provider.core.wire.rate_limit import RateLimit


class Pacers:
    """One pacer per API. It continues from the state in which this task's last run left it.

    :param task: one of :data:`audit_provider.core.wire.budget.TASKS`.
    :param sent: when this task sent its last requests according to its position, by source.
    :param share: part of the budget that is not reserved for polling, 0 to 1.
    :param watched: whether a part of the budget is reserved for looks.
    :param sleep: called with seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        pipeline: str,
        task: str,
        sent: Mapping[str, Sequence[datetime | Burst]],
        *,
        share: float,
        watched: bool = False,
        sleep: Callable[[float], None],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._ledger = ledger
        self._pipeline = pipeline
        self._task = task
        self._sent = sent
        self._share = share
        self._watched = watched
        self._sleep = sleep
        self._now = now
        own = TaskClaims(ledger, pipeline, task)
        # A pipeline has no record before its first commit.
        self._claims = own.begin() if sent else own.load()
        self._pacers: dict[str, Pacer] = {}
        self._parts: dict[str, ClaimedPart] = {}

    def of(self, source: SourceSpec) -> Pacer:
        """Return the pacer of a source. Sources with the same name are one API with one budget.

        :raises ConfigurationError: the budget is only one request, which polling and a backfill cannot share.
        """
        if source.name not in self._pacers:
            self._pacers[source.name] = self._made(source.name, self._limit(source.rate_limit))
        return self._pacers[source.name]

    @property
    def made(self) -> int:
        """How many requests this process has sent, to all sources."""
        return sum(each.made for each in self._pacers.values())

    def give_up(self, resumes_at: datetime | None = None) -> None:
        """Release the claimed part of the budget. :param resumes_at: when this task continues; None if it has ended.

        :raises UnavailableError: the release may not be recorded; then the claim holds for some more minutes.
        """
        for part in self._parts.values():
            if part.is_claimed:
                part.give_up(resumes_at)

    def _limit(self, whole: RateLimit) -> RateLimit:
        return budget_beside_looks(whole) if self._watched else whole

    def _made(self, name: str, limit: RateLimit) -> Pacer:
        whole = limit.share(self._share).requests
        if whole < 1 and self._task != POLLING:
            raise ConfigurationError(
                f"the budget of {self._pipeline}, one request in {limit.per:g} s, cannot be shared with polling: set "
                f"its rate_limit to at least 2 requests in a longer time."
            )
        own = limit.requests - whole if self._task == POLLING else 0
        history = self._history(name, own)
        claims = _SourceClaims(self._ledger, self._pipeline, self._task, name, self._claims)
        part = ClaimedPart(
            limit, self._share, task=self._task, claims=claims, history=lambda: pacer.history, now=self._now
        )
        pacer = Pacer(limit, history=history, part=part, sleep=self._sleep, now=self._now)
        self._parts[name] = part
        return pacer

    def _history(self, name: str, own: int) -> Sequence[datetime | Burst]:
        """Return when this task's last runs sent requests, by its claim or its position, whichever is newer."""
        claim = self._claims.get(name, Claim())
        by_claim, by_position = left_behind(claim, own, self._now()), self._sent.get(name, ())
        newest = [max(stamps_of(each), default=NEVER) for each in (by_claim, by_position)]
        return by_claim if newest[0] > newest[1] else by_position


class _SourceClaims:
    """The claims on the budget of one source. :param own: all claims of this task, by source."""

    def __init__(self, ledger: Ledger, pipeline: str, task: str, source: str, own: dict[str, Claim]) -> None:
        self._task = task
        self._source = source
        self._own = own
        self._records = {each: TaskClaims(ledger, pipeline, each) for each in TASKS}

    def load(self) -> Mapping[str, Claim]:
        others = ((task, each.load()) for task, each in self._records.items() if task != self._task)
        return {task: claims[self._source] for task, claims in others if self._source in claims}

    def commit(self, claim: Claim) -> None:
        self._own[self._source] = claim
        self._records[self._task].commit(self._own)


class Connection(AccountConnection, Protocol):
    """A connection to the service that is read; implemented by a hook."""

    def pages(self, spec: SourceSpec, *, sleep: Callable[[float], None], pacer: Pacer) -> PageReader:
        """Return a reader of a source's pages that keeps to the request budget."""


@dataclass
class SourceReading:
    """What a run needs to read a source: its connection, its part of the request budget, and a callback for gaps.

    :ivar name: the stream that is read into. :ivar task: name under which the run claims a part of the budget.
    :ivar share: part of the budget that is not reserved for polling, 0 to 1.
    :ivar watched: whether a part of the budget is reserved for looks. :ivar start: time from which the first run reads.
    :ivar window_number: such as ``window 2 of 5``, "" to log no number.
    :ivar on_gap: called with each gap. :ivar account: the account that is read, once known.
    """

    ledger: Ledger
    pipeline: str
    name: StreamName
    connection: Connection
    task: str
    share: float
    watched: bool
    start: str | datetime | None
    window_number: str
    on_gap: Callable[[Gap], None]
    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    log: Log
    account: ReadAccount = field(default_factory=lambda: ReadAccount("", "", ""))
    _pacers: Pacers | None = None

    def reader(
        self, spec: SourceSpec, window: Window | None, position: Position | None, live: Position | None
    ) -> Reader:
        """Return the reader that the strategy uses.

        :param window: of the past; None for the live stream. :param live: the position of the live stream.
        :raises ConfigurationError: one of the positions was read from another account.
        """
        self.recognise(spec, position, live)
        sent_before = live.requests if live and self.task == POLLING else {}
        # A run that begins again keeps its pacers, because they know which requests it has sent.
        pacers = self._pacers = self._pacers or Pacers(
            self.ledger,
            self.pipeline,
            self.task,
            sent_before,
            share=self.share,
            watched=self.watched,
            sleep=self.sleep,
        )

        def pages(each: SourceSpec) -> PageReader:
            return self.connection.pages(each, sleep=self.sleep, pacer=pacers.of(each))

        return Reader(
            pages=pages(spec),
            recovery=pages(spec.recovery) if spec.recovery else None,
            start=window.start if window else first_moment(position, self.start, self.pipeline),
            until=window.end if window else None,
            now=self.now,
            report=self.on_gap,
            tell=self.log.warning,
        )

    @property
    def requests(self) -> int:
        """How many requests this run has sent, to all sources that it reads."""
        return self._pacers.made if self._pacers else 0

    def progress(self, reader: Reader, watermark: datetime | None) -> PullProgress:
        """Return an object that logs the progress of reading.

        :param watermark: where reading begins, None if not known.
        """
        now = self.now()
        return PullProgress(
            self.log.info,
            begun=now,
            start=watermark or reader.start,
            end=reader.until or now,
            window=self.window_number,
        )

    def recognise(self, spec: SourceSpec, position: Position | None, live: Position | None) -> None:
        """Find out which account the connection reads. Positions of another source do not matter: reading starts over.

        :raises AuditError: one of the positions was read from another account, or it cannot be known, see
            :func:`~audit_provider.core.runs.read_account.read_account`.
        """
        both = ((self.name, position), (StreamName(self.pipeline), live))
        kept = [(name, each) for name, each in both if each and each.source == spec.name]
        # If the position of the live stream was deleted, that of late events remains, and may be of another account.
        late = None if kept else position_record(self.ledger, StreamName.of_reconciliation(self.pipeline)).load()
        self.account = read_account(self.connection, kept, [late] if late else [], log=self.log, now=self.now())

    def learn_account(self) -> ReadAccount:
        """Return the account with what is to be kept of it; called before the run commits anything.

        If the vendor must be asked for its id, this asks, once in a run.
        """
        if self.account.is_to_ask:
            self.account = learnt(self.connection, self.account, self.log, self.now())
        return self.account

    def leave(self, resumes_at: datetime | None) -> None:
        """Release the claimed part of the request budget; if that cannot be recorded, the claim expires by itself.

        :param resumes_at: when the run continues; None if it has ended.
        """
        if self._pacers:
            try:
                self._pacers.give_up(resumes_at)
            except UnavailableError as error:
                self.log.warning("The share of the request budget stays reserved for some minutes: %s", error)
