"""Dead letters: what is kept of them, and that sending them again loses none and repeats one batch at most."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from audit_provider.core.destinations.base import DeadLetter, Item, Limits, Outcome, Verdict
from audit_provider.core.errors import SpoolDamagedError, StopError, UnavailableError, WaitError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Event, Offset, PullCounts, ShipCounts
from audit_provider.core.records.selection import Redaction, Selection, Selector
from audit_provider.core.shipping.sending_again import redrive
from audit_provider.core.shipping.ship import ship
from audit_provider.core.spool import Head, LocalStore, SegmentWriter, Stream
from audit_provider.core.streams.accounting import account
from audit_provider.core.streams.dead_letters import MOST_WORDS, DeadLetters
from tests.core.destinations.stand_ins import NOW, ORIGIN, Crash, Listed, event
from tests.core.shipping.test_ahead import Counting
from tests.core.simulation import MemoryStore

SMALL = Limits(events=3, batch_bytes=10_000, event_bytes=1000)
WHOLE = replace(SMALL, whole_segments=True)


class Dying(MemoryStore):
    """A store whose process dies at a chosen put: before it is durable, or right after."""

    def __init__(self, objects=None, *, fatal=None, after=False):
        super().__init__()
        self.objects = dict(objects or {})
        self.puts = 0
        self._fatal = fatal
        self._after = after

    def put(self, key, content):
        self.puts += 1
        if self.puts == self._fatal:
            if self._after:
                super().put(key, content)
            raise Crash
        super().put(key, content)


class Objects:
    """A destination that keeps a batch under its content, as a bucket does: a repeat changes nothing."""

    limits = WHOLE

    def __init__(self):
        self.objects = {}
        self.sends = 0

    def encode(self, event, *, restamp):
        return bytes(event.raw)

    def send(self, batch):
        self.sends += 1
        content = tuple(item.encoded for item in batch.items)
        there = content in self.objects
        self.objects[content] = [item.event.id for item in batch.items]
        return Outcome.all(Verdict.ALREADY_THERE if there else Verdict.DELIVERED, len(batch))

    @property
    def stored(self):
        return [name for names in self.objects.values() for name in names]


def letters_in(store, before=None):
    return DeadLetters(Stream(store, "p/live", "c"), "siem", before)


def letter(name, segment=1, index=0, **changes):
    return DeadLetter(Item(event(name), b"", segment, index), **{"reason": "too large", **changes})


def spooled(store, *segments):
    stream, head = Stream(store, "p/live", "c"), Head()
    for names in segments:
        writer = SegmentWriter(NOW)
        writer.add([event(name) for name in names])
        head = stream.append(writer, head, NOW)
    return stream, Position("slack", "c", head=head, counts=PullCounts(head.total, head.total))


def kept(store, *files):
    """Keep dead letters: one file per word, one letter per character."""
    letters = letters_in(store)
    for segment, names in enumerate(files, 1):
        letters.keep([letter(name, segment, index) for index, name in enumerate(names)], NOW)
    return letters


def again(destination, letters, **options):
    return redrive(destination, letters, sleep=lambda _: None, now=lambda: NOW, **options)


def open_ids(letters):
    return [letter.id for _, letter in letters.open()]


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_a_letter_holds_the_event_and_all_that_is_known_of_it_and_is_read_back(kind, tmp_path):
    store = MemoryStore() if kind == "memory" else LocalStore(tmp_path / "spool")
    raw = event("a", number=12345678901234567890123, password="as it came")
    refused = DeadLetter(Item(raw, b"", 7, 5), "bad field", answer="bad field", batch=((7, 2), (8, 3)))
    letters = letters_in(store)
    letters.keep([refused, letter("b", 7, 9, reason="older", too_old=True)], NOW)
    (name,) = letters.names()
    first, second = letters.read(name)
    assert (first.reason, first.answer, first.batch) == ("refused by the destination", "bad field", ((7, 2), (8, 3)))
    assert (first.place, first.time, first.set_aside_at) == ((7, 5), NOW, NOW)
    assert first.spooled == raw
    assert (second.reason, second.answer, second.too_old) == ("older", "", True)
    lines = store.get(f"p/live/c/{name}").splitlines()
    assert [json.loads(line)["event"]["id"] for line in lines] == ["a", "b"]
    assert letters.count().kept == letters.count().open == 2


def test_a_long_answer_is_shortened():
    letters = letters_in(MemoryStore())
    letters.keep([letter("a", answer="x" * 5000)], NOW)
    ((_, found),) = letters.open()
    assert found.answer == "x" * MOST_WORDS


def test_the_ship_loop_says_what_was_answered_and_in_which_batch():
    stream, position = spooled(MemoryStore(), "abc", "de")
    letters = DeadLetters(stream, "siem")
    ship(
        Listed("dxd", limits=SMALL),
        stream.read(position.head, 1),
        Offset(),
        commit=lambda offset: None,
        set_aside=lambda refused: letters.keep(refused, NOW),
        sleep=lambda _: None,
        now=lambda: NOW,
    )
    ((_, found),) = letters.open()
    assert (found.id, found.answer, found.batch) == ("b", "its own words", ((1, 0), (1, 2)))


def test_what_a_run_set_aside_before_it_died_does_not_count_until_its_events_are_passed():
    store = MemoryStore()
    kept(store, "a", "b")
    assert open_ids(letters_in(store, before=(2, 0))) == ["a"]
    assert letters_in(store, before=(2, 0)).count().open == 1
    assert letters_in(store, before=(2, 1)).count().open == 2


def test_the_same_letters_kept_again_replace_themselves_but_not_once_they_were_sent():
    store = MemoryStore()
    letters = kept(store, "ab")
    kept(store, "ab")
    assert letters.count().kept == 2
    again(Listed(limits=SMALL), letters)
    kept(store, "ab")
    assert (letters.count().kept, letters.count().redriven, letters.count().open) == (4, 2, 2)
    destination = Listed(limits=SMALL)
    again(destination, letters)
    assert destination.stored == ["a", "b"]
    assert letters.count().open == 0


def test_redrive_sends_what_is_open_in_batches_and_nothing_twice():
    letters = kept(MemoryStore(), "a", "bc", "def")
    destination = Listed(limits=SMALL)
    assert again(destination, letters) == ShipCounts(delivered=6)
    assert destination.sends == [list("abc"), list("def")]
    assert (letters.count().kept, letters.count().redriven, letters.count().open) == (6, 6, 0)
    assert again(destination, letters) == ShipCounts()
    assert len(destination.sends) == 2


def test_what_is_refused_again_stays_with_its_new_reason():
    letters = kept(MemoryStore(), "abc")
    counts = again(Listed("dxa", limits=SMALL), letters)
    assert (counts.delivered, counts.already_there, counts.dead_lettered) == (1, 1, 1)
    ((line, found),) = letters.open()
    assert (found.id, found.reason, found.answer) == ("b", "refused by the destination", "its own words")
    assert letters.read(line.name)[1].reason == "too large", "what was kept first is still there"
    assert letters.count().open == 1


def test_letters_that_are_all_refused_again_are_no_sign_of_a_wrong_setting():
    letters = kept(MemoryStore(), "abcdefghijkl")
    limits = replace(SMALL, events=20)
    counts = again(Listed(*[Verdict.SPLIT] * 40, limits=limits), letters)
    assert counts.dead_lettered == letters.count().open == 12


def test_a_refused_sender_leaves_every_letter_open():
    def refuse(batch):
        raise StopError("no such token")

    letters = kept(MemoryStore(), "abc", "def")
    with pytest.raises(StopError, match="no such token"):
        again(Listed(Verdict.DELIVERED, refuse, limits=SMALL), letters)
    assert open_ids(letters) == list("def")
    with pytest.raises(UnavailableError):
        again(Listed(*[Verdict.RETRY] * 9, limits=SMALL), letters)
    assert open_ids(letters) == list("def")


def test_letters_too_old_go_under_their_arrival_time_where_that_is_wanted():
    class Ageing(Listed):
        restamped = ()

        def encode(self, event, *, restamp):
            self.restamped += (restamp,)
            return bytes(event.raw)

    old = Event("a", NOW - timedelta(days=3), event("a").raw)
    letters = letters_in(MemoryStore())
    letters.keep([DeadLetter(Item(old, b"", 1, 0), "older", too_old=True)], NOW)
    destination = Ageing(limits=replace(SMALL, max_age=timedelta(hours=18)))
    assert again(destination, letters, too_old="dead_letter").too_old == 1
    assert letters.count().open == 1
    assert again(destination, letters, too_old="arrival_time") == ShipCounts(delivered=1, restamped=1)
    assert destination.restamped == (True,)
    assert letters.count().open == 0


def test_a_selection_holds_for_letters_too():
    letters = kept(MemoryStore(), "ab", "c")

    def select(each):
        return None if each.id in "ac" else event(each.id, secret="***")

    destination = Listed(limits=SMALL, encode=lambda each: bytes(each.raw))
    counts = again(destination, letters, select=select)
    assert (counts.delivered, counts.filtered) == (1, 2)
    assert destination.stored == ["b"]
    found = letters.count()
    assert (found.redriven, found.filtered, found.open) == (1, 2, 0)


def test_a_letter_that_redact_cannot_read_is_refused_again_and_holds_up_no_other():
    bad = Event("bad", NOW, msgspec.Raw(b'{"id":"bad","n":1e400}'))
    letters = letters_in(MemoryStore())
    letters.keep([letter("a"), DeadLetter(Item(bad, b"", 1, 1), "cannot be read"), letter("b", index=2)], NOW)
    far = Listed()
    selector = Selector(Selection(redact=Redaction(drop=("secret",))), ORIGIN.fields)
    counts = again(far, letters, select=selector.select)
    assert far.stored == ["a", "b"]
    assert (counts.delivered, counts.dead_lettered, counts.filtered) == (2, 1, 0)
    ((_, left),) = letters.open()
    assert left.id == "bad"
    assert "'redact'" in left.reason


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_crash_at_any_record_loses_no_letter_and_repeats_one_batch(after, concurrency):
    names = ["a", "bc", "defgh", "i", "jkl"]
    prepared = MemoryStore()
    kept(prepared, *names)
    for fatal in range(1, 6):
        stored = Counter()
        store = Dying(prepared.objects, fatal=fatal, after=after)
        destination = Listed("ddx", limits=SMALL)
        died = False
        try:
            again(destination, letters_in(store), concurrency=concurrency)
        except Crash:
            died = True
        assert died == (fatal <= 4), "twelve letters are four batches and four records"
        stored.update(destination.stored)
        rest = Listed(limits=SMALL)
        letters = letters_in(Dying(store.objects))
        again(rest, letters)
        stored.update(rest.stored)
        assert set(stored) == set("".join(names))
        assert sum(stored.values()) - len(stored) <= 3 * concurrency
        if after and concurrency == 1:
            assert sum(stored.values()) == len(stored), "what was recorded is not sent again"
        assert letters.count().open == 0
        assert letters.count().redriven == 12


@pytest.mark.parametrize("after", [False, True])
def test_a_store_that_names_batches_by_content_keeps_nothing_twice(after):
    # Files that need several batches, with a letter in the first that never fits.
    prepared = MemoryStore()
    kept(prepared, "ab", "cdefgh", "i", "jklmn")

    def oversize(destination):
        whole = destination.encode
        destination.encode = lambda each, *, restamp: b"x" * 2000 if each.id == "d" else whole(each, restamp=restamp)
        return destination

    deaths = 0
    for fatal in range(1, 6):
        bucket = oversize(Objects())
        store = Dying(prepared.objects, fatal=fatal, after=after)
        try:
            again(bucket, letters_in(store))
        except Crash:
            deaths += 1
        letters = letters_in(Dying(store.objects))
        again(bucket, letters)
        assert sorted(bucket.stored) == list("abcefghijklmn")
        assert open_ids(letters) == ["d"]
    assert deaths == 4


@pytest.mark.parametrize("fatal", range(1, 5))
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_while_shipping_and_redriving_leaves_every_event_in_one_place(fatal, after):
    """The whole life: shipped with refusals and a crash, shipped on, sent again."""
    prepared = MemoryStore()
    _, position = spooled(prepared, "abcd", "efgh", "ij")
    store = Dying(prepared.objects, fatal=fatal, after=after)
    offset = Offset(chain="c")
    stored = []

    def commit(reached):
        nonlocal offset
        # The offset is durable as well, in its turn.
        store.put("offset", b"")
        offset = reached

    def run(*plan):
        destination = Listed(*plan, limits=replace(SMALL, events=4))
        stream = Stream(store, "p/live", "c")
        letters = DeadLetters(stream, "siem")
        try:
            ship(
                destination,
                stream.read(position.head, offset.segment),
                offset,
                commit=commit,
                set_aside=lambda refused: letters.keep(refused, NOW),
                sleep=lambda _: None,
                now=lambda: NOW,
            )
        except Crash:
            return True
        finally:
            stored.extend(destination.stored)
        return False

    assert run("dxdd", "xddd")
    assert not run(*(["xddd", "dd"] if offset.segment > 1 else ["dxdd", "xddd", "dd"]))
    accounted = account(Stream(store, "p/live", "c"), "siem", position, offset)
    assert accounted.adds_up
    assert (accounted.pending, accounted.dead_lettered, accounted.dead_letters) == (0, 2, 2)
    destination = Listed(limits=SMALL)
    again(destination, DeadLetters(Stream(store, "p/live", "c"), "siem", (offset.segment, offset.index)))
    assert destination.stored == ["b", "e"]
    assert set(stored + destination.stored) == set("abcdefghij")
    accounted = account(Stream(store, "p/live", "c"), "siem", position, offset)
    assert accounted.adds_up
    assert (accounted.dead_lettered, accounted.redriven, accounted.dead_letters) == (2, 2, 0)


def test_a_letter_that_is_kept_twice_is_sent_once():
    # A run that died after it had set b and c aside; the next one met other limits.
    store = MemoryStore()
    letters = letters_in(store)
    letters.keep([letter("b", 1, 1), letter("c", 1, 2)], NOW)
    letters.keep([letter("b", 1, 1)], NOW)
    destination = Listed(limits=SMALL)
    again(destination, letters)
    assert destination.stored == ["b", "c"]
    assert letters.count().open == 0


@pytest.mark.parametrize("error", [WaitError("later", until=NOW), StopError("no"), UnavailableError("no answer")])
def test_what_was_taken_behind_a_batch_that_fails_is_not_sent_again(error):
    letters = kept(MemoryStore(), "abc", "def", "ghi", "jkl")
    far = Counting(limits=SMALL, blocked="a", error=error)
    for _ in range(3):
        with pytest.raises(type(error)):
            again(far, letters, concurrency=4, tries=1)
        assert open_ids(letters) == list("abc")
    far.blocked = set()
    assert again(far, letters, concurrency=4) == ShipCounts(delivered=3)
    assert sorted(far.stored) == list("abcdefghijkl")
    assert (letters.count().redriven, letters.count().open) == (12, 0)


def test_files_named_by_content_are_the_same_after_a_batch_of_theirs_has_failed():
    """Letters recorded one by one would leave others to be packed anew, beside what an unknown end has stored."""
    letters = kept(MemoryStore(), "abcdefgh", "ij")
    limits = replace(SMALL, whole_segments=True)
    far = Counting(limits=limits, blocked="a", error=UnavailableError("no answer"))
    with pytest.raises(UnavailableError):
        again(far, letters, concurrency=2, tries=1)
    before = set(far.batches)
    far.blocked = set()
    again(far, letters, concurrency=2)
    assert before <= far.batches == {("a", "b", "c"), ("d", "e", "f"), ("g", "h"), ("i", "j")}
    assert letters.count().open == 0


def test_two_events_of_one_place_are_both_sent():
    # A late run has replaced the segment 2 of which the first two letters are.
    letters = letters_in(MemoryStore())
    letters.keep([letter("old x", 2, 2), letter("old a", 2, 3)], NOW)
    letters.keep([letter("new a", 2, 3)], NOW)
    far = Listed("ddx", limits=SMALL)
    again(far, letters)
    assert far.stored == ["old x", "old a"]
    assert open_ids(letters) == ["new a"]
    again(far, letters)
    assert far.stored == ["old x", "old a", "new a"]
    assert letters.count().open == 0


def test_a_deadline_leaves_the_rest_open():
    letters = kept(MemoryStore(), "abc", "def")
    destination = Listed(limits=SMALL)
    times = iter([NOW, NOW, NOW + timedelta(hours=1)])
    redrive(
        destination,
        letters,
        sleep=lambda _: None,
        now=lambda: next(times, NOW + timedelta(hours=1)),
        deadline=NOW + timedelta(minutes=1),
    )
    assert destination.stored == list("abc")
    assert open_ids(letters) == list("def")


@pytest.mark.parametrize("beginning", ["dead/siem/0", "dead/siem/redriven/2"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b'{"id": 3}\n',
        lambda content: content.strip()[:-1] + b',"more":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        lambda content: content.replace(b"siem", b"si\xffm").replace(b"too large", b"too \xffarge"),
    ],
    ids=["of another shape", "nested beyond reason", "of no encoding"],
)
def test_a_file_that_is_damaged_is_named(beginning, damage):
    store = MemoryStore()
    letters = kept(store, "a", "b")
    again(Listed("dx", limits=SMALL), letters)
    damaged = next(key for key in store.keys("p/live/c/") if key.startswith(f"p/live/c/{beginning}"))
    store.objects[damaged] = damage(store.objects[damaged])
    with pytest.raises(SpoolDamagedError, match=damaged.rpartition("/")[2]):
        list(letters.open())


@pytest.mark.parametrize("content", [b"", None], ids=["empty", "of another file"])
def test_a_file_that_holds_other_letters_than_its_name_says_closes_none(content):
    store = MemoryStore()
    kept(store, "a", "b")
    one, other = (key for key in store.keys("p/live/c/dead/") if key.endswith(".ndjson"))
    before = store.objects[one]
    store.objects[one] = store.objects[other] if content is None else content
    destination = Listed(limits=SMALL)
    with pytest.raises(SpoolDamagedError, match=f"{one.rpartition('/')[2]}.*are not what was written"):
        again(destination, letters_in(store))
    assert destination.stored == []
    store.objects[one] = before
    again(destination, letters_in(store))
    assert destination.stored == ["a", "b"]


@pytest.mark.parametrize("folder", ["dead/siem", "dead/siem/redriven", "dead/siem/seen"])
@pytest.mark.parametrize("name", ["README.txt", "000000000001-00000000-1-12345678.ndjson.bak", "1-2.json"])
def test_a_file_of_somebody_else_is_none_of_the_letters(folder, name):
    store = MemoryStore()
    stream, position = spooled(store, "abc")
    letters = kept(store, "ab")
    again(Listed("dx", limits=SMALL), letters)
    store.objects[f"p/live/c/{folder}/{name}"] = b"looked at on Monday"
    found = account(stream, "siem", position, Offset(2, 0, "c", counts=ShipCounts(delivered=1, dead_lettered=2)))
    assert (found.adds_up, found.redriven, found.dead_letters) == (True, 1, 1)
    assert open_ids(letters) == ["b"]


def test_a_letter_that_may_be_stored_says_so():
    """A redrive would store it twice, which nobody can tell from the destination's words alone."""
    letters = letters_in(MemoryStore())
    refused = Listed(lambda batch: Outcome.all(Verdict.REFUSED, 3, said="rejected 1 of 3", stored_in_part=True))
    ship(
        refused,
        [(1, [event(name) for name in "abc"])],
        Offset(),
        commit=lambda offset: None,
        set_aside=lambda kept: letters.keep(kept, NOW),
        sleep=lambda seconds: None,
        now=lambda: NOW,
    )
    kept = [letter for _, letter in letters.open()]
    assert [letter.reason.partition(":")[0] for letter in kept] == ["possibly stored"] * 3
    assert {letter.answer for letter in kept} == {"rejected 1 of 3"}
