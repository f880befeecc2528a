"""Whatever the sizes, the verdicts and the crashes: every event ends in exactly one place, once, in order."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from audit_provider.core.destinations.base import Limits, Outcome, Verdict
from audit_provider.core.errors import AuditError, UnavailableError
from audit_provider.core.shipping.refusals import TOO_MANY_REFUSED
from tests.core.destinations.stand_ins import Crash, Desk, event

EVENT_BYTES = 60
POISON, LARGE, UNENCODABLE = "poison", "large", "unencodable"
STEPS = ("ok", "prefix", "split", "retry", "no answer", "lost answer", "some", "crash after", "already")


class Moody:
    """Stores events by id and counts each. Follows its script, then behaves; poison is never stored."""

    def __init__(self, limits, script, kinds):
        self.limits = limits
        self.script = list(script)
        self.kinds = kinds
        self.stored: list[str] = []
        self.offered: list[str] = []
        self.sent_since = 0

    def encode(self, event, *, restamp):
        if self.kinds[event.id] == UNENCODABLE:
            raise ValueError("no")
        size = EVENT_BYTES + 1 if self.kinds[event.id] == LARGE else int(self.kinds.get(f"size {event.id}", 20))
        return b"x" * size

    def send(self, batch):
        names = [item.event.id for item in batch.items]
        size = self.limits.framing + sum(len(item.encoded) + self.limits.separator for item in batch.items)
        assert 0 < len(names) <= self.limits.events
        assert size <= self.limits.batch_bytes
        assert [(item.segment, item.index) for item in batch.items] == sorted(
            (item.segment, item.index) for item in batch.items
        )
        if self.limits.whole_segments:
            assert len({item.segment for item in batch.items}) == 1
        self.offered += [name for name in names if name not in self.offered]
        return getattr(self, "_" + (self.script.pop(0) if self.script else "ok").replace(" ", "_"))(names)

    def _ok(self, names):
        bad = [self.kinds[name] == POISON for name in names]
        if not any(bad):
            self.stored += names
            return Outcome.all(Verdict.DELIVERED, len(names))
        first = bad.index(True)
        self.stored += names[:first]
        rest = len(names) - first - 1
        return Outcome((Verdict.DELIVERED,) * first + (Verdict.REFUSED,) + (Verdict.RETRY,) * rest, "poison", wait=0.0)

    _prefix = _ok

    def _already(self, names):
        outcome = self._ok(names)
        taken = Verdict.ALREADY_THERE
        return Outcome(tuple(taken if each is Verdict.DELIVERED else each for each in outcome.verdicts), outcome.said)

    def _split(self, names):
        if any(self.kinds[name] == POISON for name in names):
            return Outcome.all(Verdict.SPLIT, len(names), said="poison")
        return self._ok(names) if len(names) == 1 else Outcome.all(Verdict.SPLIT, len(names))

    def _retry(self, names):
        return Outcome.all(Verdict.RETRY, len(names))

    def _no_answer(self, names):
        raise UnavailableError("no answer")

    def _lost_answer(self, names):
        self.stored += [name for name in names if self.kinds[name] != POISON]
        raise UnavailableError("the answer was lost")

    def _some(self, names):
        """Every other one is taken: partial in no order."""
        verdicts = []
        for place, name in enumerate(names):
            if self.kinds[name] == POISON:
                verdicts.append(Verdict.REFUSED)
            elif place % 2:
                verdicts.append(Verdict.RETRY)
            else:
                self.stored.append(name)
                verdicts.append(Verdict.DELIVERED)
        return Outcome(tuple(verdicts), "poison")

    def _crash_after(self, names):
        self.stored += [name for name in names if self.kinds[name] != POISON]
        raise Crash


kinds = st.sampled_from(["fine"] * 7 + [POISON, LARGE, UNENCODABLE])
segments_of = st.lists(
    st.lists(st.tuples(kinds, st.integers(1, EVENT_BYTES)), min_size=1, max_size=8), min_size=1, max_size=5
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=segments_of,
    script=st.lists(st.sampled_from(STEPS), max_size=14),
    commit_crashes=st.sets(st.tuples(st.integers(0, 9), st.booleans()), max_size=3),
    events=st.integers(1, 6),
    batch_bytes=st.integers(EVENT_BYTES + 3, 200),
    whole_segments=st.booleans(),
    tries=st.integers(1, 4),
)
def test_every_event_ends_in_exactly_one_place(
    shape, script, commit_crashes, events, batch_bytes, whole_segments, tries
):
    limits = Limits(events, batch_bytes, EVENT_BYTES, framing=2, separator=1, whole_segments=whole_segments)
    kinds_by_name, segments = {}, []
    for number, span in enumerate(shape):
        segments.append([])
        for index, (kind, size) in enumerate(span):
            name = f"{number}-{index}"
            kinds_by_name[name] = kind
            kinds_by_name[f"size {name}"] = size
            segments[-1].append(event(name))
    assume(list(kinds_by_name.values()).count(POISON) < TOO_MANY_REFUSED)
    names = [each.id for span in segments for each in span]
    destination = Moody(limits, script, kinds_by_name)
    desk = Desk()
    crashes = dict(commit_crashes)
    commits = [0]

    def commit(offset):
        commits[0] += 1
        durable_first = crashes.get(commits[0])
        if durable_first is None:
            desk.commit(offset)
            return
        if durable_first:
            desk.commit(offset)
        raise Crash

    interrupted = 0
    lost_answers = script.count("lost answer")
    for _ in range(len(script) + len(crashes) + 2):
        try:
            desk.ship(destination, segments, commit=commit, tries=tries)
        except (Crash, AuditError):
            interrupted += 1
            continue
        break
    else:
        raise AssertionError("it never got through")

    offset, counts = desk.offset, desk.offset.counts
    assert (offset.segment, offset.index) == (len(segments) + 1, 0)
    fine = [name for name in names if kinds_by_name[name] == "fine"]
    assert counts.finished == len(names)
    assert counts.delivered + counts.already_there == len(fine)
    assert counts.dead_lettered == len(names) - len(fine)
    # exactly one bucket
    assert set(destination.stored) == set(fine)
    assert set(desk.letters) == set(names) - set(fine)
    # repeats: one batch at most per interruption or lost answer
    assert len(destination.stored) - len(fine) <= limits.events * (interrupted + lost_answers)
    # order: an event is first offered after all events before it
    sendable = [name for name in names if kinds_by_name[name] in ("fine", POISON)]
    assert destination.offered == sendable
