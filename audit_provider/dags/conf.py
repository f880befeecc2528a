"""What a run is started with: a key that the DAG's form has not is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.validation import near

if TYPE_CHECKING:
    from airflow.sdk import Context


AIRFLOWS_OWN = frozenset({"openlineage"})
"""Keys that Airflow adds where one DAG starts another."""


def refuse_unknown_keys(context: Context) -> None:
    """Fail before a task begins, where its run was given a key that the DAG's form has not.

    Airflow itself takes any key, and hands it to every task: with a mistyped ``destinations``, a replay would go to all
    of them.

    :raises AirflowFailException: there is such a key.
    """
    form = context["dag"].params
    for key in context["dag_run"].conf or {}:
        if key not in form and key not in AIRFLOWS_OWN:
            guess = near(key, form) if form else "; the form has no fields"
            raise AirflowFailException(
                f"the run was started with {key!r}, which is not a field of this DAG's form{guess}: start it again "
                "without it."
            )
