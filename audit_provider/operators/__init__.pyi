# Written by make docs.
from collections.abc import Mapping, Sequence
from typing import Any

from audit_provider.operators.pull import PullAuditLogsOperator as PullAuditLogsOperator
from audit_provider.operators.reconcile import ReconcileAuditLogsOperator as ReconcileAuditLogsOperator
from audit_provider.operators.report import ReportAuditLogsOperator as ReportAuditLogsOperator
from audit_provider.operators.ship import ShipAuditLogsOperator as ShipAuditLogsOperator
from audit_provider.operators.verify import VerifyAuditLogsOperator as VerifyAuditLogsOperator

SHIP_OPERATORS: Mapping[str, type[ShipAuditLogsOperator]]

class AuditLogsToDatadogOperator(ShipAuditLogsOperator):
    def __init__(self, *, service: str | None = None, tags: Sequence[str] | None = None, **kwargs: Any) -> None: ...

class AuditLogsToElasticsearchOperator(ShipAuditLogsOperator):
    def __init__(self, *, target: str | None = None, namespace: str | None = None, **kwargs: Any) -> None: ...

class AuditLogsToHttpOperator(ShipAuditLogsOperator):
    def __init__(self, *, preset: str | None = None, shape: str | None = None, **kwargs: Any) -> None: ...

class AuditLogsToS3Operator(ShipAuditLogsOperator):
    def __init__(self, *, bucket: str, prefix: str | None = None, **kwargs: Any) -> None: ...

class AuditLogsToSentinelOperator(ShipAuditLogsOperator):
    def __init__(self, *, rule_id: str, stream: str, **kwargs: Any) -> None: ...

class AuditLogsToSftpOperator(ShipAuditLogsOperator):
    def __init__(self, *, folder: str | None = None, **kwargs: Any) -> None: ...

class AuditLogsToSplunkHecOperator(ShipAuditLogsOperator):
    def __init__(self, *, index: str | None = None, sourcetype: str | None = None, **kwargs: Any) -> None: ...

class AuditLogsToSyslogOperator(ShipAuditLogsOperator): ...
