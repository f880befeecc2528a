"""SFTP against a real SSH server in this process that renames as version 3 does."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import SimpleNamespace

import paramiko
import pytest

from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.sftp import SftpDestination, SftpOptions
from audit_provider.core.errors import ConfigurationError, CredentialError, StopError, UnavailableError
from audit_provider.core.formats import Envelope
from audit_provider.core.wire.ssh import SshConnection
from audit_provider.sandbox.sftp import SftpService
from tests.core.destinations.other_intakes import ssh_of
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, batch_of, event


@pytest.fixture
def server():
    with SftpService("pw") as service:
        yield service


def sftp(server, form=None, **options):
    return SftpDestination(SftpOptions(**options), ORIGIN, ssh_of(server), form=form)


def name_of(*events):
    return hashlib.sha256(b"".join(bytes(each.raw) + b"\n" for each in events)).hexdigest()[:32]


def test_one_file_per_event_day_named_by_its_content(server):
    events = [event("a"), event("b", time=NOW - timedelta(days=1)), event("c")]
    outcome = sftp(server, folder="drop/audit").send(batch_of(sftp(server), events))
    assert outcome.verdicts == (Verdict.DELIVERED,) * 3
    assert server.files() == [
        f"drop/audit/source=slack/dt=2026-02-28/{name_of(events[1])}.ndjson.gz",
        f"drop/audit/source=slack/dt=2026-03-01/{name_of(events[0], events[2])}.ndjson.gz",
    ]
    content = gzip.decompress((server.folder / server.files()[1]).read_bytes())
    assert content == bytes(events[0].raw) + b"\n" + bytes(events[2].raw) + b"\n"


def test_a_year_before_1000_has_four_digits(server):
    old = event("a", time=NOW.replace(year=1, month=1))
    for layout in ("hive", "flat"):
        sftp(server, layout=layout).send(batch_of(sftp(server), [old]))
    assert server.files() == [
        f"slack-0001-01-01-{name_of(old)}.ndjson.gz",
        f"source=slack/dt=0001-01-01/{name_of(old)}.ndjson.gz",
    ]


def test_a_flat_folder_has_no_folders(server):
    sftp(server, layout="flat").send(batch_of(sftp(server), [event("a")]))
    assert server.files() == [f"slack-2026-03-01-{name_of(event('a'))}.ndjson.gz"]


def test_absolute_folders_and_other_forms(server):
    destination = sftp(server, folder="/in", form=Envelope(ORIGIN))
    destination.send(batch_of(destination, [event("a")]))
    assert server.files()[0].startswith("in/source=slack/")
    assert server.ids() == ["a"]


def test_the_same_again_is_already_there_and_stored_once(server):
    destination = sftp(server)
    batch = batch_of(destination, [event("a"), event("b")])
    destination.send(batch)
    assert destination.send(batch).verdicts == (Verdict.ALREADY_THERE,) * 2
    assert sorted(server.ids()) == ["a", "b"]


def test_the_same_content_compressed_otherwise_is_already_there(server):
    destination = sftp(server)
    destination.send(batch_of(destination, [event("a")]))
    path = server.folder / server.files()[0]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 0))
    assert destination.send(batch_of(destination, [event("a")])).verdicts == (Verdict.ALREADY_THERE,)


@pytest.mark.parametrize(
    "content",
    [b"something else", gzip.compress(b"other\n", mtime=0), gzip.compress(b"cut", mtime=0)[:-4], b""],
    ids=["no gzip", "other", "cut", "empty"],
)
def test_other_content_under_that_name_stops_and_is_not_touched(server, content):
    destination = sftp(server)
    destination.send(batch_of(destination, [event("a")]))
    path = server.folder / server.files()[0]
    path.write_bytes(content)
    desk = Desk()
    with pytest.raises(StopError, match="other content"):
        desk.ship(destination, [[event("a")]])
    assert path.read_bytes() == content
    assert (desk.commits, desk.letters) == ([], {})


@pytest.mark.parametrize("operation", ["/open", "/write", "/rename", "/stat", "/mkdir"])
@pytest.mark.parametrize("kind", ["cut", "status"])
def test_whatever_breaks_the_next_try_ends_with_every_event_once(server, operation, kind):
    server.faults.add(kind, path=operation)
    desk = Desk()
    desk.ship(sftp(server, folder="drop"), [[event(str(number)) for number in range(5)]])
    assert server.ids() == [str(number) for number in range(5)]
    assert len([path for path in server.files() if path.endswith(".ndjson.gz")]) == 1
    assert desk.offset.counts.finished == 5
    assert desk.letters == {}


def test_a_lost_answer_to_the_rename_is_found_and_not_repeated(server):
    server.faults.add("cut", path="/rename")
    desk = Desk()
    desk.ship(sftp(server), [[event("a")]])
    assert (desk.offset.counts.delivered, desk.offset.counts.already_there) == (0, 1)
    assert server.files() == [f"source=slack/dt=2026-03-01/{name_of(event('a'))}.ndjson.gz"]


def test_a_refused_write_leaves_nothing_behind(server):
    server.faults.add("status", path="/rename")
    destination = sftp(server)
    outcome = destination.send(batch_of(destination, [event("a")]))
    # The stand-in renames and then refuses: the file is there, and that is what counts.
    assert outcome.verdicts == (Verdict.ALREADY_THERE,)
    server.faults.add("status", path="/write", count=None)
    outcome = destination.send(batch_of(destination, [event("b")]))
    assert outcome.verdicts == (Verdict.RETRY,)
    assert "Failure): its disk or inodes, or the account's quota, may be used up." in outcome.said
    assert len(server.files()) == 1


def test_a_day_that_fails_leaves_the_other_delivered(server):
    destination = sftp(server)
    # One open per day; the second is refused.
    server.faults.add("status", path="/open", after=1)
    outcome = destination.send(batch_of(destination, [event("a"), event("b", time=NOW + timedelta(days=1))]))
    assert outcome.verdicts == (Verdict.DELIVERED, Verdict.RETRY)


def test_a_folder_that_was_taken_away_is_made_again(server):
    destination = sftp(server, folder="drop")
    destination.send(batch_of(destination, [event("a")]))
    for path in sorted(server.folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    Desk().ship(destination, [[event("b")]])
    assert server.ids() == ["b"]


def test_batches_at_once_share_the_connection(server):
    desk = Desk()
    segments = [[event(f"{segment}-{number}") for number in range(3)] for segment in range(8)]
    desk.ship(sftp(server), segments, concurrency=4)
    assert sorted(server.ids()) == sorted(each.id for segment in segments for each in segment)
    assert server.connections() == 1


def test_no_right_to_write_stops_and_keeps_everything():
    with SftpService("pw", read_only=True) as server:
        desk = Desk()
        with pytest.raises(ConfigurationError, match="permissions"):
            desk.ship(sftp(server, folder="drop"), [[event("a")]])
        assert (desk.commits, desk.letters) == ([], {})


def test_a_wrong_password_stops(server):
    destination = SftpDestination(SftpOptions(), ORIGIN, ssh_of(server, password="no"))
    with pytest.raises(CredentialError) as caught:
        destination.send(batch_of(destination, [event("a")]))
    assert "no'" not in str(caught.value)


def test_another_host_key_stops_before_the_password_is_sent(server):
    other = paramiko.ECDSAKey.generate()
    ssh = ssh_of(server, host_key=f"{other.get_name()} {other.get_base64()}")
    destination = SftpDestination(SftpOptions(), ORIGIN, ssh)
    with pytest.raises(ConfigurationError, match="another host key"):
        destination.check()


def test_an_unknown_host_key_stops(server):
    def connect():
        client = paramiko.SSHClient()
        client.connect("127.0.0.1", server.port, "audit", "pw", allow_agent=False, look_for_keys=False)
        return client

    with pytest.raises(ConfigurationError, match="is not known"), SshConnection(connect, "ssh://x").sftp():
        pass


def test_a_server_that_is_down_is_left_to_the_loop():
    with SftpService("pw") as server:
        destination = sftp(server)
    desk = Desk()
    with pytest.raises(UnavailableError, match="5 tries"):
        desk.ship(destination, [[event("a")]])
    assert (desk.commits, desk.letters) == ([], {})


class Silent(paramiko.ServerInterface):
    """Lets everybody in. What it is asked from ``until`` on, it never answers."""

    def __init__(self, until):
        self.until = until
        self.released = threading.Event()

    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        self._answer_unless("channel")
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel, name):
        self._answer_unless("subsystem")
        return True

    def _answer_unless(self, asked):
        if asked == self.until:
            self.released.wait(60)


@contextmanager
def silent(until, kind=Silent):
    key, login, kept = paramiko.ECDSAKey.generate(), kind(until), []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with suppress(OSError):
                connected, _ = listener.accept()
                transport = paramiko.Transport(connected)
                kept.append(transport)
                transport.add_server_key(key)
                transport.start_server(server=login)
                kept.append(transport.accept(60))

        threading.Thread(target=accept, daemon=True).start()
        yield SimpleNamespace(
            port=listener.getsockname()[1],
            user="audit",
            password="pw",
            host_key=f"{key.get_name()} {key.get_base64()}",
        )
        listener.shutdown(socket.SHUT_RDWR)
        login.released.set()
        kept[0].close()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("until", ["channel", "subsystem", "version"])
def test_a_server_that_lets_in_and_says_no_more_is_left_to_the_loop(until):
    with silent(until) as service:
        destination = SftpDestination(SftpOptions(), ORIGIN, ssh_of(service, silence=0.3))
        outcome = destination.send(batch_of(destination, [event("a")]))
    assert outcome.verdicts == (Verdict.RETRY,)
    assert f"127.0.0.1:{service.port}" in outcome.said


class Ending(Silent):
    """Lets everybody in, and ends what it starts at once."""

    def check_channel_subsystem_request(self, channel, name):
        threading.Thread(target=channel.close, daemon=True).start()
        return True


@pytest.mark.timeout(60)
def test_a_server_that_ends_what_was_asked_for_may_not_offer_sftp():
    said = []
    for _ in range(20):  # whether it ends before the first octet is written, or before one is read, is chance
        with silent(None, Ending) as service:
            destination = SftpDestination(SftpOptions(), ORIGIN, ssh_of(service, silence=10))
            said.append(destination.send(batch_of(destination, [event("a")])).said)
    assert [each for each in said if "may not offer SFTP" not in each] == []


def test_check_looks_and_changes_nothing(server):
    (server.folder / "file").write_text("x")
    assert "will be created" in sftp(server, folder="new").check()
    assert "exists" in sftp(server).check()
    with pytest.raises(ConfigurationError, match="is not a folder"):
        sftp(server, folder="file").check()
    assert server.files() == ["file"]


@pytest.mark.parametrize("temporary", ["", "a/b"])
def test_a_temporary_name_must_be_one(temporary):
    with pytest.raises(ValueError):
        SftpOptions(temporary=temporary)
