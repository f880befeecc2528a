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
    "Datadog, Sentinel": "services alone: nobody publishes their servers",
    "Elasticsearch 8 and 9, with its failure store": "under the AGPL, SSPL or Elastic's own licence; OpenSearch has "
    "no failure store",
    "OpenTelemetry's splunk_hec and datadog receivers": "the Go module proxy does not serve their modules",
    "Grafana Loki, MinIO": "under the AGPL",
}
"""By name, why not."""
