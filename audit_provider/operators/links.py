"""The buttons of a task that open its events: at the vendor, or at the destination.

A task stores the address as an XCom when it ends; it contains no secret. If no address is known, there is no button.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from audit_provider.core.destinations.registry import DESTINATIONS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import BaseOperator, Context

    from audit_provider.core.destinations.spec import DestinationSpec

LINK_KEY = "audit_logs_page"
"""Key of the XCom with the address."""


def keep_link(context: Context, url: str) -> None:
    """Store the address that a task's button opens. :param url: "" for none."""
    # Also stored if it is empty: Airflow's API server logs an error for each button whose XCom it does not find.
    ti = context.get("ti")
    if ti is not None:
        ti.xcom_push(key=LINK_KEY, value=url)


class _KeptLink(BaseOperatorLink):
    """A button that opens the address stored by :func:`keep_link`."""

    name: ClassVar[str] = ""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, "" if none was stored."""
        url = XCom.get_value(key=LINK_KEY, ti_key=ti_key)
        return url if isinstance(url, str) else ""


class AuditLogLink(_KeptLink):
    """The vendor's own page of the audit log."""

    name = "Vendor's audit log"


def link_of(spec: DestinationSpec) -> type[BaseOperatorLink]:
    """Return the class of the button that opens the events at a destination.

    Airflow finds the class by its dotted path, so it is also a name in this module.
    """
    made: type[BaseOperatorLink] = globals().get(spec.link_name) or type(
        spec.link_name,
        (_KeptLink,),
        {"name": spec.link_label, "__module__": __name__, "__doc__": f"The events at {spec.about.title}."},
    )
    globals()[spec.link_name] = made
    return made


def __getattr__(name: str) -> Any:
    if name.endswith("Link"):
        for spec in DESTINATIONS.values():
            if spec.link_name == name:
                return link_of(spec)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
