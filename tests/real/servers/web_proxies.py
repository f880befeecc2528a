"""nginx, HAProxy and Squid, in front of stand-ins: what they answer themselves is not the receiver's word."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from audit_provider.core.destinations.http import HttpDestination, HttpOptions
from audit_provider.core.destinations.s3 import S3Destination, S3Options
from audit_provider.core.destinations.syslog import SyslogDestination, SyslogOptions
from audit_provider.core.model import Event
from audit_provider.sandbox.s3 import S3Service
from audit_provider.sandbox.syslog import SyslogService
from tests.core.destinations.stand_ins import serving
from tests.real.account import Finding, Shipment, checked, compare
from tests.real.adverse import NOW, ORIGIN, adverse_events, good_events
from tests.real.clients import http_client, s3_client, syslog_client
from tests.real.obtaining import from_debian
from tests.real.process import started
from tests.real.servers.base import Place, Server, free_port
from tests.real.servers.s3_stores import lines_of, spread_events

_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {outside}
  server {{ listen 127.0.0.1:{port}; {inside} location / {{ {location} }} }}
}}
"""
_HAPROXY = """
global
  set-var proc.requests int(0)
defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  mode {mode}
  bind 127.0.0.1:{port} {bind}
  {front}
  default_backend out
backend out
  mode {mode}
  {back}
  server one 127.0.0.1:{behind}
"""
_SQUID = """
http_port 127.0.0.1:{port}
pid_filename none
cache_log {folder}/cache.log
access_log none
cache deny all
shutdown_lifetime 0 seconds
pinger_enable off
coredump_dir {folder}
mime_table {root}/usr/share/squid/mime.conf
icon_directory {root}/usr/share/squid/icons
error_directory {root}/usr/share/squid/errors/templates
unlinkd_program {root}/usr/lib/squid/unlinkd
{access}
"""
_TAKES: Callable[[Any], Any] = lambda request: (200, {}, {})  # noqa: E731


def ships(
    url: str, receiver: Any, events: Sequence[Event], *, ends: str, takes: int, runs: int = 1, **client: Any
) -> Finding:
    """Ship to an address by HTTP, and compare with what the receiver behind it has."""
    destination = HttpDestination(
        HttpOptions(shape="ndjson", batch_events=client.pop("batch_events", 10)), ORIGIN, http_client(url, **client)
    )
    shipment = Shipment(events)
    for _ in range(runs):
        shipment.run(destination)
    held = [line for each in receiver.requests for line in each.body.split(b"\n")[:-1]]
    return compare(shipment, held, lambda event: destination.encode(event, restamp=False), ends=ends, takes=takes)


@contextmanager
def nginx(place: Place, behind: int, *, outside: str = "", inside: str = "", location: str = "") -> Iterator[str]:
    """Run nginx, and yield its URL."""
    port = free_port()
    names = {"folder": place.folder, "port": port, "outside": outside, "inside": inside}
    location = location or f"proxy_pass http://127.0.0.1:{behind};"
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = place.write("nginx.conf", _NGINX.format(**names, location=location, user=user))
    program = place.made.program("usr/sbin/nginx")
    command = [program, "-c", str(configuration), "-p", str(place.folder), "-e", str(place.folder / "error.log")]
    with started(command, place.folder / "nginx.log", port, environment=place.made.environment):
        yield f"http://127.0.0.1:{port}"


def before_http(
    place: Place, *, ends: str = "well", takes: int = 60, events: Sequence[Event] | None = None, **options: Any
) -> Finding:
    """nginx before a receiver over HTTP."""
    with serving(_TAKES) as receiver:
        port = int(receiver.url.rpartition(":")[2])
        with nginx(place, port, **options) as url:
            return ships(url, receiver, events or good_events(60), ends=ends, takes=takes)


def silent_before_s3(place: Place, status: int) -> Finding:
    """nginx that answers itself with success and no word: no store has the objects."""
    with nginx(place, free_port(), location=f"return {status};") as url:
        client = s3_client(url, "key", "secret")
        destination = S3Destination(S3Options(bucket="audit"), ORIGIN, client, now=lambda: NOW)
        shipment = Shipment(spread_events(20, 5)).run(destination)
    return compare(shipment, [], lambda event: bytes(event.raw), ends="proxies in between", takes=0)


def dead_upstream(place: Place) -> Finding:
    """nginx before nobody: 502."""
    with serving(_TAKES) as receiver, nginx(place, free_port()) as url:
        return ships(url, receiver, good_events(20), ends="502", takes=0)


def before_s3(place: Place, *, ends: str = "well", runs: int = 1, takes: int = 60, **options: Any) -> Finding:
    """nginx before an S3 stand-in, which it may refuse before the body, as it does with a limit of rate."""
    service = S3Service(f"audit-{place.folder.name}").start()
    try:
        port = int(service.url.rpartition(":")[2])
        with nginx(
            place, port, location=f"proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $http_host;", **options
        ) as url:
            client = s3_client(url, service.access_key, service.secret_key)
            destination = S3Destination(S3Options(bucket=service.bucket), ORIGIN, client, now=lambda: NOW)
            shipment = Shipment(spread_events(60, 20))
            for _ in range(runs):
                shipment.run(destination, sleep=lambda seconds: time.sleep(min(seconds, 1.0)))
            held = lines_of(service.client(), service.bucket)
    finally:
        service.stop()
    return compare(shipment, held, lambda event: bytes(event.raw), ends=ends, takes=takes)


@contextmanager
def haproxy(place: Place, behind: int, *, mode: str, bind: str = "", front: str = "", back: str = "") -> Iterator[int]:
    """Run HAProxy, and yield its port."""
    port = free_port()
    names = {"mode": mode, "port": port, "bind": bind, "front": front, "back": back, "behind": behind}
    configuration = place.write("haproxy.cfg", _HAPROXY.format(**names))
    command = [place.made.program("usr/sbin/haproxy"), "-db", "-f", str(configuration)]
    with started(command, place.folder / "haproxy.log", port, environment=place.made.environment):
        yield port


def balanced_syslog(place: Place, *, up: bool, tls: bool = True) -> Finding:
    """TLS that ends at HAProxy, with its default ``retries``; with a receiver behind it, or nobody."""
    events = good_events(300)
    authority = place.authority()
    bind = f"ssl crt {authority.issue('balancer', ('localhost', '127.0.0.1'))}" if tls else ""
    receiver = SyslogService(tls=False)
    with receiver:
        behind = receiver.port if up else free_port()
        with haproxy(place, behind, mode="tcp", bind=bind) as port:
            client = syslog_client(port, authority.ca if tls else None)
            destination = SyslogDestination(SyslogOptions(last_settle=0.5 if up else 4.0), ORIGIN, client)
            shipment = Shipment(events).run(destination)
        if up:
            receiver.wait_for(len(events))
        held = receiver.ids()
    return compare(
        shipment,
        held,
        lambda event: event.id,
        takes=300 if up else 0,
        ends="well" if up else "no receiver behind it",
    )


def balanced_http(place: Place, *, ends: str = "well", takes: int = 60, dead: bool = False, **options: Any) -> Finding:
    """HAProxy before a receiver over HTTP."""
    with serving(_TAKES) as receiver:
        behind = free_port() if dead else int(receiver.url.rpartition(":")[2])
        with haproxy(place, behind, mode="http", **options) as port:
            return ships(f"http://127.0.0.1:{port}", receiver, good_events(60), ends=ends, takes=takes)


@contextmanager
def squid(place: Place, access: str) -> Iterator[int]:
    """Run Squid, and yield its port."""
    port = free_port()
    made = place.made.copied(place.folder / "root") if os.geteuid() == 0 else place.made
    access = access.replace("{root}", str(made.root))
    configuration = place.write(
        "squid.conf", _SQUID.format(port=port, folder=place.folder, root=made.root, access=access)
    )
    if os.geteuid() == 0:
        place.folder.chmod(0o777)  # it gives up being root
    command = [made.program("usr/sbin/squid"), "-N", "-f", str(configuration)]
    with started(command, place.folder / "squid.log", port, environment=made.environment):
        yield port


def through_squid(
    place: Place, *, password: str = "right", access: str = "", ends: str = "well", secure: bool = False
) -> Finding:
    """A proxy that asks for a login, or lets nobody through."""
    digest = subprocess.run(["openssl", "passwd", "-apr1", "right"], capture_output=True, text=True, check=True).stdout
    users = place.write("users", f"me:{digest}")
    users.chmod(0o644)
    if not access:
        access = (
            f"auth_param basic program {{root}}/usr/lib/squid/basic_ncsa_auth {users}\nacl known proxy_auth REQUIRED\n"
            "http_access allow known\nhttp_access deny all"
        )
    takes = 0 if ends != "well" else 20
    with serving(_TAKES) as receiver, squid(place, access) as port:
        proxy = f"http://me:{password}@127.0.0.1:{port}"
        # Behind CONNECT nobody need speak TLS where the proxy refuses.
        url = receiver.url.replace("http:", "https:") if secure else receiver.url
        return ships(url, receiver, good_events(20), ends=ends, takes=takes, proxies={"http": proxy, "https": proxy})


def checked_through_squid(place: Place) -> Finding:
    """The *Test* button, where the proxy lets nobody through."""
    with serving(_TAKES) as receiver, squid(place, "http_access deny all") as port:
        proxy = f"http://127.0.0.1:{port}"
        url = receiver.url.replace("http:", "https:")
        client = http_client(url, service="the HTTP receiver", proxies={"http": proxy, "https": proxy})
        return checked(HttpDestination(HttpOptions(), ORIGIN, client), says="'proxies'", works=False)


def _named(make: Callable[..., Finding], folder: str, **options: Any) -> Callable[[Place], Finding]:
    return lambda place: make(place.below(folder), **options)


_OWN_STATUSES = {
    "ConfigurationError": (301, 404),
    "CredentialError": (401, 403, 407),
    "ProtocolError": (400,),
    "UnavailableError": (429, 500, 503, 504),
}
_TWO_OF_THREE = """http-request set-var(proc.requests) var(proc.requests),add(1)
  http-request deny deny_status 429 if { var(proc.requests),mod(3) gt 0 }"""
_RATE = "limit_req_zone $server_name zone=z:1m rate=5r/s; limit_req_status {};"

SERVERS = (
    Server(
        "nginx",
        "1.22",
        lambda version: from_debian("nginx", version),
        {
            "before HTTP, adverse events": lambda place: before_http(
                place.below("adverse"),
                events=adverse_events(),
                takes=len(adverse_events()),
                inside="client_max_body_size 0;",
            ),
            "before HTTP, body limit 8 kB": _named(before_http, "limit", inside="client_max_body_size 8k;"),
            "before HTTP, body limit 1 kB": _named(before_http, "small", inside="client_max_body_size 1k;"),
            "before HTTP, keepalive_requests 2": _named(before_http, "keepalive", inside="keepalive_requests 2;"),
            "before HTTP, nobody behind it": lambda place: dead_upstream(place.below("dead")),
            "before HTTP, page of status 200": _named(
                before_http,
                "page",
                ends="web page",
                takes=0,
                location="default_type text/html; return 200 '<html><title>Sign in</title></html>';",
            ),
            **{
                f"before HTTP, its own {status}": _named(
                    before_http, f"own{status}", ends=kind, takes=0, location=f"return {status};"
                )
                for kind, statuses in _OWN_STATUSES.items()
                for status in statuses
            },
            **{
                f"before S3, its own {status}": _named(silent_before_s3, f"silent{status}", status=status)
                for status in (200, 202, 204)
            },
            "before S3, limit of rate by 503": _named(
                before_s3,
                "rate503",
                outside=_RATE.format(503),
                inside="limit_req zone=z burst=2 nodelay;",
                runs=2,
            ),
            "before S3, limit of rate by 429": _named(
                before_s3,
                "rate429",
                outside=_RATE.format(429),
                inside="limit_req zone=z burst=2 nodelay;",
                runs=2,
            ),
            "before S3, body limit 100 bytes": _named(
                before_s3, "body", inside="client_max_body_size 100;", ends="client_max_body_size", takes=0
            ),
        },
    ),
    Server(
        "HAProxy",
        "2.6",
        lambda version: from_debian("haproxy", version),
        {
            "TLS ends at it, receiver behind it": _named(balanced_syslog, "up", up=True),
            "TLS ends at it, nobody behind it": _named(balanced_syslog, "down", up=False),
            "plain TCP, nobody behind it": _named(balanced_syslog, "plain", up=False, tls=False),
            "before HTTP": _named(balanced_http, "http"),
            "before HTTP, nobody behind it": _named(balanced_http, "dead", dead=True, ends="503", takes=0),
            "before HTTP, two of three requests 429": _named(balanced_http, "some429", front=_TWO_OF_THREE),
        },
    ),
    Server(
        "Squid",
        "5.7",
        lambda version: from_debian("squid", version),
        {
            "login": _named(through_squid, "login"),
            "wrong password, http": _named(through_squid, "wrong", password="wrong", ends="proxies"),
            "wrong password, https": _named(through_squid, "wrong_tls", password="wrong", ends="proxies", secure=True),
            "denied, http": _named(through_squid, "denied", access="http_access deny all", ends="allow this client"),
            "denied, its test": _named(checked_through_squid, "denied_test"),
            "denied, https": _named(
                through_squid, "denied_tls", access="http_access deny all", ends="proxies", secure=True
            ),
        },
    ),
)
