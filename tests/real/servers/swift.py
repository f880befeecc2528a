"""OpenStack Swift with s3api: one proxy over one account, one container and one object server, on one device."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from audit_provider.sandbox.local_airflow import free_ports
from tests.real.adverse import good_events
from tests.real.obtaining import from_pypi
from tests.real.process import started
from tests.real.servers.base import Place, Server
from tests.real.servers.s3_stores import SCENARIOS, Store

_SERVE = Path(__file__).parents[1] / "swift/serve.py"
_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
log_name = {kind}
"""
_STORAGE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """
[pipeline:main]
pipeline = catch_errors s3api tempauth copy bulk slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
auth_pipeline_check = false
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:copy]
use = egg:swift#copy
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


@contextmanager
def swift(place: Place) -> Iterator[Store]:
    """Run the four servers, with one user and one bucket."""
    kinds = ("account", "container", "object", "proxy")
    ports = dict(zip(kinds, free_ports(4), strict=True))
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    (place.folder / "devices/d1").mkdir(parents=True)
    place.write(
        "swift.conf", "[swift-hash]\nswift_hash_path_suffix = real\n[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    for kind, port in ports.items():
        text = _COMMON.format(port=port, user=user, folder=place.folder, kind=kind)
        place.write(f"{kind}.conf", text + (_PROXY if kind == "proxy" else _STORAGE.format(kind=kind)))
    builder = place.made.program("bin/swift-ring-builder")
    for kind in kinds[:3]:
        ring = str(place.folder / f"{kind}.builder")
        add = ["add", f"r1z1-127.0.0.1:{ports[kind]}/d1", "1"]
        for arguments in (["create", "4", "1", "0"], add, ["rebalance"]):
            subprocess.run([builder, ring, *arguments], check=True, capture_output=True)
    with ExitStack() as running:
        for kind, port in ports.items():
            command = [place.made.program("bin/python"), str(_SERVE), str(place.folder), kind]
            process = running.enter_context(started(command, place.folder / f"{kind}.log", port))
        url = f"http://127.0.0.1:{ports['proxy']}"
        store = Store(url, "test:tester", "testing", process, lambda: process)
        store.wait()
        yield store


SERVERS = (
    Server(
        "OpenStack Swift",
        "2.38.3",
        lambda version: from_pypi("swift", version),
        {
            **SCENARIOS,
            "encryption AES256, which it does not know": lambda store: store.ships(
                good_events(20), prefix="sse", sse="AES256", ends="'sse'", takes=0
            ),
        },
        swift,
    ),
)
