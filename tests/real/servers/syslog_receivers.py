"""rsyslog and syslog-ng, over TLS, with the limits that they are installed with."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from audit_provider.core.destinations.syslog import SyslogDestination, SyslogOptions
from audit_provider.core.model import Event
from tests.real.account import Drops, Finding, Shipment, checked, compare
from tests.real.adverse import ORIGIN, adverse_events, good_events, sized_events
from tests.real.clients import syslog_client
from tests.real.obtaining import Obtained, from_debian
from tests.real.process import Process, listens, settled, started
from tests.real.servers.base import Place, Server, free_port

_RSYSLOG = """
global(workDirectory="{folder}" DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="{ca}"
  DefaultNetstreamDriverCertFile="{cert}" DefaultNetstreamDriverKeyFile="{cert}" {options})
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.Authmode="{mode}")
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="held" type="string" string="%rawmsg%\\n")
*.* action(type="omfile" file="{held}" template="held")
"""
_SYSLOG_NG = """
@version: 3.38
options {{ stats-freq(0); {options} }};
source s {{ syslog(ip("127.0.0.1") port({port}) transport("tls") flags(store-raw-message)
  tls(key-file("{cert}") cert-file("{cert}") ca-file("{ca}") peer-verify({mode}))); }};
destination d {{ file("{held}" template("${{RAWMSG}}\\n")); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""
_OVER = 70_000


@dataclass
class Receiver:
    """One receiver, and what it holds.

    :ivar start: starts it again, on the same port.
    """

    port: int
    ca: Path
    client: Path
    process: Process
    held_at: Path
    start: Callable[[], Process]

    def held(self, wanted: int, seconds: float = 10.0) -> list[bytes]:
        """Return its messages, as soon as there are as many as wanted, or no more come."""
        settled(lambda: len(self._messages()), wanted, seconds)
        return self._messages()

    def destination(self, *, certificate: bool = False, **options: object) -> SyslogDestination:
        """Return the product's own, listening no longer than a receiver on this machine needs."""
        known = {"last_settle": 0.5, **options}
        client = syslog_client(self.port, self.ca, cert=self.client if certificate else None, first_settle=0.5)
        return SyslogDestination(SyslogOptions(**known), ORIGIN, client)  # type: ignore[arg-type]

    def _messages(self) -> list[bytes]:
        return self.held_at.read_bytes().split(b"\n")[:-1] if self.held_at.exists() else []


@dataclass(frozen=True)
class Kind:
    """How one of the two is configured. :ivar anonymous: its word for asking clients for no certificate,
    :ivar certified: and for asking."""

    text: str
    command: Callable[[Obtained, Path, Path], list[str]]
    anonymous: str
    certified: str

    @contextmanager
    def receiving(self, place: Place, *, options: str = "", certified: bool = False) -> Iterator[Receiver]:
        """Run one with its defaults, but for options."""
        port, authority, held = free_port(), place.authority(), place.folder / "held"
        names = {
            "folder": place.folder,
            "ca": authority.ca,
            "cert": authority.issue("receiver", ("localhost", "127.0.0.1")),
            "held": held,
            "port": port,
            "options": options,
            "mode": self.certified if certified else self.anonymous,
        }
        configuration = place.write("server.conf", self.text.format(**names))
        command = self.command(place.made, configuration, place.folder)

        def start() -> Process:
            return Process(command, place.folder / "server.log", environment=place.made.environment)

        with started(command, place.folder / "server.log", port, environment=place.made.environment) as process:
            receiver = Receiver(port, authority.ca, authority.issue("sender"), process, held, start)
            try:
                yield receiver
            finally:
                receiver.process.stop()


def _rsyslog_command(made: Obtained, configuration: Path, folder: Path) -> list[str]:
    program, modules = made.program("usr/sbin/rsyslogd"), made.program("usr/lib/*/rsyslog")
    return [program, "-n", "-f", str(configuration), "-i", str(folder / "pid"), "-M", modules]


def _syslog_ng_command(made: Obtained, configuration: Path, folder: Path) -> list[str]:
    modules = Path(made.program("usr/lib/syslog-ng/*/libsyslogformat.so")).parent
    paths = {"-f": configuration, "-R": folder / "persist", "-c": folder / "control", "-p": folder / "pid"}
    places = [str(each) for pair in paths.items() for each in pair]
    return [made.program("usr/sbin/syslog-ng"), "-F", "--no-caps", *places, "--module-path", str(modules)]


RSYSLOG = Kind(_RSYSLOG, _rsyslog_command, "anon", "x509/certvalid")
SYSLOG_NG = Kind(_SYSLOG_NG, _syslog_ng_command, "optional-untrusted", "required-trusted")


RSYSLOG_OF_LINES = replace(
    RSYSLOG, text=_RSYSLOG.replace('port="{port}")', 'port="{port}" SupportOctetCountedFraming="off")')
)
SYSLOG_NG_OF_LINES = replace(
    SYSLOG_NG,
    text=_SYSLOG_NG.replace("syslog(ip", "network(ip").replace("flags(store-", "flags(syslog-protocol, store-"),
)


def ships(
    kind: Kind, place: Place, events: Sequence[Event], *, options: str = "", takes: int | None = None, **own: object
) -> Finding:
    """Ship events to a receiver, and compare."""
    with kind.receiving(place, options=options) as receiver:
        destination = receiver.destination(**own)
        shipment = Shipment(events).run(destination)
        held = receiver.held(len(shipment.delivered()))
    return compare(shipment, held, lambda event: destination.encode(event, restamp=False), takes=takes)


def adverse(kind: Kind, place: Place) -> Finding:
    """All adverse events, with the defaults of both."""
    return ships(kind, place, adverse_events())


def edges(kind: Kind, place: Place) -> Finding:
    """Messages of so many bytes: up to 8,096, which is rsyslog's limit too, they are held whole."""
    with kind.receiving(place) as receiver:
        destination = receiver.destination()
        without = len(destination.encode(sized_events(0)[0], restamp=False))
        events = sized_events(*(size - without for size in (480, 2048, 8000, 8095, 8096, 8097, 8150, 8192)))
        shipment = Shipment(events).run(destination)
        held = receiver.held(len(shipment.delivered()))
    return compare(shipment, held, lambda event: destination.encode(event, restamp=False), takes=5)


def stopped(kind: Kind, place: Place, number: int) -> Finding:
    """The receiver ends midway by a signal, and is started again before the next run."""
    events = good_events(3000)
    with kind.receiving(place) as receiver:
        destination, sent = receiver.destination(batch_events=500), []
        shipment = Shipment(events)
        write = destination._client.write

        def stopping(content: bytes, settle: float) -> None:
            sent.append(1)
            if len(sent) == 4:
                receiver.process.stop(number)
            write(content, settle)

        destination._client.write = stopping  # type: ignore[method-assign]
        shipment.run(destination)
        red = bool(shipment.errors[-1])
        receiver.process = receiver.start().wait_for(lambda: listens(receiver.port))
        shipment.run(destination)
        held = receiver.held(len(events))
    if not red:
        return Finding(shipment.said, "-", "the run during which the receiver ended did not end red")
    return compare(shipment, held, lambda event: destination.encode(event, restamp=False), takes=len(events))


def wants_certificate(kind: Kind, place: Place) -> Finding:
    """The receiver asks for a certificate: without one nothing is delivered, with one everything."""
    events = good_events(50)
    with kind.receiving(place, certified=True) as receiver:
        without = Shipment(events).run(receiver.destination())
        if without.delivered() or "certificate" not in without.errors[-1]:
            return Finding(without.said, "-", f"without a certificate it ended with {without.errors[-1]!r}")
        destination = receiver.destination(certificate=True)
        shipment = Shipment(events).run(destination)
        held = receiver.held(len(events))
    return compare(
        shipment,
        held,
        lambda event: destination.encode(event, restamp=False),
        takes=50,
        notes=f"without a certificate: {without.errors[-1]}",
    )


def its_test(kind: Kind, place: Place) -> Finding:
    """The *Test* button: it connects, and sends nothing."""
    with kind.receiving(place) as receiver:
        return checked(receiver.destination(), says="does not confirm messages")


def other_framing(place: Place) -> Finding:
    """Lines for syslog-ng's ``syslog()``, which reads octet counts: nothing is delivered, and the error says why."""
    with SYSLOG_NG.receiving(place) as receiver:
        shipment = Shipment(good_events(5)).run(receiver.destination(framing="newline"))
        held = receiver.held(0)
    named = "'framing'" in shipment.errors[-1]
    wrong = "" if not held and not shipment.delivered() and named else f"it ended with {shipment.errors[-1]!r}"
    return Finding(shipment.said, f"{len(held)} of 0", wrong, notes=shipment.errors[-1])


def over_the_limit(place: Place) -> Finding:
    """One message over syslog-ng's limit among good ones: it hangs up, and that one alone becomes a dead letter."""
    events = [*good_events(5), *sized_events(_OVER), *good_events(10)[5:]]
    return ships(SYSLOG_NG, place, events, takes=10, message_bytes=100_000)


def raised(kind: Kind, option: str, place: Place) -> Finding:
    """Both limits raised, the receiver's first: what is larger than the old one is held whole."""
    events = [*good_events(5), *sized_events(9_000, 65_000, 120_000)]
    return ships(kind, place, events, options=option, takes=8, message_bytes=190_000)


def by_lines(kind: Kind, place: Place, framing: str, receiver: str) -> Finding:
    """A receiver that reads lines alone: with octet counts, all that it holds is run together, as the page says.

    :param receiver: as the page names it.
    """
    events = good_events(300)
    drops = Drops("syslog", receiver, {each.id for each in events} if framing == "octet_counting" else set())
    with kind.receiving(place) as running:
        destination = running.destination(framing=framing)
        shipment = Shipment(events).run(destination)
        held = running.held(len(events), 10.0 if framing == "newline" else 2.0)
    return compare(shipment, held, lambda event: destination.encode(event, restamp=False), drops=drops, takes=300)


def _line_readers(kind: Kind, receiver: str) -> dict[str, Callable[[Place], Finding]]:
    return {
        f"{receiver.partition(', ')[2] or receiver.partition(' with ')[2]}, {framing}": (
            lambda place, framing=framing: by_lines(kind, place.below(f"reader_{framing}"), framing, receiver)
        )
        for framing in ("octet_counting", "newline")
    }


def _scenarios(kind: Kind) -> dict[str, Callable[[Place], Finding]]:
    return {
        "adverse events, defaults of both": lambda place: adverse(kind, place.below("adverse")),
        "sizes about the limit": lambda place: edges(kind, place.below("edges")),
        "SIGTERM midway": lambda place: stopped(kind, place.below("term"), signal.SIGTERM),
        "kill -9 midway": lambda place: stopped(kind, place.below("kill"), signal.SIGKILL),
        "its test": lambda place: its_test(kind, place.below("test")),
        "wants a certificate": lambda place: wants_certificate(kind, place.below("certificate")),
    }


SERVERS = (
    Server(
        "rsyslog",
        "8.2302",
        lambda version: from_debian("rsyslog", version, "rsyslog-gnutls"),
        {
            **_scenarios(RSYSLOG),
            "framing by newlines": lambda place: ships(
                RSYSLOG, place.below("lines"), adverse_events(), framing="newline"
            ),
            **_line_readers(RSYSLOG_OF_LINES, 'rsyslog 8.2302 with `SupportOctetCountedFraming="off"`'),
            "maxMessageSize raised": lambda place: raised(RSYSLOG, 'maxMessageSize="200k"', place.below("raised")),
        },
    ),
    Server(
        "syslog-ng",
        "3.38",
        lambda version: from_debian("syslog-ng-core", version),
        {
            **_scenarios(SYSLOG_NG),
            "framing by newlines": lambda place: other_framing(place.below("lines")),
            **_line_readers(SYSLOG_NG_OF_LINES, "syslog-ng 3.38, its `network()` source"),
            "one message over log-msg-size": lambda place: over_the_limit(place.below("over")),
            "log-msg-size raised": lambda place: raised(SYSLOG_NG, "log-msg-size(200000);", place.below("raised")),
        },
    ),
)
