"""Sends findings through Airflow's own notifiers: Slack, SMTP, webhooks and every class derived from BaseNotifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseNotifier

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.monitoring.html import findings_table
from audit_provider.core.monitoring.markdown import findings_markdown, gravest_first
from audit_provider.core.monitoring.settings import at_least
from audit_provider.core.runs.own_streams import FINDINGS_TELLER

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from audit_provider.core.monitoring.memory import Memory
    from audit_provider.core.monitoring.settings import Notification
    from audit_provider.core.monitoring.summary import Finding
    from audit_provider.core.records.derived_names import Role, Treatment


def tellers(notifications: Sequence[Notification], *, ship_findings: bool) -> list[str]:
    """Return the names under which a memory records who sends findings: the notifiers, and the stream of findings."""
    names = [_name(place, notification) for place, notification in enumerate(notifications)]
    return [*names, *([FINDINGS_TELLER] if ship_findings else [])]


def tell(
    pipeline: str,
    notifications: Sequence[Notification],
    memory: Memory,
    context: Context,
    now: datetime,
    hidden: Mapping[Role, Treatment],
) -> tuple[bool, list[str]]:
    """Run each notifier with the findings that it has not sent yet, all in one message.

    :param memory: records which notifier has sent what; save it afterwards. :param hidden: names that must not be sent.
    :return: whether anything was sent, and one sentence for each notifier that failed.
    """
    sent, failed = False, []
    for place, notification in enumerate(notifications):
        name = _name(place, notification)
        due = [each for each in memory.untold(name, now) if at_least(each.finding.severity, notification.severity)]
        if not due:
            continue
        findings = gravest_first(each.finding.shown(hidden) for each in due)
        try:
            notifier = _notifier(notification, pipeline)
            notifier({**context, **_words(pipeline, findings)})
        except ConfigurationError as error:
            failed.append(str(error))
            continue
        except Exception as error:  # noqa: BLE001
            # The error's text may contain an address with a secret in it.
            failed.append(
                f"{notification.notifier} could not send {len(due)} findings of {pipeline} ({type(error).__name__}): "
                "check its arguments and connection; the next report tries again."
            )
            continue
        sent = True
        for each in due:
            each.told.append(name)
    return sent, failed


def _words(pipeline: str, findings: Sequence[Finding]) -> Mapping[str, Any]:
    """Return the names that templates of a notifier's arguments can use besides Airflow's context."""
    return {
        "audit_pipeline": pipeline,
        "audit_findings": findings,
        "audit_text": findings_markdown(findings),
        "audit_html": findings_table(findings),
        "audit_severity": findings[0].severity,
    }


def notifier_class(notification: Notification, pipeline: str) -> type[BaseNotifier]:
    """Return the class that a notification names.

    :param pipeline: its name, for the message.
    :raises ConfigurationError: there is no such class, or it is not a notifier.
    """
    module, _, name = notification.notifier.rpartition(".")
    where = _where(notification, pipeline)
    try:
        kind = getattr(import_module(module), name)
    except Exception as error:  # noqa: BLE001 - a module may raise anything while it is imported
        said = error if isinstance(error, ImportError | AttributeError) else type(error).__name__
        raise ConfigurationError(f"{where} cannot be imported ({said}): install its provider.") from None
    if not (isinstance(kind, type) and issubclass(kind, BaseNotifier)):
        raise ConfigurationError(f"{where} is not a notifier: name a class derived from BaseNotifier.")
    return kind


def _notifier(notification: Notification, pipeline: str) -> BaseNotifier:
    try:
        return notifier_class(notification, pipeline)(**notification.arguments)
    except TypeError as error:
        where = _where(notification, pipeline)
        raise ConfigurationError(f"{where} cannot be created ({error}): correct its arguments.") from None


def _name(place: int, notification: Notification) -> str:
    # The same class may be listed twice, for two channels.
    return f"{place} {notification.notifier}"


def _where(notification: Notification, pipeline: str) -> str:
    return f"{pipeline}.monitoring.notify: {notification.notifier}"
