"""Every server, in the order in which they are tried; and those that no package of this machine's registries holds."""

from __future__ import annotations

from tests.real.servers import (
    collector,
    opensearch,
    openssh,
    s3_stores,
    swift,
    syslog_receivers,
    victorialogs,
    web_proxies,
)

SERVERS = (
    *syslog_receivers.SERVERS,
    *openssh.SERVERS,
    *web_proxies.SERVERS,
    *s3_stores.SERVERS,
    *swift.SERVERS,
    *victorialogs.SERVERS,
    *collector.SERVERS,
    *opensearch.SERVERS,
)

UNOBTAINABLE = {
    "Splunk": "no package registry has it",
    "splunk_hec receiver of OpenTelemetry": "the Go module proxy does not serve its module",
}
"""By name, why not."""
