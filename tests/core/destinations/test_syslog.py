"""Syslog against a receiver that reads RFC 5424 and its octet counts strictly, over real TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import ExitStack, suppress
from datetime import timedelta, timezone
from itertools import count
from types import SimpleNamespace

import msgspec
import pytest

from audit_provider.core.destinations.base import Verdict
from audit_provider.core.destinations.marked_event import send_marked_event
from audit_provider.core.destinations.syslog import SyslogDestination, SyslogOptions
from audit_provider.core.errors import ConfigurationError, CredentialError, ProtocolError, UnavailableError
from audit_provider.core.formats import Envelope, Raw
from audit_provider.core.model import Event
from audit_provider.core.shipping.ship import ship
from audit_provider.core.wire.tcp import TcpClient
from audit_provider.sandbox.certificates import Authority
from audit_provider.sandbox.syslog import SyslogService, message_from
from tests.core.destinations.other_intakes import tcp_client_of
from tests.core.destinations.stand_ins import NOW, ORIGIN, Desk, batch_of, event, padded

LONG = 30.0
"""Seconds to listen where the receiver hangs up: the wait ends as soon as it does."""

LONG_ENOUGH = 1.0
"""Seconds to listen where the receiver hangs up on some batches only: on the others this is waited for."""


@pytest.fixture
def receiver():
    with SyslogService() as service:
        yield service


def syslog(service, *, settle=0.0, form=None, cert=None, **options):
    client = tcp_client_of(service, cert=cert)
    options = {"last_settle": 0.0, **options}
    return SyslogDestination(SyslogOptions(settle=settle, **options), ORIGIN, client, form=form)


def encoded(item, form=None, **options):
    nowhere = TcpClient("localhost", 1, tls=None, service="syslog")
    return SyslogDestination(SyslogOptions(**options), ORIGIN, nowhere, form=form).encode(item, restamp=False)


def test_a_message_says_what_the_event_says_and_where_it_comes_from():
    time = NOW.replace(microsecond=123456)
    raw = msgspec.Raw(b'{"id":"e 1","date":1,"action":"user_login"}')
    message = message_from(encoded(Event("e 1", time, raw), form=Raw(ORIGIN)))
    assert message.time == time
    assert (message.facility, message.severity) == (13, 6)
    assert (message.hostname, message.app_name, message.procid, message.msgid) == ("-", "slack", "-", "user_login")
    assert message.data == {"audit@32473": {"event_id": "e 1", "source": "slack", "pipeline": "payroll"}}
    assert message.text == bytes(raw)


def test_the_time_is_the_events_own_in_utc():
    written = encoded(event("a", time=NOW - timedelta(days=400)))
    assert b" 1 " not in written
    assert message_from(written).time == NOW - timedelta(days=400)
    assert message_from(written).time.tzinfo.utcoffset(None) == timezone.utc.utcoffset(None)


def test_options_stand_in_the_header():
    options = {"facility": "local7", "severity": "emerg", "app_name": "a", "hostname": "h.example", "msgid": "M"}
    written = encoded(event("a"), sd_id="mine@1", **options)
    assert written.startswith(b"<184>1 ")
    message = message_from(written)
    assert (message.hostname, message.app_name, message.msgid) == ("h.example", "a", "M")
    assert set(message.data) == {"mine@1"}


def test_the_text_is_cef_unless_told_otherwise_and_has_no_byte_order_mark():
    assert message_from(encoded(event("a"))).text.startswith(b"CEF:0|")
    assert message_from(encoded(event("a"), form=Envelope(ORIGIN))).text.startswith(b'{"id":"a"')
    assert message_from(encoded(event("a"), bom=True)).text.startswith(b"\xef\xbb\xbfCEF:0|")


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a]b", "a b=é", '\\"]'])
def test_an_id_that_needs_escaping_arrives_as_it_is(name):
    assert message_from(encoded(event(name))).data["audit@32473"]["event_id"] == name


def test_control_characters_of_an_id_travel_as_text():
    written = encoded(event("a\nb\x00"), form=Envelope(ORIGIN))
    assert not {b"\n", b"\x00"} & {written[i : i + 1] for i in range(len(written))}
    assert message_from(written).data["audit@32473"]["event_id"] == "a#012b#000"


@pytest.mark.parametrize(
    ("action", "msgid"), [("", "-"), ("user created", "user_created"), ("é", "_"), ("x" * 40, "x" * 32)]
)
def test_an_action_becomes_a_message_id_that_is_allowed(action, msgid):
    assert message_from(encoded(event("a", action=action))).msgid == msgid


@pytest.mark.parametrize(
    "options",
    [
        {"facility": "local8"},
        {"hostname": "a b"},
        {"app_name": "x" * 49},
        {"msgid": ""},
        {"sd_id": 'a"b'},
        {"sd_id": ""},
        {"message_bytes": 479},
        {"settle": -1},
        {"last_settle": -1},
    ],
)
def test_options_that_no_receiver_would_take(options):
    with pytest.raises(ValueError):
        SyslogOptions(**options)


def test_batches_travel_over_one_connection_and_arrive_whole(receiver):
    desk = Desk()
    desk.ship(syslog(receiver, batch_events=3), [[event(str(number), pad="é\n" * 90) for number in range(10)]])
    assert receiver.wait_for(10)
    assert receiver.ids() == [str(number) for number in range(10)]
    assert desk.offset.counts.delivered == 10
    assert receiver.handshakes == 1
    assert receiver.refused == []


def test_batches_on_their_way_at_once_each_have_a_connection(receiver):
    desk = Desk()
    desk.ship(syslog(receiver, batch_events=1), [[event(str(n)) for n in range(20)]], concurrency=4)
    assert receiver.wait_for(20)
    assert sorted(receiver.ids(), key=int) == [str(number) for number in range(20)]
    assert 1 <= receiver.handshakes <= 4


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_receiver_that_hangs_up_within_a_batch_is_sent_all_of_it_again(receiver, after):
    receiver.faults.add("cut", after=after)
    destination = syslog(receiver, settle=LONG)
    with pytest.raises(UnavailableError, match=f"localhost:{receiver.port}"):
        destination.send(batch_of(destination, "abcde"))
    again = syslog(receiver)
    again.send(batch_of(again, "abcde"))
    assert receiver.wait_for(after + 5)
    assert receiver.ids() == [*"abcde"[:after], *"abcde"]


def test_the_loop_repeats_and_sets_nothing_aside(receiver):
    receiver.faults.add("cut", after=2)
    desk = Desk()
    # The second write is listened after as well, so a second is what this test lasts.
    desk.ship(syslog(receiver, settle=1.0), [[event(name) for name in "abc"]])
    assert receiver.wait_for(5)
    assert receiver.ids() == ["a", "b", "a", "b", "c"]
    assert (desk.offset.counts.delivered, desk.letters) == (3, {})


def test_a_connection_that_was_closed_while_idle_is_not_written_to():
    """The first connection is closed by the receiver after one message; the next batch takes another."""
    taken = []
    sent, closed, done = threading.Event(), threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        first, _ = listener.accept()
        taken.append(first.recv(65536))
        assert sent.wait(10)
        first.close()
        closed.set()
        second, _ = listener.accept()
        with second:
            taken.append(second.recv(65536))
            assert done.wait(10)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    client = TcpClient("127.0.0.1", listener.getsockname()[1], tls=None, service="syslog", settle=0.0)
    destination = SyslogDestination(SyslogOptions(settle=0.0), ORIGIN, client)
    first = destination.send(batch_of(destination, "a"))
    sent.set()
    assert closed.wait(10)
    assert first.verdicts == (Verdict.DELIVERED,)
    destination.send(batch_of(destination, "b"))
    done.set()
    thread.join(10)
    listener.close()
    assert [b'event_id="a"' in taken[0], b'event_id="b"' in taken[1]] == [True, True]


@pytest.mark.slow
def test_a_receiver_that_reads_slowly_and_steadily_is_written_to_the_end():
    """The write takes longer than the timeout, and never stands still for long."""
    large, timeout, read = b"x" * 24_000_000, 3.0, []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)

        def serve():
            connected, _ = listener.accept()
            with connected:
                while data := connected.recv(100_000):
                    read.append(len(data))
                    time.sleep(len(data) * 2 * timeout / len(large))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        client = TcpClient("127.0.0.1", port, tls=None, service="syslog", timeout=timeout, settle=0.0)
        client.write(large, 0.0)
        client.close()
        thread.join(60)
    assert sum(read) == len(large)


WEB_ANSWER = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def answering(tmp_path):
    """Return what starts a server that answers as one for web pages does, and hangs up.

    ``first`` speaks before it is spoken to; ``late`` is an event to wait for before the answer.
    """
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("far", ["localhost"]))

    def start(*, tls, first=False, late=None):
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.callback(listener.shutdown, socket.SHUT_RDWR)
        answered = threading.Event()

        def serve():
            with suppress(OSError):
                plain, _ = listener.accept()
                with context.wrap_socket(plain, server_side=True) if tls else plain as connected:
                    if not first:
                        connected.recv(65536)
                    if late is not None:
                        late.wait(10)
                    connected.sendall(WEB_ANSWER)
                    answered.set()

        threading.Thread(target=serve, daemon=True).start()
        return SimpleNamespace(port=listener.getsockname()[1], authority=authority, answered=answered)

    with ExitStack() as stack:
        yield start


@pytest.mark.parametrize("tls", [True, False])
def test_who_answers_is_no_syslog_receiver_and_has_taken_nothing(answering, tls):
    client, desk = tcp_client_of(answering(tls=tls), tls=tls), Desk()
    with pytest.raises(ProtocolError, match="HTTP/1.1 400 Bad Request.*check host and port"):
        desk.ship(SyslogDestination(SyslogOptions(settle=LONG), ORIGIN, client), [[event("a"), event("b")]])
    assert (desk.commits, desk.letters) == ([], {})


@pytest.mark.parametrize("tls", [True, False])
def test_an_answer_that_comes_late_stops_the_next_batch(answering, tls):
    late = threading.Event()
    server = answering(tls=tls, late=late)
    destination = SyslogDestination(SyslogOptions(settle=0.0), ORIGIN, tcp_client_of(server, tls=tls))
    destination.send(batch_of(destination, "a"))
    late.set()
    assert server.answered.wait(10)
    with pytest.raises(ProtocolError, match="400 Bad Request"):
        destination.send(batch_of(destination, "b"))


def test_an_answer_to_the_beginning_of_a_batch_is_told_rather_than_the_break(answering):
    client, desk = tcp_client_of(answering(tls=False), tls=False), Desk()
    large = [event(number, pad="x" * 7500) for number in range(4000)]
    options = SyslogOptions(batch_events=4000, batch_bytes=40_000_000)
    with pytest.raises(ProtocolError, match="400 Bad Request"):
        desk.ship(SyslogDestination(options, ORIGIN, client, form=Raw(ORIGIN)), [large])
    assert desk.commits == []


def test_check_names_who_speaks_first(answering):
    client = tcp_client_of(answering(tls=False, first=True), tls=False, settle=LONG)
    with pytest.raises(ProtocolError, match="nothing counts as delivered"):
        SyslogDestination(SyslogOptions(), ORIGIN, client).check()


def test_nothing_is_written_to_an_address_to_avoid(receiver, monkeypatch):
    monkeypatch.setattr(socket.socket, "getpeername", lambda _: ("169.254.169.254", 6514))
    destination = SyslogDestination(SyslogOptions(), ORIGIN, tcp_client_of(receiver, host="127.0.0.1"))
    with pytest.raises(ConfigurationError, match="metadata"):
        destination.check()
    assert receiver.handshakes == 0


def test_a_message_over_the_limit_is_set_aside_and_its_neighbours_travel(receiver):
    desk = Desk()
    large = event("large", pad="x" * 9000)
    desk.ship(syslog(receiver), [[event("a"), large, event("b")]])
    assert receiver.wait_for(2)
    assert receiver.ids() == ["a", "b"]
    assert "8,096" in desk.letters["large"].reason


def test_the_longest_message_by_default_is_one_that_rsyslog_takes_whole(receiver):
    """Its limit of 8k is 8,096 bytes, the count before the message not among them."""
    destination, desk = syslog(receiver, form=Raw(ORIGIN)), Desk()
    events = [padded(size, size, destination.encode) for size in (8096, 8097)]
    desk.ship(destination, [events])
    assert receiver.wait_for(1)
    assert (receiver.ids(), list(desk.letters)) == (["8096"], ["8097"])


def test_a_certificate_that_nobody_vouches_for_stops(receiver):
    with SyslogService() as other:
        client = tcp_client_of(receiver, ca=other.authority.ca)
        destination = SyslogDestination(SyslogOptions(), ORIGIN, client)
        with pytest.raises(ConfigurationError, match="not trusted"):
            destination.send(batch_of(destination, "a"))
    assert receiver.ids() == []


def test_a_certificate_of_another_name_stops_unless_that_name_is_expected():
    with SyslogService(hosts=("siem.internal",)) as service:
        with pytest.raises(ConfigurationError, match="not valid for"):
            tcp_client_of(service).probe()
        assert tcp_client_of(service, server_hostname="siem.internal").probe().startswith("TLSv1")


def test_a_client_certificate_is_shown_and_its_absence_is_noticed_before_anything_is_lost():
    with SyslogService(client_certificate=True) as service:
        cert = service.authority.issue("client")
        destination = syslog(service, cert=cert)
        destination.send(batch_of(destination, "a"))
        assert service.wait_for(1)
        desk = Desk()
        client = tcp_client_of(service, settle=LONG)
        with pytest.raises(CredentialError, match="'cert' and 'key'"):
            desk.ship(SyslogDestination(SyslogOptions(settle=0.0), ORIGIN, client), [[event("b")]])
        assert desk.commits == []
        assert service.ids() == ["a"]


def test_plain_text_where_tls_is_expected_is_named():
    with SyslogService(tls=False) as service, pytest.raises((ConfigurationError, UnavailableError)):
        tcp_client_of(service, ca=service.authority.ca, timeout=0.5).probe()


def test_nobody_there_is_left_to_the_loop():
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(UnavailableError, match=str(port)):
        TcpClient("127.0.0.1", port, tls=None, service="syslog").write(b"1 x", 0.0)


def test_check_shakes_hands_and_promises_nothing(receiver):
    said = syslog(receiver).check()
    assert "TLSv1.3" in said
    assert "does not confirm messages" in said
    assert receiver.messages == []


def test_a_receiver_that_reads_lines_is_sent_lines():
    with SyslogService(by_lines=True) as service:
        desk = Desk()
        desk.ship(syslog(service, framing="newline"), [[event("a\nb"), event("c", text="d\ne")]])
        assert service.wait_for(2)
    assert desk.offset.counts.delivered == 2
    assert [each.data["audit@32473"]["event_id"] for each in service.messages] == ["a#012b", "c"]


def test_what_has_a_line_break_of_its_own_is_set_aside_where_lines_are_read():
    spread = Event("spread", NOW, msgspec.Raw(b'{"id":\n"spread"}'))
    with SyslogService(by_lines=True) as service:
        desk = Desk()
        desk.ship(syslog(service, framing="newline", form=Raw(ORIGIN)), [[event("a"), spread, event("b")]])
        assert service.wait_for(2)
    assert desk.offset.counts.dead_lettered == 1
    assert "line break" in desk.letters["spread"].reason
    assert service.refused == []


def test_a_test_event_says_that_only_the_receiver_can_show_it(receiver):
    said = send_marked_event(syslog(receiver), "syslog", NOW)
    assert receiver.wait_for(1)
    assert receiver.messages[0].data["audit@32473"]["event_id"] in said
    assert "look for the event at the receiver" in said
    assert "'framing'" in said


# Receivers that hang up on one message, as syslog-ng does on one over its limit and VictoriaLogs on a year it cannot
# read.


def too_long(name):
    return event(name, pad="x" * 3000)


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        [*"abcde", "P", *"fgh"],
        ["a", "P1", "b", "P2", "P3"],
    ],
)
def test_an_event_on_which_the_receiver_hangs_up_is_set_aside_and_no_other(names):
    with SyslogService(max_message_bytes=2048) as receiver:
        desk = Desk()
        events = [too_long(name) if name.startswith("P") else event(name) for name in names]
        desk.ship(syslog(receiver, settle=LONG_ENOUGH, form=Raw(ORIGIN)), [events])
        good = [name for name in names if not name.startswith("P")]
        assert receiver.wait_for(len(good))
        assert set(receiver.ids()) == set(good)
        assert set(desk.letters) == {name for name in names if name.startswith("P")}
        assert (desk.offset.counts.delivered, desk.offset.counts.dead_lettered) == (len(good), len(desk.letters))
        reason = next(iter(desk.letters.values())).reason
        assert reason.startswith("the receiver closes the connection on it: syslog localhost:")
        assert "it has 3," in reason
        assert "log-msg-size()" in reason


def test_an_event_with_no_other_beside_it_is_judged_by_a_test_event():
    with SyslogService(max_message_bytes=2048) as receiver:
        desk = Desk()
        destination = syslog(receiver, settle=LONG_ENOUGH, form=Raw(ORIGIN))
        desk.ship(destination, [[too_long("P")]])
        assert set(desk.letters) == {"P"}
        assert receiver.wait_for(1)
        assert [each.msgid for each in receiver.messages] == ["audit_provider.test"]


@pytest.mark.parametrize("count", [1, 2, 11, 40])
def test_a_receiver_that_hangs_up_on_everything_costs_no_event(receiver, count):
    receiver.faults.add("cut", count=None)
    desk = Desk()
    with pytest.raises(
        UnavailableError, match=r"accepted nothing in \d+ tries.*the largest of|accepted nothing.*it has"
    ):
        desk.ship(syslog(receiver, settle=LONG), [[event(str(number)) for number in range(count)]])
    assert (desk.commits, desk.letters) == ([], {})
    assert receiver.ids() == []


@pytest.mark.parametrize("tls", [True, False])
def test_a_hang_up_before_anything_is_written_names_the_certificate_and_the_balancer(tls, tmp_path):
    """rsyslog that misses a certificate of this side ends the connection behind the handshake, without an alert."""
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("far", ["localhost"]))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with suppress(OSError):
                while True:
                    plain, _ = listener.accept()
                    connected = context.wrap_socket(plain, server_side=True) if tls else plain
                    connected.shutdown(socket.SHUT_WR)
                    connected.close()

        threading.Thread(target=serve, daemon=True).start()
        service = SimpleNamespace(port=listener.getsockname()[1], authority=authority)
        destination = SyslogDestination(SyslogOptions(), ORIGIN, tcp_client_of(service, tls=tls, settle=LONG))
        desk = Desk()
        with pytest.raises(
            UnavailableError, match=r"before anything was written: .*'cert' and 'key'.*a load balancer"
        ) as no:
            desk.ship(destination, [[event("a")]])
        assert "5 tries" in str(no.value)
        assert desk.letters == {}
        listener.shutdown(socket.SHUT_RDWR)


# Balancers that have nobody behind them: HAProxy takes the connection, and hangs up once its tries are used up.


@pytest.fixture
def balancer():
    """Return what starts a server on plain TCP, given what it does with each connection and the connection's number."""

    def start(serve):
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.callback(listener.shutdown, socket.SHUT_RDWR)
        ended = threading.Event()
        stack.callback(ended.set)

        def accept():
            with suppress(OSError):
                for number in count(1):
                    connected, _ = listener.accept()
                    threading.Thread(target=run, args=(connected, number), daemon=True).start()

        def run(connected, number):
            with suppress(OSError), connected:
                serve(connected, number, ended)

        threading.Thread(target=accept, daemon=True).start()
        return SimpleNamespace(port=listener.getsockname()[1])

    with ExitStack() as stack:
        yield start


def frames_of(connected, most):
    """Read up to ``most`` messages and return their ids."""
    ids = []
    with connected.makefile("rb") as reader:
        while len(ids) < most and (size := reader.read(1)):
            while (digit := reader.read(1)) != b" ":
                size += digit
            ids.append(reader.read(int(size)).partition(b'event_id="')[2].partition(b'"')[0].decode())
    return ids


def test_nothing_is_written_until_a_balancer_has_had_time_to_find_nobody(balancer):
    def serve(connected, number, ended):
        ended.wait(0.3)

    client = tcp_client_of(balancer(serve), tls=False, settle=0.01, first_settle=LONG)
    desk = Desk()
    options = SyslogOptions(settle=0.0, last_settle=0.0, batch_events=1)
    with pytest.raises(UnavailableError, match="before anything was written"):
        desk.ship(SyslogDestination(options, ORIGIN, client), [[event("a"), event("b")]])
    assert (desk.commits, desk.letters) == ([], {})


def test_after_a_failure_it_is_given_that_time_again(balancer):
    """The receiver behind it goes after the first message; the connections that follow end without having been read."""

    def serve(connected, number, ended):
        if number == 1:
            frames_of(connected, 2)
        else:
            ended.wait(0.1)

    client = tcp_client_of(balancer(serve), tls=False, settle=0.01, first_settle=1.0)
    destination = SyslogDestination(SyslogOptions(settle=LONG), ORIGIN, client)
    with pytest.raises(UnavailableError):
        destination.send(batch_of(destination, "ab"))
    hasty = SyslogDestination(SyslogOptions(settle=0.0), ORIGIN, client)
    with pytest.raises(UnavailableError, match="before anything was written"):
        hasty.send(batch_of(hasty, "c"))


def test_the_last_batch_of_a_run_is_listened_after_for_longer(balancer):
    taken = []

    def serve(connected, number, ended):
        taken.extend(frames_of(connected, 3 if number == 1 else 1))
        ended.wait(0.1)

    client = tcp_client_of(balancer(serve), tls=False)
    desk = Desk()
    options = SyslogOptions(settle=0.0, last_settle=LONG, batch_events=1)
    with pytest.raises(UnavailableError, match="accepted nothing in"):
        desk.ship(SyslogDestination(options, ORIGIN, client), [[event(name) for name in "ab"], [event("c")]])
    assert (desk.offset.counts.delivered, desk.letters) == (2, {})
    assert taken[:3] == ["a", "b", "c"]


def test_a_run_that_is_broken_off_records_the_batch_before_the_break(balancer):
    """The lot that is packed ahead cannot be read: what stands before it is sent and counts."""

    def broken():
        yield 1, [event("a"), event("b"), event("c")]
        raise RuntimeError("the spool is gone")

    def serve(connected, number, ended):
        frames_of(connected, 9)

    desk = Desk()
    options = SyslogOptions(settle=0.0, last_settle=0.0, batch_events=2)
    destination = SyslogDestination(options, ORIGIN, tcp_client_of(balancer(serve), tls=False))
    with pytest.raises(RuntimeError):
        ship(
            destination,
            broken(),
            desk.offset,
            commit=desk.commit,
            set_aside=desk.set_aside,
            sleep=desk.sleeps.append,
            now=lambda: NOW,
        )
    assert desk.offset.counts.delivered == 2
