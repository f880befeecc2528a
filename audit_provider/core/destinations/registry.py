"""Every destination type."""

from __future__ import annotations

from typing import Any

from audit_provider.core.late_imports import LateMapping

REGISTRY: LateMapping[type[Any]] = LateMapping(
    {
        "s3": ("audit_provider.core.destinations.s3", "S3Options"),
        "splunk_hec": ("audit_provider.core.destinations.splunk_hec", "SplunkHecOptions"),
        "http": ("audit_provider.core.destinations.http", "HttpOptions"),
        "datadog": ("audit_provider.core.destinations.datadog", "DatadogOptions"),
        "elasticsearch": ("audit_provider.core.destinations.elasticsearch", "ElasticsearchOptions"),
        "sentinel": ("audit_provider.core.destinations.sentinel", "SentinelOptions"),
        "syslog": ("audit_provider.core.destinations.syslog", "SyslogOptions"),
        "sftp": ("audit_provider.core.destinations.sftp", "SftpOptions"),
    }
)
"""The options of every destination type, by the name used in the pipelines file; imported when they are used."""
