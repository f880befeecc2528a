"""A pipeline of the core's own objects: a scripted source, scripted destinations, a ledger in a dict, a local spool.

Every step towards something durable can be the last one of a process, or the one at which another process comes first:
a write into the spool, a write of a record, a batch that a destination takes.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from audit_provider.core.destinations.base import Limits, Outcome, Verdict
from audit_provider.core.errors import AuditError, SpoolDamagedError, StopError, UnavailableError
from audit_provider.core.ledger.event_account import Account
from audit_provider.core.ledger.records import MemoryLedger, offset_record, position_record, removal_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import back_by
from audit_provider.core.pull import pull
from audit_provider.core.runs.attempt import Patience
from audit_provider.core.runs.beginning import begun_position, known_streams, on_kept_chain
from audit_provider.core.runs.letters import redrive_letters
from audit_provider.core.runs.retention import retain
from audit_provider.core.runs.shipment import Shipment, forget_replay
from audit_provider.core.shipping.sending_again import TimeRange
from audit_provider.core.shipping.terms import Terms
from audit_provider.core.sources import PYLON, Reader
from audit_provider.core.spool import LocalStore
from audit_provider.core.streams.open_stream import OpenStream, PositionWriter, kept_letters, opened_for
from audit_provider.core.verification import Progress, verify
from tests.core.destinations.stand_ins import Crash
from tests.core.simulation import BEGIN, Pages, Row, Service

LIVE = StreamName("p")
KEPT = timedelta(days=4)
"""How long the vendor keeps events, where it does not keep them for ever."""

LOOKS_BACK = timedelta(hours=24)
RETENTION_DAYS = 1
POISON, LEFT_OUT = "poison", "left-out"
"""In the id of an event that a destination refuses until it is repaired, and of one that its ``except`` names."""

ROUNDS = 12
"""Runs after which all must be well again, the remedies that the errors name included."""


class Steps:
    """Counts what is durable, and lets a process die, or another one come first, at one of these steps."""

    def __init__(self):
        self._count = 0
        self._last: int | None = None
        self._met: int | None = None
        self._other = None
        self._is_dead = False

    def step(self):
        """Go on by one step. :raises Crash: the process is gone."""
        if self._is_dead:
            raise Crash
        self._count += 1
        if self._count == self._last:
            self._is_dead = True
            raise Crash
        if self._count == self._met:
            self._met = None
            other, self._other = self._other, None
            self.run(other)

    def run(self, work, *, last=None, met=None, other=None):
        """Do the work of one process.

        :param last: the step that is its last. :param met: at this step, ``other`` is done by another process.
        :return: the error that it ended with; None where it ended well.
        """
        before = self._count, self._last, self._met, self._other, self._is_dead
        self._count, self._last, self._met, self._other, self._is_dead = 0, last, met, other, False
        try:
            work()
        except (AuditError, Crash) as error:
            return error
        finally:
            self._count, self._last, self._met, self._other, self._is_dead = before
        return None


class Ledger(MemoryLedger):
    """Records in a dict, each written in two steps."""

    def __init__(self, steps):
        super().__init__()
        self._steps = steps

    def write(self, key, text, description=""):
        self._steps.step()
        super().write(key, text, description)
        self._steps.step()

    def delete(self, key):
        self._steps.step()
        super().delete(key)


class Spool(LocalStore):
    """A folder, each file of which is written in two steps."""

    def __init__(self, root, steps):
        super().__init__(root)
        self.root = root
        self._steps = steps

    def put(self, key, content):
        self._steps.step()
        super().put(key, content)
        self._steps.step()

    def delete(self, key):
        self._steps.step()
        super().delete(key)

    def saved(self) -> dict[str, bytes]:
        """Return all files as they are."""
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in self.root.rglob("*.*")}

    def restore(self, files):
        """Put files in the place of all that is there."""
        shutil.rmtree(self.root, ignore_errors=True)
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@dataclass
class Far:
    """A destination that remembers.

    :ivar name: under which the pipeline serves it. :ivar taken: ids, and how often each came.
    :ivar refused: ids that it refused. :ivar said: verdicts of the next batches: ``down`` takes nothing and answers
        nothing, ``lost`` takes all and its answer is lost. :ivar is_repaired: it refuses nothing.
    """

    name: str
    steps: Steps
    taken: Counter = field(default_factory=Counter)
    contents: dict[str, bytes] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    is_repaired: bool = False
    limits: Limits = Limits(events=4, batch_bytes=10_000, event_bytes=1000)

    def encode(self, event, *, restamp):
        return bytes(event.raw)

    def send(self, batch):
        self.steps.step()
        said = self.said.pop(0) if self.said else ""
        if said == "down":
            raise UnavailableError(f"{self.name} is down")
        verdicts = []
        for item in batch.items:
            if POISON in item.event.id and not self.is_repaired:
                self.refused.add(item.event.id)
                verdicts.append(Verdict.REFUSED)
                continue
            self.taken[item.event.id] += 1
            self.contents[item.event.id] = item.encoded
            verdicts.append(Verdict.DELIVERED)
        self.steps.step()
        if said == "lost":
            raise UnavailableError(f"{self.name} broke off")
        return Outcome(tuple(verdicts), said="its own words")

    def check(self):
        return "here"


class Log:
    """A log that keeps what is said."""

    def __init__(self):
        self.lines = []

    def info(self, message, /, *arguments):
        self.lines.append(message % arguments)

    warning = error = info


class World:
    """One pipeline, and what was done to it.

    :param folder: for the spool. :param order: of the vendor's pages. :param keeps: how long the vendor keeps events.
    :ivar served: every event that the vendor has ever shown, by id.
    :ivar is_harmed: a process died, an answer was lost, two wrote at once, or something older was restored, so that
        events may be sent again. :ivar is_rewritten: of these, what may put an event into the spool again.
    :ivar lost_files: an older spool was restored.
    """

    def __init__(self, folder: Path, *, order="newest", keeps: timedelta | None = None):
        self.steps = Steps()
        self.ledger = Ledger(self.steps)
        self.store = Spool(folder / "spool", self.steps)
        self.service = Service(page_size=3, order=order, kept=keeps)
        self.source = replace(PYLON, lookback=keeps)
        self.log = Log()
        self.served: dict[str, Row] = {}
        self.far = [Far("a", self.steps), Far("b", self.steps)]
        self.names = {each.name: each for each in self.far}
        self.is_harmed = self.is_rewritten = self.lost_files = False
        self.saved_ledger: list[dict[str, str]] = []
        self.saved_spool: list[dict[str, bytes]] = []
        self.told: list[str] = []
        self._runs = 0

    @property
    def now(self):
        return self.service.now

    # What happens outside.

    def happen(self, count, kind="", late=timedelta(0)):
        """Let events happen. :param kind: see ``POISON``. :param late: after which the vendor shows them."""
        for _ in range(count):
            row = Row(f"e{len(self.served)}{kind}", self.now, self.now + late)
            self.service.rows.append(row)
            self.served[row.id] = row
            self.service.now += timedelta(seconds=1)

    def save(self):
        """Make copies of both, as a nightly backup does."""
        self.saved_ledger.append(dict(self.ledger.texts))
        self.saved_spool.append(self.store.saved())

    def restore_ledger(self, which):
        """Put an older copy of all records in the place of what is there."""
        self.is_harmed = self.is_rewritten = True
        self.ledger.texts = dict(self.saved_ledger[which])

    def restore_position(self, which):
        """Put an older position and its copy in the place of what is there, and leave all else."""
        self.is_harmed = self.is_rewritten = True
        for key in (LIVE.cursor_key, f"{LIVE.cursor_key}.copy"):
            if key in self.saved_ledger[which]:
                self.ledger.texts[key] = self.saved_ledger[which][key]

    def write_late(self, which):
        """Put an older position in one of its two places, as a task does that was frozen before it wrote it.

        :param which: the copy that was made then.
        """
        places = (LIVE.cursor_key, f"{LIVE.cursor_key}.copy")

        def newest():
            return max(
                (json.loads(self.ledger.texts[key])["sequence"] for key in places if key in self.ledger.texts),
                default=0,
            )

        before, key = newest(), places[self._runs % 2]
        if key in self.saved_ledger[which]:
            self.ledger.texts[key] = self.saved_ledger[which][key]
        # Two such writes may replace both places: then what was read since is read and sent again.
        self.is_harmed |= newest() < before
        self._runs += 1

    def restore_spool(self, which):
        """Put an older copy of the spool in the place of what is there."""
        self.is_harmed = self.is_rewritten = self.lost_files = True
        self.store.restore(self.saved_spool[which])

    def rename(self, far):
        """Serve a destination under another name: to the pipeline, it is a new one."""
        self._runs += 1
        far.name = f"{far.name[0]}{self._runs}"
        self.names[far.name] = far
        self.is_harmed = True

    # What tasks do.

    def pull(self):
        """Read the source, as the task does."""
        record = PositionWriter(self.ledger, LIVE)
        kept = on_kept_chain(record.load(), LIVE, self.store, lambda: self.now)
        start = back_by(kept.watermark, LOOKS_BACK) if kept and kept.watermark else BEGIN
        reader = Reader(
            pages=Pages(self.source, self.service),
            recovery=None,
            start=start,
            until=None,
            now=lambda: self.now,
            report=lambda gap: None,
            tell=self.log.lines.append,
        )
        position = begun_position(kept, self.source, reader)
        pull(
            self.source.reading,
            reader,
            LIVE.stream(self.store, position),
            position,
            commit=record.commit,
            known=known_streams(self.ledger, self.store, LIVE, kept, None),
            segment_bytes=4 * 60,
        )

    def ship(self, far):
        """Ship to one destination what is pending."""
        self._shipment(far).ship([LIVE])

    def redrive(self, far, *, is_repaired=True):
        """Send dead letters again. :param is_repaired: the destination refuses nothing any more."""
        far.is_repaired = is_repaired
        try:
            redrive_letters(self._shipment(far))
        finally:
            far.is_repaired = False

    def replay(self, far):
        """Send all that is kept again."""
        self.is_harmed = True
        self._runs += 1
        run = f"run {self._runs}"
        self._shipment(far).replay(TimeRange(), run)
        forget_replay(self.ledger, self.store, "p", [far.name], run)

    def retain(self):
        """Remove what all destinations have."""
        retain(
            self.ledger,
            self.store,
            LIVE,
            [each.name for each in self.far],
            retention_days=RETENTION_DAYS,
            now=self.now,
            log=self.log,
        )

    def count_letters(self):
        """Count the dead letters that are open, as the report does; also of chains that ended."""
        for far in self.far:
            for kept in kept_letters(self.ledger, self.store, "p", far.name):
                kept.letters.count()

    def do(self, work, **harm):
        """Do the work of a task; an error is told, and ends the task."""
        error = self.steps.run(work, **harm)
        self.is_harmed |= self.is_rewritten or "other" in harm or isinstance(error, Crash)
        if error is not None:
            self.told.append(f"{type(error).__name__}: {error}")
        return error

    def _shipment(self, far):
        terms = Terms(
            sleep=lambda _: None,
            now=lambda: self.now,
            tries=1,
            select=lambda event: None if LEFT_OUT in event.id else event,
        )
        return Shipment(
            ledger=self.ledger,
            store=self.store,
            pipeline="p",
            destination=far.name,
            connect=lambda position: (far, terms),
            patience=Patience(far.name, self.now, 30, goes_on=False),
            log=self.log,
            now=lambda: self.now,
        )

    # What must be true.

    def settle(self):
        """Run everything until all is well again, doing what the errors say.

        :return: the accounts of the destinations.
        """
        for far in self.far:
            far.said.clear()
        self.service.now += timedelta(hours=2)
        for _ in range(ROUNDS):
            self.service.now += timedelta(minutes=5)
            errors = [self.do(self.pull)]
            errors += [self.do(lambda far=far: self.ship(far)) for far in self.far]
            errors += [self.do(self.retain), self.do(self.count_letters)]
            errors = [each for each in errors if each]
            if not errors:
                break
            for error in errors:
                self._follow(str(error))
        else:
            raise AssertionError(f"it does not become well again: {errors}")
        for far in self.far:
            far.is_repaired = False
        return [self.opened().account(far.name) for far in self.far]

    def _follow(self, words):
        """Do what an error says."""
        if "check its settings" in words:
            for far in self.far:
                far.is_repaired = True
        elif "delete the Variable of" in words:
            for far in self.far:
                if offset_record(self.ledger, LIVE, far.name).load():
                    offset_record(self.ledger, LIVE, far.name).delete()
        elif "removed segments or changed" in words:
            removal_record(self.ledger, LIVE).delete()
        elif "restore it" in words and self.lost_files:
            # There is no other copy: what the documentation says then.
            position_record(self.ledger, LIVE).delete()
        elif "was restored" not in words:
            raise AssertionError(f"nothing says what to do: {words}")

    def opened(self) -> OpenStream:
        found = self._opened()
        assert found is not None
        return found

    def _opened(self):
        return opened_for(self.ledger, self.store, LIVE, [each.name for each in self.far])

    def check_now(self):
        """Hold what must be true at any moment."""
        for far in self.names.values():
            invented = far.taken.keys() - self.served.keys()
            assert not invented, f"{far.name} was sent what never was served: {invented}"
            for name, content in far.contents.items():
                assert content == b'{"id":"%s"}' % name.encode()
            assert not any(LEFT_OUT in each for each in far.taken)
        opened = self._opened()
        if opened is None:
            return
        counts = opened.position.counts
        assert counts.read == counts.spooled + counts.duplicates
        assert counts.spooled == opened.head.total
        for far in self.far:
            if self.is_harmed:
                # What was replaced by an older copy, or by a late run, is found by the next run of that task.
                with suppress(SpoolDamagedError, StopError):
                    opened.account(far.name)
            else:
                assert opened.account(far.name).adds_up

    def check_settled(self, accounts: list[Account]):
        """Hold that every event is somewhere, now that all is well again."""
        opened = self.opened()
        gaps = opened.position.gaps
        if not self.is_rewritten:
            spooled = Counter(
                each.id for _, some in opened.stream.read(opened.head, opened.stream.oldest()) for each in some
            )
            assert spooled.total() == len(spooled), f"spooled twice: {spooled.most_common(5)}"
        if not self.lost_files:
            removed = removal_record(self.ledger, LIVE).load()
            oldest = removed.oldest if removed and removed.chain == opened.chain else None
            faults = list(verify(self.store, progress={LIVE.folder: Progress(opened.position, removed=oldest)}).faults)
            # Of a chain that ended, no record tells whether a file that a crash has left was committed.
            own = f"{LIVE.folder}/{opened.chain}"
            faults = [each for each in faults if each.kind != "unclaimed" or each.stream == own]
            assert not faults, [str(each) for each in faults]
        for far, account in zip(self.far, accounts, strict=True):
            assert account.adds_up, account
            assert account.pending == 0, account
            aside = self._set_aside(far)
            lacking = [
                name
                for name, row in self.served.items()
                if row.recorded <= self.now - timedelta(hours=1)
                and name not in far.taken
                and name not in aside
                and LEFT_OUT not in name
                and not any(
                    gap.wanted <= moment < gap.possible for gap in gaps for moment in (row.happened, row.recorded)
                )
            ]
            if self.lost_files:
                # Letters that went with the spool are counted as open.
                lost = [name for name in lacking if name in far.refused]
                assert len(lost) <= account.dead_letters, f"{far.name}: the letters {lost} are gone, and {account}"
                lacking = [name for name in lacking if name not in lost]
            assert not lacking, f"{far.name} lacks {lacking}; it was told: {self.told}"
            repeated = [name for name, count in far.taken.items() if count > 1]
            assert self.is_harmed or not repeated, f"{far.name} was sent {repeated} again"

    def _set_aside(self, far):
        """Return the ids of the dead letters of a destination, under any name that it had."""
        found = set()
        for name in (name for name, each in self.names.items() if each is far):
            try:
                found |= self._open_letters(name)
            except SpoolDamagedError:
                if name == far.name or not self.lost_files:
                    raise
                # Nobody ships under an earlier name, so nothing has told yet what to do.
                offset_record(self.ledger, LIVE, name).delete()
                found |= self._open_letters(name)
        return found

    def _open_letters(self, name):
        return {
            letter.id for kept in kept_letters(self.ledger, self.store, "p", name) for _, letter in kept.letters.open()
        }
