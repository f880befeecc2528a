"""Shipping to Elasticsearch or OpenSearch."""

from __future__ import annotations

from typing import Any

from audit_provider.hooks.elasticsearch_logs import ElasticsearchLogsHook
from audit_provider.operators.links import DiscoverLink
from audit_provider.operators.ship import ShipAuditLogsOperator


class AuditLogsToElasticsearchOperator(ShipAuditLogsOperator):
    """Ship events to Elasticsearch or OpenSearch, into a data stream or an index.

    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and those below. Example::

        AuditLogsToElasticsearchOperator(
            task_id="ship_search", pipeline="pylon", conn_id="elasticsearch_logs_default", namespace="prod"
        )

    :param target: Data stream or index. Default: ``logs-saas_audit.<source>-<namespace>``.
    :param namespace: Last part of the default target. Default: ``default``.
    """

    destination_type = "elasticsearch"
    hook = ElasticsearchLogsHook
    option_names = ("target", "namespace")
    template_fields = (*ShipAuditLogsOperator.template_fields, *option_names)
    operator_extra_links = (DiscoverLink(),)

    def __init__(self, *, target: str | None = None, namespace: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.namespace = namespace
