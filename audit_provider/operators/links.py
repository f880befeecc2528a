"""The buttons below a task that lead to its events: at the vendor, or at the destination.

A task keeps the address as an XCom when it ends; it holds nothing secret. Where none is known, there is no button.
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
"""Key of the XCom that holds the address."""


def keep_link(context: Context, url: str) -> None:
    """Keep the address that a task's button leads to. :param url: "" for none."""
    # An empty one as well: Airflow's API server logs an error for each button whose XCom it does not find.
    ti = context.get("ti")
    if ti is not None:
        ti.xcom_push(key=LINK_KEY, value=url)


class _KeptLink(BaseOperatorLink):
    """A button that leads to the address kept by :func:`keep_link`."""

    name: ClassVar[str] = ""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, "" where none was kept."""
        url = XCom.get_value(key=LINK_KEY, ti_key=ti_key)
        return url if isinstance(url, str) else ""


class AuditLogLink(_KeptLink):
    """The vendor's own page of the audit log."""

    name = "Vendor's audit log"


def link_of(spec: DestinationSpec) -> type[BaseOperatorLink]:
    """Return the button that leads to the events at a destination.

    Airflow finds its class by the dotted path, so it is also a name of this module.
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
