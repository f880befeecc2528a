"""The spool: what was written is what is read, or it is named as damaged."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from audit_provider.core.errors import ConfigurationError, CredentialError, SpoolDamagedError, UnavailableError
from audit_provider.core.model import Event
from audit_provider.core.spool import Head, LocalStore, RecentIds, S3Store, SegmentWriter, Stream
from tests.core.destinations.conftest import bucket, moto_url, s3_client  # noqa: F401
from tests.core.destinations.stand_ins import serving
from tests.core.simulation import BEGIN, MemoryStore


def event(name: str, minute: int = 0) -> Event:
    return Event(
        name, BEGIN + timedelta(minutes=minute), msgspec.Raw(b'{"id":"%s","n":12345678901234567890123}' % name.encode())
    )


def append(stream: Stream, head: Head, names: Sequence[str], *, minute: int = 0) -> Head:
    writer = SegmentWriter(BEGIN)
    writer.add([event(name, minute) for name in names])
    return stream.append(writer, head, BEGIN + timedelta(minutes=minute))


@pytest.fixture(params=["memory", "local"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "spool")


def test_segments_come_back_in_order_and_untouched(store):
    stream = Stream(store, "p/live")
    head = append(stream, append(stream, Head(), "ab"), "cde")
    read = list(stream.read(head, 1))
    assert [number for number, _ in read] == [1, 2]
    assert [each.id for _, events in read for each in events] == list("abcde")
    assert bytes(read[0][1][0].raw) == bytes(event("a").raw)
    assert head.total == 5
    assert [number for number, _ in stream.read(head, 2)] == [2]


def test_folders_are_those_right_below(store):
    for key in ("p/live/c/dead/s3/1", "p/live/c/2", "p/backfill-1/c/3", "p/4", "pp/other/5"):
        store.put(key, b"")
    assert store.folders("p/") == ["backfill-1", "live"]
    assert store.folders("") == ["p", "pp"]
    assert store.folders("p/live/") == ["c"]
    assert store.folders("q/") == []


@pytest.mark.parametrize("kind", ["memory", "local", "s3"])
def test_names_are_those_right_in_a_folder_behind_one(kind, tmp_path, request):
    made = {
        "memory": MemoryStore,
        "local": lambda: LocalStore(tmp_path / "spool"),
        "s3": lambda: S3Store(*request.getfixturevalue("bucket"), "spool"),
    }
    store = made[kind]()
    for key in ("p/c/1", "p/c/2", "p/c/3", "p/c/2x", "p/c/dead/s3/9", "p/0", "p/cc/4"):
        store.put(key, b"")
    assert list(store.names("p/c/")) == ["1", "2", "2x", "3"]
    assert list(store.names("p/c/", "2")) == ["2x", "3"]
    assert list(store.names("p/c/", "4")) == []
    assert list(store.names("p/")) == ["0"]
    assert list(store.names("q/")) == []


LISTS = {
    "keys": lambda store: list(store.keys("p/")),
    "names": lambda store: list(store.names("p/")),
    "folders": lambda store: store.folders("p/"),
}


@pytest.mark.parametrize("lists", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize(
    ("status", "code", "error"), [(403, "AccessDenied", CredentialError), (503, "SlowDown", UnavailableError)]
)
def test_a_bucket_that_will_not_be_listed_is_named(lists, status, code, error):
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    with serving(lambda request: (status, {"Content-Type": "application/xml"}, body)) as server:
        store = S3Store(s3_client(server.url), "audit-logs", "spool")
        with pytest.raises(error, match=f"s3://audit-logs/spool/.*{code}"):
            lists(store)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        lists(S3Store(s3_client(server.url), "audit-logs", "spool"))


SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error>"


def test_a_slow_upload_is_signed_anew_and_sent_again():
    answers, slept = [(403, {"Content-Type": "application/xml"}, SKEWED)] * 2, []
    with serving(lambda request: answers.pop() if answers else (200, {"ETag": '"x"'}, b"")) as server:
        S3Store(s3_client(server.url), "audit-logs", "spool", sleep=slept.append).put("p/1", b"x")
        assert len(server.requests) == 3
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("call", "tries"), [(lambda store: store.put("p/1", b"x"), 3), (lambda store: list(store.keys("p/")), 1)]
)
def test_a_wrong_clock_is_named_after_some_tries(call, tries):
    slept = []
    with serving(lambda request: (403, {"Content-Type": "application/xml"}, SKEWED)) as server:
        store = S3Store(s3_client(server.url), "audit-logs", "spool", sleep=slept.append)
        with pytest.raises(UnavailableError, match="the clock of this machine is wrong by more than 15 minutes"):
            call(store)
        assert len(server.requests) == tries
    assert len(slept) == tries - 1


def test_a_session_that_has_ended_is_named_as_that():
    body = b"<Error><Code>ExpiredToken</Code><Message>no</Message></Error>"
    ended = pytest.raises(ConfigurationError, match="session token")
    with serving(lambda request: (400, {"Content-Type": "application/xml"}, body)) as server, ended:
        S3Store(s3_client(server.url), "audit-logs", "spool").put("p/1", b"x")


def test_a_segment_that_no_head_leads_to_does_not_exist(store):
    stream = Stream(store, "p/live")
    head = append(stream, Head(), "ab")
    append(stream, head, "lost")
    new_head = append(stream, head, "cd")
    assert [each.id for _, events in stream.read(new_head, 1) for each in events] == list("abcd")


def test_another_writer_of_the_same_number_harms_nobody(store):
    stream = Stream(store, "p/live")
    mine = append(stream, Head(), "ab")
    append(stream, Head(), "xy", minute=1)
    assert [each.id for _, events in stream.read(mine, 1) for each in events] == list("ab")


@pytest.mark.parametrize("kind", ["manifest", "ndjson"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_any_harm_to_a_file_is_named(kind, harm):
    store = MemoryStore()
    stream = Stream(store, "p/live")
    head = append(stream, append(stream, Head(), "ab"), "cd")
    key = next(key for key in store.objects if key.startswith("p/live/000000000001") and kind in key)
    content = store.objects[key]
    if harm == "remove":
        del store.objects[key]
    elif harm == "cut":
        store.objects[key] = content[:-9]
    else:
        place = len(content) // 2
        store.objects[key] = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    with pytest.raises(SpoolDamagedError, match=r"000000000001|decompressed"):
        list(stream.read(head, 1))


def test_a_manifest_of_another_chain_is_refused():
    store = MemoryStore()
    stream = Stream(store, "p/live")
    head = append(stream, Head(), "ab")
    other = append(stream, Head(), "xy")
    store.objects[f"p/live/{head.name}"] = store.objects[f"p/live/{other.name}"]
    with pytest.raises(SpoolDamagedError, match="digest differs"):
        list(stream.read(head, 1))


def test_the_ids_of_what_was_spooled_since_come_back(store):
    stream = Stream(store, "p/live")
    head = append(stream, Head(), "ab", minute=0)
    head = append(stream, head, "cd", minute=600)
    since = BEGIN + timedelta(minutes=500)
    assert [each for ids in stream.ids_since(head, since) for each in ids] == ["c", "d"]
    assert len(list(stream.ids_since(head, BEGIN))) == 2


@pytest.mark.parametrize(
    "since", [datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)]
)
def test_ids_are_found_since_the_ends_of_the_calendar(store, since):
    stream = Stream(store, "p/live")
    head = append(stream, Head(), "ab")
    found = [each for ids in stream.ids_since(head, since) for each in ids]
    assert found == (["a", "b"] if since.year == 1 else [])


def test_pruning_keeps_what_is_young_or_not_delivered(store):
    stream = Stream(store, "p/live")
    head = Head()
    for number, names in enumerate(["ab", "cd", "ef", "gh"]):
        head = append(stream, head, names, minute=number * 60 * 24)
    now = BEGIN + timedelta(days=40)
    removed = stream.prune(finished=3, written_before=BEGIN + timedelta(days=1, hours=1), now=now)
    assert removed == 2
    assert stream.oldest() == 3
    assert [number for number, _ in stream.read(head, 3)] == [3, 4]
    with pytest.raises(SpoolDamagedError, match="begins with segment 3"):
        list(stream.read(head, 2))
    assert [each for ids in stream.ids_since(head, BEGIN) for each in ids] == ["g", "h", "e", "f"]
    assert not stream.due_for_pruning(now + timedelta(hours=1))
    assert stream.due_for_pruning(now + timedelta(hours=25))
    assert stream.prune(finished=2, written_before=now, now=now) == 0


def test_nothing_that_a_destination_lacks_is_ever_pruned(store):
    stream = Stream(store, "p/live")
    head = append(stream, append(stream, Head(), "ab"), "cd")
    assert stream.prune(finished=0, written_before=BEGIN + timedelta(days=99), now=BEGIN) == 0
    assert len(list(stream.read(head, 1))) == 2


def days_of_segments(store, count):
    """Return a stream with a segment a day, each written when its events happened, and its head."""
    stream, head = Stream(store, "p/live", "c"), Head()
    for number in range(count):
        head = append(stream, head, [f"e{number}"], minute=number * 60 * 24)
    return stream, head


def ids_since(stream, head, day):
    return [each for ids in stream.ids_since(head, BEGIN + timedelta(days=day)) for each in ids]


def test_segments_that_the_next_read_looks_back_to_stay_however_old_they_are(store):
    stream, head = days_of_segments(store, 6)
    late = BEGIN + timedelta(days=40)
    removed = stream.prune(finished=5, written_before=late, now=late, needed=BEGIN + timedelta(days=2))
    assert (removed, stream.oldest()) == (2, 3)
    assert ids_since(stream, head, 2) == ["e5", "e4", "e3", "e2"]
    assert ids_since(stream, head, -9) == ["e5", "e4", "e3", "e2"], "what is older is forgotten"
    assert stream.prune(finished=5, written_before=late, now=late, needed=BEGIN + timedelta(days=4)) == 2
    assert stream.prune(finished=5, written_before=late, now=late) == 1
    assert ids_since(stream, head, 0) == ["e5"]


def clocked(stream, head, name, *, day, clock):
    """Append one event of a day by a clock that says another."""
    writer = SegmentWriter(BEGIN)
    writer.add([event(name, int(day * 24 * 60))])
    return stream.append(writer, head, BEGIN + timedelta(days=clock))


def written(stream, head):
    return [(manifest.written_at - BEGIN) / timedelta(days=1) for manifest in stream.back_from(head)][::-1]


def test_a_clock_that_was_ahead_once_does_not_date_what_is_written_afterwards(store):
    stream, head = days_of_segments(store, 10)
    for ahead in range(3):
        head = clocked(stream, head, f"ahead {ahead}", day=9.5, clock=375)
    for number in range(10, 15):
        head = clocked(Stream(store, "p/live", "c"), head, f"e{number}", day=number, clock=number)
    assert written(stream, head) == [*range(10), 375, 375, 375, *range(10, 15)]
    assert ids_since(stream, head, 13) == ["e14", "e13"]
    assert ids_since(stream, head, 9) == [
        *("e14", "e13", "e12", "e11", "e10", "ahead 2", "ahead 1", "ahead 0", "e9"),
    ]
    now = BEGIN + timedelta(days=20)
    assert stream.prune(finished=17, written_before=BEGIN + timedelta(days=9.5), now=now) == 10
    assert stream.prune(finished=17, written_before=BEGIN + timedelta(days=12.5), now=now) == 6
    assert stream.oldest() == 17


def test_a_stream_that_ends_with_a_clock_ahead_loses_nothing_of_it(store):
    stream, head = days_of_segments(store, 3)
    head = clocked(stream, head, "ahead", day=2.5, clock=365)
    later = BEGIN + timedelta(days=99)
    assert stream.prune(finished=4, written_before=later - timedelta(days=30), now=later) == 3


@pytest.mark.parametrize("back", [0.1, 1.5, 40])
def test_a_clock_that_was_set_back_once_hides_nothing(store, back):
    stream, head = days_of_segments(store, 60)
    for number in range(2):
        head = clocked(Stream(store, "p/live", "c"), head, f"back {number}", day=59, clock=59 - back)
    head = clocked(stream, head, "right", day=59.2, clock=59.2)
    assert written(stream, head)[-4:] == [59, 59, 59, 59.2]
    assert ids_since(stream, head, 58.9) == ["right", "back 1", "back 0", "e59"]


def test_dates_of_a_vendor_in_another_zone_do_not_prove_a_clock_wrong(store):
    stream, head = days_of_segments(store, 5)
    head = clocked(stream, head, "ahead", day=5, clock=365)
    head = clocked(stream, head, "dated ahead", day=4.7, clock=4.2)
    head = clocked(stream, head, "beyond", day=4000, clock=4.3)
    assert written(stream, head)[-3:] == [365, 4.2, 4.3]


def test_local_files_are_for_their_owner_alone(tmp_path):
    store = LocalStore(tmp_path / "spool")
    store.put("p/live/a", b"1")
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "spool/p/live/a").stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_object_and_no_rest(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    store.put("a", b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match="No space left"):
        store.put("a", b"new")
    assert store.get("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("key", ["../x", "/etc/x", "p/../../x"])
def test_no_key_leaves_the_spool(tmp_path, key):
    with pytest.raises(ConfigurationError, match="outside the spool"):
        LocalStore(tmp_path / "spool").put(key, b"")


def test_recent_ids_admit_each_id_once():
    recent = RecentIds()
    recent.remember(["a"])
    assert [each.id for each in recent.admit([event("a"), event("b"), event("b"), event("c")])] == ["b", "c"]
    assert recent.admit([event("c")]) == []


def test_many_recent_ids_are_kept_as_well_as_few():
    """Whatever is moved to disk on the way, each id is admitted once."""
    recent, twin, met = RecentIds(most_in_memory=50), RecentIds(), []
    for start in range(0, 400, 30):
        page = [event(f"e{number}") for number in (*range(start, start + 40), start, 7)]
        admitted = recent.admit(page)
        assert [each.id for each in admitted] == [each.id for each in twin.admit(page)]
        met += admitted
    assert sorted(each.id for each in met) == sorted(f"e{number}" for number in range(430))
    recent.close()


def test_a_head_says_its_manifest(store):
    stream = Stream(store, "p/live")
    head = append(stream, Head(), "ab", minute=7)
    manifest = stream.manifest(head)
    assert manifest.ids == ("a", "b")
    assert manifest.first_time == manifest.last_time == BEGIN + timedelta(minutes=7)
    with pytest.raises(SpoolDamagedError):
        stream.manifest(replace(head, digest="0" * 64))
