"""What a run is started with, beside the form: a key that the form has not is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.validation import near

if TYPE_CHECKING:
    from airflow.sdk import Context


def refuse_unknown_keys(context: Context) -> None:
    """Fail before the first task of a run begins, where the run was given a key that the DAG's form has not.

    Airflow itself takes any key: with a mistyped ``destinations``, a replay would go to all of them.

    :raises AirflowFailException: there is such a key.
    """
    form = context["dag"].params
    for key in context["dag_run"].conf or {}:
        if key not in form:
            guess = near(key, form) if form else "; there are none"
            raise AirflowFailException(
                f"the run was given {key!r}, which is no field of this DAG's form{guess}: start it again without."
            )
