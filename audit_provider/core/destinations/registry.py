"""Every destination type."""

from typing import Any

from audit_provider.core.destinations.datadog import DatadogOptions
from audit_provider.core.destinations.elasticsearch import ElasticsearchOptions
from audit_provider.core.destinations.http import HttpOptions
from audit_provider.core.destinations.s3 import S3Options
from audit_provider.core.destinations.sentinel import SentinelOptions
from audit_provider.core.destinations.sftp import SftpOptions
from audit_provider.core.destinations.splunk_hec import SplunkHecOptions
from audit_provider.core.destinations.syslog import SyslogOptions

REGISTRY: dict[str, type[Any]] = {
    "s3": S3Options,
    "splunk_hec": SplunkHecOptions,
    "http": HttpOptions,
    "datadog": DatadogOptions,
    "elasticsearch": ElasticsearchOptions,
    "sentinel": SentinelOptions,
    "syslog": SyslogOptions,
    "sftp": SftpOptions,
}
"""The options of every destination type, by the name used in the pipelines file."""
